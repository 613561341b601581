"""The ledger's tables, as numbered migrations. Each runs in a transaction with the record of it, so a crash loses nothing (I23).

Money is integer nano-dollars, times are Unix milliseconds UTC. A call under way is a row of `holds`; when it ends the hold
goes and its row of `calls`, its attempts, the roll-ups of its hour and its day and the budgets' sums are written in one
transaction. Roll-ups hold every dimension at once; `days` are the user's own days, as the writer's clock had them: a year
of a busy desk is some ten thousand rows there, so no chart reads the calls. Tables of long rows have a rowid: without one
a row over 1,002 bytes takes an overflow page of its own (4.9 KB a call, measured, against 2.3).
"""

import contextlib
import os
import sqlite3
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from turnout.errors import LedgerError

_ROLLED = """
  tier TEXT NOT NULL, provider TEXT NOT NULL, model TEXT NOT NULL, client TEXT NOT NULL,
  developer TEXT NOT NULL, department TEXT NOT NULL, project TEXT NOT NULL,
  calls INTEGER NOT NULL, refused INTEGER NOT NULL, failed INTEGER NOT NULL, cost INTEGER NOT NULL, baseline INTEGER NOT NULL,
  all_fast INTEGER NOT NULL, energy INTEGER NOT NULL, uncached INTEGER NOT NULL, cache_read INTEGER NOT NULL,
  cache_write INTEGER NOT NULL, output INTEGER NOT NULL, reasoning INTEGER NOT NULL,
"""
_FIRST = f"""
CREATE TABLE calls (
  id TEXT NOT NULL UNIQUE, at_ms INTEGER NOT NULL, client TEXT, developer TEXT, department TEXT, project TEXT,
  session TEXT, parent_session TEXT, dialect TEXT, asked_model TEXT, provider TEXT, model TEXT, tier TEXT,
  grade TEXT, score REAL, confidence REAL, difficulty REAL, rule TEXT, reason TEXT, status TEXT NOT NULL,
  estimated INTEGER, disputed INTEGER, unpriced INTEGER,
  uncached INTEGER, cache_read INTEGER, cache_write_5m INTEGER, cache_write_1h INTEGER, output INTEGER, reasoning INTEGER,
  hold INTEGER, cost INTEGER, baseline INTEGER, all_fast INTEGER, overhead INTEGER, energy INTEGER, estimate INTEGER,
  first_byte_ms INTEGER, duration_ms INTEGER, queue_ms INTEGER, stream INTEGER, dropped TEXT, error TEXT, code TEXT,
  switch TEXT, observed TEXT, config TEXT, signals TEXT, features TEXT, buckets TEXT, note TEXT
);
CREATE INDEX calls_at ON calls (at_ms, id);
CREATE INDEX calls_session ON calls (session, at_ms);
CREATE TABLE attempts (
  call TEXT NOT NULL, number INTEGER NOT NULL, provider TEXT, model TEXT, tier TEXT, status TEXT,
  hold INTEGER, cost INTEGER, uncached INTEGER, cache_read INTEGER, cache_write_5m INTEGER, cache_write_1h INTEGER,
  output INTEGER, reasoning INTEGER, first_byte_ms INTEGER, duration_ms INTEGER, error TEXT, PRIMARY KEY (call, number)
) WITHOUT ROWID;
CREATE TABLE holds (id TEXT NOT NULL UNIQUE, at_ms INTEGER NOT NULL, nanos INTEGER NOT NULL, record TEXT NOT NULL);
CREATE TABLE rollups (
  hour INTEGER NOT NULL, {_ROLLED}
  PRIMARY KEY (hour, tier, provider, model, client, developer, department, project)
) WITHOUT ROWID;
CREATE TABLE spend (key TEXT PRIMARY KEY, nanos INTEGER NOT NULL, tokens INTEGER NOT NULL, calls INTEGER NOT NULL, at_ms INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE clients (
  name TEXT PRIMARY KEY, token_hash BLOB NOT NULL, department TEXT NOT NULL, project TEXT NOT NULL, created_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE kept (kind TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, at_ms INTEGER NOT NULL, PRIMARY KEY (kind, key)) WITHOUT ROWID;
CREATE INDEX kept_at ON kept (kind, at_ms);
"""
_SECOND = f"""
CREATE TABLE days (
  day TEXT NOT NULL, {_ROLLED}
  PRIMARY KEY (day, tier, provider, model, client, developer, department, project)
) WITHOUT ROWID;
INSERT INTO days SELECT date(hour * 3600, 'unixepoch', 'localtime') AS day, tier, provider, model, client, developer, department,
  project, sum(calls), sum(refused), sum(failed), sum(cost), sum(baseline), sum(all_fast), sum(energy), sum(uncached),
  sum(cache_read), sum(cache_write), sum(output), sum(reasoning)
  FROM rollups GROUP BY day, tier, provider, model, client, developer, department, project;
CREATE TABLE blocks (key TEXT PRIMARY KEY, nanos INTEGER NOT NULL, at_ms INTEGER NOT NULL) WITHOUT ROWID;
"""  # noqa: S608  our own names
_THIRD = """
ALTER TABLE calls ADD COLUMN service TEXT;
ALTER TABLE calls ADD COLUMN busy_ms INTEGER;
ALTER TABLE rollups ADD COLUMN estimated INTEGER NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN unpriced INTEGER NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN busy_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE days ADD COLUMN estimated INTEGER NOT NULL DEFAULT 0;
ALTER TABLE days ADD COLUMN unpriced INTEGER NOT NULL DEFAULT 0;
ALTER TABLE days ADD COLUMN busy_ms INTEGER NOT NULL DEFAULT 0;
"""
"""Counted from here on; calls before it are in the sums as neither: looking at each of ten million takes minutes."""
_FOURTH = """
CREATE TABLE bodies (
  client TEXT NOT NULL, hash BLOB NOT NULL, at_ms INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (client, hash)
);
CREATE INDEX bodies_at ON bodies (at_ms);
CREATE TABLE said (
  call TEXT NOT NULL, part TEXT NOT NULL, client TEXT NOT NULL, at_ms INTEGER NOT NULL, pieces TEXT NOT NULL, PRIMARY KEY (call, part)
) WITHOUT ROWID;
CREATE INDEX said_at ON said (at_ms);
"""
_FIFTH = """
CREATE INDEX calls_tier ON calls (tier, at_ms, id);
CREATE INDEX calls_client ON calls (client, at_ms, id);
CREATE INDEX calls_unusual ON calls (status, at_ms, id) WHERE status <> 'settled';
"""
"""Without them a filter that few of ten million calls pass reads all twelve gigabytes: eight minutes, measured, against 5 ms."""
_SIXTH = """
ALTER TABLE calls ADD COLUMN graded_by TEXT;
ALTER TABLE rollups ADD COLUMN graded INTEGER NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN from_cache INTEGER NOT NULL DEFAULT 0;
ALTER TABLE days ADD COLUMN graded INTEGER NOT NULL DEFAULT 0;
ALTER TABLE days ADD COLUMN from_cache INTEGER NOT NULL DEFAULT 0;
"""
"""The intent cache's hit rate of any range; the calls before it count as not graded."""
_SEVENTH = """
CREATE TABLE numbered_holds (
  number INTEGER PRIMARY KEY, id TEXT NOT NULL, at_ms INTEGER NOT NULL, nanos INTEGER NOT NULL, record TEXT NOT NULL
);
INSERT INTO numbered_holds SELECT rowid, id, at_ms, nanos, record FROM holds;
DROP TABLE holds;
ALTER TABLE numbered_holds RENAME TO holds;
"""
"""The writer numbers holds itself. Without an index of their ids a hold's commit writes one page in place of two (12.4 us before, 8.0
after), and what ends it finds it at once; the few that are there at a time are searched by id quickly enough."""
_EIGHTH = ""
"""A hold's record holds what is known of a call under way, no longer a whole row; those written as one are read all the same."""
STEPS: tuple[tuple[str, str], ...] = (
    ("0001_ledger", _FIRST),
    ("0002_days_and_blocks", _SECOND),
    ("0003_busy_and_unsure", _THIRD),
    ("0004_bodies", _FOURTH),
    ("0005_filters", _FIFTH),
    ("0006_graded_by", _SIXTH),
    ("0007_numbered_holds", _SEVENTH),
    ("0008_short_holds", _EIGHTH),
)
VERSION = len(STEPS)
"""`PRAGMA user_version` of a ledger this code reads; a larger one is from a newer Turnout and is not touched."""


