"""Runs: headings of one family whose numbers follow each other.

Owns what continues a run and what repeats it. It must not know which runs are chapters: families.py judges that.
"""

from collections.abc import Sequence

from librarian_cli.text.structure import keys
from librarian_cli.text.structure.headings import Candidate

BARE = frozenset({"roman", "arabic", "chinese", "initial"})
_MAX_OPEN_RUNS = 4
_FREE = 2
"""Blank lines before a heading that no running head has."""


def find_runs(members: Sequence[Candidate]) -> list[list[Candidate]]:
    """Group a family into ascending runs, which may stand inside each other as a list stands inside a chapter.

    A number goes on with the innermost run that it follows; a 1 opens a run; up to two missed headings do not.
    """
    runs: list[list[Candidate]] = []
    stack: list[list[Candidate]] = []
    for candidate in members:
        depth = _depth_to_continue(stack, candidate)
        if depth is None:
            stack.append([candidate])
            runs.append(stack[-1])
            del stack[:-_MAX_OPEN_RUNS]
        else:
            del stack[depth + 1 :]
            _append(stack[-1], candidate)
    return runs


def _depth_to_continue(stack: Sequence[list[Candidate]], candidate: Candidate) -> int | None:
    """Index of the open run that a number goes on with: by one, else the innermost by up to three; None: none."""
    number = candidate.number
    if stack and number is None:
        return len(stack) - 1
    if not stack or number is None or number == 1:
        again = bool(stack) and candidate.family not in BARE and _last_number(stack[-1]) == 1
        return len(stack) - 1 if again else None
    steps = [number - _last_number(run) for run in stack]
    for wanted in ((1,), (0,), (2, 3)):
        found = [depth for depth, step in enumerate(steps) if step in wanted]
        if found:
            return found[-1]
    return None


def _append(run: list[Candidate], candidate: Candidate) -> None:
    """Add to a run; a number given twice is a running head or a contents entry, of which the first 1 gives way.

    A running head stands less free than the heading. With other words behind it it is none: `Act 1, Scene 2`.
    """
    if candidate.number is None or candidate.number != _last_number(run) or _is_scene_of(run[-1], candidate):
        run.append(candidate)
    elif len(run) == 1 and candidate.blanks >= min(run[0].blanks, _FREE):
        run[0] = candidate


def _is_scene_of(last: Candidate, candidate: Candidate) -> bool:
    named = [keys.letters_and_digits(c.title) for c in (last, candidate)]
    return candidate.family == "act" and all(named) and named[0] != named[1]


def _last_number(run: Sequence[Candidate]) -> int:
    return next((c.number for c in reversed(run) if c.number is not None), 0)
