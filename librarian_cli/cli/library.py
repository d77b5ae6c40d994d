"""`librarian status` and `librarian check`."""

import sys

import click

from librarian_cli.cli.context import Settings, json_option, pass_settings


@click.command()
@json_option
@pass_settings
def status(settings: Settings, *, as_json: bool) -> None:
    """Say what waits, what runs and what failed."""
    from librarian_cli.cli import render

    with settings.open() as librarian:
        now = librarian.status()
    capacity = {"total": f"{now.running}/{now.cap}", "available": max(0, now.cap - now.running)}
    if as_json:
        agents = dict(now.active_agents)
        body = {"status": now.status, "queues": dict(now.queues), "active_agents": agents, "capacity": capacity}
        render.document(body)
        return
    render.echo(f"{now.status}, {capacity['total']} books under way")
    rows = [
        (queue, str(waiting), str(active))
        for (queue, waiting), active in zip(now.queues.items(), now.active_agents.values(), strict=True)
    ]
    render.echo(render.table(rows, ("QUEUE", "WAITING", "RUNNING"), right=(1, 2)))
    ended = ", ".join(f"{count} {word}" for word, count in now.outcomes.items() if count)
    render.echo(f"files: {ended or 'none seen'}")
    render.echo(f"library: {now.books} books, {now.chunks:,} passages, {render.size(now.text_bytes)} of text")


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
