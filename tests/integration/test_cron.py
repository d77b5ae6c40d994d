"""What docs/cron.md says holds: its lines run as cron runs them, and a script can live by it."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.cli import TEXT, make
from tests.support.program import LIBRARIAN

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "cron.md").read_text(encoding="utf-8")
LINES = re.findall(r"^    (?:[\d*/,-]+ ){4}[\d*/,-]+ +(.+)$", PAGE, re.MULTILINE)
SCRIPT = ROOT / "tests" / "support" / "nightly.sh"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home folder as in the page, with a program and books in it."""
    (tmp_path / ".local" / "bin").mkdir(parents=True)
    (tmp_path / ".local" / "bin" / "librarian").symlink_to(LIBRARIAN)
    make(tmp_path / "Books", a_txt=TEXT)
    os.utime(make(tmp_path / "Inbox", b_txt=TEXT * 2) / "b.txt", (1e9, 1e9))
    return tmp_path


def as_cron(line: str, home: Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a line with the little that cron gives: no terminal, no locale, a short path."""
    env = {"HOME": str(home), "PATH": "/usr/bin:/bin", "SHELL": "/bin/sh", "LOGNAME": "me", "USER": "me"}
    command = line.replace("/home/me", str(home)).replace("\\%", "%")
    return subprocess.run(
        ["/bin/sh", "-c", command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=env,
        cwd=cwd,
        timeout=120,
        check=False,
    )


def test_the_lines_of_the_page_work_and_only_the_report_speaks(home: Path) -> None:
    assert len(LINES) == 4
    for line in LINES:
        ran = as_cron(line, home, home)
        assert (ran.returncode, ran.stderr) == (0, ""), line
        assert bool(ran.stdout) == (" runs " in line), line
    assert len(as_cron("/home/me/.local/bin/librarian files", home, home).stdout.splitlines()) == 2


def test_a_line_that_met_a_failure_says_one_line_and_ends_with_3(home: Path) -> None:
    make(home / "Books", broken_pdf="%PDF-1.4\nnothing more")
    ran = as_cron(LINES[0], home, home)
    assert (ran.returncode, ran.stdout) == (3, "")
    (said,) = ran.stderr.splitlines()
    assert said.startswith(f"failed  {home}/Books/broken.pdf: corrupt")


def test_a_name_that_no_locale_explains_is_taken_from_a_list_under_cron(home: Path) -> None:
    place = os.fsencode(home) + b"/Inbox/caf\xe9 \xe2\x80\xa6\n.txt"
    shutil.copy(home / "Books" / "a.txt", os.fsdecode(place))
    os.utime(place, (1e9, 1e9))
    ran = as_cron(LINES[1], home, home)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
    assert r"caf\xe9" in as_cron("/home/me/.local/bin/librarian files", home, home).stdout


def test_a_script_can_live_by_what_the_page_says(home: Path) -> None:
    assert SCRIPT.read_text().startswith("#!/bin/sh\n")
    ran = as_cron(f"/bin/sh '{SCRIPT}' /home/me/.local/bin/librarian /home/me/Books", home, home)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


@pytest.mark.parametrize("fault", ['echo hello; exec {program} "$@"', "exit 0", '{program} "$@"; exit 3'])
def test_the_script_notices_a_program_that_keeps_no_promise(home: Path, fault: str) -> None:
    broken = home / "broken"
    broken.write_text(f"#!/bin/sh\n{fault.format(program=LIBRARIAN)}\n")
    broken.chmod(0o755)
    ran = as_cron(f"/bin/sh '{SCRIPT}' /home/me/broken /home/me/Books", home, home)
    assert ran.returncode == 1
    assert "not as promised" in ran.stderr
