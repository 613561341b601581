import itertools
import time
import tomllib
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.routing.scene import RULES

from turnout.errors import SettingsError
from turnout.routing.expression import parse
from turnout.routing.money import dollars, nanos_of
from turnout.routing.places import places
from turnout.routing.rulefile import Checked, check_rules, default_rules_text, read_rules
from turnout.routing.rules import Loop, RuleSet

SURFACE = """\
[grade]
abstain = "fast"                      # below the confidence
confidence = 0.45
safety = 0.3
llm = "off"

[signals]
secret  = { kind = "secret" }
big     = { kind = "tokens", gte = 60000 }
loop    = { kind = "tool-loop" }
title   = { kind = "housekeeping" }
mobile  = { kind = "match", field = "last_ask", regex = "(?i)swift|kotlin" }

[[rule]]
name = "secrets stay home"
when = "secret"
route = "local"
private = true

[[rule]]
name = "a tool loop keeps its model"
when = "loop"
route = "pinned"

[[rule]]
name = "everything else by grade"
when = "true"
route = "grade"
max_usd_per_call = 0.50
on_failure = ["next", "up"]
mode = "enforce"

[[budget]]
name = "a day's work"
scope = { client = "each" }
usd = 5.00
per = "day"
on_exceed = "downgrade"

[[loop]]
scope = { session = "each" }
turns = 200
same_request = 4
usd = 3.00
on_exceed = "ask"

[context]
compress = { after_turns = 10, to = "fast", mode = "off" }
reference = { over_tokens = 8000, mode = "off" }

[[probe]]
ask = "rename this variable to total"
expect = "local"
"""


def told(text: str, roster: tuple[str, ...] = ()) -> list[SettingsError]:
    return list(check_rules(text, roster).errors)


def only(text: str, roster: tuple[str, ...] = ()) -> SettingsError:
    errors = told(text, roster)
    assert len(errors) == 1, [str(error) for error in errors]
    return errors[0]


def test_the_documented_file_is_read_whole() -> None:
    rules = read_rules(SURFACE)
    assert [rule.route for rule in rules.rules] == ["local", "pinned", "grade"]
    assert rules.rules[0].private
    assert rules.rules[2].max_usd_per_call == 500_000_000
    assert rules.rules[2].on_failure == ("next", "up")
    assert rules.signals["big"].args == {"gte": 60_000}
    budget = rules.budgets[0]
    assert (budget.scope, budget.who, budget.limit, budget.per, budget.on_exceed) == (
        "client",
        "each",
        5_000_000_000,
        "day",
        "downgrade",
    )
    assert rules.loops == (Loop(same_tool_call=None, per_minute=None),)
    assert rules.probes[0].expect == "local"
    assert len(rules.hash) == 12


def test_an_empty_file_has_the_default_loop_guard_and_no_rules() -> None:
    rules = read_rules("")
    assert rules.rules == ()
    assert rules.loops == (Loop(),)


def test_an_empty_list_of_loops_switches_the_guard_off() -> None:
    assert read_rules("loop = []\n").loops == ()


def test_the_hash_changes_with_every_byte() -> None:
    assert read_rules("").hash != read_rules(" ").hash == read_rules(" ").hash


@pytest.mark.parametrize("tiers", list(itertools.product((False, True), repeat=3)))
def test_the_first_file_is_accepted_and_routes_only_to_tiers_that_exist(tiers: tuple[bool, bool, bool]) -> None:
    local, high, fast = tiers
    rules = read_rules(default_rules_text(local, high, fast))
    routes = {rule.route for rule in rules.rules}
    assert "local" not in routes or local
    assert "high" not in routes or high
    assert "fast" not in routes or fast
    assert rules.loops == (Loop(),)


def test_the_first_files_comments_are_valid_once_uncommented() -> None:
    text = default_rules_text(True, True, True)
    start = text.index("# [[budget]]")
    example = "\n".join(line.removeprefix("# ") for line in text[start : text.index("\n\n", start)].splitlines())
    assert read_rules(example).budgets[0].limit == 5_000_000_000
    signals = "[signals]\n" + "\n".join(
        line.removeprefix("# ") for line in text.splitlines() if line.startswith("# ") and "kind =" in line
    )
    assert set(read_rules(signals).signals) == {"big", "mobile", "late", "tight"}


RULE = '[[rule]]\nname = "r"\n'


