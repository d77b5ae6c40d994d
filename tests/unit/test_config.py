"""Settings: default < file < environment < flag; whatever is wrong is named with where it stands."""

import stat
import tomllib
from pathlib import Path

import pytest

from librarian_cli import config, config_edit
from librarian_cli.errors import UsageError
from librarian_cli.settings import Config


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "settings" / "config.toml"
    path.parent.mkdir()
    for setting in config.settings():
        monkeypatch.delenv(config.environment_name(setting.key), raising=False)
    monkeypatch.setenv("LIBRARIAN_CONFIG", str(path))
    return path


def origin_of(key: str, flags: dict[str, object] | None = None) -> str:
    return next(setting.origin for setting in config.settings(flags) if setting.key == key)


def test_without_any_source_the_defaults_hold(file: Path) -> None:
    assert config.load() == Config()
    assert {setting.origin for setting in config.settings()} == {"default"}


def test_each_source_outranks_the_one_before_it(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = "search.limit"
    assert (config.load().search.limit, origin_of(key)) == (10, "default")
    file.write_text("[search]\nlimit = 11\n")
    assert (config.load().search.limit, origin_of(key)) == (11, "file")
    monkeypatch.setenv("LIBRARIAN_SEARCH_LIMIT", "12")
    assert (config.load().search.limit, origin_of(key)) == (12, "environment")
    assert config.load({key: 13}).search.limit == 13
    assert origin_of(key, {key: 13}) == "flag"
    assert config.load({key: None}).search.limit == 12, "an option that was not given says nothing"


def test_every_key_can_be_set_in_the_file_and_by_its_environment_twin(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = {
        "limits.profile": "gentle",
        "limits.prefer": "ingestion",
        "ingest.order_groups": "folder",
        "embedder.kind": "openai",
    }
    for setting in config.settings():
        if setting.key.endswith(".path"):
            value = "/somewhere"
        elif isinstance(setting.value, bool):
            value = "true"
        elif isinstance(setting.value, tuple):
            value = "*.a:*.b"
        elif setting.key in chosen:
            value = chosen[setting.key]
        else:
            value = "1"
        monkeypatch.setenv(config.environment_name(setting.key), value)
    assert {setting.origin for setting in config.settings()} == {"environment"}
    loaded = config.load()
    assert loaded.stages.extract.workers == 1
    assert loaded.ingest.include == ("*.a", "*.b")
    assert loaded.ingest.hidden is True
    assert loaded.limits.profile == "gentle"
    assert loaded.library_path == Path("/somewhere")


def test_the_library_may_be_named_shortly_and_from_home(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/reader")
    monkeypatch.setenv("LIBRARIAN_LIBRARY", "~/shelf")
    assert config.load().library_path == Path("/home/reader/shelf")
    assert config.load({"library.path": "/other"}).library_path == Path("/other")


@pytest.mark.parametrize(
    ("toml", "key", "expected"),
    [
        ("[search]\nlimit = 0", "search.limit", "a whole number above 0"),
        ("[search]\nlimit = 1.5", "search.limit", "a whole number above 0"),
        ('[search]\nlimit = "ten"', "search.limit", "a whole number above 0"),
        ("[search]\nlimit = true", "search.limit", "a whole number above 0"),  # in Python, true is a number
        ("[search]\nvector_weight = 1.1", "search.vector_weight", "a number from 0 to 1"),
        ("[search]\nvector_weight = nan", "search.vector_weight", "a number from 0 to 1"),
        ("[search]\nvector_weight = true", "search.vector_weight", "a number from 0 to 1"),
        ("[ingest]\napprove_confidence = -0.1", "ingest.approve_confidence", "a number from 0 to 1"),
        ("[ingest]\nhidden = 1", "ingest.hidden", "true or false"),
        ('[ingest]\ninclude = "*.pdf"', "ingest.include", "a list of texts"),
        ("[ingest]\ninclude = [1]", "ingest.include", "a list of texts"),
        ("[limits]\nlock_wait_seconds = -1", "limits.lock_wait_seconds", "a number from 0"),
        ("[limits]\nlock_wait_seconds = inf", "limits.lock_wait_seconds", "a number from 0"),
        ('[limits]\nprofile = "fast"', "limits.profile", '"auto" or "gentle"'),
        ('[stages.extract]\nworkers = "many"', "stages.extract.workers", '"auto" or 1 to 1024'),
        ("[stages.extract]\nworkers = 0", "stages.extract.workers", '"auto" or 1 to 1024'),
        ("[library]\npath = 3", "library.path", "text"),
    ],
)
def test_a_bad_value_in_the_file_is_named_with_file_key_and_what_is_expected(
    file: Path, toml: str, key: str, expected: str
) -> None:
    file.write_text(toml)
    with pytest.raises(UsageError) as caught:
        config.load()
    message = str(caught.value)
    assert message.startswith(f"{file}: {key} = ")
    assert message.endswith(f"expected {expected}")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LIBRARIAN_SEARCH_LIMIT", "many"),
        ("LIBRARIAN_SEARCH_LIMIT", ""),
        ("LIBRARIAN_INGEST_HIDDEN", "perhaps"),
        ("LIBRARIAN_STAGES_EXTRACT_WORKERS", "1.5"),
        ("LIBRARIAN_LIMITS_PROFILE", "fast"),
    ],
)
def test_a_bad_value_in_the_environment_is_named_by_its_variable(
    file: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match=f"^{name}: "):
        config.load()


def test_a_bad_value_of_an_option_is_named(file: Path) -> None:
    with pytest.raises(UsageError, match=r"^option: search\.limit = -1"):
        config.load({"search.limit": -1})


@pytest.mark.parametrize("toml", ["[serach]\nlimit = 1", "limit = 1", "search = 3", "[search.limit]\nx = 1"])
def test_an_unknown_key_is_named_with_the_file(file: Path, toml: str) -> None:
    file.write_text(toml)
    with pytest.raises(UsageError, match=rf"^{file}: unknown setting"):
        config.load()


@pytest.mark.parametrize("content", [b"[search", b"\xff\xfe", b"a = 1\na = 2"])
def test_a_file_that_is_no_toml_is_named(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with pytest.raises(UsageError, match=rf"^{file}: not a readable TOML file"):
        config.load()


def test_a_whole_number_serves_where_a_fraction_is_allowed(file: Path) -> None:
    file.write_text("[limits]\nlock_wait_seconds = 2\n[search]\nvector_weight = 1\n")
    loaded = config.load()
    assert isinstance(loaded.limits.lock_wait_seconds, float)
    assert loaded.search.vector_weight == 1.0


def test_passwords_are_kept_by_their_pattern(file: Path) -> None:
    file.write_text('[passwords]\n"*.pdf" = "open sesame"\n"tax.2024.*" = "1234"\n')
    assert config.load().passwords == {"*.pdf": "open sesame", "tax.2024.*": "1234"}


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("search.limit", "25", 25),
        ("search.vector_weight", "0.5", 0.5),
        ("ingest.hidden", "yes", True),
        ("ingest.include", "*.pdf:*.epub", ("*.pdf", "*.epub")),
        ("stages.extract.workers", "4", 4),
        ("stages.extract.workers", "auto", "auto"),
        ("library.path", "123", "123"),
        ("passwords.*.pdf", "123", "123"),
    ],
)
def test_typed_text_becomes_the_settings_type_and_comes_back_from_the_file(
    file: Path, key: str, text: str, value: object
) -> None:
    checked = config.check_value(key, text)
    assert checked == value
    config_edit.set_value(key, checked)
    assert {setting.key: setting.value for setting in config.settings()}[key] == value


