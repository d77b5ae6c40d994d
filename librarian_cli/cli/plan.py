"""How `librarian ingest --dry-run` shows its plan."""

from typing import Any

from librarian_cli.cli import render
from librarian_cli.plan import ACTIONS, FilePlan, Plan

_SHOWN_FILES = 20


def show(plan: Plan, *, as_json: bool, every_file: bool) -> None:
    """Print a plan: counts, then the files with something to say about, or `every_file`."""
    if as_json:
        files = (_as_json(item) for item in plan.files)
        seconds = round(plan.seconds, 3)
        render.document({"files": files, "totals": plan.totals, "estimated_seconds": seconds})
        return
    render.echo(_counts(plan))
    listed = sorted(plan.files, key=lambda item: (ACTIONS.index(item.action), item.path))
    chosen = listed if every_file else [item for item in listed if item.action != "unchanged"][:_SHOWN_FILES]
    if chosen:
        render.echo()
    for item in chosen:
        render.echo(_line(item))
    if left := len(listed) - len(chosen):
        render.notice(f"{left} more {'file' if left == 1 else 'files'} not listed; `librarian -v ingest --dry-run` lists all")  # fmt: skip  # noqa: E501


def _counts(plan: Plan) -> str:
    rows = [_count(action, [item for item in plan.files if item.action == action]) for action in ACTIONS]
    shown = [row for row in rows if row[1] != "0"]
    return render.table([*shown, _count("all", plan.files)], ("ACTION", "FILES", "SIZE", "TIME"), right=(1, 2, 3))


def _count(name: str, files: "list[FilePlan] | tuple[FilePlan, ...]") -> tuple[str, str, str, str]:
    size, seconds = sum(item.size for item in files), sum(item.seconds for item in files)
    return name, str(len(files)), render.size(size), f"about {render.duration(seconds)}" if seconds else ""


def _line(item: FilePlan) -> str:
    stages = "all stages" if item.stages[:1] == ("schema",) else ", ".join(item.stages)
    facts = [item.why, stages, f"{item.seconds:.2f} s" if item.stages else ""]
    detail = "; ".join(fact for fact in facts if fact)
    return f"{item.action:<9}  {render.escape(item.path)}" + (f"  ({render.escape(detail)})" if detail else "")


def _as_json(item: FilePlan) -> dict[str, Any]:
    return {
        "path": render.path_text(item.path),
        "action": item.action,
        "why": item.why,
        "stages": list(item.stages),
        "book": item.book,
        "bytes": item.size,
        "estimated_seconds": round(item.seconds, 3),
    }
