"""Grades that come when the call is over."""

import asyncio
from dataclasses import replace

import pytest
from tests.unit.routing.scene import grading

from turnout.proxy.afterwards import APART_S, AT_ONCE, KEPT, Afterwards
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


async def test_of_a_flood_the_newest_are_kept_and_of_a_long_ask_what_the_grader_reads() -> None:
    seen: list[int] = []

    def grade(ask: str) -> Grading:
        seen.append(len(ask))
        return grading()

    found: list[str] = []
    later = Afterwards(grade, lambda call, _: found.append(call))
    for n in range(3 * KEPT):
        later.note(f"c{n}", "a word " * 30_000)
    assert len(later) == KEPT
    await played(later)
    assert found[0] == f"c{3 * KEPT - 1}"
    assert max(seen) < 3_000


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
