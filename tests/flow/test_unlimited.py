"""A call that sets no limit under a budget: what is held for it grows before its output passes it, or the answer ends with `length`."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.support.asks import WAYS
from tests.support.dialects import limit
from tests.support.engine import Engine
from tests.support.fixtures import Serve
from tests.support.proxy import BY_MODEL, Turnout
from tests.support.scene import four_vendors
from tests.support.script import Script, Tokens

from turnout.calls.units import Status

BUDGET = '\n[[budget]]\nname = "cap"\nscope = {{ client = "each" }}\nusd = {usd}\nper = "day"\non_exceed = "refuse"\n'
LONG = " ".join(["words"] * 14_000)
"""14,000 tokens: over the 8,192 that are held for a client of whom nothing is known."""
SPEAKS = {
    "chat": "openai",
    "responses": "openai",
    "messages": "anthropic",
    "gemini": "gemini",
    "array": "gemini",
    "ollama": "ollama",
    "generate": "ollama",
}
ENDINGS = {
    "chat": b'"finish_reason":"length"',
    "responses": b'"reason":"max_output_tokens"',
    "messages": b'"stop_reason":"max_tokens"',
    "gemini": b'"finishReason":"MAX_TOKENS"',
    "array": b'"finishReason":"MAX_TOKENS"',
    "ollama": b'"done_reason":"length"',
    "generate": b'"done_reason":"length"',
}
PAID_OLLAMA = '[prices."ollama/*"]\ninput_usd = 2.00\noutput_usd = 8.00\n'
ONE_READ = 6_000
"""Tokens that fit what is read ahead of a client, at 100 bytes a token."""


def unlimited(turnout: Turnout, way: str, vendor: str, *, stream: bool = True) -> tuple[bytes, str]:
    """Body and clamp header."""
    to = WAYS["gemini" if way == "array" else way]
    doc = to.doc("Go on and on.", f"{vendor}/scripted", stream, 1)
    for holder in (doc, doc.get("generationConfig", {}), doc.get("options", {})):
        for name in ("max_tokens", "max_output_tokens", "maxOutputTokens", "num_predict"):
            holder.pop(name, None)
    target = to.target(f"{vendor}/scripted", stream=stream)
    answer = turnout.ask("POST", target.removesuffix("?alt=sse") if way == "array" else target, doc)
    assert answer.status == 200, answer.text
    return answer.body, answer.header("x-turnout-clamped")


@pytest.mark.parametrize(
    ("way", "vendor", "piece"),
    [
        *((way, vendor, 0) for way, vendor in SPEAKS.items()),
        # Many words in one read.
        ("chat", "openai", 64_000),
        ("messages", "openai", 64_000),
        ("responses", "anthropic", 64_000),
        ("chat", "gemini", 64_000),
        ("gemini", "ollama", 64_000),
    ],
)
def test_near_a_budgets_end_the_engine_itself_ends_a_stream_at_what_is_held(
    engine: Engine, serve: Serve, way: str, vendor: str, piece: int
) -> None:
    engine.say(Script(LONG, tokens=Tokens(20, 14_000), obeys=True, piece=piece))
    # Pays for some 10,000 tokens of output at $8 a million.
    turnout = serve(settings=four_vendors(engine.url, extra=PAID_OLLAMA), rules=BY_MODEL + BUDGET.format(usd=0.08))
    body, clamped = unlimited(turnout, way, vendor)
    (row,) = turnout.settled(1)
    assert limit(engine.calls[0].doc) == int(clamped) == row.usage.output
    assert 9_000 < row.usage.output < 10_000
    assert (row.status, row.estimated) == (Status.SETTLED, False)
    assert row.cost <= row.hold <= 80_000_000
    assert f"{int(clamped):,} tokens" in row.reason
    assert ENDINGS[way] in body.replace(b": ", b":")
    assert turnout.control.status().open_holds == 0


@pytest.mark.parametrize(
    ("way", "vendor"), [("chat", "openai"), ("gemini", "gemini"), ("array", "gemini"), ("responses", "anthropic")]
)
def test_an_engine_that_does_not_keep_to_its_limit_is_hung_up_on(
    engine: Engine, serve: Serve, way: str, vendor: str
) -> None:
    engine.say(Script(" ".join(["words"] * 40_000), tokens=Tokens(20, 40_000), piece=16_000))
    turnout = serve(settings=four_vendors(engine.url), rules=BY_MODEL + BUDGET.format(usd=0.08))
    body, clamped = unlimited(turnout, way, vendor)
    (row,) = turnout.settled(1)
    assert row.estimated
    assert int(clamped) < row.usage.output < int(clamped) + ONE_READ
    assert ENDINGS[way] in body
    if way == "array":
        assert json.loads(body)[-1]["candidates"][0]["finishReason"] == "MAX_TOKENS"


def test_a_stream_whose_hold_cannot_grow_any_more_ends_with_length(engine: Engine, serve: Serve) -> None:
    """There was much left when it began; then another call took it."""
    engine.say(
        Script(LONG, tokens=Tokens(20, 14_000), hold_after=100, times=1),
        Script("Done.", tokens=Tokens(20, 14_000)),
    )
    turnout = serve(settings=four_vendors(engine.url), rules=BY_MODEL + BUDGET.format(usd=0.3))
    with ThreadPoolExecutor(1) as pool:
        streamed = pool.submit(unlimited, turnout, "chat", "openai")
        engine.wait_calls(1)
        for most in (28_000, 14_000):
            assert turnout.row(turnout.chat(model="openai/scripted", max_tokens=most)).usage.output == 14_000
        engine.release()
        body, clamped = streamed.result(60)
    rows = {row.stream: row for row in turnout.settled(3)}
    assert clamped == ""
    assert ENDINGS["chat"] in body
    # By how much a read brings: one that brings more than any before it can pass the hold by as much.
    assert 8_192 - ONE_READ < rows[True].usage.output < 8_192 + ONE_READ
    assert rows[True].estimated


def test_thinking_that_is_not_shown_counts_where_the_engine_tells_it_on_the_way(engine: Engine, serve: Serve) -> None:
    """Gemini counts its thoughts in every event; not a word of them is in the stream."""
    told = [
        {
            "candidates": [{"content": {"parts": [{"text": "Hm. "}]}, "index": 0}],
            "usageMetadata": {"promptTokenCount": 20, "candidatesTokenCount": 2, "thoughtsTokenCount": 1_000 * at},
        }
        for at in range(1, 40)
    ]
    stream = b"".join(b"data: " + json.dumps(one).encode() + b"\r\n\r\n" for one in told)
    engine.say(Script(body=stream, kind="text/event-stream", piece=300, gap_s=0.001))
    turnout = serve(settings=four_vendors(engine.url), rules=BY_MODEL + BUDGET.format(usd=0.08))
    body, clamped = unlimited(turnout, "gemini", "gemini")
    (row,) = turnout.settled(1)
    assert ENDINGS["gemini"] in body
    assert row.usage.produced >= int(clamped)
    assert len(told) * 1_000 > row.usage.produced


def test_a_stream_without_a_limit_goes_on_while_its_hold_can_grow(engine: Engine, serve: Serve) -> None:
    engine.say(Script(LONG, tokens=Tokens(20, 14_000)))
    turnout = serve(settings=four_vendors(engine.url), rules=BY_MODEL + BUDGET.format(usd=1.00))
    body, _ = unlimited(turnout, "chat", "openai")
    (row,) = turnout.settled(1)
    assert b'"stop"' in body[-2_000:]
    assert (row.usage.output, row.estimated) == (14_000, False)
    # The row's hold is what was held in the end.
    assert row.hold >= 14_000 * 8_000
    assert row.cost == 20 * 2_000 + 14_000 * 8_000


def test_an_answer_in_one_piece_is_given_the_limit_that_is_held(engine: Engine, serve: Serve) -> None:
    turnout = serve(settings=four_vendors(engine.url), rules=BY_MODEL + BUDGET.format(usd=1.00))
    _, clamped = unlimited(turnout, "chat", "openai", stream=False)
    sent = engine.calls[0].doc
    assert sent["max_tokens"] == int(clamped) == 8_192


def test_a_completion_without_a_limit_is_told_the_sixteen_tokens_that_its_dialect_means(
    engine: Engine, serve: Serve
) -> None:
    """An engine that speaks the dialect and has no such default would go on for as long as it likes."""
    engine.say(Script(LONG, tokens=Tokens(3, 14_000), obeys=True))
    turnout = serve(settings=four_vendors(engine.url), rules=BY_MODEL + BUDGET.format(usd=1.00))
    doc = {"model": "openai/scripted", "prompt": "Go on.", "stream": True}
    turnout.ask("POST", "/v1/completions", doc)
    (row,) = turnout.settled(1)
    assert engine.calls[0].doc["max_tokens"] == row.usage.output == 16
    assert row.cost <= row.hold


def test_without_a_budget_nothing_is_added_to_a_call(engine: Engine, serve: Serve) -> None:
    turnout = serve(settings=four_vendors(engine.url), rules=BY_MODEL)
    _, clamped = unlimited(turnout, "chat", "openai", stream=False)
    assert "max_tokens" not in engine.calls[0].doc
    assert clamped == ""


def test_a_limit_that_does_not_fit_is_lowered_with_its_thinking_and_all_else_stays(
    engine: Engine, serve: Serve
) -> None:
    turnout = serve(settings=four_vendors(engine.url), rules=BY_MODEL + BUDGET.format(usd=0.08))
    doc = {
        "model": "anthropic/scripted",
        "max_tokens": 32_000,
        "thinking": {"type": "enabled", "budget_tokens": 31_000, "unheard_of": 1},
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Think.", "new_field": {"a": [1]}}]}],
        "some_beta": {"kept": True},
    }
    answer = turnout.ask("POST", "/v1/messages", doc)
    sent = engine.calls[0].doc
    clamped = int(answer.header("x-turnout-clamped"))
    assert answer.status == 200
    assert 4_096 <= clamped < 10_000
    assert sent["max_tokens"] == clamped
    assert 1_024 <= sent["thinking"]["budget_tokens"] < clamped
    assert sent["thinking"]["unheard_of"] == 1
    assert (sent["messages"], sent["some_beta"]) == (doc["messages"], doc["some_beta"])


@pytest.mark.parametrize("way", ["chat", "responses", "gemini"])
def test_a_lowered_limit_reaches_every_dialects_own_field(engine: Engine, serve: Serve, way: str) -> None:
    turnout = serve(settings=four_vendors(engine.url), rules=BY_MODEL + BUDGET.format(usd=0.08))
    to = WAYS[way]
    model = f"{SPEAKS[way]}/scripted"
    answer = turnout.ask("POST", to.target(model, stream=False), to.doc("Say it.", model, False, 50_000))
    clamped = int(answer.header("x-turnout-clamped"))
    sent = engine.calls[0].doc
    named = {
        "chat": lambda: sent["max_tokens"],
        "responses": lambda: sent["max_output_tokens"],
        "gemini": lambda: sent["generationConfig"]["maxOutputTokens"],
    }
    assert named[way]() == clamped
    assert 4_096 <= clamped < 10_000


def test_under_the_floor_a_call_is_refused_and_not_shortened_to_nothing(engine: Engine, serve: Serve) -> None:
    turnout = serve(settings=four_vendors(engine.url), rules=BY_MODEL + BUDGET.format(usd=0.03))
    answer = turnout.chat(model="openai/scripted", max_tokens=32_000)
    assert (answer.status, json.loads(answer.body)["error"]["code"]) == (400, "turnout_budget")
    assert engine.calls == []
