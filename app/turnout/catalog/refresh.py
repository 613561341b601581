"""A price table from elsewhere, which the user asked for: checked whole, and never trusted to make a model cheap by itself (T27)."""

import gzip
import re
import zlib
from collections.abc import Collection, Iterable, Iterator
from datetime import date
from typing import Any

import orjson

from turnout.calls.usage import Price
from turnout.catalog.prices import Listed, PriceTable
from turnout.errors import SettingsError

CEILING = 10_000_000_000_000
"""Nano-dollars per million tokens: $10,000. Nothing has ever cost so much; a larger figure is a broken table."""
LARGEST = 16_000_000
"""Bytes, unpacked. The table of 2026 has 0.9 million."""
_PATTERN = 300
"""Characters of a pattern in the table; and no repeated group in one: it runs on every model name (T23)."""
_REPEATED = re.compile(r"\)[*+{]")


def check_table(data: bytes, old: PriceTable | None = None, *, ours: bool = False) -> tuple[PriceTable, list[str]]:
    """A refreshed table (JSON, perhaps gzipped) and what needs the user's yes: prices that fell to nothing or by more than half.

    `ours`: the table that `merged` wrote, which may hold prices back; one from elsewhere may not. Raises SettingsError on
    anything that is not such a table: wrong shape, negative or absurd prices.
    """
    try:
        doc = orjson.loads(_unpacked(data))
        table = PriceTable(doc)
        date.fromisoformat(table.date)
        if not ours and table.held():
            raise ValueError("a table that holds prices back")
        for name in table.makers():
            maker = table.named(name)
            assert maker is not None
            maker.serves("https://example.com")
            maker.find("no-such-model")
            for listed in maker.all():
                if not listed.prices or (listed.held is not None and not listed.held.prices):
                    raise ValueError("a model without a price")
                for price in listed.all():
                    _check_price(listed.id, price)
        _check_patterns(doc)
        suspicious = _suspicious(table, old) if old is not None else []
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, OSError, EOFError, AssertionError, re.error, zlib.error, RecursionError) as error:  # fmt: skip
        why = str(error) if type(error) is ValueError else type(error).__name__
        raise SettingsError(
            f"this is no price table ({why})",
            file="prices",
            hint="Nothing was changed; the old prices stay.",
        ) from error
    return table, suspicious


def _suspicious(table: PriceTable, old: PriceTable) -> list[str]:
    """By the old table's names, each looked up in the new one: a new pattern that takes a dear name to a cheap model shows too."""
    day = max(date.fromisoformat(table.date), date.fromisoformat(old.date))
    found = []
    for name in old.makers():
        before_maker, after_maker = old.named(name), table.named(name)
        if before_maker is None or after_maker is None:
            continue
        for before in before_maker.all():
            after = after_maker.find(before.id.lower())
            if after is not None and _fell(before, after, day):
                found.append(f"{name}/{before.id}")
    return found


def merged(table: PriceTable, old: PriceTable, keep: list[str]) -> bytes:
    """The new table, ready to be written to a file. The models in `keep` (`check_table`'s second answer) stay as they were,
    each with its new price held back for the user's approval; so do the addresses that providers are known by, and all that the
    new table does not have: what is not in a table would be held and charged like an unknown model."""
    before = {one["id"]: one for one in old.doc["providers"]}
    kept: dict[str, list[Any]] = {}
    left: dict[str, list[Any]] = {}
    for name in keep:
        maker, _, model = name.partition("/")
        entry = next(one for one in before[maker]["models"] if one["id"] == model)
        after = table.named(maker)
        found = after.entry(model.lower()) if after is not None else None
        held = {key: value for key, value in (found or entry).items() if key != "held"}
        kept.setdefault(maker, []).append(entry | {"held": held})
    for name in before:
        after = table.named(name)
        lost = [one for one in before[name]["models"] if after is None or after.find(one["id"].lower()) is None]
        left[name] = _without(lost, kept.get(name, ()))
    # Old providers first, and what is kept before the new models: the first that matches a name serves it.
    order = {name: at for at, name in enumerate(before)}
    gone = [one | {"models": []} for name, one in before.items() if table.named(name) is None]
    providers = sorted([*table.doc["providers"], *gone], key=lambda one: order.get(one["id"], len(order)))
    doc = dict(table.doc)
    doc["providers"] = [
        {
            **provider,
            "api": before.get(provider["id"], provider)["api"],
            "models": [
                *kept.get(provider["id"], ()),
                *_without(provider["models"], kept.get(provider["id"], ())),
                *left.get(provider["id"], ()),
            ],
        }
        for provider in providers
    ]
    return gzip.compress(orjson.dumps(doc), mtime=0)


