import asyncio
import sqlite3
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.ledger.made import AT_MS, DAY, held, settled

from turnout.calls.units import Grade, Nanos, Status, Tokens
from turnout.calls.usage import Usage
from turnout.errors import LedgerError
from turnout.ledger.entries import write_hold, write_settled
from turnout.ledger.reader import Reader
from turnout.ledger.rows import LARGEST
from turnout.ledger.schema import connect
from turnout.ledger.snapshot import read_snapshot
from turnout.ledger.writer import Writer
from turnout.routing.facts import Grading


@pytest.fixture
async def writer(tmp_path: Path) -> AsyncIterator[Writer]:
    made = Writer(tmp_path / "ledger.db", asyncio.get_running_loop(), wait_s=0.1)
    yield made
    made.close()


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    return Reader(tmp_path / "ledger.db")


async def test_a_hold_is_on_disk_when_held_returns(writer: Writer, reader: Reader) -> None:
    await writer.held(held(1))
    assert reader.open_holds() == 1
    assert [(call.id, call.status) for call in reader.calls()] == [(held(1).id, Status.HELD)]


async def test_a_settled_call_comes_back_as_it_was(writer: Writer, reader: Reader) -> None:
    await writer.held(held(1))
    writer.settle(settled(1))
    await writer.flush()
    assert reader.call(settled(1).id) == settled(1)
    assert reader.open_holds() == 0


async def test_i03_a_call_settled_twice_is_counted_once(writer: Writer, reader: Reader) -> None:
    await writer.held(held(1))
    writer.settle(settled(1))
    writer.settle(settled(1, cost=9_000_000))
    await writer.flush()
    assert reader.totals().cost == 4_000_000
    assert reader.totals().calls == 1
    assert reader.bucket_spend()[DAY][:3] == (4_000_000, 1_080, 1)


async def test_a_grade_that_comes_afterwards_is_added_to_a_call_without_one_alone(
    writer: Writer, reader: Reader
) -> None:
    bare: dict[str, Any] = {
        "grade": None,
        "score": None,
        "confidence": None,
        "difficulty": None,
        "features": (),
        "graded_by": "",
    }
    writer.settle(settled(1, **bare))
    writer.settle(settled(2))
    await writer.flush()
    before = reader.totals()
    grading = Grading(Grade.LOW, 0.02, 0.97, "asks for a label", (1.0, 2.0))
    for number in (1, 2, 3):
        writer.graded_afterwards(settled(number).id, grading)
    writer.graded_afterwards(settled(1).id, replace(grading, grade=Grade.HIGH))
    await writer.flush()
    found = reader.call(settled(1).id)
    assert found is not None
    assert (found.grade, found.score, found.features) == (Grade.LOW, 0.02, (1.0, 2.0))
    assert (found.graded_by, found.note) == ("afterwards", "graded after the call: asks for a label")
    assert not found.own
    assert reader.call(settled(2).id) == settled(2)
    assert reader.totals() == before


async def test_i22_the_second_step_of_a_plan_replaces_the_hold_of_the_first(writer: Writer, reader: Reader) -> None:
    await writer.held(held(1, hold=50_000_000))
    await writer.held(held(1, hold=5_000_000, model="gpt-5-mini"))
    assert reader.open_holds() == 1
    assert writer.known().taken(DAY) == 5_000_000
    writer.settle(settled(1))
    await writer.flush()
    assert writer.known().taken(DAY) == 4_000_000


async def test_calls_that_wait_together_are_all_held(writer: Writer, reader: Reader) -> None:
    await asyncio.gather(*(writer.held(held(n)) for n in range(200)))
    assert reader.open_holds() == 200


async def test_i22_so_it_is_while_many_calls_are_under_way(writer: Writer, reader: Reader) -> None:
    await asyncio.gather(*(writer.held(held(n)) for n in range(40)))
    await asyncio.gather(*(writer.held(held(n, hold=5_000_000)) for n in range(20)))
    assert reader.open_holds() == 40
    assert writer.known().taken(DAY) == 20 * 5_000_000 + 20 * 10_000_000
    for number in range(40):
        writer.settle(settled(number))
    await writer.flush()
    assert reader.open_holds() == 0
    assert writer.known().taken(DAY) == reader.bucket_spend()[DAY][0] == 40 * 4_000_000


async def test_i03_a_call_that_left_before_its_hold_was_written_leaves_none(writer: Writer, reader: Reader) -> None:
    await asyncio.gather(*(writer.held(held(n)) for n in range(20)))
    leaves = asyncio.create_task(writer.held(held(20)))
    await asyncio.sleep(0)
    leaves.cancel()
    await asyncio.gather(leaves, return_exceptions=True)
    for number in range(21):
        writer.settle(settled(number))
    await writer.flush()
    assert reader.open_holds() == 0
    assert reader.totals().calls == 21


