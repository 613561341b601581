"""Makes resources/prices/prices.json.gz from genai-prices (a development dependency; MIT): `python packaging/prices/generate.py`.

Nano-dollars per million tokens as integers (exact: no price of 0.2.3 is finer than that). Of each model: how it is matched, its
dated prices, its tiers by prompt length, its peak hours, and its batch, flex, priority and fast prices. A row is
[from_prompt, input, cache read, cache write 5m, cache write 1h, output, reasoning, nanos a request, nanos a search of the web].

Left out, for the ledger knows no such units: audio, image and video tokens apart from text, pages, characters, searches in stored
files, and models priced by those alone.
"""

import gzip
import json
import sys
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from decimal import ROUND_CEILING, Decimal
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
SERVICES: Mapping[str, tuple[Mapping[str, str], ...]] = {
    "batch": ({"processing": "batch"},),
    "flex": ({"service_tier": "flex"},),
    "priority": ({"service_tier": "priority"},),
    "fast": ({"service_tier": "fast"}, {"speed": "fast"}),
}
OUT = Path(__file__).resolve().parents[2] / "resources" / "prices" / "prices.json.gz"
EPOCH = date(2000, 1, 1)
Row = list[int | None]


def clause(match: Any) -> list[Any]:
    kind = type(match).__name__.removeprefix("Clause").lower()
    inner = next(iter(vars(match).values()))
    if kind in ("or", "and"):
        return [kind, [clause(one) for one in inner]]
    return [kind, inner if kind == "regex" else inner.lower()]


def nanos(dollars: Decimal | None) -> int | None:
    """Rounded up where a price should ever be finer than a nano per million, so that no hold falls short."""
    return None if dollars is None else int((dollars * 1_000_000_000).to_integral_value(rounding=ROUND_CEILING))


def tiers(prices: Any) -> list[Row]:
    """A tier begins one token after its `start`; from there on it prices the whole call."""
    starts = {0} | {tier.start + 1 for key in KEYS for tier in getattr(getattr(prices, key, None), "tiers", None) or ()}
    rows: list[Row] = []
    for start in sorted(starts):
        row: Row = [start]
        for key in KEYS:
            value = getattr(prices, key, None)
            if hasattr(value, "tiers"):
                at = [tier.price for tier in value.tiers if start > tier.start]
                value = at[-1] if at else value.base
            row.append(nanos(value))
        for name in ("requests_kcount", "web_searches_kcount"):
            thousand = getattr(prices, name, None)
            row.append(nanos(thousand / 1_000) if thousand is not None else 0)
        rows.append(row)
    return rows


def dated(info: Any, context: Mapping[str, str] | None) -> list[tuple[str, list[Row]]]:
    """(from this ISO date on, rows); peak hours apart."""
    constraints = [getattr(one, "constraint", None) for one in _listed(info)]
    constraints += [variant.constraint for variant in info.price_variants or ()]
    days = {EPOCH} | {c.start_date for c in constraints if type(c).__name__ == "StartDateConstraint"}
    calm = _calm(info)
    found: list[tuple[str, list[Row]]] = []
    for day in sorted(days):
        prices = info.get_prices(datetime.combine(day, calm, UTC), context)
        rows = tiers(prices)
        if not found or found[-1][1] != rows:
            found.append(("" if day == EPOCH else day.isoformat(), rows))
    return found


def peaks(info: Any) -> list[tuple[str, str, list[Row]]]:
    """(from, to, rows) in UTC; they hold on every day there is, before any dated price."""
    listed = _listed(info)
    kinds = [type(getattr(one, "constraint", None)).__name__ for one in listed]
    if "TimeOfDateConstraint" not in kinds:
        return []
    first = kinds.index("TimeOfDateConstraint")
    if any(kind != "TimeOfDateConstraint" for kind in kinds[first:]) or info.price_variants:
        raise SystemExit(f"{info.id}: peak hours before dated prices, or with variants, are new; teach this program")
    return [
        (f"{one.constraint.start_time:%H:%M}", f"{one.constraint.end_time:%H:%M}", tiers(one.prices))
        for one in reversed(listed[first:])
    ]


def _listed(info: Any) -> list[Any]:
    return info.prices if isinstance(info.prices, list) else [info.prices]


def _calm(info: Any) -> time:
    """A moment outside all peak hours."""
    spans = [one.constraint for one in _listed(info) if type(getattr(one, "constraint", None)).__name__ == "TimeOfDateConstraint"]  # fmt: skip
    for minute in range(0, 24 * 60, 30):
        moment = datetime(2000, 1, 1, minute // 60, minute % 60, tzinfo=UTC)
        if not any(span.active(moment) for span in spans):
            return moment.time()
    raise SystemExit(f"{info.id}: peak hours all day")


def model(info: Any) -> dict[str, Any] | None:
    plain = dated(info, None)
    if not any(row[1] is not None or row[5] is not None for _, rows in plain for row in rows):
        return None
    found: dict[str, Any] = {"id": info.id, "m": clause(info.match), "p": plain}
    if info.context_window:
        found["c"] = info.context_window
    if peak := peaks(info):
        found["t"] = peak
    services = {}
    for name, contexts in SERVICES.items():
        for context in contexts:
            if any(dict(variant.when) == dict(context) for variant in info.price_variants or ()):
                services[name] = dated(info, context)
    if services:
        found["s"] = services
    return found


def table(today: str) -> dict[str, Any]:
    from genai_prices.data import providers

    return {
        "source": f"genai-prices {version('genai-prices')}",
        "date": today,
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


def main() -> None:
    today = sys.argv[1] if len(sys.argv) > 1 else datetime.now(UTC).date().isoformat()
    doc = table(today)
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_bytes(gzip.compress(json.dumps(doc, separators=(",", ":")).encode(), mtime=0))
    print(f"{OUT.name}: {OUT.stat().st_size} bytes, {sum(len(p['models']) for p in doc['providers'])} models")


if __name__ == "__main__":
    main()
