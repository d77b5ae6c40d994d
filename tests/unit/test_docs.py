"""The pages in docs/ and the README say what the program has: settings, commands, reasons, dependencies, links."""

import configparser
import os
import re
from importlib import metadata
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from librarian_cli import cli, config, plan, progress
from librarian_cli.cli import ingest
from librarian_cli.stages import QUEUES, STAGE_BY_NAME, index

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
CODE = {path: path.read_text(encoding="utf-8") for path in (ROOT / "librarian_cli").rglob("*.py")}


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def section(text: str, title: str) -> str:
    """The part of a page from its `## title` to the next heading of that level."""
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"there is no section {title!r}"
    return found[1]


def subcommands(name: str) -> dict[str, click.Command]:
    """A command by its name, and those below it."""
    command = cli.librarian.get_command(click.Context(cli.librarian), name)
    assert command is not None
    below = command.commands if isinstance(command, click.Group) else {}
    return {name: command, **{f"{name} {inner}": found for inner, found in below.items()}}


def requirements(extra: str | None = None) -> list[str]:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    lines = parser["options.extras_require"][extra] if extra else parser["options"]["install_requires"]
    return [re.split(r"[<>=~!; ]", line)[0] for line in lines.split("\n") if line.strip()]


@pytest.fixture
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Defaults only, whatever the machine's user has set."""
    for name in [name for name in os.environ if name.startswith(config.PREFIX)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("LIBRARIAN_CONFIG", str(tmp_path / "config.toml"))


@pytest.mark.usefixtures("no_settings")
def test_every_setting_is_documented_with_its_default_and_environment_twin() -> None:
    rows = re.findall(r"^\| `(.+?)` \| `(.+?)` \| .+ \| `(.+?)` \|$", page("configuration.md"), re.MULTILINE)
    expected = [(item.key, shown(item.value), config.environment_name(item.key)) for item in config.settings()]
    assert sorted(rows) == sorted(expected)


def shown(value: object) -> str:
    """A default as config.toml has it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "[" + ", ".join(f'"{item}"' for item in value) + "]"
    return f'"{value}"' if isinstance(value, str) else str(value)


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_has_a_section_that_names_its_options(name: str) -> None:
    text = section(page("commands.md"), name)
    for path, command in subcommands(name).items():
        assert f"librarian {path}" in text
        options = [item for item in command.params if isinstance(item, click.Option) and not item.hidden]
        names = {option for item in options for option in item.opts}
        assert not {option for option in names if option not in text}, path


def test_the_json_page_names_every_command_that_prints_json_and_links_every_schema() -> None:
    rows = re.findall(r"^\| `([^`]+)` \| .+ \| \[(.+)\]\(schemas/(.+)\) \|$", page("json.md"), re.MULTILINE)
    assert all(shown == linked for _, shown, linked in rows)
    assert {linked for *_, linked in rows} == {path.name for path in (ROOT / "docs/schemas").iterdir()}
    everything = {path: command for name in cli.COMMANDS for path, command in subcommands(name).items()}
    printing = {path for path, command in everything.items() if any("--json" in item.opts for item in command.params)}
    assert printing <= {command for command, *_ in rows}
    assert {" ".join(command.split()[:2]) for command, *_ in rows} & set(everything) == printing
    results = {path for path, command in everything.items() if not isinstance(command, click.Group)}
    assert results - printing == {"config set", "completion", "watch"}, "all others print results"


def test_the_commands_page_explains_no_command_that_is_not_there() -> None:
    titles = re.findall(r"^## ([a-z]+)$", page("commands.md"), re.MULTILINE)
    assert titles == list(cli.COMMANDS)


def test_every_action_of_a_plan_is_explained() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", section(page("commands.md"), "ingest").split("### The plan")[1], re.MULTILINE)
    assert tuple(rows) == plan.ACTIONS


def test_every_option_of_librarian_itself_is_documented() -> None:
    text = section(page("commands.md"), "Options of every command")
    names = {option for item in cli.librarian.params if isinstance(item, click.Option) for option in item.opts}
    assert not {name for name in names if f"`{name}`" not in text and f"`{name} " not in text}


def test_every_exit_code_of_an_error_is_documented() -> None:
    text = section(page("commands.md"), "Exit codes")
    codes = {int(code) for source in CODE.values() for code in re.findall(r"exit_code(?:: \S+)? = (\d+)", source)}
    assert {0, 1, 2, 3, 4, 11} == codes | {0}
    assert not {code for code in codes if f"| {code} |" not in text}


@pytest.mark.parametrize(
    "name", [(), ("tag",), ("maintain",), ("config",)], ids=lambda names: " ".join(names) or "librarian"
)
def test_help_lists_commands_without_cutting_what_they_do_at_80_columns(name: tuple[str, ...]) -> None:
    shown = CliRunner().invoke(cli.librarian, [*name, "--help"], terminal_width=80).output
    assert not re.findall(r"^  .*\.\.\.$", shown.split("\nCommands:\n")[1], re.MULTILINE)
    assert max(map(len, shown.splitlines())) <= 80


def test_stages_and_queues_are_listed_whole_wherever_a_person_chooses_one() -> None:
    stages = [*STAGE_BY_NAME, index.NAME]
    told = " ".join((subcommands("pause")["pause"].help or "").split())
    assert f"Stages: {', '.join(stages)}. Queues: {', '.join(QUEUES)}." in told
    forced = page("commands.md").split("run again from STAGE on (")[1].split(";")[0]
    assert sorted(re.findall(r"`(\w+)`", forced)) == sorted(STAGE_BY_NAME)
    assert sorted(ingest._STAGES) == sorted(STAGE_BY_NAME)
    assert tuple(STAGE_BY_NAME) == progress._STAGES


def test_every_reason_of_a_failure_is_explained() -> None:
    text = section(page("formats.md"), "Outcomes")
    raised = {word for source in CODE.values() for word in re.findall(r'(?:ReadError|Worker\w+)\(\s*"(\w+)"', source)}
    assert {"corrupt", "timeout", "memory"} <= raised
    assert not {word for word in raised | set(ingest._NEXT_STEPS) if f"| `{word}` |" not in text}


def test_every_warning_is_explained() -> None:
    text = section(page("formats.md"), "Outcomes")
    readers = "".join(source for path, source in CODE.items() if path.parent.name == "readers")
    given = {
        *re.findall(r'warnings\["([a-z-]+)"\]', readers),
        *re.findall(r'RawPage\([^()]*(?:\([^()]*\))*[^()]*, "([a-z-]+)"', readers),
        *re.findall(
            r'(?:warnings=|controls = |also=|cut = .*|warnings = |malformed = .*)\(\w*,? ?"([a-z-]+)",?\)', readers
        ),
        *re.findall(r'\("(encoding-[a-z]+)",\)', readers),
    }
    assert {"needs-ocr", "malformed", "encoding-guessed", "garbled-text", "truncated", "repaired"} <= given
    assert not {word for word in given if f"`{word}`" not in text}


def test_every_dependency_has_its_reason_and_licence() -> None:
    text = section(page("architecture.md"), "Dependencies")
    rows = re.findall(r"^\| ([\w-]+) \| (.+) \| (.+) \|$", text, re.MULTILINE)
    assert [name for name, *_ in rows[1:] if name != "---"] == requirements()
    for name in requirements("test"):
        assert re.search(rf"\b{name}\b", text), name


def test_nothing_that_is_installed_by_default_is_under_the_gpl() -> None:
    pending, seen = requirements(), set[str]()
    while pending:
        name = pending.pop()
        seen.add(name)
        about = metadata.metadata(name)
        words = [*(about[key] or "" for key in ("License-Expression", "License")), *(about.get_all("Classifier") or ())]
        licences = " ".join(word for word in words if "::" not in word or word.startswith("License"))
        assert licences.strip(), name
        assert not re.search(r"\bA?GPL|Affero|GNU General", licences[:300]), f"{name}: {licences[:300]}"
        needed = [item for item in metadata.requires(name) or [] if ";" not in item]
        pending += [found for item in needed if (found := re.split(r"[<>=~!; (\[]", item)[0]) not in seen]
    assert seen >= set(requirements())


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_between_pages_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]*)(?:#[^)]*)?\)", path.read_text(encoding="utf-8")):
        assert not target or (path.parent / target).exists(), target


def test_the_architecture_page_names_every_module_of_the_top_level() -> None:
    text = section(page("architecture.md"), "Folders")
    places = {path.name + "/" * path.is_dir() for path in (ROOT / "librarian_cli").iterdir()}
    hidden = {"__init__.py", "__pycache__/", "py.typed"}
    assert not {place for place in places - hidden if f"\n      {place} " not in text}
