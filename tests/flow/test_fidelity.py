"""One dialect on both sides: what the client sent and what the engine answered pass byte for byte (I21)."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.support.engine import Engine
from tests.support.proxy import BY_MODEL, Turnout
from tests.support.scene import four_vendors
from tests.support.script import Script

ODD = (
    b'"caf\\u00e9": "\\u2028\\/ \xc3\xa9 \\"model\\": \\"x\\"", "x_unknown": {"a": 1.50,  "a": 2e0, "model": {"deep": "auto"}},\n'
    b' "empty" : [ ],\t"n_big": 12345678901234567890'
)
"""Unknown and duplicate fields, escapes, odd numbers and white space."""


@dataclass(frozen=True, slots=True)
class Talk:
    path: str
    body: bytes
    """NAME stands for the model."""
    streamed: bytes
    """What marks it as streamed; in the path for Gemini."""
    answer: bytes
    kind: str
    vendor: str


SSE = "text/event-stream"
TALKS = {
    "chat": Talk(
        "/v1/chat/completions",
        b'{ "messages":[{"role": "user","content" :"hi","x": null}], "model" : "NAME",' + ODD + b', "stream": STREAM,'
        b'"stream_options":{ "include_usage" : true }}',
        b"",
        b': hello\n\n: again\r\n\r\ndata: {"id":"1","choices":[{"index":0,"delta":{"role":"assistant","content":"a\\u00e9"},'
        b'"finish_reason":null}],"usage":null,"x_more":[1, 2]}\n\ndata:{"id":"1","choices":[{"delta":{},"finish_reason":"stop"}]}\n\n'
        b'event: odd\nretry: 10\ndata: {"choices":[],"usage":{"prompt_tokens":20,"completion_tokens":8}}\n\ndata: [DONE]\n\n: bye\n\n',
        SSE,
        "openai",
    ),
    "completions": Talk(
        "/v1/completions",
        b'{"prompt": "a",  "suffix":"b", "stream_options": {"include_usage":true}, "model":"NAME","stream":STREAM, '
        + ODD
        + b"}",
        b"",
        b'data: {"id":"1","choices":[{"text":"x","finish_reason":"stop"}],"usage":{"prompt_tokens":20,"completion_tokens":8}}\n\n'
        b"data: [DONE]\n\n",
        SSE,
        "openai",
    ),
    "responses": Talk(
        "/v1/responses",
        b'{"input": [{"type":"message","role":"user","content":"hi"},{"type":"odd_call"}], "model":"NAME", "include": ["x"],'
        b'"previous_response_id": "resp_9","store":true,"stream":STREAM, ' + ODD + b"}",
        b"",
        b'event: response.created\ndata: {"type":"response.created","response":{"id":"resp_1","model":"m"},"sequence_number":0}\n\n'
        b'event: response.odd\ndata: {"type":"response.odd","obfuscation":"zz"}\n\n: ping\n\n'
        b'event: response.completed\ndata: {"type":"response.completed","response":{"id":"resp_1","status":"completed","output":[],'
        b'"usage":{"input_tokens":20,"output_tokens":8}}}\n\n',
        SSE,
        "openai",
    ),
    "messages": Talk(
        "/v1/messages?beta=true",
        b'{"max_tokens": 64, "messages":[{"role":"user","content":[{"type":"odd","cache_control":{"type":"ephemeral"}}]}],'
        b'"model":"NAME","context_management":{"edits":[]}, "mcp_servers":[], "stream":STREAM, ' + ODD + b"}",
        b"",
        b'event: ping\ndata: {"type": "ping"}\n\nevent: message_start\ndata: {"type":"message_start","message":{"id":"msg_1",'
        b'"model":"m","usage":{"input_tokens":20,"output_tokens":1}}}\n\n'
        b'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"server_tool_use"}}\n\n'
        b'event: odd_new_event\ndata: {"type":"odd_new_event"}\n\n'
        b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn","container":{}},"usage":{"output_tokens":8}}\n\n'
        b'event: message_stop\ndata: {"type":"message_stop"}\n\n',
        SSE,
        "anthropic",
    ),
    "ollama": Talk(
        "/api/chat",
        b'{"messages":[{"role":"user","content":"hi"}],"options":{"num_ctx": 8192,"odd":1}, "model":"NAME","stream":STREAM, '
        + ODD
        + b"}",
        b"",
        b'{"model":"m","created_at":"x","message":{"role":"assistant","content":"a\\u00e9"},"done":false,"odd":1}\n'
        b'{"model":"m","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop","prompt_eval_count":20,"eval_count":8}\n',
        "application/x-ndjson",
        "ollama",
    ),
    "gemini": Talk(
        "/v1beta/models/gemini/scripted:VERB",
        b'{"contents":[{"parts":[{"text":"hi","odd":1}]}], "safetySettings":[ ], "cachedContent":"c/1", ' + ODD + b"}",
        b"",
        b'data: {"candidates": [{"content": {"parts": [{"text": "a\\u00e9"}],"role": "model"},"groundingMetadata":{}}]}\r\n\r\n'
        b'data: {"candidates": [{"finishReason": "STOP"}],"usageMetadata": {"promptTokenCount": 20,"candidatesTokenCount": 8}}\r\n\r\n',
        SSE,
        "gemini",
    ),
}
HEADERS = {
    "anthropic-version": "2026-10-21",
    "anthropic-beta": "a-2026-01-01,b-2026-02-02",
    "openai-organization": "org",
    "user-agent": "claude-cli/2.1 (external, cli)",
    "x-stainless-retry-count": "1",
    "x-app": "cli",
}


@pytest.fixture(scope="module")
def turnout(scripted: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Turnout]:
    home: Path = tmp_path_factory.mktemp("fidelity")
    rules = BY_MODEL + '\n[[budget]]\nname = "small"\nscope = { client = "tight" }\nusd = 0.05\nper = "ever"\n'
    with Turnout(home, settings=four_vendors(scripted.url), rules=rules) as running:
        yield running
        assert "Traceback" not in running.stderr


@pytest.fixture(scope="module")
def tight(turnout: Turnout) -> str:
    return turnout.add_client("tight")


@pytest.fixture
def engine(scripted: Engine) -> Engine:
    scripted.forget()
    return scripted


def sent(talk: Talk, *, stream: bool, model: bytes = b"") -> tuple[str, bytes]:
    name = model or f"{talk.vendor}/scripted".encode()
    verb = "streamGenerateContent?alt=sse" if stream else "generateContent"
    body = talk.body.replace(b'"NAME"', b'"' + name + b'"').replace(b"STREAM", b"true" if stream else b"false")
    return talk.path.replace("VERB", verb), body


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", TALKS)
def test_a_request_reaches_its_engine_byte_for_byte_but_for_the_models_name(
    turnout: Turnout, engine: Engine, name: str, stream: bool
) -> None:
    """I21."""
    path, body = sent(TALKS[name], stream=stream)

    answer = turnout.ask("POST", path, body, headers=HEADERS)

    heard = engine.calls[0]
    assert answer.status == 200
    assert heard.body == sent(TALKS[name], stream=stream, model=b"scripted")[1]
    assert heard.target == path.replace("gemini/scripted", "scripted")
    assert {key: heard.header(key) for key in HEADERS} == HEADERS
    assert heard.header("authorization") == ""


@pytest.mark.parametrize("piece", [0, 1, 37])
@pytest.mark.parametrize("name", TALKS)
def test_a_stream_comes_back_byte_for_byte(turnout: Turnout, engine: Engine, name: str, piece: int) -> None:
    """I21: comments, pings, unknown events and fields, odd white space."""
    talk = TALKS[name]
    path, body = sent(talk, stream=True)
    engine.say(Script(body=talk.answer, kind=talk.kind, piece=piece))

    answer = turnout.ask("POST", path, body)

    assert answer.body == talk.answer
    row = turnout.row(answer)
    assert (row.usage.prompt, row.usage.produced, row.estimated) == (20, 8, False)


def test_usage_is_only_in_the_stream_of_a_client_that_asked(turnout: Turnout, engine: Engine) -> None:
    talk = TALKS["chat"]
    path, body = sent(talk, stream=True)
    unasked = body.replace(b'"stream_options":{ "include_usage" : true }', b'"stream_options":{ "x" : 1 }')
    engine.say(Script(body=talk.answer, kind=talk.kind, piece=13))

    answer = turnout.ask("POST", path, unasked)

    assert json.loads(engine.calls[0].body)["stream_options"] == {"x": 1, "include_usage": True}
    assert answer.body == talk.answer.replace(b',"usage":null', b"").replace(
        b'event: odd\nretry: 10\ndata: {"choices":[],"usage":{"prompt_tokens":20,"completion_tokens":8}}\n\n', b""
    )
    assert turnout.row(answer).usage.prompt == 20


LIMITS = {
    "chat": b', "max_completion_tokens" : 64000}',
    "completions": b', "max_tokens":64000}',
    "responses": b', "max_output_tokens": 64000}',
    "messages": b', "max_tokens": 64000 }',
    "gemini": b', "generationConfig": {"topK":1,"maxOutputTokens":64000}}',
}


@pytest.mark.parametrize("name", LIMITS)
def test_a_clamped_call_loses_nothing_but_length(turnout: Turnout, engine: Engine, tight: str, name: str) -> None:
    """Five cents pay for some 6,000 tokens at $8 a million; all else is as the client wrote it."""
    talk = TALKS[name]
    path, body = sent(talk, stream=False)
    body = body.replace(b'"max_tokens": 64, ', b"")[:-1] + LIMITS[name]

    answer = turnout.ask("POST", path, body, headers=HEADERS, token=tight)

    assert answer.status == 200, answer.text
    heard = engine.calls[0]
    limit = int(answer.header("x-turnout-clamped"))
    assert 4_096 <= limit < 6_250
    assert {key: heard.header(key) for key in HEADERS} == HEADERS
    wanted = sent(talk, stream=False, model=b"scripted")[1].replace(b'"max_tokens": 64, ', b"")
    assert heard.body == wanted[:-1] + LIMITS[name].replace(b"64000", b"%d" % limit)
