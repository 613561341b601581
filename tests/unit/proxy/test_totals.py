from datetime import UTC

from turnout.calls.record import CallRecord
from turnout.calls.units import Nanos
from turnout.proxy.money.totals import Tally, Totals

DAY_MS = 86_400_000


def test_what_turnout_spends_on_itself_counts_against_what_it_saves() -> None:
    totals = Totals("2026-11-24")
    totals.add(40, 100, 60)
    totals.add(15, 0, 0)
    assert (totals.spent, totals.baseline, totals.all_fast, totals.saved) == (55, 100, 60, 45)


def test_paying_more_than_was_asked_for_is_a_negative_saving() -> None:
    totals = Totals("2026-11-24")
    totals.add(100, 40, 20)
    assert totals.saved == -60


def test_without_a_price_to_compare_with_nothing_is_saved_or_lost() -> None:
    totals = Totals("2026-11-24")
    totals.add(100, 0, 0)
    assert totals.saved == 0


def test_every_call_counts_for_the_day_it_ended_on_whenever_somebody_looks() -> None:
    tally = Tally(lambda: UTC)
    for number in range(250):
        tally.add(CallRecord(str(number), 0, cost=Nanos(2)), DAY_MS - 1)
    yesterday = tally.today(DAY_MS - 1)
    assert (yesterday.day, yesterday.calls, yesterday.spent) == ("1970-01-01", 250, 500)
    tally.add(CallRecord("a", 0, cost=Nanos(2)), DAY_MS - 1)
    tally.add(CallRecord("b", 0, cost=Nanos(3)), DAY_MS)
    today = tally.today(DAY_MS)
    assert (today.day, today.calls, today.spent) == ("1970-01-02", 1, 3)
    assert sum(tally.counts.calls.values()) == 252


def test_after_midnight_nothing_was_spent_yet_also_before_the_first_call() -> None:
    tally = Tally(lambda: UTC)
    tally.add(CallRecord("a", 0, cost=Nanos(2)), DAY_MS - 1)
    assert tally.today(DAY_MS).spent == 0


def test_i13_a_clock_that_comes_back_finds_what_was_spent_that_day() -> None:
    tally = Tally(lambda: UTC)
    for at in (400 * DAY_MS, 35 * DAY_MS, 765 * DAY_MS, 400 * DAY_MS):
        tally.add(CallRecord("a", 0, cost=Nanos(2)), at)
    assert tally.today(400 * DAY_MS).spent == 4
    for day in range(500, 506):
        tally.add(CallRecord("b", 0, cost=Nanos(2)), day * DAY_MS)
    assert tally.today(506 * DAY_MS).spent == 0
    assert tally.today(505 * DAY_MS).spent == 2
    assert tally.today(35 * DAY_MS).spent == 0