@pytest.mark.parametrize(
    ("text", "line", "column", "says", "hint"),
    [
        ("[grad]\n", 1, 1, "unknown table or key 'grad'", "grade"),
        ("rules = 1\n", 1, 1, "unknown table or key 'rules'", "rule"),
        ('[grade]\nabstane = "fast"\n', 2, 1, "unknown key 'abstane' in [grade]", "abstain"),
        ('[grade]\nabstain = "fats"\n', 2, 11, "'fats' is none of", "fast"),
        ("[grade]\nconfidence = 1.5\n", 2, 14, "must be between 0 and 1", ""),
        ("[grade]\nconfidence = true\n", 2, 14, "must be a number", ""),
        ("[grade]\nsafety = nan\n", 2, 10, "must be a number", ""),
        ('[signals]\na = { kind = "token" }\n', 2, 14, "unknown kind 'token'", "tokens"),
        ('[signals]\na = { kind = "tool_loop" }\n', 2, 14, "unknown kind", "tool-loop"),
        ("[signals]\na = { gte = 4 }\n", 2, 1, "has no kind", ""),
        ("[signals]\na = 5\n", 2, 5, "must be a table", ""),
        ('[signals]\n"a b" = { kind = "secret" }\n', 2, 1, "cannot be a signal's name", ""),
        ('[signals]\nnot = { kind = "secret" }\n', 2, 1, "cannot be a signal's name", ""),
        ('[signals]\na = { kind = "tokens", gtee = 4, gte = 1 }\n', 2, 24, "unknown key 'gtee'", "gte"),
        ('[signals]\na = { kind = "tokens" }\n', 2, 1, "needs gte or lte or gt or lt", ""),
        ('[signals]\na = { kind = "tokens", gte = -1 }\n', 2, 30, "between 0 and", ""),
        ('[signals]\na = { kind = "tokens", gte = 1.5 }\n', 2, 30, "whole number", ""),
        ('[signals]\na = { kind = "tokens", gte = 9, lt = 3 }\n', 2, 1, "never be true", ""),
        (
            '[signals]\na = { kind = "match", field = "last_ask" }\n',
            2,
            1,
            "needs regex",
            "",
        ),
        ('[signals]\na = { kind = "match", field = "last_aks", regex = "x" }\n', 2, 31, "neither last_ask", "last_ask"),
        ('[signals]\na = { kind = "match", field = "system", regex = "x(?=y)" }\n', 2, 51, "lookahead", ""),
        ('[signals]\na = { kind = "match", field = "system", regex = "(x" }\n', 2, 50, "missing )", ""),
        ('[signals]\na = { kind = "grade", is = "HIHG" }\n', 2, 28, "'HIHG'", "HIGH"),
        ('[signals]\na = { kind = "housekeeping", is = "titel" }\n', 2, 35, "'titel'", "title"),
        ('[signals]\na = { kind = "time", of_day = "9 to 5" }\n', 2, 31, "09:00-18:00", ""),
        ('[signals]\na = { kind = "time", weekday = "mon-fry" }\n', 2, 32, "'fry' is no day", "fri"),
        ('[signals]\na = { kind = "engine", health = "upp" }\n', 2, 33, "'upp'", "up"),
        ('[signals]\na = { kind = "budget", used = "day", gte = inf }\n', 2, 44, "not inf", ""),
        ('[signals]\na = { kind = "budget", used = "dayy", gte = 1 }\n', 2, 31, "neither a period nor", "day"),
        (
            '[signals]\na = { kind = "budget", used = "teams", gte = 1 }\n[[budget]]\nname = "team"\nusd = 1\n',
            2,
            31,
            "neither a period nor",
            "team",
        ),
        ('[signals]\na = { kind = "match", field = "lastask", regex = "x" }\n', 2, 31, "a slip of one", "last_ask"),
        ('[grade]\nllm = "of"\n', 2, 7, "neither", "off"),
        (RULE + 'route = "grade"\n', 1, 1, "needs `when`", ""),
        (RULE + 'when = "true"\n', 1, 1, "needs `route`", ""),
        (RULE + 'when = "true"\nroute = "hgih"\n', 4, 9, "unknown route 'hgih'", "high"),
        (RULE + 'when = "true"\nroute = "grade"\nmodel = "x"\n', 5, 1, "unknown key 'model'", "mode"),
        (RULE + 'when = "true"\nroute = "grade"\nmode = "obsevre"\n', 5, 8, "'obsevre'", "observe"),
        (RULE + 'when = "true"\nroute = "grade"\nprivate = "yes"\n', 5, 11, "true or false", ""),
        (RULE + 'when = "true"\nroute = "grade"\non_failure = ["next", "upp"]\n', 5, 23, "'upp'", "up"),
        (RULE + 'when = "true"\nroute = "grade"\non_failure = ["refuse", "up"]\n', 5, 14, "after", ""),
        (RULE + 'when = "true"\nroute = "grade"\nmax_usd_per_call = -0.5\n', 5, 20, "is negative", ""),
        (RULE + 'when = "true"\nroute = "grade"\nmax_usd_per_call = "5"\n', 5, 20, "must be a number of dollars", ""),
        (RULE + 'when = "true"\nroute = "high"\nprivate = true\n', 4, 9, "impossible route", "local"),
        (
            RULE + 'when = "secrett"\nroute = "grade"\n[signals]\nsecret = { kind = "secret" }\n',
            3,
            9,
            "no signal 'secrett'",
            "secret",
        ),
        (RULE + 'when = "a  and (b"\nroute = "grade"\n', 3, 16, "never closed", ""),
        (RULE + "when = 'a &'\nroute = \"grade\"\n", 3, 11, "'&'", ""),
        ("[[budget]]\nusd = -1\n", 2, 7, "is negative", ""),
        ("[[budget]]\nusd = inf\n", 2, 7, "not a number", ""),
        ("[[budget]]\nusd = 1e12\n", 2, 7, "billion", ""),
        ("[[budget]]\nusd = 0.0000000001\n", 2, 7, "finer than", ""),
        ("[[budget]]\ncalls = -1\n", 2, 9, "between 0", ""),
        ("[[budget]]\ncalls = 1.5\n", 2, 9, "whole number", ""),
        ('[[budget]]\nname = "x"\n', 1, 1, "exactly one of usd", ""),
        ("[[budget]]\nusd = 1\ncalls = 2\n", 3, 1, "exactly one of usd", ""),
        ('[[budget]]\nusd = 1\nper = "dya"\n', 3, 7, "'dya'", "day"),
        ('[[budget]]\nusd = 1\nscope = { clinet = "each" }\n', 3, 11, "unknown scope 'clinet'", "client"),
        ('[[budget]]\nusd = 1\nscope = { tier = "hihg" }\n', 3, 18, "no tier 'hihg'", "high"),
        ('[[budget]]\nusd = 1\non_exceed = "downgarde"\n', 3, 13, "'downgarde'", "downgrade"),
        ("[[loop]]\nturns = 0\n", 2, 9, "between 1", ""),
        ('[[loop]]\nscope = { session = "each" }\n', 1, 1, "needs a limit", "loop = []"),
        ('[[loop]]\nturns = 5\non_exceed = "downgrade"\n', 3, 13, "'downgrade'", ""),
        ('[[probe]]\nask = "x"\n', 1, 1, "needs ask and expect", ""),
        ('[[probe]]\nask = "x"\nexpect = "locla"\n', 3, 10, "'locla'", "local"),
        ('[context]\ncompress = { mode = "onn" }\n', 2, 21, "'onn'", "on"),
        ('[context]\ncompres = { mode = "on" }\n', 2, 1, "unknown key 'compres'", "compress"),
        ("[rule]\n", 1, 1, "written as [[rule]]", ""),
        ("a = [\n", 2, 1, "not valid TOML", ""),
        ('x = "\ny = 1\n', 1, 6, "not valid TOML", ""),
        ("[grade]\n[grade]\n", 2, 7, "not valid TOML", ""),
    ],
)
def test_every_slip_is_told_with_line_column_and_the_nearest_name(
    text: str, line: int, column: int, says: str, hint: str
) -> None:
    error = only(text)
    assert (error.line, error.column) == (line, column), str(error)
    assert says in error.message
    assert hint in error.hint


