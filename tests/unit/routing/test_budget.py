from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.routing.scene import HAIKU, NOW, OPUS, call

from turnout.calls.units import Tier
from turnout.routing.budget import PERIODS, applies, buckets, lacking, refusal, window
from turnout.routing.facts import Standing
from turnout.routing.rules import Budget

BERLIN, NEW_YORK = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")
ZONES = (BERLIN, NEW_YORK, UTC, ZoneInfo("Asia/Kolkata"), ZoneInfo("Australia/Lord_Howe"), ZoneInfo("America/Santiago"))
CLOCKED = tuple(per for per in PERIODS if per not in ("session", "ever"))


@settings(max_examples=200)
@given(st.sampled_from(CLOCKED), st.sampled_from(ZONES), st.integers(1_700_000_000, 1_900_000_000))
def test_i13_a_window_holds_until_it_renews_and_not_a_second_longer(per: str, zone: ZoneInfo, at: int) -> None:
    now = datetime.fromtimestamp(at, zone)
    span = window(per, now)
    assert span.renews is not None
    assert span.renews.timestamp() > at
    before = datetime.fromtimestamp(span.renews.timestamp() - 1, zone)
    assert window(per, before).label == span.label
    assert window(per, datetime.fromtimestamp(span.renews.timestamp(), zone)).label != span.label


@settings(max_examples=100)
@given(
    st.sampled_from(CLOCKED), st.sampled_from(ZONES), st.integers(1_700_000_000, 1_900_000_000), st.integers(1, 10**7)
)
def test_i13_a_clock_set_back_finds_the_window_it_filled(per: str, zone: ZoneInfo, at: int, jump: int) -> None:
    label = window(per, datetime.fromtimestamp(at, zone)).label
    window(per, datetime.fromtimestamp(at + jump, zone))
    assert window(per, datetime.fromtimestamp(at, zone)).label == label


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        (BERLIN, (2026, 3, 29), 23),
        (BERLIN, (2026, 10, 25), 25),
        (NEW_YORK, (2026, 3, 8), 23),
        (NEW_YORK, (2026, 11, 1), 25),
        (BERLIN, (2026, 11, 24), 24),
    ],
)
def test_i13_a_day_is_from_midnight_to_midnight_also_when_clocks_change(
    zone: ZoneInfo, day: tuple[int, int, int], hours: int
) -> None:
    midnight = datetime(*day, tzinfo=zone)
    span = window("day", midnight)
    assert span.renews is not None
    assert (span.renews.astimezone(UTC) - midnight.astimezone(UTC)) == timedelta(hours=hours)
    assert (span.renews.hour, span.renews.minute) == (0, 0)


def test_i13_the_hour_that_comes_twice_is_two_windows() -> None:
    first = datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN)
    second = first.replace(fold=1)
    assert window("hour", first).label != window("hour", second).label
    assert window("day", first).label == window("day", second).label
    renews = window("hour", first).renews
    assert renews is not None
    assert renews.timestamp() == second.timestamp() - 1800


def test_i13_where_midnight_itself_is_skipped_the_day_begins_at_the_first_instant_there_is() -> None:
    santiago = ZoneInfo("America/Santiago")
    renews = window("day", datetime(2026, 9, 5, 12, tzinfo=santiago)).renews
    assert renews is not None
    assert renews.timestamp() == datetime(2026, 9, 6, 4, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("now", "renews"),
    [
        ((2026, 1, 31, 23, 59), (2026, 2, 1)),
        ((2028, 2, 29, 12, 0), (2028, 3, 1)),
        ((2026, 12, 31, 23, 59), (2027, 1, 1)),
    ],
)
def test_months_end_where_the_calendar_says(now: tuple[int, ...], renews: tuple[int, int, int]) -> None:
    assert window("month", datetime(*now, tzinfo=BERLIN)).renews == datetime(*renews, tzinfo=BERLIN)  # type: ignore[misc,arg-type]


def test_weeks_begin_on_monday_over_the_turn_of_the_year() -> None:
    friday = window("week", datetime(2027, 1, 1, tzinfo=BERLIN))
    assert friday.label == window("week", datetime(2026, 12, 28, tzinfo=BERLIN)).label
    assert friday.renews == datetime(2027, 1, 4, tzinfo=BERLIN)


