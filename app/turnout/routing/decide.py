"""The decision: one call and what is known now in, a Plan out, or what is missing for it. Pure; refusals are raised.

In this order: loop guard; first matching rule (observe rules are noted, and the client gets what it asked for); the route's
line of models (`route`); steps with their worst case; what the rule allows a call to cost; budgets. Production, the editor's
preview, `rules explain` and `rules replay` all come through `decide`, so they cannot disagree.

What nothing overrides - not observe mode, pass-through, `x-turnout-tier` or `x-turnout-route: asked`: rules that say
`private` or `block`, budgets, loops, and a conversation's being private once it was.
"""

from dataclasses import replace

from turnout.calls.client import Call
from turnout.calls.units import Mode
from turnout.errors import LoopRefusal, PolicyRefusal, Refusal
from turnout.routing import loops
from turnout.routing.afford import Signals, afforded
from turnout.routing.budget import is_free
from turnout.routing.facts import Candidate, Facts
from turnout.routing.plan import Need, Plan
from turnout.routing.route import Course, Courses, Matched, Ruled, routed
from turnout.routing.rules import Name, Rule
from turnout.routing.signals import Gap, Reading, Truth, raw_facts
from turnout.routing.tracks import TIER_NAMES, embeds

_COURSES = 1_000
"""Callers and models of which something is kept for the rest of a minute."""
_LONGEST = 1_000
"""Characters of their names together; both are the client's own words."""
OVERRIDE = {"tier": "x-turnout-tier", "asked": "x-turnout-route: asked", "passthrough": "pass-through"}


class UntoldError(Exception):
    """A replay reached a signal whose value was not written down."""

    def __init__(self, rule: Rule) -> None:
        super().__init__(rule.name)
        self.rule = rule


def decide(call: Call, facts: Facts, courses: Courses | None = None) -> Plan | Need:
    """`courses`: taken over from earlier calls under the very same rules and roster, and added to."""
    waits = _waits(call, facts)
    return _with_money(call, facts, _course(call, facts, courses), waits)


def decided(reading: Reading) -> Plan | Need:
    """`decide` over a reading of one's own, to look afterwards at what was read."""
    call, facts = reading.call, reading.facts
    waits = _waits(call, facts)
    return _with_money(call, facts, _new_course(reading), waits)


def _waits(call: Call, facts: Facts) -> tuple[str, LoopRefusal] | None:
    return stopped_by_loop(call, facts) if facts.loops and not is_free(call) else None


def _with_money(call: Call, facts: Facts, course: Course | Need, waits: tuple[str, LoopRefusal] | None) -> Plan | Need:
    if isinstance(course, Need):
        return course
    signals: Signals = {**course.signals, **raw_facts(call)}
    if course.found.graded is not None and course.found.graded.inherited:
        signals["call.inherited"] = True
    try:
        plan = afforded(call, facts, course, signals)
    except Refusal as refusal:
        refusal.rule = course.matched.name
        raise
    if waits is not None and isinstance(plan, Plan) and not plan.waits:
        why, stopped = waits
        plan = replace(plan, waits=f"loop: {why}\n{call.session}", refusal=stopped)
    return plan


def _course(call: Call, facts: Facts, courses: Courses | None) -> Course | Need:
    """Taken over from a caller's call before as far as that hung on nothing but who calls and what model that asks for: 70
    instructions instead of 550 for a call that goes as asked, 240 fewer for one that is graded (call_bench --steps)."""
    if courses is None or facts.memory.private or call.as_asked or call.wanted_tier is not None:
        return _new_course(Reading(call, facts))
    client, outline = call.client, call.outline
    names = (client.name, client.department, call.developer, call.project, outline.model)
    face = (names, outline.dialect, facts.mode)
    known = courses.get(face)
    if known is not None and known.course is not None:
        return known.course
    reading = Reading(call, facts)
    if known is not None:
        reading.values.update(known.values)
        return _along(reading, known.matched)
    matched = match(reading)
    if isinstance(matched, Need):
        return matched
    course = _along(reading, matched)
    if not matched.private and reading.by_face and sum(map(len, names)) <= _LONGEST:
        if len(courses) >= _COURSES:
            courses.clear()
        whole = course if isinstance(course, Course) and course.found.by_name else None
        courses[face] = Ruled(matched, dict(reading.values), whole)
    return course


