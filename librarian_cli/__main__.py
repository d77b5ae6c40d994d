"""The `librarian` command. Worker processes import this module again, so it must stay tiny."""

import sys

sys.setswitchinterval(0.0005)


def main() -> None:
    """Run the command line."""
    from librarian_cli.cli import librarian

    librarian()


if __name__ == "__main__":
    main()
