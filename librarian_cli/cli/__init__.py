"""The command line: parses, calls one method of `app.Librarian`, renders. One file per group of commands.

Commands are imported when they are asked for, and their bodies import the rest, so that `--help` is quick.
"""

import importlib
import sys
from typing import Any

import click

from librarian_cli import __version__
from librarian_cli.cli import streams
from librarian_cli.cli.context import Settings, accept_general_options
from librarian_cli.errors import LibrarianError

COMMANDS = {
    "ingest": "ingest",
    "watch": "watch",
    "search": "search",
    "similar": "similar",
    "cite": "cite",
    "books": "books",
    "show": "books",
    "graph": "graph",
    "text": "books",
    "files": "books",
    "remove": "books",
    "tag": "tag",
    "status": "monitor",
    "jobs": "monitor",
    "runs": "runs",
    "agents": "monitor",
    "activity": "monitor",
    "pause": "control",
    "resume": "control",
    "cancel": "control",
    "retry": "control",
    "prioritise": "control",
    "maintain": "maintain",
    "check": "library",
    "config": "config",
    "completion": "completion",
}
"""Command -> module of this package that defines it, in the order in which help lists them."""

EPILOG = """\b
Exit codes: 0 all well; 1 a fault of Librarian's; 2 wrong usage; 3 some books
failed; 4 the machine or the library fails; 11 the library is locked; 130, 143
ended by Ctrl-C or SIGTERM.
"""


class _Group(click.Group):
    """Imports a command's module on demand, and turns our errors into messages and exit codes."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in COMMANDS and cmd_name not in self.commands:
            module = importlib.import_module(f"librarian_cli.cli.{COMMANDS[cmd_name]}")
            command: click.Command = getattr(module, cmd_name)
            accept_general_options(command)
            self.add_command(command)
        return super().get_command(ctx, cmd_name)

    def main(self, *args: Any, **kwargs: Any) -> Any:
        streams.require_open()
        try:
            return super().main(*args, **kwargs)
        except LibrarianError as exc:
            from librarian_cli.cli import render

            click.echo(f"librarian: {render.escape(str(exc))}", err=True)
            sys.exit(exc.exit_code)
        except Exception:  # noqa: BLE001  # whatever is left is a fault of ours, which a person can only report
            import traceback

            traceback.print_exc()
            click.echo("librarian: this is a fault of Librarian; please report it with the lines above", err=True)
            sys.exit(1)

    def invoke(self, ctx: click.Context) -> Any:
        with streams.guarded():
            return super().invoke(ctx)


@click.group(
    cls=_Group, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.option("--library", metavar="PATH", help="The library's folder. [env: LIBRARIAN_LIBRARY]")
@click.option("-q", "--quiet", is_flag=True, help="Print results, failures and errors only.")
@click.option("-v", "--verbose", count=True, help="Say more; twice for debugging.")
@click.version_option(__version__, "-V", "--version", prog_name="librarian")
@click.pass_context
def librarian(ctx: click.Context, library: str | None, quiet: bool, verbose: int) -> None:
    """Turn a folder of books into one searchable, verified library.

    \b
    librarian ingest ~/Books            take in what is new or changed
    librarian search "tidal forces"     the passages, with book, chapter and page
    librarian status                    what waits, what runs, what failed
    """
    ctx.obj = Settings(library=library, quiet=quiet, verbose=verbose)
