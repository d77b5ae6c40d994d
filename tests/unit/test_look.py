"""A look at some paths finds what a walk over the whole root finds of them, and says what is gone."""

import os
from pathlib import Path

import pytest

from librarian_cli import discover
from librarian_cli.discover import Listing, Selection
from tests.support import program

TREE = (
    "a.txt", "ab/a.txt", "ab.txt", "abc/deep/er/b.txt", "abc/deep/c.txt", "abc/d.md", ".hidden/e.txt", ".f.txt",
    "drafts/g.txt", "abc/drafts/h.txt", "own/library.db", "own/i.txt", "own/in/j.txt", "zz/k.txt",
)  # fmt: skip


EVERYTHING = Selection()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "books"
    for name in TREE:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    (folder / ".librarianignore").write_text("/drafts/\n")
    (folder / "abc/.librarianignore").write_text("*.md\n!deep/\n")
    (folder / "link.txt").symlink_to(folder / "a.txt")
    (folder / "linked").symlink_to(folder / "abc")
    return folder


def look(
    tree: Path,
    *paths: bytes,
    selection: Selection = EVERYTHING,
    library: tuple[int, int] | None = None,
) -> tuple[list[bytes], list[bytes]]:
    """Return the files that a look at some paths finds, and what is gone."""
    listing = Listing()
    found = [item.path for item in discover.look(os.fsencode(tree), paths, selection, listing, library=library)]
    return found, listing.gone


SELECTIONS = [
    EVERYTHING,
    Selection(hidden=True),
    Selection(include=("*.txt",), exclude=("deep/er/",)),
    Selection(exclude=("abc/",)),
]


@pytest.mark.parametrize("selection", SELECTIONS)
@pytest.mark.parametrize(
    "targets",
    [
        (b"",),  # the root itself
        (b".",),
        (b"a.txt", b"ab.txt"),
        (b"a",),  # a prefix of names only
        (b"ab",),
        (b"abc", b"ab"),
        (b"abc/deep", b"abc/deep/c.txt"),  # a folder and what lies in it
        (b"abc/deep/c.txt", b"abc/deep"),
        (b"abc/d.md",),  # ignored by a file above it
        (b"drafts", b"drafts/g.txt", b"abc/drafts"),
        (b".hidden", b".hidden/e.txt", b".f.txt", b".librarianignore"),
        (b"own", b"own/i.txt", b"own/in", b"own/in/j.txt"),  # a library, and what lies in one
        (b"link.txt", b"linked", b"linked/d.md", b"linked/deep/c.txt"),
        (b"zz/k.txt", b"a.txt"),
    ],
)
def test_a_look_chooses_as_a_walk_does(tree: Path, targets: tuple[bytes, ...], selection: Selection) -> None:
    walked = {item.path for item in discover.walk(os.fsencode(tree), selection, Listing())}

    def is_wanted(path: bytes) -> bool:
        return any(target in (b"", b".", path) or path.startswith(target + b"/") for target in targets)

    found, _ = look(tree, *targets, selection=selection)
    assert sorted(found) == sorted(filter(is_wanted, walked))


def test_a_look_yields_the_very_candidates_of_a_walk(tree: Path) -> None:
    walked = {item.path: item for item in discover.walk(os.fsencode(tree), Selection(), Listing())}
    (found,) = discover.look(os.fsencode(tree), [b"abc/deep/c.txt"], Selection(), Listing())
    assert found == walked[b"abc/deep/c.txt"]


def test_the_library_in_use_is_left_out_whatever_its_name(tree: Path) -> None:
    status = (tree / "zz").stat()
    assert look(tree, b"zz", b"zz/k.txt", library=(status.st_dev, status.st_ino)) == ([], [])


@pytest.mark.parametrize(
    ("targets", "gone"),
    [
        ((b"gone.txt",), [b"gone.txt"]),
        ((b"a",), [b"a"]),  # others begin alike
        ((b"gone/in/x.txt", b"gone/y.txt"), [b"gone/in/x.txt", b"gone/y.txt"]),  # their folder went as well
        ((b"gone", b"gone/y.txt"), [b"gone", b"gone/y.txt"]),
        ((b"abc/gone.txt", b"abc/deep/c.txt"), [b"abc/gone.txt"]),
        ((b"drafts/gone.txt", b".hidden/gone.txt"), []),  # nobody asks for what is left out
    ],
)
def test_what_is_gone_is_named(tree: Path, targets: tuple[bytes, ...], gone: list[bytes]) -> None:
    assert sorted(look(tree, *targets)[1]) == gone


@pytest.mark.parametrize("name", [b"caf\xe9 \xff.txt", b"two\nlines.txt", b"\xff\xfe/b.txt"])
def test_a_name_is_found_byte_for_byte(tree: Path, name: bytes) -> None:
    path = Path(os.fsdecode(os.fsencode(tree) + b"/" + name))
    path.parent.mkdir(exist_ok=True)
    path.write_text("text")
    assert look(tree, name) == ([name], [])
    path.unlink()
    assert look(tree, name) == ([], [name])


def test_a_file_in_the_place_of_a_folder_is_no_way_to_what_was_in_it(tree: Path) -> None:
    assert look(tree, b"a.txt/b.txt")[0] == []


def test_a_look_lists_no_other_folder(tree: Path) -> None:
    """A folder that cannot be listed is met only where it was asked for."""
    source = (
        "import os, sys; from librarian_cli import discover; listing = discover.Listing();"
        "paths = [os.fsencode(path) for path in sys.argv[2:]];"
        "found = list(discover.look(os.fsencode(sys.argv[1]), paths, discover.Selection(), listing));"
        "print([item.path for item in found], listing.unreadable)"
    )
    (tree / "zz").chmod(0)
    other = program.python(source, tree, "a.txt", privileged=False)
    asked = program.python(source, tree, "zz/k.txt", "a.txt", privileged=False)
    (tree / "zz").chmod(0o700)
    assert other.out == "[b'a.txt'] []\n", other.err
    assert asked.out == f"[b'a.txt'] [({os.fsencode(tree / 'zz')!r}, 'Permission denied')]\n", asked.err
