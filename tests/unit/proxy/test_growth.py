"""The gauge of a stream without a limit: when it asks for more, and where it ends the stream."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.calls.reply import TextDelta
from turnout.calls.units import Tokens
from turnout.calls.usage import Usage
from turnout.proxy.attempt.growth import Gauge, Growth

A_TOKEN = 100
"""Bytes, with its frame."""


async def _letters(text: str) -> Tokens:
    """A letter is a token here."""
    return Tokens(len(text))


async def _never(held: Tokens) -> Tokens | None:
    return None


async def _ended_at(gauge: Gauge, reads: list[int]) -> int:
    """How many tokens had come when the stream was ended; all of them where it was not."""
    come = 0
    for tokens in reads:
        come += tokens
        if not await gauge.goes_on(tokens * A_TOKEN, [TextDelta("x" * tokens)], None):
            break
    return come


@given(st.integers(1, 2_000), st.integers(0, 3))
def test_a_stream_whose_hold_cannot_grow_ends_before_the_read_that_would_pass_it(read: int, smaller: int) -> None:
    gauge = Gauge(Growth(Tokens(8_192), _letters, _never))
    reads = [read] * 3 + [max(1, read >> smaller)] * 10_000
    assert 4_096 <= asyncio.run(_ended_at(gauge, reads)) <= 8_192


def test_more_is_asked_for_while_a_quarter_is_left() -> None:
    asked: list[int] = []

    async def double(held: Tokens) -> Tokens | None:
        asked.append(int(held))
        return Tokens(held * 2)

    gauge = Gauge(Growth(Tokens(8_192), _letters, double))
    assert asyncio.run(_ended_at(gauge, [100] * 300)) == 30_000
    assert asked == [8_192, 16_384, 32_768]


@pytest.mark.parametrize("told", [7_680, 8_000])
def test_an_engine_that_was_told_its_limit_is_ended_only_past_it(told: int) -> None:
    async def run() -> bool:
        gauge = Gauge(Growth(Tokens(8_192), _letters, None))
        return await gauge.goes_on(10, [TextDelta("x")], Usage(output=Tokens(200), reasoning=Tokens(told - 200)))

    assert asyncio.run(run()) == (told <= 7_680)
