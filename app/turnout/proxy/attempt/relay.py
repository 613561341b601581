"""An engine's answer on its way to the client, through one of two lanes.

Fast: the engine speaks the client's dialect, so bytes pass through and usage is sniffed. Translated: events between two
dialects, or between a local model's text and the tool calls that it means.
"""

from collections.abc import Iterable, Sequence

from turnout.calls.reply import Ended, Event, Failed, ToolBegan, UsageSeen
from turnout.calls.request import ServerTool, Tool
from turnout.calls.units import PROMPT_LIKE, Dialect
from turnout.engines.engine import Engine, Reply
from turnout.engines.headers import downstream
from turnout.engines.ratelimits import translated
from turnout.errors import BadRequestError, EngineStatusError, UpstreamError
from turnout.proxy.attempt.clock import GoneError, Limits
from turnout.proxy.attempt.growth import Drain, FastGauge, Gauge, Growth, said
from turnout.proxy.attempt.mending import Lens, Mender
from turnout.proxy.attempt.outgoing import Outgoing
from turnout.proxy.attempt.teller import Teller
from turnout.proxy.door.answer import Headers
from turnout.proxy.exchange import Exchange, Seen
from turnout.routing.plan import Step
from turnout.wire import fields
from turnout.wire.codec import codec
from turnout.wire.dialect import Codec, ReplyReader, ReplyWriter
from turnout.wire.json_array import WholeElements
from turnout.wire.offered import Offered
from turnout.wire.repair import ToolRepair
from turnout.wire.sniff import Sniffer, ending, sniffer
from turnout.wire.splice import UsageStrip, WholeLines

WHOLE_LIMIT = 64_000_000
"""Bytes of one unstreamed answer."""
RAW_KEPT = 1_000_000
"""Bytes of a fast-lane stream kept to count output from, when no usage comes."""
STREAM_LIMIT = 256_000_000
"""Bytes of one stream: an endless one ends here (T18)."""
_REFUSALS = {"rate_limit_error": 429, "RESOURCE_EXHAUSTED": 429, "UNAVAILABLE": 503, "overloaded_error": 529}
"""Error types that say the same as a status with which nothing was begun, and nothing billed."""


