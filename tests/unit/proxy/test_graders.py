"""Who grades an ask, and what of it waits for nothing."""

import asyncio
from dataclasses import replace

import pytest
from tests.unit.routing.scene import call, grading, outline, roster, rules

from turnout.calls.client import Call
from turnout.proxy.graders import Graders, Open
from turnout.proxy.intents import Intents
from turnout.routing.facts import Grading
from turnout.routing.rules import RuleSet

RULES = rules()


class Scripted:
    """A grader that says what it is told to, and counts."""

    def __init__(self, said: Grading | Exception) -> None:
        self.said, self.asked = said, 0
        self.intents = Intents()
        self.graders = Graders(self.intents, self.grade, lambda _: "v1")

    def grade(self, _: Call, __: RuleSet) -> Grading:
        self.asked += 1
        if isinstance(self.said, Exception):
            raise self.said
        return self.said

    def at_once(self, asked: Call, of: RuleSet = RULES) -> Grading | Open:
        return self.graders.at_once(asked, of)


def test_a_new_ask_is_graded_at_once_and_one_that_came_before_is_known() -> None:
    scene = Scripted(grading())
    assert scene.at_once(call()) == grading()
    assert scene.at_once(call()) == replace(grading(), cached=True)
    assert (scene.asked, scene.intents.hits, scene.intents.misses) == (1, 1, 1)


def test_what_the_ledger_kept_of_a_grade_says_that_it_is_cached() -> None:
    scene = Scripted(grading())
    scene.intents.load(scene.graders.key(call(), RULES), grading())
    known = scene.at_once(call())
    assert isinstance(known, Grading)
    assert known.cached
    assert scene.asked == 0


def test_what_is_written_down_of_a_new_grade_is_not_marked_as_cached() -> None:
    scene, written = Scripted(grading()), list[Grading]()
    scene.intents.on_new = lambda _, one: written.append(one)
    scene.at_once(call())
    assert written == [grading()]


def test_a_grader_that_fails_is_asked_again_for_the_next_ask(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scripted(RuntimeError("broken"))
    known = scene.at_once(call())
    assert isinstance(known, Grading)
    assert known.by == "none"
    assert len(scene.intents) == 0
    assert "the grader failed" in caplog.text
    caplog.clear()


def test_the_second_grader_and_a_model_are_waited_for() -> None:
    scene = Scripted(grading(None))
    plus = replace(RULES, grades=replace(RULES.grades, plus=True))
    assert scene.at_once(call(), plus) == Open(scene.graders.key(call(), plus))
    llm = replace(RULES, grades=replace(RULES.grades, llm="local"))
    known = scene.at_once(call(), llm)
    assert isinstance(known, Open)
    assert known.graded == grading(None)


def test_an_ask_that_was_waited_for_is_graded_once() -> None:
    scene = Scripted(grading())
    plus = replace(RULES, grades=replace(RULES.grades, plus=True))
    asked = call(outline("sort these names"))
    first = asyncio.run(scene.graders.of(asked, plus, roster()))
    again = asyncio.run(scene.graders.of(asked, plus, roster()))
    assert (first, again) == (grading(), replace(grading(), cached=True))
    assert scene.asked == 1
