"""Rate limits in the names and units of the client's own vendor."""

import pytest

from turnout.calls.units import Family
from turnout.engines.ratelimits import translated

NOW_S = 1_795_000_000  # 2026-11-18T11:06:40Z


def test_anthropics_limits_reach_an_openai_client() -> None:
    told = [
        (b"anthropic-ratelimit-requests-limit", b"50"),
        (b"anthropic-ratelimit-requests-remaining", b"49"),
        (b"anthropic-ratelimit-requests-reset", b"2026-11-18T11:07:40Z"),
        (b"anthropic-ratelimit-input-tokens-remaining", b"29000"),
        (b"anthropic-ratelimit-tokens-reset", b"soon"),
    ]

    assert translated(told, Family.OPENAI, NOW_S) == [
        (b"x-ratelimit-limit-requests", b"50"),
        (b"x-ratelimit-remaining-requests", b"49"),
        (b"x-ratelimit-reset-requests", b"60s"),
        (b"x-ratelimit-remaining-tokens", b"29000"),
    ]


def test_openais_limits_reach_an_anthropic_client() -> None:
    told = [
        (b"x-ratelimit-limit-tokens", b"150000"),
        (b"x-ratelimit-remaining-tokens", b"0"),
        (b"x-ratelimit-reset-tokens", b"1m1.5s"),
        (b"x-ratelimit-reset-requests", b"120ms"),
    ]

    assert translated(told, Family.ANTHROPIC, NOW_S) == [
        (b"anthropic-ratelimit-requests-reset", b"2026-11-18T11:06:40Z"),
        (b"anthropic-ratelimit-tokens-limit", b"150000"),
        (b"anthropic-ratelimit-tokens-remaining", b"0"),
        (b"anthropic-ratelimit-tokens-reset", b"2026-11-18T11:07:41Z"),
    ]


@pytest.mark.parametrize("value", [b"", b"x", b"1", b"-1s", b"1s x", b"9" * 40 + b"s"])
def test_a_reset_that_cannot_be_read_is_left_out(value: bytes) -> None:
    assert translated([(b"x-ratelimit-reset-tokens", value)], Family.ANTHROPIC, NOW_S) == []


def test_a_client_of_the_same_vendor_gets_nothing_more() -> None:
    told = [(b"x-ratelimit-limit-tokens", b"1"), (b"anthropic-ratelimit-requests-limit", b"2")]

    assert translated(told, Family.GEMINI, NOW_S) == []
    assert translated(told[:1], Family.OPENAI, NOW_S) == []
