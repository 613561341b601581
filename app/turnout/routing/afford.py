"""Steps with their worst case, what a rule lets a call cost, and budgets: the last part of a decision.

The worst case is held, all of it, for every budget at once. Where it does not fit, output is lowered to what remains (not
under `budget.FLOOR`); only where that does not help either the budget's `on_exceed` speaks.
"""

from collections.abc import Iterable, Sequence

from turnout.calls.client import Call
from turnout.calls.units import Nanos, Tier, Tokens
from turnout.calls.usage import Price, Usage, cost, dearer
from turnout.calls.values import frozen
from turnout.errors import BudgetRefusal, PolicyRefusal
from turnout.routing.budget import BY_STEP, FLOOR, applies, is_free, lacking, refusal, strictest
from turnout.routing.conversation import RANK, Graded
from turnout.routing.facts import Candidate, Facts, Roster, Standing
from turnout.routing.money import dollars
from turnout.routing.plan import Need, Plan, Step
from turnout.routing.route import Course, Routed
from turnout.routing.rules import Rule
from turnout.routing.tracks import Stop, above, below, embeds, fitting, ordered, tier_line

MOST_STEPS = 6
MOST_UNSAID = Tokens(32_768)
"""What is held at most for an answer in one piece that its client set no limit for."""
MOST_OUTPUT = Tokens(2_000_000)
"""What is held at most where a client asks for 10^12 tokens of output and the model's own limit is not known."""

MARGIN = Tokens(512)
"""Held more than a stream's engine is told: what comes before one that does not keep to it is stopped, and what two tokenizers
differ by."""
_NEXT = ("next",)
_UNGRADED = Graded(None, "")
SEARCHES = 10
"""Of the web, held where the vendor's own tool may make them: clients allow some eight."""
DEAR = Price(
    15_000_000_000,
    15_000_000_000,
    18_750_000_000,
    30_000_000_000,
    75_000_000_000,
    75_000_000_000,
    "unknown, so taken for dear",
)
"""What the dearest models that many people use cost: a model counts so when no price is known of it, nor of any other in the tiers."""
AMPLE = 4
"""A budget with so many times what is held for a stream without a limit lets that hold grow; nearer to its end the engine is told."""


@frozen
class Fit:
    """A step as the budgets allow it; `failing`: those it does not fit, even clamped."""

    step: Step
    failing: tuple[Standing, ...] = ()


