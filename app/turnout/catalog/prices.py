"""What a token costs where: the shipped table, made from genai-prices at build time, and the user's own prices on top.

A provider of the user's is matched to the table by its name, else by its base URL, else by what it speaks. An unknown model
is None, never free: callers hold at `dearest` and say "unpriced".
"""

import gzip
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

import orjson

from turnout.calls.units import Family, Tokens
from turnout.calls.usage import Price
from turnout.errors import SettingsError
from turnout.resources import resource

CEILING = 10_000_000_000_000
"""Nano-dollars per million tokens: $10,000. Nothing has ever cost so much; a larger figure is a broken table."""
_BY_FAMILY = {Family.OPENAI: "openai", Family.ANTHROPIC: "anthropic", Family.GEMINI: "google"}
_ALIASES = {
    "gemini": "google",
    "xai": "x-ai",
    "grok": "x-ai",
    "moonshot": "moonshotai",
    "bedrock": "aws",
    "vertex": "google",
}


@dataclass(frozen=True, slots=True)
class Listed:
    """One model of the table."""

    id: str
    provider: str
    context: Tokens | None
    prices: tuple[tuple[str, Price], ...]
    """(from this ISO date on, price); the empty date is from the beginning."""

    def at(self, day: date) -> Price:
        """The last price that has begun; the first one before any has."""
        begun = [price for start, price in self.prices if not start or start <= day.isoformat()]
        return begun[-1] if begun else self.prices[0][1]


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
        if name not in self._found:
            if len(self._found) > 2_000:
                self._found.clear()
            self._found[name] = next((self._listed(model) for matches, model in self._models if matches(name)), None)
        return self._found[name]

    def all(self) -> list[Listed]:
        return [self._listed(model) for model in self._doc["models"]]

    def _listed(self, model: Any) -> Listed:
        dated = tuple((start, price_of(rows, self._source)) for start, rows in model["p"])
        context = model.get("c")
        return Listed(model["id"], self.id, Tokens(context) if context else None, dated)


def price_of(rows: list[list[int | None]], source: str) -> Price:
    """Tiers by prompt length, shortest first. Caches without a price of their own cost what input costs."""
    longer: Price | None = None
    for start, *numbers in reversed(rows):
        given, read, write, hour, out, reasoning = numbers
        base = given or 0
        write = write if write is not None else base
        output = out or 0
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
        )
    assert longer is not None
    return longer


class PriceTable:
    def __init__(self, doc: Any) -> None:
        self.source: str = f"{doc['source']} of {doc['date']}"
        self.date: str = doc["date"]
        self._makers = {one["id"]: Maker(one, self.source) for one in doc["providers"]}
        self._dearest: dict[str, Price | None] = {}

    def maker(self, provider: str, base_url: str, family: Family) -> Maker | None:
        """By the provider's name, else its base URL, else its dialect."""
        name = provider.lower()
        named = self._makers.get(_ALIASES.get(name, name))
        if named is not None:
            return named
        for maker in self._makers.values():
            if maker.serves(base_url):
                return maker
        return self._makers.get(_BY_FAMILY.get(family, ""))

    def find(self, provider: str, base_url: str, family: Family, model: str) -> Listed | None:
        maker = self.maker(provider, base_url, family)
        if maker is None:
            return None
        found = maker.find(model) or maker.find(model.lower())
        if found is None:
            for other in maker.also:
                found = self._makers[other].find(model) if other in self._makers else None
                if found is not None:
                    break
        return found

    def dearest(self, provider: str, base_url: str, family: Family, day: date) -> Price | None:
        """The dearest price by output of that provider's models: what an unknown one is held at."""
        maker = self.maker(provider, base_url, family)
        if maker is None:
            return None
        if maker.id not in self._dearest:
            prices = [one.at(day) for one in maker.all()]
            self._dearest[maker.id] = max(prices, key=lambda p: (p.output, p.uncached), default=None)
        return self._dearest[maker.id]

    def models(self, provider: str, base_url: str, family: Family) -> list[Listed]:
        maker = self.maker(provider, base_url, family)
        return maker.all() if maker is not None else []

    def makers(self) -> list[str]:
        return list(self._makers)


def load_prices() -> PriceTable:
    """Some 20 ms; the models are taken apart lazily."""
    return PriceTable(orjson.loads(gzip.decompress(resource("prices", "prices.json.gz").read_bytes())))


def check_table(data: bytes, old: PriceTable | None = None) -> tuple[PriceTable, list[str]]:
    """A refreshed table (JSON, perhaps gzipped) and what needs the user's yes: prices that fell to nothing or by half (T27).

    Raises SettingsError on anything that is not such a table: wrong shape, negative or absurd prices.
    """
    try:
        doc = orjson.loads(gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data)
        table = PriceTable(doc)
        suspicious: list[str] = []
        for name in table.makers():
            for listed in table._makers[name].all():
                for _, price in listed.prices:
                    _check_price(listed.id, price)
                before = old._makers[name].find(listed.id) if old is not None and name in old._makers else None
                if before is not None and _fell(before.prices[-1][1], listed.prices[-1][1]):
                    suspicious.append(f"{name}/{listed.id}")
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, OSError, EOFError) as error:
        raise SettingsError(
            f"this is no price table ({type(error).__name__})",
            file="prices",
            hint="Nothing was changed; the old prices stay.",
        ) from error
    return table, suspicious


def _check_price(model: str, price: Price) -> None:
    tier: Price | None = price
    while tier is not None:
        figures = (
            tier.uncached,
            tier.cache_read,
            tier.cache_write_5m,
            tier.cache_write_1h,
            tier.output,
            tier.reasoning,
        )
        if any(not isinstance(n, int) or isinstance(n, bool) or not 0 <= n <= CEILING for n in figures):
            raise SettingsError(
                f"{model} has a price below 0 or above $10,000 per million", file="prices", hint="The old prices stay."
            )
        tier = tier.longer


def _fell(before: Price, after: Price) -> bool:
    return after.output * 2 < before.output or after.uncached * 2 < before.uncached
