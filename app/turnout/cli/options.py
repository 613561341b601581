"""Options that many commands share, and what their values may be."""

import re
from datetime import datetime, timedelta
from typing import Annotated

import typer

from turnout.errors import BadRequestError

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object with stable keys.")]
Since = Annotated[str, typer.Option("--since", help="today, 7d, 12h, 2026-11-24, or 2026-11-24T10:00:00Z.")]
Until = Annotated[str, typer.Option("--until", help="As --since; the end itself is not in it.")]

_SPAN = re.compile(r"^(\d{1,6})\s*(s|m|min|h|d|w)$")
_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}


def seconds(text: str) -> int:
    """A duration like 30m. Raises BadRequestError."""
    found = _SPAN.match(text.strip().lower())
    if found is None:
        raise BadRequestError(f"{text[:40]!r} is no duration", hint="Write it like 90s, 30m, 2h, 7d.")
    return int(found[1]) * _SECONDS[found[2]]


def moment(text: str, now: datetime) -> int:
    """Unix milliseconds; 0 for an empty text. Days begin at the zone of `now`. Raises BadRequestError."""
    plain = text.strip()
    if not plain:
        return 0
    start = now.replace(hour=0, minute=0, second=0, microsecond=0)
    named = {"now": now, "today": start, "yesterday": start - timedelta(days=1)}
    at = named.get(plain.lower())
    if at is None and _SPAN.match(plain.lower()):
        at = now - timedelta(seconds=seconds(plain))
    if at is None:
        try:
            at = datetime.fromisoformat(plain)
        except ValueError:
            raise BadRequestError(
                f"{text[:40]!r} is no time", hint="Write today, 7d, 2026-11-24 or 2026-11-24T10:00:00Z."
            ) from None
        if at.tzinfo is None:
            at = at.replace(tzinfo=now.tzinfo)
    return max(0, int(at.timestamp() * 1000))


def local_now() -> datetime:
    return datetime.now().astimezone()
