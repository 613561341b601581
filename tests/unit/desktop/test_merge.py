"""A rules file changed outside while it is edited: both edits, or a question."""

from hypothesis import given
from hypothesis import strategies as st

from turnout.desktop.models.merge import merged

BASE = "".join(f"line {n}\n" for n in range(12))
TEXTS = st.lists(st.sampled_from("abcd"), max_size=9).map(lambda found: "".join(f"{one}\n" for one in found))


def test_edits_of_different_places_are_both_there() -> None:
    mine = BASE.replace("line 2\n", "mine\n")
    theirs = BASE.replace("line 9\n", "").replace("line 11\n", "line 11\ntheirs\n")
    assert merged(BASE, mine, theirs) == mine.replace("line 9\n", "").replace("line 11\n", "line 11\ntheirs\n")


def test_edits_of_one_line_or_its_neighbour_are_a_question() -> None:
    mine = BASE.replace("line 2\n", "mine\n")
    assert merged(BASE, mine, BASE.replace("line 2\n", "theirs\n")) is None
    assert merged(BASE, mine, BASE.replace("line 3\n", "theirs\n")) is None


def test_the_same_edit_twice_is_one() -> None:
    both = BASE.replace("line 5\n", "same\n")
    assert merged(BASE, both, both) == both


@given(TEXTS, TEXTS)
def test_one_side_alone_is_taken_as_it_is(base: str, other: str) -> None:
    assert merged(base, base, other) == other
    assert merged(base, other, base) == other


@given(TEXTS, TEXTS, TEXTS)
def test_no_line_of_either_side_is_lost(base: str, mine: str, theirs: str) -> None:
    found = merged(base, mine, theirs)
    if found is not None:
        for side in (mine, theirs):
            for line in set(side.splitlines()) - set(base.splitlines()):
                assert line in found.splitlines()
        assert merged(base, theirs, mine) == found
