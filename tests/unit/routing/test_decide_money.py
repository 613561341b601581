"""A call and what is known in, a plan out: what is held, clamped, refused or waits; budgets and loops."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from tests.unit.routing.scene import (
    MINI,
    call,
    facts,
    grading,
    names,
    outline,
    planned,
    roster,
    rules,
)

from turnout.calls.units import Grade, Housekeeping, Mode, Nanos, Tier, Tokens
from turnout.errors import BudgetRefusal, LoopRefusal, PolicyRefusal
from turnout.routing.decide import decide
from turnout.routing.facts import LoopStanding, Standing
from turnout.routing.plan import Plan
from turnout.routing.rules import Budget, Loop

USD = 1_000_000_000


# --- money ---


def test_the_worst_case_is_held_per_step_to_the_nano() -> None:
    plan = planned(call(outline(max_output=Tokens(1_000))), facts(grading=grading(Grade.HIGH)))
    # opus: 1,000 prompt tokens as a cache write at 6.25, 1,000 output tokens at 25 dollars a million.
    assert plan.steps[0].hold == 6_250_000 + 25_000_000
    assert plan.steps[1].hold == 4_000_000 + 20_000_000


def test_a_call_without_max_tokens_holds_the_ceiling() -> None:
    plan = planned(call(outline(stream=True)), facts(ceiling_output=Tokens(10_000)))
    assert plan.steps[0].hold == 1_000 * 1_250 + 10_000 * 5_000


def test_every_answer_that_is_asked_for_at_once_is_held() -> None:
    plan = planned(call(outline(max_output=Tokens(1_000), choices=5)), facts(grading=grading(Grade.HIGH)))
    assert plan.steps[0].hold == 6_250_000 + 5 * 25_000_000


def test_a_sovereign_engine_holds_nothing() -> None:
    assert planned(call(), facts(grading=grading(Grade.LOW))).steps[0].hold == 0


def test_an_unpriced_model_is_held_at_the_dearest_price_known_never_at_zero() -> None:
    unpriced = replace(MINI, price=None, hold_price=None)
    plan = planned(call(outline(max_output=Tokens(1_000))), facts(roster=roster(fast=(unpriced,))))
    assert plan.steps[0].hold == 31_250_000


def test_where_no_price_is_known_at_all_a_model_is_held_like_a_dear_one() -> None:
    unpriced = replace(MINI, price=None, hold_price=None)
    plan = planned(call(outline(max_output=Tokens(1_000))), facts(roster=roster((unpriced,), (unpriced,), ())))
    # 1,000 tokens in at $18.75 a million, and 1,000 out at $75.
    assert plan.steps[0].hold == 93_750_000


def test_max_tokens_of_10_to_the_12_holds_what_the_model_can_write() -> None:
    plan = planned(call(outline(max_output=Tokens(10**12))), facts(grading=grading(Grade.HIGH)))
    assert plan.steps[0].hold == 6_250_000 + 64_000 * 25_000


def test_a_call_over_the_rules_own_limit_is_refused_by_its_likely_cost() -> None:
    text = '[[rule]]\nname = "cheap"\nwhen = "true"\nroute = "grade"\nmax_usd_per_call = 0.01\n'
    with pytest.raises(PolicyRefusal, match=r'"cheap" allows \$0.01 a call'):
        decide(call(), facts(rules=rules(text), grading=grading(Grade.HIGH), estimate=Tokens(50_000)))
    modest = planned(call(outline(max_output=Tokens(32_000))), facts(rules=rules(text), likely_output=Tokens(100)))
    assert modest.steps[0].hold > Nanos(USD // 100)


def standing(limit: float, used: float = 0.0, **changes: object) -> Standing:
    budget = replace(Budget("a day's work", "client", limit=round(limit * USD)), **changes)  # type: ignore[arg-type]
    unit = USD if budget.unit == "usd" else 1
    return Standing(
        budget,
        "k1",
        "ide",
        round(used * unit),
        round(limit * unit),
        datetime(2026, 11, 25, tzinfo=UTC),
    )


def test_a_call_that_fits_names_its_buckets() -> None:
    assert planned(call(), facts(standings=(standing(5),))).buckets == ("k1",)


def test_output_is_clamped_before_anything_is_refused() -> None:
    tight = facts(standings=(standing(0.05),), grading=grading(Grade.MEDIUM))
    plan = planned(call(outline(max_output=Tokens(64_000))), tight)
    first = plan.steps[0]
    assert plan.clamped == first.max_output == (50_000_000 - 1_250_000) // 5_000
    assert plan.why(first) == f"{plan.reason}; a budget ends its output at 9,750 tokens"
    assert first.hold <= 50_000_000


def test_output_is_not_clamped_under_the_floor() -> None:
    with pytest.raises(BudgetRefusal):
        decide(call(outline(max_output=Tokens(64_000))), facts(standings=(standing(0.02),)))


def test_a_refusal_names_the_budget_what_is_left_when_it_renews_and_what_to_do() -> None:
    with pytest.raises(BudgetRefusal) as caught:
        decide(call(), facts(standings=(standing(5, used=4.99),)))
    said = caught.value.said
    assert '"a day\'s work" for client ide has $0.01 of $5.00 left' in said
    assert "2026-11-25 00:00" in said
    assert "turnout budget credit 'client:ide'" in said


def test_downgrade_takes_the_next_cheaper_tier_that_fits() -> None:
    budget = standing(0.06, on_exceed="downgrade")
    plan = planned(call(outline(max_output=Tokens(4_000))), facts(grading=grading(Grade.HIGH), standings=(budget,)))
    assert names(plan)[0] == "haiku"
    assert "down to fast" in plan.reason
    spent = standing(0.06, used=0.06, on_exceed="downgrade")
    assert names(planned(call(), facts(grading=grading(Grade.HIGH), standings=(spent,)))) == ["qwen3-coder:30b"]


def test_downgrade_with_nothing_below_is_refused() -> None:
    spent = standing(1, used=1, on_exceed="downgrade")
    with pytest.raises(BudgetRefusal, match="No cheaper tier"):
        decide(call(), facts(standings=(spent,), roster=roster(local=())))


def test_the_strictest_budget_speaks() -> None:
    with pytest.raises(BudgetRefusal, match="hard"):
        decide(call(), facts(standings=(standing(1, 1, on_exceed="downgrade"), standing(1, 1, name="hard"))))


def test_ask_waits_and_carries_its_refusal() -> None:
    plan = planned(call(), facts(standings=(standing(1, 1, on_exceed="ask"),)))
    assert plan.waits == "a day's work\nk1"
    assert isinstance(plan.refusal, BudgetRefusal)


def test_budgets_of_calls_and_tokens_count_in_their_own_unit() -> None:
    with pytest.raises(BudgetRefusal, match="0 calls of 10 calls"):
        decide(call(), facts(standings=(standing(10, 10, unit="calls"),)))
    clamped = planned(call(), facts(standings=(standing(6_000, unit="tokens"),), ceiling_output=Tokens(8_192)))
    assert clamped.clamped == 5_000


def test_a_tier_budget_binds_only_that_tier() -> None:
    high = Standing(Budget("dear", "tier", on_exceed="downgrade"), "kh", "high", 1, 1)
    plan = planned(call(), facts(grading=grading(Grade.HIGH), standings=(high,)))
    assert plan.steps[0].tier is Tier.FAST
    assert plan.buckets == ()


def test_budgets_hold_in_pass_through_too() -> None:
    with pytest.raises(BudgetRefusal):
        decide(call(outline(model="opus")), facts(mode=Mode.PASSTHROUGH, standings=(standing(1, 1),)))


def test_counting_tokens_is_free_and_never_refused() -> None:
    count = call(outline(housekeeping=Housekeeping.COUNT))
    over = LoopStanding(Loop(on_exceed="refuse"), "s1", turns=900)
    plan = planned(count, facts(standings=(standing(1, 1),), loops=(over,)))
    assert plan.steps[0].hold == 0


# --- loops ---


def test_an_exceeded_loop_refuses_or_waits() -> None:
    with pytest.raises(LoopRefusal, match="200 turns"):
        decide(call(), facts(loops=(LoopStanding(Loop(on_exceed="refuse"), "s1", turns=200),)))
    plan = planned(call(), facts(loops=(LoopStanding(Loop(), "s1", turns=200),)))
    what, _, key = plan.waits.partition("\n")
    assert what.startswith("loop: 200 turns")
    assert key == "s1"
    assert isinstance(plan.refusal, LoopRefusal)


@pytest.mark.parametrize(
    "changes",
    [{"same_request": 4}, {"same_tool_call": 12}, {"per_minute": 240}, {"spent": Nanos(3 * USD)}, {"stopped": True}],
)
def test_every_limit_of_the_loop_guard_stops(changes: dict[str, object]) -> None:
    over = replace(LoopStanding(Loop(on_exceed="refuse"), "s1"), **changes)  # type: ignore[arg-type]
    with pytest.raises(LoopRefusal):
        decide(call(), facts(loops=(over,)))


def test_what_the_user_allowed_is_on_top() -> None:
    over = LoopStanding(Loop(on_exceed="refuse"), "s1", turns=220, allowed_turns=50)
    assert isinstance(decide(call(), facts(loops=(over,))), Plan)


def test_loops_hold_in_pass_through_too() -> None:
    with pytest.raises(LoopRefusal):
        decide(
            call(outline(model="opus")),
            facts(mode=Mode.PASSTHROUGH, loops=(LoopStanding(Loop(on_exceed="refuse"), "s1", turns=200),)),
        )


def test_decide_is_a_function_of_its_arguments() -> None:
    assert decide(call(), facts()) == decide(call(), facts())
