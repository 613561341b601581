"""The one writer: a thread with a queue. What waits together is committed together; the event loop is woken once a batch.

NORMAL commits are safe under kill -9 (the operating system holds the pages), which is what a hold must survive: p50 11 us
against 2.2 ms for FULL; `blocks` says how a power cut is covered. A disk that refuses a write fails those who wait for a hold
at once, so that nothing is spent unrecorded; what has been spent already stays in memory and is tried again until the disk
takes it, and goes to a file beside the ledger when Turnout stops first. Only the proxy imports this module.
"""

import asyncio
import logging
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from turnout.calls.record import CallRecord
from turnout.calls.units import Json
from turnout.errors import LedgerError
from turnout.ledger import blocks, bodies
from turnout.ledger.blocks import Blocks
from turnout.ledger.entries import (
    Write,
    all_settled,
    keep,
    keep_all,
    write_grade,
    write_hold,
    write_holds,
    write_settled,
)
from turnout.ledger.rows import dumped
from turnout.ledger.schema import connect
from turnout.ledger.snapshot import Known, Snapshot, spill
from turnout.ledger.tidy import Tidied, give_back, tidy
from turnout.routing.facts import Grading

log = logging.getLogger("turnout.ledger")

UNWRITTEN_KEPT = 50_000
"""Settled calls kept in memory while the disk refuses them; past this they go to the file that the next start reads."""
RETRY_S = 0.5
LATER_S = 0.05
"""That an ended call may wait for others: written 20 at a time it takes the thread 70 us, 50 at a time 45, 100 at a time 34."""
MOST = 1_000
"""Written at once: what piles up while the disk refuses is not turned into rows all together."""
MANY = 8
"""Calls under way above which holds are gathered. Not to gather saves 0.014 ms of loop time where calls come one by one, and costs
0.010 where 64 come at once (tests/bench/ledger_bench.py)."""
CHECKPOINT_PAGES = 2_000


@dataclass(slots=True)
class Job:
    """Statements that belong in one transaction, and who waits for them."""

    settles: CallRecord | None = None
    number: int = 0
    """Of the call's hold in the ledger; 0: it has none."""
    run: Write | None = None
    """Of a job that is neither a hold nor a settled call."""
    waits: "asyncio.Future[None] | None" = None
    kept: bool = False
    """Must not be lost: tried again until the disk takes it."""
    hold: CallRecord | None = None
    after: Write | None = None
    """Done when the transaction is committed."""


