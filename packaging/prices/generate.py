"""Makes resources/prices/prices.json.gz from genai-prices (a development dependency; MIT): `python packaging/prices/generate.py`.

Nano-dollars per million tokens as integers; of each model its dated prices, its tiers by prompt length and how it is matched.
Time-of-day prices are left out (the standard price is the dearer one); so is what is not priced by tokens.
"""

import gzip
import json
import sys
from datetime import date
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Any

KEYS = (
    "input_mtok",
    "cache_read_mtok",
    "cache_write_mtok",
    "cache_write_1h_mtok",
    "output_mtok",
    "output_reasoning_mtok",
)
OUT = Path(__file__).resolve().parents[2] / "resources" / "prices" / "prices.json.gz"


def clause(match: Any) -> list[Any]:
    kind = type(match).__name__.removeprefix("Clause").lower()
    inner = next(iter(vars(match).values()))
    return [kind, [clause(one) for one in inner]] if kind in ("or", "and") else [kind, inner]


def nanos(dollars: Decimal | None) -> int | None:
    if dollars is None:
        return None
    scaled = dollars * 1_000_000_000
    if scaled != scaled.to_integral_value():
        # Finer than a nano per million tokens: rounded up, so that no hold falls short.
        scaled = scaled.to_integral_value(rounding="ROUND_CEILING")
    return int(scaled)


def tiers(prices: Any) -> list[list[int | None]]:
    """[[from_prompt, in, read, write 5m, write 1h, out, reasoning], ...]; a tier starts after its `start`."""
    starts = {0}
    for key in KEYS:
        value = getattr(prices, key, None)
        if hasattr(value, "tiers"):
            starts |= {tier.start + 1 for tier in value.tiers}
    rows = []
    for start in sorted(starts):
        row: list[int | None] = [start]
        for key in KEYS:
            value = getattr(prices, key, None)
            if hasattr(value, "tiers"):
                at = [tier.price for tier in value.tiers if start > tier.start]
                value = at[-1] if at else value.base
            row.append(nanos(value))
        rows.append(row)
    return rows


def model(info: Any) -> dict[str, Any] | None:
    dated = []
    for one in info.prices if isinstance(info.prices, list) else [info.prices]:
        constraint, prices = getattr(one, "constraint", None), getattr(one, "prices", one)
        if type(constraint).__name__ == "TimeOfDateConstraint":
            continue
        start = constraint.start_date.isoformat() if constraint is not None else ""
        if getattr(prices, "input_mtok", None) is not None or getattr(prices, "output_mtok", None) is not None:
            dated.append([start, tiers(prices)])
    if not dated:
        return None
    found: dict[str, Any] = {"id": info.id, "m": clause(info.match), "p": dated}
    if info.context_window:
        found["c"] = info.context_window
    return found


def main() -> None:
    from genai_prices.data import providers

    doc = {
        "source": f"genai-prices {version('genai-prices')}",
        "date": date.today().isoformat() if len(sys.argv) < 2 else sys.argv[1],  # noqa: DTZ011  the day it was made
        "providers": [
            {
                "id": p.id,
                "api": p.api_pattern,
                "also": list(getattr(p, "fallback_model_providers", None) or []),
                "models": [found for info in p.models if (found := model(info)) is not None],
            }
            for p in providers
        ],
    }
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_bytes(gzip.compress(json.dumps(doc, separators=(",", ":")).encode(), mtime=0))
    print(f"{OUT.name}: {OUT.stat().st_size} bytes, {sum(len(p['models']) for p in doc['providers'])} models")


if __name__ == "__main__":
    main()
