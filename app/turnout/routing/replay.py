"""What a rules file would have done to calls that were made: tiers, dollars with their caches, and two honest controls.

Rows keep no text. A call whose decision would need some (a new `match`, a grade never made) is counted as unknown, stays
as it was in both columns, and is left out of the controls. Budgets, loops and the engines' health of the day are not replayed.

Dollars. Each session's prompt cache is walked through: what a call found warm at the model that it really had is moved to
the model it would have had, and is warm there only if the session's call before was there too, within the cache's life.

The controls. `shuffle` gives each call the tier of another of about the same size (tenths by prompt tokens), so it costs about
the same and knows nothing; its expected figures are exact, not sampled. `all fast` sends everything to tier fast. How well a
line did is measured by labels where there are enough (how much each call needed the strong model, 0..1), else by the grader's own
score, which cannot speak against the grader; `measured_by` says which. The interval of the difference to the shuffle is a
bootstrap over sessions, for the calls of one session are not independent.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo

from turnout.calls.client import Call, Client
from turnout.calls.outline import Outline
from turnout.calls.record import CallRecord
from turnout.calls.units import Dialect, Family, Housekeeping, Mode, Nanos, Status, Tier, Tokens
from turnout.calls.usage import Price, Usage, cost
from turnout.errors import TurnoutError
from turnout.routing.afford import rate
from turnout.routing.conversation import Graded
from turnout.routing.decide import UntoldError, decided
from turnout.routing.facts import Candidate, Facts, Memory, Roster
from turnout.routing.money import dollars
from turnout.routing.plan import Need
from turnout.routing.rules import RuleSet
from turnout.routing.signals import Reading

ENOUGH_LABELS = 50
CACHE_LIFE_MS = 300_000
SHORTFALL = {Tier.HIGH: 0.0, Tier.FAST: 0.5, Tier.LOCAL: 1.0}
"""How much of a call's need for the strong model each tier leaves unmet."""
RESAMPLES = 1_000
_STRATA = 10
_BLOCKS = 200


@dataclass(frozen=True, slots=True)
class Change:
    """One call that would have gone elsewhere."""

    id: str
    before: str
    """Its tier and model as they were."""
    after: str
    rule: str
    cost_before: Nanos
    cost_after: Nanos


@dataclass(frozen=True, slots=True)
class Line:
    """One way of routing the calls that could be replayed."""

    name: str
    mix: Mapping[Tier, float]
    """Calls per tier; fractions for the shuffle's expectation are whole again in sum."""
    cost: Nanos
    met: float | None
    """Share of the need for the strong model that was met, 0..1; None: nothing to measure with."""


@dataclass(frozen=True, slots=True)
class ReplayReport:
    calls: int
    replayed: int
    unknown: Mapping[str, int]
    """Why a call could not be replayed -> how many: "text not kept: rule X", "never graded"."""
    refused: int
    """Calls that the new rules would refuse."""
    unpriced: int
    changed: tuple[Change, ...]
    before: Line
    after: Line
    shuffle: Line
    all_fast: Line
    difference: float | None
    """Of `met`, after minus shuffle."""
    interval: tuple[float, float] | None
    """95 % of it."""
    beats_shuffle: bool
    measured_by: str
    """labels | grader's score | nothing"""
    measured: int
    verdict: str

    @property
    def lines(self) -> tuple[Line, ...]:
        return self.before, self.after, self.shuffle, self.all_fast


@dataclass(frozen=True, slots=True)
class _Done:
    """One call, replayed."""

    record: CallRecord
    before: Tier
    after: Tier
    cost_after: Nanos
    need: float | None


@dataclass(slots=True)
class _Session:
    memory: Memory = field(default_factory=Memory)
    warm: Tokens = Tokens(0)
    """Prompt the new model holds."""
    same: bool = True
    """Whether the model of the call before was the one it really had."""


def replay(
    records: Iterable[CallRecord],
    rules: RuleSet,
    roster: Roster,
    *,
    mode: Mode = Mode.AUTO,
    zone: tzinfo = UTC,
    seed: int = 0,
    labels: Mapping[str, float] | None = None,
) -> ReplayReport:
    """`records` in any order. The same arguments give the same report, to the last digit."""
    ordered = sorted(records, key=lambda record: (record.at_ms, record.id))
    known = [record for record in ordered if record.status in _ENDED and record.model and record.tier is not None]
    stage = _Stage(rules, roster, mode, zone, labels or {})
    for record in known:
        stage.play(record)
    return _report(len(ordered), stage, seed)


