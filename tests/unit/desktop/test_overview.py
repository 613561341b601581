"""What the overview says of budgets and spend, as values."""

from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest

from turnout.calls.units import Nanos, Tokens
from turnout.control.messages import BudgetLine
from turnout.desktop import text
from turnout.desktop.models.overview import OTHERS, bars, burn, context, mix, savings, series
from turnout.desktop.sources import Spend
from turnout.ledger.reader import DayStack, SpendRow

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


def test_every_day_of_the_range_has_a_bar_with_or_without_calls() -> None:
    spend = Spend("tier", days=[DayStack("2026-11-02", {"high": Nanos(2_000_000_000)}, {"high": 3})])
    made = bars(spend, date(2026, 11, 1), date(2026, 11, 3), count=False)
    assert [bar.title for bar in made] == ["1 Nov", "2 Nov", "3 Nov"]
    assert [bar.total for bar in made] == ["$0.00", "$2.00", "$0.00"]


def test_more_names_than_colours_are_summed_as_others() -> None:
    names = [f"client-{n}" for n in range(9)]
    rows = [SpendRow(name, cost=Nanos(9 - n)) for n, name in enumerate(names)]
    spend = Spend("client", days=[DayStack("2026-11-01", {}, dict.fromkeys(names, 1))], rows=rows)
    assert next(one.key for one in series(spend)) == OTHERS
    bar = bars(spend, date(2026, 11, 1), date(2026, 11, 1), count=True)[0]
    assert bar.values[OTHERS] == 3
    assert bar.total == "9"


def test_refused_calls_are_no_part_of_the_tier_mix() -> None:
    rows = [SpendRow("local", calls=3), SpendRow("high", calls=2, refused=1), SpendRow("", calls=5, refused=5)]
    assert [(one.name, one.said) for one in mix(rows)] == [("Local", "75%"), ("High", "25%"), ("Fast", "0%")]


def test_a_loss_is_said_as_one() -> None:
    worse = savings([SpendRow("high", cost=Nanos(3_000_000_000), baseline=Nanos(2_000_000_000))])
    assert worse.headline == "−$1.00"
    assert worse.note == "50% more than the models asked for"


def test_the_context_of_a_range_is_priced_by_bucket_and_says_what_caches_saved() -> None:
    rows = [
        SpendRow(
            "opus", cost=Nanos(9), uncached=Tokens(1_000_000), cache_read=Tokens(2_000_000), cache_write=Tokens(100_000)
        ),
        SpendRow("unknown", cost=Nanos(5), uncached=Tokens(7)),
    ]
    priced: list[dict[str, Any]] = [
        {
            "model": "opus",
            "input_usd_per_million": "5",
            "cache_read_usd_per_million": "0.5",
            "cache_write_usd_per_million": "6.25",
        },
        {"model": "unpriced", "input_usd_per_million": None},
    ]
    found = context(rows, priced)
    assert found is not None
    assert text.money(found.nanos) == "$6.63"
    assert text.money(found.saved) == "$8.88"
    assert found.partial
    assert context(rows[1:], priced) is None
