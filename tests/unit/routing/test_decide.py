"""A call and what is known in, a plan out: grades, conversations, what the client names, walls, failures."""

import re
from dataclasses import replace
from typing import Any

import pytest
from tests.unit.routing.scene import (
    HAIKU,
    NOW_MS,
    OPUS,
    QWEN,
    RULES,
    SOL,
    call,
    facts,
    grading,
    memory,
    names,
    outline,
    planned,
    roster,
    rules,
)

from turnout.calls.units import Dialect, Family, Grade, Housekeeping, Mode, Tier, Tokens
from turnout.errors import NoEngineError, NotFoundError, PolicyRefusal
from turnout.routing.decide import decide
from turnout.routing.facts import Grading, Memory, SecretVerdict
from turnout.routing.plan import Need, Plan

# --- by grade ---


@pytest.mark.parametrize(
    ("grade", "first", "tier"),
    [
        (Grade.LOW, "qwen3-coder:30b", Tier.LOCAL),
        (Grade.MEDIUM, "haiku", Tier.FAST),
        (Grade.HIGH, "opus", Tier.HIGH),
    ],
)
def test_each_grade_goes_to_its_tier(grade: Grade, first: str, tier: Tier) -> None:
    plan = planned(call(), facts(grading=grading(grade)))
    assert (plan.steps[0].candidate.model, plan.steps[0].tier, plan.grade) == (first, tier, grade)


def test_reason_is_the_graders_label_and_never_the_ask() -> None:
    plan = planned(call(outline("my ask about hippopotamuses, rather a long one")), facts())
    assert plan.reason == "grade MEDIUM: asks for code"
    assert "hippo" not in repr(plan.signals) + plan.reason


def test_what_is_missing_is_asked_for_only_when_a_rule_needs_it() -> None:
    assert decide(call(), facts(grading=None)) is Need.GRADE
    assert decide(call(), facts(estimate=None)) is Need.TOKENS
    assert decide(call(), facts(rules=rules(RULES), secret=None)) is Need.SECRET
    to_fast = rules('[[rule]]\nwhen = "true"\nroute = "fast"\n')
    assert isinstance(decide(call(), facts(rules=to_fast, grading=None, secret=None)), Plan)


def test_an_unsure_grader_gets_the_abstain_tier() -> None:
    plan = planned(call(), facts(grading=grading(Grade.LOW, confidence=0.2)))
    assert plan.grade is None
    assert plan.steps[0].tier is Tier.FAST


def test_a_broken_grader_gets_the_abstain_tier_and_the_row_says_so() -> None:
    plan = planned(call(), facts(grading=Grading(None, 0.5, 0.0, "the grader failed", by="none")))
    assert plan.steps[0].tier is Tier.FAST
    assert "the grader failed" in plan.reason


def test_an_abstention_never_goes_local_while_anything_else_is_there() -> None:
    plan = planned(call(), facts(grading=grading(None), roster=roster(fast=())))
    assert plan.steps[0].tier is Tier.HIGH


def test_an_empty_local_tier_falls_to_fast_then_high() -> None:
    assert planned(call(), facts(grading=grading(Grade.LOW), roster=roster(local=()))).steps[0].tier is Tier.FAST
    plan = planned(call(), facts(grading=grading(Grade.LOW), roster=roster(local=(), fast=())))
    assert plan.steps[0].tier is Tier.HIGH
    assert "nothing usable in tier local" in plan.reason


def test_no_model_at_all_says_how_to_get_one() -> None:
    with pytest.raises(NoEngineError) as caught:
        decide(call(), facts(roster=roster((), (), ())))
    assert "turnout key set" in caught.value.hint
    assert "Ollama" in caught.value.hint


def test_housekeeping_is_low_without_any_grading() -> None:
    side = call(outline(housekeeping=Housekeeping.TITLE))
    plan = planned(side, facts(grading=None, memory=memory(OPUS)))
    assert (plan.grade, plan.steps[0].tier) == (Grade.LOW, Tier.LOCAL)
    assert "title" in plan.reason


@pytest.mark.parametrize(
    "changes",
    [
        {"ask": "ultrathink about the best way to name this thing"},
        {"extras": {"plan_mode": "yes"}},
        {"texts": ("old", "Plan mode is active. Only plan.", "write a parser for this grammar in python please")},
    ],
)
def test_plan_mode_and_keywords_are_never_under_high(changes: dict[str, Any]) -> None:
    assert planned(call(outline(**changes)), facts(grading=grading(Grade.LOW))).grade is Grade.HIGH


def test_a_plan_mode_reminder_of_an_older_ask_does_not_count() -> None:
    ask = "rename this variable to total please, thanks"
    texts = ("Plan mode is active.", "old ask", "answer", "more", "and more", ask, "[tools]")
    assert planned(call(outline(ask, texts=texts)), facts(grading=grading(Grade.LOW))).grade is Grade.LOW


