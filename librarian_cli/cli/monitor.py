"""`librarian status`, `jobs`, `agents` and `activity`: what goes on, in whichever process."""

import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import click

from librarian_cli.cli import complete
from librarian_cli.cli.context import ID_CHARS, MOMENT, Settings, json_option, pass_settings

if TYPE_CHECKING:
    from librarian_cli.status import Status
    from librarian_cli.store.activity import Entry
    from librarian_cli.store.agents import Agent, Totals
    from librarian_cli.store.jobs import Job, JobBook

_AGENT_STATUSES = ("active", "running", "idle", "error", "terminated")
_PRIORITY_NAMES = {1: "low", 5: "medium", 10: "high", 20: "critical"}
_INTERRUPTED = 130


@click.command()
@click.option("--watch", is_flag=True, help="Show it again and again, until Ctrl-C.")
@click.option("--interval", type=click.FloatRange(0.1), default=2.0, metavar="S", help="Seconds between two looks.")
@json_option
@pass_settings
def status(settings: Settings, *, watch: bool, interval: float, as_json: bool) -> None:
    """Say what waits, what runs, and what failed.

    `up`: a process is at work and its workers are well. `degraded`: one of them is not, or something is paused.
    `down`: no process is at work.
    """
    show = _print_status_json if as_json else _print_status
    with settings.open() as librarian:
        if not watch:
            show(librarian.status())
            return
        try:
            while True:
                if sys.stdout.isatty() and not as_json:
                    click.clear()
                show(librarian.status())
                sys.stdout.flush()
                time.sleep(interval)
        except KeyboardInterrupt:
            sys.exit(_INTERRUPTED)


@click.command()
@click.argument("number", type=click.IntRange(1), required=False, metavar="[ID]", shell_complete=complete.jobs)
@click.option("--limit", "-n", type=click.IntRange(1), default=20, show_default=True, metavar="N", help="Latest N.")
@json_option
@pass_settings
def jobs(settings: Settings, *, number: int | None, limit: int, as_json: bool) -> None:
    """List the latest jobs, or one with its books.

    With how much of each is done, or the state of each book.
    """
    from librarian_cli.cli import render

    with settings.open() as librarian:
        if number is not None:
            _print_job(*librarian.job(number), as_json=as_json)
            return
        found = librarian.jobs(limit)
    if as_json:
        render.document({"jobs": [_job_json(job) for job in found]})
    else:
        header = ("JOB", "COMMAND", "PRIORITY", "STARTED", "BOOKS", "DONE", "OUTCOMES")
        render.echo(render.table([_job_row(job) for job in found], header, right=(0, 4, 5)))


@click.command()
@click.option("--status", "statuses", type=click.Choice(_AGENT_STATUSES), multiple=True, help="Only these.")
@click.option("--limit", "-n", type=click.IntRange(1), default=50, show_default=True, metavar="N", help="Latest N.")
@click.option("--stats", is_flag=True, help="What all agents of each type did in total.")
@json_option
@pass_settings
def agents(settings: Settings, *, statuses: tuple[str, ...], limit: int, stats: bool, as_json: bool) -> None:
    """List agents: who works on which book, and what it took.

    Those that have ended too, and for which queue each worked.
    """
    from librarian_cli.cli import render

    with settings.open() as librarian:
        if stats:
            _print_totals(dict(librarian.agent_totals()), as_json=as_json)
            return
        found = librarian.agents(statuses=statuses, limit=limit)
    if as_json:
        render.document({"agents": [_agent_json(agent) for agent in found]})
    elif not found:
        render.notice("No agents here. `librarian ingest FOLDER` sends some out.")
    else:
        header = ("AGENT", "STATUS", "TASK", "BOOK", "RUNTIME", "CPU", "MEMORY")
        render.echo(render.table([_agent_row(agent) for agent in found], header, right=(4, 5, 6)))


@click.command()
@click.option("--follow", "-f", is_flag=True, help="Go on with what happens, until Ctrl-C.")
@click.option("--action", default="", metavar="ACTION", help="Only this (ingestion.failed), or all of a kind (agent).")
@click.option("--since", type=MOMENT, default=0.0, metavar="WHEN", help="From then on (10m, 2h, 1d or a local time).")
@click.option("--limit", "-n", type=click.IntRange(0), metavar="N", help="The latest N (20; with --since all).")
@json_option
@pass_settings
def activity(settings: Settings, *, follow: bool, action: str, since: float, limit: int | None, as_json: bool) -> None:
    """Show what happened to books, workers and the queue.

    The oldest first; as JSON, one object a line.
    """
    show = _print_entry_json if as_json else _print_entry
    latest = limit if limit is not None else -1 if since else 20
    with settings.open() as librarian:
        try:
            for entry in librarian.activity(
                since=since, action=action, limit=latest, follow=threading.Event() if follow else None
            ):
                show(entry)
                if follow:
                    sys.stdout.flush()
        except KeyboardInterrupt:
            sys.exit(_INTERRUPTED)


