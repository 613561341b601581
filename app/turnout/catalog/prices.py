"""What a token costs where: the shipped table, made from genai-prices at build time.

A provider of the user's is matched to the table by its base URL, else by its name, else by what it speaks. An unknown model
is None, never free: callers hold at `dearest` and say "unpriced". `packaging/prices/generate.py` says what a row holds.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Any

from turnout.calls.units import Family, Tokens
from turnout.calls.usage import Price, dearer

_BY_FAMILY = {Family.OPENAI: "openai", Family.ANTHROPIC: "anthropic", Family.GEMINI: "google"}
_ALIASES = {
    "gemini": "google",
    "xai": "x-ai",
    "grok": "x-ai",
    "moonshot": "moonshotai",
    "bedrock": "aws",
    "vertex": "google",
    "copilot": "github-copilot",
}
_COMPACT_DATE = re.compile(r"-(20\d\d)(\d\d)(\d\d)$")
Dated = tuple[tuple[str, Price], ...]
"""(from this ISO date on, price); the empty date is from the beginning."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One model of the table."""

    id: str
    provider: str
    context: Tokens | None
    prices: Dated
    peaks: tuple[tuple[str, str, Price], ...] = ()
    """("HH:MM" UTC, until, price): hours of the day with a price of their own."""
    services: tuple[tuple[str, Dated], ...] = ()
    held: "Listed | None" = None
    """The same model in a fetched table, so much cheaper that the user has to approve it first."""

    def at(self, when: date, service: str = "") -> Price:
        """The price in force: at a moment (an aware datetime), or the dearest of a whole day. `service` is the tier of
        service that the call was answered with (one of `calls.usage.SERVICES`); one that has no price of its own costs the standard one.

        While a new price is held for approval the dearer of the two counts (T27)."""
        price = self._at(when, service)
        return price if self.held is None else dearer(price, self.held.at(when, service))

    def _at(self, when: date, service: str) -> Price:
        for name, dated in self.services:
            if name == service:
                return _begun(dated, _day(when))
        standard = _begun(self.prices, _day(when))
        if not isinstance(when, datetime):
            return max([standard, *(price for _, _, price in self.peaks)], key=lambda p: (p.output, p.uncached))
        clock = when.astimezone(UTC).strftime("%H:%M")
        for start, end, price in self.peaks:
            if start <= clock < end if start < end else clock >= start or clock < end:
                return price
        return standard

    def all(self) -> Iterator[Price]:
        """Every price it ever has."""
        yield from (price for _, price in self.prices)
        yield from (price for _, _, price in self.peaks)
        yield from (price for _, dated in self.services for _, price in dated)
        if self.held is not None:
            yield from self.held.all()


def _day(when: date) -> str:
    return (when.astimezone(UTC) if isinstance(when, datetime) else when).strftime("%Y-%m-%d")


def _begun(dated: Dated, day: str) -> Price:
    """The last price that has begun; the first one before any has."""
    begun = [price for start, price in dated if start <= day]
    return begun[-1] if begun else dated[0][1]


def _matcher(clause: Any) -> Callable[[str], bool]:
    kind, value = clause
    if kind in ("or", "and"):
        parts = [_matcher(one) for one in value]
        return (
            (lambda name: any(part(name) for part in parts))
            if kind == "or"
            else (lambda name: all(part(name) for part in parts))
        )
    if kind == "regex":
        pattern = re.compile(value)
        return lambda name: pattern.search(name) is not None
    tests: dict[str, Callable[[str], bool]] = {
        "equals": lambda name: name == value,
        "startswith": lambda name: name.startswith(value),
        "endswith": lambda name: name.endswith(value),
        "contains": lambda name: value in name,
    }
    return tests[kind]


