import base64
import gzip
import json
import random
import time
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.shared import shared

from turnout.calls.units import Grade
from turnout.errors import SettingsError
from turnout.resources import resource
from turnout.routing.calibration import INPUT_NAMES, Label, fit
from turnout.routing.features import FEATURE_NAMES, features
from turnout.routing.grade import MAGIC, REASONS, answer, load_grader

WEIGHTS = resource("grader", "weights.bin").read_bytes()
GRADER = load_grader(WEIGHTS)
LINE = (
    "Explain why the following function deadlocks under load and rewrite it with tests. def f(x): return x + 1 # 42\n"
)
ODD = {
    "empty": "",
    "blank": " \n\t ",
    "chinese": "请总结下面的文章，然后用三句话写出要点。" * 5_000,
    "base64": base64.b64encode(random.Random(1).randbytes(150_000)).decode(),
    "one word": "a" * 200_000,
    "signs": "{;}\n" * 50_000,
    "question marks": "?" * 200_000,
    "half a surrogate": "\ud800 fix it",
    "nul": "\x00" * 1_000,
}


@pytest.mark.parametrize(
    ("ask", "grade"),
    [
        ("what's the capital of Norway?", Grade.LOW),
        ("Is this review positive or negative?\n\nThe soup was cold and the waiter rude.", Grade.LOW),
        ("Extract all email addresses from the text as a JSON array: write to ann@x.org or bob@y.org", Grade.LOW),
        ("how do i turn off the minimap in vs code", Grade.LOW),
        ("turn off the lights in the kitchen", Grade.LOW),
        ("Summarize this article in three bullet points.\n\n" + "The council met on Monday. " * 60, Grade.MEDIUM),
        ("Write a short poem about the sea in autumn", Grade.MEDIUM),
        ("explain this code\n```\ndef f(x):\n    return x + 1\n```", Grade.MEDIUM),
        ("Implement an LRU cache in Rust with a time to live per entry", Grade.HIGH),
        ("fix the bug\n```python\ndef f(x):\n    retrun x\n```", Grade.HIGH),
        ("write unit tests for this function", Grade.HIGH),
        ("Prove that the square root of 2 is irrational.", Grade.HIGH),
        ("Design a sharding scheme for a multi-tenant database and discuss its failure modes", Grade.HIGH),
    ],
)
def test_plain_requests_get_the_grade_a_person_would_give(ask: str, grade: Grade) -> None:
    assert GRADER.grade(ask).grade is grade


@pytest.mark.parametrize(
    "ask",
    [
        "Fix the typo.",
        "there's a typo in the sidebar title, fix it please",
        "fix the spelling in the README",
        "fix the indentation",
        "bump the version in package.json",
        "change the port from 8080 to 9090",
        "uncomment line 40",
        "rename the variable i to index",
        "lower the page size to 20",
        "kannst du den Tippfehler im Titel korrigieren",
        "исправь опечатку",
        "把标题里的错别字改掉",
    ],
)
def test_an_edit_that_needs_no_reading_of_the_program_is_low(ask: str) -> None:
    assert GRADER.grade(ask).grade is Grade.LOW


@pytest.mark.parametrize(
    "ask",
    [
        "fix the parser so that comments inside strings are kept",
        "correct the wrong VAT calculation",
        "fix the permission check",
        "fix the off-by-one in the binary search",
        "rename the tenant_id column across three services without downtime",
        "bump spring boot to 3 and make it compile",
        "the renderer draws twice, fix",
        "fix the import cycle between orders and billing",
        "correct this function\n\ndef last(xs):\n    return xs[len(xs)]",
        "panic: runtime error: index out of range [5] with length 5\n\ngoroutine 1 [running]:\nmain.main()\n\t/app/main.go:12\nfix",
        "Behebe die Race Condition im Cache",
        "修复登录时的崩溃",
    ],
)
def test_a_fix_that_is_as_short_but_needs_the_program_read_is_high(ask: str) -> None:
    assert GRADER.grade(ask).grade is Grade.HIGH


@pytest.mark.parametrize("ask", ODD.values(), ids=ODD.keys())
def test_any_ask_gets_an_answer_within_range(ask: str) -> None:
    got = GRADER.grade(ask)
    assert 0 <= got.score <= 1
    assert 0 <= got.confidence <= 1
    assert got.reason in REASONS
    assert len(got.features) == len(INPUT_NAMES)


def test_nothing_to_read_is_an_abstention() -> None:
    assert GRADER.grade("").grade is None


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=400))
def test_a_reason_is_from_the_fixed_list_and_the_same_ask_gets_the_same_grade(ask: str) -> None:
    got = GRADER.grade(ask)
    assert got.reason in REASONS
    assert got == GRADER.grade(ask)


def test_below_the_wanted_confidence_it_abstains() -> None:
    sure = GRADER.grade("maybe something about it")
    assert GRADER.grade("maybe something about it", confidence=sure.confidence + 0.01).grade is None
    assert GRADER.grade("maybe something about it", confidence=sure.confidence - 0.01).grade is not None


@pytest.mark.parametrize("ask", ["hi", "explain this", "make it faster", "what does this do?", "sort the list"])
def test_a_higher_safety_never_lowers_the_grade(ask: str) -> None:
    order = [None, Grade.LOW, Grade.MEDIUM, Grade.HIGH]
    grades = [order.index(GRADER.grade(ask, safety=dial, confidence=0).grade) for dial in (-1.0, 0.0, 0.3, 1.0, 3.0)]
    assert grades == sorted(grades)