def _print_status_json(now: "Status") -> None:
    from dataclasses import asdict

    from librarian_cli.cli import render

    render.document(
        {
            "status": now.status,
            "queues": dict(now.queues),
            "active_agents": dict(now.active_agents),
            "capacity": _capacity(now),
            "paused": list(now.paused),
            "queue_depth": sum(now.queues.values()),
            "active_workers": _busy(now),
            "rate": {"books_per_minute": now.books_per_minute, "megabytes_per_second": now.megabytes_per_second},
            "workers": [asdict(worker) for worker in now.workers],
            "groups": [{**asdict(group), "health": group.health} for group in now.groups],
            "vectors": asdict(now.vectors),
        }
    )


def _print_status(now: "Status") -> None:
    from librarian_cli.cli import render

    processes = ", ".join(f"{owner.command} (pid {owner.pid})" for owner in now.owners) or "no process at work"
    render.echo(f"{now.status}: {processes}; {_capacity(now)['total']} books under way")
    if now.paused:
        render.echo(f"paused: {', '.join(now.paused)}; `librarian resume` lets them go on")
    rows = [
        (queue, str(waiting), str(active))
        for (queue, waiting), active in zip(now.queues.items(), now.active_agents.values(), strict=True)
    ]
    render.echo(render.table(rows, ("QUEUE", "WAITING", "RUNNING"), right=(1, 2)))
    if now.owners:
        render.echo(f"rate: {now.books_per_minute:g} books/min, {now.megabytes_per_second:g} MB/s")
    if now.workers:
        _print_workers(now)
    if now.groups:
        groups = [(render.escape(g.name), str(g.waiting), str(g.running), str(g.failed), g.health) for g in now.groups]
        render.echo(render.table(groups, ("GROUP", "WAITING", "RUNNING", "FAILED", "HEALTH"), right=(1, 2, 3)))
    ended = ", ".join(f"{count} {word}" for word, count in now.outcomes.items() if count)
    render.echo(f"files: {ended or 'none seen'}")
    render.echo(f"library: {now.books} books, {now.chunks:,} passages, {render.size(now.text_bytes)} of text")
    _print_vectors(now)


def _print_vectors(now: "Status") -> None:
    """The line of the vectors, and more where a model from outside makes them."""
    from librarian_cli.cli import render

    found = now.vectors
    lacking = f", {found.missing} books lack them" if found.missing else ""
    render.echo(f"vectors: {render.escape(found.embedder or 'none yet')}{lacking}")
    if found.changing:
        render.echo(f"changing to {render.escape(found.wanted)}; `librarian maintain reembed` goes on with it")
    elif found.embedder not in ("", found.wanted):
        render.echo(f"the settings want {render.escape(found.wanted)}; `librarian maintain reembed` changes to it")
    if found.problem:
        render.echo(f"problem: {render.escape(found.problem)}")
    rows = [
        (
            render.escape(item.host),
            render.escape(item.model),
            f"{item.calls:,}",
            f"{item.failures:,}",
            f"{item.limited:,}",
            f"{item.tokens:,}",
            f"{item.cost:,.2f}",
        )
        for item in found.endpoints
    ]
    if rows:
        header = ("ENDPOINT", "MODEL", "CALLS", "FAILED", "LIMITED", "TOKENS", "COST")
        render.echo(render.table(rows, header, right=(2, 3, 4, 5, 6)))


def _print_workers(now: "Status") -> None:
    from librarian_cli.cli import render

    rows = [
        (w.pool, str(w.pid or ""), w.health, str(w.tasks_done), str(w.restarts), render.size(w.peak_bytes))
        for w in now.workers
    ]
    render.echo(render.table(rows, ("WORKER", "PID", "HEALTH", "TASKS", "RESTARTS", "PEAK"), right=(1, 3, 4, 5)))


def _capacity(now: "Status") -> dict[str, Any]:
    return {"total": f"{now.running}/{now.cap}", "available": max(0, now.cap - now.running)}


def _busy(now: "Status") -> int:
    return sum(worker.health == "busy" for worker in now.workers)


