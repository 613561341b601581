"""From a route's name to its line of models: by tier, by grade, by the session's own model, as asked, or one named.

A conversation is kept where it is unless there is a reason: inside a tool loop always, for a follow-up too, and at a boundary
when moving down would cost more than it saves (`switching`). Moving up is for quality and needs no such reason.
"""

from collections.abc import Mapping
from dataclasses import replace
from difflib import get_close_matches

from turnout.calls.units import Mode, Tier, Tokens
from turnout.calls.values import frozen
from turnout.errors import NoEngineError, NotFoundError, PolicyRefusal, TurnoutError
from turnout.routing import conversation, switching
from turnout.routing.conversation import RANK, TIER_OF, Graded
from turnout.routing.facts import Candidate
from turnout.routing.plan import Need
from turnout.routing.rules import Rule
from turnout.routing.signals import Reading
from turnout.routing.tracks import (
    NEAREST,
    TIER_NAMES,
    UPWARD,
    Stop,
    Walls,
    able,
    above,
    embeds,
    fitting,
    of_family,
    ordered,
    tier_line,
)

AS_ASKED = "as asked"


@frozen
class Matched:
    """What the rules say of a call."""

    rule: Rule | None
    """The rule in effect; None: none matched, or the client's own wish stands."""
    route: str
    """high | fast | local | grade | pinned | asked | provider/model"""
    name: str
    private: bool
    observed: str = ""


@frozen
class Routed:
    line: tuple[Stop, ...]
    """Best first; never empty."""
    reason: str
    walls: Walls
    graded: Graded | None = None
    pinned: bool = False
    switch: str = ""
    by_name: bool = False
    """Nothing but the name that the client asked for, the roster and the walls made it."""


@frozen
class Course:
    """Where a call goes by the rules, before it comes to money."""

    matched: Matched
    found: Routed
    baseline: Candidate | None
    signals: Mapping[str, str | float | int | bool]
    """What was read for it."""


@frozen
class Ruled:
    """What the rules say of a caller that asks for a model, whatever it says there."""

    matched: Matched
    values: Mapping[str, bool]
    """Of the signals that were read for it."""
    course: Course | None
    """None: where it goes hangs on more."""


Courses = dict[tuple[object, ...], Ruled]
"""Who calls, and what model that asks for -> what `decide` found."""


def routed(reading: Reading, matched: Matched) -> Routed | Need:
    """Raises NoEngineError, NotFoundError or PolicyRefusal where there is no line."""
    private = matched.private
    found = _Router(reading, Walls(private, reading.facts.mode), matched.name).to(matched.route)
    if isinstance(found, Need):
        return found
    if len(found.line) > 1:
        line = tuple(ordered(found.line))
        found = Routed(line, found.reason, found.walls, found.graded, found.pinned, found.switch)
    if private and not any(stop.candidate.healthy for stop in found.line):
        raise PolicyRefusal(
            "This conversation is private and no engine inside your walls answers now, so it was not sent anywhere.",
            hint="Start the local engine (`turnout doctor` says what is wrong), or begin a new conversation without the secret.",
            private=True,
        )
    return found