@pytest.mark.parametrize(("key", "text"), [("search.limit", "ten"), ("serach.limit", "10"), ("search", "1")])
def test_a_bad_key_or_value_is_not_written(file: Path, key: str, text: str) -> None:
    with pytest.raises(UsageError, match=key):
        config.check_value(key, text)
    assert not file.exists()


COMMENTED = """# my settings
[search]
# not too many
limit = 5
vector_weight = 0.2

[ingest]  # what to take
hidden = true
"""


def test_setting_a_value_keeps_comments_and_order(file: Path) -> None:
    file.write_text(COMMENTED)
    assert config_edit.set_value("search.limit", 7) == (file, True)
    assert file.read_text() == COMMENTED.replace("limit = 5", "limit = 7")


def test_a_new_key_goes_under_its_table_and_a_new_table_to_the_end(file: Path) -> None:
    file.write_text("[search]\n# few\nlimit = 5\n")
    assert config_edit.set_value("search.vector_weight", 0.3)[1]
    assert config_edit.set_value("limits.profile", "gentle")[1]
    text = file.read_text()
    assert "# few" in text
    assert text.index("vector_weight") < text.index("[limits]") < text.index("gentle")
    assert tomllib.loads(text) == {"search": {"vector_weight": 0.3, "limit": 5}, "limits": {"profile": "gentle"}}


@pytest.mark.parametrize(
    "before",
    [
        "search = {limit = 5}  # inline\n",
        "search.limit = 5  # dotted\n",
        '["search"]\nlimit = 5  # quoted\n',
        "[search]\nlimit = 5  # beside the value\n",
        "[ingest]\ninclude = [\n  '*.pdf', # a list of many lines\n]\n[search]\n",
    ],
)
def test_a_comment_that_cannot_be_kept_is_said(file: Path, before: str) -> None:
    file.write_text(before)
    wanted = tomllib.loads(before)
    wanted.setdefault("search", {})["limit"] = 7
    _, kept = config_edit.set_value("search.limit", 7)
    text = file.read_text()
    assert tomllib.loads(text) == wanted
    comment = before[before.index("#") :].splitlines()[0]
    assert kept == (comment in text)


def test_a_value_of_the_same_name_in_another_table_is_left_alone(file: Path) -> None:
    file.write_text("[stages.chunk]\nworkers = 1\n[stages.extract]\nworkers = 2\n")
    config_edit.set_value("stages.extract.workers", 3)
    assert file.read_text() == "[stages.chunk]\nworkers = 1\n[stages.extract]\nworkers = 3\n"


def test_a_written_file_is_for_its_owner_only(file: Path) -> None:
    config_edit.set_value("passwords.*.pdf", "secret")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_folder_in_place_of_the_file_is_a_usage_error(file: Path) -> None:
    file.mkdir()
    with pytest.raises(UsageError, match=r"config\.toml"):
        config.load()
