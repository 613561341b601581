from dataclasses import replace

import pytest
from tests.unit.routing.scene import QWEN, RULES, call, facts, outline, roster, rules

from turnout.calls.units import Tokens
from turnout.errors import PolicyRefusal
from turnout.routing.decide import decide
from turnout.routing.facts import SecretVerdict

BLOCK = '[[rule]]\nname = "no"\nwhen = "true"\nroute = "block"\n'


def test_i10_a_refusal_for_want_of_a_wall_says_that_the_conversation_is_private() -> None:
    for changes in ({"roster": roster(local=())}, {"estimate": Tokens(90_000)}):
        with pytest.raises(PolicyRefusal) as caught:
            decide(call(), facts(rules=rules(RULES), secret=SecretVerdict(True), **changes))
        assert caught.value.private


def test_a_block_makes_nothing_private() -> None:
    with pytest.raises(PolicyRefusal) as caught:
        decide(call(), facts(rules=rules(BLOCK), roster=roster(local=(QWEN,))))
    assert not caught.value.private


@pytest.mark.parametrize(
    ("images", "tools", "estimate", "said"),
    [(1, 0, 100, "holds images or files"), (0, 1, 100, "needs tools"), (0, 0, 90_000, "too large")],
)
def test_a_private_refusal_says_what_the_engines_inside_lack(images: int, tools: int, estimate: int, said: str) -> None:
    plain = replace(QWEN, tools=False)

    with pytest.raises(PolicyRefusal) as caught:
        decide(
            call(outline(images=images, tools=tools)),
            facts(
                rules=rules(RULES),
                roster=roster(local=(plain,)),
                secret=SecretVerdict(True),
                estimate=Tokens(estimate),
            ),
        )
    assert said in caught.value.message
