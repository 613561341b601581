"""The one writer: a thread with a queue. What waits together is committed together; the event loop is woken once a batch.

NORMAL commits are safe under kill -9 (the operating system holds the pages), which is what a hold must survive: p50 11 us
against 2.2 ms for FULL. Only the proxy imports this module.
"""

import asyncio
import logging
import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import orjson

from turnout.calls.record import CallRecord
from turnout.calls.units import Json, Status
from turnout.errors import LedgerError
from turnout.ledger.rows import ATTEMPT, INSERT, Value, attempt_values, values
from turnout.ledger.schema import connect

log = logging.getLogger("turnout.ledger")

UNWRITTEN_KEPT = 50_000
"""Settled calls kept in memory while the disk refuses them; past this the oldest are only in the log."""
RETRY_S = 0.5
_ROLLUP = """
INSERT INTO rollups VALUES (?,?,?,?,?,?,?,?, ?,?,?,?,?,?,?,?,?,?,?,?)
ON CONFLICT DO UPDATE SET calls=calls+excluded.calls, refused=refused+excluded.refused, failed=failed+excluded.failed,
  cost=cost+excluded.cost, baseline=baseline+excluded.baseline, all_fast=all_fast+excluded.all_fast, energy=energy+excluded.energy,
  uncached=uncached+excluded.uncached, cache_read=cache_read+excluded.cache_read, cache_write=cache_write+excluded.cache_write,
  output=output+excluded.output, reasoning=reasoning+excluded.reasoning
"""
_SPEND = """
INSERT INTO spend VALUES (?,?,?,1,?)
ON CONFLICT DO UPDATE SET nanos=nanos+excluded.nanos, tokens=tokens+excluded.tokens, calls=calls+1, at_ms=excluded.at_ms
"""
_KEEP = "INSERT OR REPLACE INTO kept VALUES (?,?,?,?)"


@dataclass(slots=True)
class Job:
    """Statements that belong in one transaction, and who waits for them."""

    run: Callable[[sqlite3.Connection], None]
    waits: "asyncio.Future[None] | None" = None
    durable: bool = False
    kept: bool = False
    """Must not be lost: tried again until the disk takes it."""


