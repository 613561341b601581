"""One attempt at one engine: body out, answer back to the client, everything of note left in `Seen`.

What goes wrong before the first output byte is raised (the pipeline may try the next step); after it, it is told inside the
stream.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from turnout.calls.units import Dialect, Family
from turnout.engines.engine import Engine, Reply, said_in_error, status_error
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
from turnout.proxy.attempt.clock import Deadlines, GoneError, Limits
from turnout.proxy.attempt.growth import Drain, Growth
from turnout.proxy.attempt.outgoing import Outgoing, prepare
from turnout.proxy.attempt.relay import WHOLE_LIMIT, Relay, relayed
from turnout.proxy.attempt.teller import Teller
from turnout.proxy.door.answer import Headers
from turnout.proxy.exchange import Exchange, Seen
from turnout.routing.plan import Step
from turnout.wire import fields
from turnout.wire.dialect import Target
from turnout.wire.ollama.answer import load_reply

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

    _left_early = False

    def __init__(
        self,
        exchange: Exchange,
        step: Step,
        engine: Engine,
        target: Target,
        deadlines: Deadlines,
        drain: Drain,
        now_s: int,
        growth: Growth | None,
    ) -> None:
        candidate = step.candidate
        self.exchange, self.step, self.engine, self.target = exchange, step, engine, target
        self.seen = seen = Seen()
        self._drain_s = 0.0 if candidate.sovereign else drain.seconds
        self._deadlines = deadlines
        self.teller = teller = Teller(exchange, seen, candidate.model, now_s, deadlines)
        self._relay = Relay(teller, step, engine, drain, growth)

    async def run(self) -> None:
        """Raises TurnoutError only when nothing was produced; GoneError never."""
        answer = self.exchange.answer
        self.teller.limits = limits = Limits(self._deadlines, self.engine.provider)
        try:
            with limits:
                answer.on_gone(self._client_left)
                await self._exchange(limits)
        except GoneError:
            self.seen.status = "aborted"
        except asyncio.CancelledError:
            self.seen.status = "aborted"
            if answer.produced and not answer.gone:
                await self.teller.fail_inside(StoppedError())
            raise
        except UpstreamError as error:
            error.message = self.engine.scrubbed(error.message.encode()).decode()
            self.seen.status = _status_of(error)
            self.seen.error = error.message
            if answer.gone:
                # A refusal is none the less one, and was not billed.
                if not isinstance(error, EngineStatusError):
                    self.seen.status = "aborted"
            elif answer.produced:
                await self.teller.fail_inside(error)
            else:
                raise
        except TurnoutError as error:  # no key: nothing left the house
            self.seen.status, self.seen.error = "refused", error.message
            raise
        finally:
            answer.on_gone(None)
            if self.exchange.stream:
                self.teller.stop_early()
        if answer.gone and self.seen.status == "ok" and (self._left_early or not self.seen.ended):
            self.seen.status = "aborted"

    def _client_left(self) -> None:
        """Many clients hang up after the last event, which is no abort; before it, it is one, also when the rest is heard out."""
        self._left_early = not (self._relay.smell.ended if self._relay.smell is not None else self.seen.ended)
        if self.teller.limits is not None:
            self.teller.limits.client_gone(self._drain_s)

    async def _exchange(self, limits: Limits) -> None:
        exchange, engine, seen = self.exchange, self.engine, self.seen
        if exchange.native and exchange.only_loads and engine.family is not Family.OLLAMA:
            self._loaded()
            return
        while True:
            outgoing = prepare(exchange, self.step, engine, self.target)
            seen.dialect = outgoing.dialect
            seen.dropped = outgoing.dropped
            if exchange.stream:
                self.teller.arm_early()
            seen.sent = True
            try:
                reply = await engine.send(
                    outgoing.dialect,
                    outgoing.body,
                    client=exchange.sender,
                    same_dialect=outgoing.fast,
                    stream=exchange.stream,
                    hop=exchange.hop,
                    query=exchange.query if outgoing.fast else "",
                    path=outgoing.path,
                    dialect_headers=outgoing.headers,
                )
            except (EngineUnreachableError, KeysError):
                # Any other failure may have come after the engine read the request, and began to bill.
                seen.sent = False
                raise
            try:
                limits.beat()
                if reply.status in _PROBES_RESPONSES and outgoing.dialect is Dialect.OPENAI_RESPONSES:
                    body = await reply.whole(WHOLE_LIMIT)
                    if b"model" not in body.lower() and engine.lacks_responses(reply.status):
                        continue
                    self._refused(outgoing, reply, body)
                if reply.status >= 300:
                    self._refused(outgoing, reply, await reply.whole(WHOLE_LIMIT))
                if outgoing.dialect is Dialect.OPENAI_RESPONSES and engine.unproven:
                    proved = await self._proved(reply)
                    if proved is None:
                        engine.has_no_responses()
                        continue
                    engine.has_responses()
                    await self._relay.run(outgoing, proved, limits)
                    return
                await self._relay.run(outgoing, reply, limits)
                return
            finally:
                await reply.aclose()

    def _loaded(self) -> None:
        """An Ollama client warms a model up, or lets it go, with an empty request; a cloud has nothing to load."""
        self.seen.ended = True
        self.teller.note_first_byte()
        doc = self.exchange.doc
        kept = isinstance(doc, dict) and doc.get("keep_alive") in (0, "0", "0s", "0m")
        chat = self.exchange.heard is Dialect.OLLAMA_CHAT
        self.teller.hold_back(
            b"application/json; charset=utf-8",
            load_reply(self.step.candidate.model, self.teller.now_s, chat=chat, unload=kept),
        )

    async def _proved(self, reply: Reply) -> Reply | None:
        """The first answer of a provider that was only tried for /responses; None: it is none.

        A catch-all server answers any path with a 200 of its own; asked as /chat/completions it may well do.
        """
        kind = dict(reply.headers).get(b"content-type", b"").lower()
        if b"event-stream" in kind:
            return reply
        body = await reply.whole(WHOLE_LIMIT)
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
        error.headers = relayed(self.exchange, outgoing, reply, self.teller.now_s)
        if outgoing.fast and message:
            error.raw = body
        raise error


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

    async def whole(self, limit: int) -> bytes:
        return self.body

    async def aclose(self) -> None:
        """Nothing is open."""
