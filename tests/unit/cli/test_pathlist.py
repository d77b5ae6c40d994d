"""Lists of paths: bytes in, the same bytes out."""

import io
import os
import sys
from pathlib import Path

import pytest

from librarian_cli.cli import pathlist
from librarian_cli.errors import UsageError


@pytest.mark.parametrize(
    ("content", "null", "paths"),
    [
        (b"", False, []),
        (b"", True, []),
        (b"a\nb\n", False, [b"a", b"b"]),
        (b"a\nb", False, [b"a", b"b"]),  # the last line need not end
        (b"\na\n\n", False, [b"a"]),  # empty lines are no paths
        (b" a \nb\r\n", False, [b" a ", b"b\r"]),  # spaces and returns are parts of names
        (b"'a'\n# b\n", False, [b"'a'", b"# b"]),  # so are quotes and comments
        (b"caf\xe9\xff\n", False, [b"caf\xe9\xff"]),
        (b"a\0b\0", True, [b"a", b"b"]),
        (b"a\nb\0c", True, [b"a\nb", b"c"]),
        (b"~/a\n~b\nx~\n", False, [b"./~/a", b"./~b", b"x~"]),  # a shell would have unfolded a tilde
    ],
)
def test_a_list_is_split_and_nothing_else(content: bytes, paths: list[bytes], *, null: bool) -> None:
    assert pathlist.parse(content, null=null) == paths


def test_a_list_of_nuls_that_is_read_as_lines_is_refused_with_the_option_to_give() -> None:
    with pytest.raises(UsageError, match="--null"):
        pathlist.parse(b"a\0b\0", null=False)


def test_paths_keep_their_order_and_standard_input_is_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "list").write_bytes(b"d\na\n")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"b\nc\n")))
    lists = (os.fsencode(tmp_path / "list"), b"-")
    assert pathlist.gather((b"a", b"-", b"e"), lists, null=False) == [b"a", b"b", b"c", b"e", b"d"]


def test_a_list_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no-list: cannot read .*No such file"):
        pathlist.gather((), (os.fsencode(tmp_path / "no-list"),), null=False)
