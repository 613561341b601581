"""How many calls run at once, and who goes next."""

import asyncio

import pytest

from turnout.errors import BusyError
from turnout.proxy.door.gate import Gate


async def test_t15_no_more_than_the_places_are_taken_and_the_next_gets_the_freed_one() -> None:
    gate = Gate(places=2, wait_s=5)
    await gate.enter()
    await gate.enter()
    third = asyncio.create_task(gate.enter())
    await asyncio.sleep(0)

    assert not third.done()
    gate.leave()
    await third

    assert gate.taken == 2


async def test_who_waits_is_served_before_who_comes_later() -> None:
    gate = Gate(places=1, wait_s=5)
    await gate.enter()
    order: list[int] = []

    async def call(number: int) -> None:
        await gate.enter()
        order.append(number)
        gate.leave()

    tasks = [asyncio.create_task(call(number)) for number in range(5)]
    await asyncio.sleep(0)
    gate.leave()
    await asyncio.gather(*tasks)

    assert order == [0, 1, 2, 3, 4]
    assert gate.taken == 0


async def test_t15_who_waits_too_long_is_told_to_come_again() -> None:
    gate = Gate(places=1, wait_s=0.01)
    await gate.enter()

    with pytest.raises(BusyError, match="1 calls are under way"):
        await gate.enter()

    gate.leave()
    assert gate.taken == 0
    await gate.enter()


async def test_a_place_handed_to_one_who_was_cancelled_is_not_lost() -> None:
    gate = Gate(places=1, wait_s=5)
    await gate.enter()
    first, second = asyncio.create_task(gate.enter()), asyncio.create_task(gate.enter())
    await asyncio.sleep(0)

    gate.leave()
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    await second
    gate.leave()

    assert gate.taken == 0
