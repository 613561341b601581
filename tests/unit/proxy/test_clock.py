"""Limits of attempts on a real loop with short times: each ends when its own time is over, whatever the others do."""

import asyncio
import time
from collections.abc import Callable

import pytest

from turnout.calls.provider import Provider
from turnout.calls.units import Family
from turnout.errors import EngineTimeoutError
from turnout.proxy.attempt.clock import Deadlines, GoneError, Limits

LONG = 60.0


def limits(deadlines: Deadlines, *, first: float = LONG, idle: float = LONG, total: float = LONG) -> Limits:
    provider = Provider("engine", Family.OPENAI, "", first_byte_s=first, idle_s=idle, total_s=total)
    return Limits(deadlines, provider)


async def ended(one: Limits, act: Callable[[], None] = lambda: None, beats: int = 0) -> tuple[float, str]:
    """After how many seconds, and of which error's hint."""
    begun = time.monotonic()
    try:
        with one:
            act()
            for _ in range(beats):
                await asyncio.sleep(0.05)
                one.beat()
            await asyncio.sleep(10)
    except EngineTimeoutError as error:
        return time.monotonic() - begun, error.hint
    except GoneError:
        return time.monotonic() - begun, "gone"
    return LONG, ""


@pytest.mark.parametrize(
    ("given", "beats", "after", "setting"),
    [
        ({"first": 0.2}, 0, 0.2, "first_byte_s"),
        ({"first": 0.2, "idle": 0.3}, 1, 0.35, "idle_s"),
        ({"first": 5.0, "idle": 0.1}, 3, 0.25, "idle_s"),
        ({"idle": 0.2, "total": 0.3}, 3, 0.3, "total_s"),
        ({"total": 0.2}, 0, 0.2, "total_s"),
        ({"first": 0.2, "total": 0.2}, 0, 0.2, "total_s"),
    ],
)
async def test_an_attempt_ends_when_its_time_is_over(
    given: dict[str, float], beats: int, after: float, setting: str
) -> None:
    took, hint = await ended(limits(Deadlines(), **given), beats=beats)

    assert after - 0.01 <= took < after + 0.5
    assert setting in hint


async def test_many_attempts_share_a_timer_and_each_has_its_own_end() -> None:
    deadlines = Deadlines()
    times = [0.3, 0.1, LONG, 0.2, 0.1]

    running = [asyncio.create_task(ended(limits(deadlines, first=first))) for first in times]
    await asyncio.sleep(0.6)

    assert [task.done() for task in running] == [True, True, False, True, True]
    assert [round(task.result()[0], 1) for task in running if task.done()] == [0.3, 0.1, 0.2, 0.1]
    running[2].cancel()
    with pytest.raises(asyncio.CancelledError):
        await running[2]


@pytest.mark.parametrize(("drain_s", "after"), [(0.0, 0.0), (0.2, 0.2)])
async def test_a_call_whose_client_left_goes_on_for_the_drain_alone(drain_s: float, after: float) -> None:
    one = limits(Deadlines(), idle=0.3)

    took, why = await ended(one, lambda: one.client_gone(drain_s), beats=20)

    assert after - 0.01 <= took < after + 0.3
    assert why == "gone"


async def test_who_ended_in_time_is_left_alone() -> None:
    deadlines = Deadlines()
    with limits(deadlines, first=0.1):
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.2)
    with limits(deadlines, first=0.2):
        await asyncio.sleep(0.1)
