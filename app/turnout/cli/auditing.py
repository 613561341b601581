"""The audit's question: of these calls, which needed the dear model, and what would each have cost elsewhere? Values only."""

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from turnout.calls.record import CallRecord
from turnout.calls.units import EMBED_LIKE, Grade, Nanos, Status, Tier
from turnout.calls.usage import FREE, cost
from turnout.cli.output import clock, dollars, short, table
from turnout.errors import SettingsError
from turnout.ledger.callfilter import CallFilter
from turnout.ledger.rows import rfc3339, usd
from turnout.routing.conversation import Graded, by_difficulty
from turnout.routing.rules import Grades

if TYPE_CHECKING:
    from turnout.cli.world import World
    from turnout.ledger.reader import Reader

_TIER_OF = {Grade.LOW: Tier.LOCAL, Grade.MEDIUM: Tier.FAST, Grade.HIGH: Tier.HIGH}
_ORDER = (Tier.LOCAL, Tier.FAST, Tier.HIGH)
_EMBEDS = frozenset(one.value for one in EMBED_LIKE)
"""No tier could have done them better or worse."""


@dataclass(frozen=True, slots=True)
class Judged:
    record: CallRecord
    enough: Tier | None
    """The cheapest tier with a model that would have done; None: nothing of its conversation was ever graded."""
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
class Source:
    """A client, what it asks for, and what a cheaper tier would have saved of that."""

    client: str
    asked_model: str
    calls: int
    nanos: Nanos


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
            f"Of the last {_calls(count)}, {self.dear} went to the dear tier; {self.needed} of them needed it.",
            f"{_calls(len(cheaper))} ({len(cheaper) / count:.0%}) a cheaper tier could have done: "
            f"{dollars(usd(saved))} of {dollars(usd(spent))}.",
        ]
        if cheaper:
            most = (
                f"{short(one.client, 24)} asking for {short(one.asked_model, 40)} {dollars(usd(one.nanos))} ({_calls(one.calls)})"
                for one in self.sources()[:3]
            )
            told.append(f"Most of it: {', '.join(most)}.")
        told.append(
            f"Paid {dollars(usd(spent))}; with the models asked for, their cache reads included, {dollars(usd(self.baseline))}"
            f"{f'; {_calls(self.estimated)} counted here, not by their provider' if self.estimated else ''}."
        )
        if self.unknown:
            told.append(f"Not graded: {_calls(self.unknown)} (no ask was found in the conversation).")
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

    def sources(self) -> list[Source]:
        """Who could save, the most first."""
        saved: Counter[tuple[str, str]] = Counter()
        calls: Counter[tuple[str, str]] = Counter()
        for row in self.rows:
            if row.cheaper:
                whose = row.record.client, row.record.asked_model
                saved[whose] += row.could_save
                calls[whose] += 1
        return [Source(*whose, calls[whose], Nanos(nanos)) for whose, nanos in saved.most_common()]

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
            "sources": [
                {
                    "client": one.client,
                    "asked_model": one.asked_model,
                    "calls": one.calls,
                    "could_save_usd": usd(one.nanos),
                }
                for one in self.sources()
            ],
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


def _calls(count: int) -> str:
    return f"{count} call{'' if count == 1 else 's'}"


def _price(amount: Nanos | None) -> str:
    return "-" if amount is None else dollars(usd(amount))


def _usd(amount: Nanos | None) -> str | None:
    return None if amount is None else usd(amount)


def audited(reader: "Reader", last: int, here: "World") -> Audit:
    """The last ended calls that a model answered, newest first; calls of Turnout's own are none, nor are embeddings."""
    records = _answered(reader, last)
    prices = {}
    for tier in _ORDER:
        first = next(iter(here.roster.tiers.get(tier, ())), None)
        prices[tier] = None if first is None else FREE if first.sovereign and first.price is None else first.price
    judge = _Judge(here, reader)
    judged = {record.id: judge.enough(record) for record in reversed(records)}
    rows = []
    for record in records:
        enough, why = judged[record.id]
        at = {tier: cost(record.usage, price) if price is not None else None for tier, price in prices.items()}
        rows.append(Judged(record, _standing(enough, at), why, at))
    return Audit(tuple(rows))


