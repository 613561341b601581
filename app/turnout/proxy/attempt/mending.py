"""What an answer goes through between engine and client: a local model's written calls become real, names the client's own."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from turnout.calls.reply import (
    Ended,
    Event,
    Failed,
    Ping,
    RefusalDelta,
    TextDelta,
    ThinkingDelta,
    ToolArguments,
    ToolBegan,
    UsageSeen,
)
from turnout.wire.dialect import ReplyReader, ReplyWriter
from turnout.wire.offered import Offered
from turnout.wire.repair import ToolRepair


@dataclass(slots=True)
class Lens:
    """First a local model's text becomes the calls that it means, then the calls the client's own."""

    repair: ToolRepair | None
    offered: Offered | None

    def seen(self, events: Iterable[Event], *, last: bool) -> list[Event]:
        found = list(events)
        if self.repair is not None:
            found = [*self.repair.feed(found), *(self.repair.end() if last else ())]
        return found if self.offered is None else self.offered.feed(found)


_CONTENT = TextDelta | RefusalDelta | ThinkingDelta | ToolBegan | ToolArguments | Ended | Failed


class Mender:
    """The fast lane for a local model with tools: raw bytes go through until a tool call written as text shows up.

    One event at a time. What may become a call is held back, raw, and with it the framing before it (the start of a block, of
    a message), for our writer frames anew what it writes. If it stays text, the raw bytes go on. From a call on the events are
    written; the writer was fed everything before, so its state is right.
    """

    def __init__(self, reader: ReplyReader, writer: ReplyWriter, repair: ToolRepair, *, framed: bool) -> None:
        """`framed`: blank lines part the events (SSE), not line ends."""
        self._reader, self._writer, self._repair = reader, writer, repair
        self._boundary = _BLANK if framed else _LINE
        self.rewriting = False
        self._tail = b""
        self._raw: list[bytes] = []
        self._written: list[bytes] = []
        self._heard: list[Event] = []
        self._mended: list[Event] = []

    def feed(self, data: bytes) -> bytes:
        data = self._tail + data
        out: list[bytes] = []
        start = 0
        for match in self._boundary.finditer(data):
            event = data[start : match.end()]
            start = match.end()
            out.append(self._next(event, self._reader.feed(event)))
        self._tail = data[start:]
        return b"".join(out)

    def end(self, tail: bytes) -> bytes:
        out = self.feed(tail)
        heard = [*self._reader.feed(self._tail), *self._reader.end()]
        out += self._next(self._tail, heard, last=True)
        return out if self.rewriting else out + b"".join(self._raw)

    def _next(self, raw: bytes, heard: list[Event], *, last: bool = False) -> bytes:
        mended = [*self._repair.feed(heard), *(self._repair.end() if last else ())]
        written = [self._writer.write(event) for event in mended]
        if self.rewriting:
            return b"".join(written)
        if not self._raw and (raw[:1] == b":" or (heard and all(isinstance(one, Ping) for one in heard))):
            return raw
        self._raw.append(raw)
        self._written += written
        self._heard += heard
        self._mended += mended
        if self._repair.made:
            self.rewriting = True
            return b"".join(self._written)
        if any(isinstance(one, _CONTENT) for one in heard) and _same(self._heard, self._mended):
            out = b"".join(self._raw)
            for kept in (self._raw, self._written, self._heard, self._mended):
                kept.clear()
            return out
        return b""


_BLANK = re.compile(rb"\r\n\r\n|\n\n|\r\r")
_LINE = re.compile(rb"\n")


def _same(heard: list[Event], mended: list[Event]) -> bool:
    """Whether both tell the same, however the text is cut."""
    return heard == mended or _joined(heard) == _joined(mended)


def _joined(events: list[Event]) -> list[Event]:
    """Texts are put together, also over the usage that stands between them."""
    found: list[Event] = []
    rest: list[Event] = []
    for event in events:
        if isinstance(event, TextDelta) and found and isinstance(found[-1], TextDelta):
            found[-1] = TextDelta(found[-1].text + event.text)
        elif isinstance(event, UsageSeen):
            rest.append(event)
        else:
            found.append(event)
    return found + rest