@frozen
class Terms:
    """What this call is held at on one model."""

    prompt: Tokens
    fixed: int
    """Millionths of a nano-dollar for the prompt; rounded only in sum."""
    each: int
    """The same for a token of output."""
    per_call: int
    """Nano-dollars."""

    def cost(self, output: int) -> Nanos:
        """`output`: of all answers together."""
        return Nanos(-(-(self.fixed + output * self.each) // 1_000_000) + self.per_call)


Signals = dict[str, str | float | int | bool]


def afforded(call: Call, facts: Facts, course: Course, signals: Signals) -> Plan | Need:
    """Raises BudgetRefusal, or PolicyRefusal for `max_usd_per_call`. `signals` go into the plan as they are."""
    matched, found, rule = course.matched, course.found, course.matched.rule
    if facts.estimate is None and not is_free(call):
        return Need.TOKENS
    stops: Sequence[Stop] = found.line
    if rule is not None:
        if rule.on_failure != _NEXT:
            more = _stops(call, facts, found, rule.on_failure)
            if isinstance(more, Need):
                return more
            stops = more
        if rule.max_usd_per_call is not None:
            stops = _under(rule, rule.max_usd_per_call, stops, call, facts)
    fits = [fit(stop, call, facts) for stop in stops]
    first, reason, waits = fits[0], found.reason, None
    if not found.line[0].candidate.healthy and first.step.candidate.healthy:
        reason = f"{reason}; {found.line[0].candidate.name} is down or asked to be left alone"
    if first.failing:
        worst = strictest(first.failing)
        if worst.budget.on_exceed == "refuse":
            raise _refused(worst, first.step)
        if worst.budget.on_exceed == "ask":
            waits = worst
        else:
            lower = _downgraded(call, facts, found, fits)
            if isinstance(lower, Need):
                return lower
            if not lower:
                raise _refused(worst, first.step, cheaper_tried=True)
            fits, first = lower, lower[0]
            where = first.step.tier.value if first.step.tier is not None else first.step.candidate.name
            reason = f'{reason}; budget "{worst.budget.name}": down to {where}'
    steps: tuple[Step, ...] = (first.step,)
    if len(fits) > 1:
        steps = (*steps, *[one.step for one in fits[1:] if not one.failing][: MOST_STEPS - 1])
    graded = found.graded or _UNGRADED
    pinned = found.pinned and not first.failing and _same(first.step.candidate, found.line[0].candidate)
    # By place: by name it takes three times as long.
    return Plan(
        steps,
        matched.name,
        reason,
        graded.grade,
        graded.score,
        graded.confidence,
        matched.private,
        pinned,
        found.switch,
        matched.observed,
        first.step.max_output,
        first.step.buckets,
        signals,
        course.baseline,
        f"{waits.budget.name}\n{waits.key}" if waits is not None else "",
        _refused(waits, first.step) if waits is not None else None,
    )


def _same(one: Candidate, other: Candidate) -> bool:
    return one is other or one == other


def _stops(call: Call, facts: Facts, found: Routed, on_failure: tuple[str, ...]) -> list[Stop] | Need:
    """The line, then what the rule says a failure leads to."""
    stops = list(found.line) if "next" in on_failure else list(found.line[:1])
    tier = stops[0].tier
    for word in on_failure:
        tiers = above(tier) if word == "up" else below(tier) if word == "down" else ()
        for at in tiers:
            more = fitting(tier_line(facts, at, found.walls), call, facts)
            if isinstance(more, Need):
                return more
            if more:
                stops.extend(ordered(more))
                break
    # What is down, or asked to be left alone, is tried only when nothing else can serve.
    return ordered(stops)


# --- what a step costs ---


def rate(candidate: Candidate, roster: Roster, service: str = "") -> Price | None:
    """What is held by; None: nothing, for a sovereign engine without a price.

    `service`: the tier of service asked for. The provider may answer at the standard one instead, so the dearer is held.
    """
    if candidate.price is not None:
        if not service:
            return candidate.price
        apart = next((price for name, price in candidate.services if name == service), None)
        return candidate.price if apart is None else dearer(candidate.price, apart)
    if candidate.hold_price is not None:
        return candidate.hold_price
    return None if candidate.sovereign else _dearest(roster)


def _dearest(roster: Roster) -> Price:
    """For a model whose provider has no price at all: the dearest model of the roster stands in, else `DEAR`; never zero."""
    prices = (one.hold_price or one.price for line in roster.tiers.values() for one in line)
    return max(
        (price for price in prices if price is not None), key=lambda price: (price.output, price.uncached), default=DEAR
    )


def prompt_held(candidate: Candidate, facts: Facts) -> Tokens:
    if facts.estimate is None:
        return Tokens(0)
    return facts.estimate if facts.expected is None else facts.expected(candidate.name)


def worst_output(candidate: Candidate, call: Call, facts: Facts) -> Tokens:
    """Of one answer, at most. Without a limit of the client's own a learned ceiling stands in (`_bound`)."""
    if embeds(call):
        return Tokens(0)
    wanted = call.outline.max_output
    if wanted is None:
        whole = not call.outline.stream and candidate.max_output is not None
        wanted = Tokens(min(candidate.max_output or 0, MOST_UNSAID)) if whole else facts.ceiling_output
    return Tokens(max(0, min(wanted, candidate.max_output or candidate.context or MOST_OUTPUT)))


def terms(candidate: Candidate, call: Call, facts: Facts) -> Terms:
    """The prompt at the dearest bucket that it may land in: an hour's cache write only where the client marks what to cache."""
    prompt = prompt_held(candidate, facts)
    price = rate(candidate, facts.roster, call.outline.service)
    if price is None:
        return Terms(prompt, 0, 0, 0)
    # A prompt that is a little longer than we count may be billed at the next tier by length, all of it.
    at = price if price.longer is None else price.at(Tokens(prompt + prompt // 8))
    outline = call.outline
    beside = at.per_call
    if outline.server_tools and at.per_search and any(kind.startswith("web_search") for kind in outline.server_tools):
        beside += SEARCHES * at.per_search
    dearest = max(at.dearest_input, at.cache_write_1h) if outline.cache_marks else at.dearest_input
    return Terms(prompt, prompt * dearest, at.dearest_output, beside)


def _bound(call: Call, each: int, room: int) -> tuple[int, int | None]:
    """What is held, and what the engine is told as its limit, where the client set none. `room`: what the budgets pay for.

    An answer in one piece cannot be watched, so it always is. A stream's hold grows with it (None) while there is much left; near
    the end of a budget only the engine itself can stop in time: what one read brings at once is billed before it is counted.
    """
    if not call.outline.stream:
        return each, each
    if room >= AMPLE * each:
        return each, None
    each = max(each, min(room, 2 * each))
    return each, each - MARGIN


def likely_cost(candidate: Candidate, call: Call, facts: Facts) -> Nanos:
    """With the output that calls like this one usually have."""
    price = rate(candidate, facts.roster, call.outline.service)
    if price is None or facts.estimate is None:
        return Nanos(0)
    output = min(facts.likely_output, worst_output(candidate, call, facts))
    usage = Usage(uncached=prompt_held(candidate, facts), output=Tokens(output * call.outline.choices))
    return cost(usage, price)


def _under(rule: Rule, most: Nanos, stops: Sequence[Stop], call: Call, facts: Facts) -> Sequence[Stop]:
    kept = [stop for stop in stops if likely_cost(stop.candidate, call, facts) <= most]
    if not kept:
        likely = min(likely_cost(stop.candidate, call, facts) for stop in stops)
        raise PolicyRefusal(
            f'Rule "{rule.name}" allows {dollars(most)} a call, and this one would likely cost {dollars(likely)}.',
            hint="Shorten the conversation, ask for a cheaper tier, or raise max_usd_per_call in rules.toml.",
        )
    return kept


# --- budgets ---


def fit(stop: Stop, call: Call, facts: Facts) -> Fit:
    candidate, outline = stop.candidate, call.outline
    if is_free(call):
        return Fit(Step(candidate, Nanos(0), tier=stop.tier))
    held = terms(candidate, call, facts)
    each = worst_output(candidate, call, facts)
    output = Tokens(each * outline.choices)
    hold, tokens = held.cost(output), Tokens(held.prompt + output)
    mine: list[Standing] = []
    keys: list[str] = []
    fits = True
    for standing in facts.standings:
        if standing.budget.scope in BY_STEP and not applies(standing, candidate, stop.tier):
            continue
        mine.append(standing)
        keys.append(standing.key)
        fits = fits and not lacking(standing, nanos=hold, tokens=tokens)
    step = Step(candidate, hold, tokens, None, output, stop.tier, tuple(keys))
    unsaid = outline.max_output is None and _bounding(mine, hold) and not embeds(call)
    if fits and not unsaid:
        return Fit(step)
    return _bounded(step, held, mine, call, each, unsaid=unsaid)


def _bounded(step: Step, held: Terms, mine: list[Standing], call: Call, each: int, *, unsaid: bool) -> Fit:
    """The step with its output bounded: the worst case does not fit, or (`unsaid`) the client set no limit and budgets count it."""
    choices = call.outline.choices
    room = _room(mine, held) // choices
    if unsaid:
        more, told = _bound(call, each, room)
        step = _resized(step, held, more * choices, told)
    failing = _failing(mine, step)
    if not failing:
        return Fit(step)
    kept = MARGIN if unsaid and call.outline.stream else 0
    if FLOOR <= room - kept < each:
        clamped = _resized(step, held, room * choices, room - kept)
        if not _failing(mine, clamped):
            return Fit(clamped)
    return Fit(step, failing)


def _resized(step: Step, held: Terms, output: int, told: int | None) -> Step:
    """`output`: of all answers together; `told`: the limit of each that the engine gets."""
    limit = Tokens(told) if told is not None else None
    total = Tokens(held.prompt + output)
    return Step(step.candidate, held.cost(output), total, limit, Tokens(output), step.tier, step.buckets)


def _bounding(mine: Iterable[Standing], hold: Nanos) -> bool:
    """Whether there is a budget that output counts in."""
    return any(one.budget.unit == "tokens" or (one.budget.unit == "usd" and hold > 0) for one in mine)


def _failing(standings: Iterable[Standing], step: Step) -> tuple[Standing, ...]:
    return tuple(one for one in standings if lacking(one, nanos=step.hold, tokens=step.tokens))


def _room(mine: Iterable[Standing], held: Terms) -> int:
    """Output tokens that what is left of every budget pays for; negative where it does not even pay for the prompt."""
    return min(_room_of(one, held) for one in mine)


def _room_of(standing: Standing, held: Terms) -> int:
    unit = standing.budget.unit
    if unit == "tokens":
        return standing.left - held.prompt
    if unit == "calls":
        return MOST_OUTPUT if standing.left >= 1 else -1
    left = (standing.left - held.per_call) * 1_000_000 - held.fixed
    if left < 0:
        return -1
    return left // held.each if held.each else MOST_OUTPUT


def _downgraded(call: Call, facts: Facts, found: Routed, fits: list[Fit]) -> list[Fit] | Need:
    """What fits of the line itself (but nothing dearer), then of the tiers below, nearest first."""
    first = fits[0].step
    rank = RANK[first.tier] if first.tier is not None else RANK[Tier.HIGH]
    kept = [one for one in fits[1:] if not one.failing and (one.step.tier is None or RANK[one.step.tier] <= rank)]
    for tier in below(first.tier):
        line = fitting(tier_line(facts, tier, found.walls), call, facts)
        if isinstance(line, Need):
            return line
        kept.extend(one for one in (fit(stop, call, facts) for stop in ordered(line)) if not one.failing)
    seen: set[str] = set()
    unique: list[Fit] = []
    for one in kept:
        if one.step.candidate.name not in seen:
            seen.add(one.step.candidate.name)
            unique.append(one)
    return unique


def _refused(standing: Standing, step: Step, *, cheaper_tried: bool = False) -> BudgetRefusal:
    return refusal(standing, nanos=step.hold, tokens=step.tokens, cheaper_tried=cheaper_tried)