def test_each_scope_has_its_own_value() -> None:
    scopes = ("client", "developer", "department", "project", "session", "all")
    found = buckets([Budget(s, s) for s in scopes], call(), NOW)
    assert [one.scope for one in found] == ["ide", "ada", "research", "turnout", "s1", "all"]


def test_a_named_scope_binds_only_who_is_named() -> None:
    assert len(buckets([Budget("b", "client", "ide"), Budget("c", "client", "other")], call(), NOW)) == 1


def test_a_session_tree_counts_for_its_top() -> None:
    child = call(session="child", parent_session="top")
    assert buckets([Budget("b", "session_tree")], child, NOW)[0].scope == "top"
    assert buckets([Budget("b", "session_tree")], child, NOW, tree="root")[0].scope == "root"


def test_tier_and_model_budgets_come_for_each_and_bind_the_step_they_mean() -> None:
    tiers = buckets([Budget("t", "tier")], call(), NOW)
    assert [one.scope for one in tiers] == ["high", "fast", "local"]
    models = buckets([Budget("m", "model")], call(), NOW, models=[OPUS.name, HAIKU.name])
    standing = Standing(models[0].budget, models[0].key, models[0].scope, 0, 1)
    assert applies(standing, OPUS, Tier.HIGH)
    assert not applies(standing, HAIKU, Tier.FAST)


def test_changing_the_amount_keeps_the_bucket() -> None:
    small, large = Budget("b", "client", limit=1), Budget("b", "client", limit=9, on_exceed="ask")
    assert buckets([small], call(), NOW)[0].key == buckets([large], call(), NOW)[0].key


def test_sessions_and_for_ever_do_not_renew() -> None:
    for per in ("session", "ever"):
        assert window(per, NOW, "s1").renews is None


@given(st.integers(0, 10**13), st.integers(0, 10**13), st.integers(0, 10**13))
def test_i02_what_fits_never_exceeds_the_cap(limit: int, used: int, ask: int) -> None:
    standing = Standing(Budget("b", "client"), "k", "ide", used, limit)
    if not lacking(standing, nanos=ask, tokens=0):
        assert ask == 0 or used + ask <= limit


@pytest.mark.parametrize(
    ("changes", "left", "needed", "says"),
    [
        (
            {"in_credits": True},
            81_200_000,
            84_000_000,
            "8.12 credits of 500 credits left and this call may need 8.40 credits.",
        ),
        (
            {"in_credits": True},
            80_000_000,
            80_000_001,
            "8 credits of 500 credits left and this call may need a little more than 8 credits.",
        ),
        ({}, 1_234_000_000, 1_234_900_000, "$1.23 of $5.00 left and this call may need a little more than $1.23."),
        ({"unit": "calls"}, 0, 1, "left and this call may need 1 call."),
    ],
)
def test_a_refusal_never_reads_as_if_the_call_did_fit(
    changes: dict[str, str], left: int, needed: int, says: str
) -> None:
    budget = replace(Budget("day", "client", limit=5_000_000_000), **changes)  # type: ignore[arg-type]
    assert says in refusal(Standing(budget, "k", "ide", 5_000_000_000 - left, 5_000_000_000, NOW), nanos=needed).said


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({}, "$0.00 of $5.00 left"),
        ({"in_credits": True}, "0 credits of 500 credits left"),
        ({"unit": "calls"}, "0 calls of"),
        ({"scope": "all"}, "for everyone together"),
        ({"per": "session"}, "lasts for this session"),
        ({"per": "ever"}, "does not renew by itself"),
    ],
)
def test_a_refusal_says_it_in_the_budgets_own_terms(changes: dict[str, str], says: str) -> None:
    budget = replace(Budget("day", "client", limit=5_000_000_000), **changes)  # type: ignore[arg-type]
    renews = None if budget.per in ("session", "ever") else NOW
    assert says in refusal(Standing(budget, "k", "ide", 5_000_000_000, 5_000_000_000, renews)).said
