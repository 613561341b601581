"""Owned hardware next to what it saves: booked by the calendar, electricity by the call, and from how many tokens on it pays.

The ledger has what the machines did; `[prices]` in turnout.toml says what they cost. Neither is ever drawn from credits.
"""

from dataclasses import dataclass
from fnmatch import fnmatch
from typing import TYPE_CHECKING

from turnout.calls.units import Nanos, Tier, Tokens
from turnout.calls.usage import Price, Usage, cost
from turnout.catalog.own import break_even, hardware, utilisation
from turnout.cli.output import dollars
from turnout.ledger.rows import usd

if TYPE_CHECKING:
    from turnout.cli.world import World
    from turnout.ledger.reader import Reader, SpendRow
    from turnout.settings.model import PriceOverride

MONTH_S = 365.25 * 86_400 / 12


@dataclass(frozen=True, slots=True)
class Owned:
    """One entry of [prices] with watts or hardware, over a span of the calendar."""

    pattern: str
    span_s: float
    calls: int
    usage: Usage
    busy_s: float
    energy: Nanos
    month: Nanos
    """What the hardware costs a month; 0: nothing was said of it."""
    booked: Nanos
    """The same for the span, never more than its price in all."""
    cloud: str = ""
    """The model that its calls would otherwise have gone to; empty: none has a price."""
    cloud_cost: Nanos = Nanos(0)
    """What the same tokens cost there."""
    pays_from: Tokens | None = None
    """Tokens a month from which on owning is cheaper; None: never, or nothing to compare with."""

    @property
    def tokens(self) -> int:
        return self.usage.prompt + self.usage.produced

    @property
    def tokens_a_month(self) -> int:
        return round(self.tokens * MONTH_S / self.span_s) if self.span_s > 0 else 0

    def doc(self) -> dict[str, object]:
        return {
            "models": self.pattern,
            "calls": self.calls,
            "tokens": self.tokens,
            "busy_ms": round(self.busy_s * 1000),
            "utilisation": round(utilisation(self.busy_s, self.span_s), 6),
            "energy_usd": usd(self.energy),
            "hardware_usd": usd(self.booked),
            "hardware_month_usd": usd(self.month),
            "cloud_model": self.cloud or None,
            "cloud_usd": usd(self.cloud_cost) if self.cloud else None,
            "tokens_a_month": self.tokens_a_month,
            "break_even_tokens_a_month": self.pays_from,
        }

    def lines(self) -> list[str]:
        busy = f"busy {utilisation(self.busy_s, self.span_s):.1%} of the time"
        said = f"{self.pattern}: {dollars(usd(self.energy))} of electricity, {busy}"
        if self.month:
            said += (
                f"; hardware {dollars(usd(self.booked))} so far ({dollars(usd(self.month))} a month, by the calendar)"
            )
        if not self.cloud or not self.calls:
            return [said + "."]
        there = f"The same tokens at {self.cloud}: {dollars(usd(self.cloud_cost))}."
        if not self.month:
            return [said + ".", "  " + there]
        if self.pays_from is None:
            return [said + ".", f"  {there} It never pays: electricity alone costs more."]
        return [
            said + ".",
            f"  {there} Owning pays from {self.pays_from:,} tokens a month; now {self.tokens_a_month:,}.",
        ]


def owned(reader: "Reader", since_ms: int, until_ms: int) -> "list[Owned]":
    from turnout.cli.world import world
    from turnout.errors import SettingsError

    try:
        here = world()
        machines = [one for one in here.settings.prices if one.hardware_usd or one.watts]
    except SettingsError:
        return []  # what was spent can be told without the settings
    if not machines:
        return []
    from datetime import datetime

    if not since_ms and (first := reader.first_day()):
        since_ms = int(datetime.fromisoformat(first).astimezone().timestamp() * 1000)
    span_s = max(0.0, (until_ms - since_ms) / 1000) if since_ms else 0.0
    rows = reader.spend("provider/model", since_ms, until_ms)
    sovereign = {name for name, provider in here.settings.providers.items() if provider.sovereign}
    found, taken = [], set[str]()
    for one in machines:
        mine = [
            row
            for row in rows
            if row.name not in taken and fnmatch(row.name, one.pattern) and row.name.partition("/")[0] in sovereign
        ]
        taken |= {row.name for row in mine}
        found.append(_owned(one, mine, span_s, *_elsewhere(here)))
    return found


def _owned(one: "PriceOverride", rows: "list[SpendRow]", span_s: float, cloud: str, price: Price | None) -> Owned:
    calls = sum(row.calls for row in rows)
    usage = Usage(
        Tokens(sum(row.uncached for row in rows)),
        Tokens(sum(row.cache_read for row in rows)),
        output=Tokens(sum(row.output for row in rows)),
        reasoning=Tokens(sum(row.reasoning for row in rows)),
    )
    energy = Nanos(sum(row.energy for row in rows))
    usd_, months = one.hardware_usd or 0.0, one.hardware_months or 0.0
    month = hardware(usd_, months, MONTH_S)
    # At the mix of the span: what it took together, against what that costs in the cloud. Prices by prompt length go by the
    # call, so the first one stands for all.
    short = _first(price) if price is not None else None
    return Owned(
        pattern=one.pattern,
        span_s=span_s,
        calls=calls,
        usage=usage,
        busy_s=sum(row.busy_ms for row in rows) / 1000,
        energy=energy,
        month=month,
        booked=hardware(usd_, months, span_s),
        cloud=cloud,
        cloud_cost=cost(usage, short) if short is not None else Nanos(0),
        pays_from=break_even(month, energy, usage, short) if short is not None and month else None,
    )


def _first(price: Price) -> Price:
    from dataclasses import replace

    return replace(price, longer=None, per_call=0)


def _elsewhere(here: "World") -> tuple[str, Price | None]:
    """Where a local call would have gone: the first model of tier fast that has a price, else of tier high."""
    for tier in (Tier.FAST, Tier.HIGH):
        for one in here.roster.tiers.get(tier, ()):
            if one.price is not None and not one.sovereign:
                return one.name, one.price
    return "", None
