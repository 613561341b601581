"""The ledger's tables, as numbered migrations. Each runs in a transaction with the record of it, so a crash loses nothing (I23).

Money is integer nano-dollars, times are Unix milliseconds UTC. A call under way is a row of `holds`; when it ends the hold
goes and its row of `calls`, its attempts, the hour's roll-up and the budgets' sums are written in one transaction.
"""

import os
import sqlite3
from pathlib import Path
from typing import Any

from turnout.errors import LedgerError

VERSION = 1
"""`PRAGMA user_version` of a ledger this code reads; a larger one is from a newer Turnout and is not touched."""

_FIRST = """
CREATE TABLE calls (
  id TEXT PRIMARY KEY, at_ms INTEGER NOT NULL, client TEXT, developer TEXT, department TEXT, project TEXT,
  session TEXT, parent_session TEXT, dialect TEXT, asked_model TEXT, provider TEXT, model TEXT, tier TEXT,
  grade TEXT, score REAL, confidence REAL, difficulty REAL, rule TEXT, reason TEXT, status TEXT NOT NULL,
  estimated INTEGER, disputed INTEGER, unpriced INTEGER,
  uncached INTEGER, cache_read INTEGER, cache_write_5m INTEGER, cache_write_1h INTEGER, output INTEGER, reasoning INTEGER,
  hold INTEGER, cost INTEGER, baseline INTEGER, all_fast INTEGER, overhead INTEGER, energy INTEGER, estimate INTEGER,
  first_byte_ms INTEGER, duration_ms INTEGER, queue_ms INTEGER, stream INTEGER, dropped TEXT, error TEXT, code TEXT,
  switch TEXT, observed TEXT, config TEXT, signals TEXT, features TEXT, buckets TEXT, note TEXT
) WITHOUT ROWID;
CREATE INDEX calls_at ON calls (at_ms);
CREATE INDEX calls_session ON calls (session, at_ms);
CREATE TABLE attempts (
  call TEXT NOT NULL, number INTEGER NOT NULL, provider TEXT, model TEXT, tier TEXT, status TEXT,
  hold INTEGER, cost INTEGER, uncached INTEGER, cache_read INTEGER, cache_write_5m INTEGER, cache_write_1h INTEGER,
  output INTEGER, reasoning INTEGER, first_byte_ms INTEGER, duration_ms INTEGER, error TEXT, PRIMARY KEY (call, number)
) WITHOUT ROWID;
CREATE TABLE holds (id TEXT PRIMARY KEY, at_ms INTEGER NOT NULL, nanos INTEGER NOT NULL, record TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE rollups (
  hour INTEGER NOT NULL, tier TEXT NOT NULL, provider TEXT NOT NULL, model TEXT NOT NULL, client TEXT NOT NULL,
  developer TEXT NOT NULL, department TEXT NOT NULL, project TEXT NOT NULL,
  calls INTEGER NOT NULL, refused INTEGER NOT NULL, failed INTEGER NOT NULL, cost INTEGER NOT NULL, baseline INTEGER NOT NULL,
  all_fast INTEGER NOT NULL, energy INTEGER NOT NULL, uncached INTEGER NOT NULL, cache_read INTEGER NOT NULL,
  cache_write INTEGER NOT NULL, output INTEGER NOT NULL, reasoning INTEGER NOT NULL,
  PRIMARY KEY (hour, tier, provider, model, client, developer, department, project)
) WITHOUT ROWID;
CREATE TABLE spend (key TEXT PRIMARY KEY, nanos INTEGER NOT NULL, tokens INTEGER NOT NULL, calls INTEGER NOT NULL, at_ms INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE clients (
  name TEXT PRIMARY KEY, token_hash BLOB NOT NULL, department TEXT NOT NULL, project TEXT NOT NULL, created_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE kept (kind TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, at_ms INTEGER NOT NULL, PRIMARY KEY (kind, key)) WITHOUT ROWID;
CREATE INDEX kept_at ON kept (kind, at_ms);
"""


def migrations() -> Any:
    """sqlite-utils' own runner; imported only when there is something to do, for it costs 190 ms of start."""
    from sqlite_utils import Migrations

    steps = Migrations("turnout")

    @steps(name="0001_ledger")
    def first(db: Any) -> None:
        for statement in _FIRST.split(";"):
            if statement.strip():
                db.execute(statement)

    return steps


def connect(path: Path) -> sqlite3.Connection:
    """The writer's connection; makes file and tables when they are missing.

    Raises LedgerError when the file is not a ledger, is from a newer version, or belongs to somebody else.
    """
    _own_file(path)
    try:
        db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5.0)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=NORMAL")
        db.execute("PRAGMA wal_autocheckpoint=2000")
        version = int(db.execute("PRAGMA user_version").fetchone()[0])
        if version > VERSION:
            db.close()
            raise LedgerError(
                f"{path.name} was written by a newer Turnout (version {version}, this one reads {VERSION}).",
                hint="Update Turnout; nothing in the file was changed.",
            )
        if version < VERSION:
            from sqlite_utils import Database

            migrations().apply(Database(db))
            db.execute(f"PRAGMA user_version={VERSION}")
    except sqlite3.DatabaseError as error:
        raise LedgerError(
            f"{path.name} cannot be used: {error}.", hint="`turnout doctor` says what can be done."
        ) from error
    for suffix in ("", "-wal", "-shm"):
        side = path.with_name(path.name + suffix)
        if side.exists():
            side.chmod(0o600)
    return db


def _own_file(path: Path) -> None:
    """Mode 0600 whatever the umask; never through a symlink, never somebody else's file (T25)."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
    except OSError as error:
        raise LedgerError(
            f"{path} cannot be opened: {error.strerror}.", hint="Check who owns the file and its folder."
        ) from error
    try:
        if hasattr(os, "getuid") and os.fstat(handle).st_uid != os.getuid():
            raise LedgerError(f"{path} belongs to another user.", hint="Move it away; Turnout makes a new one.")
    finally:
        os.close(handle)
