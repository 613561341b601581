from turnout.proxy.money.totals import Totals


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
