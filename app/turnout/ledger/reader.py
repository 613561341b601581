"""Reading the ledger: `mode=ro`, one short read transaction a question (a long one would stop WAL checkpoints).

Charts and sums come from the hourly roll-ups; only lists of single calls touch the calls table, and only through its index.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from pathlib import Path

import orjson

from turnout.calls.record import Attempt, CallRecord
from turnout.calls.units import Json, Nanos, Tokens
from turnout.errors import LedgerError
from turnout.ledger.rows import COLUMNS, Value, attempt_of, record_of

_ALL = ", ".join(COLUMNS)
BY = ("tier", "model", "provider", "client", "developer", "department", "project")


@dataclass(frozen=True, slots=True)
class CallFilter:
    """Empty fields do not filter; `text` looks into client, model, rule, reason, session and project."""

    text: str = ""
    tier: str = ""
    client: str = ""
    status: str = ""
    session: str = ""
    model: str = ""
    since_ms: int = 0
    until_ms: int = 0


@dataclass(slots=True)
class SpendRow:
    """Sums over calls of one name."""

    name: str
    calls: int = 0
    refused: int = 0
    failed: int = 0
    cost: Nanos = Nanos(0)
    baseline: Nanos = Nanos(0)
    all_fast: Nanos = Nanos(0)
    energy: Nanos = Nanos(0)
    uncached: Tokens = Tokens(0)
    cache_read: Tokens = Tokens(0)
    cache_write: Tokens = Tokens(0)
    output: Tokens = Tokens(0)
    reasoning: Tokens = Tokens(0)


@dataclass(frozen=True, slots=True)
class DayStack:
    """One local day; cost by the name of the stack (tier, model...)."""

    day: str
    costs: dict[str, Nanos] = field(default_factory=dict)
    calls: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ClientRow:
    name: str
    department: str
    project: str
    created_ms: int
    token_hash: bytes = b""


class Reader:
    """One connection, guarded by a lock, so that any worker thread may ask."""

    def __init__(self, path: Path) -> None:
        """Does not need the file to be there yet: questions about a missing ledger have empty answers."""
        self.path = path
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None

    def close(self) -> None:
        with self._lock:
            if self._db is not None:
                self._db.close()
                self._db = None

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection | None]:
        with self._lock:
            if self._db is None and self.path.exists():
                try:
                    db = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, check_same_thread=False, timeout=2.0)
                    db.execute("PRAGMA query_only=1")
                    if int(db.execute("PRAGMA user_version").fetchone()[0]) > 0:
                        self._db = db
                    else:
                        db.close()
                except sqlite3.Error as error:
                    raise LedgerError(
                        f"The ledger cannot be read: {error}.", hint="`turnout doctor` says more."
                    ) from error
            try:
                yield self._db
            except sqlite3.Error as error:
                if self._db is not None:
                    self._db.close()
                    self._db = None
                raise LedgerError(f"The ledger cannot be read: {error}.", hint="`turnout doctor` says more.") from error

    def data_version(self) -> int:
        """Changes whenever another connection committed; costs 2.6 us."""
        with self._reading() as db:
            return int(db.execute("PRAGMA data_version").fetchone()[0]) if db is not None else 0

    # --- calls ---

    def calls(
        self,
        last: int = 100,
        before: tuple[int, str] | None = None,
        where: CallFilter | None = None,
        *,
        skip: int = 0,
    ) -> list[CallRecord]:
        """Newest first, those under way (status held) on top; `before` is (at_ms, id) of the last row seen.

        `skip` passes over that many more, by the index alone: how a table jumps into the middle of a million rows.
        """
        clauses, values = _where(where or CallFilter())
        if before is not None:
            clauses.append("(at_ms < ? OR (at_ms = ? AND id < ?))")
            values += [before[0], before[0], before[1]]
        condition = f"WHERE {' AND '.join(clauses)}" if clauses else ""
        with self._reading() as db:
            if db is None:
                return []
            if skip:
                at = f"SELECT at_ms, id FROM calls {condition} ORDER BY at_ms DESC, id DESC LIMIT 1 OFFSET ?"  # noqa: S608  our own names
                anchor = db.execute(at, (*values, skip)).fetchone()
                if anchor is None:
                    return []
                condition = f"{condition} {'AND' if condition else 'WHERE'} (at_ms, id) <= (?, ?)"
                values += [anchor[0], anchor[1]]
            rows = db.execute(
                f"SELECT {_ALL} FROM calls {condition} ORDER BY at_ms DESC, id DESC LIMIT ?",  # noqa: S608  our own names
                (*values, last),
            ).fetchall()
            ids = [row[0] for row in rows]
            attempts = _attempts(db, ids)
            found = [record_of(row, attempts.get(str(row[0]), ())) for row in rows]
            if before is None and where is None and not skip:
                held = [record_of(tuple(orjson.loads(text))) for (text,) in db.execute("SELECT record FROM holds")]
                found = sorted([*found, *held], key=lambda r: (r.at_ms, r.id), reverse=True)[:last]
            return found

    def call(self, id_: str) -> CallRecord | None:
        """By id, or by the beginning of one where that is unambiguous."""
        with self._reading() as db:
            if db is None:
                return None
            rows = db.execute(
                f"SELECT {_ALL} FROM calls WHERE id >= ? AND id < ? LIMIT 2",  # noqa: S608  our own names
                (id_, id_ + "\U0010ffff"),
            ).fetchall()
            exact = [row for row in rows if row[0] == id_] or (rows if len(rows) == 1 else [])
            if exact:
                return record_of(exact[0], _attempts(db, [exact[0][0]]).get(str(exact[0][0]), ()))
            held = db.execute("SELECT record FROM holds WHERE id=?", (id_,)).fetchone()
            return record_of(tuple(orjson.loads(held[0]))) if held is not None else None

    def count(self, where: CallFilter | None = None) -> int:
        clauses, values = _where(where or CallFilter())
        with self._reading() as db:
            if db is None:
                return 0
            if not clauses:
                return int(db.execute("SELECT coalesce(sum(calls), 0) FROM rollups").fetchone()[0])
            return int(db.execute(f"SELECT count(*) FROM calls WHERE {' AND '.join(clauses)}", values).fetchone()[0])  # noqa: S608

    # --- sums ---

    def spend(self, by: str, since_ms: int = 0, until_ms: int = 0, zone: tzinfo | None = None) -> list[SpendRow]:
        """Dearest first; by day: oldest first, days of `zone` (the machine's own when None). Raises ValueError on another `by`."""
        if by != "day" and by not in BY:
            raise ValueError(f"spend goes by {', '.join((*BY, 'day'))}, not by {by!r}")
        sums = (
            "sum(calls),sum(refused),sum(failed),sum(cost),sum(baseline),sum(all_fast),sum(energy),"
            "sum(uncached),sum(cache_read),sum(cache_write),sum(output),sum(reasoning)"
        )
        name = "hour" if by == "day" else by
        with self._reading() as db:
            if db is None:
                return []
            rows = db.execute(
                f"SELECT {name},{sums} FROM rollups WHERE hour >= ? AND hour < ? GROUP BY {name}",  # noqa: S608  checked above
                (since_ms // 3_600_000, (until_ms + 3_599_999) // 3_600_000 if until_ms else 1 << 60),
            ).fetchall()
        found: dict[str, SpendRow] = {}
        for key, *numbers in rows:
            title = _day(int(key), zone) if by == "day" else str(key)
            _add(found.setdefault(title, SpendRow(title)), numbers)
        ordered = found.values()
        return (
            sorted(ordered, key=lambda r: r.name)
            if by == "day"
            else sorted(ordered, key=lambda r: (-r.cost, -r.calls, r.name))
        )

    def series(
        self, by: str = "tier", since_ms: int = 0, until_ms: int = 0, zone: tzinfo | None = None
    ) -> list[DayStack]:
        """Local days with calls, oldest first, each with its cost by `by`."""
        if by not in BY:
            raise ValueError(f"series go by {', '.join(BY)}, not by {by!r}")
        with self._reading() as db:
            if db is None:
                return []
            rows = db.execute(
                f"SELECT hour,{by},sum(cost),sum(calls) FROM rollups WHERE hour >= ? AND hour < ? GROUP BY hour,{by}",  # noqa: S608
                (since_ms // 3_600_000, (until_ms + 3_599_999) // 3_600_000 if until_ms else 1 << 60),
            ).fetchall()
        days: dict[str, DayStack] = {}
        for hour, name, cost, calls in rows:
            day = days.setdefault(title := _day(int(hour), zone), DayStack(title))
            day.costs[name] = Nanos(day.costs.get(name, 0) + int(cost))
            day.calls[name] = day.calls.get(name, 0) + int(calls)
        return sorted(days.values(), key=lambda d: d.day)

    def totals(self, since_ms: int = 0, until_ms: int = 0) -> SpendRow:
        total = SpendRow("total")
        for row in self.spend("tier", since_ms, until_ms):
            numbers = (row.calls, row.refused, row.failed, row.cost, row.baseline, row.all_fast, row.energy)
            _add(total, [*numbers, row.uncached, row.cache_read, row.cache_write, row.output, row.reasoning])
        return total

    def bucket_spend(self) -> dict[str, tuple[int, int, int, int]]:
        """Every budget bucket's (nanos, tokens, calls, last at_ms): what a start rebuilds its books from."""
        with self._reading() as db:
            if db is None:
                return {}
            return {str(k): (int(n), int(t), int(c), int(a)) for k, n, t, c, a in db.execute("SELECT * FROM spend")}

    def open_holds(self) -> int:
        with self._reading() as db:
            return int(db.execute("SELECT count(*) FROM holds").fetchone()[0]) if db is not None else 0

    # --- small things ---

    def clients(self) -> list[ClientRow]:
        with self._reading() as db:
            if db is None:
                return []
            rows = db.execute(
                "SELECT name, department, project, created_ms, token_hash FROM clients ORDER BY name"
            ).fetchall()
        return [ClientRow(str(n), str(d), str(p), int(c), bytes(t)) for n, d, p, c, t in rows]

    def kept(self, kind: str, *, newest: int = 100_000) -> dict[str, Json]:
        """Oldest first, at most the `newest` ones."""
        with self._reading() as db:
            if db is None:
                return {}
            rows = db.execute(
                "SELECT key, value FROM kept WHERE kind=? ORDER BY at_ms DESC LIMIT ?", (kind, newest)
            ).fetchall()
        return {str(key): orjson.loads(value) for key, value in reversed(rows)}


def _where(where: CallFilter) -> tuple[list[str], list[Value]]:
    clauses: list[str] = []
    values: list[Value] = []
    for name in ("tier", "client", "status", "session", "model"):
        if getattr(where, name):
            clauses.append(f"{name} = ?")
            values.append(getattr(where, name))
    if where.since_ms:
        clauses.append("at_ms >= ?")
        values.append(where.since_ms)
    if where.until_ms:
        clauses.append("at_ms < ?")
        values.append(where.until_ms)
    if where.text:
        like = "%" + where.text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        names = ("client", "model", "asked_model", "rule", "reason", "session", "project", "id")
        clauses.append("(" + " OR ".join(f"{name} LIKE ? ESCAPE '\\'" for name in names) + ")")
        values += [like] * len(names)
    return clauses, values


def _attempts(db: sqlite3.Connection, ids: list[Value]) -> dict[str, tuple[Attempt, ...]]:
    found: dict[str, tuple[Attempt, ...]] = {}
    for start in range(0, len(ids), 500):
        some = ids[start : start + 500]
        marks = ",".join("?" * len(some))
        for row in db.execute(f"SELECT * FROM attempts WHERE call IN ({marks}) ORDER BY call, number", some):  # noqa: S608
            found[str(row[0])] = (*found.get(str(row[0]), ()), attempt_of(row))
    return found


def _day(hour: int, zone: tzinfo | None) -> str:
    return (
        datetime.fromtimestamp(hour * 3600, zone).strftime("%Y-%m-%d")
        if zone
        else datetime.fromtimestamp(hour * 3600).astimezone().strftime("%Y-%m-%d")
    )


def _add(row: SpendRow, numbers: "list[int]") -> None:
    calls, refused, failed, cost, baseline, all_fast, energy, *tokens = (int(n) for n in numbers)
    row.calls += calls
    row.refused += refused
    row.failed += failed
    row.cost = Nanos(row.cost + cost)
    row.baseline = Nanos(row.baseline + baseline)
    row.all_fast = Nanos(row.all_fast + all_fast)
    row.energy = Nanos(row.energy + energy)
    for name, count in zip(("uncached", "cache_read", "cache_write", "output", "reasoning"), tokens, strict=True):
        setattr(row, name, Tokens(getattr(row, name) + count))
