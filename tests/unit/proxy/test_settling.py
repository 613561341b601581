"""What is booked, whatever an engine reports (T19)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.calls.units import Tokens
from turnout.calls.usage import Price, Usage, cost
from turnout.proxy.money.settling import ABSURD, Counted, doubtful, settle

PRICE = Price(2_000_000_000, 200_000_000, 2_500_000_000, 4_000_000_000, 8_000_000_000, 8_000_000_000)
COUNTED = Counted(Tokens(1_000), Tokens(100))


def used(prompt: int, output: int) -> Usage:
    return Usage(uncached=Tokens(prompt), output=Tokens(output))


@pytest.mark.parametrize(
    "reported", [None, used(-1, 5), used(5, -1), used(10**18, 5), used(5, 10**18), used(ABSURD, 1), used(0, 0)]
)
def test_t19_what_cannot_be_true_is_replaced_by_our_count(reported: Usage | None) -> None:
    booked = settle(reported, COUNTED, PRICE)
    assert booked.usage == used(1_000, 100)
    assert booked.charged == 1_000 * 2_000 + 100 * 8_000
    assert booked.estimated


def test_t19_a_report_far_below_our_count_is_charged_as_we_counted() -> None:
    booked = settle(used(10, 5), COUNTED, PRICE)
    assert booked.usage == used(10, 5)
    assert booked.disputed
    assert booked.charged == 1_000 * 2_000 + 100 * 8_000


def test_what_is_missing_of_the_output_is_added_and_a_cached_prompt_stays_cheap() -> None:
    reported = Usage(cache_read=Tokens(1_000), output=Tokens(5))
    booked = settle(reported, COUNTED, PRICE)
    assert booked.charged == cost(reported, PRICE) + 95 * 8_000


@pytest.mark.parametrize(("reported", "lacking"), [(used(40, 0), 9 * 8_000), (used(0, 9), 40 * 2_000)])
def test_t19_a_figure_that_is_zero_for_what_came_is_doubted_however_little_that_was(
    reported: Usage, lacking: int
) -> None:
    booked = settle(reported, Counted(Tokens(40), Tokens(9)), PRICE)
    assert booked.disputed
    assert booked.charged == cost(reported, PRICE) + lacking


def test_t19_output_far_past_the_limit_that_was_asked_for_is_doubted() -> None:
    most = Counted(Tokens(1_000), Tokens(0), limit=100)
    assert [settle(used(1_000, output), most, PRICE).disputed for output in (100, 10_300, 10_301)] == [
        False,
        False,
        True,
    ]


def test_a_byte_bound_is_no_reason_to_doubt_a_smaller_report() -> None:
    booked = settle(used(10, 100), Counted(Tokens(1_000), Tokens(0), exact_prompt=False), PRICE)
    assert not booked.disputed
    assert booked.charged == 10 * 2_000 + 100 * 8_000


@pytest.mark.parametrize(
    ("reported", "counted", "disputed"),
    [
        (used(13_001, 100), COUNTED, True),
        (Usage(uncached=Tokens(1_000), cache_read=Tokens(1_000_000), output=Tokens(100)), COUNTED, True),
        (used(13_000, 100), COUNTED, False),
        (used(1_000_000, 100), Counted(Tokens(1_000), Tokens(100), exact_prompt=False), False),
        (used(1_000_000, 100), Counted(Tokens(1_000), Tokens(100), whole_prompt=False), False),
    ],
)
def test_t19_a_prompt_far_above_our_count_is_charged_as_reported_and_flagged(
    reported: Usage, counted: Counted, disputed: bool
) -> None:
    booked = settle(reported, counted, PRICE)
    assert booked.disputed is disputed
    assert booked.charged == booked.cost == cost(reported, PRICE)


@given(st.builds(used, st.integers(-(10**20), 10**20), st.integers(-(10**20), 10**20)))
def test_t19_no_report_ever_makes_spend_negative_or_absurd(reported: Usage) -> None:
    booked = settle(reported, COUNTED, PRICE)
    assert 0 <= booked.charged <= ABSURD * 8_000
    assert booked.cost >= 0


@pytest.mark.parametrize(
    ("reported", "size", "streamed", "doubt"),
    [
        (None, 0, True, True),
        (used(5, 0), 0, True, True),
        (used(5, -3), 0, True, True),
        (used(5, 100), 25_000, True, False),
        (used(5, 1), 25_000, True, True),
        (used(5, 100), 500, False, False),
        (used(5, 1), 5_000, False, True),
        (used(5, 1), 1_600, False, True),
        (used(5, 1), 900, False, False),
    ],
)
def test_output_is_counted_here_when_the_report_does_not_fit_what_came(
    reported: Usage | None, size: int, streamed: bool, doubt: bool
) -> None:
    assert doubtful(reported, size, streamed=streamed) is doubt
