"""What a rich request means survives every in x every out, and what cannot is named: header and ledger say the same."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.engine import Engine
from tests.support.proxy import BY_MODEL, Turnout
from tests.support.scene import FAMILIES, four_vendors
from tests.support.script import Doc, Script, ToolCall
from tests.unit.wire.samples import PNG, REQUESTS, SCHEMA

from turnout.calls.units import Dialect

HOMES = {
    Dialect.OPENAI_CHAT: "openai",
    Dialect.OPENAI_RESPONSES: "openai",
    Dialect.ANTHROPIC: "anthropic",
    Dialect.OLLAMA_CHAT: "ollama",
    Dialect.GEMINI: "gemini",
}
PAIRS = [(dialect, vendor) for dialect in HOMES for vendor in FAMILIES if vendor != HOMES[dialect]]
PATHS = {
    Dialect.OPENAI_CHAT: "/v1/chat/completions",
    Dialect.OPENAI_RESPONSES: "/v1/responses",
    Dialect.ANTHROPIC: "/v1/messages?beta=true",
    Dialect.OLLAMA_CHAT: "/api/chat",
}


@pytest.fixture(scope="module")
def turnout(scripted: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Turnout]:
    home: Path = tmp_path_factory.mktemp("meaning")
    with Turnout(home, settings=four_vendors(scripted.url), rules=BY_MODEL) as running:
        yield running
        assert "Traceback" not in running.stderr


@pytest.fixture
def engine(scripted: Engine) -> Engine:
    scripted.forget()
    return scripted


def sent(turnout: Turnout, dialect: Dialect, vendor: str, doc: Doc, *, stream: bool = True) -> Any:
    if dialect is Dialect.GEMINI:
        verb = "streamGenerateContent?alt=sse" if stream else "generateContent"
        return turnout.ask("POST", f"/v1beta/models/{vendor}/scripted:{verb}", doc)
    return turnout.ask("POST", PATHS[dialect], {**doc, "model": f"{vendor}/scripted", "stream": stream})


def roles(vendor: str, doc: Doc) -> list[str]:
    """Who speaks, in order, in an engine's own request; neighbours of one role once."""
    if vendor == "gemini":
        found = [one["role"] for one in doc["contents"]]
    else:
        found = [one["role"] for one in doc["messages"] if one["role"] not in ("system", "developer")]
        found = ["user" if one == "tool" else one for one in found]
    named = ["assistant" if one == "model" else one for one in found]
    return [one for i, one in enumerate(named) if i == 0 or named[i - 1] != one]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("dialect", "vendor"), PAIRS)
def test_a_rich_request_keeps_its_meaning(
    turnout: Turnout, engine: Engine, dialect: Dialect, vendor: str, stream: bool
) -> None:
    answer = sent(turnout, dialect, vendor, REQUESTS[dialect], stream=stream)

    assert answer.status == 200, answer.text
    doc = engine.calls[0].doc
    text = json.dumps(doc, ensure_ascii=False)
    # System text of every place, in order; the asks, the calls, the results, the image.
    assert "be brief" in text
    assert text.index("look") < text.index("and now?")
    assert "really" in text or dialect in (Dialect.OLLAMA_CHAT, Dialect.GEMINI)
    assert PNG in text
    assert "one" in text
    assert roles(vendor, doc) == ["user", "assistant", "user"] or dialect is Dialect.OPENAI_RESPONSES
    assert SCHEMA["properties"]["path"]["type"] in text
    # Thinking that another vendor sealed stays here.
    for sealed in ("c2ln", "cmVk", "ZW5jcnlwdGVk"):
        assert sealed not in text
    # The same names in the header and in the ledger.
    dropped = answer.header("x-turnout-dropped").split(", ")
    assert turnout.row(answer).dropped == tuple(name for name in dropped if name)


def test_a_conversation_moves_from_a_local_model_to_anthropic(turnout: Turnout, engine: Engine) -> None:
    engine.say(Script("", (ToolCall("read", {"path": "a"}),), thinking="local thought"))
    thinking = {"type": "enabled", "budget_tokens": 2_000}
    ask: Doc = {"role": "user", "content": "look"}
    tools = [{"name": "read", "input_schema": SCHEMA}]
    body: Doc = {"max_tokens": 4_000, "thinking": thinking, "tools": tools, "messages": [ask]}
    turn = sent(turnout, Dialect.ANTHROPIC, "ollama", body, stream=False).doc["content"]
    assert [block["type"] for block in turn] == ["thinking", "tool_use"]
    result = {"type": "tool_result", "tool_use_id": turn[1]["id"], "content": "one"}
    messages = [ask, {"role": "assistant", "content": turn}, {"role": "user", "content": [result]}]

    answer = sent(turnout, Dialect.ANTHROPIC, "anthropic", {**body, "messages": messages})

    heard = engine.calls[-1].doc
    assert heard["messages"] == [ask, {"role": "assistant", "content": turn[1:]}, {"role": "user", "content": [result]}]
    assert heard["thinking"] == {"type": "disabled"}
    assert answer.header("x-turnout-dropped") == "thinking, reasoning"
    assert turnout.row(answer).dropped == ("thinking", "reasoning")