class _Router:
    def __init__(self, reading: Reading, walls: Walls, rule: str) -> None:
        self._reading, self._walls, self._rule = reading, walls, rule
        self._call, self._facts = reading.call, reading.facts

    def to(self, route: str) -> Routed | Need:
        if route == "asked":
            return self._asked()
        lock = self._lock()
        if lock is not None:
            return lock
        if route == "grade":
            return self._by_grade()
        if route == "pinned":
            return self._pinned()
        tier = TIER_NAMES.get(route)
        if tier is not None:
            return self._to_tier(tier, f"rule: {route}", NEAREST[tier])
        return self._named(route)

    # --- the conversation's own model ---

    def _current(self) -> Stop | Need | None:
        """The model of the last answer, if this call may and can stay there."""
        memory = self._facts.memory
        candidate = self._facts.roster.named.get(memory.model) if memory.model else None
        if candidate is None or not candidate.healthy or not self._walls.admit(candidate):
            return None
        fits = able(candidate, self._call, self._facts)
        if isinstance(fits, Need):
            return fits
        return Stop(candidate, memory.tier or candidate.tier) if fits else None

    def _lock(self) -> Routed | Need | None:
        """A tool loop never changes its model: the result goes back to the model that called the tool."""
        if not conversation.locked(self._call, self._facts.memory):
            return None
        return self._stay("a tool loop keeps its model")

    def _stay(self, why: str, *, switch: str = "", graded: Graded | None = None) -> Routed | Need | None:
        current = self._current()
        if current is None or isinstance(current, Need):
            return current
        memory = self._facts.memory
        name = current.candidate.name
        others = [stop for stop in self._tier_of(current) if stop.candidate.name != name]
        rest = fitting(others, self._call, self._facts)
        if isinstance(rest, Need):
            return rest
        graded = graded or Graded(memory.grade, why, inherited=True)
        said = f"grade {graded.grade.value}, pinned: {why}" if graded.grade is not None else f"pinned: {why}"
        return Routed((current, *rest), said, self._walls, graded, pinned=True, switch=switch)

    def _tier_of(self, stop: Stop) -> list[Stop]:
        return tier_line(self._facts, stop.tier, self._walls) if stop.tier is not None else []

    def _pinned(self) -> Routed | Need:
        stay = self._stay("the session keeps its model") if self._call.outline.housekeeping is None else None
        return stay if stay is not None else self._by_grade()

    # --- by tier ---

    def _to_tier(self, tier: Tier, why: str, order: tuple[Tier, ...], graded: Graded | None = None) -> Routed | Need:
        """The tier's line; where it is empty, the next of `order`; where nothing in it fits, upwards."""
        for at in order:
            line = tier_line(self._facts, at, self._walls)
            if not line:
                continue
            said = why if at is tier else f"{why}; nothing usable in tier {tier.value}, so {at.value}"
            return self._fitted(line, at, said, graded)
        raise self._nothing()

    def _fitted(self, line: list[Stop], tier: Tier | None, why: str, graded: Graded | None) -> Routed | Need:
        fits = fitting(line, self._call, self._facts)
        if isinstance(fits, Need):
            return fits
        if fits:
            return Routed(tuple(fits), why, self._walls, graded)
        others = above(tier) if not self._walls.private else tuple(t for t in UPWARD if t is not tier)
        for at in others:
            higher = fitting(tier_line(self._facts, at, self._walls), self._call, self._facts)
            if isinstance(higher, Need):
                return higher
            if higher:
                kept = tier.value if tier is not None else line[0].candidate.name
                return Routed(tuple(higher), f"{why}; does not fit {kept}, so {at.value}", self._walls, graded)
        if self._walls.private:
            raise self._unfit()
        # Nothing fits: the engine's own "prompt is too long" is what makes agents compact, so the call goes where it belongs.
        return Routed(tuple(line), f"{why}; no model is known to fit", self._walls, graded)

    def _unfit(self) -> PolicyRefusal:
        """No engine inside the walls can take this private conversation: why not, and what to do."""
        outline = self._call.outline
        inside = [stop.candidate for tier in UPWARD for stop in tier_line(self._facts, tier, self._walls)]
        why, less, more = "too large for", "Shorten it", "with a larger context window"
        if outline.images and not any(one.images for one in inside):
            why, less, more = "holds images or files that are too much for", "Leave them out", "that sees images"
        elif outline.tools and not any(one.tools for one in inside):
            why, less, more = "needs tools, which is too much for", "Leave them out", "that calls tools"
        return PolicyRefusal(
            f"This conversation is private and {why} every engine inside your walls, so it was not sent anywhere.",
            hint=f"{less}, or add a sovereign model {more} to tier local.",
            private=True,
        )

    def _nothing(self) -> NoEngineError | PolicyRefusal:
        if self._walls.private:
            return PolicyRefusal(
                f'Rule "{self._rule}" keeps this conversation private, and no engine inside your walls is set up.',
                hint="Mark a local provider `sovereign = true` in turnout.toml and put a model of it into tier local.",
                private=True,
            )
        if self._facts.mode is Mode.LOCAL:
            return NoEngineError(
                "Local only is on, and no local engine is set up.",
                hint="Start Ollama (or another local engine) and list its model in tier local, or `turnout mode auto`.",
            )
        if self._facts.mode is Mode.CLOUD:
            return NoEngineError(
                "Cloud only is on, and no cloud model is set up.",
                hint="Set a key (`turnout key set anthropic`) and list a model in tier high or fast, or `turnout mode auto`.",
            )
        return NoEngineError(
            "No tier lists a model, so there is nowhere to send this call.",
            hint="Install Ollama (https://ollama.com/download) and run `ollama pull qwen3-coder`, or set a cloud key with "
            "`turnout key set anthropic`. In a turnout.toml of your own, list the model under [tiers].",
        )

    # --- by grade ---

    def _by_grade(self) -> Routed | Need:
        facts = self._facts
        if embeds(self._call):
            return self._asked()
        graded = self._reading.graded()
        if isinstance(graded, Need):
            return graded
        if graded.inherited and not conversation.cache_lapsed(facts.memory, facts.now_ms):
            stay = self._stay(graded.why, graded=graded)
            if stay is not None:
                return stay
        if graded.grade is None:
            tier = TIER_NAMES.get(facts.rules.grades.abstain, Tier.FAST)
            order = NEAREST[tier] if tier is not Tier.LOCAL else NEAREST[Tier.LOCAL]
            said = f"no grade, {tier.value}: {graded.why}"
        else:
            tier = TIER_OF[graded.grade]
            order = NEAREST[tier]
            said = f"grade {graded.grade.value}: {graded.why}"
        found = self._to_tier(tier, said, order, graded)
        if isinstance(found, Need) or self._call.outline.housekeeping is not None:
            return found
        return self._settled_in(found)

    def _settled_in(self, target: Routed) -> Routed | Need:
        """Whether the conversation really moves to where its grade points."""
        current = self._current()
        if isinstance(current, Need):
            return current
        sealed = self._call.outline.sealed_by or self._facts.memory.sealed_by
        if sealed is not None:
            same = of_family(target.line, sealed)
            if same:
                others = [stop for stop in target.line if stop not in same]
                target = replace(target, line=(*same, *others))
            elif current is not None and current.candidate.family is sealed:
                stay = self._stay("signed thinking stays with its vendor", graded=target.graded)
                return stay if stay is not None else target
        if current is None:
            return target
        name = current.candidate.name
        if target.line[0].candidate.name == name:
            return target
        for stop in target.line:
            if stop.candidate.name == name:
                return replace(target, line=(stop, *target.line))
        return self._compared(target, current)

    def _compared(self, target: Routed, current: Stop) -> Routed | Need:
        facts = self._facts
        first = next((stop for stop in target.line if stop.candidate.healthy), target.line[0])
        if facts.estimate is None:
            return Need.TOKENS
        prompt = switching.as_billed(facts.estimate, facts.memory)
        warm = 0 if conversation.cache_lapsed(facts.memory, facts.now_ms) else min(facts.memory.warm, prompt)
        traffic = switching.Traffic(Tokens(warm), Tokens(prompt - warm), facts.likely_output)
        found = switching.compare(current.candidate, first.candidate, traffic)
        if found is None:
            return target
        if found.pays or _rank(first) > _rank(current):
            return Routed(target.line, target.reason, self._walls, target.graded, switch=found.text)
        stay = self._stay("switching would cost more", switch=found.text, graded=target.graded)
        return stay if stay is not None else target

    # --- by name ---

    def _asked(self) -> Routed | Need:
        name = self._call.outline.model
        if name in ("", "auto") and not embeds(self._call):
            lock = self._lock()
            return lock if lock is not None else self._by_grade()
        tier = TIER_NAMES.get(name)
        if tier is not None and not embeds(self._call):
            return self._to_tier(tier, f"asked: {name}", NEAREST[tier])
        candidate = self._facts.roster.named.get(name)
        if candidate is None:
            raise self._unknown(name)
        return self._only(candidate, AS_ASKED)

    def _only(self, candidate: Candidate, why: str) -> Routed | Need:
        if self._walls.admit(candidate):
            return Routed((Stop(candidate, candidate.tier),), why, self._walls, by_name=why == AS_ASKED)
        if embeds(self._call):
            # Another model's vectors would not be comparable, so there is no replacement inside the walls.
            raise self._nothing()
        tier = Tier.LOCAL if self._walls.private or self._walls.mode is Mode.LOCAL else candidate.tier or Tier.FAST
        kept = "private" if self._walls.private else f"{self._walls.mode.value} only"
        return self._to_tier(tier, f"{why}, but {kept}", NEAREST[tier])

    def _unknown(self, name: str) -> TurnoutError:
        if not self._facts.roster.named:
            return self._nothing()
        known, otherwise = [*TIER_NAMES, "auto"], "`auto` always works"
        if embeds(self._call):
            known, otherwise = [], "An embedding model goes by its own name, for vectors of two cannot be compared"
        known += list(self._facts.roster.named)[:5_000]
        near = get_close_matches(name[:200], known, n=3, cutoff=0.5)
        meant = f"Did you mean {', '.join(near)}? " if near else ""
        shown = name[:100] if name else "(no model named)"
        return NotFoundError(
            f"No provider here serves the model {shown}.",
            hint=f"{meant}{otherwise}; `turnout models list` shows the rest.",
        )

    def _named(self, name: str) -> Routed | Need:
        candidate = self._facts.roster.named.get(name)
        if candidate is None:
            raise NoEngineError(
                f'Rule "{self._rule}" routes to {name}, which no provider here has.',
                hint="Correct the route in rules.toml, or set the provider up in turnout.toml.",
            )
        if not self._walls.admit(candidate):
            return self._only(candidate, f"rule: {name}")
        stop = Stop(candidate, candidate.tier)
        rest = fitting(self._tier_of(stop), self._call, self._facts)
        if isinstance(rest, Need):
            return rest
        fits = able(candidate, self._call, self._facts)
        if isinstance(fits, Need):
            return fits
        if fits:
            return Routed((stop, *rest), f"rule: {name}", self._walls)
        return self._fitted([stop], candidate.tier, f"rule: {name}", None)


def _rank(stop: Stop) -> int:
    return RANK[stop.tier] if stop.tier is not None else RANK[Tier.FAST]