class Writer:
    """`held` returns when the hold is committed; `settle` and the others are queued."""

    def __init__(self, path: Path, loop: asyncio.AbstractEventLoop) -> None:
        """Raises LedgerError when the ledger cannot be opened."""
        self.path = path
        self._loop = loop
        self._db = connect(path)
        self._jobs: deque[Job] = deque()
        self._wake = threading.Condition()
        self._closing = False
        self.problem = ""
        """Why the last write failed; empty while all is well."""
        self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)
        self._thread.start()

    # --- from the event loop ---

    async def held(self, record: CallRecord) -> None:
        """Raises LedgerError when the hold could not be written: the call must not be sent then."""
        row = (record.id, record.at_ms, int(record.hold), packed(record))
        waits: asyncio.Future[None] = self._loop.create_future()
        self._put(Job(lambda db: _hold(db, row), waits))
        await waits

    def settle(self, record: CallRecord) -> None:
        self._put(Job(lambda db: write_settled(db, record), kept=True))

    def keep(self, kind: str, key: str, value: Json, at_ms: int) -> None:
        """A small thing by kind and key (session memory, intents, mode, credits, thumbs...); the last one wins."""
        text = orjson.dumps(value).decode()
        self._put(Job(lambda db: _execute(db, _KEEP, (kind, key, text, at_ms)), kept=True))

    def drop(self, kind: str, key: str) -> None:
        self._put(Job(lambda db: _execute(db, "DELETE FROM kept WHERE kind=? AND key=?", (kind, key)), kept=True))

    async def write_client(self, name: str, token_hash: bytes, department: str, project: str, at_ms: int) -> None:
        row = (name, token_hash, department, project, at_ms)
        await self._awaited(lambda db: _execute(db, "INSERT OR REPLACE INTO clients VALUES (?,?,?,?,?)", row))

    async def drop_client(self, name: str) -> None:
        await self._awaited(lambda db: _execute(db, "DELETE FROM clients WHERE name=?", (name,)))

    async def trim(self, before_ms: int) -> None:
        """Retention: single calls go, the roll-ups stay."""

        def run(db: sqlite3.Connection) -> None:
            db.execute(
                "DELETE FROM attempts WHERE call IN (SELECT id FROM calls WHERE at_ms < ? LIMIT 20000)", (before_ms,)
            )
            db.execute("DELETE FROM calls WHERE id IN (SELECT id FROM calls WHERE at_ms < ? LIMIT 20000)", (before_ms,))

        await self._awaited(run)

    async def flush(self) -> None:
        """Everything queued before this is on disk when it returns."""
        await self._awaited(lambda _: None)

    def close(self) -> None:
        """Writes what is queued, then closes; blocks for at most ten seconds."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join(timeout=10)

    async def _awaited(self, run: Callable[[sqlite3.Connection], None]) -> None:
        waits: asyncio.Future[None] = self._loop.create_future()
        self._put(Job(run, waits))
        await waits

    def _put(self, job: Job) -> None:
        if self._closing:
            if job.waits is not None:
                job.waits.set_exception(LedgerError("The ledger is closed: Turnout is stopping."))
            return
        with self._wake:
            self._jobs.append(job)
            if len(self._jobs) == 1:
                self._wake.notify()

    # --- the thread ---

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._jobs and not self._closing:
                    self._wake.wait()
                batch = list(self._jobs)
                self._jobs.clear()
                closing = self._closing
            if batch:
                self._write(batch, closing=closing)
            if closing and not self._jobs:
                break
        self._db.close()

    def _write(self, batch: list[Job], *, closing: bool) -> None:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            for job in batch:
                job.run(self._db)
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            self._failed(batch, error, closing=closing)
            return
        self.problem = ""
        waiting = [job.waits for job in batch if job.waits is not None]
        if waiting:
            self._loop.call_soon_threadsafe(_resolve, waiting, None)

    def _failed(self, batch: list[Job], error: sqlite3.Error, *, closing: bool) -> None:
        """Those who wait are told at once; what must not be lost goes back to the head of the queue."""
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")
        self.problem = str(error)
        log.error("the ledger could not be written: %s", error)
        waiting = [job.waits for job in batch if job.waits is not None]
        if waiting:
            told = LedgerError(f"The ledger cannot be written: {error}.", hint="Free disk space or unlock the file.")
            self._loop.call_soon_threadsafe(_resolve, waiting, told)
        kept = [job for job in batch if job.kept]
        if closing:
            if kept:
                log.error("%d rows could not be written before the end", len(kept))
            return
        with self._wake:
            self._jobs.extendleft(reversed(kept[-UNWRITTEN_KEPT:]))
            if kept:
                self._wake.wait(RETRY_S)


def _resolve(waiting: "list[asyncio.Future[None]]", error: LedgerError | None) -> None:
    for future in waiting:
        if not future.done():
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)


def _execute(db: sqlite3.Connection, sql: str, row: tuple[Value, ...]) -> None:
    db.execute(sql, row)


def _hold(db: sqlite3.Connection, row: tuple[Value, ...]) -> None:
    db.execute("INSERT OR REPLACE INTO holds VALUES (?,?,?,?)", row)


def write_settled(db: sqlite3.Connection, record: CallRecord) -> None:
    """Idempotent: a call that is in the ledger already is not counted twice."""
    db.execute("DELETE FROM holds WHERE id=?", (record.id,))
    if db.execute("SELECT 1 FROM calls WHERE id=?", (record.id,)).fetchone() is not None:
        return
    db.execute(INSERT, values(record))
    for number, attempt in enumerate(record.attempts):
        db.execute(ATTEMPT, attempt_values(record.id, number, attempt))
    u = record.usage
    db.execute(
        _ROLLUP,
        (
            record.at_ms // 3_600_000,
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
        ),
    )
    if record.status is not Status.REFUSED:
        for key in record.buckets:
            db.execute(_SPEND, (key, record.cost, u.prompt + u.produced, record.at_ms))


def packed(record: CallRecord) -> str:
    """The held record as JSON: what `recover` needs if we never come back to it."""
    return orjson.dumps(values(record)).decode()