@pytest.mark.parametrize(
    ("first", "second"),
    [("true", "a"), ("a", "a"), ("a", "a and b"), ("a or b", "b"), ("not a", "b and not a"), ("a or not a", "b")],
)
def test_a_rule_that_can_never_be_reached_names_the_one_that_hides_it(first: str, second: str) -> None:
    signals = '[signals]\na = { kind = "secret" }\nb = { kind = "tool-loop" }\n'
    text = f'{signals}[[rule]]\nname = "one"\nwhen = "{first}"\nroute = "fast"\n[[rule]]\nname = "two"\nwhen = "{second}"\nroute = "high"\n'
    error = only(text)
    assert (error.line, error.column) == (10, 8)
    assert "'two' is hidden by 'one' (line 4)" in error.message


def test_an_observe_rule_hides_nothing() -> None:
    text = RULE + 'when = "true"\nroute = "fast"\nmode = "observe"\n[[rule]]\nwhen = "true"\nroute = "high"\n'
    assert told(text) == []


def test_a_rule_that_contradicts_itself_is_an_error_and_one_switched_off_a_warning() -> None:
    text = '[signals]\na = { kind = "secret" }\n' + RULE + 'when = "a and not a"\nroute = "fast"\n'
    assert "contradicts itself" in only(text).message
    off = check_rules(RULE + 'when = "false"\nroute = "fast"\n')
    assert off.errors == ()
    assert "switched off" in off.warnings[0].message


