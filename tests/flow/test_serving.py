"""`turnout serve` as those who start it see it: the ready line, one instance, a graceful end, files read again, the first start."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from tests.support.asks import WAYS
from tests.support.engine import Engine
from tests.support.fixtures import Serve
from tests.support.llama import server_binary
from tests.support.proxy import BY_MODEL, Turnout, received
from tests.support.scene import four_vendors
from tests.support.script import Script
from tests.support.scripted_model import write_model

from turnout import __version__
from turnout.calls.units import Status

WATCHED = """
import os, sys
def _note(event, given):
    if event == "socket.connect":
        with open(os.environ["TURNOUT_TEST_CONNECTS"], "a") as file:
            file.write(f"{given[1]!r}\\n")
    elif event == "socket.getaddrinfo":
        with open(os.environ["TURNOUT_TEST_CONNECTS"], "a") as file:
            file.write(f"look up {given[0]!r}\\n")
sys.addaudithook(_note)
"""


def until(is_so: Callable[[], bool], what: str, timeout_s: float = 15.0) -> None:
    ends = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < ends, f"not within {timeout_s:g} s: {what}"
        time.sleep(0.02)


def second_serve(turnout: Turnout) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        (sys.executable, "-m", "turnout", "serve", "--port", "0"),
        env=turnout.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
    )


def test_the_ready_line_is_one_json_object_and_calls_are_taken_at_once(engine: Engine, serve: Serve) -> None:
    turnout = serve(settings=four_vendors(engine.url), rules=BY_MODEL)

    assert turnout.ready == {
        "event": "ready",
        "url": f"http://127.0.0.1:{turnout.port}",
        "pid": turnout.process.pid,
        "version": __version__,
    }
    assert turnout.chat(model="openai/scripted").status == 200
    assert turnout.lines.empty()


def test_everything_lies_under_turnout_home(engine: Engine, serve: Serve) -> None:
    turnout = serve(settings=four_vendors(engine.url))
    turnout.chat(model="openai/scripted")
    turnout.settled(1)

    there = {str(one.relative_to(turnout.home)) for one in turnout.home.rglob("*") if one.is_file()}

    assert {"turnout.toml", "rules.toml", "data/ledger.db", "state/turnout.log", "run/runtime.json"} <= there
    assert {one.partition("/")[0] for one in there} <= {
        "turnout.toml",
        "rules.toml",
        "data",
        "state",
        "run",
        "stderr.txt",
    }


def test_a_second_one_says_where_the_first_runs_and_leaves_it_alone(engine: Engine, serve: Serve) -> None:
    turnout = serve(settings=four_vendors(engine.url), rules=BY_MODEL)

    second = second_serve(turnout)

    assert second.stdout == ""
    assert f"running already at {turnout.url} (pid {turnout.process.pid})" in second.stderr
    assert "turnout status" in second.stderr
    assert turnout.chat(model="openai/scripted").status == 200


def test_after_kill_9_the_next_one_starts(engine: Engine, serve: Serve, tmp_path: Path) -> None:
    first = serve(settings=four_vendors(engine.url), rules=BY_MODEL)
    first.kill()

    second = serve(home=first.home)

    assert second.chat(model="openai/scripted").status == 200


@pytest.mark.parametrize("signal_", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_lets_running_streams_finish(engine: Engine, serve: Serve, signal_: signal.Signals) -> None:
    turnout = serve(settings=four_vendors(engine.url), rules=BY_MODEL)
    engine.say(Script("one two three four", hold_after=2))
    with turnout.connect() as sock:
        body = b'{"model":"openai/scripted","stream":true,"messages":[{"role":"user","content":"count"}]}'
        sock.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAuthorization: Bearer %s\r\n"
            b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
            % (turnout.port, turnout.token.encode(), len(body), body)
        )
        first = sock.recv(4096)
        turnout.process.send_signal(signal_)
        until(lambda: not listening(turnout.port), "the listener is closed")
        engine.release()
        rest = b"".join(received(sock))

    assert turnout.process.wait(20) == 0
    assert b"four" in rest
    assert b"[DONE]" in rest
    assert first.startswith(b"HTTP/1.1 200")
    assert turnout.settled(1)[0].status is Status.SETTLED
    assert not (turnout.home / "run" / "runtime.json").exists()


def listening(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def test_a_stop_ends_a_stream_that_does_not_and_the_row_is_there(engine: Engine, serve: Serve) -> None:
    turnout = serve(settings=four_vendors(engine.url), rules=BY_MODEL)
    engine.say(Script("never ending", hold_after=1))
    with turnout.connect() as sock:
        body = b'{"model":"openai/scripted","stream":true,"messages":[{"role":"user","content":"count"}]}'
        sock.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAuthorization: Bearer %s\r\n"
            b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
            % (turnout.port, turnout.token.encode(), len(body), body)
        )
        assert sock.recv(4096)
        started = time.monotonic()

        turnout.process.terminate()
        rest = b"".join(received(sock))
        assert turnout.process.wait(20) == 0

    assert time.monotonic() - started < 15
    assert b"Turnout was stopped during this call" in rest
    row = turnout.settled(1)[0]
    assert row.status is Status.FAILED
    assert row.attempts[0].status == "aborted"
    assert row.cost > 0


def test_one_started_by_the_tray_ends_with_its_stdin(engine: Engine, serve: Serve) -> None:
    turnout = serve(settings=four_vendors(engine.url), arguments=("--port", "0", "--parent-stdin"), stdin=True)
    assert turnout.process.stdin is not None

    turnout.process.stdin.close()

    assert turnout.process.wait(15) == 0


def test_one_started_by_hand_does_not_care_for_its_stdin(engine: Engine, serve: Serve) -> None:
    turnout = serve(settings=four_vendors(engine.url), rules=BY_MODEL)

    assert turnout.chat(model="openai/scripted").status == 200
    assert turnout.process.poll() is None


def test_a_saved_rule_is_in_force_and_a_broken_one_keeps_the_last_good(engine: Engine, serve: Serve) -> None:
    turnout = serve(settings=four_vendors(engine.url), rules=BY_MODEL)
    rules = turnout.home / "rules.toml"
    block = '[[rule]]\nname = "nothing goes out"\nwhen = "true"\nroute = "block"\n'

    rules.write_text(block)
    until(lambda: turnout.chat(model="openai/scripted").status == 400, "the new rule is in force")

    rules.write_text('[[rule]]\nname = "nothing goes out"\nwhen = "true and"\nroute = "block"\n')
    until(lambda: turnout.control.status().rules_error != "", "the mistake is told")
    error = turnout.control.status().rules_error
    assert "rules.toml" in error
    assert "line 3" in error or ":3" in error
    refused = turnout.chat(model="openai/scripted")
    assert refused.status == 400
    assert refused.header("x-turnout-refusal") == "turnout_policy"
    doctor = json.loads(_doctor(turnout))
    assert any("last good" in one["detail"] for one in doctor["checks"])

    rules.write_text(BY_MODEL)
    until(lambda: turnout.chat(model="openai/scripted").status == 200, "the mended file is in force")
    assert turnout.control.status().rules_error == ""


def _doctor(turnout: Turnout) -> str:
    done = subprocess.run(
        (sys.executable, "-m", "turnout", "doctor", "--json"),
        env=turnout.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.stdout


def test_saved_settings_are_in_force_and_broken_ones_keep_the_last_good(engine: Engine, serve: Serve) -> None:
    good = four_vendors(engine.url)
    turnout = serve(settings=good, rules=BY_MODEL)
    file = turnout.home / "turnout.toml"

    file.write_text(good + '[providers.more]\ndialect = "opanai"\nbase_url = "http://127.0.0.1:1"\n')
    until(lambda: turnout.control.status().settings_error != "", "the mistake is told")
    assert "turnout.toml" in turnout.control.status().settings_error
    assert turnout.chat(model="openai/scripted").status == 200

    file.write_text(good.replace("[providers.anthropic]", "[providers.claude]").replace("anthropic/", "claude/"))
    until(lambda: turnout.control.status().settings_error == "", "the mended file is in force")
    assert turnout.chat(model="claude/scripted").status == 200


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("turnout.toml", "[server\nport = 1", "turnout.toml"),
        ("turnout.toml", "[server]\nprot = 7717\n", "prot"),
        ("turnout.toml", '[providers.x]\ndialect = "klingon"\nbase_url = "http://127.0.0.1:1"\n', "klingon"),
        (
            "rules.toml",
            '[[rule]]\nname = "x"\nwhen = "nothing_of_that_name"\nroute = "local"\n',
            "nothing_of_that_name",
        ),
        ("rules.toml", "\x00\x01", "rules.toml"),
    ],
)
def test_a_broken_file_at_the_start_is_told_with_its_place(tmp_path: Path, name: str, text: str, said: str) -> None:
    turnout = Turnout(tmp_path)
    (tmp_path / name).write_text(text)

    done = second_serve(turnout)

    assert done.returncode == 2
    assert done.stdout == ""
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_the_first_start_with_nothing_says_what_to_do_and_answers_calls_so(tmp_path: Path) -> None:
    with Turnout(tmp_path / "new") as turnout:
        until(lambda: turnout.stderr.count("\n") >= 3, "three lines of advice")
        assert len(turnout.stderr.splitlines()) == 3
        assert (turnout.home / "turnout.toml").exists()
        assert (turnout.home / "rules.toml").exists()
        assert "turnout key set" in turnout.stderr
        assert "turnout connect" in turnout.stderr
        if "Found" not in turnout.stderr:
            for way in WAYS:
                answer = turnout.ask(
                    "POST", WAYS[way].target("auto", stream=False), WAYS[way].doc("hi", "auto", False, 9)
                )
                assert answer.status == 400
                assert "ollama pull" in WAYS[way].message(answer.doc)
                assert "turnout key set" in WAYS[way].message(answer.doc)
                assert turnout.row(answer).code == "turnout_no_engine"


def test_the_first_start_finds_an_engine_on_its_usual_port(tmp_path: Path) -> None:
    if listening(1234):
        pytest.skip("something else listens on LM Studio's port")
    with Engine(1234, models=("qwen-coder", "text-embed-small")), Turnout(tmp_path / "new") as turnout:
        until(lambda: "Found" in turnout.stderr, "what was found")
        assert "LM Studio on port 1234 with qwen-coder" in turnout.stderr
        assert '"lmstudio/qwen-coder"' in (turnout.home / "turnout.toml").read_text()
        answer = turnout.chat("Rename this variable.")
        assert answer.status == 200
        assert turnout.row(answer).provider in ("lmstudio", "local")


def test_an_engine_that_is_installed_after_the_first_start_is_taken_up(tmp_path: Path) -> None:
    with Turnout(tmp_path / "new") as turnout:
        until(lambda: turnout.stderr.count("\n") >= 3, "three lines of advice")
        if "Found" in turnout.stderr or listening(1234):
            pytest.skip("an engine runs here already")
        assert turnout.chat().status == 400
        with Engine(1234, models=("qwen-coder",)):
            until(lambda: "lmstudio/qwen-coder" in turnout.ask("GET", "/v1/models").text, "the engine is known", 30)
            assert turnout.chat("Rename this variable.").status == 200
        assert 'abstain = "local"' in (turnout.home / "rules.toml").read_text()


def test_a_file_of_the_users_own_is_never_written_over(tmp_path: Path) -> None:
    home = tmp_path / "new"
    home.mkdir()
    (home / "turnout.toml").write_text("# mine\n")
    with Turnout(home) as turnout:
        assert turnout.chat().status == 400

    assert (home / "turnout.toml").read_text() == "# mine\n"


@pytest.mark.engine
def test_a_gguf_file_is_served_from_the_first_call_on_and_again_after_its_server_died(tmp_path: Path) -> None:
    server_binary()
    model = tmp_path / "scripted.gguf"
    write_model(model)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = f'[providers.own]\ngguf = "{model}"\nbase_url = "http://127.0.0.1:{port}/v1"\n'
    with Turnout(tmp_path / "home", settings=own) as turnout:
        first = turnout.chat("hello <|s:text|>")
        assert first.status == 200
        assert turnout.row(first).provider == "own"

        server = psutil.Process(turnout.process.pid).children()[0]
        server.kill()
        server.wait(10)
        until(lambda: turnout.chat("hello <|s:text|>").status == 200, "it is served again", 30)
        again = psutil.Process(turnout.process.pid).children()[0]

        turnout.kill()
        until(lambda: not again.is_running() or again.status() == psutil.STATUS_ZOMBIE, "the server ended with us")


@pytest.mark.parametrize(("file", "said"), [("nothing.gguf", "is no file"), ("turnout.toml", "is not a GGUF file")])
def test_a_gguf_file_that_is_none_is_told_to_who_calls(tmp_path: Path, file: str, said: str) -> None:
    home = tmp_path / "home"
    with Turnout(home, settings=f'[providers.own]\ngguf = "{home / file}"\n') as turnout:
        answer = turnout.chat()

        assert answer.status == 400
        assert said in answer.text


def test_without_a_network_it_starts_and_counts_tokens(tmp_path: Path, engine: Engine) -> None:
    (tmp_path / "watch").mkdir()
    (tmp_path / "watch" / "sitecustomize.py").write_text(WATCHED)
    made = Turnout(tmp_path / "home")
    path = os.pathsep.join([str(tmp_path / "watch"), made.environment()["PYTHONPATH"]])
    watched = {"PYTHONPATH": path, "TURNOUT_TEST_CONNECTS": str(tmp_path / "connects.txt")}
    with Turnout(tmp_path / "home", settings=four_vendors(engine.url), rules=BY_MODEL, environment=watched) as turnout:
        counted = turnout.ask(
            "POST",
            "/v1/messages/count_tokens",
            {"model": "anthropic/scripted", "messages": [{"role": "user", "content": "one two three four " * 100}]},
        )
        turnout.chat(model="openai/scripted")

    assert 350 < counted.doc["input_tokens"] < 700
    connects = set((tmp_path / "connects.txt").read_text().splitlines())
    assert connects == {f"('127.0.0.1', {engine.port})"}
