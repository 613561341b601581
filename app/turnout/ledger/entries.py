"""What is written for a call, as SQL: its hold, and when it ended its row, attempts, roll-ups and budget sums, in one transaction."""

import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from turnout.calls.record import CallRecord
from turnout.calls.units import Status
from turnout.ledger.many import ForMany, marks
from turnout.ledger.rows import ATTEMPT, COLUMNS, INSERT, Value, attempt_values, dumped, held_text, storable, values
from turnout.routing.facts import Grading

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
INSERT INTO spend VALUES (?,?,?,?,?)
ON CONFLICT DO UPDATE SET nanos=nanos+excluded.nanos, tokens=tokens+excluded.tokens, calls=calls+excluded.calls, at_ms=excluded.at_ms
"""
_GRADE = """
UPDATE calls SET grade=?, score=?, confidence=?, difficulty=?, features=?, note=?, graded_by='afterwards'
WHERE id=? AND grade IS NULL AND score IS NULL AND note=''
"""
_HOLD = "INSERT OR REPLACE INTO holds VALUES (?,?,?,?,?)"
_ENDED = ForMany("DELETE FROM holds WHERE number IN ({})", "?")
_CALLS = ForMany(f"INSERT INTO calls ({', '.join(COLUMNS)}) VALUES {{}}", marks(len(COLUMNS)))  # noqa: S608  our own column names
_KEPT = ForMany("INSERT OR REPLACE INTO kept VALUES {}", marks(4))
_ATTEMPTS = ForMany("INSERT OR REPLACE INTO attempts VALUES {}", marks(17))


def write_hold(db: sqlite3.Connection, record: CallRecord, number: int | None = None) -> None:
    """A hold of the same number, that of the step of a plan before, is replaced; None: the next one that is free. A transaction of its
    own where none is open."""
    _execute(db, _HOLD, (number, record.id, record.at_ms, record.hold, held_text(record)))


def write_holds(db: sqlite3.Connection, holds: Sequence[tuple[int, CallRecord]]) -> None:
    """With their numbers. Each is on disk when it returns; all in one transaction, or none."""
    if len(holds) == 1:
        ((number, record),) = holds
        write_hold(db, record, number)
    elif holds:
        db.execute("BEGIN IMMEDIATE")
        try:
            for number, record in holds:
                write_hold(db, record, number)
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise


def write_settled(db: sqlite3.Connection, record: CallRecord) -> bool:
    """False, and nothing counted, for a call that is in the ledger already: settled exactly once (I03)."""
    _execute(db, "DELETE FROM holds WHERE id=?", (record.id,))
    if _execute(db, INSERT, values(record)).rowcount == 0:
        return False
    for number, attempt in enumerate(record.attempts):
        _execute(db, ATTEMPT, attempt_values(record.id, number, attempt))
    _write_sums(db, _sums((record,)))
    return True


def write_grade(db: sqlite3.Connection, call: str, graded: Grading) -> None:
    """Into the row of a call that ended without a grade."""
    grade = graded.grade.value if graded.grade is not None else None
    said = (grade, graded.score, graded.confidence, graded.difficulty, dumped(graded.features))
    _execute(db, _GRADE, (*said, f"graded after the call: {graded.reason}", call))


def all_settled(records: Sequence[CallRecord], holds: Sequence[int]) -> "Write":
    """The same for many, at half the price each: few statements, and their sums are added up here. `holds`: the numbers of theirs.

    All rows are made before it returns, so that the transaction is short. What it returns raises sqlite3.IntegrityError when one of the
    calls is in the ledger already, and UnicodeEncodeError or OverflowError where `write_settled` makes a value storable: the
    transaction is to be undone then, and each call written alone.
    """
    calls = [values(record) for record in records]
    attempts = [attempt_values(r.id, number, attempt) for r in records for number, attempt in enumerate(r.attempts)]
    sums = _sums(records)

    def write(db: sqlite3.Connection) -> None:
        _ENDED.execute(db, [(number,) for number in holds])
        _CALLS.execute(db, calls)
        _ATTEMPTS.execute(db, attempts)
        _write_sums(db, sums)

    return write


@dataclass(slots=True)
class _Sums:
    rolled: dict[tuple[Value, ...], list[tuple[int, ...]]] = field(default_factory=dict)
    """(hour, day, tier, provider...) -> the numbers of each call of these, in the order of _SUMMED"""
    spent: dict[str, tuple[int, int, int, int]] = field(default_factory=dict)
    """Bucket -> nanos, tokens, calls, last at_ms"""


def _sums(records: Sequence[CallRecord]) -> _Sums:
    found = _Sums()
    rolled, spent = found.rolled, found.spent
    days: dict[int, str] = {}
    for record in records:
        at_ms, u = record.at_ms, record.usage
        minute = at_ms // 60_000
        if minute not in days:
            days[minute] = local_day(at_ms)
        names = (
            at_ms // 3_600_000,
            days[minute],
            record.tier.value if record.tier is not None else "",
            record.provider,
            record.model,
            record.client,
            record.developer,
            record.department,
            record.project,
        )
        numbers = (
            1,
            record.status is Status.REFUSED,
            record.status is Status.FAILED,
            record.cost,
            record.baseline,
            record.all_fast,
            record.energy,
            u.uncached,
            u.cache_read,
            u.cache_write_5m + u.cache_write_1h,
            u.output,
            u.reasoning,
            record.estimated and record.cost > 0,
            record.unpriced and record.cost > 0,
            record.busy_ms,
            record.graded_by not in ("", "none"),
            record.graded_by == "cache",
        )
        rolled.setdefault(names, []).append(numbers)
        if record.status is not Status.REFUSED:
            for key in record.buckets:
                nanos, tokens, calls, _ = spent.get(key, (0, 0, 0, 0))
                spent[key] = (nanos + record.cost, tokens + u.total, calls + 1, at_ms)
    return found


def _write_sums(db: sqlite3.Connection, sums: _Sums) -> None:
    """Into the roll-ups of their hours and days, and to the budgets they were charged to."""
    for (hour, day, *names), rows in sums.rolled.items():
        numbers = rows[0] if len(rows) == 1 else tuple(map(sum, zip(*rows, strict=True)))
        _execute(db, _HOURS, (hour, *names, *numbers))
        _execute(db, _DAYS, (day, *names, *numbers))
    for key, taken in sums.spent.items():
        _execute(db, _SPEND, (key, *taken))


def local_day(at_ms: int) -> str:
    """The user's own day, as the machine's zone has it: a summer-time day of 23 hours is one day."""
    t = time.localtime(at_ms / 1000)
    return f"{t.tm_year:04d}-{t.tm_mon:02d}-{t.tm_mday:02d}"


def _execute(db: sqlite3.Connection, sql: str, row: tuple[Value, ...]) -> sqlite3.Cursor:
    """Any text and any number can be written: half surrogates and integers past 63 bits are made storable, never a crash."""
    try:
        return db.execute(sql, row)
    except (UnicodeEncodeError, OverflowError):
        return db.execute(sql, tuple(storable(value) for value in row))


def keep(db: sqlite3.Connection, kind: str, key: str, text: str, at_ms: int) -> None:
    _execute(db, "INSERT OR REPLACE INTO kept VALUES (?,?,?,?)", (kind, key, text, at_ms))


def keep_all(db: sqlite3.Connection, kind: str, rows: Sequence[tuple[str, str, int]]) -> None:
    """The same for many: (key, text, at_ms); of several with one key the last one wins."""
    try:
        _KEPT.execute(db, [(kind, *row) for row in rows])
    except (UnicodeEncodeError, OverflowError):
        for row in rows:
            keep(db, kind, *row)


Write = Callable[[sqlite3.Connection], None]
