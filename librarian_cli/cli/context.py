"""What every command gets from the options before it, and the kinds of options that several share."""

import logging
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from librarian_cli.app import Librarian
    from librarian_cli.events import Bus
    from librarian_cli.settings import Config


@dataclass(frozen=True, slots=True)
class Settings:
    """The options of `librarian` itself."""

    library: str | None
    quiet: bool
    verbose: int

    def open(self, flags: Mapping[str, Any] | None = None, *, bus: "Bus | None" = None) -> "Librarian":
        """Load the configuration with these flags on top, and open the library."""
        from librarian_cli.app import Librarian

        return Librarian(self.load(flags), bus=bus or _bus_of_notices())

    def load(self, flags: Mapping[str, Any] | None = None) -> "Config":
        """Load the configuration with these flags on top, and let the log go to standard error."""
        from librarian_cli import config

        level = logging.ERROR if self.quiet else (logging.WARNING, logging.INFO, logging.DEBUG)[min(self.verbose, 2)]
        handler = logging.StreamHandler()
        handler.setLevel(level)  # of its own, because a log file may want more
        logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s", handlers=[handler])
        return config.load({"library.path": self.library, **(flags or {})})


def accept_general_options(command: click.Command) -> None:
    """Let a command and those below it take the options of `librarian` too: people type them at the end."""
    for inner in command.commands.values() if isinstance(command, click.Group) else ():
        accept_general_options(inner)
    hidden = partial(click.Option, hidden=True, expose_value=False, callback=_override)
    command.params += [
        hidden(["--library"]),
        hidden(["-q", "--quiet"], is_flag=True),
        hidden(["-v", "--verbose"], count=True),
    ]


def _override(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    if not value or not param.name:
        return
    ctx.find_root().params[param.name] = value
    if settings := ctx.find_object(Settings):  # none while a shell asks for completions
        ctx.obj = replace(settings, **{param.name: value})


def _bus_of_notices() -> "Bus":
    """What commands without bars of their own listen to: a person hears of fallbacks and waits."""
    from librarian_cli.cli import render
    from librarian_cli.events import Bus, Notice

    bus = Bus()
    bus.subscribe(lambda event: render.notice(render.escape(event.text)) if isinstance(event, Notice) else None)
    return bus


pass_settings = click.make_pass_decorator(Settings)

ID_CHARS = 12
"""How much of a book's id is shown."""

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead.")


_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def _seconds(text: str) -> float | None:
    """Read a span of time, a number with its unit (90s, 10m, 2h, 1d); None for anything else."""
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([smhd])", text)
    return float(found[1]) * _SECONDS[found[2]] if found else None


class _Moment(click.ParamType[float]):
    """A time: so long ago (90s, 10m, 2h, 1d), or a local date and time in ISO 8601."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        if (ago := _seconds(value)) is not None:
            return time.time() - ago
        try:
            return datetime.fromisoformat(value).timestamp()
        except ValueError:
            self.fail(f"{value!r} is no time; write 10m, 2h, 1d or a date such as 2026-01-31 or 2026-01-31T18:30")


class _Duration(click.ParamType[float]):
    """A span of time above zero, in seconds: 90s, 10m, 2h, 1d."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        seconds = _seconds(value)
        if not seconds or seconds > threading.TIMEOUT_MAX:
            self.fail(f"{value!r} is no span of time; write 90s, 10m, 2h or 1d")
        return seconds


class _Tag(click.ParamType[str]):
    """A tag, in the form in which it is stored."""

    name = "tag"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from librarian_cli.store.tags import name_of

        return name_of(value)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> "list[CompletionItem]":
        from librarian_cli.cli import complete

        return complete.tags(ctx, param, incomplete)


MOMENT = _Moment()
DURATION = _Duration()
TAG = _Tag()
