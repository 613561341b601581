"""A chat answer as a stream of chunks."""

from abc import abstractmethod

import orjson

from turnout.calls.reply import (
    Began,
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
from turnout.calls.units import Json
from turnout.calls.usage import Usage
from turnout.wire import errors_json, sse
from turnout.wire.dialect import ReplyContext
from turnout.wire.event_reader import EventReader
from turnout.wire.fields import dump, said, said_int, said_items, said_text
from turnout.wire.openai_chat.answer import FINISHES, STOPS, error_text, thought_of, usage_json, usage_of
from turnout.wire.parts import flat_name, made_id, split_flat_name


def noted(doc: Json) -> list[Event]:
    """Of one chunk what is no output: an error, or usage and end. For who reads no other chunk."""
    choices = said_items(doc, "choices")
    if not choices and said(doc, "error") is not None:
        return [Failed(error_text(doc), status=_status_of(doc))]
    usage, finish = said(doc, "usage"), said_text(choices[0], "finish_reason") if choices else ""
    found: list[Event] = [] if usage is None else [UsageSeen(usage_of(usage))]
    if finish:
        found.append(Ended(STOPS.get(finish, StopReason.END), service_tier=said_text(doc, "service_tier")))
    return found


def _status_of(doc: Json) -> int:
    code = said_int(doc, "error", "code")
    return code if 400 <= code < 600 else 502


class ChunkReader(EventReader):
    """`data: {...}` chunks with choices; ends on [DONE] or, without one, on a finish_reason."""

    def __init__(self) -> None:
        super().__init__()
        self._began = False
        self._id = ""
        self._stop: StopReason | None = None
        self._tier = ""

    def _marked(self) -> list[Event]:
        if self._stop is None:
            return self._fail("the engine's stream ended without a finish_reason")
        self._over = True
        return [Ended(self._stop, service_tier=self._tier)]

    def _last(self) -> Event:
        if self._stop is not None:
            return Ended(self._stop, service_tier=self._tier)
        return super()._last() if self._began else Failed("the engine sent no stream of chunks")

    def _take(self, doc: Json) -> list[Event]:
        choices = said_items(doc, "choices")
        if not choices and said(doc, "error") is not None:
            return self._fail(error_text(doc), status=_status_of(doc))
        found: list[Event] = []
        if not self._began:
            self._began = True
            self._id = said_text(doc, "id")
            found.append(Began(self._id, said_text(doc, "model"), max(0, said_int(doc, "created"))))
        if isinstance(doc, dict) and doc.get("usage") is not None:
            found.append(UsageSeen(usage_of(doc["usage"])))
        if said_text(doc, "service_tier"):
            self._tier = said_text(doc, "service_tier")
        return [*found, *self._choice(choices[0])] if choices else found

    @abstractmethod
    def _choice(self, choice: Json) -> list[Event]: ...


class Reader(ChunkReader):
    def __init__(self) -> None:
        super().__init__()
        self._calls: dict[int, int] = {}

    def _choice(self, choice: Json) -> list[Event]:
        delta = said(choice, "delta")
        found = self._delta(delta) if isinstance(delta, dict) else []
        finish = said_text(choice, "finish_reason")
        if finish:
            self._stop = STOPS.get(finish, StopReason.END)
            if self._calls and self._stop is StopReason.END:
                self._stop = StopReason.TOOLS
        return found

    def _delta(self, delta: dict[str, Json]) -> list[Event]:
        found = thought_of(delta)
        content = delta.get("content")
        if isinstance(content, str) and content:
            found.append(TextDelta(content))
        if said_text(delta, "refusal"):
            found.append(RefusalDelta(said_text(delta, "refusal")))
        for call in said_items(delta, "tool_calls"):
            found += self._call(call)
        return found

    def _call(self, call: Json) -> list[Event]:
        found: list[Event] = []
        custom = said(call, "custom") is not None
        function = said(call, "custom") if custom else said(call, "function")
        name = said_text(function, "name")
        number = said_int(call, "index")
        index = self._calls.get(number)
        if index is None or (name and said_text(call, "id") and said(call, "index") is None):
            index = len(self._calls)
            self._calls[number if said(call, "index") is not None else -1 - index] = index
            namespace, plain = split_flat_name(name)
            id_ = said_text(call, "id") or made_id(name, "", self._id, index)
            found.append(ToolBegan(index, id_, plain, namespace, custom=custom))
        arguments = said(function, "input" if custom else "arguments")
        if isinstance(arguments, str) and arguments:
            found.append(ToolArguments(index, arguments))
        elif isinstance(arguments, dict):
            found.append(ToolArguments(index, dump(arguments).decode()))
        return found


class Writer:
    def __init__(self, context: ReplyContext) -> None:
        self._context = context
        self._id = f"chatcmpl-{context.call_id}"
        self._created = context.now_s
        self._model = context.model
        self._opened = False
        self._usage: Usage | None = None
        self._closed = False
        self._head = b""

    def write(self, event: Event) -> bytes:
        if self._closed:
            return b""
        if isinstance(event, TextDelta):
            return self._delta({"content": event.text})
        if isinstance(event, ThinkingDelta):
            return self._delta({"reasoning_content": event.text})
        if isinstance(event, ToolArguments):
            return self._delta({"tool_calls": [{"index": event.index, "function": {"arguments": event.fragment}}]})
        if isinstance(event, ToolBegan):
            kind = "custom" if event.custom else "function"
            inner: Json = (
                {"name": event.name, "input": ""}
                if event.custom
                else {"name": flat_name(event.namespace, event.name), "arguments": ""}
            )
            return self._delta({"tool_calls": [{"index": event.index, "id": event.id, "type": kind, kind: inner}]})
        if isinstance(event, RefusalDelta):
            return self._delta({"refusal": event.text})
        if isinstance(event, Began):
            if event.id.startswith("chatcmpl"):
                self._id = event.id
            self._created = event.created_s or self._created
            self._model = event.model or self._model
            return self._open()
        if isinstance(event, UsageSeen):
            self._usage = event.usage
            return b""
        if isinstance(event, Ended):
            return self._end(event)
        if isinstance(event, Failed):
            self._closed = True
            error = errors_json.openai_object(event.message, event.status)
            return sse.data(dump({"error": error})) + sse.DONE
        return b""

    def ping(self) -> bytes:
        return sse.COMMENT

    def _open(self) -> bytes:
        if self._opened:
            return b""
        self._opened = True
        return self._chunk({"role": "assistant", "content": ""}, None)

    def _delta(self, delta: Json) -> bytes:
        if not self._opened:
            return self._open() + self._chunk(delta, None)
        # The hot line: the envelope never changes, so it is written once and only the delta is encoded per event.
        if not self._head:
            self._head = sse.data(self._envelope(None, None)).split(b'"choices":')[0]
        return b"".join(
            (
                self._head,
                b'"choices":[{"index":0,"delta":',
                orjson.dumps(delta),
                b',"finish_reason":null,"logprobs":null}]}\n\n',
            )
        )

    def _chunk(self, delta: Json, finish: str | None) -> bytes:
        return sse.data(self._envelope(delta, finish))

    def _envelope(self, delta: Json, finish: str | None) -> bytes:
        return dump(
            {
                "id": self._id,
                "object": "chat.completion.chunk",
                "created": self._created,
                "model": self._model,
                "choices": [{"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}],
            }
        )

    def _end(self, event: Ended) -> bytes:
        out = self._open() + self._chunk({}, FINISHES[event.reason])
        self._closed = True
        if self._context.include_usage:
            tail: Json = {
                "id": self._id,
                "object": "chat.completion.chunk",
                "created": self._created,
                "model": self._model,
                "choices": [],
                "usage": usage_json(self._usage or Usage()),
            }
            out += sse.data(dump(tail))
        return out + sse.DONE
