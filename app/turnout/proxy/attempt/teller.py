"""What the client is told of one attempt: its headers once, a sign of life while it waits, an end whatever happens.

A stream's 200 goes out with the first output, or after 10 s without any; what fails later is told inside it.
"""

import asyncio
from time import monotonic

from turnout.calls.reply import Ended, Failed, StopReason
from turnout.errors import EngineStatusError, TurnoutError
from turnout.proxy.attempt.clock import Deadlines, Limits
from turnout.proxy.door.answer import Headers, header_value
from turnout.proxy.exchange import Exchange, Seen
from turnout.wire.dialect import ReplyContext, ReplyWriter
from turnout.wire.json_array import WholeElements
from turnout.wire.splice import WholeLines

EARLY_S = 10.0
"""After this long without engine headers a stream gets its 200 and keep-alives."""


class Teller:
    """`model` and `now_s` (Unix seconds) are what an answer of ours says of itself."""

    limits: Limits | None = None
    lines: WholeLines | WholeElements | None = None
    """Set where the engine's own bytes go out: they must end at a line before anything of ours."""
    whole: tuple[bytes, bytes] | None = None
    """Type and body of an answer in one piece."""
    _early_at = 0.0
    """When the 200 is due if nothing came before; 0: nobody waits for that."""
    _pinger: asyncio.Task[None] | None = None
    _writer: ReplyWriter | None = None

    def __init__(self, exchange: Exchange, seen: Seen, model: str, now_s: int, deadlines: Deadlines) -> None:
        self.exchange, self.seen, self._deadlines = exchange, seen, deadlines
        self._model, self.now_s = model, now_s
        self.headers: Headers = []
        """Of the engine's answer, those that are relayed."""

    async def begin(self) -> None:
        """The status line of a stream; nothing when it went out early."""
        self.note_first_byte()
        self.stop_early()
        if not self.exchange.answer.started:
            await self.exchange.answer.start(200, self._stream_headers())

    def _stream_headers(self) -> Headers:
        kind = "application/json" if self.exchange.array else self.exchange.codec.stream_type
        return [
            (b"content-type", kind.encode()),
            (b"cache-control", b"no-cache"),
            *self.headers,
            *self.exchange.plan_headers(),
            *self.dropped_header(),
        ]

    def dropped_header(self) -> Headers:
        dropped = self.seen.dropped
        return [(b"x-turnout-dropped", header_value(", ".join(dropped)))] if dropped else []

    def note_first_byte(self) -> None:
        if self.seen.first_byte_ms is None and self.limits is not None:
            self.seen.first_byte_ms = round(self.limits.elapsed_s() * 1000)

    async def end_short(self) -> None:
        """The budget pays for no more: the stream ends as at any limit, and the engine is hung up on."""
        if self.lines is not None:
            framed = self.exchange.codec.stream_type == "text/event-stream"
            await self.exchange.answer.write(self.lines.broken(framed=framed))
        last = self.writer().write(Ended(StopReason.LENGTH))
        await self.exchange.answer.finish(_following(last) if self._follows() else last)

    def writer(self) -> ReplyWriter:
        if self._writer is None:
            if self.exchange.heard is not self.seen.dialect:
                self.exchange.request()
            self._writer = self.exchange.codec.reply_writer(self.context())
        return self._writer

    def context(self) -> ReplyContext:
        return self.exchange.reply_context(self.now_s, self._model)

    def hold_back(self, kind: bytes, body: bytes) -> None:
        """A whole answer waits here until its cost is known: the pipeline adds the headers and sends it."""
        self.whole = (kind, body)

    # --- early 200, keep-alives, failures inside a stream ---

    def arm_early(self) -> None:
        """For a stream: the engine may send its own headers at once and think for a minute: the clock runs until there is output."""
        if self._early_at or self._pinger is not None:
            return
        if self.exchange.answer.started:
            self.end()
        else:
            self._early_at = monotonic() + EARLY_S
            self._deadlines.watch(self, self._early_at)

    def deadline(self) -> float:
        return self._early_at

    def end(self) -> None:
        """Of waiting in silence."""
        self._pinger = asyncio.get_running_loop().create_task(self._ping())

    async def _ping(self) -> None:
        """Gemini CLI gives up after 60 s without headers; the others keep waiting but like to hear a sign of life."""
        answer, writer = self.exchange.answer, self.writer()
        await answer.start(200, self._stream_headers())
        while True:
            await answer.keep_alive(writer.ping())
            await asyncio.sleep(EARLY_S)

    def stop_early(self) -> None:
        if self._early_at:
            self._deadlines.drop(self)
            self._early_at = 0.0
        if self._pinger is not None:
            self._pinger.cancel()
            self._pinger = None

    async def fail_inside(self, error: TurnoutError) -> None:
        if self.lines is not None:
            await self.exchange.answer.write(
                self.lines.broken(framed=self.exchange.codec.stream_type == "text/event-stream")
            )
        await tell_failure(self.exchange, self.writer(), error, follows=self._follows())

    def _follows(self) -> bool:
        """Elements of the engine's own array went out, which our writer knows nothing of."""
        return isinstance(self.lines, WholeElements) and self.lines.told


async def tell_failure(exchange: Exchange, writer: ReplyWriter, error: TurnoutError, *, follows: bool = False) -> None:
    """The 200 is out: the failure becomes the dialect's own error event, and the stream is closed. `follows`: an array's elements."""
    status = error.answer_status if isinstance(error, EngineStatusError) else error.status
    told = writer.write(Failed(error.said, status=status))
    await exchange.answer.write(_following(told) if follows else told)
    await exchange.answer.finish()


def _following(element: bytes) -> bytes:
    """A writer's first element of an array as one that comes after others: in place of its bracket or comma."""
    return b",\r\n" + element[1:]
