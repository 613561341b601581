"""Who is asked how often: nothing that may have been billed is sent twice (I07), no storm is made worse (I08), no wall falls (I09)."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.support.engine import Engine
from tests.support.fixtures import Serve
from tests.support.proxy import Turnout
from tests.support.scene import four_vendors
from tests.support.script import Script

from turnout.calls.units import Status

RULES = """
[signals]
secret = { kind = "match", field = "last_ask", regex = "secret" }
mine = { kind = "match", field = "last_ask", regex = "at home" }

[[rule]]
name = "private"
when = "secret"
route = "local"
private = true
on_failure = ["next", "up"]

[[rule]]
name = "home first"
when = "mine"
route = "local"
on_failure = ["next", "up"]

[[rule]]
name = "dear first"
when = "true"
route = "high"
on_failure = ["next", "down"]

[[loop]]
scope = { session = "each" }
turns = 100000
same_request = 100000
on_exceed = "refuse"
"""
IMPATIENT = 'key = "none"\nfirst_byte_s = 0.6\nidle_s = 0.6\n'
LIMIT_S = 20.0


@pytest.fixture(scope="module")
def running(scripted: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Turnout]:
    settings = four_vendors(scripted.url).replace('key = "none"\n', IMPATIENT)
    with Turnout(tmp_path_factory.mktemp("attempts"), settings=settings, rules=RULES) as found:
        yield found


@pytest.fixture
def engine(scripted: Engine) -> Engine:
    scripted.forget()
    scripted.choose = None
    return scripted


@pytest.fixture
def turnout(engine: Engine, running: Turnout) -> Turnout:
    return running


BROKEN = {
    "no answer at all": Script(cut_head=True),
    "never a byte": Script(hold=True),
    "reset in the body": Script(cut_after=30, reset=True),
    "cut in the body": Script(cut_after=30),
    "silence in the body": Script(hold_after=2),
    "nonsense": Script(body=b"<<<", kind="application/json"),
    "bad gateway": Script(status=502),
    "gateway timeout": Script(status=504),
    "its own fault": Script(status=500),
    "wrong request": Script(status=400),
}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("accident", BROKEN)
def test_i07_what_an_engine_may_have_billed_is_sent_to_no_other(
    engine: Engine, turnout: Turnout, accident: str, stream: bool
) -> None:
    script = BROKEN[accident]
    if script.hold_after and not stream:
        script = Script(hold_after=0)  # one piece is all there is
    engine.say(script.once(), Script())
    answer = turnout.chat(f"After {accident}.", stream=stream, max_tokens=50)
    row = turnout.row(answer)
    engine.release()
    assert len(engine.calls) == 1
    assert len(row.attempts) == 1
    assert row.status is Status.FAILED
    assert row.error == row.attempts[0].error != ""
    if not row.attempts[0].status.startswith("status_"):
        # The prompt was read, so it was billed: it is charged from our own count.
        assert row.cost > 0
        assert row.estimated


@pytest.mark.parametrize("status", [401, 403, 404, 429, 503, 529])
def test_i07_a_refusal_that_cost_nothing_goes_to_the_next_and_each_attempt_is_a_row(
    engine: Engine, serve: Serve, tmp_path: Path, status: int
) -> None:
    turnout = serve(settings=four_vendors(engine.url), rules=RULES)
    engine.say(Script(status=status, error="not now").once(), Script())
    answer = turnout.chat(max_tokens=50)
    row = turnout.row(answer)
    assert answer.status == 200
    assert [(a.provider, a.status) for a in row.attempts] == [("openai", f"status_{status}"), ("anthropic", "ok")]
    assert (answer.header("x-turnout-model"), answer.header("x-turnout-tier")) == ("anthropic/scripted", "fast")
    assert "fell back" in answer.header("x-turnout-reason")


def test_the_electricity_of_a_local_attempt_is_booked_though_the_cloud_stood_in(engine: Engine, serve: Serve) -> None:
    machine = '[prices."ollama/*"]\nwatts = 3600\nusd_per_kwh = 1.00\n'
    settings = four_vendors(engine.url, extra=machine).replace('key = "none"\n', IMPATIENT)
    turnout = serve(settings=settings, rules=RULES)
    engine.say(Script(hold=True).once(), Script())
    answer = turnout.chat("At home, please: say hello. It is at home.", max_tokens=50)
    row = turnout.row(answer)
    engine.release()
    assert [(a.provider, a.status) for a in row.attempts] == [("ollama", "timeout"), ("anthropic", "ok")]
    assert 500 <= row.busy_ms == row.attempts[0].duration_ms < 5_000
    # 3.6 kW at a dollar a kilowatt-hour are a thousandth of a dollar a second.
    assert row.busy_ms * 990 <= row.energy <= row.busy_ms * 1_010


OVERLOADED = b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n'
HIGH = '[[rule]]\nname = "all"\nwhen = "true"\nroute = "anthropic/scripted"\non_failure = ["up"]\n'


@pytest.mark.parametrize("way", ["messages", "chat"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_i07_a_stream_that_begins_with_a_refusal_is_one(engine: Engine, serve: Serve, way: str, stream: bool) -> None:
    """Anthropic tells an overload inside the stream when its 200 is out already: it has begun nothing and bills nothing."""
    turnout = serve(settings=four_vendors(engine.url), rules=HIGH)
    engine.say(Script(body=OVERLOADED, kind="text/event-stream").once(), Script())
    doc = {"model": "auto", "max_tokens": 50, "stream": stream, "messages": [{"role": "user", "content": "Say hello."}]}
    answer = turnout.ask("POST", {"messages": "/v1/messages", "chat": "/v1/chat/completions"}[way], doc)
    row = turnout.row(answer)
    assert (answer.status, row.status) == (200, Status.SETTLED)
    assert b"verloaded" not in answer.body
    assert [(a.provider, a.status, a.cost > 0) for a in row.attempts] == [
        ("anthropic", "status_529", False),
        ("openai", "ok", True),
    ]


def test_i07_what_breaks_after_the_engine_began_is_no_refusal(engine: Engine, serve: Serve) -> None:
    turnout = serve(settings=four_vendors(engine.url), rules=HIGH)
    began = b'event: message_start\ndata: {"type":"message_start","message":{"usage":{"input_tokens":9,"output_tokens":1}}}\n\n'
    engine.say(Script(body=began + OVERLOADED, kind="text/event-stream").once(), Script())
    doc = {"model": "auto", "max_tokens": 50, "stream": True, "messages": [{"role": "user", "content": "Say hello."}]}
    row = turnout.row(turnout.ask("POST", "/v1/messages", doc))
    assert [(a.provider, a.status, a.cost > 0) for a in row.attempts] == [("anthropic", "broken", True)]


def test_i08_a_storm_is_not_doubled_and_an_engine_is_left_alone_as_long_as_it_asks(
    engine: Engine, serve: Serve
) -> None:
    turnout = serve(settings=four_vendors(engine.url), rules=RULES)
    assert turnout.token
    storm = Script(status=529, error="overloaded", headers=(("retry-after", "30"),))
    engine.choose = lambda heard: storm if "/v1/chat/completions" in heard.path else Script()
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda n: turnout.chat(f"Say {n}.", max_tokens=50), range(100)))
    assert len(engine.calls) <= 120
    assert sum(answer.status == 200 for answer in answers) >= 75
    turned_away = [answer for answer in answers if answer.status != 200]
    assert all(answer.status == 529 and answer.header("retry-after") == "30" for answer in turned_away)
    engine.forget()
    later = [turnout.chat(f"Later {n}.", max_tokens=50) for n in range(5)]
    assert [one.header("x-turnout-model") for one in later] == ["anthropic/scripted"] * 5
    assert "asked to be left alone" in later[0].header("x-turnout-reason")
    assert len(engine.calls) == 5


def test_i08_when_the_rule_allows_no_other_a_storm_is_told_to_the_client_and_never_served_dearer(
    engine: Engine, serve: Serve
) -> None:
    rules = RULES.replace('route = "high"\non_failure = ["next", "down"]', 'route = "fast"\non_failure = ["next"]')
    turnout = serve(settings=four_vendors(engine.url), rules=rules)
    engine.say(Script(status=429, error="slow down", headers=(("retry-after", "7"),)))
    answers = [turnout.chat(f"Say {n}.", max_tokens=50) for n in range(10)]
    assert {(one.status, one.header("retry-after")) for one in answers} == {(429, "7")}
    assert {heard.path for heard in engine.calls} == {"/v1/messages"}
    assert len(engine.calls) == 10


def test_i08_an_engine_that_asked_for_a_second_is_asked_again_after_it(engine: Engine, serve: Serve) -> None:
    turnout = serve(settings=four_vendors(engine.url), rules=RULES)
    engine.say(Script(status=503, headers=(("retry-after", "1"),)).once(), Script())
    assert turnout.chat(max_tokens=50).header("x-turnout-model") == "anthropic/scripted"
    until = time.monotonic() + LIMIT_S
    number = 0
    while turnout.chat(f"Again {number}.", max_tokens=50).header("x-turnout-model") != "openai/scripted":
        assert time.monotonic() < until
        number += 1


@pytest.mark.parametrize("accident", ["no answer at all", "never a byte", "reset in the body", "its own fault"])
@pytest.mark.parametrize("ask", ["my secret", "do it at home"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_i09_a_local_engine_that_dies_falls_back_only_where_it_may(
    engine: Engine, turnout: Turnout, accident: str, ask: str, stream: bool
) -> None:
    sick = BROKEN[accident]
    engine.choose = lambda heard: sick if heard.path.startswith("/api/") else Script()
    try:
        answer = turnout.chat(f"{ask}: {accident}", stream=stream, max_tokens=50)
    finally:
        engine.choose = None
    engine.release()
    row = turnout.row(answer)
    clouds = [heard for heard in engine.calls if not heard.path.startswith("/api/")]
    if ask == "my secret":
        assert clouds == []
        assert answer.status >= 400 or b"error" in answer.body
        assert row.cost == 0
    elif accident != "its own fault":
        assert (answer.status, len(clouds)) == (200, 1)
    assert turnout.control.status().open_holds == 0
