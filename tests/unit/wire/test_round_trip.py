"""Read, then write: for each dialect the same meaning comes out that went in, on every captured request.

`Exceptions` is the whole list of what is spelled differently (README, "What a round trip changes").
"""

import json

import pytest
from tests.unit.wire.captures import Capture, captures

from turnout.calls.request import Image, Text, Tool, ToolCall, ToolResult, Written
from turnout.calls.units import Dialect, Json
from turnout.wire.codec import codec
from turnout.wire.dialect import Target
from turnout.wire.foreign import NO_SEALS

CAPTURES = captures()
pytestmark = pytest.mark.skipif(not CAPTURES, reason="reference material ../shared/clients is not beside this checkout")
TALKS = (
    Dialect.OPENAI_CHAT,
    Dialect.OPENAI_RESPONSES,
    Dialect.ANTHROPIC,
    Dialect.OLLAMA_CHAT,
    Dialect.GEMINI,
)
DEFAULTS: dict[str, Json] = {"stream": False, "tool_choice": "auto", "truncate": False, "shift": False}
Obj = dict[str, Json]


def written(capture: Capture, body: Json) -> Written:
    spoken = codec(capture.dialect)
    request = spoken.read_request(body, path_model=capture.model, stream=capture.stream)
    return spoken.write_request(request, Target(model=request.model))


class Exceptions:
    """Both sides are brought into one spelling; each method is one row of README's table."""

    @staticmethod
    def defaults(value: Json) -> Json:
        """Null, empty and default values say nothing, wherever they stand."""
        if isinstance(value, list):
            return [Exceptions.defaults(one) for one in value]
        if not isinstance(value, dict):
            return value
        inner = {key: Exceptions.defaults(one) for key, one in value.items()}
        return {
            key: one
            for key, one in inner.items()
            if not (one is None or one in ([], "") or DEFAULTS.get(key, "no") == one)
        }

    @staticmethod
    def texts(value: Json, kind: str, key: str = "") -> Json:
        """A text as content is a list of one text part."""
        if isinstance(value, list):
            return [Exceptions.texts(one, kind) for one in value]
        if isinstance(value, dict):
            return {name: Exceptions.texts(one, kind, name) for name, one in value.items()}
        return [{"type": kind, "text": value}] if key == "content" and isinstance(value, str) else value

    @staticmethod
    def neighbours(messages: Json, key: str) -> Json:
        """Messages of one role in a row are one message (Anthropic, Gemini)."""
        found: list[Obj] = []
        for one in messages if isinstance(messages, list) else []:
            assert isinstance(one, dict)
            parts = one[key]
            assert isinstance(parts, list)
            if found and found[-1].get("role", "user") == one.get("role", "user"):
                before = found[-1][key]
                assert isinstance(before, list)
                found[-1] = {**found[-1], key: [*before, *parts]}
            else:
                found.append({**one, "role": one.get("role", "user")})
        return list(found)

    @staticmethod
    def marks(value: Json) -> Json:
        """What stands in place of a signature is written only to a model that asks for one (Gemini)."""
        if isinstance(value, list):
            return [Exceptions.marks(one) for one in value]
        if not isinstance(value, dict):
            return value
        return {
            key: Exceptions.marks(one)
            for key, one in value.items()
            if key != "thoughtSignature" or one not in NO_SEALS
        }

    @staticmethod
    def limits(body: Obj) -> Obj:
        """A chat's `max_completion_tokens` is `max_tokens` to a compatible engine; its usage is always asked for."""
        body = {("max_tokens" if key == "max_completion_tokens" else key): one for key, one in body.items()}
        body.pop("stream_options", None)
        return body

    @staticmethod
    def items(body: Obj) -> Obj:
        """Responses: `instructions` and role `system` are a developer message; messages and results lose their `id`, calls their `status`."""
        given = body["input"]
        first: Obj = {"role": "developer", "content": body.pop("instructions", [])}
        found = [{"role": "user", "content": given}] if isinstance(given, str) else given
        assert isinstance(found, list)
        items: list[Json] = []
        body["input"] = items
        for one in [first, *found]:
            assert isinstance(one, dict)
            if one.get("type", "message") != "message":
                gone = ("status",) if str(one["type"]).endswith("_call") else ("status", "id")
                items.append({key: value for key, value in one.items() if key not in gone})
                continue
            role = "developer" if one["role"] == "system" else one["role"]
            content = one["content"]
            parts = [{"text": content}] if isinstance(content, str) else content
            assert isinstance(parts, list)
            kept: list[Json] = [
                {k: v for k, v in part.items() if k not in ("type", "annotations")}
                for part in parts
                if isinstance(part, dict)
            ]
            if kept:
                items.append({"type": "message", "role": role, "content": kept})
        return body


