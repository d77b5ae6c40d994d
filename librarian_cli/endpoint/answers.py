"""What an answer that is none, or the end of an exchange without one, says. Pure functions."""

import email.utils
import json
import time
from typing import Any

_SHOWN_CHARS = 200


def retry_after(header: str | None) -> float | None:
    """Read Retry-After, seconds or a date. Source: RFC 9110, 10.2.3."""
    if header is None:
        return None
    try:
        return max(0.0, float(header)) if header.strip()[:1].isdigit() else _until(header)
    except (ValueError, TypeError, OverflowError):
        return None


def _until(date: str) -> float:
    return max(0.0, email.utils.parsedate_to_datetime(date).timestamp() - time.time())


def tokens_of(answer: Any, estimate: int) -> int:
    """How many tokens the server says that it used, else the estimate."""
    usage = answer.get("usage") if isinstance(answer, dict) else None
    total = usage.get("total_tokens") if isinstance(usage, dict) else None
    return total if isinstance(total, int) and 0 < total < 1 << 31 else estimate


def message(content: bytes) -> str:
    """What an error's body says, for a person, on one line."""
    text = content[:4000].decode("utf-8", "replace")
    try:
        found = json.loads(content)
        error = found.get("error", found) if isinstance(found, dict) else ""
        text = str(error.get("message", "")) if isinstance(error, dict) else str(error)
    except (ValueError, RecursionError):
        pass
    return " ".join(text.split())


def short(text: str) -> str:
    """Cut text to what a person needs of it."""
    return text if len(text) <= _SHOWN_CHARS else text[: _SHOWN_CHARS - 1] + "…"


def reason(exc: Exception) -> str:
    """The innermost cause of a failed exchange: what the system said."""
    text = str(exc).rpartition(": ")[2].strip(" ()'\"") or type(exc).__name__
    return f"no answer ({text[:_SHOWN_CHARS]})"
