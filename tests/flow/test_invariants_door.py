"""What holds of the running program whatever fails around it: stops, kills, keyrings, second instances, sleep (I05, I06, I14-I17, I20)."""

import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from tests.support.engine import Engine
from tests.support.fixtures import Serve
from tests.support.keyring_backend import save
from tests.support.proxy import BY_MODEL, Answered, Turnout
from tests.support.scene import four_vendors
from tests.support.script import Script

from turnout.calls.units import Status
from turnout.settings.atomic import replace_file


def test_i05_a_stop_under_load_loses_no_call_and_sends_none_twice(engine: Engine, serve: Serve) -> None:
    turnout = serve(settings=four_vendors(engine.url), rules=BY_MODEL)
    assert turnout.token
    engine.say(Script("one two three four", gap_s=0.02))
    told: list[str] = []
    asked = threading.Semaphore(0)

    def caller(number: int) -> None:
        for turn in range(50):
            ask = f"call {number}-{turn}"
            try:
                answer = turnout.chat(ask, model="openai/scripted", stream=True)
            except OSError:
                return  # the listener was closed before this one came in
            told.append(ask if "[DONE]" in answer.text and "error" not in answer.text else f"told: {ask}")
            asked.release()

    callers = [threading.Thread(target=caller, args=(number,)) for number in range(8)]
    for one in callers:
        one.start()
    for _ in range(16):
        assert asked.acquire(timeout=30)
    started = time.monotonic()
    turnout.process.send_signal(signal.SIGTERM)
    assert turnout.process.wait(20) == 0
    assert time.monotonic() - started < 12
    for one in callers:
        one.join(30)

    heard = [heard.doc["messages"][0]["content"] for heard in engine.calls]
    assert len(heard) == len(set(heard))
    assert {ask.removeprefix("told: ") for ask in told} >= set(heard) - {"?"}
    rows = turnout.rows()
    assert {row.status for row in rows} <= {Status.SETTLED, Status.FAILED, Status.ABORTED}
    assert len(rows) == len({row.id for row in rows}) >= len(heard)


def test_i06_a_tray_that_is_killed_takes_only_the_proxy_it_started_with_it(engine: Engine, serve: Serve) -> None:
    """The supervisor's side is `desktop/supervisor.py`'s tests; this is the proxy's: its parent is gone, or is not its parent."""
    own = serve(settings=four_vendors(engine.url), rules=BY_MODEL)
    parent = (
        "import subprocess, sys, time\\n"
        "child = subprocess.Popen([sys.executable, '-m', 'turnout', 'serve', '--port', '0', '--parent-stdin'],"
        " stdin=subprocess.PIPE)\\n"
        "time.sleep(60)\\n"
    ).replace("\\n", "\n")
    home = own.home.parent / "child"
    tray = Turnout(home, settings=four_vendors(engine.url), rules=BY_MODEL, command=(sys.executable, "-c", parent))
    tray.start()
    pid = int(str(tray.ready["pid"]))
    assert tray.chat(model="openai/scripted").status == 200

    tray.kill()

    until = time.monotonic() + 15
    while Path(f"/proc/{pid}").exists() and Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z":
        assert time.monotonic() < until, "the proxy outlives the tray that started it"
        time.sleep(0.05)
    assert own.chat(model="openai/scripted").status == 200
    with Turnout(home) as again:
        assert again.ask("GET", "/v1/models", token=tray.token).status == 200


@pytest.mark.flaky(reruns=2)
@pytest.mark.parametrize("mood", ["hangs", "locked"])
def test_i14_a_keyring_that_hangs_or_is_locked_holds_up_neither_the_start_nor_the_local_tier(
    tmp_path: Path, engine: Engine, mood: str
) -> None:
    settings = four_vendors(engine.url).replace(f'base_url = "{engine.url}/v1"\nkey = "none"', f'base_url = "{engine.url}/v1"', 1)
    command = (sys.executable, "-m", "tests.support.ringed", "serve", "--port", "0")

    def begun(name: str, mood: str) -> tuple[float, Answered]:
        """Seconds until the local tier has answered, and what a call that needs the key is answered then."""
        ring = tmp_path / f"{name}.json"
        save(ring, {("openai", engine.url): "sk-x"}, mood)
        environment = {"TURNOUT_TEST_RING": str(ring)}
        started = time.monotonic()
        with Turnout(tmp_path / name, settings=settings, rules=BY_MODEL, command=command, environment=environment) as turnout:
            assert turnout.chat(model="ollama/scripted").status == 200
            return time.monotonic() - started, turnout.chat(model="openai/scripted")

    usual, answered = begun("usual", "")
    served, cloud = begun("held", mood)

    assert answered.status == 200
    # Five seconds is what the keyring is given: a start that waited for it would take that much longer.
    assert served < usual + 4
    assert cloud.status == 400
    assert "keyring" in cloud.text


