"""A walk finds the files a person means, in a fixed order, and says what it could not list."""

import os
import socket
from pathlib import Path

import pytest

from librarian_cli import discover
from librarian_cli.discover import Listing, Selection
from librarian_cli.errors import UsageError
from tests.support import program

EVERYTHING = Selection()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "books"
    folder.mkdir()
    return folder


def make(tree: Path, *names: str, content: str = "text") -> None:
    for name in names:
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def walk(tree: Path, selection: Selection = EVERYTHING) -> list[str]:
    found = discover.walk(os.fsencode(tree), selection, Listing())
    return [os.fsdecode(candidate.path) for candidate in found]


def ignoring(tree: Path, *patterns: str, below: str = ".") -> None:
    make(tree, f"{below}/.librarianignore", content="\n".join(patterns))


def test_files_come_folder_by_folder_in_name_order(tree: Path) -> None:
    make(tree, "b.txt", "a/z.txt", "c/y.txt", "a/b/x.txt", "a.txt")
    assert walk(tree) == ["a.txt", "b.txt", "a/z.txt", "a/b/x.txt", "c/y.txt"]


def test_a_candidate_is_described_by_its_stat(tree: Path) -> None:
    make(tree, "a.txt", content="twelve bytes")
    (candidate,) = discover.walk(os.fsencode(tree), EVERYTHING, Listing())
    status = (tree / "a.txt").stat()
    assert (candidate.root, candidate.path, candidate.size) == (os.fsencode(tree), b"a.txt", 12)
    assert (candidate.mtime_ns, candidate.device, candidate.inode) == (
        status.st_mtime_ns,
        status.st_dev,
        status.st_ino,
    )


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (EVERYTHING, ["seen.txt"]),
        (Selection(hidden=True), [".hidden.txt", "seen.txt", ".folder/inside.txt"]),
    ],
)
def test_hidden_files_and_folders_are_taken_only_when_asked_for(
    tree: Path, selection: Selection, expected: list[str]
) -> None:
    make(tree, "seen.txt", ".hidden.txt", ".folder/inside.txt")
    assert walk(tree, selection) == expected


def test_a_hidden_root_is_walked_because_it_was_named(tree: Path) -> None:
    make(tree, ".books/a.txt")
    assert walk(tree / ".books") == ["a.txt"]


def test_links_and_loops_are_not_followed(tree: Path, tmp_path: Path) -> None:
    make(tree, "real.txt", "sub/inside.txt")
    make(tmp_path / "outside", "b.txt")
    (tree / "link.txt").symlink_to(tree / "real.txt")
    (tree / "broken").symlink_to(tree / "nowhere")
    (tree / "outside").symlink_to(tmp_path / "outside")
    (tree / "sub" / "loop").symlink_to(tree)
    assert walk(tree) == ["real.txt", "sub/inside.txt"]


def test_files_that_are_no_regular_ones_are_left_out(tree: Path) -> None:
    make(tree, "a.txt")
    os.mkfifo(tree / "pipe.txt")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(tree / "s"))
        assert walk(tree) == ["a.txt"]


@pytest.mark.parametrize("name", [b"two\nlines.txt", b"caf\xe9.txt", b"\xff\xfe.txt", "smörgås 🌊.txt".encode()])
def test_any_name_is_kept_byte_for_byte(tree: Path, name: bytes) -> None:
    Path(os.fsdecode(os.fsencode(tree) + b"/" + name)).write_text("text")
    (candidate,) = discover.walk(os.fsencode(tree), Selection(include=("*.txt",)), Listing())
    assert candidate.path == name
    assert os.path.lexists(candidate.absolute)


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (["*.tmp", "drafts/"], ["a.txt", "deep/c.txt", "deep/drafts.txt"]),  # anywhere; a slash means a folder
        (["/a.txt"], ["b.tmp", "deep/c.txt", "deep/drafts.txt", "deep/drafts/d.txt", "drafts/e.txt"]),
        (["*", "!a.txt"], ["a.txt"]),  # all but one
        (["# all", "", "*"], []),
        (["deep/**/d.txt"], ["a.txt", "b.tmp", "deep/c.txt", "deep/drafts.txt", "drafts/e.txt"]),
    ],
)
def test_an_ignore_file_speaks_the_language_of_git(tree: Path, patterns: list[str], expected: list[str]) -> None:
    make(tree, "a.txt", "b.tmp", "drafts/e.txt", "deep/c.txt", "deep/drafts/d.txt", "deep/drafts.txt")
    ignoring(tree, *patterns)
    assert sorted(walk(tree)) == expected


