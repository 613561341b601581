"""Money as the provider bills it: tiers of service, unknown models, prices of one's own, through a real `turnout serve`."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.engine import Engine
from tests.support.pricetable import cheaper
from tests.support.proxy import BY_MODEL, Turnout
from tests.support.script import Script, Tokens

from turnout.control.runtime import read_runtime

MODELS = ("gpt-5", "claude-opus-5", "model-of-next-year", "glm-9:cloud")


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine(models=MODELS) as running:
        yield running


@pytest.fixture(scope="module")
def turnout(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Turnout]:
    settings = f"""
[providers.openai]
base_url = "{engine.url}/v1"
key = "none"
[providers.anthropic]
dialect = "anthropic"
base_url = "{engine.url}"
key = "none"
[providers.local]
dialect = "ollama"
base_url = "{engine.url}"
key = "none"
sovereign = true
[tiers]
high = ["openai/gpt-5"]
"""
    with Turnout(tmp_path_factory.mktemp("prices"), settings=settings, rules=BY_MODEL) as running:
        yield running


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    ("asked", "answered", "nanos"),
    # 1,000 in and 100 out at gpt-5's $1.25 and $10; half of it flex, twice that priority.
    [
        ("", "default", 2_250_000),
        ("flex", "flex", 1_125_000),
        ("priority", "priority", 4_500_000),
        ("priority", "default", 2_250_000),
        ("flex", "", 1_125_000),
    ],
)
def test_a_call_costs_what_the_tier_of_service_costs_that_answered(
    engine: Engine, turnout: Turnout, asked: str, answered: str, nanos: int, stream: bool
) -> None:
    engine.say(Script(tokens=Tokens(1_000, 100), service=answered))
    more = {"service_tier": asked} if asked else {}
    row = turnout.row(turnout.chat(model="openai/gpt-5", stream=stream, max_tokens=500, **more))
    assert row.cost == nanos
    assert row.hold >= nanos
    # Served by the model that was asked for, at the tier of service that was: nothing saved, nothing lost.
    assert row.baseline == nanos


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_anthropics_fast_speed_is_billed_as_such(engine: Engine, turnout: Turnout, stream: bool) -> None:
    engine.say(Script(tokens=Tokens(1_000, 100), service="fast"))
    doc = {"model": "anthropic/claude-opus-5", "max_tokens": 500, "speed": "fast", "stream": stream}
    doc["messages"] = [{"role": "user", "content": "Say hello."}]
    row = turnout.row(turnout.ask("POST", "/v1/messages", doc))
    assert row.cost == 15_000_000


@pytest.mark.parametrize("model", ["openai/model-of-next-year", "local/glm-9:cloud"])
def test_an_unknown_cloud_model_is_unpriced_and_never_free(engine: Engine, turnout: Turnout, model: str) -> None:
    engine.say(Script(tokens=Tokens(1_000, 100)))
    row = turnout.row(turnout.chat(model=model, max_tokens=500))
    assert row.unpriced
    assert row.cost > 0
    # Nothing is known to be saved or lost by it: the sum of what was saved must not fall by a guess.
    assert row.baseline == row.cost
    assert "unpriced" in turnout.cli("calls", "--last", "1")


METRIC = re.compile(r'^[a-z_]+(\{[a-z_]+="(\\\\.|[^"\\\\])*"(,[a-z_]+="(\\\\.|[^"\\\\])*")*\})? -?[0-9.]+$')


def test_an_estimate_converges_on_what_is_billed_and_its_error_is_shown(engine: Engine, turnout: Turnout) -> None:
    engine.say(Script(tokens=Tokens(700, 100)))
    text = "Tell me about railway switches. " * 80
    rows = [turnout.row(turnout.chat(text, model="openai/gpt-5", max_tokens=500)) for _ in range(6)]
    assert abs(rows[0].estimate - 700) > 100
    assert abs(rows[-1].estimate - 700) < 20
    listed = json.loads(turnout.cli("models", "list", "--json"))["models"]
    told = next(row for row in listed if row["name"] == "openai/gpt-5")
    assert told["estimate_calls"] >= 6
    assert 0 < told["estimate_error"] < 1
    runtime = read_runtime(turnout.home / "run" / "runtime.json")
    assert runtime is not None
    text = turnout.ask("GET", "/metrics", token=runtime.control_token).text
    assert 'turnout_estimate_error_ratio{model="openai/gpt-5"} 0.' in text
    assert all(METRIC.match(line) for line in text.splitlines() if not line.startswith("#"))
    assert turnout.ask("GET", "/metrics").status == 401


def test_a_stream_without_usage_is_charged_as_its_provider_was_seen_to_bill(engine: Engine, turnout: Turnout) -> None:
    engine.say(Script(tokens=Tokens(900, 8)))
    text = "Tell me about railway gauges. " * 80
    for _ in range(6):
        turnout.row(turnout.chat(text, model="anthropic/claude-opus-5", max_tokens=500))
    engine.say(Script(usage=None, closing=False))
    row = turnout.row(turnout.chat(text, model="anthropic/claude-opus-5", max_tokens=500, stream=True))
    assert row.estimated
    assert abs(row.usage.prompt - 900) < 30


def test_t27_a_held_price_counts_as_the_dearer_until_it_is_approved(
    engine: Engine, turnout: Turnout, tmp_path: Path
) -> None:
    engine.say(Script(tokens=Tokens(1_000, 100)))
    table = cheaper(tmp_path / "prices.json.gz", "openai", "gpt-5")
    said = turnout.cli("prices", "refresh", str(table))
    assert "gpt-5" in said
    assert "openai/gpt-5" in turnout.cli("prices", "list")
    assert turnout.row(turnout.chat(model="openai/gpt-5", max_tokens=500)).cost == 2_250_000
    turnout.cli("prices", "approve", "openai/gpt-5")
    assert turnout.row(turnout.chat(model="openai/gpt-5", max_tokens=500)).cost == 225_000
    turnout.cli("prices", "refresh", "--reset")
    assert turnout.row(turnout.chat(model="openai/gpt-5", max_tokens=500)).cost == 2_250_000
