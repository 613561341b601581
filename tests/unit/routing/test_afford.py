"""What a step is held at."""

from dataclasses import replace

import pytest
from tests.unit.routing.scene import OPUS, call, facts, outline, price

from turnout.calls.units import Tokens
from turnout.routing.afford import terms

LONG = replace(price(10, 1, 12.5, 50), from_prompt=Tokens(200_001))


def test_searches_that_a_vendors_own_tool_may_make_are_held() -> None:
    candidate = replace(OPUS, price=replace(price(5, 0.5, 6.25, 25), per_search=10_000_000))
    kinds = (("web_search_20250305",), ("bash_20250124",), ())

    held = [terms(candidate, call(outline(server_tools=kind)), facts()).per_call for kind in kinds]

    assert held == [100_000_000, 0, 0]


@pytest.mark.parametrize(("counted", "dollars"), [(170_000, 6.25), (190_000, 12.5), (210_000, 12.5)])
def test_a_prompt_near_the_next_tier_by_length_is_held_at_that(counted: int, dollars: float) -> None:
    """Two tokenizers differ by more than the tenth that is missing, and the dearer tier prices all of it."""
    candidate = replace(OPUS, price=replace(price(5, 0.5, 6.25, 25), longer=LONG))

    held = terms(candidate, call(), facts(estimate=Tokens(counted)))

    assert held.fixed == counted * round(dollars * 1e9)
