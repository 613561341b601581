"""Every call leaves one row, however it ended: who, why there, how many tokens, what it cost."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.engine import Engine
from tests.support.proxy import Turnout
from tests.support.scene import FAMILIES, four_vendors
from tests.support.script import Script, Tokens

from turnout.calls.record import CallRecord
from turnout.calls.units import Grade, Status, Tier
from turnout.calls.usage import Usage
from turnout.routing.calibration import INPUT_NAMES

RULES = """
[signals]
forbidden = { kind = "match", field = "last_ask", regex = "forbidden" }
exact = { kind = "model", is = "*/*" }

[[rule]]
name = "not this"
when = "forbidden"
route = "block"

[[rule]]
name = "as asked"
when = "exact"
route = "asked"
on_failure = ["refuse"]

[[rule]]
name = "by grade"
when = "true"
route = "grade"
on_failure = ["next", "up"]

[[loop]]
scope = { session = "each" }
turns = 100000
same_request = 100000
on_exceed = "refuse"
"""


@pytest.fixture(scope="module")
def running(scripted: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Turnout]:
    home: Path = tmp_path_factory.mktemp("rows")
    settings = four_vendors(scripted.url, extra='[developer]\nname = "ada"\n')
    with Turnout(home, settings=settings, rules=RULES) as found:
        yield found


@pytest.fixture
def engine(scripted: Engine) -> Engine:
    scripted.forget()
    return scripted


@pytest.fixture
def turnout(engine: Engine, running: Turnout) -> Turnout:
    return running


def afterwards(turnout: Turnout, id_: str) -> CallRecord:
    """The row once it has been graded; the grader needs half a second for its start."""
    until = time.monotonic() + 20
    while (row := turnout.row(id_)).graded_by == "":
        assert time.monotonic() < until, "nobody graded it"
        time.sleep(0.02)
    return row


def test_a_call_whose_model_was_named_is_graded_when_it_is_over_and_the_audit_knows(turnout: Turnout) -> None:
    """No rule needed a grade; the audit asks all the same whether the dear model was needed."""
    headers = {"x-session-id": "by name"}
    ask = "Classify this ticket as billing, bug or question: the order has not arrived."
    row = afterwards(turnout, turnout.chat(ask, model="openai/scripted", headers=headers).header("x-turnout-call"))
    assert (row.rule, row.grade, row.graded_by) == ("as asked", Grade.LOW, "afterwards")
    assert row.features
    steps = [
        {"role": "user", "content": ask},
        {
            "role": "assistant",
            "tool_calls": [{"id": "t", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "t", "content": "found"},
    ]
    doc = {"model": "openai/scripted", "messages": steps}
    step = turnout.row(turnout.ask("POST", "/v1/chat/completions", doc, headers=headers))
    told = json.loads(turnout.cli("audit", "--last", "2", "--json"))
    assert [(one["id"], one["enough"], one["cheaper_would_do"]) for one in told["rows"]] == [
        (step.id, "local", True),
        (row.id, "local", True),
    ]
    assert "2 calls (100%) a cheaper tier could have done" in (said := turnout.cli("audit", "--last", "2"))
    assert "Most of it: tester asking for openai/scripted" in said
    assert turnout.row(step.id).grade is None


def test_calls_json_tells_who_why_how_much_and_what_it_cost(engine: Engine, turnout: Turnout) -> None:
    token = turnout.add_client("cli", "platform", "apollo")
    engine.say(Script(tokens=Tokens(1000, 50)))
    answer = turnout.chat(model="openai/scripted", token=token)
    turnout.row(answer)

    row = json.loads(turnout.cli("calls", "--json"))["calls"][0]

    told = {key: row[key] for key in ("client", "developer", "department", "project", "asked_model")}
    assert told == {
        "client": "cli",
        "developer": "ada",
        "department": "platform",
        "project": "apollo",
        "asked_model": "openai/scripted",
    }
    route = {key: row[key] for key in ("provider", "model", "tier", "rule", "status", "estimated", "attempts")}
    assert route == {
        "provider": "openai",
        "model": "scripted",
        "tier": "high",
        "rule": "as asked",
        "status": "settled",
        "estimated": False,
        "attempts": 1,
    }
    assert row["tokens"] == {
        "uncached": 1000,
        "cache_read": 0,
        "cache_write_5m": 0,
        "cache_write_1h": 0,
        "output": 50,
        "reasoning": 0,
    }
    # 1,000 at $2 and 50 at $8 a million.
    assert row["cost_usd"] == "0.0024"
    assert {"id", "at", "session", "grade", "confidence", "reason"} <= row.keys()
    assert {"baseline_usd", "saved_usd", "first_byte_ms", "duration_ms"} <= row.keys()
    assert row["id"] == answer.header("x-turnout-call")
    assert answer.header("x-turnout-cost-usd") == "0.0024"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("vendor", [name for name in FAMILIES if name != "ollama"])
def test_cached_tokens_stand_in_a_bucket_of_their_own(
    engine: Engine, turnout: Turnout, vendor: str, stream: bool
) -> None:
    engine.say(Script(tokens=Tokens(1000, 50, cached=900)))
    answer = turnout.chat(model=f"{vendor}/scripted", stream=stream)
    row = turnout.row(answer)
    assert row.usage == Usage(uncached=100, cache_read=900, output=50)  # type: ignore[arg-type]  # plain numbers
    assert not row.estimated


def test_an_ask_goes_to_the_tier_of_its_grade_and_the_row_says_so(engine: Engine, turnout: Turnout) -> None:
    answer = turnout.chat("rename this variable to total")
    row = turnout.row(answer)
    assert (row.grade, row.tier, row.provider, row.rule) == (Grade.LOW, Tier.LOCAL, "ollama", "by grade")
    assert row.cost == 0
    assert answer.header("x-turnout-grade") == "LOW"
    assert answer.header("x-turnout-model") == "ollama/scripted"
    assert row.session
    assert row.reason


def test_a_call_shows_every_signal_both_scores_and_what_the_grader_read_by_name(
    engine: Engine, turnout: Turnout
) -> None:
    ask = "Prove that this scheduler cannot deadlock, and redesign it where it can: ```python\nlock.acquire()\n```"
    answer = turnout.chat(ask, model="auto")
    turnout.row(answer)

    shown = json.loads(turnout.cli("calls", "show", answer.header("x-turnout-call"), "--json"))

    assert set(shown["features"]) == set(INPUT_NAMES)
    assert any(shown["features"].values())
    assert all(isinstance(one, int | float) for one in shown["features"].values())
    assert 0 <= shown["score"] <= 1
    # The second score needs a calibration to the user's own calls.
    assert shown["difficulty"] is None
    assert shown["signals"]["call.ask_chars"] == len(ask)


def test_a_call_that_fell_back_is_one_row_with_both_attempts(engine: Engine, turnout: Turnout) -> None:
    engine.say(Script(status=503).once(), Script(tokens=Tokens(1000, 50)))
    answer = turnout.chat("rename this variable to total")
    row = turnout.row(answer)
    assert answer.status == 200
    assert row.status is Status.SETTLED
    assert [(a.provider, a.status) for a in row.attempts] == [("ollama", "status_503"), ("anthropic", "ok")]
    assert row.provider == "anthropic"
    assert row.cost == 2_400_000


def test_a_refused_call_is_a_row_that_cost_nothing(engine: Engine, turnout: Turnout) -> None:
    answer = turnout.chat("this is forbidden")
    row = turnout.row(answer)
    assert answer.status == 400
    assert answer.doc["error"]["code"] == "turnout_policy"
    assert answer.header("x-turnout-refusal") == "turnout_policy"
    assert (row.status, row.rule, row.cost, row.attempts) == (Status.REFUSED, "not this", 0, ())
    assert engine.calls == []


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503, 529])
def test_a_failed_call_tells_its_status_and_cost_nothing(engine: Engine, turnout: Turnout, status: int) -> None:
    engine.say(Script(status=status, headers=(("retry-after", "7"),)))
    answer = turnout.chat(model="openai/scripted")
    row = turnout.row(answer)
    assert answer.status == status
    assert answer.header("retry-after") == "7"
    assert (row.status, row.cost, len(row.attempts)) == (Status.FAILED, 0, 1)
    assert row.attempts[0].status == f"status_{status}"


@pytest.mark.parametrize("vendor", FAMILIES)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_an_answer_without_usage_is_counted_here_and_marked(
    engine: Engine, turnout: Turnout, vendor: str, stream: bool
) -> None:
    engine.say(Script("one two three four five six", usage=None))
    answer = turnout.chat("seven little words stand in this", model=f"{vendor}/scripted", stream=stream)
    row = turnout.row(answer)
    assert row.estimated
    assert 5 <= row.usage.output <= 12
    assert 6 <= row.usage.prompt <= 20
    assert row.cost > 0 or vendor == "ollama"


@pytest.mark.parametrize(
    "usage",
    [
        {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
        {"prompt_tokens": -5, "completion_tokens": -1},
        {"prompt_tokens": 10**18, "completion_tokens": 10**18},
        {"prompt_tokens": "many", "completion_tokens": "few"},
        {"prompt_tokens": None, "completion_tokens": None},
        {"prompt_tokens": 1.5, "completion_tokens": True},
        "none of your business",
        [],
    ],
    ids=["zero", "negative", "absurd", "words", "null", "odd", "text", "list"],
)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_t19_usage_that_cannot_be_true_is_replaced_by_our_own_count(
    engine: Engine, turnout: Turnout, usage: object, stream: bool
) -> None:
    engine.say(Script("one two three four five six", usage=usage))
    answer = turnout.chat("seven little words stand in this", model="openai/scripted", stream=stream)
    row = turnout.row(answer)
    assert answer.status == 200
    assert row.status is Status.SETTLED
    assert row.estimated
    assert 0 < row.cost < 1_000_000
    assert 5 <= row.usage.output <= 12


def test_what_is_charged_in_doubt_is_no_loss_against_the_same_model(engine: Engine, turnout: Turnout) -> None:
    engine.say(Script("word " * 300, usage={"prompt_tokens": 50, "completion_tokens": 1, "total_tokens": 51}))
    row = turnout.row(turnout.chat("seven little words stand in this", model="openai/scripted"))
    assert row.disputed
    assert row.baseline == row.cost > 50 * 2_000 + 8_000


def test_embeddings_are_calls_too(engine: Engine, turnout: Turnout) -> None:
    answer = turnout.ask("POST", "/v1/embeddings", {"model": "openai/scripted", "input": ["one", "two"]})
    row = turnout.row(answer)
    assert answer.status == 200
    assert [one["index"] for one in answer.doc["data"]] == [0, 1]
    assert (row.status, row.usage.prompt, row.cost) == (Status.SETTLED, 20, 40_000)