class Maker:
    """One provider of the table; its models are taken apart when they are first asked for."""

    def __init__(self, doc: Any, source: str) -> None:
        self.id: str = doc["id"]
        self.also: list[str] = doc["also"]
        self._doc = doc
        self._source = source
        self._found: dict[str, Listed | None] = {}

    def serves(self, base_url: str) -> bool:
        return re.match(self._doc["api"], base_url) is not None

    @cached_property
    def _models(self) -> list[tuple[Callable[[str], bool], Any]]:
        return [(_matcher(model["m"]), model) for model in self._doc["models"]]

    def find(self, name: str) -> Listed | None:
        """`name` in lower case."""
        if name not in self._found:
            if len(self._found) > 2_000:
                self._found.clear()
            self._found[name] = next((self._listed(model) for matches, model in self._models if matches(name)), None)
        return self._found[name]

    def entry(self, name: str) -> Any:
        """The same as it stands in the document; None: no such model."""
        return next((model for matches, model in self._models if matches(name)), None)

    def all(self) -> list[Listed]:
        return [self._listed(model) for model in self._doc["models"]]

    def _listed(self, model: Any) -> Listed:
        context = model.get("c")
        return Listed(
            model["id"],
            self.id,
            Tokens(context) if context else None,
            self._dated(model["p"]),
            tuple((start, end, price_of(rows, self._source)) for start, end, rows in model.get("t", ())),
            tuple((name, self._dated(dated)) for name, dated in model.get("s", {}).items()),
            self._listed(model["held"]) if "held" in model else None,
        )

    def _dated(self, dated: Any) -> Dated:
        return tuple((start, price_of(rows, self._source)) for start, rows in dated)


def price_of(rows: list[list[int | None]], source: str) -> Price:
    """Tiers by prompt length, shortest first. Caches without a price of their own cost what input costs, reasoning what output does. Older
    tables end before the price of a search."""
    longer: Price | None = None
    for start, given, read, write, hour, out, reasoning, per_call, *more in reversed(rows):
        base, output = given or 0, out or 0
        write = write if write is not None else base
        longer = Price(
            base,
            read if read is not None else base,
            write,
            hour if hour is not None else write,
            output,
            reasoning if reasoning is not None else output,
            source,
            Tokens(start or 0),
            longer,
            per_call or 0,
            (more[0] if more else None) or 0,
        )
    assert longer is not None
    return longer


class PriceTable:
    def __init__(self, doc: Any) -> None:
        self.doc = doc
        self.source: str = f"{doc['source']} of {doc['date']}"
        self.date: str = doc["date"]
        self._makers = {one["id"]: Maker(one, self.source) for one in doc["providers"]}
        self.problem = ""
        """Why a fetched table does not serve in this one's place."""
        self._dearest: dict[tuple[str, date], Price | None] = {}

    def maker(self, provider: str, base_url: str, family: Family) -> Maker | None:
        """By the base URL, else the provider's name, else its dialect: a gateway that speaks it charges about the same."""
        for maker in self._makers.values():
            if maker.serves(base_url):
                return maker
        name = provider.lower()
        named = self._makers.get(_ALIASES.get(name, name))
        return named if named is not None else self._makers.get(_BY_FAMILY.get(family, ""))

    def named(self, maker: str) -> Maker | None:
        return self._makers.get(maker)

    def find(self, provider: str, base_url: str, family: Family, model: str) -> Listed | None:
        maker = self.maker(provider, base_url, family)
        return self.listed(maker, model) if maker is not None else None

    def listed(self, maker: Maker, model: str) -> Listed | None:
        """Upper and lower case are one; `-20260917` at the end is read like `-2026-09-17` too."""
        name = model.lower()
        dashed = _COMPACT_DATE.sub(r"-\1-\2-\3", name)
        for one in (name, dashed) if dashed != name else (name,):
            for place in (maker, *(self._makers[other] for other in maker.also if other in self._makers)):
                found = place.find(one)
                if found is not None:
                    return found
        return None

    def dearest(self, provider: str, base_url: str, family: Family, day: date) -> Price | None:
        """The dearest price by output of that provider's models: what an unknown one is held at."""
        maker = self.maker(provider, base_url, family)
        if maker is None:
            return None
        key = (maker.id, day)
        if key not in self._dearest:
            self._dearest.clear()
            prices = [one.at(day) for one in maker.all()]
            self._dearest[key] = max(prices, key=lambda p: (p.output, p.uncached), default=None)
        return self._dearest[key]

    def models(self, provider: str, base_url: str, family: Family) -> list[Listed]:
        maker = self.maker(provider, base_url, family)
        return maker.all() if maker is not None else []

    def held(self) -> list[str]:
        """`maker/model` of all whose new price waits for approval."""
        return [f"{p['id']}/{m['id']}" for p in self.doc["providers"] for m in p["models"] if "held" in m]

    def makers(self) -> list[str]:
        return list(self._makers)
