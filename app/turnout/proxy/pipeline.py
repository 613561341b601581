"""One call from top to bottom: decide, hold, write the hold down, perform, settle. The only place that reads the clock.

`serve` never raises: what goes wrong becomes an answer in the client's own dialect and a row in the ledger.
"""

import asyncio
import logging
import time
from dataclasses import dataclass
from typing import Any

from turnout.calls.client import Call
from turnout.calls.record import Attempt as AttemptRow
from turnout.calls.record import CallRecord
from turnout.calls.reply import Event
from turnout.calls.units import Nanos, Status, Tokens
from turnout.calls.usage import Usage, service_named
from turnout.errors import (
    BadRequestError,
    EngineStatusError,
    LedgerError,
    LedgerRefusal,
    NoEngineError,
    Refusal,
    TurnoutError,
)
from turnout.ledger.rows import usd
from turnout.proxy import targets
from turnout.proxy.answer import Headers, LeftError, header_value
from turnout.proxy.exchange import Exchange, Seen
from turnout.proxy.growth import Drain, Growth, said
from turnout.proxy.health import OVERLOADED
from turnout.proxy.owncalls import OwnCalls
from turnout.proxy.perform import Attempt, StoppedError, may_fall_back
from turnout.proxy.settling import Counted, Settled, doubtful, settle
from turnout.proxy.state import Decided, State, refused_by
from turnout.proxy.teller import tell_failure
from turnout.proxy.unsaid import without_echo
from turnout.routing.budget import FLOOR
from turnout.routing.facts import Candidate
from turnout.routing.plan import Plan, Step
from turnout.wire import fields
from turnout.wire.codec import codec

log = logging.getLogger("turnout.pipeline")


BILLED = frozenset({"ok", "aborted", "broken", "timeout"})
"""Ends of an attempt whose prompt the engine read: they are settled, if need be from our own count."""


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass(slots=True)
class Progress:
    """What `finally` settles from, wherever the call stood."""

    plan: Plan | None = None
    decided: Decided | None = None
    step: Step | None = None
    seen: Seen | None = None
    attempts: tuple[AttemptRow, ...] = ()
    settled: Settled | None = None
    error: TurnoutError | None = None
    held: bool = False
    charged: tuple[str, ...] = ()
    """Keys of the budget buckets that the present hold is in: the ledger counts the call in the same ones as the books."""
    spent: Nanos = Nanos(0)
    usage: Usage = Usage()
    baseline: Nanos | None = None
    """What the asked model would have cost, once that is known of `usage`; None: not yet, or it has no price."""
    last: Attempt | None = None
    told: dict[str, Any] | None = None
    """The part of the row that is known once the call is decided; keys are CallRecord's fields."""