def test_a_stalled_agent_goes_one_tier_up_at_the_next_ask() -> None:
    stuck = outline(last_tool_calls=("ls", "cat a", "ls", "cat b", "ls"))
    assert planned(call(stuck), facts(grading=grading(Grade.LOW))).steps[0].tier is Tier.FAST
    assert planned(call(outline(tool_errors=3)), facts(grading=grading(Grade.MEDIUM))).steps[0].tier is Tier.HIGH


@pytest.mark.parametrize(
    ("grade", "difficulty", "expected"),
    [
        (Grade.LOW, 0.9, Grade.MEDIUM),
        (Grade.MEDIUM, 0.9, Grade.HIGH),
        (None, 0.9, Grade.HIGH),
        (Grade.HIGH, 0.1, Grade.MEDIUM),
        (Grade.MEDIUM, 0.1, Grade.MEDIUM),
        (Grade.HIGH, 0.5, Grade.HIGH),
        (None, 0.1, None),
    ],
)
def test_a_calibrated_difficulty_moves_the_grade_by_one_and_never_down_to_low(
    grade: Grade | None, difficulty: float, expected: Grade | None
) -> None:
    plan = planned(call(), facts(grading=replace(grading(grade), difficulty=difficulty)))
    assert plan.grade is expected
    assert ("your own calls" in plan.reason) is (expected is not grade)


# --- conversation ---


def test_a_tool_loop_keeps_its_model_whatever_the_rules_or_the_grade_say() -> None:
    step = call(outline(ask_is_last=False))
    for text in ('[[rule]]\nwhen = "true"\nroute = "local"\n', '[[rule]]\nwhen = "true"\nroute = "grade"\n'):
        plan = planned(step, facts(rules=rules(text), memory=memory(SOL, Grade.HIGH), grading=grading(Grade.LOW)))
        assert names(plan)[0] == "sol"
        assert plan.pinned


def test_a_tool_loop_leaves_a_model_that_is_down() -> None:
    down = replace(OPUS, healthy=False)
    plan = planned(call(outline(ask_is_last=False)), facts(roster=roster(high=(down, SOL)), memory=memory(OPUS)))
    assert names(plan)[0] == "sol"


def test_a_scripted_session_of_3_asks_and_15_loop_calls_decides_3_times_and_never_switches_inside_a_loop() -> None:
    asks = {
        "please write a whole new storage engine for us": Grade.HIGH,
        "now rename the variable total to amount there": Grade.LOW,
        "and draw the class diagram of what you have made": Grade.MEDIUM,
    }
    known, models, fresh = Memory(), [], 0
    for ask, grade in asks.items():
        for step in range(6):
            turn = call(outline(ask, ask_is_last=step == 0))
            outcome = decide(turn, facts(memory=known, grading=None))
            if outcome is Need.GRADE:
                fresh += 1
                outcome = decide(turn, facts(memory=known, grading=grading(grade)))
            assert isinstance(outcome, Plan)
            first = outcome.steps[0]
            known = memory(first.candidate, outcome.grade, ask, warm=Tokens(900))
            models.append(first.candidate.model)
    assert fresh == 3
    assert all(len(set(models[at : at + 6])) == 1 for at in (0, 6, 12))


def test_a_short_follow_up_inherits_grade_and_model() -> None:
    plan = planned(call(outline("yes, go on")), facts(grading=None, memory=memory(SOL, Grade.HIGH)))
    assert (names(plan)[0], plan.grade) == ("sol", Grade.HIGH)
    assert "short follow-up" in plan.reason


def test_the_same_ask_again_is_not_graded_again_until_the_cache_lapsed() -> None:
    ask = "explain how the scheduler picks the next task"
    warm = memory(HAIKU, Grade.MEDIUM, ask)
    assert isinstance(decide(call(outline(ask)), facts(grading=None, memory=warm)), Plan)
    lapsed = replace(warm, last_at_ms=NOW_MS - 301_000)
    assert decide(call(outline(ask)), facts(grading=None, memory=lapsed)) is Need.GRADE


def test_a_switch_that_would_lose_a_100k_warm_prefix_does_not_happen_and_says_both_sides() -> None:
    known = facts(
        grading=grading(Grade.MEDIUM),
        estimate=Tokens(101_500),
        likely_output=Tokens(400),
        memory=memory(OPUS, warm=Tokens(100_000)),
    )
    plan = planned(call(), known)
    assert names(plan)[0] == "opus"
    assert plan.pinned
    assert plan.switch == "staying $0.069, switching $0.129"


def test_a_small_warm_prefix_is_left_for_a_cheaper_model() -> None:
    known = facts(
        grading=grading(Grade.MEDIUM),
        estimate=Tokens(5_500),
        likely_output=Tokens(300),
        memory=memory(OPUS, warm=Tokens(5_000)),
    )
    plan = planned(call(), known)
    assert names(plan)[0] == "haiku"
    assert plan.switch.startswith("staying $")


