"""The loop guard through the real proxy: a runaway that was seen in the wild, what is no loop, and how a session goes on."""

import csv
import http.client
import json
import os
from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest
from tests.support.engine import Engine
from tests.support.fixtures import Serve
from tests.support.proxy import Answered, Turnout
from tests.support.scene import four_vendors
from tests.support.script import Script
from tests.support.shared import shared

from turnout.calls.units import Dialect, Json
from turnout.wire.codec import codec
from turnout.wire.dialect import Target

REQUESTS = int(os.environ.get("TURNOUT_RUNAWAY", "300"))
"""Of the trace's 2,327; all of them take a minute."""
RULES = '[[rule]]\nname = "as asked"\nwhen = "true"\nroute = "high"\n'
TEN = '\n[[loop]]\nscope = {scope}\nturns = 10\nsame_request = 1000\non_exceed = "ask"\n'
NUDGE = "You did not call a tool. Go on with the task; this is reminder number {number}."


def runaway() -> Iterator[bytes]:
    """The bodies of the trace: they grow by a text answer and the client's nudge; five times the client starts anew."""
    folder = shared("clients/cline-loop")
    first, after, summary = (
        json.loads((folder / name).read_text())["body"] for name in ("00001.json", "02281.json", "02280.json")
    )
    nudge, opening, aside = first["messages"][2], first["messages"][:3], False
    with (folder / "trace.csv").open() as file:
        for row in csv.DictReader(file):
            number, count = int(row["seq"]), int(row["messages"])
            if count == 2:
                body, aside = summary, True
            else:
                if count == 3:
                    opening = first["messages"][:3]
                elif aside:
                    opening = after["messages"][:3]
                aside = False
                said = {"role": "assistant", "content": f"PONG-{1362 + number}"}
                body = first | {"messages": [*opening, *[said, nudge] * ((count - len(opening)) // 2)]}
            yield json.dumps(body).encode()


def statuses(turnout: Turnout, bodies: Iterator[bytes]) -> list[tuple[int, str]]:
    """One after the other on one connection, as fast as they are answered: (status, refusal)."""
    headers = {"authorization": f"Bearer {turnout.token}", "content-type": "application/json"}
    connection = http.client.HTTPConnection("127.0.0.1", turnout.port, timeout=30)
    found = []
    try:
        for body in bodies:
            connection.request("POST", "/v1/chat/completions", body, headers)
            answer = connection.getresponse()
            answer.read()
            found.append((answer.status, answer.headers.get("x-turnout-refusal", "")))
    finally:
        connection.close()
    return found


def step(turnout: Turnout, number: int, session: str, *, ask: str = "Mend the parser.", **more: Any) -> Answered:
    """An agent's step: its history has grown by a text answer and a nudge of its own."""
    history = [{"role": "user", "content": ask}]
    for n in range(number + 1):
        history += [{"role": "assistant", "content": f"done {n}"}, {"role": "user", "content": NUDGE.format(number=n)}]
    headers = {"x-session-id": session, **more.pop("headers", {})}
    return turnout.ask("POST", "/v1/chat/completions", {"model": "auto", "messages": history, **more}, headers=headers)


def test_the_runaway_agent_is_stopped_and_no_engine_hears_of_it_any_more(engine: Engine, serve: Serve) -> None:
    """The default guard; nobody is there to be asked."""
    engine.say(Script("PONG"))
    turnout = serve(settings=four_vendors(engine.url), rules=RULES)
    found = statuses(turnout, islice(runaway(), REQUESTS))
    admitted = next(n for n, (status, _) in enumerate(found) if status != 200)
    assert 4 <= admitted <= 200
    assert set(found[admitted:]) == {(400, "turnout_loop")}
    assert len(engine.calls) == admitted


@pytest.mark.parametrize("scope", ['{ session = "each" }'])
def test_after_a_restart_a_stopped_run_is_still_stopped(engine: Engine, serve: Serve, scope: str) -> None:
    turnout = serve(settings=four_vendors(engine.url), rules=RULES + TEN.format(scope=scope))
    assert [step(turnout, n, "s1").status for n in range(12)] == [200] * 10 + [400] * 2
    token = turnout.token
    turnout.stop()
    with Turnout(turnout.home) as again:
        again._token = token
        assert step(again, 12, "s1").header("x-turnout-refusal") == "turnout_loop"
        again.cli("session", "allow", "s1", "--turns", "2")
        assert [step(again, n, "s1").status for n in (13, 14, 15)] == [200, 200, 400]
        # A truly new ask lets it go on as well; the agent's nudge, with another number in it, is none.
        assert step(again, 16, "s1").status == 400
        fresh = [{"role": "user", "content": "Now explain to me how tides come about, with the moon and the sun."}]
        asked = again.ask(
            "POST", "/v1/chat/completions", {"model": "auto", "messages": fresh}, headers={"x-session-id": "s1"}
        )
        assert asked.status == 200


def test_the_refusal_says_what_to_do_and_it_helps(engine: Engine, serve: Serve) -> None:
    """The command in the message, word by word, where dollars ran out and where turns did."""
    rules = RULES + '\n[[loop]]\nscope = { session = "each" }\nusd = 0.00005\nsame_request = 100\non_exceed = "ask"\n'
    turnout = serve(settings=four_vendors(engine.url), rules=rules)
    assert step(turnout, 0, "s1").status == 200
    message = step(turnout, 1, "s1").doc["error"]["message"]
    command = message.partition("`turnout ")[2].partition("`")[0]
    assert "--usd" in command
    turnout.cli(*command.split())
    assert step(turnout, 2, "s1").status == 200


def test_stopping_by_hand_holds_until_it_is_allowed_also_over_a_restart(engine: Engine, serve: Serve) -> None:
    turnout = serve(settings=four_vendors(engine.url), rules=RULES)
    assert step(turnout, 0, "s1").status == 200
    turnout.cli("session", "stop", "s1")
    assert step(turnout, 1, "s1").header("x-turnout-refusal") == "turnout_loop"
    token = turnout.token
    turnout.stop()
    with Turnout(turnout.home) as again:
        again._token = token
        assert step(again, 2, "s1").status == 400
        again.cli("session", "allow", "s1")
        assert step(again, 3, "s1").status == 200


def test_a_loop_over_a_tree_counts_its_subagents_together(engine: Engine, serve: Serve) -> None:
    turnout = serve(settings=four_vendors(engine.url), rules=RULES + TEN.format(scope='{ session_tree = "each" }'))
    assert step(turnout, 0, "boss").status == 200
    child = {"x-parent-session-id": "boss"}
    first = [step(turnout, n, "one", headers=child, ask="Read the tests of the lexer.").status for n in range(5)]
    second = [step(turnout, n, "two", headers=child, ask="Look through the docs for typos.").status for n in range(6)]
    assert first == [200] * 5
    assert second == [200] * 4 + [400] * 2
    assert step(turnout, 0, "elsewhere", ask="Something of my own.").status == 200


def test_retries_and_token_counts_are_no_steps(engine: Engine, serve: Serve) -> None:
    turnout = serve(settings=four_vendors(engine.url), rules=RULES + TEN.format(scope='{ session = "each" }'))
    count = {"model": "anthropic/scripted", "messages": [{"role": "user", "content": "Mend the parser."}]}
    bursts = [
        turnout.ask("POST", "/v1/messages/count_tokens", count, headers={"x-session-id": "s1"}).status
        for _ in range(19)
    ]
    retried = [step(turnout, 0, "s1", headers={"x-stainless-retry-count": str(n)}).status for n in range(15)]
    steps = [step(turnout, n, "s1").status for n in range(1, 12)]
    assert bursts == [200] * 19
    assert retried == [200] * 15
    assert steps == [200] * 9 + [400] * 2


def test_the_same_request_again_and_again_is_a_loop(engine: Engine, serve: Serve) -> None:
    """The default figure: four."""
    turnout = serve(settings=four_vendors(engine.url), rules=RULES)
    assert [step(turnout, 0, "s1").status for _ in range(7)] == [200] * 4 + [400] * 3
    message = step(turnout, 0, "s1").doc["error"]["message"]
    assert "the same request" in message
    turnout.cli("session", "allow", "s1")
    assert step(turnout, 0, "s1").status == 200


@pytest.mark.parametrize("dialect", [Dialect.OPENAI_CHAT, Dialect.ANTHROPIC, Dialect.OPENAI_RESPONSES])
def test_a_session_stopped_for_its_tool_calls_goes_on_with_a_new_ask(
    dialect: Dialect, engine: Engine, serve: Serve
) -> None:
    """The calls before it stay in the history for good."""
    turnout = serve(settings=four_vendors(engine.url), rules=RULES)
    path = {Dialect.ANTHROPIC: "/v1/messages", Dialect.OPENAI_RESPONSES: "/v1/responses"}.get(dialect)
    messages: list[Json] = [{"role": "user", "content": "Mend the parser."}]

    def called(times: int) -> int:
        for _ in range(times):
            id_ = f"t{len(messages)}"
            named: Json = {"id": id_, "type": "function", "function": {"name": "read", "arguments": "{}"}}
            messages.append({"role": "assistant", "content": None, "tool_calls": [named]})
            messages.append({"role": "tool", "tool_call_id": id_, "content": f"as of {id_}"})
        request = codec(Dialect.OPENAI_CHAT).read_request({"model": "auto", "messages": messages})
        body = codec(dialect).write_request(request, Target("auto", max_output=99)).body
        return turnout.ask("POST", path or "/v1/chat/completions", body, headers={"x-session-id": "s1"}).status

    assert [called(11), called(1), called(1)] == [200, 400, 400]
    messages.append({"role": "user", "content": "Now explain how tides come about, with the moon and the sun."})
    assert [called(0), called(1), called(10), called(1)] == [200, 200, 200, 400]
