"""One call as its detail shows it: what it would have cost elsewhere, and which signals fitted."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from turnout.calls.record import CallRecord
from turnout.calls.units import Tier
from turnout.desktop import text
from turnout.desktop.text import nanos_of, tr


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The call's tokens at another tier's first model, as the proxy prices them."""

    tier: Tier
    model: str
    nanos: int | None
    """None: unpriced there."""


@dataclass(frozen=True, slots=True)
class CostWay:
    """One line of the comparison."""

    name: str
    model: str
    nanos: int | None
    """None: not known."""
    color: str
    paid: bool = False

    def said(self, digits: int) -> str:
        if self.nanos is None:
            return "–"
        return text.money(self.nanos, digits) if self.nanos else tr("Free")


def elsewhere(rows: Sequence[Mapping[str, Any]]) -> Sequence[Elsewhere]:
    tiers = {tier.value: tier for tier in Tier}
    return tuple(
        Elsewhere(
            tiers[str(one["tier"])],
            str(one.get("model", "")),
            nanos_of(str(one["cost_usd"])) if one.get("cost_usd") is not None else None,
        )
        for one in rows
        if one.get("tier") in tiers
    )


def _baseline(call: CallRecord) -> CostWay:
    """The model the client named; who named none is compared with the dear one."""
    if call.asked_model in ("", "auto", *(tier.value for tier in Tier)):
        return CostWay(tr("The dear model"), "", _known(call, call.baseline), "strong")
    return CostWay(tr("Asked for"), call.asked_model, _known(call, call.baseline), "strong")


def cost_ways(call: CallRecord, known: Sequence[Elsewhere]) -> list[CostWay]:
    """What was paid, what was asked for, and each other tier; without the proxy, what the row itself knows."""
    ways = [
        CostWay(tr("Paid"), call.model, call.cost, call.tier.value if call.tier else "accent", paid=True),
        _baseline(call),
    ]
    if not known:
        return [*ways, CostWay(tr("The fast tier"), "", _known(call, call.all_fast), "strong")]
    for one in known:
        if one.tier is not call.tier and one.nanos is not None:
            ways.append(CostWay(text.tier(one.tier), one.model.partition("/")[2], one.nanos, one.tier.value))
    return ways


@dataclass(frozen=True, slots=True)
class Switch:
    """Both sides of a decision to keep a conversation's model or to leave it, in nanos."""

    staying: int
    switching: int
    but: str = ""
    """What else spoke against it."""


def switch_sides(said: str) -> Switch | None:
    """Of a row's `switch`: "staying $0.069, switching $0.129, but 90 s on local/m"; None for words of another form."""
    found = _SIDES.fullmatch(said)
    if found is None:
        return None
    stay, switch = (nanos_of(found[name].replace(",", "")) for name in ("stay", "switch"))
    return Switch(stay, switch, (found["but"] or "").strip(", "))


_SIDES = re.compile(r"staying \$(?P<stay>[\d.,]*\d), switching \$(?P<switch>[\d.,]*\d)(?P<but>, but .*)?")


def graded_by(call: CallRecord) -> str:
    """Who said the grade; empty where nobody had to, or the row is from before that was kept."""
    return {
        "cache": tr("the intent cache: this was asked before"),
        "fast": tr("the fast grader"),
        "plus": tr("the embedding model"),
        "llm": tr("a local model"),
        "none": tr("nobody: the grader failed"),
        "afterwards": tr("the fast grader, when the call was over: no rule needed it"),
    }.get(call.graded_by, "")


def _known(call: CallRecord, nanos: int) -> int | None:
    """A row says 0 where a price was missing too; beside a call that cost something that is not free."""
    return None if nanos == 0 and call.cost > 0 else nanos


def told_signals(signals: Mapping[str, str | float | int | bool]) -> list[tuple[str, str]]:
    """Name and words. Facts of the call's shape and marks of definitions hold a dot: they are for replays, not for people."""
    shown = {text.one_line(name, 24): value for name, value in signals.items() if "." not in name}
    fits = [name for name, value in shown.items() if value is True]
    not_ = [name for name, value in shown.items() if value is False]
    rows = [(tr("Signals"), ", ".join(fits))] if fits else []
    if not_:
        rows.append((tr("Not"), ", ".join(not_)))
    for name, value in list(shown.items())[:12]:
        if not isinstance(value, bool):
            rows.append((name, text.number(value) if isinstance(value, int) else str(value)))
    return rows
