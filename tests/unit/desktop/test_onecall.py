"""One call's detail, as values."""

from tests.support.records import settled

from turnout.calls.units import Nanos, Tier
from turnout.desktop.models.onecall import Elsewhere, cost_ways, elsewhere, told_signals


def test_a_call_is_compared_with_every_other_tier_the_proxy_can_price() -> None:
    known = elsewhere(
        [
            {"tier": "high", "model": "a/opus", "cost_usd": "0.25"},
            {"tier": "fast", "model": "a/haiku", "cost_usd": "0.05"},
            {"tier": "local", "model": "l/q", "cost_usd": None},
            {"tier": "no-such", "model": "x", "cost_usd": "1"},
        ]
    )
    assert known == (
        Elsewhere(Tier.HIGH, "a/opus", 250_000_000),
        Elsewhere(Tier.FAST, "a/haiku", 50_000_000),
        Elsewhere(Tier.LOCAL, "l/q", None),
    )
    call = settled(tier=Tier.FAST, cost=Nanos(50_000_000), baseline=Nanos(250_000_000))
    ways = [(way.name, way.nanos, way.paid) for way in cost_ways(call, known)]
    assert ways == [("Paid", 50_000_000, True), ("Asked for", 250_000_000, False), ("High", 250_000_000, False)]


def test_without_the_proxy_the_row_alone_is_compared() -> None:
    ways = cost_ways(settled(all_fast=Nanos(7)), ())
    assert [way.name for way in ways] == ["Paid", "Asked for", "The fast tier"]
    assert ways[2].nanos == 7


def test_signals_say_what_fitted_and_what_did_not() -> None:
    told = told_signals({"loop": True, "big": False, "call.turns": 3, "def.x": "ab", "tokens": 12_000, "<b>": True})
    assert told == [("Signals", "loop, <b>"), ("Not", "big"), ("tokens", "12,000")]


def test_a_price_that_is_missing_is_not_shown_as_free() -> None:
    ways = cost_ways(settled(cost=Nanos(5), baseline=Nanos(0), all_fast=Nanos(0)), ())
    assert [way.said(4) for way in ways[1:]] == ["–", "–"]
    free = cost_ways(settled(), elsewhere([{"tier": "fast", "model": "a/h", "cost_usd": "0"}]))
    assert [way.said(4) for way in free[1:]] == ["Free", "Free"]