class Writer:
    """`held` returns when the hold is committed; `settle` and the others are queued."""

    def __init__(self, path: Path, loop: asyncio.AbstractEventLoop, *, wait_s: float = 5.0) -> None:
        """Raises LedgerError when the ledger cannot be opened. `wait_s`: how long a write waits for another's lock."""
        self.path = path
        self._loop = loop
        self._db = connect(path, wait_s=wait_s)
        self._file = _identity(path)
        # Checkpoints come when nobody waits (`_rest`): one in a commit made holds wait 20 ms and more.
        self._db.execute("PRAGMA wal_autocheckpoint=0")
        self._quick = connect(path, wait_s=0)
        self._quick.execute("PRAGMA wal_autocheckpoint=0")
        self._busy = threading.Lock()
        """Held by whoever writes; the event loop only ever tries it."""
        blocks.begun(self._db)
        self._blocks = Blocks(self._db)
        self._snapshot = Snapshot(path, self._db, self._blocks.open)
        self._jobs: deque[Job] = deque()
        self._numbers: dict[str, int] = {}
        """Call under way -> the number its hold has in the ledger."""
        self._number = int(self._db.execute("SELECT coalesce(max(number),0) FROM holds").fetchone()[0])
        self._gathered: list[tuple[int, CallRecord, asyncio.Future[None]]] = []
        self._wake = threading.Condition()
        self._closing = False
        self._waking = False
        self._due = False
        """The queue has waited its time, or somebody waits; kept for a thread that is at work when it is told so."""
        self._unchecked = 0
        self.problem = ""
        """Why the last write failed; empty while all is well."""
        self.unwritten = 0
        """Settled calls that wait in memory for a disk that refuses them."""
        self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)
        self._thread.start()

    # --- from the event loop ---

    async def held(self, record: CallRecord) -> None:
        """Raises LedgerError when the hold could not be written: the call must not be sent then.

        Committed right here while the thread is not at work: with a hand-over to it and back a call took 0.91 ms of CPU in place of
        0.56, most of it turns of the interpreter's lock (tests/bench/call_bench.py). While many calls are under way those that one
        turn of the event loop brings share a commit; else a future and a turn would cost more than that saves.
        """
        if self.problem and not record.hold:
            # It costs nothing, so it does not wait five seconds for a file that is locked; its row is written when it ends.
            return
        number = self._numbers.get(record.id)
        if number is None:
            number = self._numbers[record.id] = self._number = self._number + 1
        if len(self._numbers) <= MANY and self._held_here([(number, record)]):
            return
        waits: asyncio.Future[None] = self._loop.create_future()
        if not self._gathered:
            self._loop.call_soon(self._hold_gathered)
        self._gathered.append((number, record, waits))
        await waits

    def _hold_gathered(self) -> None:
        # Who was cancelled meanwhile is settled by now: a hold written after that would never end.
        gathered = [one for one in self._gathered if not one[2].done()]
        self._gathered.clear()
        written = set(self._held_here([(number, record) for number, record, _ in gathered]))
        for number, record, waits in gathered:
            if number in written:
                waits.set_result(None)
            else:
                self._put(Job(waits=waits, hold=record, number=number))

    def _held_here(self, holds: list[tuple[int, CallRecord]]) -> list[int]:
        """Takes holds with their numbers; the numbers of those it wrote. The others are the thread's: it is at work, a block of credit must move (2 ms), or the file is locked or
        refuses."""
        if self.problem or not self._busy.acquire(blocking=False):
            return []
        try:
            if self._closing:
                return []
            takes = self._blocks.takes
            covered = [one for one in holds if takes(one[1].id, one[1].hold, one[1].buckets)]
            try:
                write_holds(self._quick, covered)
            except sqlite3.Error:
                for _, record in covered:
                    self._blocks.settle(record.id, 0, ())
                return []
            self._snapshot.changed = True
            return [number for number, _ in covered]
        finally:
            self._busy.release()

    def settle(self, record: CallRecord) -> None:
        """Once per call: a second one changes nothing. Never lost silently; `unwritten` counts what waits for the disk."""
        self._put(Job(record, self._numbers.pop(record.id, 0), kept=True))

    def graded_afterwards(self, call: str, graded: Grading) -> None:
        """The grade of a call that ended without one; its roll-ups were counted then, and count none. Lost when the disk refuses it."""
        if graded.by != "none":
            self._put(Job(run=lambda db: write_grade(db, call, graded)))

    def keep(self, kind: str, key: str, value: Json, at_ms: int) -> None:
        """A small thing by kind and key (session memory, intents, mode, credits, thumbs...); the last one wins."""
        self._put(Job(run=lambda db: keep(db, kind, key, dumped(value), at_ms), kept=True))

    def keep_many(self, kind: str, rows: list[tuple[str, Json, int]]) -> None:
        """The same for many: (key, value, at_ms)."""
        if rows:
            self._put(
                Job(run=lambda db: keep_all(db, kind, [(k, dumped(v), at_ms) for k, v, at_ms in rows]), kept=True)
            )

    def drop(self, kind: str, key: str) -> None:
        self._put(Job(run=lambda db: _execute(db, "DELETE FROM kept WHERE kind=? AND key=?", (kind, key)), kept=True))

    def release_lost(self, key: str) -> None:
        """The user says that what a power cut left unknown in this bucket was not spent."""
        self.drop("lost", key)

    async def write_client(self, name: str, token_hash: bytes, department: str, project: str, at_ms: int) -> None:
        row = (name, token_hash, department, project, at_ms)
        await self._awaited(lambda db: _execute(db, "INSERT OR REPLACE INTO clients VALUES (?,?,?,?,?)", row))

    async def drop_client(self, name: str) -> None:
        await self._awaited(lambda db: _execute(db, "DELETE FROM clients WHERE name=?", (name,)))

    def keep_bodies(self, call: str, client: str, at_ms: int, parts: tuple[bodies.Packed, ...]) -> None:
        """Texts of a call, masked; lost when the disk refuses them."""
        self._put(Job(run=lambda db: bodies.write(db, call, client, at_ms, parts)))

    async def tidy(self, *, keep_days: int, max_mb: int, now_ms: int, bodies_days: int = 0) -> Tidied:
        """Retention: single calls past their time or over the size go, oldest first; the roll-ups stay. Short steps, each
        its own transaction, so that holds pass between them."""
        total = Tidied()
        while True:
            done = Tidied()

            def step(db: sqlite3.Connection, done: Tidied = done) -> None:
                tidy(db, done, keep_days=keep_days, max_mb=max_mb, now_ms=now_ms, bodies_days=bodies_days)

            await self._awaited(step, after=give_back)
            total.calls += done.calls
            total.small += done.small
            if not done.more:
                return total

    async def flush(self) -> None:
        """Everything queued before this is committed when it returns. Raises LedgerError when that cannot be."""
        await self._awaited(None)

    def close(self) -> None:
        """Writes what is queued, then closes; blocks for at most ten seconds."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join(timeout=10)

    async def _awaited(self, run: Write | None, after: Write | None = None) -> None:
        waits: asyncio.Future[None] = self._loop.create_future()
        self._put(Job(run=run, waits=waits, after=after))
        await waits

    def _put(self, job: Job) -> None:
        """A job that somebody waits for wakes the thread; the others go with it, or `LATER_S` later: each wake-up costs both
        threads a turn of the interpreter's lock (310 of 1,600 samples under load when every job woke it)."""
        if not self._closing:
            # The queue itself needs no lock, and only the loop closes the writer.
            self._jobs.append(job)
            if job.waits is not None:
                with self._wake:
                    self._due = True
                    self._wake.notify()
            elif not self._waking:
                self._waking = True
                self._loop.call_later(LATER_S, self._wake_later)
        elif job.waits is not None:
            job.waits.set_exception(LedgerError("The ledger is closed: Turnout is stopping."))
        elif job.settles is not None:
            log.error("call %s ended after the ledger was closed: the next start charges it as held", job.settles.id)

    def _wake_later(self) -> None:
        with self._wake:
            self._waking = False
            self._due = True
            self._wake.notify()

    # --- the thread ---

    def _run(self) -> None:
        while True:
            with self._wake:
                if not self._closing and not self._due:
                    self._wake.wait(self._snapshot.due_s(time.monotonic()))
                closing = self._closing
                batch = [
                    self._jobs.popleft() for _ in range(len(self._jobs) if closing else min(len(self._jobs), MOST))
                ]
                self._due = bool(self._jobs)
            if batch:
                self._write(batch, closing=closing)
            self._rest(busy=bool(batch))
            if closing and not self._jobs:
                break
        self._finish()

    def _write(self, batch: list[Job], *, closing: bool) -> None:
        try:
            self._commit(batch)
        except (
            Exception
        ) as error:  # the boundary of the disk, and of a job: one bad entry must not take the others with it
            if _refused_all(error):
                self._failed(batch, error, closing=closing)
            elif len(batch) > 1:
                for job in batch:
                    self._write([job], closing=closing)
            else:
                log.exception("one entry could not be written and is left out")
                self._tell(_waiting(batch), LedgerError(f"This could not be written to the ledger: {error}."))
        else:
            self.problem = ""
            self._tell(_waiting(batch), None)

    def _commit(self, batch: list[Job]) -> None:
        """Holds first, then settled calls (one that left while its hold waited is among both), then the rest in its order."""
        holds = {job.number: job.hold for job in batch if job.hold is not None}
        settled = [job.settles for job in batch if job.settles is not None]
        ended = [job.number for job in batch if job.settles is not None and job.number]
        together = all_settled(settled, ended) if len(settled) > 1 else None
        with self._busy:
            moved = self._moved(holds.values())
            counted = True
            with self._transaction(holds.values(), moved) as db:
                for number, record in holds.items():
                    write_hold(db, record, number)
                if together is not None:
                    together(db)
                elif settled:
                    counted = write_settled(db, settled[0])
                for job in batch:
                    if job.run is not None:
                        job.run(db)
            for record in settled:
                self._count(record, record.buckets if counted else ())
            self._snapshot.changed |= bool(holds)
            for job in batch:
                if job.after is not None:
                    job.after(self._db)
        self.unwritten = 0
        self._unchecked += len(batch)

    def _count(self, record: CallRecord, keys: tuple[str, ...]) -> None:
        """A call that ended, and is on disk, in place of its hold."""
        self._blocks.settle(record.id, record.cost, keys)
        self._snapshot.settled(record, keys)

    def _moved(self, holds: Iterable[CallRecord]) -> dict[str, int]:
        """Takes the holds. Bucket -> its new mark, of those that must move before the holds may be committed."""
        now_s = time.monotonic()
        moved: dict[str, int] = {}
        for record in holds:
            if record.buckets:
                moved |= self._blocks.hold(record.id, record.hold, record.buckets, now_s)
        return moved

    @contextmanager
    def _transaction(self, holds: Iterable[CallRecord], moved: dict[str, int]) -> Iterator[sqlite3.Connection]:
        """Durable against a power cut where marks move. When it fails, the holds that were taken are given back."""
        db = self._db
        try:
            if moved:
                db.execute("PRAGMA synchronous=FULL")
            db.execute("BEGIN IMMEDIATE")
            yield db
            if moved:
                write_marks_now(db, moved)
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            for record in holds:
                self._blocks.settle(record.id, 0, ())
            self._blocks.unmoved(moved)
            raise
        finally:
            if moved:
                db.execute("PRAGMA synchronous=NORMAL")

    def _failed(self, batch: list[Job], error: Exception, *, closing: bool) -> None:
        """Those who wait are told at once; what must not be lost goes back to the head of the queue."""
        if not self.problem:
            log.error("the ledger could not be written: %s", error)
        self.problem = str(error)
        kept = [job for job in batch if job.kept]
        over = kept[:-UNWRITTEN_KEPT]
        if closing or over:
            self._spill(kept if closing else over)
        kept = [] if closing else kept[-UNWRITTEN_KEPT:]
        self.unwritten = sum(job.settles is not None for job in kept)
        told = LedgerError(f"The ledger cannot be written: {error}.", hint="Free disk space or unlock the file.")
        self._tell(_waiting(batch), told)
        if kept:
            with self._wake:
                self._jobs.extendleft(reversed(kept))
                self._wake.wait(RETRY_S)
                # Again, also when no call comes to wake the thread.
                self._due = True

    def _spill(self, jobs: list[Job]) -> None:
        records = [job.settles for job in jobs if job.settles is not None]
        if not records:
            return
        try:
            spill(self.path, records)
        except OSError as error:
            log.error(
                "%d ended calls could not be written: their holds are charged at the next start (%s)",
                len(records),
                error,
            )
            return
        log.error("%d ended calls wait beside the ledger for the next start", len(records))
        with self._busy:
            for record in records:
                # The snapshot must not tell their holds as well: a ledger set aside would begin anew with both.
                self._count(record, record.buckets)

    def _rest(self, *, busy: bool) -> None:
        """What nobody waits for: the snapshot, and moving the write-ahead log into the file."""
        now = time.monotonic()
        try:
            self._snapshot.write_if_due(now)
            # Idle, or so much waits that the log would grow without end under a load that never rests.
            if self._unchecked >= CHECKPOINT_PAGES and (
                not (busy and self._jobs) or self._unchecked > 20 * CHECKPOINT_PAGES
            ):
                self._unchecked = 0
                self._db.execute("PRAGMA wal_checkpoint(PASSIVE)")
        except (sqlite3.Error, OSError) as error:
            log.warning("the ledger could not be tidied: %s", error)

    def _finish(self) -> None:
        try:
            if not self.problem:
                self._db.execute("PRAGMA synchronous=FULL")
                blocks.ended(self._db)
            self._snapshot.write()
        except (sqlite3.Error, OSError) as error:
            log.warning("the ledger was closed without its last snapshot: %s", error)
        with self._busy:
            self._db.close()
            self._quick.close()

    def _tell(self, waiting: "list[asyncio.Future[None]]", error: LedgerError | None) -> None:
        if waiting and not self._loop.is_closed():
            try:
                self._loop.call_soon_threadsafe(_resolve, waiting, error)
            except RuntimeError:  # the loop closed in between: nobody waits any more
                log.debug("nobody waited for %d entries", len(waiting))

    @property
    def adrift(self) -> bool:
        """Whether the file was deleted, moved or replaced under us: what we write then stands nowhere that anybody will look (2 us)."""
        return _identity(self.path) != self._file

    def known(self) -> Known:
        """Every bucket's spend and open holds as last committed; for a test of the snapshot and for `doctor`."""
        return self._snapshot.known()


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_dev, found.st_ino)


def _refused_all(error: Exception) -> bool:
    """The disk or the file, not the entry: full, read-only, locked, damaged. Nothing gets better by trying one by one."""
    return isinstance(error, sqlite3.OperationalError | OSError) or type(error) is sqlite3.DatabaseError


def _waiting(batch: list[Job]) -> "list[asyncio.Future[None]]":
    return [job.waits for job in batch if job.waits is not None]


def write_marks_now(db: sqlite3.Connection, moved: dict[str, int]) -> None:
    blocks.write_marks(db, moved, time.time_ns() // 1_000_000)


def _resolve(waiting: "list[asyncio.Future[None]]", error: LedgerError | None) -> None:
    for future in waiting:
        if not future.done():
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)


def _execute(db: sqlite3.Connection, sql: str, row: tuple[str | int | bytes, ...]) -> None:
    db.execute(sql, row)