class Pipeline:
    def __init__(self, state: State) -> None:
        self._state = state
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
        plan = progress.plan = decided.plan
        progress.decided = decided
        exchange.route_headers = route_headers(call, plan, plan.steps[0], state.credit_left(decided, plan.steps[0]))
        state.surplus.offered(time.monotonic())
        error: TurnoutError | None = None
        for number, step in enumerate(plan.steps):
            if number and not (state.can_hold(decided, step, progress.spent) and self._may_go_on(error)):
                break
            if number:
                exchange.route_headers = route_headers(call, plan, step, state.credit_left(decided, step), error)
            if exchange.answer.gone:
                raise LeftError
            progress.step = step
            await self._hold(exchange, progress, step)
            try:
                await self._attempt(exchange, progress, step)
                return
            except TurnoutError as failed:
                error = failed
                state.health.failed(step, failed, last=number + 1 == len(plan.steps))
                if exchange.answer.produced or exchange.answer.gone:
                    raise
                if not may_fall_back(failed, sovereign=step.candidate.sovereign):
                    raise
        raise error or NoEngineError("No engine could be tried.", hint="`turnout doctor` says what is wrong.")

    def _may_go_on(self, error: TurnoutError | None) -> bool:
        """To the next step; not all calls of a storm may (I08)."""
        if not isinstance(error, EngineStatusError) or error.answer_status not in OVERLOADED:
            return True
        return self._state.surplus.take(time.monotonic())

    async def _hold(self, exchange: Exchange, progress: Progress, step: Step) -> None:
        """On disk before any upstream is contacted (I01); a ledger that cannot be written refuses paid calls (I11), unless the
        user wants them served all the same: budgets still hold, from memory, but a crash would forget them."""
        assert progress.decided is not None
        self._state.hold(progress.decided, step, progress.spent)
        progress.held, progress.charged = True, step.buckets
        try:
            await self._state.ledger_held(self._held_row(exchange, progress, step))
        except LedgerError as error:
            if step.hold > 0 and not progress.decided.config.settings.serve_unrecorded:
                self._state.books.drop(exchange.call.id)
                progress.held, progress.charged = False, ()
                raise LedgerRefusal(
                    "The ledger cannot be written, so nothing that costs money is sent.",
                    hint=f"{error.said} `turnout doctor` says more; local models keep working.",
                ) from error
            log.warning("call %s goes on unrecorded until the ledger can be written again", exchange.call.id)

    async def _attempt(self, exchange: Exchange, progress: Progress, step: Step) -> None:
        state = self._state
        assert progress.decided is not None
        settings = progress.decided.config.settings
        engine = state.engine(step.candidate.provider, settings)
        target = targets.target(
            exchange, step, progress.decided.estimate, settings.providers[step.candidate.provider], state.learned
        )
        attempt = Attempt(
            exchange,
            step,
            engine,
            target,
            drain=Drain(settings.drain_s, settings.drain_tokens, state.estimates.output_surely),
            now_s=now_ms() // 1000,
            growth=self._growth(exchange, progress, step),
        )
        progress.seen, progress.last = attempt.seen, attempt
        begun = time.monotonic()
        state.began(exchange.call, step, attempt.seen)
        try:
            await attempt.run()
        finally:
            row = self._attempt_row(exchange, progress, attempt, round((time.monotonic() - begun) * 1000))
            progress.attempts = (*progress.attempts, row)
            progress.spent = Nanos(progress.spent + row.cost)
            progress.usage = progress.usage + row.usage if len(progress.attempts) > 1 else row.usage
        if attempt.teller.whole is not None:
            kind, body = attempt.teller.whole
            assert progress.plan is not None
            progress.baseline = state.worth.baseline_cost(progress.plan, progress.usage)
            saved = progress.baseline - progress.spent if progress.baseline is not None else 0
            headers: Headers = [
                (b"content-type", kind),
                *_with_credit(
                    attempt.teller.whole_headers(), state.credit_left(progress.decided, step, progress.spent)
                ),
                *cost_headers(progress.spent, Nanos(saved)),
            ]
            await exchange.answer.whole(200, headers, body)

    def _growth(self, exchange: Exchange, progress: Progress, step: Step) -> Growth | None:
        """For a stream whose client set no limit, under a budget that what is held for it counts in."""
        outline, most = exchange.call.outline, step.candidate.max_output
        if not exchange.stream or not step.buckets or outline.max_output is not None:
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
            grown = self._state.extend(progress.decided, progress.step, progress.spent, more)
            if grown is None:
                continue
            progress.step = grown
            try:
                await self._state.ledger_held(self._held_row(exchange, progress, grown))
            except LedgerError:
                if grown.hold > 0 and not progress.decided.config.settings.serve_unrecorded:
                    return None
            return Tokens(held + more)
        return None

    def _attempt_row(self, exchange: Exchange, progress: Progress, attempt: Attempt, duration_ms: int) -> AttemptRow:
        seen, candidate = attempt.seen, attempt.step.candidate
        price = self._state.worth.billed(candidate, exchange.call, seen)
        failed = seen.status not in BILLED
        if not seen.sent or failed:
            # Refused or never read: nothing was billed. A timeout may have been, so it is settled from our own count.
            settled = Settled(Usage(), Nanos(0), Nanos(0))
        else:
            counted = self._counted(exchange, progress, attempt)
            settled = settle(seen.reported, counted, price, final=seen.ended or not exchange.stream)
        progress.settled = settled
        decided = progress.decided
        estimate = decided.estimate if decided is not None else Tokens(0)
        exact = decided is not None and decided.exact
        self._state.learn(exchange.call, candidate, settled, seen, estimate, exact=exact)
        return AttemptRow(
            provider=candidate.provider,
            model=candidate.model,
            tier=attempt.step.tier or candidate.tier or self._state.worth.tier_of(candidate),
            status=seen.status,
            hold=progress.step.hold if progress.step is not None else attempt.step.hold,
            cost=settled.charged,
            usage=settled.usage,
            first_byte_ms=seen.first_byte_ms,
            duration_ms=duration_ms,
            error=self._written(exchange, seen.error),
        )

    def _written(self, exchange: Exchange, said: str) -> str:
        """An error as the ledger may keep it."""
        return without_echo(said, exchange.call.outline.texts)[:500] if said else ""

    def _counted(self, exchange: Exchange, progress: Progress, attempt: Attempt) -> Counted:
        state, seen = self._state, attempt.seen
        estimate = progress.decided.estimate if progress.decided is not None else Tokens(0)
        output = Tokens(0)
        size, framed = (seen.raw_size, exchange.stream) if seen.raw else (sum(map(len, seen.text)), False)
        doubt = doubtful(seen.reported, size, streamed=framed)
        if doubt or (exchange.stream and not seen.ended):
            output = state.estimates.output(seen_text(seen, attempt))
            if 0 < seen.raw_size < seen.size:
                # Of a very long stream only the beginning is kept; the rest is taken to be like it.
                output = Tokens(output * seen.size // seen.raw_size)
        exact = progress.decided is not None and progress.decided.exact and not exchange.call.outline.images
        return Counted(estimate, output, exact_prompt=exact, sound=not doubt)

    # --- the row ---

    def _held_row(self, exchange: Exchange, progress: Progress, step: Step) -> CallRecord:
        return CallRecord(
            **self._told(exchange, progress),
            provider=step.candidate.provider,
            model=step.candidate.model,
            tier=step.tier or step.candidate.tier,
            status=Status.HELD,
            hold=Nanos(step.hold + progress.spent),
            unpriced=step.candidate.price is None,
            estimated=True,
            usage=self._worst(progress, step),
            buckets=step.buckets,
        )

    def _worst(self, progress: Progress, step: Step) -> Usage:
        """What a start charges to budgets that count tokens, if this run is killed before the call settles."""
        prompt = progress.decided.estimate if progress.decided is not None else Tokens(0)
        return Usage(uncached=prompt, output=Tokens(max(0, step.tokens - prompt)))

    def _told(self, exchange: Exchange, progress: Progress) -> dict[str, Any]:
        """What a row says of the request and the decision: the same in the hold and in the settled row, so made once."""
        told = progress.told
        if told is not None:
            return told
        call, plan, decided = exchange.call, progress.plan, progress.decided
        client = call.client
        told = {
            "id": call.id,
            "at_ms": call.at_ms,
            "client": client.name,
            "developer": call.developer,
            "department": client.department,
            "project": call.project,
            "session": call.session,
            "parent_session": call.parent_session,
            "dialect": call.outline.dialect.value,
            "asked_model": call.outline.model[:200],
            "stream": exchange.stream,
            "config": decided.config.hash if decided is not None else self._state.config_hash,
            "note": exchange.own,
        }
        if plan is None or decided is None:
            return told
        told |= {
            "grade": plan.grade,
            "score": plan.score,
            "confidence": plan.confidence,
            "rule": plan.rule,
            "reason": plan.reason,
            "switch": plan.switch,
            "observed": plan.observed,
            "signals": plan.signals,
            "estimate": int(decided.estimate),
        }
        if decided.grading is not None:
            grading = decided.grading
            told |= {
                "difficulty": grading.difficulty,
                "features": grading.features,
                "graded_by": "cache" if grading.cached else grading.by,
            }
            if grading.asked:
                told["note"] = f"graded by {grading.asked}"
        progress.told = told
        return told

    def _settle(self, exchange: Exchange, progress: Progress, started: float) -> None:
        """Exactly once, in every ending (I03)."""
        state, call = self._state, exchange.call
        plan, step, seen, settled = progress.plan, progress.step, progress.seen, progress.settled
        error = progress.error
        more: dict[str, Any] = {}
        if error is not None:
            more |= {"error": self._written(exchange, error.message), "code": error.code}
            if isinstance(error, Refusal) and plan is None:
                more |= {"reason": error.message[:300], "rule": refused_by(error)}
        if step is not None:
            candidate = step.candidate
            more |= {
                "provider": candidate.provider,
                "model": candidate.model,
                "tier": step.tier or candidate.tier or state.worth.tier_of(candidate),
                "hold": step.hold,
                "unpriced": candidate.price is None,
            }
            if progress.decided is not None:
                more["estimate"] = _expected(state, candidate, progress.decided)
            if seen is not None and settled is not None and plan is not None:
                more |= {
                    "usage": progress.usage,
                    "cost": progress.spent,
                    "estimated": settled.estimated and seen.status in BILLED,
                    "disputed": settled.disputed,
                    **_worth(state, exchange, progress, plan),
                    **state.worth.worked(step, seen, progress.attempts[-1].duration_ms if progress.attempts else 0),
                    "service": service_named(seen.service) if seen.service else "",
                    "first_byte_ms": seen.first_byte_ms,
                    "queue_ms": round(seen.queue_s * 1000),
                    "dropped": seen.dropped,
                }
        more |= {"status": _status(progress, exchange), "attempts": progress.attempts, "buckets": progress.charged}
        more["duration_ms"] = round((time.monotonic() - started) * 1000)
        row = CallRecord(**(self._told(exchange, progress) | more))
        state.settled(call, row, progress.held, progress.decided, now_ms())
        if not exchange.own and progress.last is not None:
            attempt = progress.last
            state.edges.keep_texts(call, exchange.body, lambda: seen_text(attempt.seen, attempt))

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


def _expected(state: State, candidate: Candidate, decided: Decided) -> int:
    return int(state.estimates.expected(candidate, decided.estimate, decided.call.outline, exact=decided.exact))


def _worth(state: State, exchange: Exchange, progress: Progress, plan: Plan) -> dict[str, Nanos]:
    """What the call would have cost elsewhere; a call of our own would not have been made at all."""
    if exchange.own:
        return {"overhead": progress.spent}
    if progress.baseline is None:
        progress.baseline = state.worth.baseline_cost(plan, progress.usage)
    return {
        "baseline": progress.baseline or Nanos(0),
        "all_fast": state.worth.all_fast_cost(progress.usage),
    }


def seen_text(seen: Seen, attempt: Attempt) -> str:
    """The output text of an attempt, to be counted: kept as events, or as raw bytes read only now."""
    if seen.text or seen.dialect is None or not seen.raw:
        return "".join(seen.text)
    spoken = codec(seen.dialect)
    events: list[Event] = []
    if attempt.exchange.stream:
        reader = spoken.reply_reader()
        events = [event for chunk in seen.raw for event in reader.feed(chunk)]
    else:
        try:
            events = spoken.read_reply(fields.load_reply(b"".join(seen.raw)))
        except BadRequestError:
            return ""
    return "".join(map(said, events))


def error_answer(exchange: Exchange, error: TurnoutError) -> tuple[int, Headers, bytes]:
    """Status, headers and body of an error in the client's dialect; the engine's own body where it is the same dialect."""
    headers: Headers = [(b"content-type", b"application/json"), *exchange.route_headers]
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


def route_headers(
    call: Call, plan: Plan, step: Step, credit_left: Nanos | None, failed: TurnoutError | None = None
) -> Headers:
    """The step at hand; a fallback after a slow stream's early headers is only in the ledger. `failed`: the step before it."""
    reason = plan.reason if failed is None else f"{plan.reason}; fell back: {failed.message}"
    headers: Headers = [
        (b"x-turnout-call", call.id.encode()),
        (b"x-turnout-tier", step.tier.value.encode() if step.tier is not None else b"none"),
        (b"x-turnout-model", header_value(step.candidate.name)),
        (b"x-turnout-rule", header_value(plan.rule)),
        (b"x-turnout-reason", header_value(reason)),
    ]
    if plan.grade is not None:
        headers.append((b"x-turnout-grade", plan.grade.value.encode()))
    if credit_left is not None:
        headers.append((b"x-turnout-credit-usd", usd(credit_left).encode()))
    if step.max_output is not None:
        headers.append((b"x-turnout-clamped", str(int(step.max_output)).encode()))
    if plan.observed:
        headers.append((b"x-turnout-observed", header_value(plan.observed)))
    return headers


def _with_credit(headers: Headers, left: Nanos | None) -> Headers:
    """What is left now that this call's cost is known."""
    if left is None:
        return headers
    kept = [(name, value) for name, value in headers if name != b"x-turnout-credit-usd"]
    return [*kept, (b"x-turnout-credit-usd", usd(left).encode())]


def cost_headers(spent: Nanos, saved: Nanos) -> Headers:
    return [(b"x-turnout-cost-usd", usd(spent).encode()), (b"x-turnout-saved-usd", usd(saved).encode())]


def _status(progress: Progress, exchange: Exchange) -> Status:
    error, seen = progress.error, progress.seen
    if isinstance(error, Refusal):
        return Status.REFUSED
    if error is not None:
        return Status.ABORTED if exchange.answer.gone else Status.FAILED
    if seen is None:
        return Status.ABORTED if exchange.answer.gone else Status.FAILED
    if seen.status == "aborted":
        return Status.ABORTED
    return Status.SETTLED if seen.status == "ok" else Status.FAILED
