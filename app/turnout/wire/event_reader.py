"""What the readers of server-sent answers share: framing, JSON, and that after `end` there was exactly one Ended or Failed."""

from abc import ABC, abstractmethod

from turnout.calls.reply import Event, Failed
from turnout.calls.units import Json
from turnout.wire import sse
from turnout.wire.fields import event_json


class EventReader(ABC):
    """Sans-I/O. A dialect says what one event means; it sets `_over` with its own end."""

    def __init__(self) -> None:
        self._decoder = sse.Decoder()
        self._over = False

    def feed(self, chunk: bytes) -> list[Event]:
        if self._over:
            return []
        try:
            events = self._decoder.feed(chunk)
        except sse.Overflow:
            return self._fail("one event of the stream is larger than 16 MB")
        found: list[Event] = []
        for event in events:
            found += self._event(event.data)
        return found

    def read(self, doc: Json) -> list[Event]:
        """What one event means that somebody else has parsed."""
        return [] if self._over else self._take(doc)

    def end(self) -> list[Event]:
        if self._over:
            return []
        found = [one for event in self._decoder.end() for one in self._event(event.data)]
        if self._over:
            return found
        self._over = True
        return [*found, self._last()]

    def _event(self, data: bytes) -> list[Event]:
        if self._over:
            return []
        try:
            doc: Json = event_json(data)
        except ValueError:
            if data.strip() == b"[DONE]":
                return self._marked()
            return self._fail("the engine's stream holds something that is not JSON")
        return self._take(doc)

    @abstractmethod
    def _take(self, doc: Json) -> list[Event]: ...

    def _marked(self) -> list[Event]:
        """The marker [DONE]: the end of a chat stream, and of no other."""
        return []

    def _last(self) -> Event:
        """What it means that the bytes are over and the dialect's own end did not come."""
        return Failed("the engine's stream was cut off before its end")

    def _fail(self, message: str, kind: str = "api_error", status: int = 502) -> list[Event]:
        self._over = True
        return [Failed(message, kind, status)]
