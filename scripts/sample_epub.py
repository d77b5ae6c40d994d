"""Sample books as EPUB 2 (NCX) and EPUB 3 (navigation document with a page list), templates and zip by hand.

Entries are stored uncompressed with one fixed time, so that no zlib shows in the bytes.
"""

import html
import io
import uuid
import zipfile
from collections.abc import Iterable, Mapping

from sample_book import DATE, Book, html_block

WORDS_PER_PRINTED_PAGE = 220
ZIP_TIME = (2024, 1, 1, 0, 0, 0)


def build_epub2(book: Book) -> bytes:
    item = '<item id="contents" href="toc.ncx" media-type="application/x-dtbncx+xml"/>'
    texts = spine_texts(book, {})
    package = opf(book, "2.0", contents_item=item, spine=texts)
    return pack({"book.opf": package, "toc.ncx": ncx(book), **texts})


def build_epub3(book: Book) -> bytes:
    item = '<item id="contents" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>'
    pages = printed_pages(book)
    texts = spine_texts(book, pages)
    package = opf(book, "3.0", contents_item=item, spine=texts)
    return pack({"book.opf": package, "nav.xhtml": nav(book, pages), **texts})


def pack(files: Mapping[str, str]) -> bytes:
    """Zip the files under OEBPS/, after the mimetype (which must come first) and the container."""
    entries = {"mimetype": "application/epub+zip", "META-INF/container.xml": CONTAINER}
    entries |= {f"OEBPS/{name}": text for name, text in files.items()}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, text in entries.items():
            info = zipfile.ZipInfo(name, ZIP_TIME)
            info.create_system = 3  # else the bytes would tell on which system they were made
            archive.writestr(info, text)
    return buffer.getvalue()


def printed_pages(book: Book) -> dict[tuple[int, int], int]:
    """Say where a printed page begins: (chapter, block), the first from 1, the second from 0 -> page number."""
    pages: dict[tuple[int, int], int] = {}
    words = WORDS_PER_PRINTED_PAGE
    for n, chapter in enumerate(book.chapters, 1):
        for i, block in enumerate(chapter.blocks):
            if words >= WORDS_PER_PRINTED_PAGE:
                pages[n, i] = len(pages) + 1
                words = 0
            words += len(block.split())
    return pages


def spine_texts(book: Book, pages: Mapping[tuple[int, int], int]) -> dict[str, str]:
    """Return a title page and one file for each chapter, by file name, with marks where pages begin."""
    front = f"<h1>{html.escape(book.title)}</h1>\n<p>{html.escape(book.author)}</p>"
    texts = {"title.xhtml": xhtml(book, book.title, front)}
    for n, chapter in enumerate(book.chapters, 1):
        lines = [f"<h2>{html.escape(chapter.title)}</h2>"]
        for i, block in enumerate(chapter.blocks):
            if (n, i) in pages:
                lines.append(PAGE_BREAK.format(page=pages[n, i]))
            lines.append(html_block(block))
        texts[f"chapter{n}.xhtml"] = xhtml(book, chapter.title, "\n".join(lines))
    return texts


def nav(book: Book, pages: Mapping[tuple[int, int], int]) -> str:
    """Build the navigation document: contents and list of printed pages."""
    toc = (
        f'<li><a href="chapter{n}.xhtml">{html.escape(chapter.title)}</a></li>'
        for n, chapter in enumerate(book.chapters, 1)
    )
    page_list = (f'<li><a href="chapter{n}.xhtml#page{p}">{p}</a></li>' for (n, _), p in pages.items())
    return xhtml(book, "Contents", NAV.format(toc="\n".join(toc), pages="\n".join(page_list)))


def ncx(book: Book) -> str:
    """Build the table of contents of EPUB 2."""
    points = (
        f'<navPoint id="n{n}" playOrder="{n}"><navLabel><text>{html.escape(chapter.title)}</text></navLabel>'
        f'<content src="chapter{n}.xhtml"/></navPoint>'
        for n, chapter in enumerate(book.chapters, 1)
    )
    return NCX.format(identifier=identifier(book), title=html.escape(book.title), points="\n".join(points))


def opf(book: Book, version: str, *, contents_item: str, spine: Iterable[str]) -> str:
    """Build the package document of EPUB 2.0 or 3.0: metadata, manifest and spine."""
    names = list(spine)
    items = (f'<item id="t{n}" href="{name}" media-type="application/xhtml+xml"/>' for n, name in enumerate(names))
    references = (f'<itemref idref="t{n}"/>' for n in range(len(names)))
    is_third = version == "3.0"
    return OPF.format(
        version=version,
        identifier=identifier(book),
        title=html.escape(book.title),
        author=html.escape(book.author),
        language=book.language,
        date=DATE,
        modified=f'\n<meta property="dcterms:modified">{DATE}T00:00:00Z</meta>' if is_third else "",
        items="\n".join([contents_item, *items]),
        toc="" if is_third else ' toc="contents"',
        references="\n".join(references),
    )


def identifier(book: Book) -> str:
    return uuid.uuid5(uuid.NAMESPACE_URL, book.front["file"]).urn


def xhtml(book: Book, title: str, body: str) -> str:
    """Wrap a body; the epub prefix is declared only where it is used, since EPUB 2 does not know it."""
    prefix = ' xmlns:epub="http://www.idpf.org/2007/ops"' if "epub:" in body else ""
    return XHTML.format(prefix=prefix, language=book.language, title=html.escape(title), body=body)


CONTAINER = """<?xml version="1.0" encoding="UTF-8"?>
<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container">
<rootfiles><rootfile full-path="OEBPS/book.opf" media-type="application/oebps-package+xml"/></rootfiles>
</container>
"""

OPF = """<?xml version="1.0" encoding="UTF-8"?>
<package xmlns="http://www.idpf.org/2007/opf" version="{version}" unique-identifier="id">
<metadata xmlns:dc="http://purl.org/dc/elements/1.1/">
<dc:identifier id="id">{identifier}</dc:identifier>
<dc:title>{title}</dc:title>
<dc:creator>{author}</dc:creator>
<dc:language>{language}</dc:language>
<dc:date>{date}</dc:date>{modified}
</metadata>
<manifest>
{items}
</manifest>
<spine{toc}>
{references}
</spine>
</package>
"""

NCX = """<?xml version="1.0" encoding="UTF-8"?>
<ncx xmlns="http://www.daisy.org/z3986/2005/ncx/" version="2005-1">
<head><meta name="dtb:uid" content="{identifier}"/><meta name="dtb:depth" content="1"/></head>
<docTitle><text>{title}</text></docTitle>
<navMap>
{points}
</navMap>
</ncx>
"""

XHTML = """<?xml version="1.0" encoding="UTF-8"?>
<html xmlns="http://www.w3.org/1999/xhtml"{prefix} xml:lang="{language}">
<head><title>{title}</title></head>
<body>
{body}
</body>
</html>
"""

NAV = """<nav epub:type="toc"><h1>Contents</h1>
<ol>
{toc}
</ol></nav>
<nav epub:type="page-list" hidden="hidden"><h1>Pages</h1>
<ol>
{pages}
</ol></nav>"""

PAGE_BREAK = '<span epub:type="pagebreak" role="doc-pagebreak" id="page{page}" aria-label="{page}"></span>'
