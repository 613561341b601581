"""A real disk that fills up or may not be written, a ledger that somebody else holds for half a minute (I11, I12)."""

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from tests.flow.test_ledger_faults import RULES, doctor, eventually, own, paid, spent
from tests.support.engine import Engine
from tests.support.fixtures import Serve
from tests.support.proxy import Turnout
from tests.support.scene import four_vendors
from tests.support.script import Script, Tokens

COST = 1_000 * 2_000 + 100 * 8_000
"""Nanos of one call to the scripted cloud."""
HELD_S = 31.0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """8 MB of its own."""
    place = tmp_path / "disk"
    place.mkdir()
    if sys.platform != "linux" or not shutil.which("mount"):
        pytest.skip("a tmpfs is Linux's")
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size=8m,mode=0700,uid={os.getuid()}", "turnout-test", str(place)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"this user may not mount a disk: {done.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def fill(place: Path) -> Path:
    """A file that takes all that is left."""
    filler = place / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(b"\0" * 4_096):
            pass
    return filler


def until_refused(turnout: Turnout, token: str | None = None) -> int:
    """How many paid calls still went through."""
    for served in range(400):
        answer = turnout.chat("Say it.", model="openai/scripted", max_tokens=100, token=token)
        if answer.status != 200:
            assert (answer.status, answer.header("x-turnout-refusal")) == (400, "turnout_ledger")
            return served
    raise AssertionError("a full disk refused nothing")


def booked(turnout: Turnout) -> int:
    return sum(row.cost for row in turnout.rows())


def test_i11_a_disk_that_is_really_full_refuses_paid_calls_serves_own_ones_and_recovers(
    engine: Engine, serve: Serve, small_disk: Path
) -> None:
    engine.say(Script(tokens=Tokens(1_000, 100)))
    turnout = serve(home=small_disk / "home", settings=four_vendors(engine.url), rules=RULES)
    assert paid(turnout).status == 200
    turnout.settled(1)
    filler = fill(small_disk)
    sent = 1 + until_refused(turnout)
    before = len(engine.calls)
    assert [paid(turnout).status for _ in range(3)] == [400] * 3
    assert len(engine.calls) == before
    assert own(turnout).status == 200
    said = doctor(turnout)
    assert "cannot be written, so paid calls are refused" in said
    assert "The ledger cannot be written: database or disk is full; " in turnout.cli("status")
    filler.unlink()
    eventually(lambda: paid(turnout).status == 200)
    eventually(lambda: booked(turnout) == (sent + 1) * COST)
    assert spent(turnout) * 10**9 == (sent + 1) * COST
    assert turnout.control.status().open_holds == 0
    assert "cannot be written" not in doctor(turnout)


def test_i11_paid_calls_go_on_unrecorded_only_where_the_user_wants_it(
    engine: Engine, serve: Serve, small_disk: Path
) -> None:
    """Budgets hold from memory meanwhile, and all of it is written as soon as there is room."""
    engine.say(Script(tokens=Tokens(1_000, 100)))
    settings = four_vendors(engine.url, extra="[server]\nserve_unrecorded = true\n")
    rules = RULES.replace("usd = 1000", f"usd = {Decimal(30 * COST) / 10**9}")
    turnout = serve(home=small_disk / "home", settings=settings, rules=rules)
    assert turnout.token
    filler = fill(small_disk)
    answers = [paid(turnout) for _ in range(40)]
    assert [one.header("x-turnout-refusal") for one in answers] == [""] * 30 + ["turnout_budget"] * 10
    # The refused ones have rows as well.
    eventually(lambda: turnout.control.status().unwritten == 40)
    assert turnout.control.status().ledger_error
    assert "paid calls go on all the same" in doctor(turnout)
    filler.unlink()
    eventually(lambda: booked(turnout) == 30 * COST)
    assert spent(turnout) * 10**9 == 30 * COST


def test_i11_a_start_on_a_full_disk_serves_own_calls_and_doctor_says_why_not_the_paid_ones(
    engine: Engine, serve: Serve, small_disk: Path
) -> None:
    turnout = serve(home=small_disk / "home", settings=four_vendors(engine.url), rules=RULES)
    assert paid(turnout).status == 200
    turnout.settled(1)
    turnout.stop()
    filler = fill(small_disk)
    token = turnout.token
    with Turnout(turnout.home) as again:
        until_refused(again, token)
        assert again.chat("Go on.", model="ollama/scripted", max_tokens=100, token=token).status == 200
        assert "MB are left" in doctor(again)
        filler.unlink()
        eventually(lambda: again.chat("Go on.", model="openai/scripted", max_tokens=100, token=token).status == 200)


@pytest.mark.parametrize("made", [True, False], ids=["with a ledger", "without one"])
def test_i11_a_ledger_folder_that_cannot_be_written_is_said_at_the_start(
    engine: Engine, serve: Serve, small_disk: Path, made: bool
) -> None:
    turnout = serve(settings=four_vendors(engine.url), rules=RULES)
    assert paid(turnout).status == 200
    turnout.settled(1)
    turnout.stop()
    data = turnout.home / "data"
    if made:
        for file in data.iterdir():
            shutil.copy2(file, small_disk)
    shutil.rmtree(data)
    small_disk.chmod(0o700)
    data.mkdir(mode=0o700)
    subprocess.run(["mount", "--bind", str(small_disk), str(data)], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", str(data)], check=True)
        with (
            pytest.raises(AssertionError, match=r"serve ended with 1: .*ledger\.db.*(?i:read-only|readonly)"),
            Turnout(turnout.home),
        ):
            pass
        said = doctor(turnout)
        assert f"folders: {data} cannot be written" in said
    finally:
        subprocess.run(["umount", "-l", str(data)], check=True)


def test_i12_of_a_ledger_damaged_under_way_doctor_says_to_start_again_and_budgets_stay(
    engine: Engine, serve: Serve
) -> None:
    engine.say(Script(tokens=Tokens(1_000, 100)))
    turnout = serve(settings=four_vendors(engine.url), rules=RULES)
    for _ in range(20):
        assert paid(turnout).status == 200
    turnout.settled(20)
    ledger = turnout.home / "data" / "ledger.db"
    with contextlib.closing(sqlite3.connect(ledger)) as db:
        page = db.execute("SELECT rootpage FROM sqlite_master WHERE name='calls'").fetchone()[0]
        size = db.execute("PRAGMA page_size").fetchone()[0]
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with ledger.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xa5" * 200)
    served = 20 + sum(paid(turnout).status == 200 for _ in range(3))
    eventually(lambda: "malformed" in turnout.cli("status"))
    said = doctor(turnout)
    assert "Start the proxy again" in said
    assert "so paid calls are refused" not in said
    assert spent(turnout) * 10**9 == served * COST
    turnout.stop()
    with Turnout(turnout.home) as again:
        assert spent(again) * 10**9 == served * COST
        assert "a damaged one was set aside" in doctor(again)


def locked(ledger: Path) -> tuple[sqlite3.Connection, Callable[[], None]]:
    """Somebody else's write lock, and how it is let go."""
    other = sqlite3.connect(ledger, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")

    def let_go() -> None:
        other.execute("ROLLBACK")
        other.close()

    return other, let_go


@pytest.mark.slow
def test_i12_a_lock_of_half_a_minute_at_the_start_is_waited_for_and_doctor_says_whose(
    engine: Engine, serve: Serve
) -> None:
    turnout = serve(settings=four_vendors(engine.url), rules=RULES)
    assert paid(turnout).status == 200
    turnout.settled(1)
    token = turnout.token
    turnout.stop()
    _, let_go = locked(turnout.home / "data" / "ledger.db")
    begun = time.monotonic()
    free = threading.Timer(HELD_S, let_go)
    free.start()
    said: list[str] = []
    asked = threading.Timer(5.0, lambda: said.append(doctor(turnout)))
    asked.start()
    with Turnout(turnout.home, start_s=120) as again:
        assert time.monotonic() - begun >= HELD_S
        assert spent(again) > 0
        assert again.chat("Go on.", model="openai/scripted", max_tokens=100, token=token).status == 200
        assert "the ledger is not free" in (again.home / "state" / "turnout.log").read_text()
    free.join()
    asked.join()
    assert f"(pid {os.getpid()})" in said[0]
    assert "is locked by" in said[0]


@pytest.mark.slow
def test_i12_a_lock_of_half_a_minute_refuses_paid_calls_and_serves_own_ones_as_long_as_it_lasts(
    engine: Engine, serve: Serve
) -> None:
    turnout = serve(settings=four_vendors(engine.url), rules=RULES)
    assert paid(turnout).status == 200
    turnout.settled(1)
    _, let_go = locked(turnout.home / "data" / "ledger.db")
    begun = time.monotonic()
    sent = len(engine.calls)
    statuses = []
    while time.monotonic() - begun < HELD_S:
        statuses.append(paid(turnout).status)
    assert set(statuses) == {400}
    assert len(engine.calls) == sent
    assert own(turnout).status == 200
    said = doctor(turnout)
    assert "cannot be written, so paid calls are refused: " in said
    assert f"(pid {os.getpid()})" in said
    let_go()
    eventually(lambda: paid(turnout).status == 200)
    eventually(lambda: spent(turnout) * 10**9 == booked(turnout) > 0)
    assert turnout.control.status().open_holds == 0
