"""Every dialect's streams, read and written: cut anywhere the same, broken anywhere an error event, always closed."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.wire.mutations import mutated
from tests.unit.wire.samples import PATHS, TALKS, stream, whole

from turnout.calls.reply import (
    Ended,
    Event,
    Failed,
    RefusalDelta,
    StopReason,
    TextDelta,
    ThinkingDelta,
    ToolArguments,
    ToolBegan,
    UsageSeen,
)
from turnout.calls.units import Dialect
from turnout.wire import fields
from turnout.wire.codec import codec
from turnout.wire.dialect import ReplyContext
from turnout.wire.offered import Offered
from turnout.wire.sniff import sniffer

CONTEXT = ReplyContext(call_id="c1", model="m", now_s=1_764_000_000, include_usage=True, tools=True)


def heard(dialect: Dialect, *chunks: bytes) -> list[Event]:
    reader = codec(dialect).reply_reader()
    return [*(event for chunk in chunks for event in reader.feed(chunk)), *reader.end()]


def joined(events: list[Event]) -> list[Event]:
    """Neighbouring pieces put together: how a stream is cut says nothing."""
    found: list[Event] = []
    for event in events:
        last = found[-1] if found else None
        if isinstance(event, TextDelta | ThinkingDelta) and isinstance(last, type(event)):
            found[-1] = type(event)(last.text + event.text)
        elif isinstance(event, ToolArguments) and isinstance(last, ToolArguments) and last.index == event.index:
            found[-1] = ToolArguments(event.index, last.fragment + event.fragment)
        else:
            found.append(event)
    return found


def told(dialect: Dialect, events: list[Event]) -> bytes:
    writer = codec(dialect).reply_writer(CONTEXT)
    return b"".join(writer.write(event) for event in Offered(()).feed(events))


@pytest.mark.parametrize("dialect", PATHS)
def test_a_stream_reads_the_same_wherever_the_network_cuts(dialect: Dialect) -> None:
    raw = stream(dialect)
    wanted = heard(dialect, raw)
    assert isinstance(wanted[-1], Ended)

    for cut in range(len(raw) + 1):
        assert heard(dialect, raw[:cut], raw[cut:]) == wanted, cut
    assert heard(dialect, *(raw[i : i + 1] for i in range(len(raw)))) == wanted


@pytest.mark.parametrize("lines", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("dialect", [one for one in PATHS if codec(one).stream_type == "text/event-stream"])
def test_a_byte_order_mark_and_any_line_end_change_nothing(dialect: Dialect, lines: bytes) -> None:
    raw = stream(dialect).replace(b"\r\n", b"\n")
    wanted = heard(dialect, raw)
    marked = b"\xef\xbb\xbf" + raw.replace(b"\n", lines)

    for cut in range(40):
        assert heard(dialect, marked[:cut], marked[cut:]) == wanted
    smell, plain = sniffer(dialect), sniffer(dialect)
    for nose, read in ((smell, marked), (plain, raw)):
        nose.feed(read)
        nose.finish()
    assert (smell.usage, smell.ended) == (plain.usage, plain.ended)


@pytest.mark.parametrize("dialect", PATHS)
def test_usage_is_sniffed_the_same_wherever_the_network_cuts(dialect: Dialect) -> None:
    raw = stream(dialect)
    usage = next(event.usage for event in reversed(heard(dialect, raw)) if isinstance(event, UsageSeen))

    for cut in range(len(raw) + 1):
        smell = sniffer(dialect)
        smell.feed(raw[:cut])
        smell.feed(raw[cut:])
        smell.finish()
        assert (smell.usage, smell.ended, smell.failed) == (usage, True, None), cut


@pytest.mark.parametrize("dialect", PATHS)
def test_a_stream_that_breaks_off_anywhere_ends_in_one_failure_and_a_closed_stream(dialect: Dialect) -> None:
    raw = stream(dialect)
    ends = 0
    for cut in range(len(raw)):
        events = heard(dialect, raw[:cut])
        over = [event for event in events if isinstance(event, Ended | Failed)]
        assert over == events[-1:], cut
        ends += isinstance(over[0], Ended)
        if cut % 7:
            continue
        for client in PATHS:
            assert closed(client, told(client, events), broken=isinstance(over[0], Failed)), (cut, client)
    # A few bytes at the end (a blank line, [DONE], a last newline) may be missing.
    assert ends < 60


def closed(dialect: Dialect, raw: bytes, *, broken: bool) -> bool:
    """Whether a client of this dialect knows that the stream is over, and how."""
    last = raw.rstrip().splitlines()[-1]
    if dialect in (Dialect.OPENAI_CHAT, Dialect.OPENAI_COMPLETIONS):
        return last == b"data: [DONE]" and (b'"error"' in raw) is broken
    doc = json.loads(last.removeprefix(b"data: "))
    if dialect is Dialect.OPENAI_RESPONSES:
        return bool(doc["type"] == ("response.failed" if broken else "response.completed"))
    if dialect is Dialect.ANTHROPIC:
        return bool(doc["type"] == ("error" if broken else "message_stop"))
    if dialect is Dialect.GEMINI:
        return "error" in doc if broken else bool(doc["candidates"][0]["finishReason"])
    return "error" in doc if broken else doc["done"] is True


@pytest.mark.parametrize("client", TALKS)
@pytest.mark.parametrize("engine", TALKS)
def test_a_translated_stream_and_a_translated_body_say_the_same(engine: Dialect, client: Dialect) -> None:
    events = Offered(()).feed(heard(engine, stream(engine)))
    again = joined(heard(client, told(client, events)))
    spoken = codec(client)
    body = spoken.write_reply(Offered(()).feed(codec(engine).read_reply(json.loads(whole(engine)))), CONTEXT)
    at_once = joined(spoken.read_reply(json.loads(body)))

    for found in (again, at_once):
        assert "".join(e.text for e in found if isinstance(e, TextDelta)) == "Größe: 3 <b>\n\u2028 done"
        calls = [e.name for e in found if isinstance(e, ToolBegan)]
        given = [json.loads(e.fragment) for e in found if isinstance(e, ToolArguments)]
        assert calls == ["read", "ls"]
        assert given == [{"path": "a/ü.py", "deep": {"x": [1, None, True]}}, {}]
        usage = [e.usage for e in found if isinstance(e, UsageSeen)][-1]
        assert (usage.prompt, usage.produced) == (40, 9)
        if Dialect.OLLAMA_CHAT not in (engine, client):
            assert usage.cache_read == 12
        last = found[-1]
        assert isinstance(last, Ended)
        assert last.reason.value == "tools"


# --- nonsense ---


@pytest.mark.parametrize("dialect", PATHS)
@given(data=st.data())
@settings(max_examples=80, deadline=None)
def test_an_engine_that_breaks_its_own_dialect_ends_in_the_clients_error_or_end(
    dialect: Dialect, data: st.DataObject
) -> None:
    framed = "ndjson" not in codec(dialect).stream_type
    lines = [
        line.removeprefix(b"data: ") for line in stream(dialect).splitlines() if line and not line.startswith(b"event:")
    ]
    docs = [json.loads(line) for line in lines if line != b"[DONE]"]
    number = data.draw(st.integers(0, len(docs) - 1))
    docs[number] = mutated(data, docs[number])
    body = b"".join(
        (b"data: " if framed else b"") + json.dumps(one).encode() + (b"\n\n" if framed else b"\n") for one in docs
    )
    if dialect in (Dialect.OPENAI_CHAT, Dialect.OPENAI_COMPLETIONS):
        body += b"data: [DONE]\n\n"

    events = heard(dialect, body)

    assert [event for event in events if isinstance(event, Ended | Failed)] == events[-1:]
    last = events[-1]
    assert isinstance(last, Ended | Failed)
    broken = isinstance(last, Failed)
    for client in PATHS:
        raw = told(client, events)
        if isinstance(last, Failed) or last.reason.value not in ("length", "filter"):
            assert closed(client, raw, broken=broken), (client, raw[-300:])
        if not broken:
            json.loads(codec(client).write_reply(Offered(()).feed(events), CONTEXT))
    smell = sniffer(dialect)
    smell.feed(body)
    smell.finish()


@pytest.mark.parametrize("dialect", PATHS)
@given(data=st.data())
@settings(max_examples=80, deadline=None)
def test_a_whole_answer_that_breaks_its_own_dialect_is_a_failure_or_readable(
    dialect: Dialect, data: st.DataObject
) -> None:
    doc = fields.load_reply(json.dumps(mutated(data, json.loads(whole(dialect)))).encode())

    events = codec(dialect).read_reply(doc)

    assert [event for event in events if isinstance(event, Ended | Failed)] == events[-1:]
    if isinstance(events[-1], Ended):
        for client in PATHS:
            json.loads(codec(client).write_reply(Offered(()).feed(events), CONTEXT))


def test_a_refusal_is_anthropics_own_stop_reason() -> None:
    events: list[Event] = [RefusalDelta("I won't."), Ended(StopReason.END)]

    assert b'"stop_reason":"refusal"' in told(Dialect.ANTHROPIC, events)
    assert json.loads(codec(Dialect.ANTHROPIC).write_reply(events, CONTEXT))["stop_reason"] == "refusal"
    assert b'"type":"refusal","refusal":"I won\'t."' in told(Dialect.OPENAI_RESPONSES, events)
    assert b'"delta":{"refusal":"I won\'t."}' in told(Dialect.OPENAI_CHAT, events)
