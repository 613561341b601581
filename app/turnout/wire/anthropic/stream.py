"""An Anthropic answer as a stream of named events."""

import orjson

from turnout.calls.reply import (
    Began,
    Ended,
    Event,
    Failed,
    ForeignEvent,
    Ping,
    RefusalDelta,
    StopReason,
    TextDelta,
    ThinkingDelta,
    ThinkingSealed,
    ToolArguments,
    ToolBegan,
    ToolEnded,
    UsageSeen,
)
from turnout.calls.units import Dialect, Family, Json
from turnout.calls.usage import Usage
from turnout.wire import errors_json, sse
from turnout.wire.anthropic.answer import STOPS, reason_told, tool_use, usage_json, usage_seen
from turnout.wire.dialect import ReplyContext
from turnout.wire.event_reader import EventReader
from turnout.wire.fields import dump, said, said_int, said_text
from turnout.wire.foreign import SEAL
from turnout.wire.parts import split_flat_name


class Reader(EventReader):
    """Events by their `type`; ends on message_stop. A stream that stops earlier is a failure, whatever it told."""

    def __init__(self) -> None:
        super().__init__()
        self._tools: dict[int, int] = {}
        self._usage: dict[str, Json] = {}
        self._stop: tuple[StopReason, str] | None = None
        self._tier = ""
        self._began = False

    def _last(self) -> Event:
        return super()._last() if self._began else Failed("the engine sent no stream of message events")

    def _take(self, doc: Json) -> list[Event]:
        kind = said_text(doc, "type")
        if kind == "content_block_delta":
            return self._delta(doc)
        if kind == "content_block_start":
            return self._start(doc)
        if kind == "content_block_stop":
            index = self._tools.get(said_int(doc, "index"))
            return [ToolEnded(index)] if index is not None else []
        if kind == "message_start":
            self._began = True
            message = said(doc, "message")
            self._take_usage(said(message, "usage"))
            found: list[Event] = [Began(said_text(message, "id"), said_text(message, "model"))]
            return [*found, usage_seen(self._usage)] if self._usage else found
        if kind == "message_delta":
            self._take_usage(said(doc, "usage"))
            reason = said_text(doc, "delta", "stop_reason")
            if reason:
                self._stop = (STOPS.get(reason, StopReason.END), said_text(doc, "delta", "stop_sequence"))
            return [usage_seen(self._usage)]
        if kind == "message_stop":
            self._over = True
            stop, sequence = self._stop or (StopReason.TOOLS if self._tools else StopReason.END, "")
            return [Ended(stop, sequence, self._tier)]
        if kind == "error":
            error = said_text(doc, "error", "type") or "api_error"
            status = {"overloaded_error": 529, "rate_limit_error": 429, "invalid_request_error": 400}.get(error, 502)
            return self._fail(said_text(doc, "error", "message") or "the engine reported an error", error, status)
        return [Ping()] if kind == "ping" else []

    def _take_usage(self, usage: Json) -> None:
        if isinstance(usage, dict):
            # The counts add up as the stream goes on: a nothing that comes later (some gateways fill in zeros) unsays none.
            told = usage.items()
            self._usage |= {
                key: value for key, value in told if value is not None and (value or key not in self._usage)
            }
            self._tier = said_text(usage, "service_tier") or self._tier

    def _start(self, doc: Json) -> list[Event]:
        block, number = said(doc, "content_block"), said_int(doc, "index")
        kind = said_text(block, "type")
        if kind == "tool_use":
            index = len(self._tools)
            self._tools[number] = index
            namespace, name = split_flat_name(said_text(block, "name"))
            found: list[Event] = [ToolBegan(index, said_text(block, "id"), name, namespace)]
            given = said(block, "input")
            if isinstance(given, dict) and given:
                found.append(ToolArguments(index, dump(given).decode()))
            return found
        if kind == "text":
            return [TextDelta(said_text(block, "text"))] if said_text(block, "text") else []
        if kind == "thinking":
            return [ThinkingDelta(said_text(block, "thinking"))] if said_text(block, "thinking") else []
        if kind == "redacted_thinking":
            return [ThinkingSealed(said_text(block, "data"), Family.ANTHROPIC, redacted=True)]
        return [ForeignEvent(Dialect.ANTHROPIC, kind, block)]

    def _delta(self, doc: Json) -> list[Event]:
        delta = said(doc, "delta")
        kind = said_text(delta, "type")
        if kind == "text_delta":
            return [TextDelta(said_text(delta, "text"))]
        if kind == "input_json_delta":
            index = self._tools.get(said_int(doc, "index"))
            fragment = said_text(delta, "partial_json")
            return [ToolArguments(index, fragment)] if index is not None and fragment else []
        if kind == "thinking_delta":
            return [ThinkingDelta(said_text(delta, "thinking"))]
        if kind == "signature_delta":
            sealed = said_text(delta, "signature")
            return [ThinkingSealed(sealed, Family.ANTHROPIC)] if sealed != SEAL else []
        return [ForeignEvent(Dialect.ANTHROPIC, kind, delta)]