def _without(models: list[Any], kept: Iterable[Any]) -> list[Any]:
    names = {one["id"] for one in kept}
    return [one for one in models if one["id"] not in names]


def approved(table: PriceTable, names: Collection[str] | None = None) -> tuple[bytes, list[str]]:
    """The table with held prices in force - all, or those in `names` (`maker/model`) - and which they were."""
    taken: list[str] = []

    def released(maker: str, model: Any) -> Any:
        name = f"{maker}/{model['id']}"
        if "held" not in model or (names is not None and name not in names):
            return model
        taken.append(name)
        # Under its old name and pattern: only the price is what was approved.
        return {key: value for key, value in model["held"].items() if key not in ("id", "m")} | {
            "id": model["id"],
            "m": model["m"],
        }

    doc = dict(table.doc)
    doc["providers"] = [
        {**provider, "models": [released(provider["id"], model) for model in provider["models"]]}
        for provider in doc["providers"]
    ]
    return gzip.compress(orjson.dumps(doc), mtime=0), taken


def _unpacked(data: bytes) -> bytes:
    if data[:2] == b"\x1f\x8b":
        data = zlib.decompressobj(wbits=31).decompress(data, LARGEST + 1)
    if len(data) > LARGEST:
        raise ValueError("too large")
    return data


def _check_patterns(doc: Any) -> None:
    def patterns(clause: Any) -> list[str]:
        kind, value = clause
        if kind in ("or", "and"):
            return [one for part in value for one in patterns(part)]
        return [value] if kind == "regex" else []

    for provider in doc["providers"]:
        models = [one for model in provider["models"] for one in (model, model.get("held")) if one is not None]
        found = [provider["api"], *(one for model in models for one in patterns(model["m"]))]
        if any(len(one) > _PATTERN or (one != provider["api"] and _REPEATED.search(one)) for one in found):
            raise ValueError("a pattern that could take long")


def _check_price(model: str, price: Price) -> None:
    for tier in _tiers(price):
        if any(not isinstance(n, int) or isinstance(n, bool) or not 0 <= n <= CEILING for n in _figures(tier)):
            raise SettingsError(
                f"{model} has a price below 0 or above $10,000 per million", file="prices", hint="The old prices stay."
            )


def _fell(before: Listed, after: Listed, day: date) -> bool:
    """Any figure to nothing or by more than half, at any prompt length and tier of service."""
    services = {"", *(name for name, _ in before.services), *(name for name, _ in after.services)}
    return any(_less(before.at(day, service), after.at(day, service)) for service in services)


def _less(was: Price, now: Price) -> bool:
    lengths = {tier.from_prompt for price in (was, now) for tier in _tiers(price)}
    return any(
        b * 2 < a for length in lengths for a, b in zip(_figures(was.at(length)), _figures(now.at(length)), strict=True)
    )


def _tiers(price: Price) -> Iterator[Price]:
    tier: Price | None = price
    while tier is not None:
        yield tier
        tier = tier.longer


def _figures(price: Price) -> tuple[int, ...]:
    return (
        price.uncached,
        price.cache_read,
        price.cache_write_5m,
        price.cache_write_1h,
        price.output,
        price.reasoning,
        price.per_call,
        price.per_search,
    )
