"""`librarian check`."""

import sys

import click

from librarian_cli.cli.context import Settings, json_option, pass_settings


@click.command()
@click.option("--read-data", is_flag=True, help="Read every text back and compare its hash.")
@json_option
@pass_settings
def check(settings: Settings, *, read_data: bool, as_json: bool) -> None:
    """Verify that the library is whole. Exits with 4 when it is not."""
    from librarian_cli.cli import render

    with settings.open() as librarian:
        result = librarian.check(read_data=read_data)
    if as_json:
        render.document({"checked": list(result.checked), "problems": list(result.problems)})
    else:
        for problem in result.problems:
            render.echo(f"problem: {render.escape(problem)}", err=True)
        if not result.problems:
            render.echo(f"sound: {', '.join(result.checked)}")
    sys.exit(4 if result.problems else 0)
