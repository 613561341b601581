"""`on_exceed = "ask"`: the call waits, no header sent, until the tray or the CLI answers; nobody there: refused at once."""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from tests.support.engine import Engine
from tests.support.fixtures import Serve
from tests.support.proxy import BY_MODEL, Answered, Turnout
from tests.support.scene import four_vendors
from tests.support.script import Script, Tokens

from turnout.calls.units import Status

SESSION = {"x-session-id": "ses-one"}
OTHER = {"x-session-id": "ses-two"}
ASKS = f"""{BY_MODEL}
[[budget]]
name = "two calls' worth"
scope = {{ client = "each" }}
usd = 0.02
per = "day"
on_exceed = "ask"
ask_timeout_s = 30
"""
"""A call holds 1,000 tokens of output at $8 a million, and settles at as much."""


@contextlib.contextmanager
def somebody(turnout: Turnout) -> Iterator[None]:
    """A tray that listens to what the proxy tells."""
    told = threading.Event()

    def listen() -> None:
        with contextlib.suppress(Exception):  # the boundary of the test: the proxy ends before its listener
            for _ in turnout.control.events():
                told.set()

    threading.Thread(target=listen, daemon=True).start()
    assert told.wait(20)
    yield


def spend(turnout: Turnout, headers: dict[str, str]) -> Answered:
    return turnout.chat("Say one.", model="openai/scripted", max_tokens=1_000, headers=headers)


def waiting(turnout: Turnout) -> str:
    """The key that a call waits for, once one does."""
    until = time.monotonic() + 20
    while not (found := turnout.control.status().waiting):
        assert time.monotonic() < until, "no call waits"
        time.sleep(0.02)
    return found[0].key


@pytest.fixture
def used_up(engine: Engine, serve: Serve) -> Turnout:
    """Two calls went through: a third does not fit."""
    engine.say(Script(tokens=Tokens(20, 1_000)))
    turnout = serve(settings=four_vendors(engine.url), rules=ASKS)
    assert [spend(turnout, SESSION).status for _ in range(2)] == [200, 200]
    return turnout


def held_up(turnout: Turnout, pool: ThreadPoolExecutor) -> Future[Answered]:
    sent = pool.submit(spend, turnout, SESSION)
    assert waiting(turnout).startswith("two calls' worth|client=tester")
    return sent


def test_with_nobody_there_a_budget_that_asks_refuses_at_once(engine: Engine, used_up: Turnout) -> None:
    begun = time.monotonic()
    answer = spend(used_up, SESSION)
    assert time.monotonic() - begun < 10
    assert (answer.status, answer.header("x-turnout-refusal")) == (400, "turnout_budget")
    assert len(engine.calls) == 2


@pytest.mark.parametrize("given", [(), ("--usd", "0.05")], ids=["as much as it takes", "this much"])
def test_allowing_the_session_raises_the_budget_and_the_waiting_call_goes_on(
    engine: Engine, used_up: Turnout, given: tuple[str, ...]
) -> None:
    with somebody(used_up), ThreadPoolExecutor(1) as pool:
        sent = held_up(used_up, pool)
        assert len(engine.calls) == 2
        said = json.loads(used_up.cli("session", "allow", "ses-one", *given, "--json"))
        answer = sent.result(20)
    assert answer.status == 200
    assert said["answered"] == 1
    assert [key.split("|")[0] for key in said["raised"]] == ["two calls' worth"]


def test_what_one_session_is_allowed_no_other_can_spend(engine: Engine, used_up: Turnout) -> None:
    with somebody(used_up), ThreadPoolExecutor(1) as pool:
        sent = held_up(used_up, pool)
        used_up.cli("session", "allow", "ses-one", "--usd", "1.00")
        assert sent.result(20).status == 200
    used_up.stop()
    with Turnout(used_up.home) as again:
        # It is still so after a restart.
        turned_away = again.chat(
            "Say one.", model="openai/scripted", headers=OTHER, max_tokens=1_000, token=used_up.token
        )
        let_on = again.chat("Say two.", model="openai/scripted", headers=SESSION, max_tokens=1_000, token=used_up.token)
    assert (turned_away.status, let_on.status) == (400, 200)


def test_a_session_refused_while_nobody_was_there_can_be_allowed_afterwards(used_up: Turnout) -> None:
    assert spend(used_up, SESSION).status == 400
    used_up.cli("session", "allow", "ses-one")
    assert spend(used_up, SESSION).status == 200


