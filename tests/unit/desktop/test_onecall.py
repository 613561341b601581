"""One call's detail, as values."""

import pytest
from tests.support.records import settled

from turnout.calls.units import Family, Nanos, Tier, Tokens
from turnout.calls.usage import Price
from turnout.desktop.models.onecall import (
    Elsewhere,
    Switch,
    cost_ways,
    elsewhere,
    graded_by,
    switch_sides,
    told_signals,
)
from turnout.routing.facts import Candidate
from turnout.routing.switching import Traffic, compare


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
    call = settled(asked_model="a/opus", tier=Tier.FAST, cost=Nanos(50_000_000), baseline=Nanos(250_000_000))
    ways = [(way.name, way.nanos, way.paid) for way in cost_ways(call, known)]
    assert ways == [("Paid", 50_000_000, True), ("Asked for", 250_000_000, False), ("High", 250_000_000, False)]


def test_without_the_proxy_the_row_alone_is_compared() -> None:
    ways = cost_ways(settled(all_fast=Nanos(7)), ())
    assert [way.name for way in ways] == ["Paid", "The dear model", "The fast tier"]
    assert ways[2].nanos == 7


def test_signals_say_what_fitted_and_what_did_not() -> None:
    told = told_signals({"loop": True, "big": False, "call.turns": 3, "def.x": "ab", "tokens": 12_000, "<b>": True})
    assert told == [("Signals", "loop, <b>"), ("Not", "big"), ("tokens", "12,000")]


def test_a_price_that_is_missing_is_not_shown_as_free() -> None:
    ways = cost_ways(settled(cost=Nanos(5), baseline=Nanos(0), all_fast=Nanos(0)), ())
    assert [way.said(4) for way in ways[1:]] == ["–", "–"]
    free = cost_ways(settled(), elsewhere([{"tier": "fast", "model": "a/h", "cost_usd": "0"}]))
    assert [way.said(4) for way in free[1:]] == ["Free", "Free"]


@pytest.mark.parametrize(
    ("said", "sides"),
    [
        ("staying $0.069, switching $0.129", Switch(69_000_000, 129_000_000)),
        ("staying $1,200.5, switching $0", Switch(1_200_500_000_000, 0)),
        (
            "staying $0.069, switching $0.001, but 90 s on local/m",
            Switch(69_000_000, 1_000_000, "but 90 s on local/m"),
        ),
        ("another form", None),
        ("", None),
    ],
)
def test_both_sides_of_a_switch_are_read_back_from_the_row(said: str, sides: Switch | None) -> None:
    assert switch_sides(said) == sides


def test_the_sides_are_those_that_the_decision_wrote() -> None:
    traffic = Traffic(Tokens(60_000), Tokens(2_000), Tokens(800))
    here, there = Price(5_000, 500, 6_250, 10_000, 25_000, 25_000), Price(1_000, 100, 1_250, 2_000, 5_000, 5_000)
    found = compare(
        Candidate("a", "opus", Family.ANTHROPIC, price=here),
        Candidate("b", "haiku", Family.ANTHROPIC, price=there),
        traffic,
    )
    assert found is not None
    sides = switch_sides(found.text)
    assert sides is not None
    assert sides.staying == pytest.approx(found.stay, rel=0.05)
    assert sides.switching == pytest.approx(found.switch, rel=0.05)


def test_who_graded_is_said_where_it_is_known() -> None:
    assert graded_by(settled(graded_by="cache")) == "the intent cache: this was asked before"
    assert graded_by(settled()) == ""


def test_who_named_no_model_is_compared_with_the_dear_one() -> None:
    assert [way.name for way in cost_ways(settled(asked_model="auto"), ())][1] == "The dear model"
    assert [way.name for way in cost_ways(settled(asked_model="gpt-5"), ())][1] == "Asked for"
