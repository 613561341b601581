"""One call from top to bottom: decide, hold, write the hold down, perform, settle. The only place that reads the clock.

`serve` never raises: what goes wrong becomes an answer in the client's own dialect and a row in the ledger.
"""

import asyncio
import logging
import time
from functools import lru_cache, partial

from turnout.calls.client import Call
from turnout.calls.units import Tier, Tokens
from turnout.errors import EngineStatusError, LedgerError, LedgerRefusal, NoEngineError, Refusal, TurnoutError
from turnout.ledger.rows import usd
from turnout.proxy.attempt import targets
from turnout.proxy.attempt.clock import Deadlines
from turnout.proxy.attempt.growth import Drain, Growth
from turnout.proxy.attempt.perform import Attempt, StoppedError, may_fall_back
from turnout.proxy.attempt.teller import tell_failure
from turnout.proxy.booking import Booking, Progress, seen_text
from turnout.proxy.door.answer import Headers, LeftError, header_value
from turnout.proxy.exchange import Exchange
from turnout.proxy.health import OVERLOADED
from turnout.proxy.owncalls import OwnCalls
from turnout.proxy.state import State
from turnout.routing.budget import FLOOR
from turnout.routing.plan import Plan, Step

log = logging.getLogger("turnout.pipeline")


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Pipeline:
    def __init__(self, state: State) -> None:
        self._state = state
        self._booking = Booking(state)
        self._deadlines = Deadlines()
        self.own = state.graders.own = OwnCalls(self.serve)

    async def serve(self, exchange: Exchange) -> None:
        started = time.monotonic()
        progress = Progress()
        answer = exchange.answer
        answer.watch()
        try:
            await self._serve(exchange, progress)
        except TurnoutError as error:
            progress.error = error
            await self._tell(exchange, progress, error)
        except asyncio.CancelledError:
            progress.error = StoppedError()
            await self._tell(exchange, progress, progress.error)
            raise
        except Exception:  # the boundary: whatever breaks in us is a row, a log line and a clean answer
            log.exception("call %s broke", exchange.call.id)
            progress.error = TurnoutError(
                "Turnout itself failed on this call.", hint="See the log; `turnout doctor` helps."
            )
            await self._tell(exchange, progress, progress.error)
        finally:
            try:
                self._settle(exchange, progress, started)
            finally:
                answer.close()

    async def _serve(self, exchange: Exchange, progress: Progress) -> None:
        state = self._state
        # First of all: also the row of a refused call tells its session.
        call, live = state.attributed(exchange.call, exchange.session)
        exchange.call = call
        decided = await state.decided(call, live, exchange.answer)
        progress.decided, plan = decided, decided.plan
        state.surplus.offered(time.monotonic())
        error: TurnoutError | None = None
        for step in plan.steps:
            if error is not None and not (
                state.can_hold(decided, step, progress.spent, progress.used) and self._may_go_on(error)
            ):
                break
            exchange.route_headers = route_headers(call, plan, step, error)
            exchange.credit_left = partial(state.credit_left, decided, step)
            if exchange.answer.gone:
                raise LeftError
            progress.step = step
            await self._hold(exchange, progress, step)
            try:
                await self._attempt(exchange, progress, step)
                return
            except TurnoutError as failed:
                error = failed
                progress.used = progress.usage.total
                state.health.failed(step, failed, last=step is plan.steps[-1])
                if exchange.answer.produced or exchange.answer.gone:
                    raise
                if not may_fall_back(failed, sovereign=step.candidate.sovereign):
                    raise
        raise error or NoEngineError("No engine could be tried.", hint="`turnout doctor` says what is wrong.")

    def _may_go_on(self, error: TurnoutError) -> bool:
        """To the next step; not all calls of a storm may (I08)."""
        if not isinstance(error, EngineStatusError) or error.answer_status not in OVERLOADED:
            return True
        return self._state.surplus.take(time.monotonic())

    async def _hold(self, exchange: Exchange, progress: Progress, step: Step) -> None:
        """On disk before any upstream is contacted (I01); a ledger that cannot be written refuses paid calls (I11), unless the
        user wants them served all the same: budgets still hold, from memory, but a crash would forget them."""
        assert progress.decided is not None
        self._state.hold(progress.decided, step, progress.spent, progress.used)
        progress.held, progress.charged = True, step.buckets
        try:
            await self._write(exchange, progress, step)
        except LedgerError as error:
            if step.hold > 0 and not progress.decided.config.settings.serve_unrecorded:
                if not progress.attempts:
                    # Else what those before used is charged, with the hold that is open.
                    self._state.books.drop(exchange.call.id)
                    progress.held, progress.charged = False, ()
                raise LedgerRefusal(
                    f"{error.message.rstrip('.')}, so nothing that costs money is sent.",
                    hint=f"{error.hint} `turnout doctor` says more; local models keep working.",
                ) from error
            log.warning("call %s goes on unrecorded until the ledger can be written again", exchange.call.id)

    async def _write(self, exchange: Exchange, progress: Progress, step: Step) -> None:
        row = self._booking.held(exchange, progress, step)
        await self._state.edges.held(row)
        progress.row, progress.row_of = row, step

    async def _attempt(self, exchange: Exchange, progress: Progress, step: Step) -> None:
        state, decided = self._state, progress.decided
        assert decided is not None
        settings = decided.config.settings
        provider, at_ms = step.candidate.provider, now_ms()
        attempt = progress.last = Attempt(
            exchange,
            step,
            state.engine(provider, settings),
            targets.target(exchange, step, decided.estimate, settings.providers[provider], state.learned),
            self._deadlines,
            Drain(settings.drain_s, settings.drain_tokens, state.estimates.output_surely),
            at_ms // 1000,
            self._growth(exchange, progress, step) if exchange.stream else None,
        )
        begun = time.monotonic()
        state.began(exchange.call, step, attempt.seen, at_ms)
        try:
            await attempt.run()
        finally:
            self._booking.attempted(exchange, progress, attempt, round((time.monotonic() - begun) * 1000))
        if attempt.teller.whole is not None:
            kind, body = attempt.teller.whole
            await exchange.answer.whole(200, self._whole_headers(progress, attempt, kind), body)

    def _whole_headers(self, progress: Progress, attempt: Attempt, kind: bytes) -> Headers:
        """Of an answer in one piece: with its cost, and what is left now that this is known."""
        spent, baseline, teller = progress.spent, self._booking.baseline(progress), attempt.teller
        return [
            (b"content-type", kind),
            (b"x-turnout-cost-usd", usd(spent).encode()),
            (b"x-turnout-saved-usd", usd(baseline - spent if baseline is not None else 0).encode()),
            *teller.headers,
            *teller.exchange.plan_headers(spent),
            *teller.dropped_header(),
        ]

    def _growth(self, exchange: Exchange, progress: Progress, step: Step) -> Growth | None:
        """For a stream whose client set no limit, under a budget that what is held for it counts in."""
        outline, most = exchange.call.outline, step.candidate.max_output
        if not step.buckets or outline.max_output is not None:
            return None
        if not step.hold and not any("|tokens|" in key for key in step.buckets):
            return None
        if step.output <= 0 or (most is not None and step.output >= most * outline.choices):
            return None
        grow = None if step.max_output is not None else lambda now: self._grow(exchange, progress, now)
        return Growth(step.output, self._state.estimates.output_surely, grow)

    async def _grow(self, exchange: Exchange, progress: Progress, held: Tokens) -> Tokens | None:
        """On disk before more is relayed: as much again where it fits, else the least that is worth it."""
        assert progress.decided is not None
        assert progress.step is not None
        for more in (int(held), int(FLOOR)):
            grown = self._state.extend(progress.decided, progress.step, progress.spent, progress.used, more)
            if grown is None:
                continue
            progress.step = grown
            try:
                await self._write(exchange, progress, grown)
            except LedgerError:
                if grown.hold > 0 and not progress.decided.config.settings.serve_unrecorded:
                    return None
            return Tokens(held + more)
        return None

    def _settle(self, exchange: Exchange, progress: Progress, started: float) -> None:
        """Exactly once, in every ending (I03)."""
        state, call, attempt = self._state, exchange.call, progress.last
        row = self._booking.ended(exchange, progress, round((time.monotonic() - started) * 1000))
        state.settled(call, row, progress.held, progress.decided, now_ms())
        if not exchange.own and attempt is not None:
            state.edges.keep_texts(call, exchange.body, lambda: seen_text(attempt.seen, streamed=exchange.stream))

    # --- telling the client ---

    async def _tell(self, exchange: Exchange, progress: Progress, error: TurnoutError) -> None:
        answer = exchange.answer
        if answer.done or answer.gone:
            return
        try:
            if answer.started:
                writer = exchange.codec.reply_writer(
                    exchange.reply_context(now_ms() // 1000, exchange.call.outline.model)
                )
                await tell_failure(exchange, writer, error)
                return
            await answer.whole(*error_answer(exchange, error))
        except (OSError, RuntimeError):  # the client left while it was told
            log.info("call %s: client left before its error", exchange.call.id)


def error_answer(exchange: Exchange, error: TurnoutError) -> tuple[int, Headers, bytes]:
    """Status, headers and body of an error in the client's dialect; the engine's own body where it is the same dialect."""
    headers: Headers = [(b"content-type", b"application/json"), *exchange.plan_headers()]
    status = error.status
    body: bytes | None = None
    if isinstance(error, EngineStatusError):
        # One that HTTP does not know (999) would break our own server off.
        status = error.answer_status if 400 <= error.answer_status < 600 else 502
        headers += error.headers
        if error.retry_after_s is not None and not any(name == b"retry-after" for name, _ in error.headers):
            headers.append((b"retry-after", str(round(error.retry_after_s)).encode()))
        body = error.raw
    if isinstance(error, Refusal):
        headers.append((b"x-turnout-refusal", error.code.encode()))
        headers.append((b"x-should-retry", b"false"))
    if not any(name == b"x-turnout-call" for name, _ in headers):
        headers.append((b"x-turnout-call", exchange.call.id.encode()))
    return status, headers, body if body is not None else exchange.codec.write_error(error)


@lru_cache(maxsize=256)
def _way(tier: Tier | None, model: str, rule: str, reason: str) -> tuple[tuple[bytes, bytes], ...]:
    """Remembered, for most calls go one of few ways."""
    return (
        (b"x-turnout-tier", tier.value.encode() if tier is not None else b"none"),
        (b"x-turnout-model", header_value(model)),
        (b"x-turnout-rule", header_value(rule)),
        (b"x-turnout-reason", header_value(reason)),
    )


def route_headers(call: Call, plan: Plan, step: Step, failed: TurnoutError | None = None) -> Headers:
    """The step at hand; a fallback after a slow stream's early headers is only in the ledger. `failed`: the step before it."""
    reason = plan.why(step) if failed is None else f"{plan.why(step)}; fell back: {failed.message}"
    headers: Headers = [(b"x-turnout-call", call.id.encode()), *_way(step.tier, step.candidate.name, plan.rule, reason)]
    if plan.grade is not None:
        headers.append((b"x-turnout-grade", plan.grade.value.encode()))
    if step.max_output is not None:
        headers.append((b"x-turnout-clamped", str(int(step.max_output)).encode()))
    if plan.observed:
        headers.append((b"x-turnout-observed", header_value(plan.observed)))
    return headers
