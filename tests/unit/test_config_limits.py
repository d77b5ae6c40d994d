"""Settings of what runs at once: caps, choices, order groups, and tables whose names are the user's own."""

import tomllib
from pathlib import Path

import pytest

from librarian_cli import config, config_edit
from librarian_cli.errors import UsageError

QUEUES = ("schema", "ingestion", "trust_audit")
GROUPS = '[concurrency_groups]\n"/mnt/nas/*" = "nas"  # slow\n"*.old" = "attic"\n\n[concurrency_limits]\nnas = 2\n'


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "config.toml"
    monkeypatch.setenv("LIBRARIAN_CONFIG", str(path))
    return path


@pytest.mark.parametrize("name", [*QUEUES, "total"])
@pytest.mark.parametrize("value", ["auto", 1, 1024])
def test_a_cap_is_auto_or_a_count(file: Path, name: str, value: object) -> None:
    assert getattr(config.load({f"limits.{name}": value}).limits, name) == value


@pytest.mark.parametrize("name", [*QUEUES, "total"])
@pytest.mark.parametrize("value", [0, -1, 1025, 1.5, True, "many"])
def test_a_cap_that_is_none_is_refused(file: Path, name: str, value: object) -> None:
    with pytest.raises(UsageError, match=rf'limits\.{name} = .* expected "auto" or 1 to 1024'):
        config.load({f"limits.{name}": value})


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("limits.profile", ("auto", "gentle")),
        ("limits.prefer", ("begun", *QUEUES)),
        ("ingest.order_groups", ("none", "folder", "author")),
    ],
)
def test_a_choice_is_one_of_its_words(file: Path, key: str, words: tuple[str, ...]) -> None:
    table, name = key.split(".")
    for word in words:
        assert getattr(getattr(config.load({key: word}), table), name) == word
    for wrong in ("", "other", words[0].upper(), 1):
        with pytest.raises(UsageError, match=f'expected "{words[0]}" or "{words[1]}"'):
            config.load({key: wrong})


@pytest.mark.parametrize("level", ["grace_seconds", "lease_seconds"])
def test_times_may_be_fractions_from_zero(file: Path, level: str) -> None:
    assert getattr(config.load({f"limits.{level}": 0}).limits, level) == 0.0
    with pytest.raises(UsageError, match="a number from 0"):
        config.load({f"limits.{level}": -0.1})


def test_groups_and_their_limits_are_kept_by_their_own_names(file: Path) -> None:
    file.write_text(GROUPS)
    loaded = config.load()
    assert loaded.concurrency_groups == {"/mnt/nas/*": "nas", "*.old": "attic"}
    assert loaded.concurrency_limits == {"nas": 2}
    assert list(loaded.concurrency_groups) == ["/mnt/nas/*", "*.old"], "the first pattern that matches counts"


@pytest.mark.parametrize(
    ("toml", "key", "expected"),
    [
        ("[concurrency_limits]\nnas = 0", "concurrency_limits.nas", "a whole number above 0"),
        ('[concurrency_limits]\nnas = "2"', "concurrency_limits.nas", "a whole number above 0"),
        ("[concurrency_groups]\nx = 1", "concurrency_groups.x", "text"),
        ("[concurrency_groups.x]\ny = 'z'", "concurrency_groups.x", "text"),  # a table in place of a text
    ],
)
def test_a_bad_value_in_a_free_table_is_named(file: Path, toml: str, key: str, expected: str) -> None:
    file.write_text(toml)
    with pytest.raises(UsageError) as caught:
        config.load()
    assert str(caught.value).startswith(f"{file}: {key} = ")
    assert str(caught.value).endswith(f"expected {expected}")


@pytest.mark.parametrize("toml", ["concurrency_limits = 2", "[[concurrency_groups]]\nx = 'y'"])
def test_a_free_table_that_is_no_table_is_refused(file: Path, toml: str) -> None:
    file.write_text(toml)
    with pytest.raises(UsageError, match=f"^{file}: unknown setting"):
        config.load()


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("concurrency_groups./mnt/nas/*", "nas", "nas"),
        ("concurrency_groups.*.old books", "7", "7"),
        ("concurrency_groups.a=b", "nas", "nas"),
        ('concurrency_groups."quoted"', "nas", "nas"),
        ("concurrency_limits.nas", "3", 3),
        ("limits.total", "12", 12),
        ("limits.total", "auto", "auto"),
    ],
)
def test_typed_text_becomes_the_settings_type_and_comes_back_from_the_file(
    file: Path, key: str, text: str, value: object
) -> None:
    checked = config.check_value(key, text)
    assert checked == value
    config_edit.set_value(key, checked)
    assert {setting.key: (setting.value, setting.origin) for setting in config.settings()}[key] == (value, "file")


def test_a_limit_that_is_no_number_is_refused(file: Path) -> None:
    with pytest.raises(UsageError, match=r"concurrency_limits\.nas"):
        config.check_value("concurrency_limits.nas", "two")


def test_setting_a_group_keeps_the_others_and_their_comments(file: Path) -> None:
    file.write_text(GROUPS)
    assert config_edit.set_value("concurrency_groups./mnt/nas/*", "disk") == (file, True)
    assert file.read_text() == GROUPS.replace('"nas"  # slow', '"disk"  # slow')
    assert config_edit.set_value("concurrency_limits.disk", 4)[1]
    assert tomllib.loads(file.read_text())["concurrency_limits"] == {"disk": 4, "nas": 2}


def test_a_group_whose_pattern_holds_a_sign_of_equality_replaces_no_other(file: Path) -> None:
    file.write_text('[concurrency_groups]\n"a=1" = "x"\n')
    config_edit.set_value("concurrency_groups.a=2", "y")
    assert tomllib.loads(file.read_text()) == {"concurrency_groups": {"a=1": "x", "a=2": "y"}}


@pytest.mark.parametrize(("table", "value"), [("concurrency_groups", '"nas"'), ("concurrency_limits", "2")])
def test_a_free_table_has_no_twin_in_the_environment(
    file: Path, monkeypatch: pytest.MonkeyPatch, table: str, value: str
) -> None:
    file.write_text(f"[{table}]\nnas = {value}\n")
    before = config.load()
    monkeypatch.setenv(f"LIBRARIAN_{table.upper()}_NAS", "9")
    assert config.load() == before
