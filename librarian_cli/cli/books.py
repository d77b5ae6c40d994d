"""`librarian books`, `show`, `text`, `files` and `remove`."""

from typing import TYPE_CHECKING, Any

import click

from librarian_cli.cli import complete
from librarian_cli.cli.context import ID_CHARS, TAG, Settings, json_option, pass_settings

if TYPE_CHECKING:
    from librarian_cli.details import BookDetails
    from librarian_cli.store.generated import Said

_OUTCOMES = ("ok", "ok-with-warning", "failed", "skipped", "duplicate", "unchanged", "waiting")
_SORTS = ("title", "author", "trust", "size", "added")
_STATUSES = ("ok", "ok-with-warning", "failed", "waiting", "pending")


@click.command()
@click.option(
    "--sort", type=click.Choice(["title", "author", "trust", "size", "added"]), default="title", show_default=True
)
@click.option(
    "--status", type=click.Choice(["ok", "ok-with-warning", "failed", "waiting", "pending"]), help="Only these."
)
@click.option("--tag", "tags", type=TAG, multiple=True, help="Only those with this tag, or with all that are given.")
@json_option
@pass_settings
def books(settings: Settings, *, sort: str, status: str | None, tags: tuple[str, ...], as_json: bool) -> None:
    """List the books of the library."""
    from librarian_cli.cli import render

    with settings.open() as librarian:
        chosen = (item for item in librarian.books(sort, tags) if status in (None, item.book.status))
        if as_json:
            render.document({"books": (_as_json(item) for item in chosen)})
            return
        rows = [_row(item) for item in chosen]
    header = ("BOOK", "TITLE", "AUTHOR", "LANG", "FORMAT", "PAGES", "CHAPTERS", "TRUST", "STATUS")
    if rows:
        render.echo(render.table(rows, header, right=(5, 6, 7)))
    elif tags:
        render.notice("No such books here. `librarian tag list` shows the tags that there are.")
    else:
        render.notice("No books here. `librarian ingest FOLDER` takes some in.")


@click.command()
@click.argument("book", shell_complete=complete.books)
@click.option("--full", is_flag=True, help="All names, key passages, and what each chapter says.")
@json_option
@pass_settings
def show(settings: Settings, *, book: str, full: bool, as_json: bool) -> None:
    """Show what is known of BOOK (its id, or the beginning of it)."""
    from librarian_cli.cli import insights, render

    with settings.open() as librarian:
        details, found = librarian.show(book), librarian.insights(book)
    if as_json:
        render.document({**_as_json(details), **_details_json(details), "insights": insights.as_json(found)})
        return
    _print_details(details)
    if found and full:
        insights.print_full(found)
    elif found:
        insights.print_short(found)
    if details.said:
        _print_said(details.said)
    _print_chapters(details)


@click.command()
@click.argument("book", shell_complete=complete.books)
@click.option("--chapter", type=click.IntRange(1), metavar="N", help="Only its chapter N, as `show` counts them.")
@click.option("--page", metavar="PAGE", help="Only this page (its label, or its number).")
@json_option
@pass_settings
def text(settings: Settings, *, book: str, chapter: int | None, page: str | None, as_json: bool) -> None:
    """Print the text of BOOK, or of a passage BOOK:start-end."""
    from librarian_cli.cli import render

    with settings.open() as librarian:
        found = librarian.text(book, chapter=chapter, page=page)
    if as_json:
        render.document({"text": found})
        return
    render.echo(render.escape(found, lines=True).rstrip("\n"))


@click.command()
@click.option("--outcome", type=click.Choice(_OUTCOMES), help="Only files that ended so.")
@click.option(
    "--job", type=click.IntRange(1), metavar="ID", shell_complete=complete.jobs, help="As it was in this job."
)
@json_option
@pass_settings
def files(settings: Settings, *, outcome: str | None, job: int | None, as_json: bool) -> None:
    """List every file seen, with what became of it and why."""
    from librarian_cli.cli import render

    with settings.open() as librarian:
        found = librarian.files(outcome=outcome, job=job)
        if as_json:
            shown = ({"path": render.path_text(f.path), "outcome": f.outcome, "reason": f.reason, "detail": f.detail,
                      "book": f.book} for f in found)  # fmt: skip
            render.document({"files": shown})
            return
        for item in found:
            detail = f"  ({item.detail})" if item.detail else ""
            render.echo(f"{item.text:<28}  {render.escape(item.path)}{render.escape(detail)}")


@click.command()
@click.argument("book", nargs=-1, required=True, shell_complete=complete.books)
@json_option
@pass_settings
def remove(settings: Settings, *, book: tuple[str, ...], as_json: bool) -> None:
    """Forget each BOOK. Its file stays, and is ignored until `ingest --force`."""
    from librarian_cli.cli import render

    with settings.open() as librarian:
        removed = librarian.remove(book)
    if as_json:
        render.document({"removed": [gone.id for gone in removed]})
        return
    for gone in removed:
        render.echo(f"removed {gone.id[:ID_CHARS]}  {render.escape(gone.title)}")


