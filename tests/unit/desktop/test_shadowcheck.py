"""The shadow check in the window, as values: what it says before, meanwhile and after."""

from typing import Any

import pytest

from turnout.calls.units import Tier
from turnout.desktop.models.shadowcheck import Plan, Progress, comparison, ended, plan

USD = 1_000_000_000
TOLD: dict[str, Any] = {
    "call": "c1",
    "model": "anthropic/opus",
    "tier": "high",
    "grade": "HIGH",
    "ask": "Why does this hang?",
    "answer": "A lock.",
    "cost_usd": "0.02",
    "cheap_call": "c2",
    "cheap_model": "anthropic/haiku",
    "cheap_answer": "Two locks.",
    "cheap_cost_usd": "0.003",
    "ok": True,
    "error": "",
}


def test_what_it_will_ask_and_cost_is_said_before() -> None:
    found = plan({"model": "anthropic/haiku", "candidates": 37, "sample": 5, "likely_usd": "0.042"})
    assert found.words(USD // 2) == (
        "Asks 5 calls again of anthropic/haiku, of 37 that can be. About $0.04 at most, drawn from your budgets like any call."
    )


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (Plan("m", 9, 5, USD), "Asks 5 calls again of m, of 9 that can be. About $1.00 at most; it stops before $0.50."),
        (Plan("m", 9, 1, 0), "Asks 1 call again of m, of 9 that can be. It costs nothing: the model is your own."),
        (Plan("m", 0, 0, 0), "No call whose text is kept was answered by a dearer tier than m."),
    ],
)
def test_a_limit_that_will_not_do_a_free_model_and_no_calls_are_said_too(found: Plan, said: str) -> None:
    assert found.words(USD // 2) == said


def test_progress_counts_answers_and_dollars_and_heeds_nothing_else() -> None:
    now = Progress(5, USD // 2)
    lines: list[dict[str, Any]] = [{"asking": "c1"}, {}, {"compared": TOLD, "spent_usd": "0.003"}, {"done": {}}]
    for line in lines:
        now = now.after(line)
    assert (now.done, now.spent, now.share) == (1, 3_000_000, 0.2)
    assert now.words == "1 of 5 answered · $0.0030 of $0.50"
    assert Progress(0, 0).share == 0.0


def test_both_answers_stand_side_by_side_and_one_that_failed_cannot_be_judged() -> None:
    one = comparison(TOLD)
    assert (one.tier, one.answer, one.cheap_answer) == (Tier.HIGH, "A lock.", "Two locks.")
    assert (one.cost, one.cheap_cost) == (20_000_000, 3_000_000)
    assert one.judgeable
    broken = comparison(TOLD | {"cheap_answer": "", "ok": False, "error": "status 529"})
    assert (broken.judgeable, broken.error) == (False, "status 529")
    assert comparison({}).tier is None


def test_what_it_came_to_is_said_and_that_the_limit_stopped_it() -> None:
    assert ended({"compared": [TOLD, TOLD], "spent_usd": "0.006"}) == "2 calls asked again for $0.0060."
    stopped = ended({"compared": [TOLD], "spent_usd": "0.09", "stopped_by_limit": True})
    assert stopped == "1 call asked again for $0.09; the next would have passed your limit."
