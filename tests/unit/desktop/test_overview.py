"""What the overview says of spend, as values."""

from datetime import date
from typing import Any

from turnout.calls.units import Nanos, Tokens
from turnout.desktop import text
from turnout.desktop.models.overview import OTHERS, Context, Fact, bars, context, facts, mix, savings, series
from turnout.desktop.sources import Spend
from turnout.ledger.reader import DayStack, SpendRow


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


def test_the_honest_figures_are_of_the_range_and_nothing_is_said_of_what_did_not_happen() -> None:
    rows = [
        SpendRow(
            "high",
            calls=9,
            cost=Nanos(1_000_000_000),
            baseline=Nanos(4_000_000_000),
            all_fast=Nanos(500_000_000),
            uncached=Tokens(600_000),
            cache_read=Tokens(400_000),
            graded=6,
            from_cache=3,
        ),
        SpendRow("local", calls=3, graded=2, from_cache=2),
    ]
    assert facts(rows, None) == [
        Fact("Paid", "$1.00"),
        Fact("The models asked for would have cost", "$4.00", "with their cache reads"),
        Fact("Everything on the fast tier", "$0.50", "the control line: routing has to beat it"),
        Fact("Context sent", "1.0M tokens", "40% from caches"),
        Fact("Intent cache", "62%", "of 8 grades came from it"),
    ]
    assert [fact.title for fact in facts([SpendRow("local", calls=1)], None)] == [
        "Paid",
        "The models asked for would have cost",
        "Everything on the fast tier",
    ]


def test_refusals_and_the_price_of_the_context_are_told_where_they_are_known() -> None:
    rows = [SpendRow("", calls=3, refused=2, failed=1, uncached=Tokens(1_000), cache_read=Tokens(1_000))]
    told = {fact.title: fact for fact in facts(rows, Context(2_000_000_000, 500_000_000, partial=True))}
    assert told["Cost of context"].value == "over $2.00"
    assert told["Cost of context"].why == "2.0K tokens, 50% from caches, which saved $0.50"
    assert told["Refused"] == Fact("Refused", "2", "by budgets and rules; 1 failed")