def test_a_lapsed_cache_protects_nothing() -> None:
    known = facts(
        grading=grading(Grade.MEDIUM),
        estimate=Tokens(101_500),
        memory=memory(OPUS, warm=Tokens(100_000), last_at_ms=NOW_MS - 3_600_000),
    )
    assert names(planned(call(), known))[0] == "haiku"


def test_moving_up_is_for_quality_and_needs_no_saving() -> None:
    known = facts(grading=grading(Grade.HIGH), estimate=Tokens(60_000), memory=memory(HAIKU, warm=Tokens(59_000)))
    plan = planned(call(), known)
    assert names(plan)[0] == "opus"
    assert "switching" in plan.switch


def test_a_second_model_of_the_tier_stays_the_sessions_own() -> None:
    plan = planned(call(), facts(grading=grading(Grade.HIGH), memory=memory(SOL)))
    assert names(plan) == ["sol", "opus"]


def test_signed_thinking_stays_with_its_vendor() -> None:
    sealed = call(outline(sealed_by=Family.OPENAI))
    assert names(planned(sealed, facts(grading=grading(Grade.HIGH), memory=memory(HAIKU))))[0] == "sol"
    no_openai_fast = facts(
        grading=grading(Grade.MEDIUM), roster=roster(fast=(HAIKU,)), memory=memory(SOL, sealed_by=Family.OPENAI)
    )
    plan = planned(call(), no_openai_fast)
    assert names(plan)[0] == "sol"
    assert "signed thinking" in plan.reason


# --- asked, modes, headers ---

ASKED = '[[rule]]\nname = "as asked"\nwhen = "true"\nroute = "asked"\n'


@pytest.mark.parametrize(
    ("model", "first"),
    [("anthropic/haiku", "haiku"), ("sol", "sol"), ("local", "qwen3-coder:30b"), ("high", "opus"), ("auto", "haiku")],
)
def test_asked_gives_what_the_client_named(model: str, first: str) -> None:
    assert names(planned(call(outline(model=model)), facts(rules=rules(ASKED))))[0] == first


def test_asked_for_an_unknown_model_names_near_ones() -> None:
    with pytest.raises(NotFoundError) as caught:
        decide(call(outline(model="anthropic/hiaku")), facts(rules=rules(ASKED)))
    assert "anthropic/haiku" in caught.value.hint


def test_an_unknown_model_is_like_auto_where_rules_decide() -> None:
    assert names(planned(call(outline(model="gpt-99")), facts()))[0] == "haiku"


@pytest.mark.parametrize("way", ["passthrough", "header"])
def test_pass_through_gives_the_named_model(way: str) -> None:
    asked = call(outline(model="openai/sol"), as_asked=way == "header")
    plan = planned(asked, facts(mode=Mode.PASSTHROUGH if way == "passthrough" else Mode.AUTO))
    assert names(plan) == ["sol"]


def test_the_tier_header_decides_the_tier() -> None:
    assert planned(call(wanted_tier=Tier.HIGH), facts(grading=None)).steps[0].tier is Tier.HIGH


BLOCK = '[signals]\nintern = { kind = "client", is = "ide" }\n[[rule]]\nname = "no"\nwhen = "intern"\nroute = "block"\n'


@pytest.mark.parametrize("changes", [{}, {"as_asked": True}, {"wanted_tier": Tier.HIGH}])
def test_nothing_overrides_a_block(changes: dict[str, Any]) -> None:
    for mode in Mode:
        with pytest.raises(PolicyRefusal, match='"no"'):
            decide(call(**changes), facts(rules=rules(BLOCK), mode=mode))


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("changes", [{}, {"as_asked": True}, {"wanted_tier": Tier.HIGH}])
def test_i10_a_secret_stays_on_sovereign_engines_in_every_mode(mode: Mode, changes: dict[str, Any]) -> None:
    secret = SecretVerdict(True, ("aws",))
    asked = call(outline(model="anthropic/opus"), **changes)
    plan = planned(asked, facts(rules=rules(RULES), secret=secret, mode=mode))
    assert plan.private
    assert all(step.candidate.sovereign for step in plan.steps)


def test_i10_a_failed_scanner_counts_as_a_secret() -> None:
    plan = planned(call(), facts(rules=rules(RULES), secret=SecretVerdict(False, failed=True)))
    assert names(plan) == ["qwen3-coder:30b"]


def test_i10_a_private_conversation_stays_private_without_the_secret() -> None:
    known = facts(rules=rules(), memory=memory(QWEN, Grade.LOW, private=True), grading=grading(Grade.HIGH))
    plan = planned(call(), known)
    assert plan.private
    assert names(plan) == ["qwen3-coder:30b"]


