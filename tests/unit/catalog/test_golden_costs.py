"""Costs worked out by hand from the providers' price lists: a dollar per million tokens is 1,000 nanos a token.

Usage is (uncached, cache read, cache write 5m, cache write 1h, output, reasoning). The sum is in the comment beside each.
"""

from datetime import UTC, datetime

import pytest

from turnout.calls.units import Tokens
from turnout.calls.usage import Usage, cost
from turnout.catalog.prices import PriceTable
from turnout.catalog.tables import load_prices

NOW = "2026-11-24T12:00"
GOLDEN = [
    # OpenAI
    ("openai", "gpt-4o", NOW, "", (1000, 0, 0, 0, 500, 0), 7_500_000),  # 1000 x 2500 + 500 x 10000
    ("openai", "gpt-4o", NOW, "", (1, 0, 0, 0, 1, 0), 12_500),
    ("openai", "gpt-4o-2024-08-06", NOW, "", (200, 1800, 0, 0, 100, 0), 3_750_000),  # 500,000 + 2,250,000 + 1,000,000
    ("openai", "gpt-4o-mini", NOW, "", (1000, 0, 0, 0, 1000, 0), 750_000),
    ("openai", "gpt-4o-mini", NOW, "", (0, 1, 0, 0, 0, 0), 75),
    ("openai", "gpt-4.1", NOW, "", (10_000, 0, 0, 0, 2_000, 0), 36_000_000),  # 20,000,000 + 16,000,000
    ("openai", "gpt-4.1-nano", NOW, "", (3, 1, 0, 0, 0, 0), 325),
    ("openai", "o3", "2025-01-01T00:00", "", (100, 0, 0, 0, 10, 0), 1_400_000),  # before its price fell: 10000, 40000
    ("openai", "o3", "2025-06-10T00:00", "", (100, 0, 0, 0, 10, 0), 280_000),
    ("openai", "o4-mini", NOW, "", (0, 1000, 0, 0, 100, 900), 4_675_000),  # 1000 x 275 + 1000 x 4400
    ("openai", "o4-mini", NOW, "flex", (0, 1, 0, 0, 0, 0), 138),
    ("openai", "gpt-5", NOW, "", (8192, 0, 0, 0, 1, 0), 10_250_000),  # 10,240,000 + 10,000
    ("openai", "gpt-5", NOW, "", (0, 1, 0, 0, 0, 0), 125),
    ("openai", "gpt-5", NOW, "batch", (1, 1, 0, 0, 1, 0), 5_688),  # 625 + 62.5 + 5000, rounded up
    ("openai", "gpt-5", NOW, "flex", (1, 1, 0, 0, 1, 0), 5_688),
    ("openai", "gpt-5", NOW, "priority", (1, 1, 0, 0, 1, 0), 22_750),
    ("openai", "gpt-5", "2026-10-11T23:59", "priority", (1, 1, 0, 0, 1, 0), 11_375),
    ("openai", "gpt-5-mini", NOW, "", (40_000, 0, 0, 0, 12_000, 0), 34_000_000),  # 10,000,000 + 24,000,000
    ("openai", "gpt-5-nano", NOW, "", (0, 3, 0, 0, 0, 0), 15),
    ("openai", "gpt-5-nano", NOW, "flex", (0, 3, 0, 0, 0, 0), 8),  # 7.5
    ("openai", "o1", NOW, "", (100, 0, 0, 0, 100, 0), 7_500_000),
    ("openai", "gpt-3.5-turbo", NOW, "", (7, 0, 0, 0, 3, 0), 8_000),
    ("openai", "gpt-4-turbo", NOW, "", (0, 5, 0, 0, 0, 0), 50_000),  # no cache price: as input, 5 x 10000
    ("openai", "text-embedding-3-small", NOW, "", (1_234, 0, 0, 0, 0, 0), 24_680),
    ("openai", "gpt-5.5", NOW, "", (272_000, 0, 0, 0, 1_000, 0), 1_390_000_000),  # 1,360,000,000 + 30,000,000
    ("openai", "gpt-5.5", NOW, "", (272_001, 0, 0, 0, 1_000, 0), 2_765_010_000),  # all at 10000 and 45000
    ("openai", "gpt-6.1-sol", NOW, "", (10, 20, 30, 0, 40, 0), 497_000),  # 20,000 + 2,000 + 75,000 + 400,000
    # Anthropic
    (
        "anthropic",
        "claude-opus-4-5",
        NOW,
        "",
        (1000, 19_000, 1000, 0, 1000, 0),
        45_750_000,
    ),  # 5 + 9.5 + 6.25 + 25 million
    (
        "anthropic",
        "claude-opus-4-5",
        NOW,
        "",
        (1000, 19_000, 0, 1000, 1000, 0),
        49_500_000,
    ),  # 5 + 9.5 + 10 + 25 million
    ("anthropic", "claude-opus-4-1", NOW, "", (1000, 0, 0, 0, 1000, 0), 90_000_000),
    ("anthropic", "claude-opus-4-1-20250805", NOW, "", (0, 0, 1, 0, 0, 0), 18_750),
    ("anthropic", "claude-sonnet-4-5", NOW, "", (200_000, 0, 0, 0, 0, 0), 600_000_000),
    ("anthropic", "claude-sonnet-4-5", NOW, "", (200_001, 0, 0, 0, 0, 0), 1_200_006_000),
    (
        "anthropic",
        "claude-sonnet-4-5",
        NOW,
        "",
        (100_000, 100_001, 0, 0, 10, 0),
        660_225_600,
    ),  # 600,000,000 + 60,000,600 + 225,000
    ("anthropic", "claude-sonnet-4-0", NOW, "", (250_000, 0, 0, 0, 0, 0), 750_000_000),  # no second tier
    ("anthropic", "claude-haiku-4-5", NOW, "", (500, 0, 0, 0, 300, 200), 3_000_000),
    ("anthropic", "claude-haiku-4-5", "2026-10-14T00:00", "batch", (0, 0, 1, 0, 0, 0), 625),
    ("anthropic", "claude-haiku-4-5", "2026-10-13T23:59", "batch", (0, 0, 1, 0, 0, 0), 1_250),
    (
        "anthropic",
        "claude-3-5-haiku-latest",
        NOW,
        "",
        (1000, 2000, 3000, 4000, 5000, 0),
        30_360_000,
    ),  # .8 + .16 + 3 + 6.4 + 20 million
    ("anthropic", "claude-3-haiku-20240307", NOW, "", (0, 4, 0, 0, 0, 0), 120),
    ("anthropic", "claude-opus-5", NOW, "fast", (1000, 0, 0, 0, 100, 0), 15_000_000),
    ("anthropic", "claude-opus-5-5", NOW, "", (1000, 10_000, 0, 0, 100, 0), 8_000_000),  # 4 + 2 + 2 million
    ("anthropic", "claude-haiku-5-5", NOW, "", (100_000, 0, 0, 0, 1, 0), 10_000_500),
    ("anthropic", "claude-haiku-5-5", NOW, "", (100_001, 0, 0, 0, 1, 0), 50_003_000),
    ("anthropic", "claude-haiku-5-5", NOW, "", (0, 1, 0, 0, 0, 0), 10),
    ("anthropic", "claude-haiku-5-5", NOW, "batch", (0, 1, 1, 0, 0, 0), 68),  # 5 + 62.5
    # Google
    ("google", "gemini-2.5-pro", NOW, "", (200_000, 0, 0, 0, 100, 0), 251_000_000),
    ("google", "gemini-2.5-pro", NOW, "", (200_001, 0, 0, 0, 100, 0), 501_502_500),  # 500,002,500 + 1,500,000
    ("google", "gemini-2.5-flash", NOW, "", (1000, 0, 0, 0, 100, 400), 1_550_000),
    ("google", "gemini-2.5-flash-lite", NOW, "", (0, 33, 0, 0, 0, 0), 330),
    ("google", "gemini-2.0-flash", NOW, "", (0, 33, 0, 0, 0, 0), 825),
    ("google", "gemini-3-pro-preview", NOW, "", (1000, 0, 0, 0, 1000, 0), 14_000_000),
    # others
    ("mistral", "mistral-large-latest", NOW, "", (150, 0, 0, 0, 50, 0), 600_000),
    ("mistral", "mistral-small-latest", "2026-03-15T12:00", "", (10, 0, 0, 0, 10, 0), 4_000),
    ("mistral", "mistral-small-latest", "2026-03-16T12:00", "", (10, 1, 0, 0, 10, 0), 7_515),
    ("deepseek", "deepseek-chat", "2026-11-24T00:29", "", (1000, 0, 0, 0, 1000, 0), 685_000),
    ("deepseek", "deepseek-chat", "2026-11-24T00:30", "", (1000, 0, 0, 0, 1000, 0), 1_370_000),  # peak hours
    ("deepseek", "deepseek-v4-pro", "2026-08-16T12:00", "", (0, 1, 0, 0, 0, 0), 4),  # 3.625
    ("deepseek", "deepseek-v4-pro", "2026-08-17T12:00", "", (0, 1, 0, 0, 0, 0), 22),
    ("deepseek", "deepseek-v4-pro", "2026-08-17T06:00", "", (0, 1, 0, 0, 0, 0), 44),
    ("deepseek", "deepseek-v4-pro", "2026-08-17T10:00", "", (0, 1, 0, 0, 0, 0), 22),
    ("x-ai", "grok-4", NOW, "", (100, 0, 0, 0, 100, 0), 1_800_000),
    ("x-ai", "grok-code-fast-1", NOW, "", (0, 1000, 0, 0, 0, 0), 20_000),
    ("groq", "llama-3.3-70b-versatile", NOW, "", (1000, 0, 0, 0, 1000, 0), 1_380_000),
    ("perplexity", "sonar", NOW, "", (1000, 0, 0, 0, 1000, 0), 14_000_000),  # 12,000,000 of it for the request
    ("perplexity", "sonar-deep-research", NOW, "", (0, 0, 0, 0, 10, 10), 110_000),  # reasoning is cheaper there
    ("moonshotai", "kimi-k2-0905-preview", NOW, "", (0, 1000, 0, 0, 10, 0), 175_000),
    ("openai", "GPT-4o", NOW, "standard", (1, 0, 0, 0, 0, 0), 2_500),
]


@pytest.fixture(scope="module")
def table() -> PriceTable:
    return load_prices()


def test_there_are_at_least_sixty_of_them() -> None:
    assert len(GOLDEN) >= 60


@pytest.mark.parametrize(("maker", "model", "when", "service", "usage", "nanos"), GOLDEN)
def test_a_call_costs_what_the_price_list_says_to_the_nano(
    table: PriceTable, maker: str, model: str, when: str, service: str, usage: tuple[int, ...], nanos: int
) -> None:
    known = table.named(maker)
    assert known is not None
    listed = table.listed(known, model)
    assert listed is not None
    price = listed.at(datetime.fromisoformat(when).replace(tzinfo=UTC), service)
    assert cost(Usage(*map(Tokens, usage)), price) == nanos