def test_i15_a_keyring_that_forgets_what_it_is_told_is_found_out(tmp_path: Path, engine: Engine) -> None:
    ring = tmp_path / "ring.json"
    save(ring, {}, "lies")
    turnout = Turnout(tmp_path / "home", environment={"TURNOUT_TEST_RING": str(ring)})

    done = subprocess.run(
        (sys.executable, "-m", "tests.support.ringed", "key", "set", "openai", "--stdin"),
        env=turnout.environment(),
        input="sk-canary-1",
        capture_output=True,
        text=True,
        timeout=30,
    )

    assert done.returncode == 1
    assert "does not give it back" in done.stderr
    assert "sk-canary-1" not in done.stdout + done.stderr + ring.read_text()


def test_i16_a_lock_that_a_crash_left_behind_is_no_lock(engine: Engine, serve: Serve) -> None:
    first = serve(settings=four_vendors(engine.url), rules=BY_MODEL)
    first.kill()
    assert (first.home / "run" / "lock").exists()
    assert (first.home / "run" / "runtime.json").exists()

    again = serve(home=first.home)

    second = subprocess.run(
        (sys.executable, "-m", "turnout", "serve"),
        env=again.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert second.returncode == 0
    assert f"running already at {again.url}" in second.stderr


def test_t07_who_took_the_port_after_a_crash_is_not_taken_for_the_proxy(engine: Engine, serve: Serve) -> None:
    crashed = serve(settings=four_vendors(engine.url), rules=BY_MODEL)
    assert crashed.token
    crashed.kill()
    with Engine(crashed.port) as squatter:
        status = subprocess.run(
            (sys.executable, "-m", "turnout", "status"),
            env=crashed.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
        )
        clients = json.loads(crashed.cli("client", "list", "--json"))["clients"]

        assert status.returncode == 4
        assert [one["name"] for one in clients] == ["tester"]
        assert squatter.heard == []


def test_i17_after_a_sleep_the_first_call_is_answered_though_the_engine_closed_its_connections(
    engine: Engine, serve: Serve
) -> None:
    turnout = serve(settings=four_vendors(engine.url), rules=BY_MODEL)
    for _ in range(3):
        assert turnout.chat(model="openai/scripted").status == 200
    before = len(engine.calls)
    turnout.process.send_signal(signal.SIGSTOP)
    engine.hang_up()
    engine.wait_closed()
    turnout.process.send_signal(signal.SIGCONT)

    answer = turnout.chat(model="openai/scripted")

    assert answer.status == 200
    assert len(engine.calls) == before + 1
    assert len(turnout.row(answer).attempts) == 1


@pytest.mark.parametrize("how", ["cut_head", "reset", "drop_idle"])
def test_i17_a_network_that_flaps_costs_no_call_twice(engine: Engine, serve: Serve, how: str) -> None:
    turnout = serve(settings=four_vendors(engine.url), rules=BY_MODEL)
    accidents = {
        "cut_head": Script(cut_head=True),
        "reset": Script(cut_after=5, reset=True),
        "drop_idle": Script(drop_idle=True),
    }
    engine.say(accidents[how].once())
    first = turnout.chat("first", model="openai/scripted")
    second = turnout.chat("second", model="openai/scripted")

    assert first.status == (200 if how == "drop_idle" else 502)
    assert second.status == 200
    assert [heard.doc["messages"][0]["content"] for heard in engine.calls] == ["first", "second"]


def test_i20_every_call_under_a_reload_has_exactly_one_version_of_the_files(engine: Engine, serve: Serve) -> None:
    turnout = serve(settings=four_vendors(engine.url), rules=BY_MODEL)
    one = BY_MODEL.replace('name = "as asked"', 'name = "version one"')
    two = BY_MODEL.replace('name = "as asked"', 'name = "version two"')
    broken = "[[rule]]\nname = 'half a"
    stop = threading.Event()
    rules = turnout.home / "rules.toml"
    assert turnout.token

    def edit() -> None:
        for text in (one, two, broken, two, one, broken) * 20:
            if stop.is_set():
                return
            replace_file(rules, text.encode())
            turnout.control.reload()

    editor = threading.Thread(target=edit)
    editor.start()
    try:
        answers = [turnout.chat(f"call {number}", model="openai/scripted") for number in range(60)]
    finally:
        stop.set()
        editor.join(30)

    assert {answer.status for answer in answers} == {200}
    rows = [turnout.row(answer) for answer in answers]
    told = {answer.header("x-turnout-call"): answer.header("x-turnout-rule") for answer in answers}
    assert {row.rule for row in rows} <= {"as asked", "version one", "version two"}
    assert all(told[row.id] == row.rule for row in rows)
    by_config: dict[str, set[str]] = {}
    for row in rows:
        by_config.setdefault(row.config, set()).add(row.rule)
    assert all(len(names) == 1 for names in by_config.values())
    assert json.loads(turnout.cli("calls", "--last", "1", "--json"))["calls"]
