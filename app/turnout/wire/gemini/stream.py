"""A Gemini answer as a stream: SSE, or a JSON array."""

from turnout.calls.reply import (
    Began,
    Ended,
    Event,
    Failed,
    ForeignEvent,
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
from turnout.wire import errors_json
from turnout.wire.dialect import ReplyContext
from turnout.wire.event_reader import EventReader
from turnout.wire.fields import arguments, dump, said, said_int, said_items, said_text
from turnout.wire.gemini.answer import FINISHES, STOPS, call_part, chunk_json, usage_of
from turnout.wire.json_array import ArrayDecoder, Overflow
from turnout.wire.parts import made_id, split_flat_name


class Reader(EventReader):
    """Each chunk is a whole GenerateContentResponse; the last one holds finishReason and the counts."""

    def __init__(self) -> None:
        super().__init__()
        self._array: ArrayDecoder | None = None
        self._first = True
        self._began = False
        self._id = ""
        self._calls = 0
        self._stop: StopReason | None = None

    def feed(self, chunk: bytes) -> list[Event]:
        if self._first and chunk.strip():
            self._first = False
            if chunk.lstrip()[:1] == b"[":
                self._array = ArrayDecoder()
        if self._array is None:
            return super().feed(chunk)
        try:
            return [found for one in self._array.feed(chunk) for found in self._event(one)]
        except Overflow:
            return self._fail("one event of the stream is larger than 16 MB")

    def _last(self) -> Event:
        if self._stop is None or (self._array is not None and not self._array.closed):
            return super()._last()
        return Ended(StopReason.TOOLS if self._calls and self._stop is StopReason.END else self._stop)

    def _take(self, doc: Json) -> list[Event]:
        if isinstance(doc, list):
            return [found for one in doc for found in self.take(one)]
        return self.take(doc)

    def take(self, doc: Json) -> list[Event]:
        """One GenerateContentResponse."""
        if self._over:
            return []
        if said(doc, "error") is not None:
            code = said_int(doc, "error", "code")
            message = said_text(doc, "error", "message") or "the engine reported an error"
            return self._fail(message, status=code if 400 <= code < 600 else 502)
        found: list[Event] = []
        if not self._began:
            self._began = True
            self._id = said_text(doc, "responseId")
            found.append(Began(self._id, said_text(doc, "modelVersion")))
        for candidate in said_items(doc, "candidates")[:1]:
            for part in said_items(candidate, "content", "parts"):
                found += self._part(part)
            finish = said_text(candidate, "finishReason")
            if finish:
                self._stop = STOPS.get(finish, StopReason.END)
        if said_text(doc, "promptFeedback", "blockReason"):
            self._stop = StopReason.FILTER
        if said(doc, "usageMetadata") is not None:
            found.append(UsageSeen(usage_of(said(doc, "usageMetadata"))))
        return found

    def _part(self, part: Json) -> list[Event]:
        words, sealed = said_text(part, "text"), said_text(part, "thoughtSignature")
        if said(part, "functionCall") is not None:
            index, self._calls = self._calls, self._calls + 1
            call = said(part, "functionCall")
            given = dump(arguments(said(call, "args"))).decode()
            namespace, name = split_flat_name(said_text(call, "name"))
            id_ = said_text(call, "id") or made_id(said_text(call, "name"), given, self._id, index)
            return [
                ToolBegan(index, id_, name, namespace, sealed=sealed),
                ToolArguments(index, given),
                ToolEnded(index),
            ]
        found: list[Event] = []
        if said(part, "thought") is True:
            found += [ThinkingDelta(words)] if words else []
        elif words:
            found.append(TextDelta(words))
        elif not sealed:
            found.append(ForeignEvent(Dialect.GEMINI, "part", part))
        if sealed:
            found.append(ThinkingSealed(sealed, Family.GEMINI))
        return found


def read(doc: Json) -> list[Event]:
    """A whole answer; without `alt=sse` a stream's body is an array of them."""
    reader = Reader()
    found = [event for one in (doc if isinstance(doc, list) else [doc]) for event in reader.take(one)]
    return [*found, *reader.end()]


class Writer:
    """Calls are told whole: this dialect has no partial arguments."""

    def __init__(self, context: ReplyContext) -> None:
        self._context = context
        self._model = context.model
        self._usage = Usage()
        self._calls: dict[int, tuple[ToolBegan, list[str]]] = {}
        self._opened = False
        self._closed = False

    def write(self, event: Event) -> bytes:
        if self._closed:
            return b""
        if isinstance(event, TextDelta | RefusalDelta):
            return self._tell([{"text": event.text}]) if event.text else b""
        if isinstance(event, ThinkingDelta):
            return self._tell([{"text": event.text, "thought": True}]) if event.text else b""
        if isinstance(event, ThinkingSealed):
            return (
                self._tell([{"text": "", "thoughtSignature": event.sealed}]) if event.vendor is Family.GEMINI else b""
            )
        if isinstance(event, ToolBegan):
            self._calls[event.index] = (event, [])
        elif isinstance(event, ToolArguments):
            self._calls[event.index][1].append(event.fragment)
        elif isinstance(event, UsageSeen):
            self._usage = event.usage
        elif isinstance(event, Began):
            self._model = event.model or self._model
        elif isinstance(event, Ended):
            return self._end(event)
        elif isinstance(event, Failed):
            self._closed = True
            return self._frame(errors_json.gemini_object(event.message, event.status)) + self._close()
        return b""

    def ping(self) -> bytes:
        """Nothing: Gemini CLI fails on a comment before the first event."""
        return b""

    def _frame(self, doc: Json) -> bytes:
        if self._context.array:
            opener = b",\r\n" if self._opened else b"["
            self._opened = True
            return opener + dump(doc)
        return b"data: " + dump(doc) + b"\r\n\r\n"

    def _close(self) -> bytes:
        return b"]" if self._context.array else b""

    def _tell(self, parts: list[Json]) -> bytes:
        return self._frame(chunk_json(self._context, self._model, parts, "", None))

    def _end(self, event: Ended) -> bytes:
        self._closed = True
        parts = [call_part(began, "".join(fragments)) for _, (began, fragments) in sorted(self._calls.items())]
        last = chunk_json(self._context, self._model, parts, FINISHES.get(event.reason, "STOP"), self._usage)
        return self._frame(last) + self._close()