def test_i10_private_with_no_or_a_dead_local_engine_is_refused_not_leaked() -> None:
    secret = SecretVerdict(True)
    for local in ((), (replace(QWEN, healthy=False),), (replace(QWEN, sovereign=False),)):
        with pytest.raises(PolicyRefusal, match="private"):
            decide(call(), facts(rules=rules(RULES), secret=secret, roster=roster(local=local)))


def test_i10_private_and_too_large_for_the_local_window_is_refused() -> None:
    with pytest.raises(PolicyRefusal, match="too large"):
        decide(call(), facts(rules=rules(RULES), secret=SecretVerdict(True), estimate=Tokens(90_000)))


def test_local_only_uses_local_engines_and_says_when_there_is_none() -> None:
    assert names(planned(call(), facts(mode=Mode.LOCAL, grading=grading(Grade.HIGH)))) == ["qwen3-coder:30b"]
    with pytest.raises(NoEngineError, match="Local only"):
        decide(call(), facts(mode=Mode.LOCAL, roster=roster(local=())))


def test_cloud_only_leaves_the_local_tier_out() -> None:
    assert planned(call(), facts(mode=Mode.CLOUD, grading=grading(Grade.LOW))).steps[0].tier is Tier.FAST


def test_an_observe_rule_is_noted_and_the_client_gets_what_it_asked_for() -> None:
    text = '[[rule]]\nname = "try"\nwhen = "true"\nroute = "local"\nmode = "observe"\n' + ASKED
    plan = planned(call(outline(model="openai/sol")), facts(rules=rules(text)))
    assert names(plan) == ["sol"]
    assert (plan.observed, plan.rule) == ("try: local", "try")


def test_an_observe_rule_does_not_hide_a_private_one() -> None:
    text = '[[rule]]\nname = "try"\nwhen = "true"\nroute = "high"\nmode = "observe"\n' + RULES.replace("[signals]", "")
    text = '[signals]\nsecret = { kind = "secret" }\nloop = { kind = "tool-loop" }\n' + re.sub(
        r"\n(secret|loop) = .*", "", text
    )
    plan = planned(call(outline(model="openai/sol")), facts(rules=rules(text), secret=SecretVerdict(True)))
    assert plan.private
    assert plan.observed == "try: high"


def test_embeddings_are_never_moved_to_another_model() -> None:
    vectors = call(outline(model="mini", dialect=Dialect.OPENAI_EMBEDDINGS))
    assert names(planned(vectors, facts(grading=None))) == ["mini"]
    with pytest.raises(NotFoundError) as caught:
        decide(call(outline(model="auto", dialect=Dialect.OPENAI_EMBEDDINGS)), facts())
    assert "auto" not in caught.value.hint


# --- fit and failure ---


def test_a_prompt_that_does_not_fit_goes_up_never_down() -> None:
    plan = planned(call(), facts(grading=grading(Grade.LOW), estimate=Tokens(40_000)))
    assert plan.steps[0].tier is Tier.FAST
    assert "does not fit local" in plan.reason
    plan = planned(call(), facts(grading=grading(Grade.MEDIUM), estimate=Tokens(250_000)))
    assert names(plan) == ["mini"]


def test_images_go_to_a_model_that_sees() -> None:
    plan = planned(call(outline(images=1)), facts(grading=grading(Grade.LOW)))
    assert plan.steps[0].tier is Tier.FAST


def test_a_prompt_too_long_for_all_goes_where_it_belongs_so_that_the_engine_can_say_so() -> None:
    assert names(planned(call(), facts(grading=grading(Grade.HIGH), estimate=Tokens(2_000_000))))[0] == "opus"


def test_unhealthy_models_go_last() -> None:
    known = facts(grading=grading(Grade.HIGH), roster=roster(high=(replace(OPUS, healthy=False), SOL)))
    assert names(planned(call(), known)) == ["sol", "opus"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ('["next"]', ["haiku", "mini"]),
        ('["next", "up"]', ["haiku", "mini", "opus", "sol"]),
        ('["up"]', ["haiku", "opus", "sol"]),
        ('["next", "down"]', ["haiku", "mini", "qwen3-coder:30b"]),
        ('["refuse"]', ["haiku"]),
    ],
)
def test_on_failure_lays_out_the_steps(words: str, expected: list[str]) -> None:
    text = f'[[rule]]\nwhen = "true"\nroute = "grade"\non_failure = {words}\n'
    assert names(planned(call(), facts(rules=rules(text)))) == expected


def test_a_named_route_has_the_rest_of_its_tier_behind_it() -> None:
    text = '[[rule]]\nwhen = "true"\nroute = "openai/sol"\n'
    assert names(planned(call(), facts(rules=rules(text)))) == ["sol", "opus"]
