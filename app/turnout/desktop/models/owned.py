"""What owned hardware costs and whether it pays, as `turnout spend` tells it: values and their words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from turnout.desktop import text
from turnout.desktop.text import nanos_of, tr
from turnout.settings.model import Settings

FIELDS = ("watts", "usd_per_kwh", "hardware_usd", "hardware_months")
"""Of an entry of [prices], in the order they are asked for."""


@dataclass(frozen=True, slots=True)
class Machine:
    """One entry of [prices] with watts or hardware, over a range of the calendar."""

    pattern: str
    calls: int
    busy_ms: int
    utilisation: float
    """Share of the range that it worked, 0..1."""
    energy: int
    booked: int
    """The purchase's part that falls into the range, in nanos."""
    month: int
    """The same a month; 0: nothing was said of it."""
    cloud: str
    """Where its calls would have gone; empty: no model there has a price."""
    cloud_cost: int
    tokens_a_month: int
    pays_from: int | None
    """Tokens a month from which on owning is cheaper; None: never, or nothing to compare with."""

    @property
    def cost(self) -> int:
        return self.energy + self.booked

    @property
    def compared(self) -> bool:
        return bool(self.cloud and self.calls)

    @property
    def share(self) -> float:
        """How far towards the break-even point: 1 and more pays."""
        return self.tokens_a_month / self.pays_from if self.pays_from else 0.0

    @property
    def verdict(self) -> tuple[str, str]:
        """Words and the pill's kind."""
        if not self.calls:
            return tr("idle"), "quiet"
        if not self.cloud:
            return tr("nothing to compare with"), "quiet"
        if self.month and self.pays_from is None:
            return tr("never pays"), "bad"
        return (tr("pays"), "good") if self.cost <= self.cloud_cost else (tr("does not pay yet"), "warn")

    @property
    def utilisation_said(self) -> str:
        return tr("{time} of work").format(time=text.duration(self.busy_ms))

    @property
    def hardware_said(self) -> str:
        if not self.month:
            return tr("not said")
        return tr("{usd} a month, busy or not").format(usd=text.money(self.month))

    @property
    def cloud_said(self) -> str:
        """The same tokens elsewhere, against what they cost here."""
        less = self.cloud_cost - self.cost
        if less >= 0:
            return tr("owning cost {usd} less").format(usd=text.money(less))
        return tr("owning cost {usd} more").format(usd=text.money(-less))

    @property
    def even_said(self) -> str:
        if not self.month:
            return tr("no purchase to pay off")
        if self.pays_from is None:
            return tr("electricity alone costs more than the cloud")
        return tr("{now} of {need} tokens a month").format(
            now=text.compact(self.tokens_a_month), need=text.compact(self.pays_from)
        )


def machines(doc: Mapping[str, Any]) -> list[Machine]:
    """`doc` is the answer of `turnout spend --json`."""
    return [
        Machine(
            pattern=str(one.get("models", "")),
            calls=int(one.get("calls", 0)),
            busy_ms=int(one.get("busy_ms", 0)),
            utilisation=float(one.get("utilisation", 0.0)),
            energy=nanos_of(str(one.get("energy_usd") or "0")),
            booked=nanos_of(str(one.get("hardware_usd") or "0")),
            month=nanos_of(str(one.get("hardware_month_usd") or "0")),
            cloud=str(one.get("cloud_model") or ""),
            cloud_cost=nanos_of(str(one.get("cloud_usd") or "0")),
            tokens_a_month=int(one.get("tokens_a_month", 0)),
            pays_from=int(one["break_even_tokens_a_month"])
            if one.get("break_even_tokens_a_month") is not None
            else None,
        )
        for one in doc.get("owned", ())
        if isinstance(one, Mapping)
    ]


def patterns(settings: Settings) -> list[str]:
    """What can be said to be owned: entries that say so already, then every model of each provider inside our walls."""
    said = [one.pattern for one in settings.prices if one.watts or one.hardware_usd]
    inside = [f"{name}/*" for name, provider in settings.providers.items() if provider.sovereign]
    return list(dict.fromkeys([*said, *inside]))


def entry(settings: Settings, pattern: str) -> Sequence[str]:
    """What turnout.toml says of it now, in the order of FIELDS; empty where it says nothing."""
    found = next((one for one in settings.prices if one.pattern == pattern), None)
    values = [getattr(found, name) if found is not None else None for name in FIELDS]
    return ["" if value is None else f"{value:.10g}" for value in values]


def wrong(values: Sequence[str]) -> str:
    """What is wrong with figures as typed; empty: nothing. Electricity and purchase each need both of theirs."""
    numbers = [_number(value) for value in values]
    if any(number is None for number in numbers):
        return tr("Write plain numbers from 0 on, like 320 or 0.30.")
    watts, kwh, usd, months = (number or 0.0 for number in numbers)
    if bool(watts) != bool(kwh):
        return tr("Electricity needs both: watts, and dollars per kWh.")
    if bool(usd) != bool(months):
        return tr("A purchase needs both: its price, and over how many months it is paid off.")
    return "" if watts or usd else tr("Say what it draws, what it cost, or both.")


def change(doc: Any, pattern: str, values: Sequence[str]) -> None:
    """Into turnout.toml; a figure that is left empty leaves the file."""
    import tomlkit

    if "prices" not in doc:
        doc.add("prices", tomlkit.table(is_super_table=True))
    if pattern not in doc["prices"]:
        doc["prices"].add(pattern, tomlkit.table())
    table = doc["prices"][pattern]
    for name, value in zip(FIELDS, values, strict=True):
        if value.strip():
            number = _number(value) or 0.0
            table[name] = int(number) if number == int(number) else number
        else:
            table.pop(name, None)


def _number(value: str) -> float | None:
    """0 for an empty field; None for what is no plain number from 0 on."""
    plain = value.strip()
    if not plain:
        return 0.0
    if not plain.replace(".", "", 1).isdecimal() or len(plain) > 12:
        return None
    return float(plain)
