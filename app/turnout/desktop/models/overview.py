"""From the ledger's sums to what the overview draws: pure, tested as values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from turnout.calls.units import USD_NANOS, Tier
from turnout.desktop import text
from turnout.desktop.charts import Series, Slice, Stack
from turnout.desktop.sources import Spend
from turnout.desktop.text import tr

if TYPE_CHECKING:
    from turnout.ledger.reader import SpendRow

TIERS = (Tier.LOCAL, Tier.FAST, Tier.HIGH)
"""From below in a stack: what costs least lies at the bottom."""
PALETTE = ("high", "fast", "local", "amber", "pink", "teal")
OTHERS = "\0others"
"""Key of what is summed up beyond the palette; no name from outside can hold a NUL."""


@dataclass(frozen=True, slots=True)
class Share:
    """A line of the breakdown."""

    key: str
    name: str
    color: str
    share: float
    said: str
    note: str


def tier_series() -> list[Series]:
    return [Series(tier.value, text.tier(tier), tier.value) for tier in TIERS]


def name_of(by: str, key: str) -> str:
    """What a stack or line is called; names from outside are cut to one line."""
    if key == OTHERS:
        return tr("Others")
    if not key:
        return {"tier": tr("Refused"), "department": tr("No department"), "project": tr("No project")}.get(
            by, tr("Unknown")
        )
    if by == "tier":
        return text.tier(Tier(key)) if key in {tier.value for tier in Tier} else key
    return text.one_line(key, 48)


def series(spend: Spend) -> list[Series]:
    """The tiers in their own colours, or the six dearest names and the rest."""
    if spend.by == "tier":
        return tier_series()
    dearest = [row.name for row in spend.rows[: len(PALETTE)]]
    made = [Series(key, name_of(spend.by, key), color) for key, color in zip(dearest, PALETTE, strict=False)]
    if len(spend.rows) > len(PALETTE):
        made.append(Series(OTHERS, name_of(spend.by, OTHERS), "strong"))
    return list(reversed(made))


def bars(spend: Spend, first: date, last: date, *, count: bool) -> list[Stack]:
    """A bar a day, days without calls included; dollars, or calls when `count`."""
    kept = {one.key for one in series(spend)}
    by_day = {day.day: (day.calls if count else day.costs) for day in spend.days}
    made = []
    at = first
    while at <= last:
        sums: dict[str, int] = {}
        for key, value in by_day.get(at.isoformat(), {}).items():
            into = key if key in kept else OTHERS
            if into in kept:
                sums[into] = sums.get(into, 0) + int(value)
        said = {key: text.number(value) if count else text.money(value) for key, value in sums.items() if value}
        total = sum(sums.values())
        made.append(
            Stack(
                text.day(at.isoformat()),
                {key: float(value) if count else value / USD_NANOS for key, value in sums.items()},
                said,
                text.number(total) if count else text.money(total),
            )
        )
        at += timedelta(days=1)
    return made


def summary(stacks: Sequence[Stack], total: str) -> str:
    """What a screen reader says of the whole chart."""
    if not stacks:
        return tr("No days")
    most = max(stacks, key=lambda stack: sum(stack.values.values()))
    return tr("{days} days, {total} in all, most on {day} with {most}. Left and right arrows read single days.").format(
        days=len(stacks), total=total, day=most.title, most=most.total
    )


def mix(tiers: "Sequence[SpendRow]") -> list[Slice]:
    """The calls that were answered, by tier, largest first."""
    answered = {row.name: row.calls - row.refused for row in tiers if row.name}
    total = sum(answered.values())
    if total <= 0:
        return []
    slices = [
        Slice(
            text.tier(tier),
            answered.get(tier.value, 0) / total,
            tier.value,
            text.percent(answered.get(tier.value, 0) / total),
        )
        for tier in TIERS
    ]
    return sorted(slices, key=lambda one: one.share, reverse=True)


def breakdown(rows: "Sequence[SpendRow]", by: str, limit: int = 8) -> list[Share]:
    """The dearest first; shares of the dearest, so that its bar is full."""
    top = max((row.cost for row in rows), default=0)
    calls = max((row.calls for row in rows), default=0)
    made = []
    for n, row in enumerate(rows[:limit]):
        share = row.cost / top if top else (row.calls / calls if calls else 0.0)
        made.append(
            Share(
                row.name,
                name_of(by, row.name),
                (row.name or "faint") if by == "tier" else PALETTE[n] if n < len(PALETTE) else "faint",
                share,
                text.money(row.cost),
                text.plural(row.calls, "{n} call", "{n} calls"),
            )
        )
    return made


@dataclass(frozen=True, slots=True)
class Savings:
    """The three honest figures: what was paid, what the asked models would have cost, what all-fast would have."""

    paid: int
    baseline: int
    all_fast: int

    @property
    def saved(self) -> int:
        return self.baseline - self.paid

    @property
    def headline(self) -> str:
        return text.money(self.saved) if self.baseline > 0 or not self.paid else "–"

    @property
    def note(self) -> str:
        if self.baseline <= 0:
            return tr("no priced calls yet")
        share = self.saved / self.baseline
        if share >= 0:
            return tr("{share} less than the models asked for").format(share=text.percent(share))
        return tr("{share} more than the models asked for").format(share=text.percent(-share))


def savings(rows: "Sequence[SpendRow]") -> Savings:
    return Savings(sum(row.cost for row in rows), sum(row.baseline for row in rows), sum(row.all_fast for row in rows))


@dataclass(frozen=True, slots=True)
class Context:
    """What the prompts of a range cost, at today's prices per bucket."""

    nanos: int
    saved: int
    """By reading from the provider's cache instead of sending anew, net of what writing it cost."""
    partial: bool
    """Some model has no known price and is left out."""


