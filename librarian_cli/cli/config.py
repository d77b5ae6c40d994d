"""`librarian config show`, `set` and `path`."""

from typing import Any

import click

from librarian_cli.cli import complete
from librarian_cli.cli.context import Settings, json_option, pass_settings


@click.group()
def config() -> None:
    """Show and change settings (config.toml, LIBRARIAN_* variables)."""


@config.command()
@click.option("--origin", is_flag=True, help="Say where each value comes from.")
@json_option
@pass_settings
def show(settings: Settings, *, origin: bool, as_json: bool) -> None:
    """Print every setting in effect."""
    from librarian_cli import config as configuration
    from librarian_cli.cli import render

    found = configuration.settings({"library.path": settings.library})
    secret = {item.key for item in found if item.key.startswith("passwords.")}
    shown = {item.key: "********" if item.key in secret else item.value for item in found}
    if as_json:
        render.document({"settings": {item.key: {"value": shown[item.key], "origin": item.origin} for item in found}})
        return
    for item in found:
        note = f"  # {item.origin}" if origin else ""
        render.echo(f"{item.key} = {render.escape(_toml(shown[item.key]))}{note}")


@config.command("set")
@click.argument("key", shell_complete=complete.settings)
@click.argument("value")
def set_(key: str, value: str) -> None:
    """Set KEY to VALUE in config.toml.

    Comments and order are kept where that can be done.
    """
    from librarian_cli import config as configuration
    from librarian_cli import config_edit
    from librarian_cli.cli import render

    path, kept = config_edit.set_value(key, configuration.check_value(key, value))
    if not kept:
        render.notice(f"{path}: comments and layout could not be kept")


@config.command()
@json_option
def path(*, as_json: bool) -> None:
    """Print where config.toml is read from."""
    from librarian_cli import config as configuration
    from librarian_cli.cli import render

    found = str(configuration.config_path())
    if as_json:
        render.document({"path": found})
    else:
        render.echo(render.escape(found))


def _toml(value: Any) -> str:
    import tomli_w

    if isinstance(value, tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return tomli_w.dumps({"v": value}).removeprefix("v = ").strip()
