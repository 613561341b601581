"""What a call is booked as: each attempt settled when it ends, and one row, begun when the call is decided.

The row that is written down with the hold is filled in when the call ends: the ledger keeps nothing of a hold that it has
committed. Built twice, from merged keywords, rows took 770 of a call's instructions, now 570 (call_bench --steps).
"""

from turnout.calls.record import Attempt as AttemptRow
from turnout.calls.record import CallRecord
from turnout.calls.reply import Event
from turnout.calls.units import EMBED_LIKE, Json, Nanos, Status, Tokens
from turnout.calls.usage import NO_TOKENS, Price, Usage, cost, service_named
from turnout.errors import BadRequestError, Refusal, TurnoutError
from turnout.proxy.attempt.growth import said
from turnout.proxy.attempt.perform import Attempt
from turnout.proxy.attempt.unsaid import without_echo
from turnout.proxy.exchange import Exchange, Seen
from turnout.proxy.money.settling import ABSURD, Counted, Settled, doubtful, settle
from turnout.proxy.state import Decided, State, refused_by
from turnout.routing.facts import Candidate
from turnout.routing.plan import Step
from turnout.wire import fields
from turnout.wire.codec import codec

BILLED = frozenset({"ok", "aborted", "broken", "timeout"})
"""Ends of an attempt whose prompt the engine read: they are settled, if need be from our own count."""
_FAILED = Status.FAILED
"""A member that is named through its class takes Python 3.11 as long as 30 instructions."""
_ENDED = {"ok": Status.SETTLED, "aborted": Status.ABORTED}
_UNBILLED = Settled(NO_TOKENS, Nanos(0), Nanos(0))


class Progress:
    """What `finally` settles from, wherever the call stood. Its values at the start are the class's own: a call sets few of them."""

    decided: Decided | None = None
    step: Step | None = None
    """The one under way, with its hold as it has grown by now."""
    last: Attempt | None = None
    attempts: tuple[AttemptRow, ...] = ()
    settled: Settled | None = None
    """Of the last attempt."""
    spent: Nanos = Nanos(0)
    """By all attempts, like what follows."""
    usage: Usage = NO_TOKENS
    estimated: bool = False
    disputed: bool = False
    used: int = 0
    """Tokens of `usage`, once a step failed and another may follow."""
    busy_ms: int = 0
    """Of engines of our own, by all attempts, also those that the cloud then stood in for."""
    energy: Nanos = Nanos(0)
    baseline: Nanos | None = None
    """What the asked model would have cost, with its cache reads; None: not yet known, or it has no price."""
    price: Price | None = None
    """That the only attempt was billed at; None: there were more, or none was billed."""
    expected: Tokens | None = None
    """What the last attempt's prompt was expected to be billed as, where that is known by now."""
    error: TurnoutError | None = None
    held: bool = False
    charged: tuple[str, ...] = ()
    """Keys of the budget buckets that the present hold is in: the ledger counts the call in the same ones as the books."""
    row: CallRecord | None = None
    """As the hold was written; only once it is committed, for until then the ledger's thread may still read it."""
    row_of: Step | None = None
    """The step that the row was written for."""