def _job_row(job: "Job") -> tuple[str, ...]:
    from librarian_cli.cli import render

    outcomes = ", ".join(f"{count} {word}" for word, count in job.outcomes.items() if count)
    return (
        str(job.id),
        job.command,
        _PRIORITY_NAMES[job.priority],
        render.local_time(job.created_at),
        str(job.books),
        f"{job.percent:.0f} %",
        outcomes,
    )


def _job_json(job: "Job") -> dict[str, Any]:
    from librarian_cli.cli import render

    return {
        "id": job.id,
        "command": job.command,
        "priority": _PRIORITY_NAMES[job.priority],
        "percent": job.percent,
        "books": job.books,
        "started_at": render.iso_time(job.created_at),
        "finished_at": render.iso_time(job.finished_at),
        "outcomes": dict(job.outcomes),
    }


def _print_job(job: "Job", books: "list[JobBook]", *, as_json: bool) -> None:
    from librarian_cli.cli import render

    if as_json:
        shown = [{"id": b.id, "title": b.title, "status": b.status, "stages": dict(b.stages)} for b in books]
        render.document({**_job_json(job), "book_list": shown})
        return
    render.echo(f"job {job.id}: {job.command}, {job.percent:g} % of {job.books} books")
    rows = [
        (
            book.id[:ID_CHARS],
            render.shorten(render.escape(book.title), 44),
            book.status,
            ", ".join(f"{stage} {state}" for stage, state in book.stages.items() if state != "done"),
        )
        for book in books
    ]
    if rows:
        render.echo(render.table(rows, ("BOOK", "TITLE", "STATUS", "NOT DONE")))


def _agent_row(agent: "Agent") -> tuple[str, ...]:
    from librarian_cli.cli import render

    return (
        agent.id,
        agent.status,
        agent.current_task,
        render.shorten(render.escape(agent.title), 36),
        render.duration(_runtime(agent)),
        f"{agent.cpu_seconds:.1f} s",
        render.size(agent.peak_bytes) if agent.peak_bytes else "",
    )


def _agent_json(agent: "Agent") -> dict[str, Any]:
    from librarian_cli.cli import render

    return {
        "id": agent.id,
        "type": agent.type,
        "status": agent.status,
        "current_task": agent.current_task or None,
        "book": agent.book,
        "title": agent.title,
        "job": agent.job,
        "tasks_completed": agent.tasks_completed,
        "tasks_failed": agent.tasks_failed,
        "started_at": render.iso_time(agent.started_at),
        "last_active_at": render.iso_time(agent.last_active_at),
        "runtime_seconds": round(_runtime(agent), 3),
        "cpu_seconds": round(agent.cpu_seconds, 3),
        "peak_memory_bytes": agent.peak_bytes,
        "output": agent.output,
    }


def _runtime(agent: "Agent") -> float:
    return (agent.ended_at or time.time()) - agent.started_at


def _print_totals(by_type: "dict[str, Totals]", *, as_json: bool) -> None:
    from librarian_cli.cli import render
    from librarian_cli.store.agents import Totals

    parts = by_type.values()
    whole = Totals(
        sum(t.spawned for t in parts),
        sum(t.active for t in parts),
        sum(t.completed for t in parts),
        sum(t.failed for t in parts),
    )
    if as_json:
        render.document({**_totals_json(whole), "by_type": {name: _totals_json(t) for name, t in by_type.items()}})
        return
    rows = [
        (name, str(t.spawned), str(t.active), str(t.completed), str(t.failed), _percent(t.success_rate))
        for name, t in (*by_type.items(), ("all", whole))
    ]
    header = ("TYPE", "SPAWNED", "ACTIVE", "COMPLETED", "FAILED", "SUCCESS")
    render.echo(render.table(rows, header, right=(1, 2, 3, 4, 5)))


def _totals_json(totals: "Totals") -> dict[str, Any]:
    return {
        "total_spawned": totals.spawned,
        "currently_active": totals.active,
        "total_completed": totals.completed,
        "total_failed": totals.failed,
        "success_rate": totals.success_rate,
    }


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f} %"


def _print_entry(entry: "Entry") -> None:
    from librarian_cli.cli import render

    details = ", ".join(f"{name}={value}" for name, value in entry.details.items())
    target = f"{(entry.book or '')[:ID_CHARS]} {entry.target}".strip()
    line = f"{render.local_time(entry.at)}  {entry.action:<20}  {target}" + (f"  ({details})" if details else "")
    render.echo(render.escape(line))


def _print_entry_json(entry: "Entry") -> None:
    from librarian_cli.cli import render

    render.line(
        {
            "at": render.iso_time(entry.at),
            "action": entry.action,
            "book": entry.book,
            "target": entry.target,
            "job": entry.job,
            "agent": entry.agent,
            "details": dict(entry.details),
        }
    )
