"""What is held, and told the engine, where a client set no limit of output: opus at $25 a million, 8,192 tokens learned."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.routing.scene import call, facts, grading, outline

from turnout.calls.units import Grade, Tokens
from turnout.errors import BudgetRefusal
from turnout.routing.afford import MARGIN
from turnout.routing.budget import FLOOR
from turnout.routing.decide import decide
from turnout.routing.facts import Facts, Standing
from turnout.routing.plan import Plan, Step
from turnout.routing.rules import Budget

PROMPT = 1_000 * 6_250
"""Nanos: as a cache write."""


def left(nanos: int, unit: str = "usd") -> Facts:
    budget = Budget("cap", "client", limit=nanos, unit=unit)
    standing = Standing(budget, "k1", "ide", 0, nanos, datetime(2026, 11, 25, tzinfo=UTC))
    return facts(standings=(standing,), grading=grading(Grade.HIGH), ceiling_output=Tokens(8_192))


def first(known: Facts, *, stream: bool = True, choices: int = 1) -> Step:
    plan = decide(call(outline(stream=stream, choices=choices)), known)
    assert isinstance(plan, Plan)
    return plan.steps[0]


def test_far_from_a_budgets_end_a_streams_engine_is_told_nothing() -> None:
    step = first(left(PROMPT + 4 * 8_192 * 25_000))
    assert (step.max_output, step.output) == (None, 8_192)


@pytest.mark.parametrize(
    ("tokens", "held"), [(32_767, 16_384), (20_000, 16_384), (12_000, 12_000), (8_192, 8_192), (6_000, 6_000)]
)
def test_near_it_the_engine_is_told_less_than_is_held(tokens: int, held: int) -> None:
    step = first(left(PROMPT + tokens * 25_000))
    assert (step.output, step.max_output) == (held, held - MARGIN)
    assert step.hold == PROMPT + held * 25_000


def test_several_answers_share_what_is_left() -> None:
    step = first(left(PROMPT + 20_000 * 25_000), choices=2)
    assert (step.output, step.max_output) == (20_000, 10_000 - MARGIN)


def test_a_budget_in_tokens_is_kept_to_as_well() -> None:
    step = first(left(1_000 + 9_000, "tokens"))
    assert (step.tokens, step.max_output) == (10_000, 9_000 - MARGIN)


def test_a_budget_of_calls_limits_no_output() -> None:
    assert first(left(5, "calls")).max_output is None


def test_what_is_told_is_never_under_the_floor() -> None:
    assert first(left(PROMPT + (FLOOR + MARGIN) * 25_000)).max_output == FLOOR
    with pytest.raises(BudgetRefusal):
        first(left(PROMPT + (FLOOR + MARGIN - 1) * 25_000))


@given(st.integers(0, 10**9), st.booleans(), st.integers(1, 4))
def test_what_is_held_fits_and_pays_for_what_is_told(nanos: int, stream: bool, choices: int) -> None:
    known = left(nanos)
    try:
        step = first(known, stream=stream, choices=choices)
    except BudgetRefusal:
        return
    assert step.hold <= nanos
    assert step.max_output is None or step.max_output >= FLOOR
    assert step.max_output is None or step.max_output * choices <= step.output