class Booking:
    def __init__(self, state: State) -> None:
        self._state = state

    # --- the row ---

    def held(self, exchange: Exchange, progress: Progress, step: Step) -> CallRecord:
        """The row of a call under way: if this run is killed, the next start charges what is held."""
        decided = progress.decided
        assert decided is not None
        row, prompt = self._begun(exchange, decided), decided.estimate
        self._goes(row, decided, step)
        row.hold = Nanos(step.hold + progress.spent)
        row.estimated = True
        # What a start charges to budgets that count tokens.
        row.usage = Usage(prompt, output=Tokens(max(0, step.tokens - prompt) + progress.used))
        row.buckets = step.buckets
        return row

    def _goes(self, row: CallRecord, decided: Decided, step: Step) -> None:
        candidate = step.candidate
        row.reason = decided.plan.why(step)
        row.provider, row.model = candidate.provider, candidate.model
        row.tier = step.tier or candidate.tier or self._state.worth.tier_of(candidate)
        row.unpriced = candidate.price is None

    def _begun(self, exchange: Exchange, decided: Decided | None) -> CallRecord:
        """What a row says of the request, and of the decision where there was one."""
        call = exchange.call
        client, outline = call.client, call.outline
        row = CallRecord(
            call.id,
            call.at_ms,
            client.name,
            call.developer,
            client.department,
            call.project,
            call.session,
            call.parent_session,
            outline.dialect.value,
            outline.model[:200],
        )
        row.stream, row.note = exchange.stream, exchange.own
        if decided is None:
            row.config = self._state.config_hash
            return row
        plan, grading = decided.plan, decided.grading
        row.config = decided.config.hash
        row.grade, row.score, row.confidence = plan.grade, plan.score, plan.confidence
        row.rule, row.reason, row.switch, row.observed = plan.rule, plan.reason, plan.switch, plan.observed
        row.signals, row.estimate = plan.signals, int(decided.estimate)
        if grading is not None:
            row.difficulty, row.features = grading.difficulty, grading.features
            row.graded_by = "cache" if grading.cached else grading.by
            if grading.asked:
                row.note = f"graded by {grading.asked}"
        return row

    def ended(self, exchange: Exchange, progress: Progress, duration_ms: int) -> CallRecord:
        """The row to settle, wherever the call stood."""
        state, step, error, settled = self._state, progress.step, progress.error, progress.settled
        row = progress.row or self._begun(exchange, progress.decided)
        row.status = _status(progress, exchange)
        row.attempts, row.buckets, row.duration_ms = progress.attempts, progress.charged, duration_ms
        row.usage, row.estimated = progress.usage, False
        if error is not None:
            row.error, row.code = _written(exchange, error.message), error.code
            if isinstance(error, Refusal) and progress.decided is None:
                row.reason, row.rule = error.message[:300], refused_by(error)
        elif row.status is _FAILED and row.attempts:
            # It was told inside the stream that had begun.
            row.error = row.attempts[-1].error
        if step is None or progress.decided is None:
            return row
        candidate, decided, row.hold = step.candidate, progress.decided, step.hold
        if progress.row_of is not step:
            self._goes(row, decided, step)
        if decided.exact:
            row.estimate = progress.expected or state.estimates.expected(candidate, decided.shape)
        else:
            row.estimate = decided.estimate
        if settled is None or progress.last is None:
            return row
        seen = progress.last.seen
        row.cost, row.disputed, row.estimated = progress.spent, progress.disputed, progress.estimated
        if exchange.own:
            # A call of our own would not have been made at all.
            row.overhead = progress.spent
        else:
            baseline = self.baseline(progress)
            # Where there is no price to compare with, nothing is known to be saved or lost.
            row.baseline = progress.spent if baseline is None else baseline
            fast = state.worth.fast()
            row.all_fast = self._by(fast, progress) if fast is not None else Nanos(0)
            if row.status is _FAILED:
                # What gave no answer saved nothing.
                row.baseline, row.all_fast = min(row.baseline, row.cost), min(row.all_fast, row.cost)
        row.busy_ms, row.energy = progress.busy_ms, progress.energy
        if searches := progress.usage.searches:
            row.note = f"{row.note}; {searches} searches of the web".removeprefix("; ")
        row.service = service_named(seen.service) if seen.service else ""
        row.first_byte_ms, row.dropped = seen.first_byte_ms, seen.dropped
        row.queue_ms = round(seen.queue_s * 1000) if seen.queue_s else 0
        return row

    def baseline(self, progress: Progress) -> Nanos | None:
        """Worked out once the last attempt is over, for the answer's headers or else for the row."""
        if progress.baseline is None and progress.decided is not None:
            asked = self._state.worth.asked(progress.decided.plan)
            progress.baseline = self._by(asked, progress) if asked is not None else None
        return progress.baseline

    def _by(self, other: Candidate, progress: Progress) -> Nanos:
        """What the last attempt would have cost of this model, in the same minute and at the same tier of service."""
        step, last, decided, settled = progress.step, progress.last, progress.decided, progress.settled
        if step is None or last is None or decided is None or settled is None:
            return Nanos(0)
        if other.name == step.candidate.name:
            return settled.charged
        price = self._state.worth.billed(other, decided.call, last.seen)
        return at_price(price, progress) if price is not None else Nanos(0)

    # --- an attempt ---

    def attempted(self, exchange: Exchange, progress: Progress, attempt: Attempt, duration_ms: int) -> None:
        """Settles an attempt, whatever way it ended; once each."""
        state, seen, decided = self._state, attempt.seen, progress.decided
        step = progress.step or attempt.step
        candidate, price = step.candidate, None
        assert decided is not None
        if seen.sent and seen.status in BILLED:
            counted = self._counted(exchange, decided, attempt)
            price = state.worth.billed(candidate, exchange.call, seen)
            settled = settle(seen.reported, counted, price, final=seen.ended or not exchange.stream)
        else:
            # Refused or never read: nothing was billed. A timeout may have been, so it is settled from our own count.
            settled = _UNBILLED
        row = AttemptRow(
            candidate.provider,
            candidate.model,
            step.tier or candidate.tier or state.worth.tier_of(candidate),
            seen.status,
            step.hold,
            settled.charged,
            settled.usage,
            seen.first_byte_ms,
            duration_ms,
            _written(exchange, seen.error),
        )
        progress.settled = settled
        if not progress.attempts:
            progress.attempts, progress.price = (row,), price
            progress.spent, progress.usage = settled.charged, settled.usage
        else:
            progress.attempts, progress.price = (*progress.attempts, row), None
            progress.spent = Nanos(progress.spent + settled.charged)
            progress.usage = progress.usage + settled.usage
        if settled.estimated:
            progress.estimated = True
        if settled.disputed:
            progress.disputed = True
        if candidate.sovereign and seen.sent:
            busy_ms, nanos = state.worth.worked(step, seen, duration_ms)
            progress.busy_ms += busy_ms
            progress.energy = Nanos(progress.energy + nanos)
        progress.expected = state.learn(candidate, settled, decided) if seen.status == "ok" else None

    def _counted(self, exchange: Exchange, decided: Decided, attempt: Attempt) -> Counted:
        seen, output = attempt.seen, Tokens(0)
        size, framed = (seen.raw_size, exchange.stream) if seen.raw else (sum(map(len, seen.text)), False)
        doubt = doubtful(seen.reported, size, streamed=framed)
        if doubt or (exchange.stream and not seen.ended):
            output = self._state.estimates.output(seen_text(seen, streamed=exchange.stream))
            if 0 < seen.raw_size < seen.size:
                # Of a very long stream only the beginning is kept; the rest is taken to be like it.
                output = Tokens(output * seen.size // seen.raw_size)
        outline, prompt = exchange.call.outline, decided.estimate
        if seen.reported is None and decided.exact:
            # What we count is all there is to go by, so as this provider bills it.
            prompt = self._state.estimates.expected(attempt.step.candidate, decided.shape)
        exact = decided.exact and not outline.images
        whole = not outline.server_tools and "kept" not in outline.extras
        most = ABSURD if outline.max_output is None else outline.max_output * outline.choices
        return Counted(prompt, output, exact, whole, not doubt, most)


def seen_text(seen: Seen, *, streamed: bool) -> str:
    """The output text of an attempt, to be counted: kept as events, or as raw bytes read only now. Vectors have none: reading fifty
    of them took the loop 28 ms."""
    if seen.text or seen.dialect is None or seen.dialect in EMBED_LIKE or not seen.raw:
        return "".join(seen.text)
    spoken = codec(seen.dialect)
    events: list[Event] = []
    if streamed:
        reader = spoken.reply_reader()
        events = [event for chunk in seen.raw for event in reader.feed(chunk)]
    else:
        try:
            whole = fields.load_reply(b"".join(seen.raw))
            events = [event for one in _each(whole) for event in spoken.read_reply(one)]
        except BadRequestError:
            return ""
    return "".join(map(said, events))


def _each(whole: Json) -> list[Json]:
    """An answer with several choices as several with one each, for readers read the first alone."""
    if isinstance(whole, dict):
        for name in ("choices", "candidates"):
            several = whole.get(name)
            if isinstance(several, list) and len(several) > 1:
                return [{**whole, name: [one]} for one in several]
    return [whole]


def at_price(price: Price, progress: Progress) -> Nanos:
    """What the last attempt would have cost at this price, for another model would not have failed before it: known where it is the
    one that was paid."""
    settled = progress.settled
    if settled is None:
        return Nanos(0)
    return settled.cost if price is progress.price else cost(settled.usage, price)


def _written(exchange: Exchange, said: str) -> str:
    """An error as the ledger may keep it."""
    return without_echo(said, exchange.call.outline.texts)[:500] if said else ""


def _status(progress: Progress, exchange: Exchange) -> Status:
    error, last = progress.error, progress.last
    if error is None and last is not None and (ended := _ENDED.get(last.seen.status)):
        return ended
    if isinstance(error, Refusal):
        return Status.REFUSED
    return Status.ABORTED if exchange.answer.gone else Status.FAILED