def context(rows: "Sequence[SpendRow]", priced: "Sequence[Mapping[str, Any]]") -> Context | None:
    """`rows` by model, `priced` as the proxy lists its models; None where no price is known."""
    prices = {str(one.get("model", "")): one for one in priced if one.get("input_usd_per_million") is not None}
    nanos = saved = 0
    known = partial = False
    for row in rows:
        price = prices.get(row.name)
        if price is None:
            partial = partial or bool(row.cost)
            continue
        known = True
        fresh, read, written = (
            text.nanos_of(str(price.get(f"{name}_usd_per_million") or "0"))
            for name in ("input", "cache_read", "cache_write")
        )
        millionths = row.uncached * fresh + row.cache_read * read + row.cache_write * written
        nanos += millionths // 1_000_000
        saved += (row.cache_read * (fresh - read) - row.cache_write * (written - fresh)) // 1_000_000
    return Context(nanos, saved, partial) if known and (nanos or saved) else None


def total(rows: "Sequence[SpendRow]", field: str) -> int:
    return sum(int(getattr(row, field)) for row in rows)


@dataclass(frozen=True, slots=True)
class Fact:
    """A line of the honest figures."""

    title: str
    value: str
    why: str = ""


def facts(rows: "Sequence[SpendRow]", priced: Context | None) -> list[Fact]:
    """`rows` are a range's sums by tier; `priced` is what its prompts cost, where prices are known."""
    saving = savings(rows)
    made = [
        Fact(tr("Paid"), text.money(saving.paid)),
        Fact(tr("The models asked for would have cost"), text.money(saving.baseline), tr("with their cache reads")),
        Fact(
            tr("Everything on the fast tier"),
            text.money(saving.all_fast),
            tr("the control line: routing has to beat it"),
        ),
    ]
    cached = total(rows, "cache_read")
    sent = cached + total(rows, "uncached") + total(rows, "cache_write")
    if sent:
        made.append(_context_fact(cached, sent, priced))
    graded, known = total(rows, "graded"), total(rows, "from_cache")
    if graded:
        words = tr("of {n} grades came from it").format(n=text.number(graded))
        made.append(Fact(tr("Intent cache"), text.percent(known / graded), words))
    refused, broken = total(rows, "refused"), total(rows, "failed")
    if refused or broken:
        words = tr("by budgets and rules; {n} failed").format(n=text.number(broken))
        made.append(Fact(tr("Refused"), text.number(refused), words))
    return made


def _context_fact(cached: int, sent: int, priced: Context | None) -> Fact:
    tokens = tr("{n} tokens").format(n=text.compact(sent))
    share = text.percent(cached / sent)
    read = tr("{share} from caches").format(share=share)
    if priced is None:
        return Fact(tr("Context sent"), tokens, read)
    if priced.saved > 0:
        read = tr("{share} from caches, which saved {usd}").format(share=share, usd=text.money(priced.saved))
    amount = text.money(priced.nanos)
    return Fact(
        tr("Cost of context"), tr("over {n}").format(n=amount) if priced.partial else amount, f"{tokens}, {read}"
    )
