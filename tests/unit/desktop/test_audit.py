"""The audit's answer and the side-by-side check, as values."""

from typing import Any

import pytest

from turnout.calls.units import Tier
from turnout.cli.grading import shadow_label
from turnout.desktop.models.audit import audit, fitted, judging, shadow
from turnout.routing.calibration import INPUT_NAMES

ROW = {
    "id": "c1",
    "at": "2026-11-25T10:00:00Z",
    "client": "codex",
    "tier": "high",
    "enough": "fast",
    "cheaper_would_do": True,
    "reason": "grade MEDIUM: small change",
    "cost_usd": "0.25",
    "at_high_usd": "0.25",
    "at_fast_usd": "0.05",
    "at_local_usd": None,
}
DOC = {
    "calls": 2,
    "dear": 1,
    "needed_dear": 0,
    "cheaper_would_do": 1,
    "not_graded": 1,
    "cost_usd": "0.30",
    "could_save_usd": "0.20",
    "all_high_usd": "0.40",
    "all_fast_usd": "0.10",
    "all_local_usd": None,
    "rows": [ROW, {**ROW, "id": "c2", "tier": None, "enough": None, "cheaper_would_do": False}],
}


def test_the_last_100_question_is_answered_in_a_sentence() -> None:
    found = audit(DOC)
    assert found.headline == "0 of 1 dear calls needed the dear model"
    assert found.words.startswith(
        "Of the last 2 calls a cheaper tier could have done 1, which would have saved $0.20 of $0.30."
    )
    assert "1 were never graded" in found.words
    assert dict(found.all_at) == {Tier.HIGH: 400_000_000, Tier.FAST: 100_000_000, Tier.LOCAL: None}


def test_a_call_says_what_a_cheaper_tier_would_have_saved() -> None:
    first, second = audit(DOC).rows
    assert (first.tier, first.enough, first.could_save) == (Tier.HIGH, Tier.FAST, 200_000_000)
    assert (second.tier, second.could_save) == (None, 0)


def test_nothing_to_audit_says_what_the_audit_does() -> None:
    found = audit({})
    assert found.headline == "No finished call to audit yet"
    assert "last 100 calls" in found.words


def test_two_answers_can_be_judged_and_the_verdict_is_a_label_that_calibration_reads() -> None:
    features = [0.5] * len(INPUT_NAMES)
    found = shadow(
        {
            "grade": "LOW",
            "reason": "grade LOW: rename",
            "features": features,
            "sides": [
                {"tier": "local", "call": "a", "model": "l/q", "text": "one", "status": 200},
                {"tier": "high", "call": "b", "model": "a/o", "text": "two", "status": 200},
            ],
        }
    )
    assert found.judgeable
    assert [(side.tier, side.text) for side in found.sides] == [(Tier.LOCAL, "one"), (Tier.HIGH, "two")]
    label = shadow_label(found.verdict(1.0))
    assert label is not None
    assert (label.features, label.strong_needed) == (tuple(features), 1.0)


def test_an_answer_that_failed_cannot_be_judged() -> None:
    found = shadow(
        {"sides": [{"tier": "local", "text": "", "status": 502}, {"tier": "high", "text": "x", "status": 200}]}
    )
    assert not found.judgeable


def test_a_verdict_that_is_none_is_no_label() -> None:
    for value in (None, "x", {}, {"features": [1.0], "strong_needed": 1.0}, {"features": "x", "strong_needed": 2}):
        assert shadow_label(value) is None


def test_of_a_dear_call_one_is_asked_what_calibration_learns_from() -> None:
    assert judging(Tier.HIGH) == ("A cheaper model would have done", "It needed this model")
    assert judging(Tier.FAST) == judging(Tier.LOCAL) == ("Good enough", "Not good enough")


@pytest.mark.parametrize(
    ("doc", "said", "kind"),
    [
        ({"labels": 1}, "The grader is fitted to 1 verdict of yours.", "good"),
        (
            {"labels": 40, "before": 0.61, "after": 0.744},
            "The grader is fitted to 40 verdicts of yours. "
            "It finds the calls that need the dear model 0.74 early, 0.61 before; 0.50 is chance.",
            "good",
        ),
        (
            {"labels": 2, "before": 0.6, "after": 0.5},
            "The grader is fitted to 2 verdicts of yours. "
            "It finds the calls that need the dear model 0.50 early, 0.60 before; 0.50 is chance.",
            "warn",
        ),
    ],
)
def test_a_calibration_says_whether_it_helped(doc: dict[str, Any], said: str, kind: str) -> None:
    assert fitted(doc) == (said, kind)
