"""Routes as lines of candidates: which models a route means, which of them this call may and can use, and what comes after them.

Three kinds of limits, from hard to soft. Walls: a private call never leaves them, and the tray's Local / Cloud only holds.
Fit: images, tools and the context window; a line without a fitting model is left upwards, never downwards. Health: a model
that is down goes last.
"""

from collections.abc import Iterable, Sequence

from turnout.calls.client import Call
from turnout.calls.units import EMBED_LIKE, Family, Mode, Tier
from turnout.calls.values import frozen
from turnout.routing.conversation import RANK
from turnout.routing.facts import Candidate, Facts
from turnout.routing.plan import Need
from turnout.routing.signals import fits_window

UPWARD = (Tier.LOCAL, Tier.FAST, Tier.HIGH)
NEAREST = {
    Tier.LOCAL: (Tier.LOCAL, Tier.FAST, Tier.HIGH),
    Tier.FAST: (Tier.FAST, Tier.HIGH, Tier.LOCAL),
    Tier.HIGH: (Tier.HIGH, Tier.FAST, Tier.LOCAL),
}
"""Where an empty tier's calls go. Local comes last for what was not meant for it."""
_WALLED = (Mode.LOCAL, Mode.CLOUD)
TIER_NAMES = {tier.value: tier for tier in Tier}


@frozen
class Stop:
    """A candidate on the line, and the tier it stands for here."""

    candidate: Candidate
    tier: Tier | None


@frozen
class Walls:
    """What may be used at all."""

    private: bool
    mode: Mode

    def admit(self, candidate: Candidate) -> bool:
        if self.private:
            return candidate.sovereign
        if self.mode is Mode.LOCAL:
            return candidate.sovereign or candidate.tier is Tier.LOCAL
        if self.mode is Mode.CLOUD:
            return not candidate.sovereign and candidate.tier is not Tier.LOCAL
        return True


def tier_line(facts: Facts, tier: Tier, walls: Walls) -> list[Stop]:
    line = facts.roster.tiers.get(tier, ())
    if walls.private or walls.mode in _WALLED:
        return [Stop(one, tier) for one in line if walls.admit(one)]
    return [Stop(one, tier) for one in line]


def able(candidate: Candidate, call: Call, facts: Facts) -> bool | Need:
    """Whether it can serve this call: images, tools, window."""
    outline = call.outline
    if outline.images and not candidate.images:
        return False
    if outline.tools and not candidate.tools:
        return False
    return fits_window(candidate, call, facts)


def fitting(stops: Iterable[Stop], call: Call, facts: Facts) -> list[Stop] | Need:
    found: list[Stop] = []
    for stop in stops:
        fits = able(stop.candidate, call, facts)
        if fits is True:
            found.append(stop)
        elif isinstance(fits, Need):
            return fits
    return found


def ordered(stops: Iterable[Stop]) -> list[Stop]:
    """Each model once, where it comes first, those that are down last."""
    seen: dict[str, Stop] = {}
    for stop in stops:
        seen.setdefault(stop.candidate.name, stop)
    found = list(seen.values())
    for stop in found:
        if not stop.candidate.healthy:
            return sorted(found, key=lambda one: not one.candidate.healthy)
    return found


def above(tier: Tier | None) -> tuple[Tier, ...]:
    return UPWARD[RANK[tier] + 1 :] if tier is not None else ()


def below(tier: Tier | None) -> tuple[Tier, ...]:
    """Nearest first; a model outside the tiers has all below high under it."""
    return tuple(reversed(UPWARD[: RANK[tier]])) if tier is not None else (Tier.FAST, Tier.LOCAL)


def of_family(stops: Sequence[Stop], family: Family | None) -> list[Stop]:
    return [stop for stop in stops if stop.candidate.family is family]


def embeds(call: Call) -> bool:
    """Embeddings of two models cannot be compared: such a call is never moved to another one."""
    return call.outline.dialect in EMBED_LIKE
