"""What a start does with what a crash left: open holds are charged as held, a broken file is set aside, sums are kept.

A ledger that cannot be read, or that a newer Turnout wrote, is moved aside whole and a new one begun; budgets go on at their
last known spend (`snapshot`). What a power cut, or a write-ahead log cut short, took out of a ledger that can be read counts as
spent, as `lost`, until the user releases it.
"""

import logging
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson

from turnout.calls.record import CallRecord
from turnout.calls.units import Nanos, Status
from turnout.errors import LedgerError
from turnout.ledger import blocks
from turnout.ledger.entries import write_settled
from turnout.ledger.rows import held_of, usd
from turnout.ledger.schema import VERSION, connect
from turnout.ledger.snapshot import LIVE_MS, Known, Snapshot, read_snapshot, spill_path, spilled

log = logging.getLogger("turnout.ledger")

LOCK_WAIT_S = 40.0
"""A backup or a file viewer may hold the lock for half a minute; dying of that at start would help nobody."""
CHECKED_WHOLE = 64_000_000
"""Bytes up to which the whole file is checked (0.1 s); of larger ones the parts that a start needs."""
TOKEN_HASH = 32
NOTE = "open hold found at start: charged as held"


@dataclass(slots=True)
class Recovery:
    """What was found; each line is for `doctor` and the log."""

    charged: int = 0
    """Open holds charged as held."""
    replayed: int = 0
    """Ended calls that an earlier run could not write."""
    quarantined: str = ""
    """Where a broken or newer ledger was moved."""
    lost: dict[str, int] = field(default_factory=dict)
    """Bucket -> nanos that count as spent until released."""
    lines: list[str] = field(default_factory=list)


def recover(path: Path) -> Recovery:
    """Leaves a ledger that can be opened. Raises LedgerError only when nothing can be written there at all."""
    found = Recovery()
    known = read_snapshot(path)
    fresh = not path.exists() or not path.stat().st_size
    if not fresh:
        why = _unusable(path)
        if why:
            _quarantine(path, why, found)
            fresh = True
    db = connect(path, wait_s=LOCK_WAIT_S)
    try:
        db.execute("PRAGMA synchronous=FULL")
        db.execute("BEGIN IMMEDIATE")
        _replay(db, path, found)
        _charge_holds(db, found)
        if fresh:
            _salvage(db, found)
            _restore(db, known, found)
        else:
            _book_lost(db, known, found)
        blocks.begun(db)
        db.execute("COMMIT")
        spill_path(path).unlink(missing_ok=True)
        # So that a second start does not book the same gap again.
        Snapshot(path, db).write()
    except (sqlite3.DatabaseError, OSError) as error:
        raise LedgerError(
            f"{path.name} cannot be written: {error}.", hint="Check disk space and who owns the file."
        ) from error
    finally:
        db.close()
    for line in found.lines:
        log.warning("%s", line)
    return found


def _salvage(db: sqlite3.Connection, found: Recovery) -> None:
    """What can still be read of the clients and the small things in a ledger set aside: without its token no client gets in, and
    a conversation that was private stays so."""
    if not found.quarantined:
        return
    clients = kept = 0
    try:
        old = sqlite3.connect(f"file:{found.quarantined}?mode=ro", uri=True)
    except sqlite3.Error:
        old = None
    if old is not None:
        for name, token, *rest in _readable(
            old, "SELECT name, token_hash, department, project, created_ms FROM clients"
        ):
            if isinstance(name, str) and isinstance(token, bytes) and len(token) == TOKEN_HASH:
                clients += db.execute("INSERT OR IGNORE INTO clients VALUES (?,?,?,?,?)", (name, token, *rest)).rowcount
        for kind, key, value, at_ms in _readable(old, "SELECT kind, key, value, at_ms FROM kept WHERE kind<>'ledger'"):
            if all(isinstance(one, str) for one in (kind, key, value)) and _is_json(value):
                row = (kind, key, value, at_ms)
                kept += db.execute("INSERT OR IGNORE INTO kept VALUES (?,?,?,?)", row).rowcount
        old.close()
    found.lines.append(
        f"of the ledger set aside {clients} clients and {kept} small entries could be taken over"
        if clients or kept
        else "no client could be taken over from the ledger set aside: `turnout client add` or `turnout connect` makes new tokens"
    )


def _readable(db: sqlite3.Connection, sql: str) -> Iterator[tuple[Any, ...]]:
    """The rows up to the first that cannot be read."""
    try:
        yield from db.execute(sql)
    except (sqlite3.Error, UnicodeDecodeError):
        return


def _is_json(text: str) -> bool:
    try:
        orjson.loads(text)
    except ValueError:
        return False
    return True


