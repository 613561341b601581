"""One attempt at one engine: body out, answer back to the client, everything of note left in `Seen`.

Two lanes through the same attempt. Fast: the engine speaks the client's dialect, so bytes pass through, only the model's
name is patched and usage is sniffed. Translated: events between two dialects. What goes wrong before the first output byte
is raised (the pipeline may try the next step); after it, it is told inside the stream.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, replace

from turnout.calls.reply import Began, Ended, Event, Failed, StopReason, ToolBegan, UsageSeen
from turnout.calls.request import ServerTool, Tool
from turnout.calls.units import Dialect, Family
from turnout.engines.engine import Engine, Reply, read_whole, said_in_error, status_error
from turnout.engines.headers import downstream
from turnout.engines.ratelimits import translated
from turnout.errors import (
    BadRequestError,
    EngineStatusError,
    EngineTimeoutError,
    EngineUnreachableError,
    KeysError,
    NoEngineError,
    TurnoutError,
    UpstreamError,
)
from turnout.proxy.answer import Headers, header_value
from turnout.proxy.clock import GoneError, Limits
from turnout.proxy.exchange import Exchange, Seen
from turnout.proxy.growth import Drain, FastGauge, Gauge, Growth, said
from turnout.proxy.mending import Lens, Mender
from turnout.proxy.outgoing import Outgoing, prepare
from turnout.routing.plan import Step
from turnout.wire import fields
from turnout.wire.codec import codec
from turnout.wire.dialect import Codec, ReplyReader, ReplyWriter, Target
from turnout.wire.json_array import WholeElements
from turnout.wire.offered import Offered
from turnout.wire.ollama.answer import load_reply
from turnout.wire.repair import ToolRepair
from turnout.wire.sniff import Sniffer, sniff_whole, sniffer
from turnout.wire.splice import UsageStrip, WholeLines

WHOLE_LIMIT = 64_000_000
"""Bytes of one unstreamed answer."""
RAW_KEPT = 1_000_000
"""Bytes of a fast-lane stream kept to count output from, when no usage comes."""
STREAM_LIMIT = 256_000_000
"""Bytes of one stream: an endless one ends here (T18)."""
EARLY_S = 10.0
"""After this long without engine headers a stream gets its 200 and keep-alives."""
FALLS_THROUGH = frozenset({401, 403, 404, 429, 503, 529})
_PROBES_RESPONSES = frozenset({404, 405, 501})


class StoppedError(TurnoutError):
    """The proxy ends while the call runs; only a stop cancels one."""

    status = 503
    code = "turnout_stopped"

    def __init__(self) -> None:
        super().__init__("Turnout was stopped during this call.", hint="Send the request again when it runs.")


class Attempt:
    """Carries one step out; `seen` is valid whatever way it ends."""

    def __init__(
        self,
        exchange: Exchange,
        step: Step,
        engine: Engine,
        target: Target,
        *,
        drain: Drain,
        now_s: int,
        growth: Growth | None = None,
    ) -> None:
        self.exchange = exchange
        self.step = step
        self.engine = engine
        self.target = target
        self.seen = Seen()
        self._drain = replace(drain, seconds=0.0) if step.candidate.sovereign else drain
        self._now_s = now_s
        self._growth = growth
        self._smell: Sniffer | None = None
        self._left_early = False
        self._limits: Limits | None = None
        self._early: asyncio.TimerHandle | None = None
        self._pinger: asyncio.Task[None] | None = None
        self._headers: Headers = []
        self._writer: ReplyWriter | None = None
        self._lines: WholeLines | WholeElements | None = None

    async def run(self) -> None:
        """Raises TurnoutError only when nothing was produced; GoneError never."""
        provider, answer = self.engine.provider, self.exchange.answer
        limits = Limits(
            first_byte_s=provider.first_byte_s, idle_s=provider.idle_s, total_s=provider.total_s, who=provider.name
        )
        self._limits = limits
        try:
            async with limits:
                answer.on_gone(self._client_left)
                await self._exchange(limits)
        except GoneError:
            self.seen.status = "aborted"
        except asyncio.CancelledError:
            self.seen.status = "aborted"
            if answer.produced and not answer.gone:
                await self._fail_inside(StoppedError())
            raise
        except UpstreamError as error:
            error.message = self.engine.scrubbed(error.message.encode()).decode()
            self.seen.status = _status_of(error)
            self.seen.error = error.message
            if answer.gone:
                self.seen.status = "aborted"
            elif answer.produced:
                await self._fail_inside(error)
            else:
                raise
        except TurnoutError as error:  # no key: nothing left the house
            self.seen.status, self.seen.error = "refused", error.message
            raise
        finally:
            answer.on_gone(None)
            self._stop_early()
        if answer.gone and self.seen.status == "ok" and (self._left_early or not self.seen.ended):
            self.seen.status = "aborted"

    def _client_left(self) -> None:
        """Many clients hang up after the last event, which is no abort; before it, it is one, also when the rest is heard out."""
        self._left_early = not (self._smell.ended if self._smell is not None else self.seen.ended)
        if self._limits is not None:
            self._limits.client_gone(self._drain.seconds)

    async def _exchange(self, limits: Limits) -> None:
        if self.exchange.only_loads and self.engine.family is not Family.OLLAMA:
            self._loaded()
            return
        while True:
            outgoing = prepare(self.exchange, self.step, self.engine, self.target)
            self.seen.dialect = outgoing.dialect
            self.seen.dropped = outgoing.written.dropped
            self._arm_early()
            self.seen.sent = True
            try:
                reply = await self.engine.send(
                    outgoing.dialect,
                    outgoing.body,
                    client=self.exchange.headers,
                    same_dialect=outgoing.fast,
                    stream=self.exchange.stream,
                    hop=self.exchange.hop,
                    query=self.exchange.query if outgoing.fast else "",
                    path=outgoing.written.path,
                    dialect_headers=outgoing.written.headers,
                )
            except (EngineUnreachableError, KeysError):
                # Any other failure may have come after the engine read the request, and began to bill.
                self.seen.sent = False
                raise
            try:
                limits.beat()
                if reply.status in _PROBES_RESPONSES and outgoing.dialect is Dialect.OPENAI_RESPONSES:
                    body = await read_whole(reply, WHOLE_LIMIT)
                    if b"model" not in body.lower() and self.engine.lacks_responses(reply.status):
                        continue
                    self._refused(outgoing, reply, body)
                if reply.status >= 300:
                    self._refused(outgoing, reply, await read_whole(reply, WHOLE_LIMIT))
                if outgoing.dialect is Dialect.OPENAI_RESPONSES and self.engine.unproven:
                    proved = await self._proved(reply)
                    if proved is None:
                        self.engine.has_no_responses()
                        continue
                    self.engine.has_responses()
                    await self._relay(outgoing, proved, limits)
                    return
                await self._relay(outgoing, reply, limits)
                return
            finally:
                await reply.aclose()

    def _loaded(self) -> None:
        """An Ollama client warms a model up, or lets it go, with an empty request; a cloud has nothing to load."""
        self.seen.ended = True
        self._note_first_byte()
        doc = self.exchange.doc
        kept = isinstance(doc, dict) and doc.get("keep_alive") in (0, "0", "0s", "0m")
        chat = self.exchange.heard is Dialect.OLLAMA_CHAT
        self.whole = (
            b"application/json; charset=utf-8",
            load_reply(self._model(), self._now_s, chat=chat, unload=kept),
        )

    async def _proved(self, reply: Reply) -> Reply | None:
        """The first answer of a provider that was only tried for /responses; None: it is none.

        A catch-all server answers any path with a 200 of its own; asked as /chat/completions it may well do.
        """
        kind = next((value for name, value in reply.headers if name.lower() == b"content-type"), b"").lower()
        if b"event-stream" in kind:
            return reply
        body = await read_whole(reply, WHOLE_LIMIT)
        return Replayed(reply.status, reply.headers, body) if b'"output"' in body else None

    # --- what the engine refused ---

    def _refused(self, outgoing: Outgoing, reply: Reply, body: bytes) -> None:
        """Always raises. A redirect is never followed: it would carry the key to wherever it points (T11)."""
        self.seen.status = f"status_{reply.status}"
        body = self.engine.scrubbed(body)
        name = self.engine.provider.name
        if 300 <= reply.status < 400:
            raise UpstreamError(
                f"{name} answered with a redirect ({reply.status}), which Turnout never follows.",
                hint="Correct this provider's base_url in turnout.toml.",
            )
        try:
            message, kind = said_in_error(fields.load(body))
        except BadRequestError:
            message, kind = "", ""
        error = status_error(
            name, reply.status, message or f"answered with status {reply.status} and no readable error.", reply.headers
        )
        error.kind = kind
        error.headers = self._relayed(outgoing, reply)
        if outgoing.fast and message:
            error.raw = body
        raise error

    def _relayed(self, outgoing: Outgoing, reply: Reply) -> Headers:
        told = downstream(reply.headers)
        return told if outgoing.fast else [*told, *translated(told, self.exchange.heard.family, self._now_s)]

    # --- the answer ---

    async def _relay(self, outgoing: Outgoing, reply: Reply, limits: Limits) -> None:
        kind = next((value for name, value in reply.headers if name.lower() == b"content-type"), b"").lower()
        self._headers = self._relayed(outgoing, reply)
        streamed = b"event-stream" in kind or b"ndjson" in kind or (self._array(outgoing) and b"json" in kind)
        if b"text/html" in kind:
            body = await read_whole(reply, WHOLE_LIMIT)
            raise UpstreamError(
                f"{self.engine.provider.name} answered with a web page ({len(body)} bytes of HTML), not with a model's answer.",
                hint="Check this provider's base_url in turnout.toml; something else may be listening there.",
            )
        if self.exchange.stream and streamed:
            anew = outgoing.dialect is Dialect.OPENAI_RESPONSES and self._may_write_calls()
            # An engine that answers with SSE where an array was asked for.
            anew = anew or (self.exchange.array and b"json" not in kind)
            if outgoing.fast and not anew:
                await self._stream_fast(outgoing, reply, limits)
            else:
                await self._stream_translated(outgoing, reply, limits)
        elif self.exchange.stream and not (outgoing.fast and self.exchange.native and b"json" in kind):
            await self._whole_to_stream(outgoing, reply)
        elif streamed and not self._array(outgoing):
            await self._stream_to_whole(outgoing, reply, limits)
        else:
            # To an Ollama client one object is a stream of one line (what loading a model is answered with).
            await self._whole(outgoing, reply, kind if b"json" in kind else b"application/json")

    def _array(self, outgoing: Outgoing) -> bool:
        return self.exchange.array and outgoing.fast

    async def _begin(self) -> None:
        """The status line of a stream; nothing when it went out early."""
        self._note_first_byte()
        self._stop_early()
        if not self.exchange.answer.started:
            await self.exchange.answer.start(200, self._stream_headers())

    def _stream_headers(self) -> Headers:
        kind = "application/json" if self.exchange.array else self.exchange.codec.stream_type
        return [
            (b"content-type", kind.encode()),
            (b"cache-control", b"no-cache"),
            *self._headers,
            *self.exchange.route_headers,
            *self._dropped_header(),
        ]

    def _dropped_header(self) -> Headers:
        dropped = self.seen.dropped
        return [(b"x-turnout-dropped", header_value(", ".join(dropped)))] if dropped else []

    def _note_first_byte(self) -> None:
        if self.seen.first_byte_ms is None and self._limits is not None:
            self.seen.first_byte_ms = round(self._limits.elapsed_s() * 1000)

    async def _stream_fast(self, outgoing: Outgoing, reply: Reply, limits: Limits) -> None:
        answer, seen = self.exchange.answer, self.seen
        strip = UsageStrip() if outgoing.strip_usage else None
        smell = self._smell = sniffer(outgoing.dialect, array=self.exchange.array)
        mender = self._mender(outgoing)
        gauge = self._fast_gauge(outgoing)
        drained: FastGauge | None = None
        cut = False
        lines = WholeElements() if self.exchange.array else WholeLines()
        self._lines = lines
        size = 0
        try:
            async for came in reply:
                chunk = self.engine.scrubbed(came)
                limits.beat()
                size += len(chunk)
                seen.size = size
                seen.chunks += 1
                smell.feed(chunk)
                if seen.raw_size < RAW_KEPT:
                    seen.raw.append(chunk)
                    seen.raw_size += len(chunk)
                if not answer.started or seen.first_byte_ms is None:
                    await self._begin()
                out = chunk if strip is None else strip.feed(chunk)
                if mender is not None:
                    out = mender.feed(out)
                await answer.write(lines.feed(out))
                if gauge is not None and not smell.ended and not await gauge.goes_on(chunk, smell.usage):
                    cut = True
                    break
                if answer.gone and not smell.ended:
                    drained = drained or self._fast_drain(outgoing)
                    if drained is None or not await drained.goes_on(chunk, None):
                        raise GoneError
                if size > STREAM_LIMIT:
                    raise UpstreamError(f"{self.engine.provider.name}'s stream passed {STREAM_LIMIT // 1_000_000} MB.")
        finally:
            smell.finish()
            self._sniffed(smell)
        if cut:
            await self._end_short()
            return
        tail = strip.end() if strip is not None else b""
        if mender is not None:
            tail = mender.end(tail)
        if not smell.ended and smell.failed is None:
            await self._begin()
            raise UpstreamError(
                f"{self.engine.provider.name} cut the stream before its end.", hint="Send the request again."
            )
        await self._begin()
        closing = b"" if mender is not None and mender.rewriting else smell.closing()
        await answer.finish(lines.held + tail + closing)

    def _fast_gauge(self, outgoing: Outgoing) -> FastGauge | None:
        if self._growth is None:
            return None
        return FastGauge(self._growth, codec(outgoing.dialect).reply_reader(), self._made_writer())

    def _fast_drain(self, outgoing: Outgoing) -> FastGauge | None:
        """Counts from here on; None: of a stream whose beginning is not kept nothing could be read."""
        if self.seen.raw_size < self.seen.size:
            return None
        reader = codec(outgoing.dialect).reply_reader()
        reader.feed(b"".join(self.seen.raw[:-1]))
        return FastGauge(self._drain.limit, reader, None)

    async def _end_short(self) -> None:
        """The budget pays for no more: the stream ends as at any limit, and the engine is hung up on."""
        self.seen.stop = StopReason.LENGTH
        if self._lines is not None:
            framed = self.exchange.codec.stream_type == "text/event-stream"
            await self.exchange.answer.write(self._lines.broken(framed=framed))
        last = self._made_writer().write(Ended(StopReason.LENGTH))
        await self.exchange.answer.finish(_following(last) if self._follows() else last)

    def _may_write_calls(self) -> bool:
        """Tool calls written as text are only a local model's fault, and only where the client offered tools.

        A stream of /responses is then written anew from its start: its items have ids, which no writer can take up half-way.
        """
        return self.step.candidate.sovereign and bool(self.exchange.call.outline.tool_names)

    def _mender(self, outgoing: Outgoing) -> Mender | None:
        if (
            not self._may_write_calls()
            or outgoing.dialect in (Dialect.OPENAI_COMPLETIONS, Dialect.OLLAMA_GENERATE)
            or self.exchange.array
        ):
            return None
        out = self.exchange.codec
        return Mender(
            out.reply_reader(),
            out.reply_writer(self.exchange.reply_context(self._now_s, self._model())),
            ToolRepair(self._tools, self.exchange.call.id),
            framed=out.stream_type == "text/event-stream",
        )

    def _model(self) -> str:
        return self.step.candidate.model

    def _sniffed(self, smell: Sniffer) -> None:
        seen = self.seen
        seen.reported = smell.usage
        seen.ended = smell.ended
        seen.stop = smell.stop
        seen.failed = smell.failed
        seen.busy_s, seen.queue_s = smell.busy_s, smell.queue_s
        seen.service = smell.service
        seen.model = smell.model
        if smell.failed is not None:
            seen.status = "broken"
            seen.error = smell.failed.message

    async def _stream_translated(self, outgoing: Outgoing, reply: Reply, limits: Limits) -> None:
        answer = self.exchange.answer
        reader = codec(outgoing.dialect).reply_reader()
        writer = self._made_writer()
        lens = self._lens(outgoing)
        gauge = Gauge(self._growth) if self._growth is not None else None
        drained: Gauge | None = None
        size = 0
        async for came in reply:
            chunk = self.engine.scrubbed(came)
            limits.beat()
            size += len(chunk)
            self.seen.chunks += 1
            events = reader.feed(chunk)
            out = self._turn(events, writer, lens)
            if out:
                await self._begin()
                await answer.write(out)
            if (
                gauge is not None
                and not self.seen.ended
                and not await gauge.goes_on(len(chunk), events, self.seen.reported)
            ):
                await self._end_short()
                return
            if answer.gone and not self.seen.ended:
                drained = drained or Gauge(self._drain.limit)
                if not await drained.goes_on(len(chunk), events, None):
                    raise GoneError
            if size > STREAM_LIMIT:
                raise UpstreamError(f"{self.engine.provider.name}'s stream passed {STREAM_LIMIT // 1_000_000} MB.")
        out = self._turn(reader.end(), writer, lens, last=True)
        if self.seen.failed is not None and not answer.produced:
            raise UpstreamError(self.seen.failed.message)
        await self._begin()
        await answer.write(out)
        await answer.finish()

    def _lens(self, outgoing: Outgoing) -> Lens:
        """What an answer goes through between two dialects, or between a model's text and the calls that it means."""
        return Lens(
            ToolRepair(self._tools, self.exchange.call.id) if self._may_write_calls() else None,
            None if outgoing.fast else Offered(self._tools()),
        )

    def _tools(self) -> Sequence[Tool | ServerTool]:
        """Empty where the request is one that only its own engine can read."""
        try:
            return self.exchange.request().tools
        except BadRequestError:
            return ()

    def _turn(self, events: Iterable[Event], writer: ReplyWriter, lens: Lens, *, last: bool = False) -> bytes:
        events = lens.seen(events, last=last)
        parts: list[bytes] = []
        for event in events:
            self._note(event)
            if isinstance(event, Failed) and not self.exchange.answer.produced and not any(parts):
                # Nothing was told yet: the pipeline may still try another engine.
                continue
            parts.append(writer.write(event))
        return b"".join(parts)

    def _note(self, event: Event) -> None:
        seen = self.seen
        if text := said(event):
            seen.text.append(text)
        elif isinstance(event, UsageSeen):
            seen.reported = event.usage
            seen.busy_s, seen.queue_s = event.busy_s, event.queue_s
            seen.service = event.service or seen.service
        elif isinstance(event, Began):
            seen.model = event.model
        elif isinstance(event, Ended):
            seen.ended, seen.stop = True, event.reason
            seen.service = seen.service or event.service_tier
        elif isinstance(event, Failed):
            seen.failed, seen.status, seen.error = event, "broken", event.message

    def _made_writer(self) -> ReplyWriter:
        if self._writer is None:
            if self.exchange.heard is not self.seen.dialect:
                self.exchange.request()
            self._writer = self.exchange.codec.reply_writer(self.exchange.reply_context(self._now_s, self._model()))
        return self._writer

    async def _whole_to_stream(self, outgoing: Outgoing, reply: Reply) -> None:
        """Plain JSON to a streaming client breaks eight of ten clients, so it is told as a stream."""
        events = self._read_events(codec(outgoing.dialect), self.engine.scrubbed(await read_whole(reply, WHOLE_LIMIT)))
        writer = self._made_writer()
        out = self._turn(events, writer, self._lens(outgoing), last=True)
        if self.seen.failed is not None:
            raise UpstreamError(self.seen.failed.message)
        await self._begin()
        await self.exchange.answer.write(out)
        await self.exchange.answer.finish()

    async def _stream_to_whole(self, outgoing: Outgoing, reply: Reply, limits: Limits) -> None:
        reader: ReplyReader = codec(outgoing.dialect).reply_reader()
        events: list[Event] = []
        size = 0
        async for came in reply:
            chunk = self.engine.scrubbed(came)
            limits.beat()
            size += len(chunk)
            if size > WHOLE_LIMIT:
                raise UpstreamError(
                    f"{self.engine.provider.name}'s answer is larger than {WHOLE_LIMIT // 1_000_000} MB."
                )
            events += reader.feed(chunk)
        events += reader.end()
        await self._tell_whole(outgoing, events)

    async def _whole(self, outgoing: Outgoing, reply: Reply, kind: bytes) -> None:
        body = self.engine.scrubbed(await read_whole(reply, WHOLE_LIMIT))
        if outgoing.fast and not self._mends(outgoing, body):
            try:
                doc = fields.load_reply(body)
            except BadRequestError as error:
                raise UpstreamError(
                    f"{self.engine.provider.name} answered with something that is not JSON ({len(body)} bytes)."
                ) from error
            self._sniffed(sniff_whole(outgoing.dialect, doc))
            if self.seen.failed is not None:
                raise UpstreamError(f"{self.engine.provider.name}: {self.seen.failed.message}")
            self.seen.raw, self.seen.raw_size = [body], len(body)
            self._note_first_byte()
            await self._tell(kind, body)
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
                f"{self.engine.provider.name} answered with something that is not its own dialect: {error.message}"
            ) from error

    async def _tell_whole(self, outgoing: Outgoing, events: list[Event]) -> None:
        events = self._lens(outgoing).seen(events, last=True)
        for event in events:
            self._note(event)
        if self.seen.failed is not None:
            raise UpstreamError(f"{self.engine.provider.name}: {self.seen.failed.message}")
        self._note_first_byte()
        if self.exchange.heard is not self.seen.dialect:
            self.exchange.request()
        body = self.exchange.codec.write_reply(events, self.exchange.reply_context(self._now_s, self._model()))
        await self._tell(b"application/json", body)

    async def _tell(self, kind: bytes, body: bytes) -> None:
        """A whole answer waits here until its cost is known: the pipeline adds the headers and sends it."""
        self.whole = (kind, body)

    whole: tuple[bytes, bytes] | None = None

    def whole_headers(self) -> Headers:
        return [*self._headers, *self.exchange.route_headers, *self._dropped_header()]

    # --- early 200, keep-alives, failures inside a stream ---

    def _arm_early(self) -> None:
        """The engine may send its own headers at once and think for a minute: the clock runs until there is output."""
        if not self.exchange.stream or self._early is not None or self._pinger is not None:
            return
        if self.exchange.answer.started:
            self._start_pinging()
        else:
            self._early = asyncio.get_running_loop().call_later(EARLY_S, self._start_pinging)

    def _start_pinging(self) -> None:
        self._pinger = asyncio.get_running_loop().create_task(self._ping())

    async def _ping(self) -> None:
        """Gemini CLI gives up after 60 s without headers; the others keep waiting but like to hear a sign of life."""
        answer, writer = self.exchange.answer, self._made_writer()
        await answer.start(200, self._stream_headers())
        while True:
            await answer.keep_alive(writer.ping())
            await asyncio.sleep(EARLY_S)

    def _disarm_early(self) -> None:
        if self._early is not None:
            self._early.cancel()
            self._early = None

    def _stop_pinging(self) -> None:
        if self._pinger is not None:
            self._pinger.cancel()
            self._pinger = None

    def _stop_early(self) -> None:
        self._disarm_early()
        self._stop_pinging()

    async def _fail_inside(self, error: TurnoutError) -> None:
        if self._lines is not None:
            await self.exchange.answer.write(
                self._lines.broken(framed=self.exchange.codec.stream_type == "text/event-stream")
            )
        await tell_failure(self.exchange, self._made_writer(), error, follows=self._follows())

    def _follows(self) -> bool:
        """Elements of the engine's own array went out, which our writer knows nothing of."""
        return isinstance(self._lines, WholeElements) and self._lines.told


