"""The units of docs/systemd.md are sound, agree with the program, and their commands do what the page says."""

import configparser
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from librarian_cli.settings import Config
from tests.support.program import LIBRARIAN
from tests.support.running import Running, wait_until
from tests.support.trees import write_text

PAGE = (Path(__file__).parents[2] / "docs/systemd.md").read_text(encoding="utf-8")
UNITS = dict(re.findall(r"^`~/\.config/systemd/user/(\S+)`:\n\n```ini\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
SERVICES = [name for name in UNITS if name.endswith(".service")]
SECONDS = {"": 1, "s": 1, "min": 60, "h": 3600}


def unit(name: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, delimiters="=", strict=True)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # names keep their case, as configparser documents it
    parser.read_string(UNITS[name])
    return parser


def command(name: str, home: Path) -> tuple[str, ...]:
    """The ExecStart of a unit, as systemd would run it for a user with this home."""
    return tuple(word.replace("%h", str(home)) for word in unit(name)["Service"]["ExecStart"].split())


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The home of somebody who installed the program and has a book."""
    place = tmp_path / "home"
    (place / ".local/bin").mkdir(parents=True)
    (place / ".local/bin/librarian").symlink_to(LIBRARIAN)
    write_text(place / "Books/tides.txt", 1)
    return place


@pytest.fixture
def run(tmp_path: Path, home: Path) -> Iterator[Callable[[str], Running]]:
    """Run the command of a unit as that person's service."""
    begun: list[Running] = []
    env = {"HOME": str(home), "XDG_DATA_HOME": "", "XDG_STATE_HOME": "", "LIBRARIAN_LOG_PATH": ""}
    env |= {"LIBRARIAN_WATCH_SETTLE_SECONDS": "0.2"}

    def run_unit(name: str) -> Running:
        begun.append(Running(tmp_path / f"run{len(begun)}", command(name, home), env))
        return begun[-1]

    yield run_unit
    for running in begun:
        running.end()


def test_the_page_has_the_units_that_its_units_name() -> None:
    assert set(UNITS) == {
        "librarian-watch.service",
        "librarian-ingest.service",
        "librarian-ingest.timer",
        "librarian-failed.service",
    }
    assert unit("librarian-ingest.service")["Unit"]["OnFailure"] in UNITS


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_finds_no_fault_in_the_units(tmp_path: Path, home: Path) -> None:
    for name, text in UNITS.items():
        (tmp_path / name).write_text(text.replace("%h", str(home)))
    words = ["systemd-analyze", "verify", "--user", "--man=no", *(tmp_path / name for name in UNITS)]
    env = os.environ | {"XDG_RUNTIME_DIR": str(tmp_path), "HOME": str(home)}
    ran = subprocess.run(words, capture_output=True, text=True, env=env, check=False)
    ours = [line for line in ran.stderr.splitlines() if "librarian" in line]
    assert ours == [], ran.stderr
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize("name", ["librarian-watch.service", "librarian-ingest.service"])
def test_a_stop_gives_more_time_than_the_program_takes(name: str) -> None:
    grace = Config().watch.grace_seconds if "watch" in name else Config().limits.grace_seconds
    service = unit(name)["Service"]
    assert float(service["TimeoutStopSec"]) > grace
    assert service["KillMode"] == "mixed"


def test_only_the_library_and_the_log_are_writable(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(home))
    for name in ("XDG_DATA_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    places = unit("librarian-watch.service")["Service"]["ReadWritePaths"].replace("%h", str(home)).split()
    chosen = Config()
    assert chosen.library_path == Path(places[0])
    assert chosen.log_path.is_relative_to(places[1])
    assert unit("librarian-ingest.service")["Service"]["ReadWritePaths"].replace("%h", str(home)).split() == places[:1]


def test_the_watch_starts_reloads_and_stops_as_its_unit_says(home: Path, run: Callable[[str], Running]) -> None:
    watch = run("librarian-watch.service")
    library = home / ".local/share/librarian"
    log = home / ".local/state/librarian/log/watch.log"

    def has(name: str) -> bool:
        assert watch.process.poll() is None, watch.err
        return log.exists() and name in log.read_text()

    wait_until(lambda: has("tides.txt"), 30.0, lambda: watch.err)
    reload = unit("librarian-watch.service")["Service"]["ExecReload"]
    subprocess.run(reload.replace("$MAINPID", str(watch.process.pid)).split(), check=True)
    write_text(home / "Books/later.txt", 2)
    wait_until(lambda: has("later.txt"), 30.0, lambda: watch.err)
    watch.signal(signal.SIGTERM)
    assert str(watch.wait().code) in unit("librarian-watch.service")["Service"]["SuccessExitStatus"].split()
    assert (library / "library.db").exists()
    assert {path.name for path in home.iterdir()} == {".local", "Books"}
    assert sorted(path.name for path in (home / ".local").iterdir()) == ["bin", "share", "state"]


def test_a_watch_of_a_folder_that_is_not_there_is_not_started_again_and_again(
    home: Path, run: Callable[[str], Running]
) -> None:
    shutil.rmtree(home / "Books")
    ended = run("librarian-watch.service").wait()
    assert str(ended.code) == unit("librarian-watch.service")["Service"]["RestartPreventExitStatus"]


def test_a_night_without_failures_is_silent_and_one_with_them_is_told_of(
    home: Path, run: Callable[[str], Running]
) -> None:
    ended = run("librarian-ingest.service").wait()
    assert (ended.code, ended.out, ended.err) == (0, "", "")
    (home / "Books/empty.txt").touch()
    assert run("librarian-ingest.service").wait().code == 3
    told = run("librarian-failed.service").wait()
    assert told.code == 0
    assert "empty.txt" in told.out
    assert run("librarian-ingest.service").wait().code == 0, "once for each"
