import gzip
import json
import time
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.calls.units import Family, Nanos, Tokens
from turnout.calls.usage import FREE, Price, Usage, cost
from turnout.catalog.own import YOURS, break_even, energy, hardware, overridden, per_million, utilisation
from turnout.catalog.prices import PriceTable
from turnout.catalog.refresh import approved, check_table, merged
from turnout.catalog.tables import load_prices
from turnout.errors import SettingsError

TODAY = date(2026, 11, 24)


@pytest.fixture(scope="module")
def table() -> PriceTable:
    return load_prices()


@pytest.mark.parametrize(
    ("name", "base_url", "family", "maker"),
    [
        ("anthropic", "https://api.anthropic.com", Family.ANTHROPIC, "anthropic"),
        ("work", "https://api.anthropic.com/v1", Family.ANTHROPIC, "anthropic"),
        ("openai", "https://openrouter.ai/api/v1", Family.OPENAI, "openrouter"),
        ("work", "https://acme.openai.azure.com/openai", Family.OPENAI, "azure"),
        ("gemini", "https://generativelanguage.googleapis.com/v1beta", Family.GEMINI, "google"),
        ("groq", "https://gateway.example", Family.OPENAI, "groq"),
        ("xai", "https://gateway.example", Family.OPENAI, "x-ai"),
        ("gateway", "https://gateway.example", Family.OPENAI, "openai"),
        ("gateway", "https://gateway.example", Family.OLLAMA, None),
    ],
)
def test_a_provider_is_known_by_its_address_then_its_name_then_what_it_speaks(
    table: PriceTable, name: str, base_url: str, family: Family, maker: str | None
) -> None:
    assert getattr(table.maker(name, base_url, family), "id", None) == maker


def test_an_unknown_model_is_unpriced_and_held_at_the_dearest_of_its_provider(table: PriceTable) -> None:
    place = ("openai", "https://api.openai.com/v1", Family.OPENAI)
    dearest = table.dearest(*place, TODAY)
    assert table.find(*place, "model-of-next-year") is None
    assert dearest is not None
    assert dearest.output == max(one.at(TODAY).output for one in table.models(*place))


def test_a_model_sold_by_another_house_is_found_there(table: PriceTable) -> None:
    found = table.find("azure", "https://acme.openai.azure.com", Family.OPENAI, "claude-opus-4-1")
    assert found is not None


def test_a_whole_day_has_the_price_of_its_dearest_hour(table: PriceTable) -> None:
    found = table.find("deepseek", "https://api.deepseek.com", Family.OPENAI, "deepseek-chat")
    assert found is not None
    assert found.at(TODAY) == found.at(datetime(2026, 11, 24, 9, tzinfo=UTC))
    assert found.at(TODAY).output > found.at(datetime(2026, 11, 24, 23, tzinfo=UTC)).output


def test_context_windows_are_known_where_the_table_has_them(table: PriceTable) -> None:
    found = table.find("openai", "https://api.openai.com/v1", Family.OPENAI, "gpt-5")
    assert found is not None
    assert found.context == 400_000


def test_every_price_says_where_it_is_from_and_of_which_day(table: PriceTable) -> None:
    found = table.find("openai", "https://api.openai.com/v1", Family.OPENAI, "gpt-5")
    assert found is not None
    assert found.at(TODAY).source == f"genai-prices 0.2.3 of {table.date}"


def test_the_table_loads_fast_and_finds_a_model_fast() -> None:
    best = min(_seconds() for _ in range(5))
    assert best < 0.1  # 12 ms on a free machine, 8 more for a provider's first model


def _seconds() -> float:
    began = time.perf_counter()
    load_prices().find("openai", "https://api.openai.com/v1", Family.OPENAI, "gpt-5")
    return time.perf_counter() - began


# --- the user's own ---


def test_the_users_price_goes_over_the_tables_in_every_tier(table: PriceTable) -> None:
    found = table.find("openai", "https://api.openai.com/v1", Family.OPENAI, "gpt-5.5")
    assert found is not None
    price = overridden(found.at(TODAY), input_usd="1.5")
    assert price is not None
    assert price.longer is not None
    assert (price.uncached, price.longer.uncached) == (1_500_000_000, 1_500_000_000)
    assert (price.output, price.longer.output) == (30_000_000_000, 45_000_000_000)
    assert price.source == YOURS


def test_a_model_the_table_lacks_needs_both_prices_to_be_priced() -> None:
    assert overridden(None, input_usd="1") is None
    price = overridden(None, input_usd="1", output_usd="2")
    assert price is not None
    assert (price.uncached, price.cache_read, price.output, price.reasoning) == (10**9, 10**9, 2 * 10**9, 2 * 10**9)


def test_without_own_prices_nothing_changes() -> None:
    assert overridden(FREE) is FREE


@pytest.mark.parametrize("bad", ["-1", "1e5", "free", "NaN", "inf", ""])
def test_t26_a_price_that_is_none_is_refused(bad: str) -> None:
    with pytest.raises(SettingsError, match="no price per million"):
        per_million(bad, "input_usd")


