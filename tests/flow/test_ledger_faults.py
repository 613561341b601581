"""The disk and the ledger file failing under a running proxy, and at its start (I11, I12): no paid call unrecorded, no budget at zero."""

import json
import resource
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from tests.support.engine import Engine
from tests.support.fixtures import Serve
from tests.support.proxy import BY_MODEL, Answered, Turnout
from tests.support.scene import four_vendors
from tests.support.script import Script, Tokens

from turnout.calls.units import Status

BUDGET = '\n[[budget]]\nname = "cap"\nscope = { client = "each" }\nusd = 1000\nper = "ever"\n'
RULES = BY_MODEL + BUDGET
UNLIMITED = resource.RLIM_INFINITY


def paid(turnout: Turnout) -> Answered:
    return turnout.chat("Say it.", model="openai/scripted", max_tokens=100)


def own(turnout: Turnout) -> Answered:
    return turnout.chat("Say it.", model="ollama/scripted", max_tokens=100)


def spent(turnout: Turnout) -> Decimal:
    return sum((Decimal(line["used"]) for line in turnout.control.budgets()), Decimal(0))


def doctor(turnout: Turnout) -> str:
    """What it says; it ends with 1 when something is bad."""
    done = subprocess.run(
        (sys.executable, "-m", "turnout", "doctor"),
        env=turnout.environment(),
        cwd=turnout.home,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout + done.stderr


def eventually(what: Callable[[], bool], timeout_s: float = 20) -> None:
    until = time.monotonic() + timeout_s
    while not what():
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.mark.skipif(sys.platform != "linux", reason="prlimit is Linux's")
@pytest.mark.parametrize("room", [0, 20_000])
def test_i11_a_full_disk_refuses_paid_calls_serves_own_ones_and_recovers(
    engine: Engine, serve: Serve, room: int
) -> None:
    """Full at any write: no file of the proxy's may grow past what it is now and `room` bytes."""
    engine.say(Script(tokens=Tokens(1_000, 100)))
    turnout = serve(settings=four_vendors(engine.url), rules=RULES)
    assert paid(turnout).status == 200
    turnout.settled(1)
    wal = turnout.home / "data" / "ledger.db-wal"
    hard = resource.prlimit(turnout.process.pid, resource.RLIMIT_FSIZE)[1]
    resource.prlimit(turnout.process.pid, resource.RLIMIT_FSIZE, (wal.stat().st_size + room, hard))
    answers = [paid(turnout)]
    while answers[-1].status == 200:
        assert len(answers) < 200
        answers.append(paid(turnout))
    refused, before = answers[-1], len(engine.calls)
    assert (refused.status, refused.header("x-turnout-refusal")) == (400, "turnout_ledger")
    assert refused.doc["error"]["code"] == "turnout_ledger"
    assert refused.doc["error"]["message"].count("cannot be written") == 1
    assert [paid(turnout).status for _ in range(3)] == [400] * 3
    assert len(engine.calls) == before
    assert own(turnout).status == 200
    if room == 0:
        assert "cannot be written" in doctor(turnout)
    resource.prlimit(turnout.process.pid, resource.RLIMIT_FSIZE, (UNLIMITED, hard))
    eventually(lambda: paid(turnout).status == 200)
    billed = sum(
        one.tokens.prompt * 2_000 + one.tokens.output * 8_000 for one in engine.bill if one.model == "scripted"
    )
    # One of them was the local engine's own.
    billed -= 1_000 * 2_000 + 100 * 8_000
    eventually(lambda: sum(row.cost for row in turnout.rows()) >= billed)
    assert int(spent(turnout) * 10**9) == sum(row.cost for row in turnout.rows()) == billed
    assert turnout.control.status().open_holds == 0


def test_i12_a_ledger_locked_by_another_refuses_paid_calls_until_it_is_free(engine: Engine, serve: Serve) -> None:
    turnout = serve(settings=four_vendors(engine.url), rules=RULES)
    assert paid(turnout).status == 200
    turnout.settled(1)
    other = sqlite3.connect(turnout.home / "data" / "ledger.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        begun = time.monotonic()
        refused = paid(turnout)
        assert (refused.status, refused.header("x-turnout-refusal")) == (400, "turnout_ledger")
        assert time.monotonic() - begun < 25
        assert len(engine.calls) == 1
        assert "locked" in doctor(turnout)
        # An engine of our own costs nothing, and waits for nobody's lock.
        begun = time.monotonic()
        free = own(turnout)
        assert (free.status, time.monotonic() - begun < 4) == (200, True)
    finally:
        other.execute("ROLLBACK")
        other.close()
    eventually(lambda: paid(turnout).status == 200)
    assert turnout.row(free).status is Status.SETTLED


def test_i12_a_lock_held_at_start_is_waited_for(engine: Engine, serve: Serve) -> None:
    turnout = serve(settings=four_vendors(engine.url), rules=RULES)
    assert paid(turnout).status == 200
    turnout.settled(1)
    turnout.stop()
    other = sqlite3.connect(turnout.home / "data" / "ledger.db", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN EXCLUSIVE")

    def let_go() -> None:
        other.execute("ROLLBACK")
        other.close()

    free = threading.Timer(3.0, let_go)
    free.start()
    with Turnout(turnout.home) as again:
        assert spent(again) > 0
    free.join()


def _flipped(ledger: Path) -> None:
    """Every page of the tables and indexes from the third on is junk; the clients' page may be among them or not."""
    with ledger.open("r+b") as file:
        file.seek(2 * 4_096)
        file.write(b"\xa5" * (ledger.stat().st_size - 2 * 4_096))


def _no_header(ledger: Path) -> None:
    with ledger.open("r+b") as file:
        file.write(b"this is no database any more" * 8)


def _newer(ledger: Path) -> None:
    with sqlite3.connect(ledger) as db:
        db.execute("PRAGMA user_version=99")
    db.close()


def _one_page(ledger: Path) -> None:
    """The roll-ups are torn; the clients can still be read."""
    with sqlite3.connect(ledger) as db:
        page = db.execute("SELECT rootpage FROM sqlite_master WHERE name='calls'").fetchone()[0]
    db.close()
    with ledger.open("r+b") as file:
        file.seek((page - 1) * 4_096)
        file.write(b"\xff" * 4_096)


@pytest.mark.parametrize(
    ("harm", "name", "clients_kept"),
    [(_flipped, "broken", False), (_no_header, "broken", False), (_one_page, "broken", True), (_newer, "newer", True)],
    ids=["flipped", "no header", "one page", "newer"],
)
def test_i12_a_ledger_that_cannot_be_used_is_set_aside_and_budgets_go_on_where_they_were(
    engine: Engine, serve: Serve, harm: Callable[[Path], None], name: str, clients_kept: bool
) -> None:
    turnout = serve(settings=four_vendors(engine.url), rules=RULES)
    assert [paid(turnout).status for _ in range(3)] == [200] * 3
    turnout.settled(3)
    before, token = spent(turnout), turnout.token
    turnout.stop()
    ledger = turnout.home / "data" / "ledger.db"
    harm(ledger)
    with Turnout(turnout.home) as again:
        aside = ledger.with_name(f"ledger.db.{name}-1")
        assert aside.exists()
        assert spent(again) == before
        answer = again.chat("Go on.", model="openai/scripted", max_tokens=100, token=token)
        assert answer.status == (200 if clients_kept else 401)
        said = doctor(again)
        assert aside.name in said
        notices = " ".join(one.text for one in again.control.status().notices)
        assert "set aside" in notices
        assert "client" in notices


def test_i12_a_write_ahead_log_cut_short_never_gives_spent_credit_back(engine: Engine, serve: Serve) -> None:
    turnout = serve(settings=four_vendors(engine.url), rules=RULES)
    assert [paid(turnout).status for _ in range(5)] == [200] * 5
    turnout.settled(5)
    snapshot = turnout.home / "data" / "spend.json"
    eventually(
        lambda: snapshot.exists() and sum(v[2] for v in json.loads(snapshot.read_bytes())["spend"].values()) == 5
    )
    before, token = spent(turnout), turnout.token
    turnout.kill()
    wal = turnout.home / "data" / "ledger.db-wal"
    with wal.open("r+b") as file:
        file.truncate(wal.stat().st_size * 2 // 3)
    with Turnout(turnout.home) as again:
        assert spent(again) >= before
        (line,) = again.control.budgets()
        if Decimal(line["lost"]):
            assert "lost track of" in doctor(again)
            again.cli("budget", "release", line["key"])
            assert spent(again) < before
        assert again.chat("Go on.", model="openai/scripted", max_tokens=100, token=token).status in (200, 401)


def test_a_ledger_moved_under_the_proxy_is_told_until_it_is_back(engine: Engine, serve: Serve, tmp_path: Path) -> None:
    turnout = serve(settings=four_vendors(engine.url), rules=RULES)
    ledger = turnout.home / "data" / "ledger.db"
    assert paid(turnout).status == 200
    turnout.settled(1)
    assert not turnout.control.status().ledger_adrift
    ledger.rename(tmp_path / "elsewhere.db")
    assert turnout.control.status().ledger_adrift
    assert "was deleted, moved or replaced while the proxy runs" in doctor(turnout)
    (tmp_path / "elsewhere.db").rename(ledger)
    assert not turnout.control.status().ledger_adrift
    assert paid(turnout).status == 200
    assert len(turnout.settled(2)) == 2
