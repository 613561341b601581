"""The tray's menu and icon as values."""

import itertools
from dataclasses import replace

import pytest

from turnout.calls.record import CallRecord
from turnout.calls.units import Nanos, Tier
from turnout.control.messages import BudgetLine, Engine, Status, Stopped, Waiting
from turnout.desktop.menu import Item, headline, menu, tooltip
from turnout.desktop.state import Health, State
from turnout.desktop.trayicon import Glyph, glyph

STATUS = Status("1", 1, "http://127.0.0.1:7717", 1, "auto", credit_usd="3.20", spent_today_usd="1.80")
UP = State(Health.UP, STATUS, owned=True)


def texts(items: list[Item]) -> list[str]:
    return [item.text for item in items if not item.separator]


def intents(items: list[Item]) -> list[tuple[str, str]]:
    return [(item.intent, item.argument) for item in items if item.intent]


def line(left: str, limit: str = "5.00") -> BudgetLine:
    return BudgetLine("k", "a day's work", "client", "ada", "usd", "day", "0", "0", limit, left)


def test_the_first_line_says_what_is_left_and_spent() -> None:
    assert texts(menu(UP))[0] == "$3.20 left · $1.80 today"


@pytest.mark.parametrize("mode", ["auto", "local", "cloud", "passthrough"])
def test_only_the_mode_in_force_is_checked(mode: str) -> None:
    items = menu(State(Health.UP, replace(STATUS, mode=mode)))
    assert [item.argument for item in items if item.checked] == [mode]


def test_no_mode_is_checked_while_routing_is_paused_and_the_menu_resumes() -> None:
    items = menu(State(Health.UP, replace(STATUS, paused_until_ms=0)))
    assert not any(item.checked for item in items)
    assert ("resume", "") in intents(items)
    assert ("pause", "3600") not in intents(items)


def test_quit_says_what_it_stops() -> None:
    assert texts(menu(UP))[-1] == "Quit (stops the proxy)"
    assert texts(menu(replace(UP, owned=False)))[-1] == "Quit (the proxy keeps running)"


def test_a_waiting_session_stands_first_and_can_be_raised_or_stopped() -> None:
    waiting = (Waiting("c", "claude-code", "s-1", "a day's work", "k", 1),)
    items = menu(State(Health.UP, replace(STATUS, waiting=waiting)))
    asked = next(item for item in items if item.children)
    assert asked.text == "claude-code waits: a day's work"
    assert [(child.intent, child.argument) for child in asked.children] == [
        ("allow", "s-1"),
        ("allow-usd", "s-1"),
        ("stop", "s-1"),
    ]


def test_a_stopped_session_says_why_in_a_few_words_and_can_be_raised() -> None:
    why = "The loop guard stopped this session: the same request 4 times before (limit 4)."
    items = menu(State(Health.UP, replace(STATUS, stopped=(Stopped("s-1", "aider", why, 1),))))
    asked = next(item for item in items if item.children)
    assert asked.text == "aider is stopped: the same request 4 times before (limit 4)."
    assert [(child.intent, child.argument) for child in asked.children] == [("allow", "s-1"), ("allow-usd", "s-1")]


def test_the_last_calls_name_tier_client_model_and_open_the_call() -> None:
    call = CallRecord(id="c1", at_ms=0, client="aider", model="gpt-5-mini", tier=Tier.FAST, cost=Nanos(2_000_000))
    calls = next(item for item in menu(UP, [call]) if item.text == "Last calls")
    assert calls.children[0].argument == "calls/c1"
    assert calls.children[0].text.endswith("Fast · aider · gpt-5-mini · $0.0020")


def test_t22_a_models_name_is_one_plain_line_of_bounded_length() -> None:
    call = CallRecord(id="c1", at_ms=0, client="a\nb", model="<img src=x>" * 400)
    said = next(item for item in menu(UP, [call]) if item.text == "Last calls").children[0].text
    assert "\n" not in said
    assert len(said) < 120


def test_a_proxy_that_is_down_can_be_started_from_the_menu() -> None:
    items = menu(State(Health.FAILED, None))
    assert texts(items)[0] == "The proxy could not start"
    assert ("start", "") in intents(items)


def test_no_two_separators_meet_and_none_ends_the_menu() -> None:
    for state in (UP, State(), State(Health.DOWN), State(Health.HUNG)):
        marks = [item.separator for item in menu(state)]
        assert not marks[0]
        assert not marks[-1]
        assert not any(a and b for a, b in itertools.pairwise(marks))


def test_the_tooltip_counts_what_runs_and_waits() -> None:
    waiting = tuple(Waiting(str(n), "x", str(n), "b", "k", 1) for n in range(2))
    said = tooltip(State(Health.UP, replace(STATUS, waiting=waiting)))
    assert said.splitlines() == ["Turnout: $3.20 left · $1.80 today", "2 calls wait for you"]


def test_a_broken_rules_file_is_said_in_the_menu() -> None:
    assert any("last good rules" in said for said in headline(State(Health.UP, replace(STATUS, rules_error="line 3"))))


def test_the_icon_shows_the_open_track_and_the_tightest_credit() -> None:
    state = State(Health.UP, replace(STATUS, mode="local", budgets=(line("5.00"), line("1.25"))))
    assert glyph(state, "any") == Glyph("local", credit=4)


def test_a_last_cent_is_still_a_sliver_of_the_ring_and_nothing_is_none() -> None:
    assert glyph(State(Health.UP, replace(STATUS, budgets=(line("0.01"),))), "any").credit == 1
    assert glyph(State(Health.UP, replace(STATUS, budgets=(line("0"),))), "any").credit == 0


def test_an_engine_that_is_down_marks_the_icon() -> None:
    state = State(Health.UP, replace(STATUS, engines=(Engine("local", "down"),)))
    assert glyph(state, "any").warning


def test_a_dead_proxy_strikes_the_icon_out_and_a_starting_one_does_not() -> None:
    assert glyph(State(Health.DOWN), "any").down
    assert not glyph(State(Health.STARTING), "any").down
