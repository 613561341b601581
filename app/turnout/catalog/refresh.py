"""A price table from elsewhere, which the user asked for: checked whole, and never trusted to make a model cheap by itself (T27)."""

import gzip
import re
import zlib
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


def check_table(data: bytes, old: PriceTable | None = None) -> tuple[PriceTable, list[str]]:
    """A refreshed table (JSON, perhaps gzipped) and what needs the user's yes: prices that fell to nothing or by more than half.

    Raises SettingsError on anything that is not such a table: wrong shape, negative or absurd prices.
    """
    try:
        doc = orjson.loads(_unpacked(data))
        table = PriceTable(doc)
        date.fromisoformat(table.date)
        suspicious: list[str] = []
        for name in table.makers():
            maker = table.named(name)
            assert maker is not None
            maker.serves("https://example.com")
            maker.find("no-such-model")
            before_maker = old.named(name) if old is not None else None
            for listed in maker.all():
                if not listed.prices:
                    raise ValueError("a model without a price")
                for price in listed.all():
                    _check_price(listed.id, price)
                before = before_maker.find(listed.id.lower()) if before_maker is not None else None
                if before is not None and _fell(before, listed):
                    suspicious.append(f"{name}/{listed.id}")
        _check_patterns(doc)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, OSError, EOFError, AssertionError, re.error, zlib.error, RecursionError) as error:  # fmt: skip
        raise SettingsError(
            f"this is no price table ({type(error).__name__})",
            file="prices",
            hint="Nothing was changed; the old prices stay.",
        ) from error
    return table, suspicious


def merged(table: PriceTable, old: PriceTable, keep: list[str]) -> bytes:
    """The new table with the models in `keep` (`check_table`'s second answer) as they were, ready to be written to a file."""
    old_models = {
        f"{provider['id']}/{model['id']}": model for provider in old.doc["providers"] for model in provider["models"]
    }
    kept = set(keep)
    doc = dict(table.doc)
    doc["providers"] = [
        {
            **provider,
            "models": [
                old_models.get(key, model) if (key := f"{provider['id']}/{model['id']}") in kept else model
                for model in provider["models"]
            ],
        }
        for provider in doc["providers"]
    ]
    return gzip.compress(orjson.dumps(doc), mtime=0)


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
        found = [provider["api"], *(one for model in provider["models"] for one in patterns(model["m"]))]
        if any(len(one) > _PATTERN or (one != provider["api"] and _REPEATED.search(one)) for one in found):
            raise ValueError("a pattern that could take long")


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
            tier.per_call,
        )
        if any(not isinstance(n, int) or isinstance(n, bool) or not 0 <= n <= CEILING for n in figures):
            raise SettingsError(
                f"{model} has a price below 0 or above $10,000 per million", file="prices", hint="The old prices stay."
            )
        tier = tier.longer


def _fell(before: Listed, after: Listed) -> bool:
    was, now = before.prices[-1][1], after.prices[-1][1]
    return now.output * 2 < was.output or now.uncached * 2 < was.uncached