@pytest.mark.parametrize("name", ["compress", "reference"])
def test_what_this_version_cannot_do_is_told_and_not_silently_accepted(name: str) -> None:
    asked = check_rules(f'[context]\n{name} = {{ mode = "on" }}\n')
    assert asked.errors == ()
    assert "not built" in asked.warnings[0].message
    assert asked.warnings[0].line == 2
    assert check_rules(f'[context]\n{name} = {{ mode = "off" }}\n').warnings == ()


def test_two_rules_or_budgets_of_one_name_are_told() -> None:
    text = (
        '[signals]\na = { kind = "secret" }\n'
        + RULE
        + 'when = "a"\nroute = "fast"\n'
        + RULE
        + 'when = "true"\nroute = "high"\n'
    )
    error = only(text)
    assert (error.line, "in line 4" in error.message) == (8, True)
    assert "already" in only('[[budget]]\nname = "b"\nusd = 1\n[[budget]]\nname = "b"\nusd = 2\n').message


def test_an_impossible_model_names_the_nearest_and_an_unknown_roster_judges_nothing() -> None:
    text = RULE + 'when = "true"\nroute = "anthropic/claude-hiaku"\n'
    error = only(text, ("anthropic/claude-haiku", "local/qwen"))
    assert (error.line, error.column) == (4, 9)
    assert "anthropic/claude-haiku" in error.hint
    assert told(text) == []


@pytest.mark.parametrize(
    ("name", "fine"),
    [("local/qwen3:8b", True), ("local/gemma3:4b", True), ("locl/qwen3:14b", False), ("local/qwne3:14b", False)],
)
@pytest.mark.parametrize(
    "text",
    [
        RULE + 'when = "true"\nroute = "NAME"\n',
        '[grade]\nllm = "NAME"\n',
        '[signals]\nfits = { kind = "context-fit", model = "NAME" }\n',
    ],
)
def test_a_model_that_no_tier_lists_is_let_through_unless_its_name_is_a_slip(text: str, name: str, fine: bool) -> None:
    checked = check_rules(text.replace("NAME", name), ("local", "local/qwen3:14b"))
    assert (checked.rules is not None) == fine
    if fine:
        assert "is in no tier" in checked.warnings[0].message
    else:
        assert "local/qwen3:14b" in checked.errors[0].hint


def test_all_errors_are_told_at_once_in_order_and_read_rules_raises_the_first() -> None:
    text = '[grad]\nx = 1\n[signals]\na = { kind = "x" }\n[[budget]]\nusd = -1\n'
    assert [error.line for error in told(text)] == [1, 4, 6]
    with pytest.raises(SettingsError) as caught:
        read_rules(text, file="team.toml")
    assert str(caught.value).startswith("team.toml:1:1: ")
    assert "2 more errors" in caught.value.hint


def test_a_file_with_windows_line_ends_has_the_same_places() -> None:
    error = only('[grade]\r\n# note\r\nabstain = "fats"\r\n')
    assert (error.line, error.column) == (3, 11)


# --- money ---


@settings(max_examples=200)
@given(st.integers(0, 10**18))
def test_dollars_are_read_to_the_nano_and_never_through_a_float(nanos: int) -> None:
    text = f"{nanos // 10**9}.{nanos % 10**9:09d}"
    assert read_rules(f"[[budget]]\nusd = {text}\n").budgets[0].limit == nanos


@given(st.integers(0, 10**9))
def test_a_credit_is_a_cent(credits: int) -> None:
    assert read_rules(f"[[budget]]\ncredits = {credits}\n").budgets[0].limit == credits * 10_000_000


def test_money_is_written_as_people_read_it() -> None:
    amounts = (0, 1, 12_500, 69_375_000, 128_875_000, 500_000_000, 999_999_999, 5_000_000_000, 1_234_567_890_123)
    shown = [dollars(nanos) for nanos in amounts]
    assert shown == ["$0.00", "$0.000000001", "$0.0000125", "$0.069", "$0.129", "$0.50", "$1.00", "$5.00", "$1234.57"]


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-1", "1e10", "1e-10", "1.0000000001", "1e999999", "1e-999999"])
def test_absurd_amounts_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is "):
        nanos_of(Decimal(text))


# --- hostile text ---


