"""Forms of an answer that engines use and clients do not know, or cannot take twice."""

import json
from collections.abc import Callable

import pytest
from tests.support.script import Doc
from tests.unit.wire.test_streams import CONTEXT, heard, told

from turnout.calls.reply import Event, Failed, ThinkingDelta, ToolArguments, ToolBegan, ToolEnded, UsageSeen
from turnout.calls.units import Dialect
from turnout.wire.codec import codec


def chat_turn(number: int) -> bytes:
    call = {"index": 0, "type": "function", "function": {"name": "ls", "arguments": "{}"}}
    doc = {
        "id": f"chatcmpl-{number}",
        "choices": [{"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": None}],
    }
    return b"data: " + json.dumps(doc).encode() + b"\n\n"


def ollama_turn(number: int) -> bytes:
    message = {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "ls", "arguments": {}}}]}
    return json.dumps({"model": "m", "created_at": f"2026-11-26T00:00:0{number}Z", "message": message}).encode() + b"\n"


def gemini_turn(number: int) -> bytes:
    part = {"functionCall": {"name": "ls", "args": {}}}
    doc = {"responseId": f"r{number}", "candidates": [{"content": {"role": "model", "parts": [part]}}]}
    return b"data: " + json.dumps(doc).encode() + b"\n\n"


def call_ids(events: list[Event]) -> list[str]:
    return [event.id for event in events if isinstance(event, ToolBegan)]


@pytest.mark.parametrize(
    ("engine", "turn"),
    [
        (Dialect.OPENAI_CHAT, chat_turn),
        (Dialect.OLLAMA_CHAT, ollama_turn),
        (Dialect.GEMINI, gemini_turn),
    ],
)
def test_the_same_call_in_two_answers_has_two_ids(engine: Dialect, turn: Callable[[int], bytes]) -> None:
    first, again, second = (call_ids(heard(engine, turn(number))) for number in (1, 1, 2))

    assert first == again
    assert len({*first, *second}) == 2
    assert all(id_.startswith("call_") for id_ in (*first, *second))


def test_an_id_is_told_to_anthropics_client_as_its_vendor_takes_it() -> None:
    events: list[Event] = [ToolBegan(0, "functions.read:0", "read"), ToolArguments(0, "{}"), ToolEnded(0)]

    streamed = call_ids(heard(Dialect.ANTHROPIC, told(Dialect.ANTHROPIC, events)))
    whole = json.loads(codec(Dialect.ANTHROPIC).write_reply(events, CONTEXT))

    assert streamed == [whole["content"][0]["id"]] == ["functions_read_0"]


def event(kind: str, **more: object) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **more})}\n\n".encode()


def test_the_parts_of_a_summary_are_paragraphs() -> None:
    raw = b"".join(
        event("response.reasoning_summary_part.added", output_index=0, summary_index=number)
        + event("response.reasoning_summary_text.delta", output_index=0, summary_index=number, delta=words)
        for number, words in enumerate(("Plan", "Act"))
    )
    item: Doc = {"type": "reasoning", "summary": [{"type": "summary_text", "text": words} for words in ("Plan", "Act")]}

    streamed = heard(Dialect.OPENAI_RESPONSES, raw)
    whole = codec(Dialect.OPENAI_RESPONSES).read_reply({"output": [item]})

    for events in (streamed, whole):
        assert "".join(one.text for one in events if isinstance(one, ThinkingDelta)) == "Plan\n\nAct"


def test_an_error_has_a_type_that_anthropics_clients_know() -> None:
    for kind, status, wanted in (
        ("rate_limit_exceeded", 429, "rate_limit_error"),
        ("server_error", 502, "api_error"),
        ("overloaded_error", 529, "overloaded_error"),
    ):
        raw = told(Dialect.ANTHROPIC, [Failed("no", kind, status)])

        assert json.loads(raw.split(b"data: ")[1])["error"] == {"type": wanted, "message": "no"}


def test_what_was_written_to_the_cache_is_told_and_read_in_the_responses_dialect() -> None:
    usage: Doc = {
        "input_tokens": 10,
        "cache_creation_input_tokens": 300,
        "cache_read_input_tokens": 2_000,
        "cache_creation": {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 200},
        "output_tokens": 5,
    }
    doc: Doc = {
        "type": "message",
        "content": [{"type": "text", "text": "hi"}],
        "stop_reason": "end_turn",
        "usage": usage,
    }

    raw = told(Dialect.OPENAI_RESPONSES, codec(Dialect.ANTHROPIC).read_reply(doc))

    again = next(one.usage for one in heard(Dialect.OPENAI_RESPONSES, raw) if isinstance(one, UsageSeen))
    assert (again.uncached, again.cache_read, again.cache_write_5m, again.output) == (10, 2_000, 300, 5)


def test_a_zero_at_the_end_of_anthropics_stream_unsays_no_usage() -> None:
    start = {"input_tokens": 1_000, "cache_read_input_tokens": 500, "output_tokens": 1}
    end = {"input_tokens": 0, "cache_read_input_tokens": 0, "cache_creation_input_tokens": 0, "output_tokens": 50}
    events: list[Doc] = [
        {"type": "message_start", "message": {"id": "m", "usage": start}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": end},
        {"type": "message_stop"},
    ]

    raw = b"".join(b"data: " + json.dumps(one).encode() + b"\n\n" for one in events)

    *_, last = [event.usage for event in heard(Dialect.ANTHROPIC, raw) if isinstance(event, UsageSeen)]
    assert (last.uncached, last.cache_read, last.output) == (1_000, 500, 50)
