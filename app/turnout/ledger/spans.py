"""A range of time as the roll-ups keep it: the machine's whole days, and the hours at its edges."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo


@dataclass(frozen=True, slots=True)
class Spans:
    first: str
    """Whole days from this one..."""
    end: str
    """...up to this one, not included."""
    hours: tuple[tuple[int, int], ...] = ()
    """Hours before and after them: [first, end)."""


def hours(since_ms: int, until_ms: int) -> tuple[tuple[int, int], ...]:
    return ((since_ms // 3_600_000, (until_ms + 3_599_999) // 3_600_000 if until_ms else 1 << 60),)


def spans_of(since_ms: int, until_ms: int) -> Spans:
    """Cuts a range into the machine's whole days and the hours at its edges."""
    first, start_ms = _midnight(since_ms, up=True) if since_ms else ("", 0)
    end, stop_ms = _midnight(until_ms, up=False) if until_ms else ("9999-99-99", 0)
    if until_ms and start_ms > stop_ms:
        return Spans("", "", hours(since_ms, until_ms))  # no midnight lies in it
    edges = []
    if since_ms < start_ms:
        edges.append((since_ms // 3_600_000, start_ms // 3_600_000))
    if stop_ms < until_ms:
        edges.append((stop_ms // 3_600_000, (until_ms + 3_599_999) // 3_600_000))
    return Spans(first, end, tuple(edges))


def _midnight(at_ms: int, *, up: bool) -> tuple[str, int]:
    """The local midnight at or before (`up`: at or after) an instant: its day and its Unix milliseconds."""
    at = datetime.fromtimestamp(at_ms / 1000).astimezone()
    day = at.date()
    start = _start_of(day)
    if up and start < at_ms:
        day += timedelta(days=1)
        start = _start_of(day)
    return day.isoformat(), start


def _start_of(day: date) -> int:
    # A naive time is taken in the machine's zone with its summer time, wherever the day lies.
    return round(datetime(day.year, day.month, day.day).timestamp() * 1000)  # noqa: DTZ001


def day_of(hour: int, zone: tzinfo | None) -> str:
    return (
        datetime.fromtimestamp(hour * 3600, zone).strftime("%Y-%m-%d")
        if zone
        else datetime.fromtimestamp(hour * 3600).astimezone().strftime("%Y-%m-%d")
    )
