"""What a replay says beside the rules, as values."""

import pytest

from turnout.calls.units import Tier
from turnout.desktop.models.preview import Moved, Preview, edited, preview, tried


def doc(cost: str, *changed: tuple[str, str, str, str, str]) -> dict[str, object]:
    mix = {"high": 1, "fast": 2, "local": 1}
    return {
        "calls": 5,
        "replayed": 4,
        "refused": 0,
        "unknown": {"never graded": 1},
        "lines": [
            {"name": "as it was", "mix": mix, "cost_usd": "1.00", "met": 0.5},
            {"name": "these rules", "mix": mix, "cost_usd": cost, "met": None},
            {"name": "shuffled", "mix": mix, "cost_usd": "0.90", "met": 0.4},
        ],
        "changed": [
            {"id": id_, "before": was, "after": now, "rule": "r", "cost_before_usd": c0, "cost_after_usd": c1}
            for id_, was, now, c0, c1 in changed
        ],
        "verdict": "beats a shuffle",
    }


def test_a_replay_is_read_whole() -> None:
    found = preview(doc("0.75", ("a", "high x/m", "local y/n", "0.25", "0")))
    assert (found.calls, found.replayed, dict(found.unknown), found.verdict) == (
        5,
        4,
        {"never graded": 1},
        "beats a shuffle",
    )
    assert dict(found.lines[0].mix) == {Tier.HIGH: 0.25, Tier.FAST: 0.5, Tier.LOCAL: 0.25}
    assert found.moved == (Moved("a", "high x/m", "local y/n", "r", 250_000_000, 0),)


@pytest.mark.parametrize(
    ("cost", "headline", "better"),
    [("0.75", "$0.25 less", True), ("1.50", "$0.50 more", False), ("1.00", "No change in cost", None)],
)
def test_the_headline_is_the_change_in_dollars(cost: str, headline: str, better: bool | None) -> None:
    found = preview(doc(cost))
    assert (found.headline, found.better) == (headline, better)


def test_nothing_replayed_has_nothing_to_compare_with() -> None:
    empty = Preview(0, 0, 0, {}, (), (), "")
    assert (empty.headline, empty.better) == ("Nothing to compare with yet", None)


def test_an_edit_is_compared_with_the_rules_in_force_not_with_history() -> None:
    same = ("a", "high x/m", "fast y/n", "0.25", "0.10")
    in_force = preview(doc("0.80", same, ("b", "fast y/n", "high x/m", "0.10", "0.30")))
    draft = preview(doc("0.50", same, ("c", "high x/m", "local z/o", "0.15", "0")))
    found = edited(draft, in_force)
    assert [line.name for line in found.lines] == ["as it was", "in force", "these rules", "shuffled"]
    assert (found.headline, found.better) == ("$0.30 less", True)
    assert found.moved == (
        Moved("b", "high x/m", "fast y/n", "", 300_000_000, 100_000_000),
        Moved("c", "high x/m", "local z/o", "r", 150_000_000, 0),
    )


def test_a_draft_that_changes_nothing_moves_nothing() -> None:
    one = preview(doc("0.80", ("a", "high x/m", "fast y/n", "0.25", "0.10")))
    found = edited(one, one)
    assert (found.headline, list(found.moved)) == ("No change in cost", [])


def test_a_tried_prompt_says_its_tier_models_and_rules() -> None:
    found = tried(
        {
            "rule": "by grade",
            "reason": "grade LOW: rename",
            "steps": [{"tier": "local", "model": "local/q"}, {"tier": "fast", "model": "a/h"}],
            "rules": [{"name": "secrets", "outcome": "no"}, {"name": "by grade", "outcome": "matched"}],
        }
    )
    assert (found.tier, list(found.models), found.refusal) == (Tier.LOCAL, ["local/q", "a/h"], "")
    assert list(found.reached) == [("secrets", "no"), ("by grade", "matched")]


def test_a_refused_prompt_says_what_to_do() -> None:
    found = tried({"refusal": {"message": "Not allowed.", "hint": "Ask for tier local."}})
    assert (found.refusal, found.tier) == ("Not allowed. Ask for tier local.", None)
