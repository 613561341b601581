"""The user's own prices: over the table's, and for owned hardware, whose electricity is booked per call and whose purchase by the calendar."""

import math
from decimal import Decimal, InvalidOperation
from typing import Protocol

from turnout.calls.units import Nanos, Tokens
from turnout.calls.usage import Price, Usage, cost
from turnout.errors import SettingsError

YOURS = "yours, in turnout.toml"
_MONTH_S = 365.25 * 86_400 / 12


def per_million(usd: str, where: str) -> int:
    """Decimal dollars per million tokens as integer nanos, rounded up; raises SettingsError on anything below 0 or above $10,000."""
    try:
        value = Decimal(usd)
    except (InvalidOperation, TypeError, ValueError):
        value = Decimal("NaN")
    if not value.is_finite() or not 0 <= value <= 10_000:
        raise SettingsError(
            f"{where}: {usd[:20]!r} is no price per million tokens", hint="Write dollars from 0 to 10000, like 2.50."
        )
    return math.ceil(value * 1_000_000_000)


class Said(Protocol):
    """The token prices of an entry of [prices]; None: left out."""

    @property
    def input_usd(self) -> str | None: ...
    @property
    def output_usd(self) -> str | None: ...
    @property
    def cache_read_usd(self) -> str | None: ...
    @property
    def cache_write_5m_usd(self) -> str | None: ...
    @property
    def cache_write_1h_usd(self) -> str | None: ...


def says_tokens(said: Said) -> bool:
    """Whether an entry says what tokens cost, and not only what the machine does."""
    given = (said.input_usd, said.output_usd, said.cache_read_usd, said.cache_write_5m_usd, said.cache_write_1h_usd)
    return any(one is not None for one in given)


def overridden(
    price: Price | None,
    *,
    input_usd: str | None = None,
    output_usd: str | None = None,
    cache_read_usd: str | None = None,
    cache_write_5m_usd: str | None = None,
    cache_write_1h_usd: str | None = None,
) -> Price | None:
    """The table's price with the user's on top; what they leave out stays as in the table, in every tier by prompt length.

    For a model that the table does not have, input and output must both be given, else it stays unpriced (None).
    """
    given = {
        "uncached": input_usd,
        "output": output_usd,
        "cache_read": cache_read_usd,
        "cache_write_5m": cache_write_5m_usd,
        "cache_write_1h": cache_write_1h_usd,
    }
    said = {name: per_million(usd, name) for name, usd in given.items() if usd is not None}
    if not said:
        return price
    if price is None:
        if "uncached" not in said or "output" not in said:
            return None
        base = said["uncached"]
        price = Price(base, base, base, base, said["output"], said["output"])
    if "output" in said:
        said["reasoning"] = said["output"]
    return _over(price, said)


def _over(price: Price, said: dict[str, int]) -> Price:
    longer = _over(price.longer, said) if price.longer is not None else None
    return Price(
        said.get("uncached", price.uncached),
        said.get("cache_read", price.cache_read),
        said.get("cache_write_5m", price.cache_write_5m),
        said.get("cache_write_1h", price.cache_write_1h),
        said.get("output", price.output),
        said.get("reasoning", price.reasoning),
        YOURS,
        price.from_prompt,
        longer,
        price.per_call,
        price.per_search,
    )


def energy(busy_s: float, watts: float, usd_per_kwh: float) -> Nanos:
    """Electricity of the time an engine was busy with one call, rounded up to a nano."""
    if not (math.isfinite(busy_s) and busy_s > 0 and watts > 0 and usd_per_kwh > 0):
        return Nanos(0)
    # Through decimals: 0.30 dollars are 0.30, not 0.299999999999999988.
    dollars = Decimal(repr(busy_s)) * Decimal(repr(float(watts))) * Decimal(repr(float(usd_per_kwh))) / 3_600_000
    return Nanos(math.ceil(dollars * 1_000_000_000))


def hardware(usd: float, months: float, span_s: float) -> Nanos:
    """What owned hardware costs in a span of the calendar, busy or not: never more than its price in all."""
    if usd <= 0 or months <= 0 or span_s <= 0:
        return Nanos(0)
    return Nanos(math.ceil(usd * 1e9 * min(1.0, span_s / (months * _MONTH_S))))


def utilisation(busy_s: float, span_s: float) -> float:
    """Share of the time that the engine worked, 0..1."""
    return min(1.0, max(0.0, busy_s / span_s)) if span_s > 0 else 0.0


def break_even(fixed: Nanos, energy_per_call: Nanos, usage_per_call: Usage, cloud: Price) -> Tokens | None:
    """Prompt and output tokens in the hardware's span from which on owning it is cheaper than the cloud model at this mix;
    None: never, for a call's electricity alone costs more."""
    saved = cost(usage_per_call, cloud) - energy_per_call
    tokens = usage_per_call.prompt + usage_per_call.produced
    if saved <= 0 or tokens <= 0:
        return None
    return Tokens(-(-fixed * tokens // saved))