def _row(item: "BookDetails") -> tuple[str, ...]:
    from librarian_cli.cli import render

    book = item.book
    return (
        book.id[:ID_CHARS],
        render.shorten(render.escape(book.title), 44),
        render.shorten(render.escape(book.author), 24),
        book.language,
        book.format,
        str(book.page_count or ""),
        str(len(item.chapters) or ""),
        "" if book.trust_score is None else f"{book.trust_score:.2f}",
        render.shorten(f"{book.status}:{book.reason}" if book.reason else book.status, 32),
    )


def _as_json(item: "BookDetails") -> dict[str, Any]:
    from librarian_cli.cli import render

    book = item.book
    return {
        "id": book.id,
        "title": book.title,
        "author": book.author,
        "language": book.language,
        "format": book.format,
        "pages": book.page_count,
        "chapters": len(item.chapters),
        "chunks": book.chunks,
        "trust_score": book.trust_score,
        "status": f"{book.status}:{book.reason}" if book.reason else book.status,
        "paths": [render.path_text(path) for path in item.paths],
        "tags": list(item.tags),
    }


def _details_json(item: "BookDetails") -> dict[str, Any]:
    audit = item.audit
    return {
        "chapter_list": [
            {
                "title": chapter.title,
                "level": chapter.level,
                "kind": chapter.kind,
                "page": item.page_of(chapter.start_char),
                "start_char": chapter.start_char,
                "end_char": chapter.end_char,
            }
            for chapter in item.chapters
        ],
        "audit": audit
        and {"trust_score": audit.trust_score, "gates": dict(audit.gates), "reasons": list(audit.reasons)},
        "generated": item.said and _said_json(item.said),
    }


def _said_json(said: "Said") -> dict[str, object]:
    from librarian_cli.cli import render

    return {
        "model": said.model,
        "task": said.task,
        "created_at": render.iso_time(said.created_at),
        "summary": said.summary,
        "entities": [{"name": name, "type": kind} for name, kind in said.entities],
        "relations": [{"from": first, "relation": how, "to": second} for first, how, second in said.relations],
    }


def _print_details(item: "BookDetails") -> None:
    from librarian_cli.cli import render

    book = item.book
    render.echo(click.style(render.escape(book.title), bold=True))
    facts = {
        "author": book.author,
        "id": book.id,
        "status": f"{book.status}:{book.reason}" if book.reason else book.status,
        "detail": book.detail,
        "format": f"{book.format}, {render.size(book.size)}"
        + (f", {book.page_count} pages" if book.page_count else ""),
        "text": f"{book.chars:,} characters in {book.chunks} passages",
        "language": book.language,
        "kind": book.kind,
        "collection": book.collection,
        "tags": ", ".join(item.tags),
    }
    for name, value in facts.items():
        if value:
            render.echo(f"  {name:<11} {render.escape(value)}")
    for path in item.paths:
        render.echo(f"  {'path':<11} {render.escape(path)}")
    _print_evidence(item)


def _print_chapters(item: "BookDetails") -> None:
    from librarian_cli.cli import render

    for number, chapter in enumerate(item.chapters, 1):
        page = item.page_of(chapter.start_char)
        indent = "  " * chapter.level
        render.echo(f"{number:>4}{indent}{render.escape(chapter.title)}" + _chapter_note(chapter.kind, page))


def _print_said(said: "Said") -> None:
    """What a model said, marked as such: nothing here was found in the book by us."""
    import textwrap

    from librarian_cli.cli import render

    render.echo(f"  generated by {render.escape(said.model)} from excerpts; it may be wrong:")
    for line in textwrap.wrap(render.escape(said.summary), 100):
        render.echo(f"    {line}")
    if said.entities:
        render.echo("    " + render.escape(", ".join(f"{name} ({kind})" for name, kind in said.entities)))
    for first, how, second in said.relations:
        render.echo(f"    {render.escape(f'{first} {how} {second}')}")


def _chapter_note(kind: str, page: str | None) -> str:
    matter = "" if kind == "body" else f"  ({kind} matter)"
    return (f"  p. {page}" if page else "") + matter


def _print_evidence(item: "BookDetails") -> None:
    from librarian_cli.cli import render

    if item.proposal:
        for name, confidence in item.proposal[1].confidence.items():
            why = "; ".join(confidence.reasons)
            render.echo(f"  {'schema':<11} {name}: {confidence.value:.2f}, {render.escape(why)}")
    if item.audit:
        gates = ", ".join(f"{name} {'yes' if holds else 'NO'}" for name, holds in item.audit.gates.items())
        render.echo(f"  {'trust':<11} {item.audit.trust_score:.2f} ({gates})")
        for reason in item.audit.reasons:
            render.echo(f"  {'':<11} {render.escape(reason)}")