async def test_a_refused_call_is_a_row_that_no_budget_pays_for(writer: Writer, reader: Reader) -> None:
    writer.settle(replace(held(1), status=Status.REFUSED, hold=Nanos(0), code="turnout_budget"))
    await writer.flush()
    assert reader.totals().refused == 1
    assert reader.bucket_spend() == {}


async def test_i12_a_ledger_locked_by_another_process_refuses_holds_and_recovers(
    writer: Writer, reader: Reader, tmp_path: Path
) -> None:
    other = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(LedgerError, match="locked"):
        await writer.held(held(1))
    writer.settle(settled(2))
    with pytest.raises(LedgerError):
        await writer.flush()
    assert "locked" in writer.problem
    other.execute("ROLLBACK")
    await writer.held(held(3))
    await _written(writer)
    assert writer.problem == ""
    assert reader.call(settled(2).id) == settled(2)
    other.close()


@pytest.mark.skipif(sys.platform == "win32", reason="no RLIMIT_FSIZE")
async def test_i11_a_full_disk_refuses_holds_keeps_what_was_spent_and_recovers(
    writer: Writer, reader: Reader, tmp_path: Path
) -> None:
    import resource
    import signal

    await writer.held(held(1))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    full = (tmp_path / "ledger.db-wal").stat().st_size
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (full, before[1]))
        writer.settle(settled(1))
        with pytest.raises(LedgerError, match="cannot be written"):
            await writer.held(held(2))
        assert writer.unwritten == 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    await writer.held(held(3))
    await _written(writer)
    assert reader.call(settled(1).id) == settled(1)
    assert reader.totals().cost == 4_000_000


async def ended_under_a_lock(path: Path) -> None:
    """A call that was held, and ended while another program kept the ledger until Turnout stopped."""
    writer = Writer(path, asyncio.get_running_loop(), wait_s=0.1)
    await writer.held(held(1))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    writer.settle(settled(1))
    await asyncio.to_thread(writer.close)
    other.execute("ROLLBACK")
    other.close()


async def test_what_a_refusing_disk_kept_out_until_the_end_is_there_after_the_next_start(tmp_path: Path) -> None:
    from turnout.ledger.recover import recover

    path = tmp_path / "ledger.db"
    await ended_under_a_lock(path)
    found = recover(path)
    assert (found.replayed, found.charged) == (1, 0)
    assert Reader(path).call(settled(1).id) == settled(1)
    assert recover(path).replayed == 0


async def test_i12_a_damaged_ledgers_last_calls_count_once_when_it_is_set_aside(tmp_path: Path) -> None:
    """They wait beside it, and the snapshot knows them as ended: not as held besides."""
    from turnout.ledger.recover import recover

    path = tmp_path / "ledger.db"
    await ended_under_a_lock(path)
    path.write_bytes(b"no database" * 100)

    found = recover(path)

    assert found.quarantined
    assert Reader(path).totals().cost == Reader(path).bucket_spend()[DAY][0] == 4_000_000
    assert found.lost == {}


async def test_one_entry_that_cannot_be_written_does_not_take_the_others_with_it(
    writer: Writer, reader: Reader, caplog: pytest.LogCaptureFixture
) -> None:
    writer.keep("thumb", object(), True, AT_MS)  # type: ignore[arg-type]
    await asyncio.gather(writer.held(held(1)), writer.held(held(2)))
    assert reader.open_holds() == 2
    assert "left out" in caplog.text


async def test_a_text_that_is_no_text_does_not_take_those_settled_with_it_along(writer: Writer, reader: Reader) -> None:
    for number, rule in enumerate(["all", "\ud800", "all"]):
        writer.settle(settled(number, rule=rule, estimate=10**30 if number == 2 else 1))
    await writer.flush()
    assert [call.rule for call in reader.calls()] == ["all", "?", "all"]
    assert reader.totals().cost == reader.bucket_spend()[DAY][0] == 3 * 4_000_000


async def test_a_closed_ledger_says_so(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "ledger.db", asyncio.get_running_loop())
    writer.close()
    with pytest.raises(LedgerError, match="closed"):
        await writer.held(held(1))


async def test_small_things_are_kept_by_kind_and_key_and_the_last_one_wins(writer: Writer, reader: Reader) -> None:
    writer.keep("credit", "b", 5, AT_MS + 2)
    writer.keep("credit", "a", [1, {"x": None}], AT_MS)
    writer.keep("credit", "b", 6, AT_MS + 3)
    writer.keep("mode", "b", "auto", AT_MS)
    writer.keep("credit", "gone", 6, AT_MS)
    writer.drop("credit", "gone")
    await writer.flush()
    assert reader.kept("credit") == {"a": [1, {"x": None}], "b": 6}


async def test_many_small_things_are_kept_at_once_whatever_their_text(writer: Writer, reader: Reader) -> None:
    writer.keep("session", "3", "before", AT_MS)
    writer.keep_many("session", [(str(n), n, AT_MS + n) for n in range(40)])
    writer.keep_many("session", [("3", 33, AT_MS + 50), ("\ud800", 1, AT_MS + 51), ("3", 34, AT_MS + 52)])
    writer.keep_many("session", [])
    await writer.flush()
    assert reader.kept("session") == {str(n): n for n in range(40)} | {"?": 1, "3": 34}


