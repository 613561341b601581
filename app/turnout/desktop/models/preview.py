"""What `rules replay` and `rules explain` answered, as values that the preview draws."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from turnout.calls.units import Tier
from turnout.desktop import text
from turnout.desktop.text import nanos_of, tr

ORDER = (Tier.HIGH, Tier.FAST, Tier.LOCAL)


@dataclass(frozen=True, slots=True)
class WayLine:
    """One way of routing the same calls."""

    name: str
    mix: Mapping[Tier, float]
    """Shares of one."""
    cost: int
    met: float | None


@dataclass(frozen=True, slots=True)
class Moved:
    call: str
    before: str
    after: str
    rule: str
    cost_before: int
    cost_after: int


@dataclass(frozen=True, slots=True)
class Preview:
    calls: int
    replayed: int
    refused: int
    unknown: Mapping[str, int]
    lines: Sequence[WayLine]
    moved: Sequence[Moved]
    verdict: str
    base: str = "as it was"
    """The line that the rules are compared with."""

    @property
    def headline(self) -> str:
        """Dollars, as the rules would have changed them."""
        before, after = self.way(self.base), self.way("these rules")
        if before is None or after is None or not self.replayed:
            return tr("Nothing to compare with yet")
        change = after.cost - before.cost
        if change == 0:
            return tr("No change in cost")
        how = tr("less") if change < 0 else tr("more")
        return f"{text.money(abs(change))} {how}"

    @property
    def better(self) -> bool | None:
        before, after = self.way(self.base), self.way("these rules")
        if before is None or after is None or before.cost == after.cost:
            return None
        return after.cost < before.cost

    def way(self, name: str) -> WayLine | None:
        return next((line for line in self.lines if line.name == name), None)


def preview(doc: Mapping[str, Any]) -> Preview:
    lines = []
    for one in doc.get("lines", ()):
        counts = {tier: float(one.get("mix", {}).get(tier.value, 0.0)) for tier in ORDER}
        total = sum(counts.values()) or 1.0
        met = one.get("met")
        lines.append(
            WayLine(
                str(one.get("name", "")),
                {tier: count / total for tier, count in counts.items()},
                nanos_of(str(one.get("cost_usd", "0"))),
                float(met) if isinstance(met, int | float) else None,
            )
        )
    moved = [
        Moved(
            str(one.get("id", "")),
            str(one.get("before", "")),
            str(one.get("after", "")),
            str(one.get("rule", "")),
            nanos_of(str(one.get("cost_before_usd", "0"))),
            nanos_of(str(one.get("cost_after_usd", "0"))),
        )
        for one in doc.get("changed", ())
    ]
    return Preview(
        int(doc.get("calls", 0)),
        int(doc.get("replayed", 0)),
        int(doc.get("refused", 0)),
        {str(why): int(n) for why, n in dict(doc.get("unknown", {})).items()},
        tuple(lines),
        tuple(moved),
        str(doc.get("verdict", "")),
    )


def edited(draft: Preview, in_force: Preview) -> Preview:
    """What the edit alone does: the draft's replay against that of the rules in force, not against history,
    which may have been routed by older rules still."""
    now = in_force.way("these rules")
    if now is None:
        return draft
    now = WayLine("in force", now.mix, now.cost, now.met)
    lines = [line for line in draft.lines if line.name == "as it was"]
    lines += [now, *(line for line in draft.lines if line.name != "as it was")]
    was, would = ({one.call: one for one in side.moved} for side in (in_force, draft))
    moved = []
    for call in {**would, **was}:
        there, here = was.get(call), would.get(call)
        if here is None and there is not None:
            moved.append(Moved(call, there.after, there.before, "", there.cost_after, there.cost_before))
        elif here is not None and there is None:
            moved.append(here)
        elif here is not None and there is not None and here.after != there.after:
            moved.append(Moved(call, there.after, here.after, here.rule, there.cost_after, here.cost_after))
    moved.sort(key=lambda one: -abs(one.cost_after - one.cost_before))
    return replace(draft, lines=tuple(lines), moved=tuple(moved), base="in force")


def way_name(name: str) -> str:
    return {
        "as it was": tr("As it was"),
        "in force": tr("Rules in force"),
        "these rules": tr("These rules"),
        "shuffled": tr("Control: shuffled"),
        "all fast": tr("Control: all fast"),
    }.get(name, name)


@dataclass(frozen=True, slots=True)
class Tried:
    """What a prompt would get."""

    rule: str
    reason: str
    tier: Tier | None
    models: Sequence[str]
    refusal: str
    reached: Sequence[tuple[str, str]]
    """Rule and outcome, in order."""


def tried(doc: Mapping[str, Any]) -> Tried:
    refusal = doc.get("refusal") or {}
    steps = doc.get("steps", ())
    tier = steps[0].get("tier") if steps else None
    return Tried(
        str(doc.get("rule") or ""),
        str(doc.get("reason") or ""),
        Tier(tier) if tier in {one.value for one in Tier} else None,
        [str(step.get("model", "")) for step in steps],
        f"{refusal.get('message', '')} {refusal.get('hint', '')}".strip() if refusal else "",
        [(str(one.get("name", "")), str(one.get("outcome", ""))) for one in doc.get("rules", ())],
    )
