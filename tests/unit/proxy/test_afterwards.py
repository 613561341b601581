"""Grades that come when the call is over."""

import asyncio
import time
from dataclasses import replace

import pytest
from tests.unit.routing.scene import grading

from turnout.proxy.afterwards import APART_S, AT_ONCE, KEPT, LETTERS_KEPT, Afterwards
from turnout.routing.facts import Grading


async def played(later: Afterwards, *, rounds: int = 1) -> None:
    task = asyncio.create_task(later.run())
    await asyncio.sleep(APART_S * (rounds + 0.5))
    task.cancel()


async def test_every_ask_is_graded_once_when_there_is_time() -> None:
    found: list[tuple[str, Grading]] = []
    later = Afterwards(lambda ask: replace(grading(), reason=ask), lambda call, graded: found.append((call, graded)))
    for n in range(5):
        later.note(f"c{n}", f"ask {n}")
    await played(later)
    assert sorted((call, graded.reason) for call, graded in found) == [(f"c{n}", f"ask {n}") for n in range(5)]
    assert len(later) == 0


async def test_it_takes_its_time() -> None:
    found: list[str] = []
    later = Afterwards(lambda ask: grading(), lambda call, _: found.append(call))
    for n in range(3 * AT_ONCE):
        later.note(f"c{n}", "ask")
    await played(later, rounds=2)
    assert len(found) == 2 * AT_ONCE


async def test_a_slow_grader_is_given_the_more_rest() -> None:
    def grade(ask: str) -> Grading:
        time.sleep(0.02)
        return grading()

    found: list[str] = []
    later = Afterwards(grade, lambda call, _: found.append(call))
    for n in range(3 * AT_ONCE):
        later.note(f"c{n}", "ask")
    await played(later, rounds=4)
    assert len(found) == AT_ONCE


async def test_of_a_flood_the_newest_are_kept() -> None:
    found: list[str] = []
    later = Afterwards(lambda ask: grading(), lambda call, _: found.append(call))
    for n in range(3 * KEPT):
        later.note(f"c{n}", "ask")
    assert len(later) == KEPT
    await played(later)
    assert found[0] == f"c{3 * KEPT - 1}"


async def test_of_long_asks_fewer_are_kept_and_each_whole() -> None:
    seen: list[int] = []

    def grade(ask: str) -> Grading:
        seen.append(len(ask))
        return grading()

    later = Afterwards(grade, lambda call, _: None)
    later.note("too long", "x" * (LETTERS_KEPT + 1))
    assert len(later) == 0
    for n in range(9):
        later.note(f"c{n}", "x" * (LETTERS_KEPT // 4))
    assert len(later) == 4
    await played(later)
    assert seen == [LETTERS_KEPT // 4] * 4
    later.note("c9", "x" * LETTERS_KEPT)
    assert len(later) == 1


async def test_a_grader_that_fails_leaves_that_call_alone(caplog: pytest.LogCaptureFixture) -> None:
    def grade(ask: str) -> Grading:
        if ask == "bad":
            raise ValueError("broken")
        return grading()

    found: list[str] = []
    later = Afterwards(grade, lambda call, _: found.append(call))
    later.note("c1", "good")
    later.note("c2", "bad")
    await played(later)
    assert found == ["c1"]
    assert "c2 could not be graded" in caplog.text
    caplog.clear()