def meaning(dialect: Dialect, body: Json) -> Json:
    assert isinstance(body, dict)
    body = {**body}
    if dialect is Dialect.OPENAI_RESPONSES:
        body = Exceptions.items(body)
        return Exceptions.defaults(body)
    if dialect is Dialect.ANTHROPIC:
        said = Exceptions.texts(body, "text")
        assert isinstance(said, dict)
        if isinstance(said.get("system"), str):
            said["system"] = [{"type": "text", "text": said["system"]}]
        return Exceptions.defaults({**said, "messages": Exceptions.neighbours(said["messages"], "content")})
    if dialect is Dialect.GEMINI:
        system = body.get("systemInstruction")
        if isinstance(system, dict):
            body["systemInstruction"] = {"parts": system["parts"]}
        contents = Exceptions.marks(Exceptions.neighbours(body["contents"], "parts"))
        return Exceptions.defaults({**body, "contents": contents})
    if dialect is Dialect.OPENAI_CHAT:
        for message in body["messages"] if isinstance(body["messages"], list) else []:
            calls = message.get("tool_calls") if isinstance(message, dict) else None
            for call in calls if isinstance(calls, list) else []:
                assert isinstance(call, dict)
                call.pop("index", None)  # a stream's own number, sent back by some clients
        return Exceptions.defaults(Exceptions.limits(body))
    if dialect in (Dialect.OPENAI_EMBEDDINGS, Dialect.OLLAMA_EMBED):
        # One text is a list of one, an old `prompt` an input, and vectors are asked for as numbers.
        given = body.pop("input", body.pop("prompt", ""))
        body.pop("encoding_format", None)
        return Exceptions.defaults({**body, "input": [given] if isinstance(given, str) else given})
    return Exceptions.defaults(body)


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda capture: capture.name)
def test_what_is_read_and_written_again_means_the_same(capture: Capture) -> None:
    out = written(capture, capture.body)

    assert out.dropped == ()
    again = json.loads(out.body)
    assert meaning(capture.dialect, again) == meaning(capture.dialect, capture.body)
    assert json.loads(written(capture, again).body) == again


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda capture: capture.name)
def test_a_captured_request_can_be_told_in_every_dialect(capture: Capture) -> None:
    """And read back there: every text, call, result, image and tool is in it."""
    spoken = codec(capture.dialect)
    request = spoken.read_request(capture.body, path_model=capture.model, stream=capture.stream)
    parts = [part for message in request.messages for part in message.parts]
    parts += [inner for part in parts if isinstance(part, ToolResult) for inner in part.parts]
    texts = [p.text for p in parts if isinstance(p, Text) and p.text.strip() and "x-anthropic-billing" not in p.text]
    calls = [json.loads(p.arguments) for p in parts if isinstance(p, ToolCall)]
    images = [p.data for p in parts if isinstance(p, Image)]
    tools = [tool.name for tool in request.tools if isinstance(tool, Tool)]
    if not texts or request.prompt:
        return

    for dialect in TALKS:
        other = codec(dialect)
        doc = json.loads(other.write_request(request, Target(model="m")).body)
        there = other.read_request(doc, path_model="m", stream=request.stream)
        found = [part for message in there.messages for part in message.parts]
        found += [inner for part in found if isinstance(part, ToolResult) for inner in part.parts]
        said = "\n".join(part.text for part in found if isinstance(part, Text))
        assert [text for text in texts if text.strip() not in said] == []
        assert [json.loads(p.arguments) for p in found if isinstance(p, ToolCall)] == calls
        assert [p.data for p in found if isinstance(p, Image)] == images
        assert [tool.name for tool in there.tools if isinstance(tool, Tool)] == tools
        assert there.stream is request.stream