def test_energy_is_booked_by_the_busy_second_and_rounded_up() -> None:
    # 320 W for 45 s are 0.004 kWh; at $0.30 that is $0.0012.
    assert energy(45.0, 320, 0.30) == 1_200_000
    assert energy(0.001, 1, 0.1) == 1
    assert energy(float("nan"), 320, 0.3) == energy(-1, 320, 0.3) == 0


def test_hardware_costs_by_the_calendar_and_never_more_than_its_price() -> None:
    month = 365.25 * 86_400 / 12
    assert hardware(2400, 36, month) == -(-2400 * 10**9 // 36)
    assert hardware(2400, 36, month * 100) == 2400 * 10**9
    assert hardware(0, 36, month) == 0


def test_the_break_even_point_is_where_saved_cloud_calls_have_paid_for_it() -> None:
    usage = Usage(uncached=Tokens(900), output=Tokens(100))
    cloud = Price(1_000_000_000, 0, 0, 0, 5_000_000_000, 5_000_000_000)  # a call: 900,000 + 500,000 nanos
    tokens = break_even(Nanos(2400 * 10**9), Nanos(400_000), usage, cloud)
    assert tokens == 2_400_000 * 1_000
    assert break_even(Nanos(1), Nanos(cost(usage, cloud)), usage, cloud) is None


def test_utilisation_is_a_share() -> None:
    assert (utilisation(6, 24), utilisation(30, 24), utilisation(1, 0)) == (0.25, 1.0, 0.0)


@given(
    st.builds(Usage, *[st.integers(min_value=0, max_value=10**8).map(Tokens)] * 6),
    st.lists(st.integers(min_value=0, max_value=10**13), min_size=6, max_size=6),
)
def test_a_cost_is_rounded_up_once_and_never_below_what_it_is(usage: Usage, figures: list[int]) -> None:
    price = Price(figures[0], figures[1], figures[2], figures[3], figures[4], figures[5])
    buckets = (
        usage.uncached,
        usage.cache_read,
        usage.cache_write_5m,
        usage.cache_write_1h,
        usage.output,
        usage.reasoning,
    )
    exact = sum(n * p for n, p in zip(buckets, figures, strict=True))
    assert 0 <= cost(usage, price) * 1_000_000 - exact < 1_000_000


# --- a table from elsewhere ---


def _doc(**changes: Any) -> dict[str, Any]:
    row = [0, 1_000_000_000, None, None, None, 5_000_000_000, None, 0]
    model = {"id": "m", "m": ["equals", "m"], "p": [["", [row]]], **changes}
    return {
        "source": "elsewhere",
        "date": "2026-12-01",
        "providers": [{"id": "openai", "api": "https://api\\.openai\\.com", "also": [], "models": [model]}],
    }


def _bytes(doc: object) -> bytes:
    return json.dumps(doc).encode()


def test_a_sound_table_is_taken_plain_or_packed() -> None:
    assert check_table(_bytes(_doc()))[1] == []
    assert check_table(gzip.compress(_bytes(_doc())))[0].date == "2026-12-01"


def test_the_shipped_table_passes_its_own_check(table: PriceTable) -> None:
    assert check_table(_bytes(table.doc), table)[1] == []


def _row(*figures: object) -> dict[str, Any]:
    return _doc(p=[["", [list(figures)]]])


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"{}",
        b"[]",
        b"\x1f\x8b nonsense",
        _bytes({"source": 1}),
        _bytes(_row(0, -1, None, None, None, 1, None, 0)),
        _bytes(_row(0, 1, None, None, None, 10**14, None, 0)),
        _bytes(_row(0, 1.5, None, None, None, 1, None, 0)),
        _bytes(_row(0, "1", None, None, None, 1, None, 0)),
        _bytes(_row(0, 1)),
        _bytes(_doc(m=["nothing", "m"])),
        _bytes(_doc(m=["regex", "("])),
        _bytes(_doc(m=["regex", "(a+)+$"])),
        _bytes(_doc(p=[])),
        _bytes(_doc(s={"batch": [["", [[0, -5, None, None, None, 1, None, 0]]]]})),
        _bytes({**_doc(), "date": "yesterday"}),
        gzip.compress(b" " * 20_000_000),
    ],
)
def test_t27_anything_else_is_refused(bad: bytes) -> None:
    with pytest.raises(SettingsError):
        check_table(bad)


def test_t27_a_price_that_falls_by_more_than_half_waits_for_a_yes() -> None:
    old, _ = check_table(_bytes(_doc()))
    cheap = _doc(p=[["", [[0, 400_000_000, None, None, None, 5_000_000_000, None, 0]]]])
    new, suspicious = check_table(_bytes(cheap), old)
    assert suspicious == ["openai/m"]
    kept, _ = check_table(merged(new, old, suspicious), ours=True)
    taken, _ = check_table(merged(new, old, []))
    place = ("openai", "https://api.openai.com/v1", Family.OPENAI, "m")
    found = [table.find(*place) for table in (kept, taken)]
    assert [one.at(TODAY).uncached for one in found if one is not None] == [1_000_000_000, 400_000_000]


