"""What `turnout audit` answered, as values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from turnout.calls.units import Tier
from turnout.desktop import text
from turnout.desktop.text import nanos_of, tr


def judging(tier: Tier | None) -> tuple[str, str]:
    """What thumb up and thumb down say of a call; calibration learns from these questions alone.

    That a dear model answered well tells nothing of a cheap one, so of a dear call the user is asked that.
    """
    if tier is Tier.HIGH:
        return tr("A cheaper model would have done"), tr("It needed this model")
    return tr("Good enough"), tr("Not good enough")


def fitted(doc: Mapping[str, Any]) -> tuple[str, str]:
    """What a calibration came to, and the kind of the note that says it; `doc` is the answer of `turnout calibrate`."""
    said = text.plural(
        int(doc.get("labels", 0)),
        "The grader is fitted to {n} verdict of yours.",
        "The grader is fitted to {n} verdicts of yours.",
    )
    before, after = doc.get("before"), doc.get("after")
    if not isinstance(before, int | float) or not isinstance(after, int | float):
        return said, "good"
    how = tr("It finds the calls that need the dear model {after} early, {before} before; 0.50 is chance.").format(
        after=f"{after:.2f}", before=f"{before:.2f}"
    )
    return f"{said} {how}", "good" if after > before else "warn"


@dataclass(frozen=True, slots=True)
class Judged:
    call: str
    at: str
    client: str
    tier: Tier | None
    enough: Tier | None
    cheaper: bool
    reason: str
    cost: int
    at_tiers: Mapping[Tier, int | None]

    @property
    def could_save(self) -> int:
        there = self.at_tiers.get(self.enough) if self.enough is not None else None
        return max(0, self.cost - there) if self.cheaper and there is not None else 0


@dataclass(frozen=True, slots=True)
class Audit:
    calls: int
    dear: int
    needed: int
    cheaper: int
    not_graded: int
    cost: int
    could_save: int
    all_at: Mapping[Tier, int | None]
    rows: Sequence[Judged]

    @property
    def headline(self) -> str:
        if not self.calls:
            return tr("No finished call to audit yet")
        if not self.dear:
            return tr("No call went to the dear tier")
        return tr("{needed} of {dear} dear calls needed the dear model").format(
            needed=text.number(self.needed), dear=text.number(self.dear)
        )

    @property
    def words(self) -> str:
        if not self.calls:
            return tr("The audit looks at the last 100 calls and asks of each which tier would have done.")
        parts = [
            tr(
                "Of the last {n} calls a cheaper tier could have done {m}, which would have saved {usd} of {paid}."
            ).format(
                n=text.number(self.calls),
                m=text.number(self.cheaper),
                usd=text.money(self.could_save),
                paid=text.money(self.cost),
            )
        ]
        if self.not_graded:
            parts.append(
                tr("{n} were never graded: no ask was found in the conversation.").format(
                    n=text.number(self.not_graded)
                )
            )
        return " ".join(parts)


def audit(doc: Mapping[str, Any]) -> Audit:
    rows = [
        Judged(
            str(one.get("id", "")),
            str(one.get("at", "")),
            str(one.get("client", "")),
            _tier(one.get("tier")),
            _tier(one.get("enough")),
            bool(one.get("cheaper_would_do")),
            str(one.get("reason", "")),
            nanos_of(str(one.get("cost_usd") or "0")),
            {tier: _nanos(one.get(f"at_{tier.value}_usd")) for tier in Tier},
        )
        for one in doc.get("rows", ())
    ]
    return Audit(
        int(doc.get("calls", 0)),
        int(doc.get("dear", 0)),
        int(doc.get("needed_dear", 0)),
        int(doc.get("cheaper_would_do", 0)),
        int(doc.get("not_graded", 0)),
        nanos_of(str(doc.get("cost_usd") or "0")),
        nanos_of(str(doc.get("could_save_usd") or "0")),
        {tier: _nanos(doc.get(f"all_{tier.value}_usd")) for tier in Tier},
        rows,
    )


def _tier(value: object) -> Tier | None:
    return Tier(value) if value in {tier.value for tier in Tier} else None


def _nanos(value: object) -> int | None:
    return nanos_of(str(value)) if value is not None else None


@dataclass(frozen=True, slots=True)
class Side:
    """One answer of a side-by-side check."""

    tier: Tier | None
    call: str
    model: str
    text: str
    status: int


@dataclass(frozen=True, slots=True)
class Shadow:
    """One prompt, asked of two tiers: the cheap one first."""

    grade: str
    reason: str
    features: Sequence[float]
    sides: Sequence[Side]

    @property
    def judgeable(self) -> bool:
        return len(self.sides) == 2 and all(side.text for side in self.sides)

    @property
    def graded(self) -> str:
        """What the grader said of it, one line."""
        return text.one_line(self.reason, 120)

    def verdict(self, need: float) -> dict[str, Any]:
        """As calibration reads it; `need` of the dear tier, 0..1."""
        return {"features": list(self.features), "strong_needed": need}


def shadow(doc: Mapping[str, Any]) -> Shadow:
    sides = [
        Side(
            _tier(one.get("tier")),
            str(one.get("call", "")),
            str(one.get("model", "")),
            str(one.get("text", "")),
            int(one.get("status", 0)),
        )
        for one in doc.get("sides", ())
    ]
    return Shadow(str(doc.get("grade") or ""), str(doc.get("reason") or ""), tuple(doc.get("features", ())), sides)