def _charge_holds(db: sqlite3.Connection, found: Recovery) -> None:
    rows = db.execute("SELECT id, at_ms, nanos, record FROM holds").fetchall()
    for id_, at_ms, nanos, text in rows:
        try:
            record = held_of(text)
        except (ValueError, TypeError):
            record = CallRecord(id=str(id_), at_ms=int(at_ms))  # of an older version: the money is what counts
        write_settled(
            db,
            replace(
                record,
                status=Status.ABORTED,
                estimated=True,
                disputed=True,
                hold=Nanos(int(nanos)),
                cost=Nanos(int(nanos)),
                # Nothing is known to be saved or lost by what may never have been spent.
                baseline=Nanos(0 if record.own else int(nanos)),
                note=f"{record.note}; {NOTE}" if record.note else NOTE,
            ),
        )
    found.charged = len(rows)
    if rows:
        found.lines.append(f"{len(rows)} calls were cut off by the last stop and are charged as held")


def _replay(db: sqlite3.Connection, path: Path, found: Recovery) -> None:
    """Before the holds are charged: these calls ended, and their true cost is known."""
    found.replayed = sum(write_settled(db, record) for record in spilled(path))
    if found.replayed:
        found.lines.append(f"{found.replayed} calls that the disk had refused are in the ledger now")


def _restore(db: sqlite3.Connection, known: Known | None, found: Recovery) -> None:
    """A new ledger begins with the budgets' sums as they were last known, open holds as spent."""
    if known is None:
        if found.quarantined:
            found.lines.append("no readable snapshot of the budgets was found: their spend begins at zero")
        return
    rows = []
    for key in known.keys:
        _, tokens, calls, at_ms = known.spend.get(key, (0, 0, 0, time.time_ns() // 1_000_000))
        here = db.execute("SELECT nanos FROM spend WHERE key=?", (key,)).fetchone()
        rows.append((key, max(known.taken(key), int(here[0]) if here else 0), tokens, calls, at_ms))
    if rows:
        db.executemany("INSERT OR REPLACE INTO spend VALUES (?,?,?,?,?)", rows)
        found.lines.append(f"budgets go on at their last known spend ({len(rows)} of them)")


def _book_lost(db: sqlite3.Connection, known: Known | None, found: Recovery) -> None:
    """Where the ledger knows of less than a durable mark or the snapshot does."""
    now_ms = time.time_ns() // 1_000_000
    found.lost = blocks.lost(db, now_ms)
    if known is not None:
        recent = {
            key: sums[0]
            for key, sums in known.spend.items()
            if now_ms - sums[3] < LIVE_MS * 9 // 10 and key not in found.lost
        }
        found.lost |= blocks.set_lost(db, recent, now_ms)
    if found.lost:
        total = usd(sum(found.lost.values()))
        found.lines.append(
            f"the last stop lost entries: up to ${total} in {len(found.lost)} budgets counts as spent until it is released"
            " (`turnout budget list`, `turnout budget release`)"
        )


def _unusable(path: Path) -> str:
    """Why this file cannot serve; empty when it can."""
    try:
        # Not `mode=ro`: a write-ahead log that a crash left is read only by a connection that may write.
        db = sqlite3.connect(f"file:{path}?mode=rw", uri=True, timeout=LOCK_WAIT_S)
        try:
            version = int(db.execute("PRAGMA user_version").fetchone()[0])
            if version > VERSION:
                return f"it was written by a newer Turnout, version {version}; this one reads {VERSION}"
            if version:
                for table in ("holds", "spend", "kept", "clients"):
                    db.execute(f"SELECT count(*) FROM (SELECT * FROM {table} LIMIT 10000)").fetchone()  # noqa: S608  four names
                db.execute("SELECT * FROM calls ORDER BY at_ms DESC LIMIT 100").fetchall()
            if path.stat().st_size < CHECKED_WHOLE:
                verdict = str(db.execute("PRAGMA quick_check(1)").fetchone()[0])
                return "" if verdict == "ok" else verdict.splitlines()[-1]
        finally:
            db.close()
    except sqlite3.OperationalError as error:
        # Locked or not permitted is no damage: `connect` says what to do. A table that is missing is.
        return str(error) if "no such" in str(error) else ""
    except sqlite3.DatabaseError as error:
        return str(error)
    return ""


def _quarantine(path: Path, why: str, found: Recovery) -> None:
    kind = "newer" if "newer" in why else "broken"
    number = 1
    while (aside := path.with_name(f"{path.name}.{kind}-{number}")).exists():
        number += 1
    for suffix in ("", "-wal", "-shm"):
        side = path.with_name(path.name + suffix)
        if side.exists():
            side.rename(aside.with_name(aside.name + suffix))
    found.quarantined = str(aside)
    found.lines.append(f"the ledger cannot be used ({why}): it was set aside as {aside.name} and a new one begun")
