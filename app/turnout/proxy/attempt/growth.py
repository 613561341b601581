"""How much a stream without a limit has put out: its hold grows before output passes it, or the stream ends with `length`.

Counting every piece would cost more than the rest of a call, so the text is counted only when so many bytes came that the hold
may be near: no model writes more than a token for two bytes. Thinking that is not shown has no bytes; where the engine tells
its usage on the way, that counts.
"""

from collections.abc import Awaitable, Callable, Iterable

from turnout.calls.reply import Event, RefusalDelta, TextDelta, ThinkingDelta, ToolArguments, ToolBegan
from turnout.calls.units import Tokens
from turnout.calls.usage import Usage
from turnout.calls.values import frozen
from turnout.routing.afford import MARGIN
from turnout.wire.dialect import ReplyReader, ReplyWriter

AHEAD = 4
"""The hold grows when this part of it (a quarter) is left: one read may bring as much at once."""


@frozen
class Growth:
    """What a stream without a limit is watched with."""

    held: Tokens
    """Output that the hold pays for."""
    count: Callable[[str], Awaitable[Tokens]]
    grow: Callable[[Tokens], Awaitable[Tokens | None]] | None
    """Output held so far -> what is held now; it answers None where the budget has no more. Left out: the engine was told to end
    `MARGIN` before the hold, and only one that does not is ended here."""


@frozen
class Drain:
    """How far a cloud stream is read on after its client left, for its usage; past either limit it is hung up on."""

    seconds: float
    tokens: Tokens
    count: Callable[[str], Awaitable[Tokens]]

    @property
    def limit(self) -> Growth:
        return Growth(Tokens(self.tokens + MARGIN), self.count, None)


class Gauge:
    def __init__(self, growth: Growth) -> None:
        self._growth = growth
        self._uncounted: list[Event] = []
        self._held = int(growth.held)
        self._counted = 0
        self._told = 0
        self._pending = 0
        self._bytes = 0
        self._largest = 0
        """Bytes of the largest read so far."""

    @property
    def _left(self) -> int:
        """Tokens until something has to be done."""
        kept = MARGIN if self._growth.grow is None else max(MARGIN, self._held // AHEAD)
        return self._held - kept - max(self._counted, self._told)

    def due(self, size: int, told: Usage | None) -> bool:
        """Whether, with this many bytes more, the text must be counted. `told`: usage that the engine has told so far."""
        self._pending += size
        self._bytes += size
        self._largest = max(self._largest, size)
        if told is not None:
            self._told = told.produced
        return self._pending >= self._left * 2

    async def goes_on(self, size: int, events: Iterable[Event], told: Usage | None) -> bool:
        """`size`: of the bytes that these events came in. False: no more may come."""
        self._uncounted += events
        if not self.due(size, told):
            return True
        events, self._uncounted = self._uncounted, []
        return await self.holds(events)

    async def holds(self, events: Iterable[Event]) -> bool:
        """Counts; False: no more may come."""
        self._counted += int(await self._growth.count("".join(map(said, events))))
        self._pending = 0
        while self._growth.grow is not None and self._left <= 0:
            grown = await self._growth.grow(Tokens(self._held))
            if grown is None:
                return max(self._counted, self._told) + max(MARGIN, self._one_read()) < self._held
            self._held = int(grown)
        return self._left >= 0

    def _one_read(self) -> int:
        """Tokens that the next read may bring, by what the others brought."""
        return self._counted * self._largest // self._bytes if self._bytes else 0


class FastGauge:
    """The same where bytes pass through unread: they are read only when the gauge is due.

    `writer` is fed all that was read, so that it can end the stream in the client's dialect wherever it stands; None: nobody is left
    to tell.
    """

    def __init__(self, growth: Growth, reader: ReplyReader, writer: ReplyWriter | None) -> None:
        self._gauge = Gauge(growth)
        self._reader, self._writer = reader, writer
        self._unread: list[bytes] = []

    async def goes_on(self, chunk: bytes, told: Usage | None) -> bool:
        self._unread.append(chunk)
        if not self._gauge.due(len(chunk), told):
            return True
        events = self._reader.feed(b"".join(self._unread))
        self._unread.clear()
        if self._writer is not None:
            for event in events:
                self._writer.write(event)
        return await self._gauge.holds(events)


_TEXTS = (TextDelta, ThinkingDelta, RefusalDelta)


def said(event: Event) -> str:
    """What of this event is billed as output."""
    if isinstance(event, _TEXTS):
        return event.text
    if isinstance(event, ToolArguments):
        return event.fragment
    return event.name if isinstance(event, ToolBegan) else ""