def _new_course(reading: Reading) -> Course | Need:
    matched = match(reading)
    return matched if isinstance(matched, Need) else _along(reading, matched)


def _along(reading: Reading, matched: Matched) -> Course | Need:
    facts = reading.facts
    try:
        found = routed(reading, matched)
    except Refusal as refusal:
        refusal.rule = matched.name
        raise
    if isinstance(found, Need):
        return found
    if matched.private and facts.secret is not None and facts.secret.failed:
        found = replace(found, reason=f"{found.reason}; the secret scanner failed, so it is taken for private")
    return Course(matched, found, _baseline(reading.call, facts), {**reading.values, **reading.shown})


def stopped_by_loop(call: Call, facts: Facts) -> tuple[str, LoopRefusal] | None:
    """Raises LoopRefusal where a loop refuses; what to wait for where it asks."""
    waits: tuple[str, LoopRefusal] | None = None
    for standing in facts.loops:
        why = loops.exceeded(standing)
        if why:
            refusal = loops.refusal(standing, why, call.session)
            if standing.loop.on_exceed != "ask" or standing.stopped:
                raise refusal
            waits = waits or (why, refusal)
    return waits


def match(reading: Reading) -> Matched | Need:
    """The first rule that holds. Under a wish of the client's own, and after an observe rule, only those that say `private` or
    `block` still count; such a rule then decides the route too.
    """
    call, facts = reading.call, reading.facts
    over = _override(call, facts)
    sticky = facts.memory.private
    observed = ""
    effect: Matched | None = None
    if over is not None:
        effect = Matched(None, over[0], over[1], sticky)
    values, computed, reached = reading.values, reading.computed, reading.reached
    for rule in facts.rules.rules:
        if effect is not None and (rule.observe or not (rule.private or rule.route == "block")):
            continue
        when = rule.when
        holds: Truth
        if type(when) is Name:
            known = values.get(when.name)
            holds = known if known is not None else computed(when.name)
        else:
            holds = reading.truth(when)
        if reached is not None:
            reached.append((rule.name, holds))
        if holds is False:
            continue
        if holds is not True:
            if isinstance(holds, Gap):
                raise UntoldError(rule)
            assert isinstance(holds, Need)
            return holds
        if rule.observe:
            observed = f"{rule.name}: {rule.route}"
            effect = Matched(None, "asked", rule.name, sticky)
            continue
        if rule.route == "block":
            blocked = PolicyRefusal(
                f'Rule "{rule.name}" blocks this call.',
                hint="Change the rule in rules.toml, or what it matches, if it should go through.",
            )
            blocked.rule = rule.name
            raise blocked
        return Matched(rule, "asked" if embeds(call) else rule.route, rule.name, rule.private or sticky, observed)
    if effect is not None:
        return replace(effect, observed=observed, route="asked" if embeds(call) else effect.route)
    if embeds(call):
        return Matched(None, "asked", "embeddings as asked", sticky)
    return Matched(None, "grade", "no rule matched: by grade", sticky)


def _override(call: Call, facts: Facts) -> tuple[str, str] | None:
    """A route and what is said of it."""
    if facts.mode is Mode.PASSTHROUGH:
        return "asked", OVERRIDE["passthrough"]
    if call.as_asked:
        return "asked", OVERRIDE["asked"]
    if call.wanted_tier is not None:
        return call.wanted_tier.value, OVERRIDE["tier"]
    return None


def _baseline(call: Call, facts: Facts) -> Candidate | None:
    """What savings compare with: the model the client named, where that is one, else the roster's."""
    name = call.outline.model
    if name and name != "auto" and name not in TIER_NAMES:
        named = facts.roster.named.get(name)
        if named is not None:
            return named
    return facts.roster.baseline