def _named(name: str, doc: Json) -> bytes:
    return sse.event(name, orjson.dumps(doc))


class Writer:
    """One content block open at a time; an event of another kind closes it and opens its own."""

    def __init__(self, context: ReplyContext) -> None:
        self._context = context
        self._id = f"msg_{context.call_id}"
        self._model = context.model
        self._opened = False
        self._closed = False
        self._block = ""
        self._sealed_already = False
        self._number = -1
        self._usage = Usage()
        self._refused = False
        self._head = b""

    def write(self, event: Event) -> bytes:
        if self._closed:
            return b""
        if isinstance(event, TextDelta | RefusalDelta):
            self._refused = self._refused or isinstance(event, RefusalDelta)
            return self._in("text") + self._piece("text_delta", "text", event.text) if event.text else b""
        if isinstance(event, ThinkingDelta):
            return self._in("thinking") + self._piece("thinking_delta", "thinking", event.text) if event.text else b""
        if isinstance(event, ToolArguments):
            return self._piece("input_json_delta", "partial_json", event.fragment)
        if isinstance(event, ToolBegan):
            return self._open_stream() + self._close_block() + self._open_block("tool", tool_use(event))
        if isinstance(event, ThinkingSealed):
            return self._sealed(event)
        if isinstance(event, Began):
            if event.id.startswith("msg_"):
                self._id = event.id
            self._model = event.model or self._model
            return b""
        if isinstance(event, UsageSeen):
            self._usage = event.usage
            return b""
        if isinstance(event, Ended):
            return self._end(event)
        if isinstance(event, Failed):
            self._closed = True
            kind = event.kind if event.kind != "api_error" else ""
            return _named("error", errors_json.anthropic_object(event.message, event.status, kind))
        if isinstance(event, Ping):
            return self.ping() if self._opened else b""
        return b""

    def ping(self) -> bytes:
        return b'event: ping\ndata: {"type": "ping"}\n\n'

    def _sealed(self, event: ThinkingSealed) -> bytes:
        if event.vendor is not Family.ANTHROPIC or not event.sealed:
            return b""
        if event.redacted:
            block: Json = {"type": "redacted_thinking", "data": event.sealed}
            return self._open_stream() + self._close_block() + self._open_block("redacted", block) + self._close_block()
        out = self._in("thinking")
        self._sealed_already = True
        return out + self._piece("signature_delta", "signature", event.sealed)

    def _open_stream(self) -> bytes:
        if self._opened:
            return b""
        self._opened = True
        message: Json = {
            "id": self._id,
            "type": "message",
            "role": "assistant",
            "model": self._model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {**usage_json(self._usage), "output_tokens": 0},
        }
        return _named("message_start", {"type": "message_start", "message": message})

    def _in(self, kind: str) -> bytes:
        if self._block == kind:
            return b""
        block: Json = (
            {"type": "text", "text": ""} if kind == "text" else {"type": "thinking", "thinking": "", "signature": ""}
        )
        return self._open_stream() + self._close_block() + self._open_block(kind, block)

    def _open_block(self, kind: str, block: Json) -> bytes:
        self._block = kind
        self._sealed_already = False
        self._number += 1
        self._head = b""
        return _named(
            "content_block_start", {"type": "content_block_start", "index": self._number, "content_block": block}
        )

    def _close_block(self) -> bytes:
        if not self._block:
            return b""
        seal = b""
        if self._block == "thinking" and not self._sealed_already:
            # Its client sends it back one day; by this we know that no Anthropic model thought it.
            seal = self._piece("signature_delta", "signature", SEAL)
        self._block = ""
        return seal + _named("content_block_stop", {"type": "content_block_stop", "index": self._number})

    def _piece(self, kind: str, key: str, value: str) -> bytes:
        if not self._head:
            self._head = (
                b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":' % self._number
            )
        return b"".join((self._head, orjson.dumps({"type": kind, key: value}), b"}\n\n"))

    def _end(self, event: Ended) -> bytes:
        out = self._open_stream() + self._close_block()
        self._closed = True
        delta: Json = {
            "type": "message_delta",
            "delta": {
                "stop_reason": reason_told(event.reason, refused=self._refused),
                "stop_sequence": event.stop_sequence or None,
            },
            "usage": usage_json(self._usage),
        }
        return out + _named("message_delta", delta) + _named("message_stop", {"type": "message_stop"})