class Relay:
    """What is of note in the answer goes into the teller's `seen`, also when it breaks off."""

    smell: Sniffer | None = None
    """Of a stream in the fast lane."""

    def __init__(self, teller: Teller, step: Step, engine: Engine, drain: Drain, growth: Growth | None) -> None:
        self._teller, self._step, self._engine = teller, step, engine
        self._exchange: Exchange = teller.exchange
        self._seen: Seen = teller.seen
        self._drain, self._growth = drain, growth

    async def run(self, outgoing: Outgoing, reply: Reply, limits: Limits) -> None:
        kind = dict(reply.headers).get(b"content-type", b"").lower()
        self._teller.headers = relayed(self._exchange, outgoing, reply, self._teller.now_s)
        if not self._exchange.stream and kind.partition(b";")[0] == b"application/json":
            await self._whole(outgoing, reply, kind)
            return
        streamed = b"event-stream" in kind or b"ndjson" in kind or (self._array(outgoing) and b"json" in kind)
        if b"text/html" in kind:
            body = await reply.whole(WHOLE_LIMIT)
            raise UpstreamError(
                f"{self._engine.provider.name} answered with a web page ({len(body)} bytes of HTML), not with a model's answer.",
                hint="Check this provider's base_url in turnout.toml; something else may be listening there.",
            )
        if self._exchange.stream and streamed:
            anew = outgoing.dialect is Dialect.OPENAI_RESPONSES and self._may_write_calls()
            # An engine that answers with SSE where an array was asked for.
            anew = anew or (self._exchange.array and b"json" not in kind)
            if outgoing.fast and not anew:
                await self._stream_fast(outgoing, reply, limits)
            else:
                await self._stream_translated(outgoing, reply, limits)
        elif self._exchange.stream and not (outgoing.fast and self._exchange.native and b"json" in kind):
            await self._whole_to_stream(outgoing, reply)
        elif streamed and not self._array(outgoing):
            await self._stream_to_whole(outgoing, reply, limits)
        else:
            # To an Ollama client one object is a stream of one line (what loading a model is answered with).
            await self._whole(outgoing, reply, kind if b"json" in kind else b"application/json")

    def _array(self, outgoing: Outgoing) -> bool:
        return self._exchange.array and outgoing.fast

    async def _stream_fast(self, outgoing: Outgoing, reply: Reply, limits: Limits) -> None:
        answer, seen = self._exchange.answer, self._seen
        strip = UsageStrip() if outgoing.strip_usage else None
        smell = self.smell = sniffer(outgoing.dialect, array=self._exchange.array)
        mender = self._mender(outgoing)
        gauge = self._fast_gauge(outgoing)
        drained: FastGauge | None = None
        cut = False
        lines = WholeElements() if self._exchange.array else WholeLines()
        self._teller.lines = lines
        raw, keeps, begun, size = seen.raw, True, False, 0
        scrubbed, beat = self._engine.scrubbed, limits.beat
        try:
            async for came in reply:
                chunk = scrubbed(came)
                beat()
                size += len(chunk)
                seen.size = size
                smell.feed(chunk)
                if keeps:
                    raw.append(chunk)
                    seen.raw_size = size
                    keeps = size < RAW_KEPT
                if not begun:
                    self._refused_late(smell, chunk)
                    await self._teller.begin()
                    begun = True
                out = chunk if strip is None else strip.feed(chunk)
                if mender is not None:
                    out = mender.feed(out)
                out = lines.feed(out)
                if out:
                    await answer.write(out)
                if gauge is not None and not smell.ended and not await gauge.goes_on(chunk, smell.usage):
                    cut = True
                    break
                if answer.gone and not smell.ended:
                    drained = drained or self._fast_drain(outgoing)
                    if drained is None or not await drained.goes_on(chunk, None):
                        raise GoneError
                if size > STREAM_LIMIT:
                    raise UpstreamError(f"{self._engine.provider.name}'s stream passed {STREAM_LIMIT // 1_000_000} MB.")
        finally:
            smell.finish()
            self._sniffed(smell)
        if cut:
            await self._teller.end_short()
            return
        tail = strip.end() if strip is not None else b""
        if mender is not None:
            tail = mender.end(tail)
        if not smell.ended and smell.failed is None:
            await self._teller.begin()
            raise UpstreamError(
                f"{self._engine.provider.name} cut the stream before its end.", hint="Send the request again."
            )
        await self._teller.begin()
        closing = b"" if mender is not None and mender.rewriting else smell.closing()
        await answer.finish(lines.held + tail + closing)

    def _refused_late(self, smell: Sniffer, first: bytes) -> None:
        """Raises where a stream is nothing but a refusal that would have been a status a moment before (Anthropic's overloaded_error): the
        client has heard nothing, so another engine may still serve."""
        if smell.failed is not None and smell.usage is None and first.count(b"data:") == 1:
            failure = self._failure(smell.failed)
            if isinstance(failure, EngineStatusError):
                raise failure

    def _failure(self, failed: Failed) -> UpstreamError:
        """Before anything was told: a refusal where the engine says that it did not begin, else a break."""
        message, status = f"{self._engine.provider.name}: {failed.message}", _REFUSALS.get(failed.kind, failed.status)
        if status in _REFUSALS.values() and self._seen.reported is None and not self._seen.text:
            return EngineStatusError(message, answer_status=status)
        return UpstreamError(message)

    def _fast_gauge(self, outgoing: Outgoing) -> FastGauge | None:
        if self._growth is None:
            return None
        return FastGauge(self._growth, codec(outgoing.dialect).reply_reader(), self._teller.writer())

    def _fast_drain(self, outgoing: Outgoing) -> FastGauge | None:
        """Counts from here on; None: of a stream whose beginning is not kept nothing could be read."""
        if self._seen.raw_size < self._seen.size:
            return None
        reader = codec(outgoing.dialect).reply_reader()
        reader.feed(b"".join(self._seen.raw[:-1]))
        return FastGauge(self._drain.limit, reader, None)

    def _may_write_calls(self) -> bool:
        """Tool calls written as text are only a local model's fault, and only where the client offered tools.

        A stream of /responses is then written anew from its start: its items have ids, which no writer can take up half-way.
        """
        return self._step.candidate.sovereign and bool(self._exchange.call.outline.tool_names)

    def _mender(self, outgoing: Outgoing) -> Mender | None:
        if (
            not self._may_write_calls()
            or outgoing.dialect in PROMPT_LIKE
            or self._exchange.array
        ):
            return None
        out = self._exchange.codec
        return Mender(
            out.reply_reader(),
            out.reply_writer(self._teller.context()),
            ToolRepair(self._tools, self._exchange.call.id),
            framed=out.stream_type == "text/event-stream",
        )

    def _sniffed(self, smell: Sniffer) -> None:
        seen = self._seen
        seen.reported = smell.usage
        seen.ended = smell.ended
        seen.failed = smell.failed
        seen.busy_s, seen.queue_s = smell.busy_s, smell.queue_s
        seen.service = smell.service
        if smell.failed is not None:
            seen.status = "broken"
            seen.error = smell.failed.message

    async def _stream_translated(self, outgoing: Outgoing, reply: Reply, limits: Limits) -> None:
        answer = self._exchange.answer
        reader = codec(outgoing.dialect).reply_reader()
        writer = self._teller.writer()
        lens = self._lens(outgoing)
        gauge = Gauge(self._growth) if self._growth is not None else None
        drained: Gauge | None = None
        size = 0
        async for came in reply:
            chunk = self._engine.scrubbed(came)
            limits.beat()
            size += len(chunk)
            events = reader.feed(chunk)
            out = self._turn(events, writer, lens)
            if out:
                await self._teller.begin()
                await answer.write(out)
            if (
                gauge is not None
                and not self._seen.ended
                and not await gauge.goes_on(len(chunk), events, self._seen.reported)
            ):
                await self._teller.end_short()
                return
            if answer.gone and not self._seen.ended:
                drained = drained or Gauge(self._drain.limit)
                if not await drained.goes_on(len(chunk), events, None):
                    raise GoneError
            if size > STREAM_LIMIT:
                raise UpstreamError(f"{self._engine.provider.name}'s stream passed {STREAM_LIMIT // 1_000_000} MB.")
        out = self._turn(reader.end(), writer, lens, last=True)
        if self._seen.failed is not None and not answer.produced:
            raise self._failure(self._seen.failed)
        await self._teller.begin()
        await answer.write(out)
        await answer.finish()

    def _lens(self, outgoing: Outgoing) -> Lens:
        """What an answer goes through between two dialects, or between a model's text and the calls that it means."""
        return Lens(
            ToolRepair(self._tools, self._exchange.call.id) if self._may_write_calls() else None,
            None if outgoing.fast else Offered(self._tools()),
        )

    def _tools(self) -> Sequence[Tool | ServerTool]:
        """Empty where the request is one that only its own engine can read."""
        try:
            return self._exchange.request().tools
        except BadRequestError:
            return ()

    def _turn(self, events: Iterable[Event], writer: ReplyWriter, lens: Lens, *, last: bool = False) -> bytes:
        events = lens.seen(events, last=last)
        parts: list[bytes] = []
        for event in events:
            self._note(event)
            if isinstance(event, Failed) and not self._exchange.answer.produced and not any(parts):
                # Nothing was told yet: the pipeline may still try another engine.
                continue
            parts.append(writer.write(event))
        return b"".join(parts)

    def _note(self, event: Event) -> None:
        seen = self._seen
        if isinstance(event, UsageSeen):
            seen.reported = event.usage
            seen.busy_s, seen.queue_s = event.busy_s, event.queue_s
            seen.service = event.service or seen.service
        elif isinstance(event, Ended):
            seen.ended = True
            seen.service = seen.service or event.service_tier
        elif isinstance(event, Failed):
            seen.failed, seen.status, seen.error = event, "broken", event.message
        elif text := said(event):
            seen.text.append(text)

    async def _whole_to_stream(self, outgoing: Outgoing, reply: Reply) -> None:
        """Plain JSON to a streaming client breaks eight of ten clients, so it is told as a stream."""
        events = self._read_events(codec(outgoing.dialect), self._engine.scrubbed(await reply.whole(WHOLE_LIMIT)))
        writer = self._teller.writer()
        out = self._turn(events, writer, self._lens(outgoing), last=True)
        if self._seen.failed is not None:
            raise self._failure(self._seen.failed)
        await self._teller.begin()
        await self._exchange.answer.write(out)
        await self._exchange.answer.finish()

    async def _stream_to_whole(self, outgoing: Outgoing, reply: Reply, limits: Limits) -> None:
        reader: ReplyReader = codec(outgoing.dialect).reply_reader()
        events: list[Event] = []
        size = 0
        async for came in reply:
            chunk = self._engine.scrubbed(came)
            limits.beat()
            size += len(chunk)
            if size > WHOLE_LIMIT:
                raise UpstreamError(
                    f"{self._engine.provider.name}'s answer is larger than {WHOLE_LIMIT // 1_000_000} MB."
                )
            events += reader.feed(chunk)
        events += reader.end()
        await self._tell_whole(outgoing, events)

    async def _whole(self, outgoing: Outgoing, reply: Reply, kind: bytes) -> None:
        body = self._engine.scrubbed(await reply.whole(WHOLE_LIMIT))
        if outgoing.fast and not (self._may_write_calls() and self._mends(outgoing, body)):
            try:
                doc = fields.event_json(body)
            except ValueError as error:
                raise UpstreamError(
                    f"{self._engine.provider.name} answered with something that is not JSON ({len(body)} bytes)."
                ) from error
            for event in ending(outgoing.dialect, doc):
                self._note(event)
            if self._seen.failed is not None:
                raise self._failure(self._seen.failed)
            self._seen.raw, self._seen.raw_size = [body], len(body)
            self._teller.note_first_byte()
            self._teller.hold_back(kind, body)
            return
        await self._tell_whole(outgoing, self._read_events(codec(outgoing.dialect), body))

    def _mends(self, outgoing: Outgoing, body: bytes) -> bool:
        """Whether a local model's whole answer holds a tool call written as text."""
        if self._mender(outgoing) is None:
            return False
        events = self._read_events(codec(outgoing.dialect), body)
        return any(isinstance(event, ToolBegan) for event in self._lens(outgoing).seen(events, last=True)) and not any(
            isinstance(event, ToolBegan) for event in events
        )

    def _read_events(self, dialect: Codec, body: bytes) -> list[Event]:
        try:
            return dialect.read_reply(fields.load_reply(body))
        except BadRequestError as error:
            raise UpstreamError(
                f"{self._engine.provider.name} answered with something that is not its own dialect: {error.message}"
            ) from error

    async def _tell_whole(self, outgoing: Outgoing, events: list[Event]) -> None:
        events = self._lens(outgoing).seen(events, last=True)
        for event in events:
            self._note(event)
        if self._seen.failed is not None:
            raise self._failure(self._seen.failed)
        self._teller.note_first_byte()
        if self._exchange.heard is not self._seen.dialect:
            self._exchange.request()
        body = self._exchange.codec.write_reply(events, self._teller.context())
        self._teller.hold_back(b"application/json", body)


def relayed(exchange: Exchange, outgoing: Outgoing, reply: Reply, now_s: int) -> Headers:
    """The engine's headers that the client is told, in the words of its own vendor."""
    told = downstream(reply.headers)
    return told if outgoing.fast else [*told, *translated(told, exchange.heard.family, now_s)]
