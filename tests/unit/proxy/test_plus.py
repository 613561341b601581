"""The plus grader: a second opinion where its extra is installed, and the fast grader alone where it is not."""

import gzip
import json
import subprocess
import sys

import pytest
from tests.support.shared import shared

from turnout.calls.units import Grade
from turnout.proxy.plus import Plus, installed, lacking, loaded
from turnout.resources import resource
from turnout.routing.grade import answer, load_grader

FAST = load_grader(resource("grader", "weights.bin").read_bytes())
WITHOUT = """
import sys
sys.modules["onnxruntime"] = None
from turnout.proxy.plus import lacking, loaded
from turnout.resources import resource
from turnout.routing.grade import load_grader
grader = load_grader(resource("grader", "weights.bin").read_bytes()).seconded(loaded())
print(grader.grade("fix the bug in this function").by, grader.version)
"""
needs_extra = pytest.mark.skipif(not installed(), reason="the extra `plus` is not installed")


def test_without_the_extra_the_fast_grader_judges_alone_and_the_log_says_why() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["fast", FAST.version]
    assert "onnxruntime is missing" in done.stderr


def test_rules_without_plus_lack_nothing() -> None:
    assert lacking(False) is None
    assert (lacking(True) is None) == installed()


def test_what_ships_for_plus_is_small() -> None:
    shipped = ("plus.json", "vocabulary.txt.z", "weights.bin")
    assert sum(len(resource("grader", name).read_bytes()) for name in shipped) < 2_000_000


@pytest.fixture(scope="module")
def plus() -> Plus:
    found = loaded()
    assert found is not None
    return found


@needs_extra
@pytest.mark.parametrize(
    "text", ["", " ", "\x00", "日本語だけ", "QUJD" * 50_000, "a" * 200_000, "\ud800 half a character"]
)
def test_any_ask_gets_a_second_opinion(plus: Plus, text: str) -> None:
    assert all(-30 < one < 30 for one in plus(text))


@needs_extra
def test_both_opinions_make_the_grade(plus: Plus) -> None:
    grader = FAST.seconded(plus)
    found = grader.grade("Write a function that merges two sorted lists, with tests.")
    assert (found.grade, found.by) == (Grade.HIGH, "plus")
    assert found.features == FAST.grade("Write a function that merges two sorted lists, with tests.").features
    assert grader.version != FAST.version


@needs_extra
def test_on_sources_never_trained_on_the_target_of_plus_holds(plus: Plus) -> None:
    grader = FAST.seconded(plus)
    with gzip.open(shared("routing-data/eval.jsonl.gz"), "rt") as lines:
        rows = [json.loads(line) for line in lines][::6]
    pairs = [(row["grade"], str(answer(grader, row)["grade"])) for row in rows]
    scores = []
    for name in ("LOW", "MEDIUM", "HIGH"):
        right = sum(pair == (name, name) for pair in pairs)
        scores.append(2 * right / (sum(true == name for true, _ in pairs) + sum(said == name for _, said in pairs)))
    assert sum(scores) / 3 >= 0.82