@pytest.mark.parametrize(
    ("ask", "limit_ms"),
    [
        ((LINE * 2)[:100], 20.0),
        ((LINE * 20)[:1_000], 20.0),
        ((LINE * 2_000)[:200_000], 50.0),
        (("请总结下面的文章，然后写出要点。" * 80)[:1_000], 20.0),
        *((one, 50.0) for one in ODD.values()),
    ],
)
def test_t23_a_new_grade_is_within_its_time_whatever_the_text(ask: str, limit_ms: float) -> None:
    """Ten times the figures that `evaluate` measures: a text that costs more than its length is found, not a slow machine."""
    def once() -> float:
        start = time.process_time()
        GRADER.grade(ask)
        return time.process_time() - start

    assert min(once() for _ in range(9)) * 1e3 < limit_ms


def test_the_weights_load_fast_and_stay_small() -> None:
    start = time.process_time()
    load_grader(WEIGHTS)
    took = time.process_time() - start
    tracemalloc.start()
    grader = load_grader(WEIGHTS)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert took < 1.5
    assert held < 15_000_000
    assert len(WEIGHTS) < 2_000_000
    assert grader.version == GRADER.version


@pytest.mark.parametrize("cut", [0, 5, len(MAGIC), len(MAGIC) + 40, len(WEIGHTS) // 2, len(WEIGHTS) - 1])
def test_cut_weights_are_refused(cut: int) -> None:
    with pytest.raises(SettingsError) as caught:
        load_grader(WEIGHTS[:cut])
    assert caught.value.hint


def test_weights_with_a_flipped_byte_are_refused() -> None:
    middle = len(WEIGHTS) // 2
    with pytest.raises(SettingsError):
        load_grader(WEIGHTS[:middle] + bytes([WEIGHTS[middle] ^ 255]) + WEIGHTS[middle + 1 :])


def test_a_long_text_is_read_at_head_and_tail_only() -> None:
    head, tail = "Fix this. " * 200, "Thanks, and add tests." * 60
    assert features(head + "x " * 90_000 + tail).keys == features(head + "y " * 90_000 + tail).keys


def test_features_have_a_name_each() -> None:
    assert len(features("hello").dense) == len(FEATURE_NAMES) == len(set(FEATURE_NAMES))


def test_a_line_in_becomes_a_line_out() -> None:
    assert answer(GRADER, {"id": 7, "prompt": "hi there"})["id"] == 7
    got = answer(GRADER, {"id": "a", "prompt": "Implement quicksort in Go", "tools": [{}], "system": "x"})
    assert list(got) == ["id", "grade", "score", "confidence", "reason"]
    assert got["grade"] == "HIGH"


def test_an_abstention_prints_what_the_abstain_rule_gives() -> None:
    assert answer(GRADER, {"id": 1, "prompt": ""})["grade"] == "MEDIUM"
    assert answer(GRADER, {"id": 1, "prompt": ""}, abstain=Grade.HIGH)["grade"] == "HIGH"
    assert answer(GRADER, {"id": 1})["grade"] == "MEDIUM"


def test_once_calibrated_the_score_is_the_difficulty_and_the_grade_stays() -> None:
    asks = [
        "rename x",
        "write a parser for arithmetic with precedence and tests",
        "hi",
        "why does this loop never end?",
    ] * 10
    labels = [Label(GRADER.grade(ask).features, float(len(ask) > 20)) for ask in asks]
    tuned = GRADER.calibrated(fit(labels))
    before, after = GRADER.grade(asks[1]), tuned.grade(asks[1])
    assert (after.grade, after.score) == (before.grade, before.score)
    assert after.difficulty is not None
    assert answer(tuned, {"id": 1, "prompt": asks[1]})["score"] == after.difficulty
    assert tuned.version != GRADER.version


def figures(rows: list[dict[str, str]]) -> tuple[float, float]:
    """Macro-F1, and how much of HIGH is sent LOW."""
    pairs = [(row["grade"], str(answer(GRADER, row)["grade"])) for row in rows]
    scores = []
    for name in ("LOW", "MEDIUM", "HIGH"):
        right = sum(pair == (name, name) for pair in pairs)
        scores.append(2 * right / (sum(true == name for true, _ in pairs) + sum(said == name for _, said in pairs)))
    hard = [said for true, said in pairs if true == "HIGH"]
    return sum(scores) / 3, hard.count("LOW") / len(hard)


def test_on_sources_never_trained_on_the_targets_hold() -> None:
    with gzip.open(shared("routing-data/eval.jsonl.gz"), "rt") as lines:
        macro_f1, high_sent_low = figures([json.loads(line) for line in lines])
    assert macro_f1 >= 0.88
    assert high_sent_low <= 0.02


def test_on_requests_that_guided_no_template_the_targets_hold() -> None:
    """Written by hand, in ten tongues, before the templates were read; the other half of the list guided them."""
    lines = Path(__file__).with_name("requests.jsonl").read_text(encoding="utf-8").splitlines()
    macro_f1, high_sent_low = figures([json.loads(line) for line in lines])
    assert macro_f1 >= 0.82
    assert high_sent_low <= 0.08