async def test_clients_are_kept_with_the_hash_of_their_token_only(writer: Writer, reader: Reader) -> None:
    await writer.write_client("vim", b"\x01" * 32, "platform", "turnout", AT_MS)
    await writer.write_client("zed", b"\x02" * 32, "", "", AT_MS)
    await writer.drop_client("zed")
    assert [(c.name, c.department, c.project, c.created_ms, c.token_hash) for c in reader.clients()] == [
        ("vim", "platform", "turnout", AT_MS, b"\x01" * 32)
    ]


async def test_the_snapshot_beside_the_ledger_has_every_budgets_spend_and_holds(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "ledger.db", asyncio.get_running_loop())
    await writer.held(held(1))
    await writer.held(held(2))
    writer.settle(settled(1))
    await writer.flush()
    writer.close()
    known = read_snapshot(tmp_path / "ledger.db")
    assert known is not None
    assert known.spend == {DAY: (4_000_000, 1_080, 1, AT_MS + 1)}
    assert known.held == {DAY: 10_000_000}


_texts = st.text(max_size=40) | st.sampled_from(
    ["'; DROP TABLE calls; --", '"', "\0", "\ud800", "𝔘", "%_\\", "<b>x</b>", "=1+1", "\n\r\t"]
)


@settings(max_examples=60, deadline=None)
@given(_texts, _texts, _texts, _texts)
def test_t20_any_text_survives_the_round_trip(name: str, model: str, rule: str, key: str) -> None:
    db = connect_memory()
    record = settled(1, client=name, model=model, rule=rule, buckets=(key,), signals={key or "x": name}, note=rule)
    write_hold(db, record)
    assert write_settled(db, record)
    row = db.execute("SELECT client, model, rule, note FROM calls").fetchone()
    assert row == tuple(_stored(text) for text in (name, model, rule, rule))
    assert db.execute("SELECT key FROM spend").fetchall() == [(_stored(key),)]


def _stored(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def connect_memory() -> sqlite3.Connection:
    from turnout.ledger.schema import STEPS

    db = sqlite3.connect(":memory:", isolation_level=None)
    for _, statements in STEPS:
        db.executescript(statements)
    return db


def test_t20_no_text_of_a_call_ever_becomes_part_of_a_statement() -> None:
    db = connect_memory()
    seen: list[str] = []
    db.set_trace_callback(seen.append)
    write_settled(db, settled(1, client="x'); DROP TABLE calls; --"))
    db.set_trace_callback(None)
    assert db.execute("SELECT client FROM calls").fetchone() == ("x'); DROP TABLE calls; --",)
    assert not any(statement.lstrip().upper().startswith("DROP") for statement in seen)


def test_numbers_beyond_64_bits_are_stored_as_the_largest_there_is() -> None:
    db = connect_memory()
    write_settled(db, settled(1, estimate=10**30, usage=Usage(uncached=Tokens(10**20))))
    assert db.execute("SELECT estimate, uncached FROM calls").fetchone() == (LARGEST, LARGEST)


def test_t06_ledger_and_side_files_are_the_users_own_whatever_the_umask(tmp_path: Path) -> None:
    import os

    old = os.umask(0)
    try:
        path = tmp_path / "made" / "ledger.db"
        db = connect(path)
        write_settled(db, settled(1))
        modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
        db.close()
    finally:
        os.umask(old)
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert modes == {"ledger.db": 0o600, "ledger.db-wal": 0o600, "ledger.db-shm": 0o600}


async def _written(writer: Writer) -> None:
    """Waits until what was refused has been written after all."""
    async with asyncio.timeout(10):
        while writer.unwritten or writer.problem:
            await writer.flush()


async def test_a_call_settled_while_the_thread_is_at_work_is_written_when_it_is_done(
    tmp_path: Path, reader: Reader
) -> None:
    loop = asyncio.get_running_loop()
    writer = Writer(tmp_path / "ledger.db", loop, wait_s=5)
    other = connect(tmp_path / "ledger.db")
    other.execute("BEGIN IMMEDIATE")
    at_work = asyncio.create_task(writer.write_client("ada", b"hash", "", "", AT_MS))
    while not writer._busy.locked():  # noqa: ASYNC110  a lock of another thread tells nobody
        await asyncio.sleep(0)
    writer.settle(settled(1))
    # Past the 50 ms that a settled call may wait: the thread is told while it waits for the lock.
    loop.call_later(0.1, other.execute, "ROLLBACK")
    await at_work
    async with asyncio.timeout(10):
        while reader.call(settled(1).id) is None:  # noqa: ASYNC110  nor does a file
            await asyncio.sleep(0.01)
    other.close()
    writer.close()