def _standing(enough: Tier | None, at: dict[Tier, Nanos | None]) -> Tier | None:
    """The tier itself, or the next one up where none of its models has a price: without a local engine the fast tier does for LOW."""
    if enough is None:
        return None
    return next((tier for tier in _ORDER[_ORDER.index(enough) :] if at[tier] is not None), enough)


def _answered(reader: "Reader", last: int) -> list[CallRecord]:
    where = CallFilter(status=f"{Status.SETTLED.value},{Status.ABORTED.value}")
    found: list[CallRecord] = []
    before: tuple[int, str] | None = None
    while len(found) < last and (page := reader.calls(last, before, where)):
        found += [one for one in page if one.model and not one.own and one.dialect not in _EMBEDS]
        before = page[-1].at_ms, page[-1].id
    return found[:last]


class _Judge:
    """The cheapest tier that would have done, call by call, oldest first: a step of a tool loop goes by its conversation's ask."""

    def __init__(self, here: "World", reader: "Reader") -> None:
        self._here, self._reader = here, reader
        self._verdicts = reader.kept("verdict")
        try:
            self._grades = here.rules.grades
        except SettingsError:
            self._grades = Grades()
        self._sessions: dict[str, tuple[Tier, str] | None] = {}

    def enough(self, record: CallRecord) -> tuple[Tier | None, str]:
        verdict = self._verdicts.get(record.id)
        if isinstance(verdict, bool):
            below = Tier.LOCAL if record.tier is Tier.FAST else Tier.FAST
            return (
                (below, "you judged: a cheaper answer would do")
                if verdict
                else (
                    record.tier or Tier.HIGH,
                    "you judged: it needed this model",
                )
            )
        found = self._graded(record)
        if found is None:
            found = self._of_session(record)
            return (found[0], f"as its conversation: {found[1]}") if found is not None else (None, record.reason)
        if record.session:
            self._sessions[record.session] = found
        return found

    def _graded(self, record: CallRecord) -> tuple[Tier, str] | None:
        """None: nobody ever graded it."""
        if record.grade is None and record.score is None:
            return None
        again = self._here.grader.again(record.features, safety=self._grades.safety, confidence=self._grades.confidence)
        if again is None or _raised(record):
            return (_TIER_OF[record.grade], _why(record)) if record.grade is not None else self._abstained()
        graded = by_difficulty(again, Graded(again.grade, record.reason))
        if graded.grade is None:
            return self._abstained()
        if graded.grade is record.grade:
            return _TIER_OF[graded.grade], _why(record)
        was = record.grade.value if record.grade is not None else "not sure"
        return _TIER_OF[graded.grade], f"graded {graded.grade.value} now, {was} then: {_why(record)}"

    def _abstained(self) -> tuple[Tier, str]:
        tier = Tier(self._grades.abstain) if self._grades.abstain in {one.value for one in Tier} else Tier.FAST
        return tier, f"the grader is not sure: {tier.value} is what it gets then"

    def _of_session(self, record: CallRecord) -> tuple[Tier, str] | None:
        if not record.session:
            return None
        if record.session not in self._sessions:
            # The ask it belongs to may lie before the calls that were asked about.
            before = self._reader.calls(50, (record.at_ms, record.id), CallFilter(session=record.session))
            graded = (self._graded(one) for one in before)
            self._sessions[record.session] = next((one for one in graded if one is not None), None)
        return self._sessions[record.session]


def _why(record: CallRecord) -> str:
    """The grade's reason, which stands in the note where the call was routed without one."""
    return record.note if record.graded_by == "afterwards" else record.reason


def _raised(record: CallRecord) -> bool:
    """The recorded grade stands where something else than the ask's words made it: who graded, or what the call was."""
    if "call.housekeeping" in record.signals or record.note.startswith("graded by "):
        return True
    return any(word in record.reason for word in ("stalled", "plan mode", "asks for the most thinking"))