def test_what_a_session_is_allowed_is_not_eaten_up_by_an_overdraft(engine: Engine, serve: Serve) -> None:
    """An engine that bills 5,000 tokens where 1,000 were asked for leaves the budget of two cents two cents short."""
    engine.say(Script(tokens=Tokens(20, 5_000)))
    turnout = serve(settings=four_vendors(engine.url), rules=ASKS)
    assert [spend(turnout, SESSION).status for _ in range(2)] == [200, 400]
    turnout.cli("session", "allow", "ses-one", "--usd", "0.01")
    assert spend(turnout, SESSION).status == 200


def test_credit_for_the_budget_lets_the_waiting_call_go_on(used_up: Turnout) -> None:
    with somebody(used_up), ThreadPoolExecutor(1) as pool:
        sent = held_up(used_up, pool)
        used_up.cli("budget", "credit", "client:tester", "--add", "0.05")
        assert sent.result(20).status == 200
    assert spend(used_up, OTHER).status == 200


def test_stopping_the_session_refuses_the_waiting_call(engine: Engine, used_up: Turnout) -> None:
    with somebody(used_up), ThreadPoolExecutor(1) as pool:
        sent = held_up(used_up, pool)
        used_up.cli("session", "stop", "ses-one")
        answer = sent.result(20)
    assert (answer.status, answer.header("x-turnout-refusal")) == (400, "turnout_budget")
    assert len(engine.calls) == 2


def test_an_ask_that_nobody_answers_is_refused_after_its_time(engine: Engine, serve: Serve) -> None:
    engine.say(Script(tokens=Tokens(20, 1_000)))
    turnout = serve(settings=four_vendors(engine.url), rules=ASKS.replace("ask_timeout_s = 30", "ask_timeout_s = 0.3"))
    assert [spend(turnout, SESSION).status for _ in range(2)] == [200, 200]
    with somebody(turnout):
        answer = spend(turnout, SESSION)
    assert (answer.status, answer.header("x-turnout-refusal")) == (400, "turnout_budget")
    assert turnout.row(answer).status is Status.REFUSED


def listening(turnout: Turnout) -> socket.socket:
    """A tray of one socket: close it, and it has left."""
    before = turnout.control.status().listeners
    token = json.loads((turnout.home / "run" / "runtime.json").read_text())["control_token"]
    sock = turnout.connect()
    sock.sendall(
        f"GET /_control/v1/events HTTP/1.1\r\nhost: 127.0.0.1:{turnout.port}\r\nauthorization: Bearer {token}\r\n\r\n".encode()
    )
    until_listeners(turnout, before + 1)
    return sock


def until_listeners(turnout: Turnout, count: int) -> None:
    until = time.monotonic() + 20
    while turnout.control.status().listeners != count:
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_call_does_not_wait_for_a_tray_that_left(engine: Engine, serve: Serve) -> None:
    engine.say(Script(tokens=Tokens(20, 1_000)))
    turnout = serve(settings=four_vendors(engine.url), rules=ASKS.replace("ask_timeout_s = 30", "ask_timeout_s = 600"))
    assert [spend(turnout, SESSION).status for _ in range(2)] == [200, 200]
    first, second = listening(turnout), listening(turnout)
    with ThreadPoolExecutor(1) as pool:
        sent = held_up(turnout, pool)
        first.close()
        until_listeners(turnout, 1)
        # One is still there to answer.
        assert waiting(turnout)
        second.close()
        answer = sent.result(60)
    assert (answer.status, answer.header("x-turnout-refusal")) == (400, "turnout_budget")
    assert turnout.row(answer).status is Status.REFUSED
    assert turnout.control.status().waiting == ()
    assert len(engine.calls) == 2


def test_a_tray_that_is_back_at_once_finds_the_call_still_waiting(used_up: Turnout) -> None:
    first = listening(used_up)
    with ThreadPoolExecutor(1) as pool:
        sent = held_up(used_up, pool)
        first.close()
        until_listeners(used_up, 0)
        again = listening(used_up)
        used_up.cli("session", "allow", "ses-one")
        assert sent.result(20).status == 200
        again.close()


def test_a_client_that_leaves_while_its_call_waits_is_not_sent_on_later(engine: Engine, used_up: Turnout) -> None:
    with somebody(used_up):
        body = json.dumps(
            {"model": "openai/scripted", "max_tokens": 1000, "messages": [{"role": "user", "content": "x"}]}
        )
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:{used_up.port}\r\nauthorization: Bearer {used_up.token}\r\n"
        head += f"x-session-id: ses-one\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        with used_up.connect() as sock:
            sock.sendall((head + body).encode())
            waiting(used_up)
        until = time.monotonic() + 20
        while used_up.control.status().waiting:
            assert time.monotonic() < until, "it still waits for a client that left"
            time.sleep(0.02)
        used_up.cli("session", "allow", "ses-one")
        rows = used_up.settled(3)
    assert rows[0].status is Status.ABORTED
    assert rows[0].cost == 0
    assert len(engine.calls) == 2
