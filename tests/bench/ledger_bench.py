"""What the ledger costs the event loop, how many calls it takes a second, and how fast a large one answers.

    python tests/bench/ledger_bench.py                      calls written
    python tests/bench/ledger_bench.py --rows 10000000      questions to a ledger of ten million calls over a year (13 GB, some minutes)

Calls written, two cores shared with other work, Python 3.11, CPU time a call: one at a time 0.031 ms of the event loop's and 0.043
of the ledger's thread, 64 at once 0.016 and 0.033 (the loop's time moves little with other load, calls/s and waits much).

Measured on ten million rows over a year, 12.9 GB, two cores shared by some ten busy processes, Python 3.11, SQLite's own cache cold at
first: last 100 1.7 ms (1.4 at best), a year by day and tier 19 ms (38 the first time), by model 25 ms, a year's spend by client
27 ms, one call 0.05 ms, last 100 of one client 7 ms, a status that none has 0.02 ms (472 s before it had an index), a text that all
have 7 ms, one that none has 2.0 s (where a window's search ends), how many calls 0.1 ms (3.9 s when they were counted).
"""

import argparse
import asyncio
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from turnout.calls.record import Attempt, CallRecord
from turnout.calls.units import Grade, Nanos, Status, Tier, Tokens
from turnout.calls.usage import Usage
from turnout.ledger.callfilter import CallFilter
from turnout.ledger.entries import write_settled
from turnout.ledger.reader import Reader
from turnout.ledger.schema import connect
from turnout.ledger.writer import Writer

NOW_MS = 1_795_500_000_000
YEAR_MS = 365 * 86_400_000
BLOCK = 20_000
SESSION = 40
"""Calls in one."""
MODELS = (("openai", "gpt-5", Tier.HIGH), ("anthropic", "haiku", Tier.FAST), ("local", "qwen3-coder:30b", Tier.LOCAL))


def record(number: int, status: Status, at_ms: int = NOW_MS) -> CallRecord:
    provider, model, tier = MODELS[number % 3]
    done = status is Status.SETTLED
    return CallRecord(
        id=f"{number:020d}",
        at_ms=at_ms,
        client=f"client{number % 7}",
        developer="ada",
        department="platform",
        project=f"project{number % 3}",
        session=f"session{number // SESSION}",
        dialect="openai_chat",
        asked_model="auto",
        provider=provider,
        model=model,
        tier=tier,
        grade=Grade.HIGH,
        score=0.8,
        confidence=0.6,
        rule="everything else by grade",
        reason="grade HIGH: asks for a design",
        status=status,
        hold=Nanos(10_000_000),
        cost=Nanos(4_000_000 if done else 0),
        baseline=Nanos(9_000_000 if done else 0),
        usage=Usage(Tokens(1_000), Tokens(300), output=Tokens(60)) if done else Usage(),
        estimate=1_000,
        signals={"tokens": 1_000, "loop": False, "title": ""},
        features=tuple(n / 7 for n in range(30)),
        buckets=(f"a day's work|client=client{number % 7}|usd|day|2026-11-24",),
        attempts=(Attempt(provider, model, tier, "ok"),) if done else (),
    )


