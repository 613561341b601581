"""Every model that genai-prices knows, priced by it and by our table: the same to the nano.

Their price is exact; ours is that, rounded up once to a whole nano-dollar. Not compared: usage the ledger has no units for
(audio, images, pages, searches in stored files), and models that have no token price at all.
"""

import itertools
from datetime import UTC, datetime
from decimal import ROUND_CEILING, Decimal
from typing import Any

import pytest
from genai_prices import Usage as TheirUsage
from genai_prices.data import providers

from turnout.calls.units import Family, Tokens
from turnout.calls.usage import Usage, cost
from turnout.catalog.prices import PriceTable
from turnout.catalog.tables import load_prices

MOMENTS = (
    datetime(2024, 2, 29, 12, tzinfo=UTC),
    datetime(2026, 8, 20, 2, 30, tzinfo=UTC),
    datetime(2026, 11, 24, 9, 59, tzinfo=UTC),
    datetime(2027, 6, 1, 0, 30, tzinfo=UTC),
)
USAGES = (
    Usage(Tokens(1), Tokens(0), Tokens(0), Tokens(0), Tokens(1), Tokens(0)),
    Usage(Tokens(1_234), Tokens(18_765), Tokens(1_111), Tokens(222), Tokens(777), Tokens(333)),
    Usage(Tokens(128_000), output=Tokens(5)),
    Usage(Tokens(150_000), Tokens(50_000), output=Tokens(4_096), reasoning=Tokens(1)),
    Usage(Tokens(150_001), Tokens(50_000), output=Tokens(4_096), reasoning=Tokens(1)),
    Usage(Tokens(2), Tokens(3), Tokens(300_000), Tokens(400_000), Tokens(64_000), Tokens(13)),
    Usage(Tokens(9_000), output=Tokens(500), searches=7),
)
CONTEXTS = {
    "": None,
    "batch": {"processing": "batch"},
    "flex": {"service_tier": "flex"},
    "priority": {"service_tier": "priority"},
    "fast": {"service_tier": "fast"},
}


@pytest.fixture(scope="module")
def table() -> PriceTable:
    return load_prices()


def _theirs(usage: Usage) -> TheirUsage:
    return TheirUsage(
        input_tokens=usage.prompt,
        cache_read_tokens=usage.cache_read,
        cache_write_tokens=usage.cache_write_5m + usage.cache_write_1h,
        cache_write_1h_tokens=usage.cache_write_1h,
        output_tokens=usage.produced,
        output_reasoning_tokens=usage.reasoning,
        web_searches=usage.searches,
    )


@pytest.mark.parametrize("provider", providers, ids=lambda p: p.id)
def test_every_model_costs_what_genai_prices_says(table: PriceTable, provider: Any) -> None:
    compared = 0
    maker = table.named(provider.id)
    assert maker is not None
    theirs = [_theirs(usage) for usage in USAGES]
    ours_by_id = {one.id: one for one in maker.all()}
    for info in provider.models:
        if not _priced_by_tokens(info):
            assert info.id not in ours_by_id
            continue
        listed = ours_by_id[info.id]
        contexts = CONTEXTS if info.price_variants else {"": None}
        if any(dict(variant.when) == {"speed": "fast"} for variant in info.price_variants or ()):
            contexts = {**contexts, "fast": {"speed": "fast"}}
        for moment, (service, context) in itertools.product(MOMENTS, contexts.items()):
            prices = info.get_prices(moment, context)
            ours = listed.at(moment, service)
            for usage, their_usage in zip(USAGES, theirs, strict=True):
                exact = prices.calc_price(their_usage)["total_price"] * 1_000_000_000
                expected = int(Decimal(exact).to_integral_value(rounding=ROUND_CEILING))
                assert cost(usage, ours) == expected, f"{info.id} {service} {moment} {usage}"
                compared += 1
    assert compared or provider.id in ("elevenlabs", "openai-decisions")


@pytest.mark.parametrize("provider", providers, ids=lambda p: p.id)
def test_a_name_finds_the_model_that_it_finds_there(table: PriceTable, provider: Any) -> None:
    maker = table.named(provider.id)
    assert maker is not None
    for info in provider.models:
        for name in (info.id, info.id.upper(), f"{info.id}-20260917", f"{info.id}-2026-09-17", f"{info.id}-latest"):
            theirs = provider.find_model(name, all_providers=providers)
            ours = table.listed(maker, name)
            if theirs is None:
                assert ours is None, name
            elif _priced_by_tokens(theirs):
                assert ours is not None, name
                assert ours.id == theirs.id, name


def _priced_by_tokens(info: Any) -> bool:
    listed = info.prices if isinstance(info.prices, list) else [info.prices]
    prices: list[Any] = [getattr(one, "prices", one) for one in listed]
    return any(one.input_mtok is not None or one.output_mtok is not None for one in prices)


@pytest.mark.parametrize("provider", [p for p in providers if p.id != "openai-decisions"], ids=lambda p: p.id)
def test_a_provider_is_found_by_its_name_whatever_its_address(table: PriceTable, provider: Any) -> None:
    name = provider.id
    maker = table.maker(name, "https://gateway.example/v1", Family.OPENAI)
    assert maker is not None
    assert maker.id == name