def migrations(steps: Sequence[tuple[str, str]] = STEPS) -> Any:
    """sqlite-utils' own runner; imported only when there is something to do, for it costs 190 ms of start."""
    from sqlite_utils import Migrations

    found = Migrations("turnout")
    for number, (name, statements) in enumerate(steps, 1):

        @found(name=name)
        def step(db: Any, number: int = number, statements: str = statements) -> None:
            for statement in statements.split(";"):
                if statement.strip():
                    db.execute(statement)
            # In the same transaction: a reader never sees the new tables under the old number, nor half of them.
            db.execute(f"PRAGMA user_version={number}")

    return found


def connect(path: Path, *, wait_s: float = 5.0) -> sqlite3.Connection:
    """The writer's connection; makes file and tables when they are missing.

    Raises LedgerError when the file is not a ledger, is from a newer version, or belongs to somebody else. `wait_s` is
    how long a write waits for another process's lock.
    """
    _own_file(path)
    try:
        db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=wait_s)
        version = int(db.execute("PRAGMA user_version").fetchone()[0])
        if version > VERSION:
            db.close()
            raise NewerLedgerError(
                f"{path.name} was written by a newer Turnout (version {version}, this one reads {VERSION}).",
                hint="Update Turnout; nothing in the file was changed.",
            )
        if version == 0:
            db.execute(
                "PRAGMA auto_vacuum=INCREMENTAL"
            )  # so that retention gives space back; only before the first table
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=NORMAL")
        if version < VERSION:
            from sqlite_utils import Database

            migrations().apply(Database(db))
    except sqlite3.DatabaseError as error:
        raise LedgerError(
            f"{path.name} cannot be used: {error}.", hint="`turnout doctor` says what can be done."
        ) from error
    return db


