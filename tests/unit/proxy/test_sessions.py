"""What a live session remembers of its newest ask."""

from hypothesis import given
from hypothesis import strategies as st

from turnout.proxy.attribution import Session
from turnout.proxy.sessions import Live, Sessions
from turnout.routing.conversation import ask_hash


@given(st.lists(st.sampled_from(["", "go on", "write a  parser", "write a parser", "x\n" * 50]), max_size=12))
def test_the_hash_of_an_ask_is_the_newest_asks_own(asks: list[str]) -> None:
    live = Live("s1", "ide")
    assert [live.hash_of(ask) for ask in asks] == [ask_hash(ask) for ask in asks]


def test_a_sessions_tree_is_found_from_below() -> None:
    sessions = Sessions()
    top = sessions.named(Session("top"), "ide", 1)
    below = sessions.named(Session("below", parent="top"), "ide", 2)
    lowest = sessions.named(Session("lowest", parent="below"), "ide", 3)
    assert [sessions.root(one) for one in (top, below, lowest)] == ["top", "top", "top"]
    assert sessions.root(sessions.named(Session("orphan", parent="gone"), "ide", 4)) == "gone"
