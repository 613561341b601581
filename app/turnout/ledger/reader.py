"""Reading the ledger: `mode=ro`, one short read transaction a question (a long one would stop WAL checkpoints).

Charts and sums come from the roll-ups: whole days of the user's own zone from `days`, what is left at the edges by the hour.
Only lists of single calls touch the calls table, and only through its index.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from datetime import tzinfo
from pathlib import Path

import orjson

from turnout.calls.record import Attempt, CallRecord
from turnout.calls.units import Json, Nanos, Tokens
from turnout.errors import LedgerError
from turnout.ledger import bodies
from turnout.ledger.callfilter import CallFilter
from turnout.ledger.rows import COLUMNS, Value, attempt_of, held_of, record_of
from turnout.ledger.schema import VERSION, NewerLedgerError
from turnout.ledger.spans import Spans, day_of, hours, spans_of

_ALL = ", ".join(COLUMNS)
_ROUGHLY = 200_000
"""From so many calls on, their number is told by their row ids: counting ten million takes 0.4 s, and 7 s from a cold disk."""
FULL_NAME = "provider/model"
BY = ("tier", "model", "provider", "client", "developer", "department", "project")


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
    estimated: int = 0
    """Of the calls, those that cost something and were counted here, not by their provider."""
    unpriced: int = 0
    """Those whose model has no known price: charged at the dearest of its provider."""
    busy_ms: int = 0
    """How long engines of our own worked on them."""
    graded: int = 0
    """Those whose ask had to be graded, as far as rows say so (ledger version 6 and later)."""
    from_cache: int = 0
    """Of these, those that the intent cache knew already."""


_SUMMED = tuple(one.name for one in fields(SpendRow) if one.name != "name")
_SUMS = ",".join(f"sum({name})" for name in _SUMMED)


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
        self._file = (0, 0)

    def close(self) -> None:
        with self._lock:
            if self._db is not None:
                self._db.close()
                self._db = None

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection | None]:
        with self._lock:
            self._drop_if_replaced()
            if self._db is None and self.path.exists():
                try:
                    db = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, check_same_thread=False, timeout=2.0)
                    db.execute("PRAGMA query_only=1")
                    version = int(db.execute("PRAGMA user_version").fetchone()[0])
                    if version == VERSION:
                        self._db = db
                        found = self.path.stat()
                        self._file = (found.st_dev, found.st_ino)
                    else:
                        db.close()
                except sqlite3.Error as error:
                    raise LedgerError(
                        f"The ledger cannot be read: {error}.", hint="`turnout doctor` says more."
                    ) from error
                if 0 < version < VERSION:
                    raise LedgerError(
                        "The ledger was written by an older Turnout.",
                        hint="Start Turnout once: it brings it up to date.",
                    )
                if version > VERSION:
                    raise NewerLedgerError(
                        f"The ledger was written by a newer Turnout (version {version}, this one reads {VERSION}).",
                        hint="Update Turnout; nothing in the file was changed.",
                    )
            try:
                yield self._db
            except sqlite3.Error as error:
                if self._db is not None:
                    self._db.close()
                    self._db = None
                raise LedgerError(f"The ledger cannot be read: {error}.", hint="`turnout doctor` says more.") from error

    def _drop_if_replaced(self) -> None:
        """A ledger that was set aside at a start of the proxy is not the one at this path any more (2 us)."""
        if self._db is not None:
            try:
                now = self.path.stat()
                same = (now.st_dev, now.st_ino) == self._file
            except OSError:
                same = False
            if not same:
                self._db.close()
                self._db = None

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
        clauses, values = (where or CallFilter()).clauses()
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
            sql = f"SELECT {_ALL} FROM calls {condition} ORDER BY at_ms DESC, id DESC LIMIT ?"  # noqa: S608  our own names
            rows: list[tuple[Value, ...]] = db.execute(sql, (*values, last)).fetchall()
            ids = [row[0] for row in rows]
            attempts = _attempts(db, ids)
            found = [record_of(row, attempts.get(str(row[0]), ())) for row in rows]
            if before is None and where is None and not skip:
                held = [held_of(text) for (text,) in db.execute("SELECT record FROM holds")]
                found = sorted([*found, *held], key=lambda r: (r.at_ms, r.id), reverse=True)[:last]
            return found

    def oldest(self, last: int, skip: int) -> list[CallRecord]:
        """Of all ended calls the oldest but `skip`, newest first: by the index from its far end, for past the middle of ten million
        that is the shorter way (the end itself 7 s by skipping all above it, from a cold disk)."""
        with self._reading() as db:
            if db is None:
                return []
            edge = "SELECT at_ms, id FROM calls ORDER BY at_ms, id LIMIT 1 OFFSET ?"
            anchor = db.execute(edge, (skip,)).fetchone()
            if anchor is None:
                return []
            sql = f"SELECT {_ALL} FROM calls WHERE (at_ms, id) >= (?, ?) ORDER BY at_ms, id LIMIT ?"  # noqa: S608  our own names
            rows = db.execute(sql, (*anchor, last)).fetchall()
            attempts = _attempts(db, [row[0] for row in rows])
            return [record_of(row, attempts.get(str(row[0]), ())) for row in reversed(rows)]

    def edge(self, until_ms: int, rows: int) -> int | None:
        """The moment from which on the newest `rows` calls before `until_ms` (0: of all) came, by the index alone; None: there are
        fewer. A search in the text of calls has no index: it goes from edge to edge, so that each step is short."""
        condition, values = ("WHERE at_ms < ?", [until_ms]) if until_ms else ("", [])
        with self._reading() as db:
            if db is None:
                return None
            sql = f"SELECT at_ms FROM calls {condition} ORDER BY at_ms DESC LIMIT 1 OFFSET ?"  # noqa: S608  our own words
            row = db.execute(sql, (*values, rows)).fetchone()
        return int(row[0]) if row is not None else None

    def named(self, text: str, last: int) -> list[CallRecord]:
        """Calls whose id or session begins with `text`, newest first: by index, wherever in the ledger they are."""
        if not text:
            return []
        end = text + "\U0010ffff"
        with self._reading() as db:
            if db is None:
                return []
            found: dict[str, CallRecord] = {}
            for column in ("id", "session"):
                sql = f"SELECT {_ALL} FROM calls WHERE {column} >= ? AND {column} < ? ORDER BY {column} LIMIT ?"  # noqa: S608  our own
                rows = db.execute(sql, (text, end, last)).fetchall()
                attempts = _attempts(db, [row[0] for row in rows])
                found |= {str(row[0]): record_of(row, attempts.get(str(row[0]), ())) for row in rows}
        return sorted(found.values(), key=lambda r: (r.at_ms, r.id), reverse=True)[:last]

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
            return held_of(held[0]) if held is not None else None

    def said(self, call: str) -> dict[str, Json]:
        """What was kept of a call's texts: request, answer, shadow; empty where none are."""
        with self._reading() as db:
            return bodies.read(db, call) if db is not None else {}

    def with_bodies(self, last: int) -> list[str]:
        """Ids of the newest calls whose request is kept, newest first."""
        with self._reading() as db:
            if db is None:
                return []
            rows = db.execute("SELECT call FROM said WHERE part='request' ORDER BY at_ms DESC LIMIT ?", (last,))
            return [str(call) for (call,) in rows.fetchall()]

    def count(self, where: CallFilter | None = None, ceiling: tuple[int, str] | None = None) -> int:
        """How many calls, from `ceiling` (at_ms, id; included) downwards where there is one."""
        clauses, values = (where or CallFilter()).clauses()
        if ceiling is not None:
            clauses.append("(at_ms, id) <= (?, ?)")
            values += ceiling
        with self._reading() as db:
            if db is None:
                return 0
            if not clauses:
                first, last = db.execute(
                    "SELECT (SELECT min(rowid) FROM calls), (SELECT max(rowid) FROM calls)"
                ).fetchone()
                if first is not None and last - first >= _ROUGHLY:
                    return int(last - first + 1)
                return int(db.execute("SELECT count(*) FROM calls").fetchone()[0])
            sql = f"SELECT count(*) FROM calls WHERE {' AND '.join(clauses)}"  # noqa: S608  our own names
            return int(db.execute(sql, values).fetchone()[0])

    # --- sums ---

    def spend(
        self,
        by: str,
        since_ms: int = 0,
        until_ms: int = 0,
        zone: tzinfo | None = None,
        *,
        only: tuple[str, str] | None = None,
    ) -> list[SpendRow]:
        """Dearest first; by day: oldest first; `provider/model` has both in the name. Days are the machine's own, or those of `zone`; `until_ms` is not included;
        `only` (name of a dimension, value) leaves all else out.

        Raises ValueError on another `by`.
        """
        if by != "day" and by not in (*BY, FULL_NAME):
            raise ValueError(f"spend goes by {', '.join((*BY, 'day'))}, not by {by!r}")
        found: dict[str, SpendRow] = {}
        for day, key, numbers in self._sums(
            "" if by == "day" else by, since_ms, until_ms, zone, by_day=by == "day", only=only
        ):
            title = day if by == "day" else key
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
        days: dict[str, DayStack] = {}
        for title, name, numbers in self._sums(by, since_ms, until_ms, zone, by_day=True):
            day = days.setdefault(title, DayStack(title))
            day.costs[name] = Nanos(day.costs.get(name, 0) + numbers[3])
            day.calls[name] = day.calls.get(name, 0) + numbers[0]
        return sorted(days.values(), key=lambda d: d.day)

    def _sums(
        self,
        by: str,
        since_ms: int,
        until_ms: int,
        zone: tzinfo | None,
        *,
        by_day: bool,
        only: tuple[str, str] | None = None,
    ) -> Iterator[tuple[str, str, list[int]]]:
        """(day or "", name or "", sums in the order of SpendRow); empty `by`: all together."""
        spans = spans_of(since_ms, until_ms) if zone is None else Spans("", "", hours(since_ms, until_ms))
        name = _column(by) if by else "''"
        more = f" AND {_column(only[0])} = ?" if only is not None else ""
        wanted = (only[1],) if only is not None else ()
        with self._reading() as db:
            if db is None:
                return
            if spans.first < spans.end:
                day = "day" if by_day else "''"
                whole = db.execute(
                    f"SELECT {day}, {name}, {_SUMS} FROM days WHERE day >= ? AND day < ?{more} GROUP BY 1, 2",  # noqa: S608  checked names
                    (spans.first, spans.end, *wanted),
                ).fetchall()
            else:
                whole = []
            hour = "hour" if by_day else "0"
            edges = [
                row
                for since, until in spans.hours
                for row in db.execute(
                    f"SELECT {hour}, {name}, {_SUMS} FROM rollups WHERE hour >= ? AND hour < ?{more} GROUP BY 1, 2",  # noqa: S608
                    (since, until, *wanted),
                )
            ]
        for at, key, *numbers in whole:
            yield str(at), str(key), numbers
        for at, key, *numbers in edges:
            yield day_of(int(at), zone) if by_day else "", str(key), numbers

    def totals(self, since_ms: int = 0, until_ms: int = 0) -> SpendRow:
        total = SpendRow("total")
        for _, _, numbers in self._sums("", since_ms, until_ms, None, by_day=False):
            _add(total, numbers)
        return total

    def hourly(self, scope: str, who: str, since_ms: int, until_ms: int) -> list[tuple[int, Nanos]]:
        """What a budget's scope spent: (hour in Unix milliseconds, cost), oldest first, hours without calls left out.

        `scope` is a dimension, or `all`; a model is named with its provider or without. Raises ValueError on another scope.
        """
        if scope == "all":
            condition, values = "", list[Value]()
        elif scope == "model":
            condition, values = f" AND (model = ? OR {_column(FULL_NAME)} = ?)", [who, who]
        else:
            condition, values = f" AND {_column(scope)} = ?", [who]
        ((first, end),) = hours(since_ms, until_ms)
        with self._reading() as db:
            if db is None:
                return []
            sql = f"SELECT hour, sum(cost) FROM rollups WHERE hour >= ? AND hour < ?{condition} GROUP BY hour ORDER BY hour"  # noqa: S608  checked names
            return [(int(hour) * 3_600_000, Nanos(int(cost))) for hour, cost in db.execute(sql, (first, end, *values))]

    def first_day(self) -> str:
        """The first of the user's days that has a call; empty: none has."""
        with self._reading() as db:
            found = db.execute("SELECT min(day) FROM days").fetchone() if db is not None else None
            return str(found[0]) if found is not None and found[0] is not None else ""

    def bucket_spend(self) -> dict[str, tuple[int, int, int, int]]:
        """Every budget bucket's (nanos, tokens, calls, last at_ms): what a start rebuilds its books from.

        With what is `lost`: it counts as spent until the user releases it.
        """
        with self._reading() as db:
            if db is None:
                return {}
            found = {str(k): (int(n), int(t), int(c), int(a)) for k, n, t, c, a in db.execute("SELECT * FROM spend")}
            for key, text, at_ms in db.execute("SELECT key, value, at_ms FROM kept WHERE kind='lost'").fetchall():
                nanos, tokens, calls, last = found.get(key, (0, 0, 0, at_ms))
                found[key] = (nanos + int(text), tokens, calls, last)
            return found

    def lost(self) -> dict[str, Nanos]:
        """Bucket -> what a power cut left unknown in it (`ledger.blocks`)."""
        return {key: Nanos(int(value)) for key, value in self.kept("lost").items() if isinstance(value, int)}

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


def _column(by: str) -> str:
    """Raises ValueError on anything but a dimension's name: it goes into the statement as it is."""
    if by == FULL_NAME:
        return "provider || '/' || model"
    if by not in BY:
        raise ValueError(f"{by!r} is no dimension")
    return by


def _attempts(db: sqlite3.Connection, ids: list[Value]) -> dict[str, tuple[Attempt, ...]]:
    found: dict[str, tuple[Attempt, ...]] = {}
    for start in range(0, len(ids), 500):
        some = ids[start : start + 500]
        marks = ",".join("?" * len(some))
        for row in db.execute(f"SELECT * FROM attempts WHERE call IN ({marks}) ORDER BY call, number", some):  # noqa: S608
            found[str(row[0])] = (*found.get(str(row[0]), ()), attempt_of(row))
    return found


def _add(row: SpendRow, numbers: "list[int]") -> None:
    for name, number in zip(_SUMMED, numbers, strict=True):
        setattr(row, name, getattr(row, name) + int(number or 0))