def test_an_ignore_file_counts_below_its_own_folder_only(tree: Path) -> None:
    make(tree, "a.txt", "sub/a.txt", "sub/deep/a.txt", "sub2/a.txt")
    ignoring(tree, "a.txt", below="sub")
    assert walk(tree) == ["a.txt", "sub2/a.txt"]


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (Selection(include=("*.pdf",)), ["a.pdf", "sub/b.pdf"]),
        (Selection(include=("sub/**",)), ["sub/b.pdf", "sub/c.txt"]),
        (Selection(exclude=("*.pdf",)), ["d.txt", "sub/c.txt"]),
        (Selection(exclude=("sub/",)), ["a.pdf", "d.txt"]),
        (Selection(include=("*.pdf",), exclude=("a.*",)), ["sub/b.pdf"]),  # what is excluded stays out
    ],
)
def test_include_and_exclude_choose_by_pattern(tree: Path, selection: Selection, expected: list[str]) -> None:
    make(tree, "a.pdf", "d.txt", "sub/b.pdf", "sub/c.txt")
    assert walk(tree, selection) == expected


@pytest.mark.parametrize("selection", [Selection(include=("!",)), Selection(exclude=("!",))])
def test_a_pattern_that_is_none_is_a_usage_error(tree: Path, selection: Selection) -> None:
    with pytest.raises(UsageError, match="pattern"):
        walk(tree, selection)


def test_a_bad_line_in_an_ignore_file_names_the_file(tree: Path) -> None:
    make(tree, "sub/a.txt")
    ignoring(tree, "!", below="sub")
    with pytest.raises(UsageError, match=r"sub/\.librarianignore"):
        walk(tree)


def test_a_folder_that_holds_a_library_is_left_out_with_all_below(tree: Path) -> None:
    make(tree, "a.txt", "lib/library.db", "lib/tmp/b.txt", "lib/c.txt")
    assert walk(tree) == ["a.txt"]
    assert walk(tree / "lib") == []


def test_a_single_file_is_a_folder_of_one(tree: Path) -> None:
    make(tree, "a.txt", "b.txt")
    (candidate,) = discover.walk(os.fsencode(tree / "a.txt"), EVERYTHING, Listing())
    assert (candidate.root, candidate.path) == (os.fsencode(tree), b"a.txt")


WALKER = """
import os, sys
from librarian_cli import discover
from librarian_cli.errors import EnvironmentFault
listing = discover.Listing()
try:
    for found in discover.walk(os.fsencode(sys.argv[1]), discover.Selection(), listing):
        print(os.fsdecode(found.path))
except EnvironmentFault as exc:
    print("fault:", exc)
for path, why in listing.unreadable:
    print("unreadable:", os.fsdecode(path), why)
"""


def test_an_unreadable_folder_is_reported_by_its_whole_path_and_the_walk_goes_on(tree: Path) -> None:
    make(tree, "a.txt", "sub/closed/b.txt", "sub/open/c.txt")
    (tree / "sub/closed").chmod(0)
    ran = program.python(WALKER, tree, privileged=False)
    (tree / "sub/closed").chmod(0o700)
    lines = ran.out.splitlines()
    assert lines[:2] == ["a.txt", "sub/open/c.txt"], ran.err
    assert lines[2:] == [f"unreadable: {tree}/sub/closed Permission denied"]


def test_an_ignored_folder_is_not_even_opened(tree: Path) -> None:
    make(tree, "skipped/a.txt", "kept/b.txt")
    ignoring(tree, "skipped/")
    (tree / "skipped").chmod(0)
    ran = program.python(WALKER, tree, privileged=False)
    (tree / "skipped").chmod(0o700)
    assert ran.out == "kept/b.txt\n", ran.err


def test_a_root_that_cannot_be_listed_is_a_fault_that_names_it(tree: Path) -> None:
    make(tree, "a.txt")
    tree.chmod(0)
    ran = program.python(WALKER, tree, privileged=False)
    tree.chmod(0o700)
    assert ran.out.startswith(f"fault: {tree}: cannot list this folder"), ran.err


def test_what_is_not_there_is_a_usage_error_that_names_it(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tree)
    with pytest.raises(UsageError, match=r"^Bokos: no such file or folder.*" + tree.name):
        discover.resolve(b"Bokos")


def test_a_path_is_resolved_through_links_and_the_home_folder(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tree, "a.txt")
    (tmp_path / "link").symlink_to(tree)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    expected = os.path.realpath(os.fsencode(tree))
    for typed in (b"books", b"./books/../books/", b"link", b"~/books"):
        assert discover.resolve(typed) == expected


def test_a_link_that_leads_nowhere_or_round_is_not_there(tree: Path) -> None:
    (tree / "broken").symlink_to(tree / "nowhere")
    (tree / "round").symlink_to(tree / "round")
    for name in ("broken", "round"):
        with pytest.raises(UsageError, match=name):
            discover.resolve(os.fsencode(tree / name))
