"""Whatever a model says, it stays inside its own event: no reader finds another one in it, and no header a second line (T17)."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from turnout.calls.reply import Began, Ended, Event, StopReason, TextDelta, ToolArguments, ToolBegan, ToolEnded
from turnout.calls.units import Dialect
from turnout.proxy.door.answer import header_value
from turnout.wire.codec import codec
from turnout.wire.dialect import ReplyContext
from turnout.wire.sse import Decoder

HOSTILE = st.lists(
    st.sampled_from(
        [
            "\n\n",
            "data: ",
            "event: error",
            "\r\n",
            "\r",
            "[DONE]",
            '"}]}',
            "\u2028",
            "\0",
            ":",
            "id: 1",
            "retry: 1",
            "x",
            "é",
        ]
    ),
    min_size=1,
    max_size=12,
).map("".join)
STREAMS = [Dialect.OPENAI_CHAT, Dialect.OPENAI_RESPONSES, Dialect.ANTHROPIC, Dialect.OLLAMA_CHAT, Dialect.GEMINI]


@pytest.mark.parametrize("dialect", STREAMS)
@settings(max_examples=60, deadline=None)
@given(HOSTILE, HOSTILE)
def test_t17_a_models_text_never_ends_its_own_event(dialect: Dialect, text: str, argument: str) -> None:
    spoken = codec(dialect)
    writer = spoken.reply_writer(ReplyContext(call_id="c1", model="m", now_s=1, include_usage=False, tools=True))
    arguments = json.dumps({"a": argument})
    events: list[Event] = [
        Began("r1", "m"),
        TextDelta(text),
        ToolBegan(0, "call_1", "look"),
        ToolArguments(0, arguments),
        ToolEnded(0),
        Ended(StopReason.TOOLS),
    ]

    raw = b"".join(writer.write(event) for event in events)

    back = spoken.reply_reader().feed(raw)
    assert "".join(event.text for event in back if isinstance(event, TextDelta)) == text
    assert json.loads("".join(event.fragment for event in back if isinstance(event, ToolArguments))) == {"a": argument}
    if dialect is Dialect.OLLAMA_CHAT:
        assert all(isinstance(json.loads(line), dict) for line in raw.split(b"\n") if line)
    else:
        assert all(one.data == b"[DONE]" or isinstance(json.loads(one.data), dict) for one in Decoder().feed(raw))


@given(st.text(max_size=300))
def test_t17_a_header_is_one_line_of_ascii_whatever_stands_in_it(text: str) -> None:
    value = header_value(text)

    assert all(32 <= byte < 127 for byte in value)
    assert len(value) <= 1024
