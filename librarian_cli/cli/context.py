"""What every command gets from the options before it: where the library is, and how much to say."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from librarian_cli.app import Librarian
    from librarian_cli.events import Bus


@dataclass(frozen=True, slots=True)
class Settings:
    """The options of `librarian` itself."""

    library: str | None
    quiet: bool
    verbose: int

    def open(self, flags: Mapping[str, Any] | None = None, *, bus: "Bus | None" = None) -> "Librarian":
        """Load the configuration with these flags on top, and open the library."""
        from librarian_cli import config
        from librarian_cli.app import Librarian

        level = logging.ERROR if self.quiet else (logging.WARNING, logging.INFO, logging.DEBUG)[min(self.verbose, 2)]
        logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
        return Librarian(config.load({"library.path": self.library, **(flags or {})}), bus=bus)


pass_settings = click.make_pass_decorator(Settings)

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead.")
