"""The command palette as values."""

from turnout.control.messages import Status, Waiting
from turnout.desktop.models.entries import Entry, entries, matching
from turnout.desktop.state import Health, State

PAGES = [("overview", "layout-dashboard", "Overview"), ("calls", "list-tree", "Calls")]
STATUS = Status("1", 1, "http://127.0.0.1:1", 1, "auto")


def asked(found: list[Entry]) -> set[tuple[str, str]]:
    return {(one.intent, one.argument) for one in found}


def test_every_page_can_be_reached_and_says_its_shortcut() -> None:
    found = entries(State(), PAGES)
    assert [(one.argument, one.keys) for one in found[:2]] == [("overview", "Alt+1"), ("calls", "Alt+2")]


def test_the_mode_in_force_is_not_offered_and_the_others_are() -> None:
    found = asked(entries(State(Health.UP, STATUS), PAGES))
    assert ("mode", "auto") not in found
    assert {("mode", "local"), ("mode", "cloud"), ("mode", "passthrough")} <= found


def test_a_waiting_session_can_be_answered() -> None:
    status = Status(
        "1", 1, "http://127.0.0.1:1", 1, "auto", waiting=(Waiting("c", "codex", "s-1", "a day's work", "k", 1),)
    )
    assert {("allow", "s-1"), ("stop", "s-1")} <= asked(entries(State(Health.UP, status), PAGES))


def test_without_a_proxy_nothing_is_offered_that_needs_one() -> None:
    found = asked(entries(State(Health.DOWN), PAGES))
    assert ("start", "") in found
    assert not any(intent in ("mode", "pause", "resume") for intent, _ in found)


def test_typed_words_fit_in_any_order_and_word_beginnings_come_first() -> None:
    found = entries(State(Health.UP, STATUS), PAGES)
    assert matching(found, "dark theme")[0].argument == "dark"
    assert matching(found, "over")[0].argument == "overview"
    assert matching(found, "xyzzy") == []
    assert matching(found, "  ") == found