def _priced(table: PriceTable, model: str = "m") -> Price:
    found = table.find("openai", "https://api.openai.com/v1", Family.OPENAI, model)
    assert found is not None
    return found.at(TODAY)


def test_t27_until_it_is_approved_the_dearer_of_old_and_new_counts_in_every_bucket() -> None:
    old, _ = check_table(_bytes(_doc()))
    moved = _doc(p=[["", [[0, 400_000_000, None, None, None, 7_000_000_000, None, 0]]]])
    new, suspicious = check_table(_bytes(moved), old)
    held, _ = check_table(merged(new, old, suspicious), ours=True)
    assert held.held() == ["openai/m"]
    assert (_priced(held).uncached, _priced(held).output) == (1_000_000_000, 7_000_000_000)
    data, taken = approved(held)
    assert taken == ["openai/m"]
    after, _ = check_table(data)
    assert (_priced(after).uncached, _priced(after).output, after.held()) == (400_000_000, 7_000_000_000, [])


@pytest.mark.parametrize(
    "changes",
    [
        {"p": [["", [[0, 1_000_000_000, 1, None, None, 5_000_000_000, None, 0]]]]},
        {"p": [["", [[0, 1_000_000_000, None, None, None, 5_000_000_000, 0, 0]]]]},
        {"p": [["", [[0, 1_000_000_000, None, None, None, 5_000_000_000, None, 0], [9, 1, None, None, None, 1, None, 0]]]]},
        {"s": {"flex": [["", [[0, 1, None, None, None, 1, None, 0]]]]}},
        {"p": [["", [[0, 0, None, None, None, 0, None, 0]]]]},
    ],
    ids=["cache reads", "reasoning", "long prompts", "a tier of service", "nothing at all"],
)  # fmt: skip
def test_t27_a_fall_is_seen_in_every_bucket_length_and_tier_of_service(changes: dict[str, Any]) -> None:
    old, _ = check_table(_bytes(_doc()))
    assert check_table(_bytes(_doc(**changes)), old)[1] == ["openai/m"]


def test_t27_a_new_pattern_that_takes_a_dear_name_to_a_cheap_model_is_held_back_too() -> None:
    old, _ = check_table(_bytes(_doc()))
    cheap = _doc(id="bait", m=["startswith", ""], p=[["", [[0, 1, None, None, None, 1, None, 0]]]])
    new, suspicious = check_table(_bytes(cheap), old)
    assert suspicious == ["openai/m"]
    held, _ = check_table(merged(new, old, suspicious), ours=True)
    assert _priced(held).uncached == 1_000_000_000


def test_t27_a_table_cannot_move_a_providers_address_to_another() -> None:
    old, _ = check_table(_bytes(_doc()))
    moved = _doc()
    moved["providers"][0]["api"] = "https://elsewhere"
    moved["providers"].insert(
        0, {"id": "bait", "api": "https://api", "also": [], "models": moved["providers"][0]["models"]}
    )
    new, _ = check_table(_bytes(moved), old)
    held, _ = check_table(merged(new, old, []), ours=True)
    maker = held.maker("x", "https://api.openai.com/v1", Family.OPENAI)
    assert maker is not None
    assert maker.id == "openai"


def test_t27_what_a_new_table_lacks_keeps_its_price() -> None:
    """Without any it would be held and charged like an unknown model, and come back at any price unasked."""
    old, _ = check_table(_bytes(_doc()))
    other = _doc(id="other", m=["equals", "other"])
    for doc in (other, {**other, "providers": []}):
        new, _ = check_table(_bytes(doc), old)
        kept, _ = check_table(merged(new, old, []))
        assert _priced(kept) == _priced(old)
        assert check_table(_bytes(_doc(p=[["", [[0, 0, None, None, None, 0, None, 0]]]])), kept)[1] == ["openai/m"]


def test_t27_a_table_from_elsewhere_holds_nothing_back_itself() -> None:
    doc = _doc(held={"id": "m", "m": ["equals", "m"], "p": [["", [[0, 1, None, None, None, 1, None, 0]]]]})
    with pytest.raises(SettingsError):
        check_table(_bytes(doc))


def test_a_refreshed_table_serves_when_it_is_newer_and_sound(tmp_path: Path) -> None:
    file = tmp_path / "prices.json"
    file.write_bytes(_bytes(_doc()))
    assert load_prices(file).date == "2026-12-01"
    file.write_bytes(_bytes({**_doc(), "date": "2020-01-01"}))
    assert load_prices(file).source.startswith("genai-prices")
    file.write_bytes(b"broken")
    assert load_prices(file).source.startswith("genai-prices")
    assert "is not used" in load_prices(file).problem
    assert load_prices(tmp_path / "missing").source.startswith("genai-prices")
