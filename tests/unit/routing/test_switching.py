from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.routing.scene import HAIKU, OPUS, QWEN, price

from turnout.calls.units import Tokens
from turnout.routing.facts import Memory
from turnout.routing.switching import Traffic, as_billed, break_even, compare, stay_cost, switch_cost

OPUS_5, SONNET_5, HAIKU_4_5 = price(5, 0.5, 6.25, 25), price(3, 0.3, 3.75, 15), price(1, 0.1, 1.25, 5)


@pytest.mark.parametrize(
    ("current", "other", "output", "prefix"),
    [
        (OPUS_5, HAIKU_4_5, 300, 11_333),
        (OPUS_5, HAIKU_4_5, 1_000, 30_000),
        (OPUS_5, SONNET_5, 300, 1_307),
        (OPUS_5, SONNET_5, 1_000, 3_461),
        (SONNET_5, HAIKU_4_5, 300, 4_473),
        (SONNET_5, HAIKU_4_5, 1_000, 11_842),
    ],
)
def test_the_break_even_prefix_is_the_formulas(current: object, other: object, output: int, prefix: int) -> None:
    assert break_even(current, other, cold=500, output=output) == prefix  # type: ignore[arg-type]


def test_a_model_that_writes_cheaper_than_the_current_reads_always_pays() -> None:
    assert break_even(price(2.5, 0.25, 2.5, 15), price(0.05, 0.005, 0.05, 0.4), cold=500, output=300) is None


@given(st.integers(0, 200_000), st.integers(0, 5_000), st.integers(0, 5_000))
def test_switching_pays_exactly_under_the_break_even_prefix(warm: int, cold: int, output: int) -> None:
    traffic = Traffic(Tokens(warm), Tokens(cold), Tokens(output))
    pays = switch_cost(HAIKU_4_5, traffic) < stay_cost(OPUS_5, traffic)
    edge = break_even(OPUS_5, HAIKU_4_5, cold=cold, output=output)
    assert edge is not None
    if abs(warm - edge) > 2:
        assert pays is (warm < edge)


def test_both_sides_are_told() -> None:
    found = compare(OPUS, HAIKU, Traffic(Tokens(100_000), Tokens(1_500), Tokens(400)))
    assert found is not None
    assert (found.pays, found.text) == (False, "staying $0.069, switching $0.129")


def test_a_local_engine_costs_nothing_but_time() -> None:
    traffic = Traffic(Tokens(20_000), Tokens(500), Tokens(400))
    free = compare(OPUS, QWEN, traffic)
    assert free is not None
    assert free.pays
    slow = compare(OPUS, replace(QWEN, prefill_per_s=100, decode_per_s=10), traffic)
    assert slow is not None
    assert not slow.pays
    assert "245 s on local/" in slow.text


def test_an_unknown_price_says_nothing() -> None:
    assert compare(replace(OPUS, price=None, hold_price=None), HAIKU, Traffic(Tokens(1), Tokens(1), Tokens(1))) is None


@pytest.mark.parametrize(
    ("counted", "last", "billed", "expected"),
    [
        (1_000, 0, 0, 1_000),  # a new conversation
        (1_100, 1_000, 1_300, 1_430),  # a vendor whose tokens are shorter
        (1_100, 1_000, 10, 550),  # a bill that no tokenizer explains
        (1_100, 1_000, 90_000, 2_200),
        (2_000, 0, 1_000, 1_000),  # only bounded before
        (200, 0, 1_000, 200),  # the history was cut since
    ],
)
def test_our_count_is_read_in_the_providers_own_tokens(counted: int, last: int, billed: int, expected: int) -> None:
    memory = Memory(counted=Tokens(last), billed=Tokens(billed))
    assert as_billed(Tokens(counted), memory) == expected
