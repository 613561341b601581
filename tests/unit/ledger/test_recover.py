import asyncio
import os
import shutil
import sqlite3
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from sqlite_utils import Database
from tests.unit.ledger.made import DAY, held, settled

from turnout.calls.record import CallRecord
from turnout.calls.units import Status
from turnout.errors import LedgerError
from turnout.ledger import blocks
from turnout.ledger.reader import Reader
from turnout.ledger.recover import NOTE, recover
from turnout.ledger.rows import dumped, values
from turnout.ledger.schema import STEPS, VERSION, connect, migrations
from turnout.ledger.snapshot import snapshot_path
from turnout.ledger.writer import Writer

NOW = time.time_ns() // 1_000_000


async def _write(path: Path, holds: list[CallRecord], ends: list[CallRecord]) -> None:
    writer = Writer(path, asyncio.get_running_loop())
    for record in holds:
        await writer.held(replace(record, at_ms=NOW))
    for record in ends:
        writer.settle(replace(record, at_ms=NOW))
    await writer.flush()
    await asyncio.to_thread(writer.close)


async def test_i01_a_hold_found_at_start_is_charged_and_marked(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    await _write(path, [held(1), held(2)], [settled(2)])
    found = recover(path)
    call = Reader(path).call(held(1).id)
    assert found.charged == 1
    assert call is not None
    assert (call.status, call.cost, call.estimated, call.disputed) == (Status.ABORTED, 10_000_000, True, True)
    assert call.note == NOTE
    assert call.baseline == call.cost  # nothing is known to be lost against the model asked for
    assert Reader(path).bucket_spend()[DAY][0] == 14_000_000
    assert Reader(path).totals().cost == 14_000_000


async def test_a_hold_of_an_own_call_stays_one_of_our_own(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    await _write(path, [held(1, note="shadow of 7")], [])
    recover(path)
    call = Reader(path).call(held(1).id)
    assert call is not None
    assert (call.own, call.note, call.baseline) == (True, f"shadow of 7; {NOTE}", 0)


async def test_i03_recovering_twice_charges_once(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    await _write(path, [held(1)], [])
    assert [recover(path).charged, recover(path).charged] == [1, 0]
    assert Reader(path).totals().cost == 10_000_000


async def test_a_hold_that_another_version_wrote_is_still_charged(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    await _write(path, [held(1)], [])
    db = connect(path)
    db.execute("UPDATE holds SET record='[1,2,3]'")
    db.close()
    assert recover(path).charged == 1
    assert Reader(path).totals().cost == 10_000_000


def test_i23_holds_of_the_version_before_holds_had_numbers_are_charged(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    db = sqlite3.connect(path, isolation_level=None)
    migrations(STEPS[:6]).apply(Database(db))
    for number in (1, 2):
        row = (held(number).id, NOW, held(number).hold, dumped(values(held(number))))
        db.execute("INSERT INTO holds VALUES (?,?,?,?)", row)
    db.close()
    path.chmod(0o600)
    assert recover(path).charged == 2
    assert Reader(path).open_holds() == 0
    assert [call.model for call in Reader(path).calls()] == ["gpt-5", "gpt-5"]
    assert Reader(path).bucket_spend()[DAY][0] == 20_000_000


def _flip_bytes(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[100:200] = os.urandom(100)
    for at in range(4096, len(data), 1000):
        data[at : at + 64] = bytes(64)
    path.write_bytes(data)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2 + 17])


def _text(path: Path) -> None:
    path.write_text("this is no database, and long enough to be read as a header of one " * 20)


def _newer(path: Path) -> None:
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA user_version={VERSION + 1}")
    db.close()


def _without_a_table(path: Path) -> None:
    db = sqlite3.connect(path)
    db.execute("DROP TABLE holds")
    db.close()


@pytest.mark.parametrize("damage", [_flip_bytes, _cut, _text, _newer, _without_a_table])
async def test_i12_a_ledger_that_cannot_serve_is_set_aside_and_budgets_go_on_at_their_last_spend(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    path = tmp_path / "ledger.db"
    await _write(path, [held(n) for n in range(50)], [settled(n) for n in range(40)])
    damage(path)
    before = path.read_bytes()
    found = recover(path)
    assert found.quarantined
    assert Path(found.quarantined).read_bytes() == before
    assert any("set aside" in line for line in found.lines)
    assert Reader(path).bucket_spend()[DAY][0] == 40 * 4_000_000 + 10 * 10_000_000
    assert Reader(path).calls() == []
    assert not recover(path).quarantined


async def test_i12_a_deleted_ledger_does_not_set_the_budgets_back(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    await _write(path, [], [settled(1)])
    path.unlink()
    recover(path)
    assert Reader(path).bucket_spend()[DAY][0] == 4_000_000


async def test_i12_without_a_snapshot_it_is_said_that_budgets_begin_at_zero(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    await _write(path, [], [settled(1)])
    snapshot_path(path).write_text("{")
    _text(path)
    assert any("begins at zero" in line for line in recover(path).lines)


async def test_i12_what_a_truncated_log_took_away_counts_as_spent_until_released(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    await _write(path, [], [settled(1)])
    old = tmp_path / "old.db"
    shutil.copy(path, old)
    await _write(path, [], [settled(2)])
    shutil.copy(old, path)  # what a log that lost its end leaves: an earlier, sound state
    found = recover(path)
    assert found.lost == {DAY: 4_000_000}
    assert Reader(path).totals().cost == 4_000_000
    assert Reader(path).bucket_spend()[DAY][0] == 8_000_000
    assert recover(path).lost == {}
    writer = Writer(path, asyncio.get_running_loop())
    writer.release_lost(DAY)
    await writer.flush()
    assert Reader(path).bucket_spend()[DAY][0] == 4_000_000
    writer.close()


async def test_i12_a_log_cut_at_any_place_leaves_a_ledger_that_starts(tmp_path: Path) -> None:
    source = tmp_path / "source" / "ledger.db"
    writer = Writer(source, asyncio.get_running_loop())
    for number in range(20):
        await writer.held(replace(held(number), at_ms=NOW))
    log = source.with_name("ledger.db-wal").read_bytes()
    base = source.read_bytes()
    writer.close()
    for cut in range(0, len(log), len(log) // 12):
        path = tmp_path / f"cut{cut}" / "ledger.db"
        path.parent.mkdir(mode=0o700)
        path.write_bytes(base)
        path.with_name("ledger.db-wal").write_bytes(log[:cut])
        recover(path)
        charged = Reader(path).totals()
        assert charged.cost == charged.calls * 10_000_000


# --- power cuts ---


async def _killed(path: Path, records: list[CallRecord]) -> None:
    """Leaves a ledger as a killed process does: holds open, marks in place."""
    writer = Writer(path, asyncio.get_running_loop())
    for record in records:
        await writer.held(replace(record, at_ms=NOW))
    copy = path.with_name("copy")
    copy.mkdir(mode=0o700)
    for file in path.parent.glob("ledger.db*"):
        shutil.copy(file, copy / file.name)
    writer.close()
    for file in path.parent.glob("ledger.db*"):
        file.unlink()
    snapshot_path(path).unlink()
    for file in copy.iterdir():
        file.rename(path.parent / file.name)


def _another_boot(path: Path) -> None:
    db = connect(path)
    db.execute("""UPDATE kept SET value='"another"' WHERE kind='ledger' AND key='boot'""")
    db.close()


async def test_a_killed_process_loses_no_credit(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    await _killed(path, [held(1)])
    found = recover(path)
    assert (found.charged, found.lost) == (1, {})


async def test_after_a_power_cut_the_unspent_part_of_a_block_counts_as_spent(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    await _killed(path, [held(1)])
    _another_boot(path)
    found = recover(path)
    mark = 10_000_000 + blocks.SMALLEST
    assert found.lost == {DAY: mark - 10_000_000}
    assert Reader(path).bucket_spend()[DAY][0] == mark
    assert Reader(path).totals().cost == 10_000_000
    assert recover(path).lost == {}


async def test_after_a_power_cut_that_lost_every_hold_the_whole_block_counts(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    await _killed(path, [held(1), held(2), held(3)])
    _another_boot(path)
    db = connect(path)
    db.execute("DELETE FROM holds")
    db.close()
    assert recover(path).lost[DAY] >= 3 * 10_000_000


async def test_a_clean_stop_leaves_no_marks(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    await _write(path, [held(1)], [settled(1)])
    _another_boot(path)
    assert recover(path).lost == {}


def test_a_bucket_moves_its_mark_only_when_holds_pass_it() -> None:
    db = sqlite3.connect(":memory:", isolation_level=None)
    db.execute("CREATE TABLE spend (key TEXT PRIMARY KEY, nanos INTEGER)")
    db.execute("CREATE TABLE blocks (key TEXT PRIMARY KEY, nanos INTEGER, at_ms INTEGER)")
    marks = blocks.Blocks(db)
    moves = []
    for number in range(1_000):
        moves.append(marks.hold(str(number), 1_000_000, ("k",), now_s=number * 10.0))
        marks.settle(str(number), 200_000, ("k",))
    assert sum(bool(move) for move in moves) <= 5


def test_blocks_double_while_they_are_used_up_in_a_hurry() -> None:
    db = sqlite3.connect(":memory:", isolation_level=None)
    db.execute("CREATE TABLE spend (key TEXT PRIMARY KEY, nanos INTEGER)")
    db.execute("CREATE TABLE blocks (key TEXT PRIMARY KEY, nanos INTEGER, at_ms INTEGER)")
    marks = blocks.Blocks(db)
    moves = 0
    for number in range(3_000):  # one second of a load of three thousand calls
        moves += bool(marks.hold(str(number), 10_000_000, ("k",), now_s=number / 3_000))
        marks.settle(str(number), 5_000_000, ("k",))
    assert moves <= 16


# --- whose files ---


def test_t25_a_link_in_the_ledgers_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("")
    (tmp_path / "ledger.db").symlink_to(tmp_path / "target")
    with pytest.raises(LedgerError, match="symbolic link"):
        connect(tmp_path / "ledger.db")
    assert (tmp_path / "target").read_text() == ""


def test_t25_a_folder_or_file_others_can_write_is_refused(tmp_path: Path) -> None:
    open_folder = tmp_path / "open"
    open_folder.mkdir()
    open_folder.chmod(0o777)
    with pytest.raises(LedgerError, match="other users"):
        connect(open_folder / "ledger.db")
    (tmp_path / "ledger.db").touch()
    (tmp_path / "ledger.db").chmod(0o666)
    with pytest.raises(LedgerError, match="other users"):
        connect(tmp_path / "ledger.db")


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root can give a file away")
def test_t25_somebody_elses_ledger_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").touch(mode=0o600)
    os.chown(tmp_path / "ledger.db", 65534, 65534)
    with pytest.raises(LedgerError, match="another user"):
        connect(tmp_path / "ledger.db")


def test_t25_a_link_in_the_way_of_the_snapshot_is_replaced_not_followed(tmp_path: Path) -> None:
    from turnout.ledger.snapshot import replace_file

    (tmp_path / "target").write_text("precious")
    (tmp_path / "spend.json").symlink_to(tmp_path / "target")
    (tmp_path / f".spend.json.{os.getpid()}").symlink_to(tmp_path / "target")
    replace_file(tmp_path / "spend.json", b"{}")
    assert (tmp_path / "target").read_text() == "precious"
    assert (tmp_path / "spend.json").stat().st_mode & 0o777 == 0o600