_ENDED = frozenset({Status.SETTLED, Status.ABORTED, Status.FAILED})


class _Stage:
    def __init__(self, rules: RuleSet, roster: Roster, mode: Mode, zone: tzinfo, labels: Mapping[str, float]) -> None:
        self._rules, self.roster, self._mode, self._zone, self._labels = rules, roster, mode, zone, labels
        self._sessions: dict[str, _Session] = {}
        self.enough_labels = len(labels) >= ENOUGH_LABELS
        self.done: list[_Done] = []
        self.unknown: Counter[str] = Counter()
        self.refused = 0
        self.unpriced = 0
        self.changed: list[Change] = []
        self.kept: list[CallRecord] = []
        """Unknown ones, which stay as they were."""

    def play(self, record: CallRecord) -> None:
        session = self._sessions.setdefault(record.session or record.id, _Session())
        reading = self._reading(record, session)
        try:
            outcome = decided(reading)
        except UntoldError as untold:
            return self._unknown(record, session, f"text not kept: rule {untold.rule.name}")
        except TurnoutError:
            self.refused += 1
            return None
        if isinstance(outcome, Need):
            why = "never graded" if outcome is Need.GRADE else f"{outcome.value} not kept"
            return self._unknown(record, session, why)
        steps = outcome.steps
        was = f"{record.provider}/{record.model}"
        # A call that fell back to a later step of the very same plan was not routed elsewhere.
        step = next((one for one in steps if one.candidate.name == was), steps[0])
        candidate = step.candidate
        after = step.tier or candidate.tier or record.tier or Tier.FAST
        spent = self._spent(record, session, candidate)
        self._remember(record, session, candidate, after, private=outcome.private)
        assert record.tier is not None
        self.done.append(_Done(record, record.tier, after, spent, self._need(record)))
        if candidate.name != was:
            self.changed.append(
                Change(
                    record.id,
                    f"{record.tier.value} {was}",
                    f"{after.value} {candidate.name}",
                    outcome.rule,
                    record.cost,
                    spent,
                )
            )
        return None

    def _unknown(self, record: CallRecord, session: _Session, why: str) -> None:
        self.unknown[why] += 1
        self.kept.append(record)
        session.same = True
        session.memory = Memory(
            model=f"{record.provider}/{record.model}", tier=record.tier, grade=record.grade, last_at_ms=record.at_ms
        )
        session.warm = record.usage.prompt

    def _need(self, record: CallRecord) -> float | None:
        return self._labels.get(record.id) if self.enough_labels else record.score

    # --- a row as a call ---

    def _reading(self, record: CallRecord, session: _Session) -> Reading:
        facts = Facts(
            now=datetime.fromtimestamp(record.at_ms / 1000, self._zone),
            now_ms=record.at_ms,
            rules=self._rules,
            roster=self.roster,
            mode=self._mode,
            memory=session.memory,
            estimate=Tokens(record.usage.prompt or record.estimate),
            likely_output=record.usage.produced,
        )
        return Reading(_call(record), facts, recorded=record.signals, known_grade=_grade(record))

    # --- dollars ---

    def _spent(self, record: CallRecord, session: _Session, candidate: Candidate) -> Nanos:
        was = f"{record.provider}/{record.model}"
        if candidate.name == was and session.same:
            return record.cost
        price = self._price(candidate)
        if price is None:
            return Nanos(0)
        return cost(_recached(record.usage, self._warm(record, session, candidate), price), price)

    def _price(self, candidate: Candidate) -> Price | None:
        if candidate.price is None and not candidate.sovereign:
            self.unpriced += 1
        return rate(candidate, self.roster)

    def _warm(self, record: CallRecord, session: _Session, candidate: Candidate) -> Tokens:
        memory = session.memory
        if memory.model != candidate.name or record.at_ms - memory.last_at_ms > CACHE_LIFE_MS:
            return Tokens(0)
        return session.warm

    def _remember(
        self, record: CallRecord, session: _Session, candidate: Candidate, tier: Tier, *, private: bool
    ) -> None:
        if "call.housekeeping" in record.signals:
            return
        session.same = candidate.name == f"{record.provider}/{record.model}"
        session.warm = record.usage.prompt
        cached = record.usage.prompt - record.usage.uncached
        session.memory = Memory(
            model=candidate.name,
            tier=tier,
            grade=record.grade,
            private=private or session.memory.private,
            last_at_ms=record.at_ms,
            warm=Tokens(cached or (record.usage.prompt if not candidate.sovereign else 0)),
            calls=session.memory.calls + 1,
        )


