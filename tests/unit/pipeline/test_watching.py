"""Which paths a watch looks at when something happens to them."""

import pytest

from librarian_cli.discover import Selection
from librarian_cli.pipeline.intake import Request
from librarian_cli.pipeline.watching import may_matter

ROOTS = (b"/home/me/Books", b"/home/me/Books/.own", b"/mnt/.nas")


@pytest.mark.parametrize(
    ("path", "matters", "hidden"),
    [
        (b"/home/me/Books", True, True),
        (b"/home/me/Books/a.txt", True, True),
        (b"/home/me/Books/in/caf\xe9.txt", True, True),
        (b"/home/me/Books/.a.txt.swp", False, True),
        (b"/home/me/Books/.git/objects/00/1", False, True),
        (b"/home/me/Books/.own/a.txt", True, True),  # a root of its own
        (b"/home/me/Books/.own/.a.txt", False, True),
        (b"/mnt/.nas/a.txt", True, True),  # below a root that is hidden itself
        (b"/home/me/Books/lib", False, False),
        (b"/home/me/Books/lib/library.db-wal", False, False),
        (b"/home/me/Books/library.txt", True, True),  # its name only begins alike
    ],
)
def test_the_library_and_hidden_files_are_no_reason_to_look(path: bytes, *, matters: bool, hidden: bool) -> None:
    library = b"/home/me/Books/lib"
    assert may_matter(path, Request(ROOTS), library) is matters
    assert may_matter(path, Request(ROOTS, Selection(hidden=True)), library) is hidden
