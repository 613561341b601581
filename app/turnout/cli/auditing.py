"""The audit's question: of these calls, which needed the dear model, and what would each have cost elsewhere? Values only."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from turnout.calls.record import CallRecord
from turnout.calls.units import Grade, Nanos, Tier
from turnout.calls.usage import FREE, cost
from turnout.cli.output import clock, dollars, short, table
from turnout.ledger.rows import rfc3339, usd

if TYPE_CHECKING:
    from turnout.cli.world import World

_TIER_OF = {Grade.LOW: Tier.LOCAL, Grade.MEDIUM: Tier.FAST, Grade.HIGH: Tier.HIGH}
_ORDER = (Tier.LOCAL, Tier.FAST, Tier.HIGH)


@dataclass(frozen=True, slots=True)
class Judged:
    record: CallRecord
    enough: Tier | None
    """The cheapest tier that its grade asks for; None: it was never graded (a tool loop's step, a pinned model)."""
    why: str
    at: dict[Tier, Nanos | None]
    """What the same tokens cost at each tier's first model; None: no such tier, or unpriced."""

    @property
    def cheaper(self) -> bool:
        """A cheaper tier than the one it had would have done."""
        tier = self.record.tier
        return (
            tier is not None
            and self.enough is not None
            and _ORDER.index(self.enough) < _ORDER.index(tier)
            and self.at.get(self.enough) is not None
        )

    @property
    def could_save(self) -> Nanos:
        assert self.enough is not None
        return Nanos(max(0, self.record.cost - (self.at[self.enough] or 0))) if self.cheaper else Nanos(0)


@dataclass(frozen=True, slots=True)
class Audit:
    rows: tuple[Judged, ...]

    @property
    def dear(self) -> int:
        return sum(row.record.tier is Tier.HIGH for row in self.rows)

    @property
    def baseline(self) -> int:
        return sum(row.record.baseline for row in self.rows)

    @property
    def estimated(self) -> int:
        return sum(row.record.estimated for row in self.rows)

    @property
    def needed(self) -> int:
        """Calls at tier high that a cheaper tier would not have done as well, as far as their grade says."""
        return sum(row.record.tier is Tier.HIGH and row.enough is Tier.HIGH for row in self.rows)

    @property
    def unknown(self) -> int:
        return sum(row.enough is None for row in self.rows)

    def total(self, tier: Tier) -> Nanos | None:
        """None where some row has no price there."""
        parts = [row.at[tier] for row in self.rows]
        known = [part for part in parts if part is not None]
        return Nanos(sum(known)) if known and len(known) == len(parts) else None

    def lines(self) -> list[str]:
        if not self.rows:
            return ["No finished call to audit yet."]
        count, cheaper = len(self.rows), [row for row in self.rows if row.cheaper]
        spent, saved = sum(row.record.cost for row in self.rows), sum(row.could_save for row in cheaper)
        told = [
            f"Of the last {count} calls, {self.dear} went to the dear tier; {self.needed} of them needed it.",
            f"{len(cheaper)} calls ({len(cheaper) / count:.0%}) a cheaper tier could have done: "
            f"{dollars(usd(saved))} of {dollars(usd(spent))}.",
        ]
        told.append(
            f"Paid {dollars(usd(spent))}; with the models asked for, their cache reads included, {dollars(usd(self.baseline))}"
            f"{f'; {self.estimated} calls counted here, not by their provider' if self.estimated else ''}."
        )
        if self.unknown:
            told.append(f"{self.unknown} were never graded (steps of a tool loop, models asked for by name).")
        told += [
            f"All of them at {tier.value}: {dollars(usd(sum_))}."
            for tier in reversed(_ORDER)
            if (sum_ := self.total(tier)) is not None
        ]
        head = ("at", "client", "tier", "grade", "enough", "cost", "high", "fast", "local", "why")
        cells = [
            [
                clock(row.record.at_ms),
                short(row.record.client, 16),
                row.record.tier.value if row.record.tier is not None else "",
                row.record.grade.value if row.record.grade is not None else "",
                row.enough.value if row.enough is not None else "?",
                dollars(usd(row.record.cost)),
                *(_price(row.at[tier]) for tier in reversed(_ORDER)),
                short(row.why, 60),
            ]
            for row in self.rows
        ]
        return [*told, "", *table(head, cells, right=(5, 6, 7, 8))]

    def doc(self) -> dict[str, object]:
        cheaper = [row for row in self.rows if row.cheaper]
        return {
            "calls": len(self.rows),
            "dear": self.dear,
            "needed_dear": self.needed,
            "cheaper_would_do": len(cheaper),
            "cheaper_share": round(len(cheaper) / len(self.rows), 4) if self.rows else None,
            "not_graded": self.unknown,
            "cost_usd": usd(sum(row.record.cost for row in self.rows)),
            "baseline_usd": usd(self.baseline),
            "estimated_calls": self.estimated,
            "could_save_usd": usd(sum(row.could_save for row in cheaper)),
            **{f"all_{tier.value}_usd": _usd(self.total(tier)) for tier in _ORDER},
            "rows": [
                {
                    "id": row.record.id,
                    "at": rfc3339(row.record.at_ms),
                    "client": row.record.client,
                    "tier": row.record.tier.value if row.record.tier is not None else None,
                    "grade": row.record.grade.value if row.record.grade is not None else None,
                    "score": row.record.score,
                    "enough": row.enough.value if row.enough is not None else None,
                    "cheaper_would_do": row.cheaper,
                    "reason": row.why,
                    "cost_usd": usd(row.record.cost),
                    **{f"at_{tier.value}_usd": _usd(row.at[tier]) for tier in _ORDER},
                }
                for row in self.rows
            ],
        }


def _price(amount: Nanos | None) -> str:
    return "-" if amount is None else dollars(usd(amount))


def _usd(amount: Nanos | None) -> str | None:
    return None if amount is None else usd(amount)


def audited(records: Sequence[CallRecord], here: "World") -> Audit:
    prices = {}
    for tier in _ORDER:
        first = next(iter(here.roster.tiers.get(tier, ())), None)
        prices[tier] = None if first is None else FREE if first.sovereign and first.price is None else first.price
    return Audit(
        tuple(
            Judged(
                record,
                *_enough(record),
                {tier: cost(record.usage, price) if price is not None else None for tier, price in prices.items()},
            )
            for record in records
        )
    )


def _enough(record: CallRecord) -> tuple[Tier | None, str]:
    if record.grade is None:
        return None, record.reason
    return _TIER_OF[record.grade], record.reason
