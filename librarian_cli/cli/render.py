"""How results look: tables for people, JSON documents for programs. Nothing here computes a result.

Names come from files that anyone may have made: control, escape and direction characters are shown, not obeyed.
"""

import json
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from librarian_cli.cli.context import ID_CHARS

if TYPE_CHECKING:
    from librarian_cli.models import Book

VERSION = 1
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def escape(text: str | bytes, *, lines: bool = False) -> str:
    """Make text safe to print; `lines` lets line ends pass."""
    decoded = os.fsdecode(text) if isinstance(text, bytes) else text
    safe = _UNSAFE.sub(_escaped, decoded)
    return safe if lines else safe.replace("\n", "\\n").replace("\t", " ")


def table(rows: Iterable[Sequence[str]], header: Sequence[str], *, right: Sequence[int] = ()) -> str:
    """Lay out rows in columns as wide as their widest cell; columns of `right` are aligned right."""
    cells = [header, *rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    lines = []
    for row in cells:
        line = [
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(line).rstrip())
    lines[0] = click.style(lines[0], bold=True)
    return "\n".join(lines)


def shorten(text: str, width: int) -> str:
    """Cut text to a width, with an ellipsis."""
    return text if len(text) <= width else text[: width - 1] + "…"


def size(count: float) -> str:
    """Bytes as people read them."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    raise AssertionError("unreachable")


def duration(seconds: float) -> str:
    """Seconds as people read them."""
    return f"{seconds:.1f} s" if seconds < 100 else str(timedelta(seconds=round(seconds)))


def local_time(moment: float) -> str:
    """A time as people read it, to the second, where they are."""
    return datetime.fromtimestamp(moment).strftime("%Y-%m-%d %H:%M:%S")


def iso_time(moment: float | None) -> str | None:
    """A time for JSON: ISO 8601, UTC, with Z."""
    if moment is None:
        return None
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def echo(text: str = "", *, err: bool = False) -> None:
    """Print a line of safe text; colours go where there is no terminal, or NO_COLOR is set."""
    colour = False if os.environ.get("NO_COLOR") else True if os.environ.get("FORCE_COLOR") else None
    click.echo(text, err=err, color=colour)


def notice(text: str) -> None:
    """Tell on standard error what is neither a result nor a failure; `-q` silences it."""
    context = click.get_current_context(silent=True)
    if not (context and context.find_root().params.get("quiet")):
        echo(text, err=True)


def document(values: Mapping[str, Any]) -> None:
    """Print one JSON document. An iterator among the values is written item by item, as an array."""
    out = sys.stdout
    out.write(f'{{"version": {VERSION}')
    for name, value in values.items():
        out.write(f", {json.dumps(name)}: ")
        if isinstance(value, Iterator):
            _write_array(value)
        else:
            out.write(json.dumps(value))
    out.write("}\n")


def changed_books(word: str, books: "Sequence[Book]", *, as_json: bool, nothing: str) -> None:
    """Tell what a command did to which books; `nothing` is the notice where it had nothing to do."""
    if as_json:
        document({word: [book.id for book in books]})
        return
    for book in books:
        echo(f"{word}  {book.id[:ID_CHARS]}  {escape(book.title)}")
    if not books:
        notice(nothing)


def line(values: Mapping[str, Any]) -> None:
    """Print one JSON object of a stream, on a line of its own."""
    sys.stdout.write(json.dumps({"version": VERSION, **values}) + "\n")


def _write_array(items: Iterator[Any]) -> None:
    separator = "["
    for item in items:
        sys.stdout.write(separator + json.dumps(item))
        separator = ", "
    sys.stdout.write("[]" if separator == "[" else "]")


def path_text(path: bytes) -> str:
    """A path for JSON: undecodable bytes become lone surrogates, which os.fsencode turns back."""
    return os.fsdecode(path)


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    if 0xDC80 <= code <= 0xDCFF:
        code -= 0xDC00  # a byte that is no UTF-8, as os.fsdecode keeps it
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