def _recached(usage: Usage, warm: Tokens, price: Price) -> Usage:
    """The same tokens as another model would have billed them, with `warm` of the prompt cached there."""
    cacheable = usage.prompt - usage.uncached
    read = min(warm, cacheable)
    written = cacheable - read
    if price.cache_write_5m <= price.uncached:
        return Usage(Tokens(usage.uncached + written), Tokens(read), output=usage.output, reasoning=usage.reasoning)
    return Usage(usage.uncached, Tokens(read), Tokens(written), output=usage.output, reasoning=usage.reasoning)


def _grade(record: CallRecord) -> Graded | None:
    """None: it was never made."""
    signals = record.signals
    if "call.housekeeping" in signals:
        return Graded(record.grade, "housekeeping")
    if record.grade is None and record.score is None:
        return None
    inherited = signals.get("call.inherited") is True
    return Graded(record.grade, "as recorded", record.score, record.confidence, inherited)


def _call(record: CallRecord) -> Call:
    signals = record.signals

    def number(key: str) -> int:
        value = signals.get(key, 0)
        return int(value) if isinstance(value, int | float) else 0

    most = number("call.max_output")
    housekeeping, sealed = signals.get("call.housekeeping"), signals.get("call.sealed_by")
    outline = Outline(
        dialect=_DIALECTS.get(record.dialect, Dialect.OPENAI_CHAT),
        model=record.asked_model,
        stream=record.stream,
        max_output=Tokens(most) if most else None,
        ask_is_last=signals.get("call.tool_loop") is not True,
        turns=number("call.turns"),
        tools=number("call.tools"),
        images=number("call.images"),
        thinking=signals.get("call.thinking") is True,
        tool_errors=number("call.tool_errors"),
        housekeeping=_HOUSEKEEPING.get(housekeeping) if isinstance(housekeeping, str) else None,
        sealed_by=_FAMILIES.get(sealed) if isinstance(sealed, str) else None,
    )
    return Call(
        id=record.id,
        at_ms=record.at_ms,
        client=Client(record.client, record.department, record.project),
        developer=record.developer,
        project=record.project,
        outline=outline,
        session=record.session,
        parent_session=record.parent_session,
    )


_DIALECTS = {one.value: one for one in Dialect}
_HOUSEKEEPING = {one.value: one for one in Housekeeping}
_FAMILIES = {one.value: one for one in Family}


# --- the report ---


def _report(calls: int, stage: _Stage, seed: int) -> ReplayReport:
    done = stage.done
    strata = list(_strata(done))
    before = Line(
        "as it was", Counter(one.before for one in done), _sum(one.record.cost for one in done), _met(done, _of_before)
    )
    after = Line(
        "these rules", Counter(one.after for one in done), _sum(one.cost_after for one in done), _met(done, _of_after)
    )
    shuffle = _shuffled(strata, after, stage)
    fast = Line(
        "all fast", {Tier.FAST: len(done)}, _all_at(done, Tier.FAST, stage), _met(done, lambda _: SHORTFALL[Tier.FAST])
    )
    gains = _gains(strata)
    difference = sum(gain for _, gain in gains) / total if (total := sum(one.need or 0.0 for one in done)) else None
    interval = _interval(gains, total, seed) if difference is not None else None
    measured = sum(1 for one in done if one.need is not None)
    by = "nothing" if not total else "labels" if stage.enough_labels else "grader's score"
    beats = interval is not None and interval[0] > 0
    return ReplayReport(
        calls=calls,
        replayed=len(done),
        unknown=dict(stage.unknown),
        refused=stage.refused,
        unpriced=stage.unpriced,
        changed=tuple(stage.changed),
        before=before,
        after=after,
        shuffle=shuffle,
        all_fast=fast,
        difference=difference,
        interval=interval,
        beats_shuffle=beats,
        measured_by=by,
        measured=measured,
        verdict=_verdict(beats, difference, interval, by, after, fast),
    )


def _sum(amounts: Iterable[int]) -> Nanos:
    return Nanos(sum(amounts))


def _of_before(one: _Done) -> float:
    return SHORTFALL[one.before]


def _of_after(one: _Done) -> float:
    return SHORTFALL[one.after]


