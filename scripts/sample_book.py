"""A sample book as its source gives it, and the formats that are plain text: Markdown, text and HTML.

Must not import Librarian: the samples test its readers from outside.
"""

import html
import re
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass

DATE = "2024-01-01"


@dataclass(frozen=True, slots=True)
class Chapter:
    """A heading and its blocks: paragraphs, or lists whose lines begin with "- "."""

    title: str
    blocks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Book:
    """One source: its front matter and body as written, and the body's chapters."""

    front: Mapping[str, str]
    body: str
    chapters: tuple[Chapter, ...]

    @property
    def title(self) -> str:
        return self.front["title"]

    @property
    def author(self) -> str:
        return self.front["author"]

    @property
    def language(self) -> str:
        return self.front["language"]


def parse(source: str) -> Book:
    """Read a source: front matter between --- lines, chapters under ##, blocks apart by blank lines."""
    _, head, body = source.split("---\n", 2)
    front = dict(line.split(": ", 1) for line in head.splitlines())
    sections = (section.strip().split("\n\n") for section in body.split("## ")[1:])
    chapters = tuple(Chapter(title, tuple(blocks)) for title, *blocks in sections)
    return Book(front, body.strip() + "\n", chapters)


def emphasise(text: str, tag: str) -> str:
    """Escape text for XML, with *stress* in the given tag."""
    return re.sub(r"\*(.+?)\*", rf"<{tag}>\1</{tag}>", html.escape(text, quote=False))


def list_items(block: str) -> list[str]:
    """Return the items of a list, and none for a paragraph."""
    return [line.removeprefix("- ") for line in block.splitlines()] if block.startswith("- ") else []


def build_markdown(book: Book) -> bytes:
    return f"# {book.title}\n\n*by {book.author}*\n\n{book.body}".encode()


def build_markdown_with_front_matter(book: Book) -> bytes:
    head = f'title: "{book.title}"\nauthor: {book.author}\nlang: {book.language}\ndate: {DATE}\n'
    return f"---\n{head}---\n\n{book.body}".encode()


def build_text(book: Book, *, encoding: str = "utf-8") -> bytes:
    """Set a book in lines of 72 characters with _stress_, as text files of the old school are."""
    by = {"de": "von"}.get(book.language, "by")
    parts = [f"{book.title}\n\n{by} {book.author}\n"]
    for chapter in book.chapters:
        parts.append(f"\n\n{chapter.title}\n")
        parts.extend(f"\n{textwrap.fill(block.replace('*', '_'), 72)}\n" for block in chapter.blocks)
    return "".join(parts).encode(encoding)


def html_block(block: str) -> str:
    """Turn a block into a <p> or <ul> element that is also XHTML."""
    items = "\n".join(f"<li>{emphasise(item, 'em')}</li>" for item in list_items(block))
    return f"<ul>\n{items}\n</ul>" if items else f"<p>{emphasise(block, 'em')}</p>"


def build_html(book: Book, *, encoding: str = "utf-8") -> bytes:
    """Build one page with a contents list; it declares its encoding."""
    contents, sections = [], []
    for n, chapter in enumerate(book.chapters, 1):
        heading = html.escape(chapter.title)
        contents.append(f'<li><a href="#c{n}">{heading}</a></li>')
        sections.append("\n".join([f'<h2 id="c{n}">{heading}</h2>', *map(html_block, chapter.blocks)]))
    page = HTML_PAGE.format(
        language=book.language,
        encoding=encoding,
        title=html.escape(book.title),
        author=html.escape(book.author),
        contents="\n".join(contents),
        sections="\n".join(sections),
    )
    return page.encode(encoding)


HTML_PAGE = """<!DOCTYPE html>
<html lang="{language}">
<head>
<meta charset="{encoding}">
<title>{title}</title>
<meta name="author" content="{author}">
<style>body {{ max-width: 38em; margin: auto; font-family: serif; line-height: 1.5 }}</style>
</head>
<body>
<header>
<h1>{title}</h1>
<p>by {author}</p>
</header>
<nav>
<ol>
{contents}
</ol>
</nav>
<main>
{sections}
</main>
</body>
</html>
"""
