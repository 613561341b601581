"""The rules file as the form edits it: what is not edited stays to the byte."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.desktop.models.rulesdoc import (
    RuleRow,
    added,
    changed,
    fresh,
    moved,
    removed,
    rule_at,
    rules,
    signals,
    with_budget,
    with_signal,
    without_budget,
)
from turnout.routing.rulefile import check_rules

FILE = """# Ours, kept in git.

[signals]
secret = { kind = "secret" }          # never out
big = { kind = "tokens", gte = 60000 }

# Stays inside.
[[rule]]
name = "secrets stay home"
when = "secret"
route = "local"                       # our own box
private = true

# By size.
[[rule]]
name = "big"
when = "big"
route = "fast"
mode = "observe"

[[rule]]
name = "the rest"
when = "true"
route = "grade"
max_usd_per_call = 0.50
on_failure = ["next", "up"]

[[probe]]
ask = "rename this"
expect = "local"
"""


def names(text: str) -> list[str]:
    return [row.name for row in rules(text)]


@pytest.mark.parametrize("text", ["", "\n", "# only a remark\n", "not toml at all", "[[rule]\nname = 1\n"])
def test_a_file_without_rules_has_none(text: str) -> None:
    assert [row.name for row in rules(text) if row.name != "?"] == []
    assert list(signals(text)) == []


def test_rules_are_read_as_they_stand() -> None:
    first, second, third = rules(FILE)
    assert first == RuleRow("secrets stay home", "secret", "local", private=True, line=8, end=14)
    assert (second.observe, second.line) == (True, 15)
    assert (third.max_usd, third.on_failure) == ("0.5", ("next", "up"))


def test_a_line_belongs_to_the_rule_around_it_and_a_probe_to_none() -> None:
    assert [rule_at(FILE, line) for line in (1, 8, 12, 15, 21, 26, 28)] == [-1, 0, 0, 1, 2, 2, -1]


def test_a_moved_rule_takes_its_comments_along_and_nothing_else_moves() -> None:
    found = moved(FILE, 1, 0)
    assert names(found) == ["big", "secrets stay home", "the rest"]
    assert found.index("# By size.") < found.index('name = "big"') < found.index("# Stays inside.")
    assert sorted(found.split("\n")) == sorted(FILE.split("\n"))
    assert moved(found, 0, 1) == FILE


def test_a_change_touches_one_line_and_keeps_its_comment() -> None:
    found = changed(FILE, 0, {"route": "fast"})
    assert found == FILE.replace('route = "local" ', 'route = "fast" ', 1)
    assert changed(FILE, 0, {"route": "local"}) == FILE


def test_a_key_taken_away_is_gone_and_the_next_rules_comment_is_not() -> None:
    found = changed(FILE, 0, {"private": None})
    assert found == FILE.replace("private = true\n", "")


def test_a_new_key_stands_in_its_rule_not_behind_the_next_ones_comment() -> None:
    found = changed(FILE, 0, {"max_usd_per_call": 0.25})
    assert found == FILE.replace("private = true\n", "private = true\nmax_usd_per_call = 0.25\n")


def test_removing_a_rule_takes_its_comment_too() -> None:
    found = removed(FILE, 1)
    assert names(found) == ["secrets stay home", "the rest"]
    assert "# By size." not in found
    assert "# Stays inside." in found


def test_a_fresh_rule_hides_none_and_is_hidden_by_none() -> None:
    at, row = fresh(FILE + '\n[signals.loop]\nkind = "tool-loop"\n', "a new rule")
    assert (at, row.when) == (2, "loop")
    text = FILE.replace("[signals]", '[signals]\nloop = { kind = "tool-loop" }')
    at, row = fresh(text, "big")
    assert (at, row.name, row.when) == (2, "big 2", "loop")
    assert check_rules(added(text, at, row), (), "rules.toml").errors == ()


def test_the_first_rule_of_an_empty_file_is_a_whole_file() -> None:
    at, row = fresh("", "mine")
    assert added("", at, row) == '[[rule]]\nname = "mine"\nwhen = "true"\nroute = "fast"\n'


def test_signals_are_set_added_and_taken_away() -> None:
    assert [one.name for one in signals(FILE)] == ["secret", "big"]
    found = with_signal(FILE, "loop", '{ kind = "tool-loop" }')
    assert found == FILE.replace("gte = 60000 }\n", 'gte = 60000 }\nloop = { kind = "tool-loop" }\n')
    assert with_signal(found, "loop", "") == FILE
    with pytest.raises(ValueError, match=r"Empty value|Unexpected|end of file"):
        with_signal(FILE, "loop", "{ kind = ")


def test_a_budget_is_added_changed_and_taken_away_again() -> None:
    found = with_budget(FILE, "a day", {"usd": 5.0, "per": "day"}, ("client", "each"))
    assert 'name = "a day"\nscope = {client = "each"}\nusd = 5.0\nper = "day"\n' in found
    assert "usd = 7.5" in with_budget(found, "a day", {"usd": 7.5})
    assert without_budget(found, "a day") == FILE


def test_a_budget_whose_scope_is_a_table_of_its_own_is_edited_where_it_stands() -> None:
    text = (
        FILE
        + """
# what a day may cost
[[budget]]
name = "a day"
usd = 5.0  # dollars
per = "day"

[budget.scope]  # whose
client = "each"  # each alone

# after it
[[loop]]
scope = { session = "each" }
turns = 9
"""
    )
    found = with_budget(text, "a day", {"usd": 7.5, "per": "week", "on_exceed": "ask"}, ("client", "each"))
    assert tomllib.loads(found)["budget"][0] == {
        "name": "a day",
        "usd": 7.5,
        "per": "week",
        "on_exceed": "ask",
        "scope": {"client": "each"},
    }
    for kept in (
        "# what a day may cost",
        "# dollars",
        "[budget.scope]  # whose",
        "# each alone",
        "# after it\n[[loop]]",
    ):
        assert kept in found
    moved = with_budget(text, "a day", {"usd": 5.0}, ("department", "platform"))
    assert tomllib.loads(moved)["budget"][0]["scope"] == {"department": "platform"}
    assert "[budget.scope]  # whose" in moved
    gone = without_budget(text, "a day")
    assert "budget" not in tomllib.loads(gone)
    assert "# after it\n[[loop]]" in gone


@pytest.mark.parametrize(
    "name", ['<img src=x onerror="a">', "x" * 4_096, 'say "no"', "a\u2028b", "[[rule]]", "\\", "é\t"]
)
def test_a_name_of_any_content_comes_back_as_it_was(name: str) -> None:
    text = added(FILE, 1, RuleRow(name, "big", "fast"))
    assert names(text) == ["secrets stay home", name, "big", "the rest"]
    assert names(moved(text, 1, 2))[2] == name
    assert removed(text, 1) == FILE


@given(st.text(max_size=40), st.integers(0, 3), st.integers(0, 3))
def test_moving_to_and_fro_is_no_change(name: str, start: int, end: int) -> None:
    text = added(FILE, 1, RuleRow(name, "big", "fast"))
    assert moved(moved(text, start, end), end, start) == text


def test_a_header_inside_a_string_is_no_rule() -> None:
    text = FILE.replace('name = "big"', 'name = """\n[[rule]]\nbig"""')
    assert len(rules(text)) == 3
