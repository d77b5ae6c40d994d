"""How what enrichment found in a book is shown: a few lines, all of it, or as JSON."""

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from librarian_cli.cli import render

if TYPE_CHECKING:
    from librarian_cli.insights import Insights, Quotation
    from librarian_cli.text.enriching.findings import Keyphrase

_WIDTH = 100
_FEW_PHRASES, _FEW_NAMES = 10, 12
_KINDS = {"PERSON": "persons", "PLACE": "places", "ORG": "bodies", "WORK": "works", "UNKNOWN": "other names"}
_SHOWN_RELATIONS = 20


def print_short(found: "Insights") -> None:
    """What a book is about, in a few lines."""
    _print_fact("length", f"{found.words:,} words, {_reading_time(found.reading_minutes)}")
    _print_fact("about", _phrases(found.keyphrases[:_FEW_PHRASES]))
    _print_fact("distinctive", _phrases(found.terms))
    for kind in ("PERSON", "PLACE", "ORG"):
        _print_fact(_KINDS[kind], _names(found, kind, _FEW_NAMES))
    _print_quotations("summary", found.summary)


def print_full(found: "Insights") -> None:
    """All of it but where each name is mentioned, of which only JSON tells."""
    _print_fact("length", f"{found.words:,} words, {_reading_time(found.reading_minutes)}")
    _print_fact("about", _phrases(found.keyphrases))
    _print_fact("distinctive", _phrases(found.terms))
    longest = (
        f"{number} {chapter.title} ({chapter.end_char - chapter.start_char:,})" for number, chapter in found.longest
    )
    _print_fact("longest", "; ".join(longest))
    for kind, name in _KINDS.items():
        _print_fact(name, _names(found, kind, len(found.entities)))
    related = (
        f"{found.entities[item.first].name} – {found.entities[item.second].name} ({item.together})"
        for item in found.relations[:_SHOWN_RELATIONS]
    )
    _print_fact("together", "; ".join(related))
    _print_quotations("summary", found.summary)
    _print_quotations("passages", found.passages)
    for chapter in found.chapters:
        render.echo(f"\n{chapter.number:>4}  {click.style(render.escape(chapter.title), bold=True)}")
        _print_wrapped(_phrases(chapter.keyphrases), "      ")
        for item in chapter.summary:
            _print_wrapped(item.text, "      ")


def as_json(found: "Insights | None") -> dict[str, Any] | None:
    """All of it."""
    from librarian_cli.text.enriching import spans

    if found is None:
        return None
    names = [item.name for item in found.entities]
    return {
        **{name: getattr(found, name) for name in ("words", "reading_minutes")},
        **{name: _dicts(getattr(found, name)) for name in ("summary", "keyphrases", "terms", "passages")},
        "longest_chapters": [
            {"number": number, "title": chapter.title, "chars": chapter.end_char - chapter.start_char}
            for number, chapter in found.longest
        ],
        "entities": [
            {"name": item.name, "type": item.type, "count": item.count, "mentions": spans.unpack(item.mentions)}
            for item in found.entities
        ],
        "relations": [
            {
                "names": [names[item.first], names[item.second]],
                "together": item.together,
                "weight": item.weight,
                "passages": spans.unpack(item.passages),
            }
            for item in found.relations
        ],
        "chapters": _dicts(found.chapters),
    }


def _dicts(items: Iterable[Any]) -> list[dict[str, Any]]:
    return [asdict(item) for item in items]


def _reading_time(minutes: int) -> str:
    hours, left = divmod(minutes, 60)
    return f"{hours} h {left:02} min to read" if hours else f"{minutes} min to read"


def _phrases(phrases: "Sequence[Keyphrase]") -> str:
    return ", ".join(item.text for item in phrases)


def _names(found: "Insights", kind: str, most: int) -> str:
    of_kind = [item for item in found.entities if item.type == kind]
    return ", ".join(f"{item.name} ({item.count})" for item in of_kind[:most])


def _print_fact(name: str, value: str) -> None:
    if value:
        first, *rest = textwrap.wrap(render.escape(value), _WIDTH - 14, break_long_words=False, break_on_hyphens=False)
        render.echo(f"  {name:<11} {first}")
        for line in rest:
            render.echo(f"  {'':<11} {line}")


def _print_quotations(name: str, quotations: "Sequence[Quotation]") -> None:
    for place, item in enumerate(quotations):
        _print_fact("" if place else name, " ".join(item.text.split()))


def _print_wrapped(text: str, indent: str) -> None:
    for line in textwrap.wrap(render.escape(" ".join(text.split())), _WIDTH - len(indent)):
        render.echo(indent + line)