def accepted_or_told(text: str) -> None:
    """Either outcome is right; what it may not be is anything else."""
    outcome: RuleSet | SettingsError
    try:
        outcome = read_rules(text)
    except SettingsError as error:
        outcome = error
    assert isinstance(outcome, RuleSet) or (outcome.line >= 1 and outcome.column >= 1)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(SURFACE) - 1), st.integers(0, 255))
def test_t26_any_byte_flipped_gives_an_error_or_a_rule_set_and_nothing_else(at: int, byte: int) -> None:
    raw = bytearray(SURFACE.encode())
    raw[at] = byte
    accepted_or_told(raw.decode("utf-8", "replace"))
    accepted_or_told(raw.decode("latin-1"))


@settings(max_examples=100, deadline=None)
@given(st.integers(0, len(SURFACE)), st.integers(0, len(SURFACE)))
def test_t26_any_piece_cut_out_gives_an_error_or_a_rule_set(one: int, other: int) -> None:
    accepted_or_told(SURFACE[: min(one, other)] + SURFACE[max(one, other) :])


VALUES = (
    "1",
    "-1",
    "1.5",
    "true",
    '""',
    '"x"',
    "[]",
    "[[]]",
    "{}",
    "{ a = 1 }",
    "1979-05-27",
    "inf",
    "nan",
    "0x10",
    "1e400",
    "9" * 5_000,
)


@pytest.mark.parametrize("value", VALUES)
def test_t26_any_type_anywhere_is_told_and_never_a_crash(value: str) -> None:
    lines = SURFACE.splitlines()
    for at, line in enumerate(lines):
        if " = " in line and not line.startswith("#"):
            key = line.split(" = ")[0]
            accepted_or_told("\n".join([*lines[:at], f"{key} = {value}", *lines[at + 1 :]]))
    for key in ("grade", "signals", "rule", "budget", "loop", "context", "probe"):
        accepted_or_told(f"{key} = {value}\n")
    for key in ("gte", "is", "regex", "used", "of_day", "weekday", "health", "warm", "tier", "name", "provider"):
        for kind in (
            "tokens",
            "client",
            "match",
            "budget",
            "time",
            "engine",
            "context-fit",
            "tools",
            "grade",
            "images",
        ):
            accepted_or_told(f'[signals]\na = {{ kind = "{kind}", {key} = {value} }}\n')


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "[" * 100_000,
        "a = " + "{a=" * 50_000,
        "x" * 2_000_000,
        "[[rule]]\n" * 5_000,
        "a." * 5_000 + "b = 1",
        '[signals]\na = { kind = "match", field = "last_ask", regex = "' + "(" * 1_900 + '" }\n',
        '[signals]\na = { kind = "match", field = "last_ask", regex = "((((x{900}){900}){900}){900})" }\n',
        '[signals]\na = { kind = "client", is = "' + "*?" * 4_000 + '" }\n',
        RULE + 'when = "' + "(" * 3_000 + '"\nroute = "grade"\n',
        "\ufeff[grade]\n",
        '[grade]\nabstain = "\\ud800"\n',
        "",
    ],
)
def test_t26_hostile_files_are_told_quickly(text: str) -> None:
    begun = time.process_time()
    accepted_or_told(text)
    assert time.process_time() - begun < 5


# --- places ---


@settings(max_examples=100)
@given(st.sampled_from([SURFACE, RULES]), st.integers(0, 40))
def test_every_value_stands_where_its_place_says(text: str, shift: int) -> None:
    moved = "\n" * shift + text
    found = places(moved)
    lines = moved.split("\n")
    for path, place in found.plain.items():
        where = found.values[path]
        assert lines[where.line - 1][where.column :].startswith(place)


def test_places_reach_into_arrays_inline_tables_and_multi_line_strings() -> None:
    text = 'a = """\nx\n""" # c\nb = [ 1, # one\n  { c = "d" } ]\n"q.r".s = 5\n[t.u]\nv = 1\n[[w]]\n[[w.x]]\ny = 2\n'
    assert tomllib.loads(text)
    found = places(text)
    assert (found.value("b", 1, "c").line, found.value("b", 1, "c").column) == (5, 9)
    assert (found.value("q.r", "s").line, found.value("q.r", "s").column) == (6, 11)
    assert found.value("t", "u", "v").line == 8
    assert found.value("w", 0, "x", 0, "y").line == 11


def test_a_checked_file_has_rules_exactly_where_it_has_no_errors() -> None:
    good, bad = check_rules(SURFACE), check_rules("x = 1")
    assert isinstance(good, Checked)
    assert (good.rules is None, bool(good.errors)) == (False, False)
    assert (bad.rules is None, bool(bad.errors)) == (True, True)
    assert parse("true").of == good.rules.rules[2].when if good.rules else False
