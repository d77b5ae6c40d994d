"""`librarian completion`."""

import click

_PROGRAM = "librarian"
_VARIABLE = "_LIBRARIAN_COMPLETE"


@click.command()
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
def completion(shell: str) -> None:
    """Print the script by which SHELL completes with Tab.

    It completes commands, options, books, tags, jobs and settings.

    \b
    To install it, once:
    bash  echo 'eval "$(librarian completion bash)"' >> ~/.bashrc
    zsh   echo 'eval "$(librarian completion zsh)"' >> ~/.zshrc
    fish  librarian completion fish > ~/.config/fish/completions/librarian.fish
    """
    from click.shell_completion import ShellComplete, get_completion_class

    from librarian_cli.cli import librarian

    found = get_completion_class(shell)
    assert found is not None
    # Not the class's own `source`: that of bash starts a bash to ask for its version.
    script = ShellComplete.source(found(librarian, {}, _PROGRAM, _VARIABLE))
    click.echo(script, nl=False)
