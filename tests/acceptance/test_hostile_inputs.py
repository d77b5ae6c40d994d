"""Files made or found to break readers: each ends as the test data says it may, and harms nothing else."""

from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.support import running, trees
from tests.support.program import Ran

LONG_SECONDS = 600.0
# Shorter than the defaults, so that hanging files cost less; healthy ones are far below.
LIMITS = {
    f"LIBRARIAN_STAGES_{stage}_{limit}": seconds
    for stage in ("SCHEMA", "EXTRACT")
    for limit, seconds in (("SILENCE_SECONDS", "5"), ("TOTAL_SECONDS", "15"), ("MAX_TOTAL_SECONDS", "20"))
}

DEVIATIONS = (
    ("gen/mock/*.mock", "ok", "directives to a mock parser, which we have not: plain text for us"),
    ("real/mock/tika/*.xml", "ok", "likewise"),
    ("gen/pdf/form_xobject_self.pdf", "failed:memory", "it fills the memory before its time is over"),
    ("gen/pdf/bitflip_1[24].pdf", "failed:no_text", "opens, but the flips have hit its page tree or content"),
    ("gen/pdf/high_bit_stripped.pdf", "failed:no_text", "opens, but its content streams are damaged"),
    ("gen/text/fts_syntax.txt", "waiting:approval", "hardly any words: not sure to be a book"),
    ("gen/html/font_table_quadratic.html", "failed:no_text", "tags without any text"),
    ("real/html/tika/1_testHTML_head.html", "failed:no_text", "a head without a body"),
    ("real/pdf/pypdf/git.pdf", "failed:no_text", "a drawing"),
    ("real/pdf/pypdf/imagemagick-images.pdf", "ok-with-warning:needs-ocr", "pages that are images"),
    ("real/pdf/pypdf/issue-301.pdf", "ok-with-warning:truncated", "its end is missing, as it says"),
    ("real/pdf/qpdf/*.fuzz", "ok*", "no PDF header, and mostly printable: plain text for us"),
    ("real/text/chardet/nobom-utf16le.txt", "waiting:approval", "a table of prices: not sure to be a book"),
)
"""(files, outcome, why it deviates from what the manifest expects)."""
MOST_FUZZ = 9

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def hostile() -> Path:
    """The hostile files."""
    return trees.data_folder("hostile", "dev")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the library and the output of commands go."""
    return tmp_path_factory.mktemp("hostile")


@pytest.fixture(scope="module")
def run(folder: Path, hostile: Path) -> Ran:
    """How their ingest ended."""
    library = folder / "library"
    return running.run(folder / "run", "ingest", hostile, "--json", library=library, env=LIMITS, seconds=LONG_SECONDS)


@pytest.fixture(scope="module")
def outcomes(run: Ran, hostile: Path) -> dict[str, str]:
    """The outcome of each file with its reason, by its path as the manifest has it."""
    found = run.document["files"]
    return {
        str(Path(item["path"]).relative_to(hostile)): f"{item['outcome']}:{item['reason']}".rstrip(":")
        for item in found
    }


def expected(hostile: Path) -> dict[str, tuple[str, ...]]:
    """Return the allowed outcomes of each file of the manifest."""
    lines = (hostile / "manifest.tsv").read_text(encoding="utf-8").splitlines()[1:]
    rows = (line.split("\t") for line in lines if line)
    return {row[0]: tuple(row[3].split("|")) for row in rows}


def is_allowed(outcome: str, allowed: tuple[str, ...]) -> bool:
    word = outcome.partition(":")[0]
    if word == "duplicate" or outcome == "skipped:unsupported":  # a copy; or a format that has no reader yet
        return True
    return outcome in allowed or word in allowed or (word == "ok" and "ok-with-warning" in allowed)


def test_every_file_has_an_outcome(outcomes: dict[str, str], hostile: Path) -> None:
    assert expected(hostile).keys() - outcomes.keys() == set()


def test_the_run_comes_to_its_end(run: Ran) -> None:
    assert run.code == 3
    assert "Traceback" not in run.err


def test_no_failure_is_a_fault_of_ours(outcomes: dict[str, str]) -> None:
    assert [path for path, outcome in outcomes.items() if outcome in ("failed:internal", "failed:audit")] == []


def test_every_outcome_is_one_that_is_expected(outcomes: dict[str, str], hostile: Path) -> None:
    unexpected = {
        path: (outcomes[path], allowed)
        for path, allowed in expected(hostile).items()
        if not is_allowed(outcomes[path], allowed) and not is_listed(path, outcomes[path])
    }
    assert unexpected == {}


def is_listed(path: str, outcome: str) -> bool:
    return any(fnmatch(path, files) and fnmatch(outcome, known) for files, known, _ in DEVIATIONS)


def test_the_list_of_deviations_has_nothing_that_does_not_deviate(outcomes: dict[str, str], hostile: Path) -> None:
    deviating = {
        path: outcomes[path] for path, allowed in expected(hostile).items() if not is_allowed(outcomes[path], allowed)
    }
    for files, known, _ in DEVIATIONS:
        assert any(fnmatch(path, files) and fnmatch(outcome, known) for path, outcome in deviating.items()), files
    assert sum(path.endswith(".fuzz") for path in deviating) <= MOST_FUZZ


def test_what_was_stored_is_sound(run: Ran, folder: Path) -> None:
    checked = running.run(folder / "check", "check", "--read-data", library=folder / "library")
    assert checked.code == 0, checked.err
