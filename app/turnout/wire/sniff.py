"""What can be learned of an answer while its bytes pass through: usage, whether it ended, an error told inside.

A plain chunk costs a few substring searches at C speed; only lines that hold something of note are parsed.
"""

from collections.abc import Callable
from dataclasses import dataclass

from turnout.calls.reply import Ended, Event, Failed, UsageSeen
from turnout.calls.units import Dialect, Json
from turnout.calls.usage import Usage
from turnout.wire.anthropic import answer as anthropic
from turnout.wire.anthropic.stream import Reader
from turnout.wire.codec import codec
from turnout.wire.event_reader import EventReader
from turnout.wire.fields import event_json
from turnout.wire.json_array import ArrayDecoder, Overflow
from turnout.wire.openai_chat import answer as chat
from turnout.wire.openai_chat.stream import noted
from turnout.wire.openai_responses import answer as responses
from turnout.wire.sse import BOM

_MARKS: dict[Dialect, tuple[bytes, ...]] = {
    Dialect.OPENAI_CHAT: (
        b'"usage":{',
        b'"usage": {',
        b'"finish_reason":"',
        b'"finish_reason": "',
        b"[DONE]",
        b'"error"',
    ),
    Dialect.OPENAI_COMPLETIONS: (
        b'"usage":{',
        b'"usage": {',
        b'"finish_reason":"',
        b'"finish_reason": "',
        b"[DONE]",
        b'"error"',
    ),
    Dialect.OPENAI_RESPONSES: (b"response.completed", b"response.incomplete", b"response.failed", b'"error"'),
    Dialect.ANTHROPIC: (
        b"message_start",
        b"message_delta",
        b"message_stop",
        b"event: error",
        b'"type":"error"',
        b'"type": "error"',
    ),
    Dialect.OLLAMA_CHAT: (b'"done":true', b'"done": true', b'"error"'),
    Dialect.OLLAMA_GENERATE: (b'"done":true', b'"done": true', b'"error"'),
    Dialect.GEMINI: (b"usageMetadata", b"finishReason", b'"error"'),
}
_CHUNKED = frozenset({Dialect.OPENAI_CHAT, Dialect.OPENAI_COMPLETIONS})
_NDJSON = frozenset({Dialect.OLLAMA_CHAT, Dialect.OLLAMA_GENERATE})


