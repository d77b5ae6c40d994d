"""The installed `librarian`, and Python beside it, run as people run them: as processes of their own."""

import ctypes
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LIBRARIAN = Path(sys.executable).with_name("librarian")
PATIENCE_SECONDS = 60.0
_PR_CAPBSET_DROP = 24
_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH = 1, 2


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """The JSON document on standard output."""
        found: dict[str, Any] = json.loads(self.out)
        return found


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment without the settings of whoever runs the tests."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("LIBRARIAN_")}
    ours.pop("FORCE_COLOR", None)
    return ours | {"LIBRARIAN_CONFIG": os.devnull, "LIBRARIAN_LOG_PATH": os.devnull} | dict(extra or {})


def librarian(
    *arguments: str | bytes | Path,
    library: Path | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: bytes = b"",
    privileged: bool = True,
) -> Ran:
    """Run a command to its end. Without privileges, file modes count even where root runs the tests."""
    before: tuple[str | bytes | Path, ...] = ("--library", library) if library else ()
    return _run((LIBRARIAN, *before, *arguments), env, cwd, stdin=stdin, privileged=privileged)


def python(source: str, *arguments: str | bytes | Path, privileged: bool = True) -> Ran:
    """Run a Python program to its end."""
    return _run((sys.executable, "-c", source, *arguments), None, None, privileged=privileged)


def _run(
    command: tuple[str | bytes | Path, ...],
    env: Mapping[str, str] | None,
    cwd: Path | None,
    *,
    stdin: bytes = b"",
    privileged: bool,
) -> Ran:
    done = subprocess.run(
        command,
        input=stdin,
        capture_output=True,
        env=clean_environment(env),
        cwd=cwd,
        timeout=PATIENCE_SECONDS,
        preexec_fn=None if privileged else _drop_privileges,
        check=False,
    )
    return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())


def _drop_privileges() -> None:
    """Take from root, at its next exec, the right to pass over file modes. Others have no such right."""
    if os.geteuid() == 0:
        libc = ctypes.CDLL(None)
        for capability in (_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH):
            libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
