"""The `librarian` command. Worker processes import this module again, so it must stay tiny."""

import os
import sys

sys.setswitchinterval(0.0005)
# A search multiplies too little for BLAS threads to pay: they only spin. numpy, loaded later, reads this at import.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def main() -> None:
    """Run the command line."""
    from librarian_cli.cli import librarian

    librarian()


if __name__ == "__main__":
    main()