@dataclass(slots=True)
class Sniffer:
    """`feed` every chunk; read the rest when the stream is over."""

    dialect: Dialect
    usage: Usage | None = None
    ended: bool = False
    """The dialect's own end was seen; a chat stream also counts as ended with a finish_reason and no [DONE]."""
    failed: Failed | None = None
    array: bool = False
    """Gemini's stream as a JSON array."""
    busy_s: float = 0.0
    queue_s: float = 0.0
    service: str = ""
    """The tier of service it was answered at, in the vendor's own word."""
    _done_seen: bool = False
    _tail: bytes = b""
    _reader: EventReader | None = None
    _array: ArrayDecoder | None = None

    def feed(self, chunk: bytes) -> None:
        if self.array:
            self._elements(chunk)
            return
        marks = _MARKS[self.dialect]
        tail = self._tail
        data = tail + chunk if tail else chunk
        if not any(map(data.__contains__, marks)):
            # A mark cut in two is found with the next chunk: the unfinished line is carried while it is short.
            if data.endswith(b"\n"):
                self._tail = b""
                return
            cut = data.rfind(b"\n") + 1
            rest = data[cut:]
            self._tail = rest if len(rest) <= 65_536 else rest[-64:]
            return
        cut = data.rfind(b"\n") + 1
        self._tail = data[cut:]
        for line in _marked_lines(data, cut, marks):
            self._line(line)
        if len(self._tail) > 4_000_000:
            self._tail = b""

    def _elements(self, chunk: bytes) -> None:
        if self._array is None:
            self._array = ArrayDecoder()
        try:
            for element in self._array.feed(chunk):
                if self._marked(element):
                    self._line(b"data:" + element.replace(b"\n", b" "))
        except Overflow:
            self.failed = Failed("one element of the stream is larger than 16 MB")

    def finish(self) -> None:
        if self.array:
            self.ended = self.ended and self._array is not None and self._array.closed
            return
        rest, self._tail = self._tail, b""
        for line in rest.splitlines():
            if self._marked(line):
                self._line(line)

    def _marked(self, line: bytes) -> bool:
        return any(map(line.__contains__, _MARKS[self.dialect]))

    def closing(self) -> bytes:
        """What a finished chat stream still lacks: some servers leave out [DONE], and clients wait for it."""
        return b"data: [DONE]\n\n" if self.dialect in _CHUNKED and self.ended and not self._done_seen else b""

    def _line(self, line: bytes) -> None:
        if self.dialect not in _NDJSON:
            line = line.removeprefix(BOM)
            if not line.startswith(b"data:"):
                return
            line = line[5:].strip()
            if line == b"[DONE]":
                self._done_seen = True
                return
        try:
            doc: Json = event_json(line)
        except ValueError:
            return
        if isinstance(doc, dict):
            self._take(self._read(doc, line))

    def _read(self, doc: dict[str, Json], line: bytes) -> list[Event]:
        """One event through the dialect's own reader, in a stream of its own kind."""
        if self.dialect in _CHUNKED:
            return noted(doc)
        if self.dialect is Dialect.ANTHROPIC:
            return self._anthropic(doc)
        reader = codec(self.dialect).reply_reader()
        if not isinstance(reader, EventReader):
            return reader.feed(line + b"\n")
        events = reader.read(doc)
        if self.dialect is Dialect.GEMINI:
            events += [event for event in reader.end() if isinstance(event, Ended)]
        return events

    def _anthropic(self, doc: dict[str, Json]) -> list[Event]:
        """message_start tells input, message_delta output: they are one usage."""
        if doc.get("type") not in ("message_start", "message_delta", "message_stop", "error"):
            return []
        if self._reader is None:
            self._reader = Reader()
        return self._reader.read(doc)

    def _take(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, UsageSeen):
                self.usage = event.usage
                self.busy_s, self.queue_s = event.busy_s, event.queue_s
                self.service = event.service or self.service
            elif isinstance(event, Ended):
                self.ended = True
                self.service = self.service or event.service_tier
            elif isinstance(event, Failed):
                self.failed = event


def _marked_lines(data: bytes, end: int, marks: tuple[bytes, ...]) -> list[bytes]:
    """The whole lines before `end` that hold a mark, in order: one read can bring hundreds of plain ones."""
    starts: dict[int, int] = {}
    for mark in marks:
        at = data.find(mark, 0, end)
        while at >= 0:
            start = data.rfind(b"\n", 0, at) + 1
            stop = data.find(b"\n", at, end)
            stop = end if stop < 0 else stop
            starts[start] = stop
            at = data.find(mark, stop, end)
    return [data[start : starts[start]].rstrip(b"\r") for start in sorted(starts)]


def sniffer(dialect: Dialect, *, array: bool = False) -> Sniffer:
    return Sniffer(dialect, array=array)


_ENDINGS: dict[Dialect, Callable[[Json], list[Event]]] = {
    Dialect.OPENAI_CHAT: chat.ending,
    Dialect.OPENAI_RESPONSES: responses.ending,
    Dialect.ANTHROPIC: anthropic.ending,
}


def ending(dialect: Dialect, doc: Json) -> list[Event]:
    """Of an unstreamed answer all that is no output: usage and end, or why it is none."""
    read = _ENDINGS.get(dialect)
    if read is not None:
        return read(doc)
    return [event for event in codec(dialect).read_reply(doc) if isinstance(event, UsageSeen | Ended | Failed)]