async def tell_failure(exchange: Exchange, writer: ReplyWriter, error: TurnoutError, *, follows: bool = False) -> None:
    """The 200 is out: the failure becomes the dialect's own error event, and the stream is closed. `follows`: an array's elements."""
    status = error.answer_status if isinstance(error, EngineStatusError) else error.status
    told = writer.write(Failed(error.said, status=status))
    await exchange.answer.write(_following(told) if follows else told)
    await exchange.answer.finish()


def _following(element: bytes) -> bytes:
    """A writer's first element of an array as one that comes after others: in place of its bracket or comma."""
    return b",\r\n" + element[1:]


def may_fall_back(error: TurnoutError, *, sovereign: bool) -> bool:
    """Before the first output byte only. Never on a 400 (it is wrong everywhere), never where a cloud may have billed."""
    if isinstance(error, EngineStatusError):
        return error.answer_status in FALLS_THROUGH
    if isinstance(error, EngineUnreachableError | NoEngineError | KeysError):
        return True
    return sovereign and isinstance(error, UpstreamError)


def _status_of(error: UpstreamError) -> str:
    if isinstance(error, EngineStatusError):
        return f"status_{error.answer_status}"
    if isinstance(error, EngineTimeoutError):
        return "timeout"
    return "unreachable" if error.code == "turnout_engine_unreachable" else "broken"


@dataclass(slots=True)
class Replayed:
    """An answer that was read already."""

    status: int
    headers: Headers
    body: bytes

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self.body

    async def aclose(self) -> None:
        """Nothing is open."""
