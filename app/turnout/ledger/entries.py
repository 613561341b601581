"""What is written for a call, as SQL: its hold, and when it ended its row, attempts, roll-ups and budget sums, in one transaction."""

import sqlite3
import time
from collections.abc import Callable

from turnout.calls.record import CallRecord
from turnout.calls.units import Status
from turnout.ledger.rows import ATTEMPT, INSERT, Value, attempt_values, dumped, storable, values

_SUMMED = (
    "calls",
    "refused",
    "failed",
    "cost",
    "baseline",
    "all_fast",
    "energy",
    "uncached",
    "cache_read",
    "cache_write",
    "output",
    "reasoning",
    "estimated",
    "unpriced",
    "busy_ms",
    "graded",
    "from_cache",
)
_ADD = ", ".join(f"{name}={name}+excluded.{name}" for name in _SUMMED)
_HOURS = f"INSERT INTO rollups VALUES ({','.join('?' * 25)}) ON CONFLICT DO UPDATE SET {_ADD}"  # noqa: S608  our own names
_DAYS = f"INSERT INTO days VALUES ({','.join('?' * 25)}) ON CONFLICT DO UPDATE SET {_ADD}"  # noqa: S608  our own names
_SPEND = """
INSERT INTO spend VALUES (?,?,?,1,?)
ON CONFLICT DO UPDATE SET nanos=nanos+excluded.nanos, tokens=tokens+excluded.tokens, calls=calls+1, at_ms=excluded.at_ms
"""
_HOLD = "INSERT OR REPLACE INTO holds VALUES (?,?,?,?)"


def write_hold(db: sqlite3.Connection, record: CallRecord) -> None:
    """The next step of a plan replaces the hold of the one before."""
    _execute(db, _HOLD, (record.id, record.at_ms, int(record.hold), packed(record)))


def write_settled(db: sqlite3.Connection, record: CallRecord) -> bool:
    """False, and nothing counted, for a call that is in the ledger already: settled exactly once (I03)."""
    db.execute("DELETE FROM holds WHERE id=?", (record.id,))
    if _execute(db, INSERT, values(record)).rowcount == 0:
        return False
    for number, attempt in enumerate(record.attempts):
        _execute(db, ATTEMPT, attempt_values(record.id, number, attempt))
    u = record.usage
    sums: tuple[Value, ...] = (
        record.tier.value if record.tier is not None else "",
        record.provider,
        record.model,
        record.client,
        record.developer,
        record.department,
        record.project,
        1,
        int(record.status is Status.REFUSED),
        int(record.status is Status.FAILED),
        record.cost,
        record.baseline,
        record.all_fast,
        record.energy,
        u.uncached,
        u.cache_read,
        u.cache_write_5m + u.cache_write_1h,
        u.output,
        u.reasoning,
        int(record.estimated and record.cost > 0),
        int(record.unpriced and record.cost > 0),
        record.busy_ms,
        int(record.graded_by not in ("", "none")),
        int(record.graded_by == "cache"),
    )
    _execute(db, _HOURS, (record.at_ms // 3_600_000, *sums))
    _execute(db, _DAYS, (local_day(record.at_ms), *sums))
    if record.status is not Status.REFUSED:
        for key in record.buckets:
            _execute(db, _SPEND, (key, record.cost, u.prompt + u.produced, record.at_ms))
    return True


def local_day(at_ms: int) -> str:
    """The user's own day, as the machine's zone has it: a summer-time day of 23 hours is one day."""
    t = time.localtime(at_ms / 1000)
    return f"{t.tm_year:04d}-{t.tm_mon:02d}-{t.tm_mday:02d}"


def packed(record: CallRecord) -> str:
    """A record without its attempts as JSON: what `recover` needs if we never come back to it."""
    return dumped(values(record))


def _execute(db: sqlite3.Connection, sql: str, row: tuple[Value, ...]) -> sqlite3.Cursor:
    """Any text and any number can be written: half surrogates and integers past 63 bits are made storable, never a crash."""
    try:
        return db.execute(sql, row)
    except (UnicodeEncodeError, OverflowError):
        return db.execute(sql, tuple(storable(value) for value in row))


def keep(db: sqlite3.Connection, kind: str, key: str, text: str, at_ms: int) -> None:
    _execute(db, "INSERT OR REPLACE INTO kept VALUES (?,?,?,?)", (kind, key, text, at_ms))


Write = Callable[[sqlite3.Connection], None]
