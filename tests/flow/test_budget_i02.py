"""I02: a cap is a cap, however many calls come at once and in whatever dialect."""

from concurrent.futures import Future, ThreadPoolExecutor, as_completed

import pytest
from tests.support.asks import TALKS, WAYS, send
from tests.support.engine import Engine
from tests.support.fixtures import Serve
from tests.support.proxy import BY_MODEL, Answered, Turnout
from tests.support.scene import four_vendors
from tests.support.script import Script, Tokens

from turnout.calls.units import Status

CALLS = 64
TEN = 10
WAIT_S = 30.0
CAPPED = f"""{BY_MODEL}
[[budget]]
name = "ten calls' worth"
scope = {{ client = "each" }}
usd = 0.085
per = "day"
on_exceed = "refuse"
"""
"""A call holds 1,000 tokens of output at $8 a million and a few of its prompt: $0.085 holds ten."""
COUNTED = CAPPED.replace("usd = 0.085", "calls = 10")


def all_at_once(turnout: Turnout, engine: Engine, ways: list[str]) -> list[tuple[str, Answered]]:
    """Every call that got through is kept open until all others were turned away, so nothing is settled in between."""
    engine.say(Script(tokens=Tokens(20, 1_000), hold=True))
    assert turnout.token
    with ThreadPoolExecutor(CALLS) as pool:
        sent: dict[Future[Answered], str] = {
            pool.submit(send, turnout, way, f"Say {number}.", model="openai/scripted"): way
            for number, way in enumerate(ways)
        }
        try:
            turned_away = as_completed(sent, timeout=WAIT_S)
            for _ in range(len(ways) - TEN):
                next(turned_away)
        finally:
            engine.release()
        return [(way, future.result()) for future, way in sent.items()]


@pytest.mark.parametrize(
    ("rules", "ways"),
    [(CAPPED, TALKS), (COUNTED, tuple(WAYS))],
    ids=["dollars", "calls"],
)
def test_i02_of_64_calls_at_once_a_cap_for_ten_admits_ten(
    engine: Engine, serve: Serve, rules: str, ways: tuple[str, ...]
) -> None:
    turnout = serve(settings=four_vendors(engine.url), rules=rules)

    answers = all_at_once(turnout, engine, [ways[number % len(ways)] for number in range(CALLS)])

    refused = [(way, answer) for way, answer in answers if answer.status != 200]
    assert len(answers) - len(refused) == TEN
    assert len(engine.calls) == TEN
    for way, answer in refused:
        assert answer.status == 400
        assert answer.header("x-turnout-refusal") == "turnout_budget"
        message = WAYS[way].message(answer.doc)
        assert "turnout_budget" in message
        assert "ten calls' worth" in message
    assert {way for way, _ in refused} == set(ways)
    rows = turnout.settled(CALLS)
    assert sum(row.status is Status.SETTLED for row in rows) == TEN
    assert sum(row.status is Status.REFUSED for row in rows) == CALLS - TEN
    assert sum(row.cost for row in rows if row.status is Status.REFUSED) == 0


def test_i02_a_cap_that_is_used_up_stays_so_after_a_restart(engine: Engine, serve: Serve) -> None:
    first = serve(settings=four_vendors(engine.url), rules=COUNTED)
    for number in range(TEN):
        assert send(first, "chat", f"Say {number}.", model="openai/scripted").status == 200
    token = first.token
    first.stop()

    second = serve(rules=COUNTED)
    refused = second.chat("Say 11.", model="openai/scripted", token=token)

    assert refused.status == 400
    assert refused.doc["error"]["code"] == "turnout_budget"
    assert len(engine.calls) == TEN


def test_what_a_call_did_not_use_of_its_hold_can_be_spent_by_the_next(engine: Engine, serve: Serve) -> None:
    turnout = serve(settings=four_vendors(engine.url), rules=CAPPED)
    engine.say(Script(tokens=Tokens(20, 10)))
    statuses = [send(turnout, "chat", f"Say {n}.", model="openai/scripted").status for n in range(2 * TEN)]
    assert statuses == [200] * (2 * TEN)
    assert sum(row.cost for row in turnout.settled(2 * TEN)) == 2 * TEN * (20 * 2_000 + 10 * 8_000)
