"""`librarian cite`."""

import sys
from typing import TYPE_CHECKING

import click

from librarian_cli.cli import complete
from librarian_cli.cli.context import Settings, json_option, pass_settings

if TYPE_CHECKING:
    from librarian_cli.cite import Citation, Verification


@click.command()
@click.argument("chunk", shell_complete=complete.books)
@click.option("--format", "style", type=click.Choice(["plain", "bibtex"]), default="plain", show_default=True)
@click.option("--verify", is_flag=True, help="Read the source file again; exit with 3 unless the passage stands there.")
@json_option
@pass_settings
def cite(settings: Settings, *, chunk: str, style: str, verify: bool, as_json: bool) -> None:
    """Cite a passage BOOK:start-end, with all that proves it."""
    from librarian_cli import cite as citing
    from librarian_cli.cli import render

    with settings.open() as librarian:
        citation = librarian.cite(chunk)
        proof = librarian.verify(citation) if verify else None
    text = citing.bibtex(citation) if style == "bibtex" else citing.plain(citation)
    if as_json:
        _print_json(citation, text, proof)
    else:
        render.echo(render.escape(text, lines=True))
        _print_proof(proof)
    sys.exit(3 if proof and not proof.holds else 0)


def _print_json(citation: "Citation", text: str, proof: "Verification | None") -> None:
    from dataclasses import asdict

    from librarian_cli.cli import render

    verification = proof and {
        "holds": proof.holds,
        "path": render.path_text(proof.path),
        "differences": list(proof.differences),
    }
    paths = [render.path_text(path) for path in citation.paths]
    render.document({**asdict(citation), "paths": paths, "citation": text, "verification": verification})


def _print_proof(proof: "Verification | None") -> None:
    from librarian_cli.cli import render

    if proof is None:
        return
    if proof.holds:
        render.echo(f"verified {render.escape(proof.path)}")
    for difference in proof.differences:
        render.echo(f"not verified: {render.escape(proof.path)}: {render.escape(difference)}", err=True)