def _met(done: Sequence[_Done], shortfall: Callable[[_Done], float]) -> float | None:
    total = sum(one.need for one in done if one.need is not None)
    if not total:
        return None
    return 1 - sum(one.need * shortfall(one) for one in done if one.need is not None) / total


def _strata(done: Sequence[_Done]) -> Iterator[list[_Done]]:
    """Tenths by prompt size: within one, giving a call another's tier changes little of what the whole costs."""
    ordered = sorted(done, key=lambda one: (one.record.usage.prompt, one.record.id))
    size = max(1, -(-len(ordered) // _STRATA))
    for at in range(0, len(ordered), size):
        yield ordered[at : at + size]


def _shuffled(strata: Sequence[Sequence[_Done]], after: Line, stage: _Stage) -> Line:
    """Every call gets each tier with the share that its stratum has; cost and need met are expectations."""
    spent, unmet, total = 0.0, 0.0, 0.0
    for stratum in strata:
        shares = {tier: count / len(stratum) for tier, count in Counter(one.after for one in stratum).items()}
        short = sum(SHORTFALL[tier] * share for tier, share in shares.items())
        for tier, share in shares.items():
            spent += share * _all_at(stratum, tier, stage)
        for one in stratum:
            if one.need is not None:
                unmet += one.need * short
                total += one.need
    return Line("shuffled", after.mix, Nanos(round(spent)), 1 - unmet / total if total else None)


def _all_at(done: Iterable[_Done], tier: Tier, stage: _Stage) -> Nanos:
    """What the calls would have cost at a tier's first model, each with the share of its prompt cached that it really had."""
    line = stage.roster.tiers.get(tier, ())
    price = line[0].price or line[0].hold_price if line else None
    if price is None:
        return Nanos(0)
    return _sum(cost(_recached(one.record.usage, one.record.usage.cache_read, price), price) for one in done)


def _gains(strata: Iterable[Sequence[_Done]]) -> list[tuple[str, float]]:
    """Per call: its session, and how much more of its need these rules meet than the shuffle is expected to."""
    found: list[tuple[str, float]] = []
    for stratum in strata:
        short = sum(SHORTFALL[one.after] for one in stratum) / len(stratum)
        found.extend(
            (one.record.session or one.record.id, one.need * (short - SHORTFALL[one.after]))
            for one in stratum
            if one.need is not None
        )
    return found


def _interval(gains: Sequence[tuple[str, float]], total: float, seed: int) -> tuple[float, float]:
    """Percentile bootstrap over blocks of whole sessions; drawn by splitmix64 from the seed, so it can be repeated."""
    blocks: dict[int, float] = {}
    for session, gain in gains:
        key = (
            int.from_bytes(hashlib.blake2b(session.encode("utf-8", "surrogatepass"), digest_size=4).digest(), "big")
            % _BLOCKS
        )
        blocks[key] = blocks.get(key, 0.0) + gain
    values = list(blocks.values())
    draws = _splitmix(seed)
    means = sorted(sum(values[next(draws) % len(values)] for _ in values) / total for _ in range(RESAMPLES))
    return means[int(RESAMPLES * 0.025)], means[int(RESAMPLES * 0.975)]


def _splitmix(seed: int) -> Iterator[int]:
    """Steele, Lea and Flood's generator: 64 bits of state, the same on every machine."""
    state, mask = seed & 0xFFFFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFFFF
    while True:
        state = (state + 0x9E3779B97F4A7C15) & mask
        mixed = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & mask
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & mask
        yield mixed ^ (mixed >> 31)


def _verdict(
    beats: bool, difference: float | None, interval: tuple[float, float] | None, by: str, after: Line, fast: Line
) -> str:
    if difference is None or interval is None:
        without = (
            "no call that was replayed has a score or a label"
            if sum(after.mix.values())
            else "no call could be replayed"
        )
        return f"Nothing to measure with: {without}, so whether the router beats a shuffle is not known."
    figure = (
        f"{difference * 100:+.1f} points of the need met (95 %: {interval[0] * 100:+.1f} to {interval[1] * 100:+.1f})"
    )
    if not beats:
        said = f"The router does not beat the shuffle: {figure}. The same tier mix at random would do as well."
    else:
        said = f"The router beats a shuffle of its own tier mix: {figure}."
    if by == "grader's score":
        said += " Measured by the grader's own score, which cannot speak against it; label calls to know more."
    if after.cost > fast.cost and after.met is not None and fast.met is not None and after.met <= fast.met:
        said += f" All fast would cost {dollars(fast.cost)} and meet as much."
    return said
