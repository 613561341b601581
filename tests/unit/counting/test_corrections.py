"""Estimates converge on what a provider bills, whatever it adds to the text, and are reported with their error."""

import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.counting.corrections import Corrections, Shape

MODEL = "anthropic/claude-opus-5"


def _calls(seed: int, count: int) -> list[Shape]:
    dice = random.Random(seed)
    return [
        Shape(
            dice.randrange(50, 40_000), dice.randrange(1, 60), dice.choice((0, 0, 12, 16)), dice.choice((0, 0, 0, 1, 3))
        )
        for _ in range(count)
    ]


@pytest.mark.parametrize(
    ("ratio", "turn", "flag", "tool", "image"),
    [(1.0, 3, 0, 8, 85), (1.35, 5, 346, 30, 1_600), (0.85, 4, 0, 0, 258), (1.12, 10, 500, 12, 1_105)],
    ids=["openai", "a finer tokenizer", "a coarser one", "much around it"],
)
def test_estimates_converge_to_two_percent_whatever_is_billed_for_tools_images_and_messages(
    ratio: float, turn: int, flag: int, tool: int, image: int
) -> None:
    corrections = Corrections()

    def billed(shape: Shape) -> int:
        extra = turn * shape.turns + flag * (shape.tools > 0) + tool * shape.tools + image * shape.images
        return round(ratio * shape.text + extra)

    for shape in _calls(1, 40):
        corrections.observe(MODEL, shape, billed(shape))
    later = _calls(2, 200)
    off = [abs(corrections.expected(MODEL, shape) - billed(shape)) / billed(shape) for shape in later]
    assert sum(off) / len(off) < 0.02
    assert corrections.models[MODEL].error < 0.05
    under = [shape for shape in later if corrections.held(MODEL, shape) < billed(shape)]
    assert len(under) < 20


def test_nothing_is_corrected_before_three_calls_and_the_error_is_told_from_the_first() -> None:
    corrections = Corrections()
    shape = Shape(1_000, turns=1)
    assert corrections.expected(MODEL, shape) == 1_000
    for seen in range(1, 4):
        corrections.observe(MODEL, shape, 1_500)
        assert corrections.models[MODEL].error == pytest.approx(1 / 3)
        assert (corrections.expected(MODEL, shape) == 1_000) is (seen < 3)
    assert corrections.expected(MODEL, shape) == pytest.approx(1_500, rel=0.02)


def test_a_provider_that_changes_its_ways_is_followed() -> None:
    corrections = Corrections()
    for ratio in (1.0, 1.4):
        for shape in _calls(3, 150):
            corrections.observe(MODEL, shape, round(ratio * shape.plain) + 1)
    shape = Shape(10_000, turns=10)
    assert corrections.expected(MODEL, shape) == pytest.approx(14_000, rel=0.03)


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 300), st.integers(0, 200), st.integers(-5, 10**8))))
def test_t19_no_report_moves_an_estimate_out_of_its_bounds(reports: list[tuple[int, int, int, int]]) -> None:
    corrections = Corrections()
    for text, turns, tools, billed in reports:
        shape = Shape(text, turns, tools)
        corrections.observe(MODEL, shape, billed)
        expected = corrections.expected(MODEL, shape)
        assert shape.plain * 0.66 <= expected <= shape.plain * 3 + 501


def test_what_was_learned_survives_a_restart_and_damage_is_passed_over() -> None:
    corrections, again = Corrections(), Corrections()
    for shape in _calls(4, 10):
        corrections.observe(MODEL, shape, round(shape.plain * 1.2) + 20)
    kept = json.loads(json.dumps(corrections.models[MODEL].json()))
    again.load(MODEL, kept)
    wrong: list[Any] = [{"weights": [1]}, {"spread": "x"}, {"weights": [float("nan")] * 5}]
    for bad in (None, [], {}, *(kept | one for one in wrong)):
        again.load("other", bad)
    shape = Shape(5_000, 3, 2)
    assert again.expected(MODEL, shape) == corrections.expected(MODEL, shape)
    assert "other" not in again.models
