"""What a user's own calls say of the model they were given, without a word of text."""

from dataclasses import replace

import pytest

from turnout.calls.record import CallRecord
from turnout.calls.units import Status, Tier
from turnout.resources import resource
from turnout.routing.calibration import compare, fit
from turnout.routing.grade import load_grader
from turnout.routing.ownlabels import own_labels

GRADER = load_grader(resource("grader", "weights.bin").read_bytes())
MINUTE = 60_000


def row(ask: str, at_ms: int, tier: Tier = Tier.FAST, turns: int = 1, graded: bool = True) -> CallRecord:
    return CallRecord(
        id=f"{at_ms:08d}{tier.value}",
        at_ms=at_ms,
        session="s",
        tier=tier,
        status=Status.SETTLED,
        features=GRADER.grade(ask).features if graded else (),
        signals={"call.turns": turns, "call.ask_chars": len(ask), "call.tool_loop": False},
    )


FIRST = row("why does the loop end too early?", 0)
AGAIN = row("why does the loop end too early?", MINUTE, Tier.HIGH)
NEXT = row("now rename it", 2 * MINUTE, turns=3)


def needs(*records: CallRecord, but: frozenset[str] = frozenset()) -> list[float]:
    return [label.strong_needed for label in own_labels(records, but).labels]


def test_an_ask_regenerated_on_a_stronger_tier_needed_it() -> None:
    found = own_labels([AGAIN, FIRST])
    assert [(label.features, label.strong_needed) for label in found.labels] == [(FIRST.features, 1.0)]
    assert (found.regenerated, found.asked_again, found.went_on) == (1, 0, 0)


def test_a_regeneration_that_was_not_graded_is_known_by_its_length_and_history() -> None:
    assert needs(FIRST, replace(AGAIN, features=())) == [1.0]
    assert needs(FIRST, replace(AGAIN, features=(), signals={**AGAIN.signals, "call.ask_chars": 9})) == []


def test_asking_the_same_tier_again_says_it_less_loudly() -> None:
    assert needs(FIRST, replace(AGAIN, tier=Tier.FAST)) == [0.8]


def test_going_on_to_the_next_ask_says_that_the_answer_was_good_enough() -> None:
    other = replace(row("what is a mutex?", 3 * MINUTE, turns=5), id="z")
    assert needs(FIRST, AGAIN, NEXT, other) == [1.0, 0.0]


def test_content_asks_alone_teach_nothing() -> None:
    assert needs(FIRST, NEXT) == []


@pytest.mark.parametrize(
    "again",
    [
        replace(AGAIN, at_ms=25 * 60 * MINUTE),
        replace(AGAIN, status=Status.FAILED),
        replace(AGAIN, session="another"),
        replace(AGAIN, signals={**AGAIN.signals, "call.turns": 7}),
        replace(AGAIN, signals={**AGAIN.signals, "call.tool_loop": True}),
        replace(AGAIN, signals={**AGAIN.signals, "call.housekeeping": "title"}),
    ],
)
def test_what_is_no_second_try_is_not_taken_for_one(again: CallRecord) -> None:
    assert needs(FIRST, again) == []


def test_a_dear_answer_and_a_judged_one_tell_nothing_more() -> None:
    assert needs(replace(FIRST, tier=Tier.HIGH), AGAIN) == []
    assert needs(FIRST, AGAIN, but=frozenset((FIRST.id,))) == []


def test_a_few_dozen_sessions_are_enough_to_calibrate_on() -> None:
    records = []
    for n in range(60):
        hard = (
            f"work out step by step, with every case, why batch {n} of the merge is lost under load when two of us save"
        )
        easy = f"rename total_{n} to sum_{n}"
        session = f"s{n}"
        records += [
            replace(row(hard, n * MINUTE), session=session),
            replace(row(hard, n * MINUTE + 9, Tier.HIGH), session=session),
        ]
        records += [
            replace(row(easy, n * MINUTE + 20, turns=3), session=session),
            replace(row("thanks", n * MINUTE + 30, turns=5), session=session),
        ]
    labels = own_labels(records).labels
    assert fit(labels).labels == len(labels) >= 120
    assert compare(labels).after > 0.6