async def write_calls(count: int, at_once: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        writer = Writer(Path(folder) / "ledger.db", asyncio.get_running_loop())
        pairs = iter([(record(n, Status.HELD), record(n, Status.SETTLED)) for n in range(count)])
        waits: list[float] = []

        async def worker() -> None:
            for before, after in pairs:
                began = time.perf_counter()
                await writer.held(before)
                waits.append(time.perf_counter() - began)
                await asyncio.sleep(0)
                writer.settle(after)

        began, busy, all_busy = time.perf_counter(), time.thread_time(), time.process_time()
        await asyncio.gather(*(worker() for _ in range(at_once)))
        await writer.flush()
        took, busy, all_busy = (
            time.perf_counter() - began,
            time.thread_time() - busy,
            time.process_time() - all_busy,
        )
        writer.close()
    waits.sort()
    print(
        f"{at_once:3} at once: {count / took:7,.0f} calls/s held and settled, {busy / count * 1e3:.3f} ms of loop time each,"
        f" {(all_busy - busy) / count * 1e3:.3f} ms of the ledger's thread,"
        f" a hold waits p50 {waits[count // 2] * 1e3:.2f} p99 {waits[count * 99 // 100] * 1e3:.2f} ms"
    )


def fill(path: Path, rows: int) -> None:
    """The first 20,000 through the ledger's own statements, the rest as their copies, a stretch later each: ten million in minutes.

    Roll-ups are as a year of real calls would leave them.
    """
    db = connect(path)
    db.execute("PRAGMA synchronous=OFF")
    dice = random.Random(7)
    began = time.perf_counter()
    step_ms = YEAR_MS * BLOCK // rows
    for start in range(0, min(rows, BLOCK), 2_000):
        db.execute("BEGIN")
        for number in range(start, min(start + 2_000, rows)):
            at_ms = NOW_MS - YEAR_MS + number * YEAR_MS // rows + dice.randrange(1_000)
            write_settled(db, record(number, Status.SETTLED, at_ms))
        db.execute("COMMIT")
    names = [str(row[1]) for row in db.execute("PRAGMA table_info(calls)")]
    db.execute("CREATE TEMP TABLE first AS SELECT * FROM calls")
    db.execute("CREATE TEMP TABLE tries AS SELECT * FROM attempts")
    db.execute("DELETE FROM rollups")
    db.execute("DELETE FROM days")
    moved = {
        "id": "printf('%020d', CAST(id AS INTEGER) + :calls)",
        "at_ms": "at_ms + :ms",
        "session": f"'session' || ((CAST(id AS INTEGER) + :calls) / {SESSION})",
    }
    copied = ", ".join(moved.get(name, name) for name in names)
    others = ", ".join(str(row[1]) for row in db.execute("PRAGMA table_info(attempts)") if row[1] != "call")
    keys = "tier, provider, model, client, developer, department, project"
    rolled = [str(row[1]) for row in db.execute("PRAGMA table_info(rollups)")][8:]
    # The rest (refused, failed...) is zero, as the columns' own default or ours.
    sums = {name: f"sum({name})" if name in names else "0" for name in rolled} | {"calls": "count(*)"}
    add = ", ".join(f"{name} = {name} + excluded.{name}" for name in sums)
    for block in range(-(-rows // BLOCK)):
        shift = {"calls": block * BLOCK, "ms": block * step_ms, "left": min(BLOCK, rows - block * BLOCK)}
        db.execute("BEGIN")
        if block:
            db.execute(f"INSERT INTO calls SELECT {copied} FROM first WHERE rowid <= :left", shift)
            db.execute(
                f"INSERT INTO attempts (call, {others}) SELECT printf('%020d', CAST(call AS INTEGER) + :calls), {others}"
                " FROM tries WHERE CAST(call AS INTEGER) < :left",
                shift,
            )
        db.execute(
            f"INSERT INTO rollups (hour, {keys}, {', '.join(sums)}) SELECT (at_ms + :ms) / 3600000, {keys}, {', '.join(sums.values())}"
            " FROM first WHERE rowid <= :left GROUP BY 1, 2, 3, 4, 5, 6, 7, 8"
            f" ON CONFLICT DO UPDATE SET {add}",
            shift,
        )
        db.execute("COMMIT")
    db.execute(
        f"INSERT INTO days (day, {keys}, {', '.join(sums)}) SELECT date(hour * 3600, 'unixepoch', 'localtime') AS day, {keys},"
        f" {', '.join(f'sum({name})' for name in sums)} FROM rollups GROUP BY day, {keys}"
    )
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    print(f"filled {rows:,} rows in {time.perf_counter() - began:,.0f} s, {path.stat().st_size / 1e9:.1f} GB")


def timed(name: str, ask: Callable[[], object], times: int = 9) -> None:
    took = []
    for _ in range(times):
        began = time.perf_counter()
        ask()
        took.append((time.perf_counter() - began) * 1e3)
    print(f"{name:44} first {took[0]:8.2f} ms, median {statistics.median(took):8.2f} ms")


def questions(path: Path) -> None:
    reader = Reader(path)
    timed("last 100", lambda: reader.calls(100))
    timed("a year by day, stacked by tier", lambda: reader.series("tier", NOW_MS - YEAR_MS, NOW_MS))
    timed("a year by day, stacked by model", lambda: reader.series("model", NOW_MS - YEAR_MS, NOW_MS))
    timed("a year's spend by client", lambda: reader.spend("client", NOW_MS - YEAR_MS, NOW_MS))
    timed("all spend by project", lambda: reader.spend("project"))
    timed("totals", reader.totals)
    timed("one call", lambda: reader.call(f"{12_345:020d}"))
    timed("last 100 of one client", lambda: reader.calls(100, where=CallFilter(client="client3")))
    timed("last 100 of one tier", lambda: reader.calls(100, where=CallFilter(tier="local")))
    timed("calls that failed (there are none)", lambda: reader.calls(100, where=CallFilter(status="failed")))
    timed("how many of one client", lambda: reader.count(CallFilter(client="client3")), 3)
    timed("a text that all have", lambda: reader.calls(100, where=CallFilter(text="project1")))
    edge = reader.edge(0, 100_000) or 0
    timed(
        "a text that none of 100,000 has", lambda: reader.calls(100, where=CallFilter(text="no such", since_ms=edge)), 3
    )
    timed("one session", lambda: reader.calls(100, where=CallFilter(session="session77")))
    timed("100 after skipping 100,000", lambda: reader.calls(100, skip=100_000))
    timed("how many calls", reader.count, 3)
    reader.close()


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--rows", type=int, default=0)
    asked.add_argument("--keep", type=Path, help="where the large ledger is made, and used again")
    asked.add_argument("--calls", type=int, default=6_000)
    given = asked.parse_args()
    if not given.rows:
        for at_once in (1, 8, 64):
            asyncio.run(write_calls(given.calls, at_once))
        print(f"sqlite {sqlite3.sqlite_version}")
        return
    with tempfile.TemporaryDirectory() as folder:
        path = (given.keep or Path(folder)) / "ledger.db"
        if not path.exists():
            fill(path, given.rows)
        questions(path)


if __name__ == "__main__":
    main()
