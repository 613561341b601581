"""How a budget burns down, as values; NOON is in a zone of its own, as people's clocks are."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from turnout.control.messages import BudgetLine
from turnout.desktop.models.burndown import burn, burn_down, drawable, name, span, tightest

DOLLAR = 1_000_000_000
NOON = datetime(2026, 11, 10, 12, 0, tzinfo=timezone(timedelta(hours=1)))


def line(used: str, limit: str = "10.00", per: str = "day") -> BudgetLine:
    return BudgetLine("k", "b", "client", "ada", "usd", per, used, "0", limit, "0")


def test_half_a_day_at_this_pace_is_doubled() -> None:
    found = burn(line("3.00"), NOON)
    assert found is not None
    assert found.left_at_end == pytest.approx(0.4)
    assert found.said == "$4.00 left at this pace"


def test_a_pace_that_overshoots_says_when_it_runs_out() -> None:
    found = burn(line("8.00"), NOON)
    assert found is not None
    assert (found.left_at_end, found.said) == (0.0, "used up 15:00 at this pace")


def test_a_month_runs_out_on_a_day() -> None:
    found = burn(line("5.00", per="month"), NOON)
    assert found is not None
    assert found.said == "used up 20 Nov at this pace"


@pytest.mark.parametrize("per", ["session", "ever"])
def test_windows_without_an_end_have_no_pace(per: str) -> None:
    assert burn(line("3.00", per=per), NOON) is None


def test_nothing_used_or_a_day_just_begun_has_no_pace() -> None:
    assert burn(line("0"), NOON) is None
    assert burn(line("3.00"), NOON.replace(hour=0, minute=5)) is None


def hours(*spent: tuple[int, float]) -> list[tuple[int, int]]:
    """(hour of NOON's day, dollars) as the ledger tells them."""
    midnight = NOON.replace(hour=0)
    return [(round((midnight + timedelta(hours=hour)).timestamp() * 1000), round(usd * DOLLAR)) for hour, usd in spent]


def test_a_days_line_goes_from_the_whole_through_each_hour_to_what_is_left_now() -> None:
    found = burn_down(line("3.00"), hours((8, 1.0), (10, 2.0)), NOON).descent
    assert [(one.title, one.left) for one in found.points] == [
        *((f"{hour:02d}:00", 10.0) for hour in range(9)),
        ("09:00", 9.0),
        ("10:00", 9.0),
        ("11:00", 7.0),
        ("12:00", 7.0),
    ]
    assert found.points[0].at == 0.0
    assert found.points[-1].at == 0.5
    assert (found.whole, found.even) == (10.0, True)
    assert pytest.approx((1.0, 4.0)) == found.ahead
    assert not found.short
    assert [words for _, words in found.ticks] == ["00:00", "06:00", "12:00", "18:00"]


def test_a_pace_that_overshoots_leads_to_nothing_before_the_window_ends() -> None:
    found = burn_down(line("8.00"), hours((9, 8.0)), NOON)
    assert found.descent.short
    assert pytest.approx((15 / 24, 0.0)) == found.descent.ahead
    assert found.note == "used up 15:00 at this pace · $3.00 below an even pace"


def test_what_was_spent_before_the_budget_was_written_is_no_part_of_its_line() -> None:
    found = burn_down(line("1.00"), hours((2, 40.0), (11, 1.0)), NOON).descent
    assert {one.left for one in found.points} == {10.0, 9.0}


def test_what_a_power_cut_left_unknown_is_missing_from_the_beginning_and_makes_no_step() -> None:
    found = burn_down(line("4.00"), hours((11, 1.0)), NOON).descent
    assert [one.left for one in found.points] == [*[7.0] * 12, 6.0]


def test_a_month_has_a_point_a_day_and_a_week_one_every_six_hours() -> None:
    month = burn_down(line("5.00", per="month"), [], NOON).descent
    assert [one.title for one in month.points] == [*(f"{day} Nov" for day in range(1, 11)), "10 Nov 12:00"]
    week = burn_down(line("5.00", per="week"), [], NOON).descent
    assert [one.title for one in week.points][-3:] == ["10 Nov", "10 Nov 06:00", "10 Nov 12:00"]


def test_credit_without_an_end_has_the_pace_of_the_last_week_and_no_even_one() -> None:
    week = hours((-24, 7.0))
    found = burn_down(line("7.00", per="ever"), week, NOON)
    assert not found.descent.even
    assert found.descent.short
    assert found.note == "used up 13 Nov at this pace"
    assert found.descent.ahead is not None
    assert found.descent.ahead[1] == 0.0
    assert [one.left for one in found.descent.points][-3:] == [10.0, 3.0, 3.0]
    slow = burn_down(line("1.00", limit="100.00", per="ever"), hours((-24, 1.0)), NOON)
    assert slow.note == "lasts 693 more days at last week's pace"
    assert not slow.descent.short
    idle = burn_down(line("1.00", per="ever"), [], NOON)
    assert (idle.note, idle.descent.ahead) == ("", None)


def test_a_budget_that_is_used_up_has_nothing_ahead() -> None:
    for per in ("day", "ever"):
        found = burn_down(line("12.00", per=per), hours((9, 12.0)), NOON)
        assert found.descent.points[-1].left == 0.0
        assert found.descent.ahead is None
        assert "used up" in found.note


def test_a_screen_reader_is_told_the_whole() -> None:
    said = burn_down(replace(line("3.00"), left="7.00"), [], NOON).summary
    assert said == (
        "b, ada: $7.00 of $10.00 left; $4.00 left at this pace; $2.00 above an even pace. "
        "Left and right arrows read single moments."
    )


def test_the_ledger_is_asked_for_the_window_alone() -> None:
    assert span(line("1", per="week"), NOON)[0] == NOON.replace(hour=0) - timedelta(days=1)
    assert span(line("1", per="ever"), NOON) == (NOON.replace(hour=0) - timedelta(days=30), None)


@pytest.mark.parametrize(
    ("changed", "drawn"),
    [
        ({}, True),
        ({"per": "ever"}, True),
        ({"scope": "all", "who": "all"}, True),
        ({"per": "hour"}, False),
        ({"scope": "session"}, False),
        ({"scope": "session_tree"}, False),
        ({"unit": "calls"}, False),
        ({"limit": "0"}, False),
    ],
)
def test_only_what_hourly_sums_can_tell_is_drawn(changed: dict[str, Any], drawn: bool) -> None:
    assert drawable(replace(line("1"), **changed)) is drawn


def test_the_tightest_is_the_one_with_the_smallest_share_left_and_everyones_budget_names_nobody() -> None:
    wide, tight = replace(line("1"), left="9"), replace(line("9"), left="1", scope="all", who="all")
    assert tightest([wide, tight]) is tight
    assert tightest([]) is None
    assert (name(wide), name(tight)) == ("b, ada", "b")
