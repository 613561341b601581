"""An Ollama answer as lines of JSON."""

import orjson

from turnout.calls.reply import (
    Began,
    Ended,
    Event,
    Failed,
    RefusalDelta,
    TextDelta,
    ThinkingDelta,
    ToolArguments,
    ToolBegan,
    UsageSeen,
)
from turnout.calls.units import Json
from turnout.calls.usage import Usage
from turnout.wire import ndjson
from turnout.wire.dialect import ReplyContext
from turnout.wire.fields import event_json, said, said_text
from turnout.wire.ollama.answer import call_json, counts, created_at, done_reason, pieces_of, reason_read, timed


class Reader:
    """NDJSON lines; an `error` line inside a 200, or no `done` line, is a failure."""

    def __init__(self, key: str = "message") -> None:
        self._lines = ndjson.LineDecoder()
        self._key = key
        self._calls = 0
        self._began = False
        self._over = False

    def feed(self, chunk: bytes) -> list[Event]:
        found: list[Event] = []
        try:
            lines = self._lines.feed(chunk)
        except ndjson.Overflow:
            self._over = True
            return [Failed("one line of the stream is larger than 16 MB")]
        for line in lines:
            found += self._line(line)
        return found

    def end(self) -> list[Event]:
        found = [event for line in self._lines.end() for event in self._line(line)]
        if not self._over:
            self._over = True
            found.append(Failed("the engine's stream was cut off before its last line"))
        return found

    def _line(self, line: bytes) -> list[Event]:
        if self._over:
            return []
        try:
            doc: Json = event_json(line)
        except ValueError:
            self._over = True
            return [Failed("the engine's stream holds something that is not JSON")]
        if said(doc, "error") is not None:
            self._over = True
            return [Failed(said_text(doc, "error") or "the engine reported an error")]
        found: list[Event] = []
        if not self._began:
            self._began = True
            found.append(Began(model=said_text(doc, "model")))
        pieces = pieces_of(doc, self._key, self._calls)
        self._calls += sum(isinstance(event, ToolBegan) for event in pieces)
        found += pieces
        if said(doc, "done") is True:
            self._over = True
            found += [timed(doc), Ended(reason_read(doc, self._calls > 0))]
        return found


class Writer:
    """Each text delta one line; tool calls whole, when their arguments are complete; counts in the last line."""

    def __init__(self, context: ReplyContext, *, chat: bool = True) -> None:
        self._chat = chat
        self._model = context.model
        self._at = created_at(context.now_s)
        self._usage = UsageSeen(Usage())
        self._calls: dict[int, tuple[ToolBegan, list[str]]] = {}
        self._closed = False

    def write(self, event: Event) -> bytes:
        if self._closed:
            return b""
        if isinstance(event, TextDelta | RefusalDelta):
            return self._piece("content", event.text) if event.text else b""
        if isinstance(event, ThinkingDelta):
            return self._piece("thinking", event.text) if event.text else b""
        if isinstance(event, ToolBegan):
            self._calls[event.index] = (event, [])
        elif isinstance(event, ToolArguments):
            self._calls[event.index][1].append(event.fragment)
        elif isinstance(event, UsageSeen):
            self._usage = event
        elif isinstance(event, Ended):
            return self._end(event)
        elif isinstance(event, Failed):
            self._closed = True
            return orjson.dumps({"error": event.message}) + b"\n"
        return b""

    def ping(self) -> bytes:
        return b""

    def _line(self, rest: dict[str, Json], *, done: bool) -> bytes:
        return orjson.dumps({"model": self._model, "created_at": self._at, **rest, "done": done}) + b"\n"

    def _piece(self, key: str, words: str) -> bytes:
        if self._chat:
            message: dict[str, Json] = {"role": "assistant", "content": "", key: words}
            return self._line({"message": message}, done=False)
        if key == "thinking":
            return self._line({"response": "", "thinking": words}, done=False)
        return self._line({"response": words}, done=False)

    def _end(self, event: Ended) -> bytes:
        self._closed = True
        out = b""
        calls = [call_json(began, "".join(given)) for _, (began, given) in sorted(self._calls.items())]
        if calls and self._chat:
            out = self._line({"message": {"role": "assistant", "content": "", "tool_calls": calls}}, done=False)
        empty: dict[str, Json] = {"message": {"role": "assistant", "content": ""}} if self._chat else {"response": ""}
        last = {**empty, "done_reason": done_reason(event), **counts(self._usage)}
        return out + self._line(last, done=True)
