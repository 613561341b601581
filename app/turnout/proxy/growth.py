"""How much a stream without a limit has put out: its hold grows before output passes it, or the stream ends with `length`.

Counting every piece would cost more than the rest of a call, so the text is counted only when so many bytes came that the hold
may be near: no model writes more than a token for two bytes.
"""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from turnout.calls.reply import Event, RefusalDelta, TextDelta, ThinkingDelta, ToolArguments, ToolBegan
from turnout.calls.units import Tokens
from turnout.wire.dialect import ReplyReader, ReplyWriter

MARGIN = 512
"""Tokens under the hold at which more is asked for: what is on its way meanwhile, and what two tokenizers differ by."""


@dataclass(frozen=True, slots=True)
class Growth:
    """What a stream without a limit is watched with."""

    held: Tokens
    """Output that the hold pays for."""
    count: Callable[[str], Tokens]
    grow: Callable[[Tokens], Awaitable[Tokens | None]]
    """Output held so far -> what is held now; None: the budget has no more."""


class Gauge:
    def __init__(self, growth: Growth) -> None:
        self._growth = growth
        self._held = int(growth.held)
        self._counted = 0
        self._pending = 0

    def due(self, size: int) -> bool:
        """Whether, with this many bytes more, the text must be counted."""
        self._pending += size
        return self._pending >= (self._held - self._counted - MARGIN) * 2

    async def goes_on(self, events: Iterable[Event]) -> bool:
        """Counts; False: no more may come."""
        self._counted += int(self._growth.count("".join(map(said, events))))
        self._pending = 0
        while self._counted + MARGIN >= self._held:
            grown = await self._growth.grow(Tokens(self._held))
            if grown is None:
                return False
            self._held = int(grown)
        return True


class FastGauge:
    """The same where bytes pass through unread: they are read only when the gauge is due.

    `writer` is fed all that was read, so that it can end the stream in the client's dialect wherever it stands.
    """

    def __init__(self, growth: Growth, reader: ReplyReader, writer: ReplyWriter) -> None:
        self._gauge = Gauge(growth)
        self._reader, self._writer = reader, writer
        self._unread: list[bytes] = []

    async def goes_on(self, chunk: bytes) -> bool:
        self._unread.append(chunk)
        if not self._gauge.due(len(chunk)):
            return True
        events = self._reader.feed(b"".join(self._unread))
        self._unread.clear()
        for event in events:
            self._writer.write(event)
        return await self._gauge.goes_on(events)


def said(event: Event) -> str:
    """What of this event is billed as output."""
    if isinstance(event, TextDelta | ThinkingDelta | RefusalDelta):
        return event.text
    if isinstance(event, ToolArguments):
        return event.fragment
    return event.name if isinstance(event, ToolBegan) else ""
