"""Progress bars on standard error, fed by events only: one per stage, one for the vectors, and a total. A watch's next
run begins them anew.

events (any thread) --> Progress --> tqdm
"""

import shutil
import sys
import threading
from types import TracebackType
from typing import Any, Self

from librarian_cli.events import (
    Bus,
    Event,
    FilesFound,
    Notice,
    RunEnded,
    StageAdvanced,
    StageEnded,
    StagePlanned,
    VectorsAdvanced,
)

_STAGES = ("schema", "extract", "chunk", "enrich", "audit")
_BESIDE = ("enrich",)
"""Stages that no other needs: a book that fails there passes the rest."""
_FORMAT = "{desc:<8}{percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} {unit} [{elapsed}<{remaining}{postfix}]"


class Progress:
    """Shows bars while its block runs, where `shown`; else only notices pass, and where `quiet` not even those."""

    def __init__(self, bus: Bus, *, shown: bool, quiet: bool = False) -> None:
        self._shown = shown
        self._quiet = quiet
        self._lock = threading.Lock()  # guards the bars: events come from several threads
        self._bars: dict[str, Any] = {}
        self._megabytes = 0.0
        self._run_is_over = False
        bus.subscribe(self._take)

    def __enter__(self) -> Self:
        if self._shown:
            from tqdm import tqdm  # a run under cron shows no bars and need not load them

            names = (*_STAGES, "vectors", "total")
            known_size = shutil.get_terminal_size((0, 0)).columns > 0  # under `docker run -t` or expect it is not
            self._bars = {
                name: tqdm(
                    total=0,
                    desc=name,
                    position=place,
                    leave=False,
                    bar_format=_FORMAT,
                    unit="steps" if name == "total" else "books",
                    dynamic_ncols=known_size,
                    ncols=None if known_size else 80,
                )
                for place, name in enumerate(names)
            }
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            for bar in reversed(self._bars.values()):
                bar.close()
            self._bars = {}

    def _take(self, event: Event) -> None:
        with self._lock:
            if isinstance(event, Notice):
                if not self._quiet:
                    self._say(event.text)
            elif self._bars:
                self._show(event)

    def _say(self, text: str) -> None:
        for bar in self._bars.values():
            bar.clear()
        print(text, file=sys.stderr, flush=True)  # noqa: T201  # bars and notices share standard error
        for bar in self._bars.values():
            bar.refresh()

    def _show(self, event: Event) -> None:
        total = self._bars["total"]
        if isinstance(event, FilesFound):
            total.set_postfix_str(f"{event.seen} files seen" + ("" if event.finished else ", still looking"))
        elif isinstance(event, RunEnded):
            self._run_is_over = True
            for bar in self._bars.values():
                bar.refresh()  # in a watch they stay, and the last steps came too quickly to be drawn
        elif isinstance(event, StagePlanned):
            if self._run_is_over:
                self._begin_anew()
            for bar in (self._bars[event.stage], total):
                bar.total += event.books
                bar.update(0)  # redraws no more often than tqdm finds right
        elif isinstance(event, StageEnded) and event.outcome != "retry":
            self._ended(event, total)
        elif isinstance(event, StageAdvanced):
            self._bars[event.stage].update(0)
        elif isinstance(event, VectorsAdvanced):
            bar = self._bars["vectors"]
            bar.unit, bar.total = event.unit, event.total
            bar.update(event.done - bar.n)
            if event.done == event.total:
                bar.refresh()  # the run may end before the next step would draw it

    def _begin_anew(self) -> None:
        self._run_is_over, self._megabytes = False, 0.0
        for bar in self._bars.values():
            bar.set_postfix_str("", refresh=False)
            bar.reset(total=0)

    def _ended(self, event: StageEnded, total: Any) -> None:
        bar = self._bars[event.stage]
        bar.update(1)
        total.update(1)
        if event.stage == "chunk":
            self._megabytes += event.size_bytes / 1e6
            rate = self._megabytes / max(0.1, bar.format_dict["elapsed"])
            bar.set_postfix_str(f"{self._megabytes:.0f} MB, {rate:.1f} MB/s", refresh=False)
        if event.outcome == "failed" and event.stage not in _BESIDE:
            # What a failed book will not pass is not work that is left.
            for name in _STAGES[_STAGES.index(event.stage) + 1 :]:
                self._bars[name].total -= 1
                total.total -= 1
