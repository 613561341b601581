"""What /metrics counts of ended calls."""

from turnout.calls.record import CallRecord
from turnout.calls.units import Nanos, Status, Tier, Tokens
from turnout.calls.usage import Usage
from turnout.proxy.money.totals import Counts


def test_nothing_is_counted_before_the_first_call() -> None:
    counts = Counts()
    assert (counts.calls, counts.spent, counts.tokens) == ({}, {}, {})


def test_calls_are_counted_by_tier_and_status_and_tokens_by_kind() -> None:
    counts = Counts()
    usage = Usage(Tokens(1), Tokens(2), Tokens(3), Tokens(4), Tokens(5), Tokens(6))
    counts.add(CallRecord("1", 0, tier=Tier.FAST, status=Status.SETTLED, cost=Nanos(7), usage=usage))
    counts.add(CallRecord("2", 0, tier=Tier.FAST, status=Status.SETTLED, cost=Nanos(8)))
    counts.add(CallRecord("3", 0, status=Status.REFUSED))
    assert counts.calls == {("fast", "settled"): 2, ("none", "refused"): 1}
    assert counts.spent == {"fast": 15, "none": 0}
    assert counts.tokens == {"uncached": 1, "cache_read": 2, "cache_write": 7, "output": 5, "reasoning": 6}
