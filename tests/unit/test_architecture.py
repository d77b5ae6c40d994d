"""Layers import downwards only, starting is quick, and modules keep no state."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from librarian_cli.cli import COMMANDS
from tests.support import program

PACKAGE = Path(__file__).resolve().parents[2] / "librarian_cli"
MODULES = sorted(PACKAGE.rglob("*.py"))

LAYERS: tuple[tuple[str, ...], ...] = (
    ("errors", "models"),
    ("events", "settings", "config", "config_edit"),
    ("capacity", "settling", "watch_limits", "endpoint", "hooks"),
    ("text",),
    ("readers", "embedders", "llm", "store", "discover", "watch"),  # these do not import each other
    ("identify", "stages"),
    ("search", "check", "cite", "control", "details", "graph", "insights", "plan", "status", "tagging", "watch_doctor"),
    ("pipeline",),
    ("app", "progress"),
    ("cli", "server"),
)
"""From the bottom up. A part imports parts of lower layers, and of its own layer where nothing else is said."""
RANK = {part: rank for rank, layer in enumerate(LAYERS) for part in layer}
STRANGERS = set(LAYERS[4])
ROOTS = {"__init__", "__main__"}
FORBIDDEN_AT_START = (
    "numpy", "pypdfium2", "pypdf", "lxml", "selectolax", "charset_normalizer", "Stemmer", "tqdm", "sqlite3", "pathspec",
    "urllib3", "tenacity",
)  # fmt: skip


def part_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)


def statements(node: ast.AST) -> Iterator[ast.AST]:
    """Everything below a node, except what only type checkers read."""
    for child in ast.iter_child_nodes(node):
        if is_type_checking(child):
            assert isinstance(child, ast.If)
            for statement in child.orelse:
                yield statement
                yield from statements(statement)
        else:
            yield child
            yield from statements(child)


def imported(path: Path) -> set[str]:
    """The parts of the package that a module imports at run time, in function bodies too."""
    found: set[str] = set()
    for node in statements(ast.parse(path.read_text())):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)}:{node.lineno} imports relatively"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        found |= {name.split(".")[1] for name in names if name.startswith("librarian_cli.")}
    return found - {"__version__"}


def is_allowed(part: str, other: str) -> bool:
    if part == other or part in ROOTS:
        return True
    if part in STRANGERS and other in STRANGERS:
        return False
    return RANK[other] <= RANK[part]


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_imports_lower_layers_only(path: Path) -> None:
    wrong = {other for other in imported(path) if not is_allowed(part_of(path), other)}
    assert wrong == set(), f"{name_of(path)} imports {', '.join(sorted(wrong))}"


def test_every_part_of_the_package_has_its_layer() -> None:
    assert {part_of(path) for path in MODULES} - ROOTS <= set(RANK)


def test_the_checker_sees_imports_in_function_bodies_but_not_those_of_type_checkers(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(
        "from typing import TYPE_CHECKING\n"
        "import librarian_cli.errors\n"
        "if TYPE_CHECKING:\n    from librarian_cli.app import Librarian\n"
        "else:\n    from librarian_cli import search\n"
        "def f():\n    if f:\n        from librarian_cli import config, events as e\n"
    )
    assert imported(path) == {"errors", "search", "config", "events"}
    assert not is_allowed("store", "readers")
    assert not is_allowed("store", "pipeline")
    assert is_allowed("cli", "store")


@pytest.mark.parametrize("path", [path for path in MODULES if part_of(path) != "store"], ids=name_of)
def test_writing_sql_stands_in_the_store_only(path: Path) -> None:
    words = ("INSERT INTO ", "UPDATE ", "DELETE FROM ", "CREATE TABLE ")
    allowed_temp = ("allowed_books",)  # a search's own temporary table
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith(words):
            assert any(name in node.value for name in allowed_temp), f"{name_of(path)}:{node.lineno}: {node.value}"


def loaded(*arguments: str) -> set[str]:
    """The top-level modules that a run of the command line has loaded at its end."""
    source = (
        "import atexit, sys\n"
        "atexit.register(lambda: print('LOADED', *sorted({n.split('.')[0] for n in sys.modules}), file=sys.stderr))\n"
        f"sys.argv = ['librarian', *{list(arguments)!r}]\n"
        "from librarian_cli.__main__ import main\n"
        "main()\n"
    )
    ran = program.python(source)
    assert ran.code == 0, ran.err
    return set(ran.err.splitlines()[-1].removeprefix("LOADED ").split())


@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("search", "--help"), ("ingest", "--help")])
def test_help_and_version_load_no_parser_no_store_and_no_numbers(arguments: tuple[str, ...]) -> None:
    assert loaded(*arguments).isdisjoint(FORBIDDEN_AT_START)


def test_importing_the_worker_processes_main_loads_nothing_of_ours() -> None:
    source = "import sys, librarian_cli.__main__; print(sorted(n for n in sys.modules if n.startswith('librarian')))"
    assert program.python(source).out == "['librarian_cli', 'librarian_cli.__main__']\n"


def test_the_coordinators_side_loads_no_parser() -> None:
    parsers = {"pypdfium2", "pypdf", "lxml", "selectolax", "numpy", "charset_normalizer"}
    source = (
        "import sys\n"
        "import librarian_cli.app, librarian_cli.pipeline.coordinator, librarian_cli.pipeline.intake\n"
        f"print(sorted({parsers!r} & set(sys.modules)))\n"
    )
    assert program.python(source).out == "[]\n"


COMMANDS_AND_GROUPS = (
    [(name,) for name in COMMANDS]
    + [("config", name) for name in ("show", "set", "path")]
    + [("maintain", "reembed"), ("maintain", "generate")]
)


@pytest.mark.parametrize("command", COMMANDS_AND_GROUPS, ids=" ".join)
def test_every_command_explains_itself_and_each_of_its_options(command: tuple[str, ...]) -> None:
    ran = program.librarian(*command, "--help")
    usage, _, rest = ran.out.partition("\n\n")
    assert ran.code == 0
    assert usage.startswith(f"Usage: librarian {' '.join(command)}")
    assert rest.strip().split("\n")[0].strip().endswith((".", ",", ")")) or len(rest.split()) > 5
    assert ran.out == program.librarian(*command, "-h").out
    options = [line for line in rest.splitlines() if line.strip().startswith("-")]
    for place, line in enumerate(options):
        words = line.split("  ")
        following = rest.splitlines()[rest.splitlines().index(line) + 1 :][:1]
        explained = len([word for word in words if word.strip()]) > 1 or (
            following and following[0].startswith("     ")
        )
        assert explained, f"{' '.join(command)}: option {place + 1} says nothing: {line}"


def test_the_help_lists_every_command_with_a_sentence() -> None:
    out = program.librarian("--help").out
    listed = out.partition("Commands:\n")[2]
    for name in COMMANDS:
        (line,) = [line for line in listed.splitlines() if line.startswith(f"  {name} ")]
        assert line.rstrip().endswith((".", ")")), line


def assigned(tree: ast.Module) -> Iterator[tuple[str, ast.expr, ast.expr | None]]:
    """Names that a module binds at its top level, with value and annotation."""
    for node in tree.body:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    yield target.id, node.value, None
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
            yield node.target.id, node.value, node.annotation


def is_mutable(value: ast.expr) -> bool:
    if isinstance(value, ast.Call):
        return isinstance(value.func, ast.Name) and value.func.id in ("list", "dict", "set", "defaultdict", "Counter")
    return isinstance(value, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_keeps_no_state(path: Path) -> None:
    tree = ast.parse(path.read_text())
    for name, value, annotation in assigned(tree):
        if name == "__all__" or not is_mutable(value):
            continue
        promised = annotation is not None and ast.unparse(annotation).startswith(("Mapping", "Final", "Sequence"))
        assert promised or name.isupper(), f"{name_of(path)}: {name} can be changed"
    for node in ast.walk(tree):
        assert not isinstance(node, ast.Global), f"{name_of(path)}:{getattr(node, 'lineno', 0)} uses `global`"


CHANGES = {"append", "add", "update", "setdefault", "pop", "clear", "extend", "insert", "remove", "discard", "popitem"}


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_constants_are_never_changed(path: Path) -> None:
    tree = ast.parse(path.read_text())
    constants = {name for name, value, _ in assigned(tree) if is_mutable(value)}
    for node in ast.walk(tree):
        changed: ast.AST | None = None
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CHANGES:
            changed = node.func.value
        elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
            changed = node.value
        if isinstance(changed, ast.Name):
            assert changed.id not in constants, f"{name_of(path)} changes {changed.id}"


def test_importing_any_module_reads_and_writes_nothing(tmp_path: Path) -> None:
    """No I/O at import: beside modules themselves, no file is opened for writing and no process started."""
    paths = [name_of(path).removesuffix(".py").removesuffix("/__init__") for path in MODULES if path.parent != PACKAGE]
    paths += [path.stem for path in MODULES if path.parent == PACKAGE and path.stem not in ROOTS]
    names = [f"librarian_cli.{path.replace('/', '.')}" for path in paths]
    source = (
        "import importlib, os, sys\n"
        "def watch(event, arguments):\n"
        "    writes = event == 'open' and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)\n"
        "    if writes or event in ('subprocess.Popen', 'os.mkdir', 'sqlite3.connect', 'socket.connect'):\n"
        "        print(event, arguments)\n"
        "sys.dont_write_bytecode = True\n"
        "sys.addaudithook(watch)\n"
        f"for name in {names!r}:\n"
        "    importlib.import_module(name)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, cwd=tmp_path, timeout=60, check=False
    )
    assert done.stdout == ""
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == []
