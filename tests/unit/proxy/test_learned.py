"""How long a client's answers get, as its last answers say."""

import random
from itertools import chain

import pytest

from turnout.calls.units import Tokens
from turnout.proxy.money.learned import Learned

NOTHING_YET = (Tokens(1_000), Tokens(8_192))


def taught(*answers: tuple[str, str, int]) -> Learned:
    learned = Learned()
    for client, model, output in answers:
        learned.answered(client, model, output)
    return learned


def test_before_anything_is_learned_an_answer_is_taken_for_a_thousand_tokens() -> None:
    assert Learned().outputs("ide") == NOTHING_YET
    assert taught(("ide", "m", 0), ("other", "m", 9_000)).outputs("ide") == NOTHING_YET


def test_an_answer_counts_at_once_and_all_models_of_a_client_together() -> None:
    learned = taught(("ide", "a", 100))
    assert learned.outputs("ide") == (100, 4_096)
    learned.answered("ide", "b", 5_000)
    assert learned.outputs("ide") == (5_000, 10_000)
    learned.answered("cli", "b", 30_000)
    assert learned.outputs("ide") == (5_000, 10_000)
    assert learned.outputs("cli") == (30_000, 32_768)


def test_nineteen_of_twenty_answers_are_as_long_as_the_likely_one() -> None:
    learned = taught(*(("ide", "m", n) for n in range(1, 61)))
    assert learned.outputs("ide")[0] == 58


def test_only_the_last_answers_of_a_model_count() -> None:
    learned = taught(("ide", "m", 20_000), *(("ide", "m", 10) for _ in range(80)))
    assert learned.outputs("ide") == (10, 4_096)


@pytest.mark.parametrize("own", [1, 3])
def test_what_is_kept_is_bounded_and_the_longest_unused_goes_first(own: int) -> None:
    learned = taught(*(("old", f"m{n}", 777) for n in range(own)))
    assert learned.outputs("old")[0] == 777
    for n in range(2_000):
        learned.answered(f"client{n}", "m", 50)
    assert learned.outputs("old") == NOTHING_YET
    assert learned.outputs("client1999") == (50, 4_096)
    assert learned.outputs("client0") == (50, 4_096)


def test_what_a_vendor_keeps_is_held_as_long_as_it_was_last() -> None:
    learned = Learned()
    before = learned.continued("ide", lambda model: Tokens(5))("m")
    learned.continues("ide", "m", Tokens(150_000))
    learned.continues("ide", "m", Tokens(150_900))

    assert before == 5
    assert learned.continued("ide", lambda model: Tokens(5))("m") == 150_905
    assert learned.continued("cli", lambda model: Tokens(5))("m") == 5


def test_of_endless_clients_only_the_newest_conversations_are_known() -> None:
    learned = Learned()
    for number in range(2_001):
        learned.continues(f"c{number}", "m", Tokens(100))

    assert [learned.continued(name, lambda model: Tokens(0))("m") for name in ("c0", "c1", "c2000")] == [0, 100, 100]


def test_what_is_learned_is_that_of_the_answers_that_are_kept_in_whatever_order_they_came() -> None:
    dice = random.Random(3)
    answers = [(f"m{dice.randrange(3)}", dice.randrange(1, 20_000)) for _ in range(1_000)]
    learned = Learned()
    kept: dict[str, list[int]] = {}
    for model, output in answers:
        learned.answered("ide", model, output)
        kept[model] = [*kept.get(model, []), output][-64:]
        ordered = sorted(chain.from_iterable(kept.values()))
        assert learned.outputs("ide") == (ordered[len(ordered) * 95 // 100], min(32_768, max(4_096, 2 * ordered[-1])))
