"""What a provider charges at a moment, and what is held before."""

import json
from datetime import UTC, date, datetime
from pathlib import Path

from turnout.calls.provider import Provider
from turnout.calls.units import Family
from turnout.proxy.money.pricing import Prices
from turnout.settings.model import PriceOverride, Settings

TODAY = date(2026, 11, 24)
OPENAI = Provider("openai", Family.OPENAI, "https://api.openai.com/v1")
DEEPSEEK = Provider("deepseek", Family.OPENAI, "https://api.deepseek.com")
LOCAL = Provider("local", Family.OLLAMA, "http://127.0.0.1:11434", key="none", sovereign=True)


def _prices(*overrides: PriceOverride) -> Prices:
    settings = Settings(prices=overrides)
    return Prices(lambda: settings, today=lambda: TODAY)


def _ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def test_a_tier_of_service_is_billed_at_its_own_price() -> None:
    prices, at_ms = _prices(), _ms("2026-11-24T12:00")
    billed = {name: prices.billed(OPENAI, "gpt-5", at_ms, name) for name in ("", "flex", "batch", "priority")}
    outputs = {name: price.output for name, price in billed.items() if price is not None}
    assert outputs == {"": 10**10, "flex": 5 * 10**9, "batch": 5 * 10**9, "priority": 2 * 10**10}
    assert {name for name, _ in prices.services(OPENAI, "gpt-5")} >= {"flex", "batch", "priority"}


def test_held_is_the_dearest_hour_of_the_day_and_billed_the_hour_itself() -> None:
    prices = _prices()
    held = prices.price(DEEPSEEK, "deepseek-chat")
    calm = prices.billed(DEEPSEEK, "deepseek-chat", _ms("2026-11-24T23:00"), "")
    peak = prices.billed(DEEPSEEK, "deepseek-chat", _ms("2026-11-24T09:00"), "")
    assert held is not None
    assert calm is not None
    assert peak is not None
    assert held.output == peak.output > calm.output


def test_a_price_of_ones_own_keeps_the_tables_longer_prompts_and_counts_at_every_tier_of_service() -> None:
    prices = _prices(PriceOverride("openai/gpt-5.5", cache_read_usd="0.1"))
    price = prices.price(OPENAI, "gpt-5.5")
    assert price is not None
    assert price.longer is not None
    assert (price.cache_read, price.longer.cache_read) == (100_000_000, 100_000_000)
    assert price.longer.output == 45_000_000_000
    held = dict(prices.services(OPENAI, "gpt-5.5"))
    assert held == {name: prices.billed(OPENAI, "gpt-5.5", _ms("2026-11-24T12:00"), name) for name in held}
    assert (held["priority"].output, held["priority"].cache_read) == (75_000_000_000, 100_000_000)


def test_an_unknown_model_with_half_a_price_stays_unpriced_and_never_gets_free_output() -> None:
    assert _prices(PriceOverride("openai/*", input_usd="1")).price(OPENAI, "model-of-next-year") is None


def test_owned_hardware_has_a_price_of_tokens_only_where_the_user_says_one() -> None:
    assert _prices(PriceOverride("local/*", watts=300.0, usd_per_kwh=0.3)).price(LOCAL, "m") is None
    price = _prices(PriceOverride("local/*", output_usd="0.5")).price(LOCAL, "m")
    assert price is not None
    assert (price.uncached, price.output) == (0, 500_000_000)


def test_a_refreshed_table_is_in_force_after_it_is_loaded_again(tmp_path: Path) -> None:
    file = tmp_path / "prices.json.gz"
    settings = Settings()
    prices = Prices(lambda: settings, file, today=lambda: TODAY)
    assert prices.price(OPENAI, "m") is None
    rows = [[0, 3_000_000_000, None, None, None, 9_000_000_000, None, 0]]
    model = {"id": "m", "m": ["equals", "m"], "p": [["", rows]]}
    api = r"https://api\.openai\.com"
    openai = {"id": "openai", "api": api, "also": [], "models": [model]}
    file.write_bytes(json.dumps({"source": "newer", "date": "2027-01-01", "providers": [openai]}).encode())
    prices.load()
    price = prices.price(OPENAI, "m")
    assert price is not None
    assert (price.output, price.source) == (9_000_000_000, "newer of 2027-01-01")
