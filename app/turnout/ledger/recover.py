"""What a start does with what a crash left: open holds are charged as held, a broken file is set aside, sums are kept.

The snapshot is a small JSON file beside the ledger with every budget's spend; it is written at every clean stop and every
few seconds under way, so that a corrupted ledger never resets a budget to zero (I12).
"""

import os
import sqlite3
from dataclasses import dataclass, field, replace
from pathlib import Path

import orjson

from turnout.calls.units import Nanos, Status
from turnout.errors import LedgerError
from turnout.ledger.rows import record_of
from turnout.ledger.schema import VERSION, connect
from turnout.ledger.writer import write_settled


@dataclass(slots=True)
class Recovery:
    """What was found; each line is for `doctor` and the log."""

    charged: int = 0
    """Open holds charged as held."""
    quarantined: str = ""
    """Where a broken ledger was moved."""
    lines: list[str] = field(default_factory=list)


def snapshot_path(ledger: Path) -> Path:
    return ledger.with_name("spend.json")


def recover(path: Path) -> Recovery:
    """Leaves a ledger that can be opened. Raises LedgerError only when nothing can be written there at all."""
    found = Recovery()
    if path.exists() and path.stat().st_size:
        broken = _broken(path)
        if broken:
            _quarantine(path, broken, found)
    db = connect(path)
    try:
        if found.quarantined:
            _restore_spend(db, snapshot_path(path), found)
        rows = db.execute("SELECT record FROM holds").fetchall()
        if rows:
            db.execute("BEGIN IMMEDIATE")
            for (text,) in rows:
                record = record_of(tuple(orjson.loads(text)))
                write_settled(
                    db,
                    replace(
                        record,
                        status=Status.ABORTED,
                        estimated=True,
                        disputed=True,
                        cost=Nanos(record.hold),
                        note="open hold found at start: charged as held",
                    ),
                )
            db.execute("COMMIT")
            found.charged = len(rows)
            found.lines.append(f"{len(rows)} calls were cut off by the last stop and are charged as held")
    except sqlite3.DatabaseError as error:
        raise LedgerError(
            f"{path.name} cannot be written: {error}.", hint="Check disk space and who owns the file."
        ) from error
    finally:
        db.close()
    return found


def _broken(path: Path) -> str:
    """Why this file cannot serve; empty when it can. A newer version is not broken: it is refused, untouched."""
    try:
        db = sqlite3.connect(f"file:{path}?mode=rw", uri=True, timeout=5.0)
        try:
            version = int(db.execute("PRAGMA user_version").fetchone()[0])
            if version > VERSION:
                return ""
            # quick_check reads the whole file (seconds for gigabytes); the two tables that a start needs tell enough.
            db.execute("SELECT count(*) FROM (SELECT * FROM holds LIMIT 1000)").fetchone() if version else None
            db.execute("SELECT * FROM calls ORDER BY at_ms DESC LIMIT 100").fetchall() if version else None
            if path.stat().st_size < 64_000_000:
                verdict = str(db.execute("PRAGMA quick_check(1)").fetchone()[0])
                return "" if verdict == "ok" else verdict
        finally:
            db.close()
    except sqlite3.OperationalError as error:
        return "" if "locked" in str(error) else str(error)
    except sqlite3.DatabaseError as error:
        return str(error)
    return ""


def _quarantine(path: Path, why: str, found: Recovery) -> None:
    number = 1
    while (aside := path.with_name(f"{path.name}.broken-{number}")).exists():
        number += 1
    for suffix in ("", "-wal", "-shm"):
        side = path.with_name(path.name + suffix)
        if side.exists():
            side.rename(aside.with_name(aside.name + suffix))
    found.quarantined = str(aside)
    found.lines.append(f"the ledger was damaged ({why}); it was set aside as {aside.name} and a new one begun")


def _restore_spend(db: sqlite3.Connection, snapshot: Path, found: Recovery) -> None:
    try:
        doc = orjson.loads(snapshot.read_bytes())
        rows = [(str(k), int(v[0]), int(v[1]), int(v[2]), int(v[3])) for k, v in doc["spend"].items()]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError):
        found.lines.append("no readable snapshot of the budgets was found: their spend begins at zero")
        return
    db.executemany("INSERT OR REPLACE INTO spend VALUES (?,?,?,?,?)", rows)
    found.lines.append(f"budgets go on at their last known spend ({len(rows)} of them)")


def write_snapshot(ledger: Path, spend: dict[str, tuple[int, int, int, int]]) -> None:
    """Atomic: never half a file."""
    target = snapshot_path(ledger)
    temp = target.with_name(f".{target.name}.{os.getpid()}")
    handle = os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0), 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(orjson.dumps({"spend": spend}))
        file.flush()
        os.fsync(file.fileno())
    temp.replace(target)
