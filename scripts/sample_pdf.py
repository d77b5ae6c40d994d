"""Sample books as PDF: with an outline and page labels, bare, in two columns, and damaged.

ReportLab's invariant mode fixes dates and ids; streams stay uncompressed, so that no zlib shows in the bytes.
"""

import io
import re

from reportlab.lib.enums import TA_CENTER, TA_JUSTIFY
from reportlab.lib.pagesizes import A5
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import BaseDocTemplate, Flowable, Frame, PageBreak, PageTemplate, Paragraph, Spacer
from sample_book import Book, emphasise, list_items

MARGIN = 16 * mm
GUTTER = 5 * mm
SOFT_HYPHEN = "\N{SOFT HYPHEN}"

TEXT = ParagraphStyle("text", fontName="Times-Roman", fontSize=11, leading=14.5, alignment=TA_JUSTIFY, spaceAfter=4)
ITEM = ParagraphStyle("item", parent=TEXT, leftIndent=12, bulletIndent=2)
SMALL = ParagraphStyle("small", parent=TEXT, fontSize=9, leading=11.5)
HEADING = ParagraphStyle(
    "heading", fontName="Times-Bold", fontSize=13, leading=16, spaceBefore=14, spaceAfter=6, keepWithNext=1
)
TITLE = ParagraphStyle("title", fontName="Times-Bold", fontSize=15, leading=19, spaceAfter=8, alignment=TA_CENTER)
AUTHOR = ParagraphStyle("author", parent=TITLE, fontName="Times-Italic", fontSize=11, leading=14, spaceAfter=20)
ENTRY = ParagraphStyle("entry", parent=TEXT, alignment=TA_CENTER)


def build_pdf(book: Book) -> bytes:
    """Build a PDF with metadata, an outline, a title page labelled i, and words divided at line ends."""
    contents = [Paragraph(emphasise(chapter.title, "i"), ENTRY) for chapter in book.chapters]
    story = [Spacer(0, 40 * mm), *title_block(book), *contents, PageBreak(), *chapters(book, TEXT)]
    return render(book, story, has_title_page=True)


def build_pdf_without_outline(book: Book) -> bytes:
    """Build a PDF whose title and chapters stand in its text only."""
    return render(book, [*title_block(book), *chapters(book, TEXT)], is_bare=True)


def build_pdf_with_columns(book: Book) -> bytes:
    """Build a PDF in two columns, with metadata and an outline."""
    return render(book, [*title_block(book), *chapters(book, SMALL)], columns=2)


def build_damaged_pdf(book: Book) -> bytes:
    """Build a PDF as a download leaves it that broke off: full size set aside, only the beginning written.

    Page tree, catalog, cross-reference table and trailer are zeros, so that nothing can be repaired.
    """
    whole = render(book, [*title_block(book), *chapters(book, TEXT)])
    arrived = whole.index(b"/Type /Page")
    return whole[:arrived].ljust(len(whole), b"\0")


def title_block(book: Book) -> list[Flowable]:
    return [Paragraph(emphasise(book.title, "i"), TITLE), Paragraph(emphasise(book.author, "i"), AUTHOR)]


def chapters(book: Book, style: ParagraphStyle) -> list[Flowable]:
    """Return the headings and paragraphs of a book, with the soft hyphens that its front matter asks for."""
    story: list[Flowable] = []
    for chapter in book.chapters:
        story.append(Paragraph(emphasise(chapter.title, "i"), HEADING))
        for block in chapter.blocks:
            items = list_items(block)
            story.extend(Paragraph(emphasise(item, "i"), ITEM, bulletText="\N{BULLET}") for item in items)
            if not items:
                story.append(Paragraph(hyphenate(emphasise(block, "i"), book), style))
    return story


def hyphenate(text: str, book: Book) -> str:
    """Mark where the words listed under `hyphenate:` (as pro-jec-tion) may be divided."""
    for word in book.front.get("hyphenate", "").split():
        text = re.sub(rf"\b{word.replace('-', '')}\b", word.replace("-", SOFT_HYPHEN), text)
    return text


def render(
    book: Book, story: list[Flowable], *, columns: int = 1, has_title_page: bool = False, is_bare: bool = False
) -> bytes:
    """Lay a story out on A5 pages with their numbers at the foot; a bare PDF has neither metadata nor outline."""
    buffer = io.BytesIO()
    front = {"title": book.title, "author": book.author, "lang": book.language, "subject": book.front["kind"]}
    metadata = {} if is_bare else front
    document = BaseDocTemplate(
        buffer, pagesize=A5, invariant=1, pageCompression=0, creator="make_sample_books", **metadata
    )

    def number_page(canvas: Canvas, template: BaseDocTemplate) -> None:
        if is_bare:
            canvas.setTitle("")
            canvas.setAuthor("")
        draw_page_number(canvas, template.page, has_title_page=has_title_page)

    def enter_heading(flowable: Flowable) -> None:
        if getattr(flowable, "style", None) is HEADING and not is_bare:
            add_outline_entry(document.canv, flowable.getPlainText(), document.seq.nextf("chapter"))

    document.afterFlowable = enter_heading
    document.addPageTemplates(PageTemplate(frames=frames(columns), onPageEnd=number_page))
    document.build(story)
    return buffer.getvalue()


def frames(columns: int) -> list[Frame]:
    """Divide an A5 page into columns of equal width."""
    width = (A5[0] - 2 * MARGIN - (columns - 1) * GUTTER) / columns
    height = A5[1] - 2 * MARGIN
    return [
        Frame(MARGIN + n * (width + GUTTER), MARGIN, width, height, 0, 0, 0, 0)  # no padding
        for n in range(columns)
    ]


def draw_page_number(canvas: Canvas, page: int, *, has_title_page: bool) -> None:
    """Print a page's number; after a title page i the numbers begin with 1, and page labels say so too."""
    label = str(page)
    if has_title_page:
        label = "i" if page == 1 else str(page - 1)
    if has_title_page and page <= 2:
        canvas.addPageLabel(page - 1, "ROMAN_LOWER" if page == 1 else "ARABIC", 1)
    canvas.setFont("Times-Roman", 8)
    canvas.drawCentredString(A5[0] / 2, 8 * mm, label)


def add_outline_entry(canvas: Canvas, title: str, key: str) -> None:
    canvas.bookmarkPage(key)
    canvas.addOutlineEntry(title, key, 0)