class NewerLedgerError(LedgerError):
    """A downgrade: the file is left as it is."""


def _own_file(path: Path) -> None:
    """Mode 0600 whatever the umask; never through a symlink, never somebody else's file or folder (T06, T25).

    A file that is there is not opened: closing it would drop the locks that SQLite holds on it in this process (POSIX), and the next
    program that opens and closes the ledger would take itself for the last one and delete the log that we go on writing to.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _only_ours(path.parent, path.parent.lstat())
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        found = path.lstat()
        _only_ours(path, found)
        if stat.S_IMODE(found.st_mode) != 0o600 and hasattr(os, "getuid"):
            path.chmod(0o600)
    except OSError as error:
        raise LedgerError(
            f"{path} cannot be opened: {error.strerror}.",
            hint="Check who owns the file and its folder, and the space left.",
        ) from error


def _only_ours(path: Path, found: os.stat_result) -> None:
    if not hasattr(os, "getuid"):
        return
    if stat.S_ISLNK(found.st_mode):
        raise LedgerError(f"{path} is a symbolic link.", hint="Name the real folder, or move the link away.")
    if found.st_uid != os.getuid():
        raise LedgerError(f"{path} belongs to another user.", hint="Move it away; Turnout makes a new one.")
    if found.st_mode & 0o022:
        raise LedgerError(
            f"{path} can be written by other users.", hint=f"Run `chmod go-w '{path}'`, after a look at who changed it."
        )
