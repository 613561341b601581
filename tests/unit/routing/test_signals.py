import time
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.routing.scene import (
    BERLIN,
    HAIKU,
    NOW,
    OPUS,
    QWEN,
    call,
    facts,
    grading,
    memory,
    outline,
    roster,
    rules,
)

from turnout.calls.client import Client
from turnout.calls.units import Grade, Housekeeping, Tokens
from turnout.errors import SettingsError
from turnout.routing.decide import decide
from turnout.routing.expression import parse
from turnout.routing.facts import SecretVerdict, Standing
from turnout.routing.plan import Need, Plan
from turnout.routing.rulefile import read_rules
from turnout.routing.rules import Budget, Name, Signal
from turnout.routing.signals import Reading, Truth, test_of

test_of.__test__ = False  # type: ignore[attr-defined]  # the product's noun, not a test


def value(args: str, asked: Any = None, **known: Any) -> Truth:
    found = read_rules(f'[signals]\ns = {{ {args} }}\n[[budget]]\nname = "mine"\nusd = 1\n')
    return Reading(asked if asked is not None else call(), facts(rules=found, **known)).truth(Name("s"))


def standing(used: int, limit: int, per: str = "day") -> Standing:
    return Standing(Budget("mine", "client", per=per), "k", "ide", used, limit)


@pytest.mark.parametrize(
    ("args", "changes", "expected"),
    [
        ('kind = "match", field = "last_ask", regex = "gram{2}ar"', {}, True),
        ('kind = "match", field = "last_ask", regex = "(?i)PARSER"', {}, True),
        ('kind = "match", field = "last_ask", regex = "^swift"', {}, False),
        ('kind = "match", field = "system", regex = "pirate"', {"system": "You are a pirate."}, True),
        ('kind = "match", field = "model", regex = "^auto$"', {}, True),
        ('kind = "model", is = "gpt-*"', {"model": "gpt-5"}, True),
        ('kind = "model", is = "*/qwen?"', {"model": "local/qwen3"}, True),
        ('kind = "model", is = ["a", "*b*"]', {"model": "xbx"}, True),
        ('kind = "model", is = "gpt-*"', {"model": "xgpt-5"}, False),
        ('kind = "model", is = "a.c"', {"model": "abc"}, False),
        ('kind = "tools"', {"tools": 1}, True),
        ('kind = "tools"', {}, False),
        ('kind = "tools", gte = 3, lt = 5', {"tools": 4}, True),
        ('kind = "tools", name = "mcp__*"', {"tools": 2, "tool_names": ("bash", "mcp__db")}, True),
        ('kind = "tools", name = "mcp__*"', {"tools": 1, "tool_names": ("bash",)}, False),
        ('kind = "images"', {"images": 1}, True),
        ('kind = "images", gt = 1', {"images": 1}, False),
        ('kind = "housekeeping"', {"housekeeping": Housekeeping.FIM}, True),
        ('kind = "housekeeping", is = ["title", "summary"]', {"housekeeping": Housekeeping.FIM}, False),
        ('kind = "housekeeping"', {}, False),
        ('kind = "tool-loop"', {"ask_is_last": False}, True),
        ('kind = "tool-loop"', {}, False),
        ('kind = "thinking"', {"thinking": True}, True),
    ],
)
def test_signals_of_the_request(args: str, changes: dict[str, Any], expected: bool) -> None:
    assert value(args, call(outline(**changes))) is expected


@pytest.mark.parametrize(
    ("args", "changes", "expected"),
    [
        ('kind = "client", is = "ide"', {}, True),
        ('kind = "client", in = ["a", "b"]', {}, False),
        ('kind = "department", is = "res*"', {}, True),
        ('kind = "developer", is = "ada"', {}, True),
        ('kind = "project", is = "other"', {}, False),
        ('kind = "match", field = "User-Agent", regex = "cursor"', {"headers": {"user-agent": "cursor/1"}}, True),
        ('kind = "match", field = "x-team", regex = "."', {}, False),
        ('kind = "match", field = "client", regex = "^i"', {"client": Client("ide")}, True),
    ],
)
def test_signals_of_the_caller(args: str, changes: dict[str, Any], expected: bool) -> None:
    assert value(args, call(**changes)) is expected


@pytest.mark.parametrize(
    ("args", "known", "expected"),
    [
        ('kind = "tokens", gte = 60000', {"estimate": Tokens(60_000)}, True),
        ('kind = "tokens", gt = 60000', {"estimate": Tokens(60_000)}, False),
        ('kind = "tokens", lte = 5, gte = 5', {"estimate": Tokens(5)}, True),
        ('kind = "tokens", gte = 1', {"estimate": None}, Need.TOKENS),
        ('kind = "grade", is = "MEDIUM"', {}, True),
        ('kind = "grade", gte = "medium"', {"grading": grading(Grade.LOW)}, False),
        ('kind = "grade", in = ["LOW", "HIGH"]', {"grading": grading(Grade.HIGH)}, True),
        ('kind = "grade", lte = "HIGH"', {"grading": grading(None)}, False),
        ('kind = "grade", is = "LOW"', {"grading": None}, Need.GRADE),
        ('kind = "confidence", lt = 0.5', {"grading": grading(Grade.LOW, 0.47)}, True),
        ('kind = "secret"', {"secret": SecretVerdict(True)}, True),
        ('kind = "secret"', {"secret": SecretVerdict(False)}, False),
        ('kind = "secret"', {"secret": SecretVerdict(False, failed=True)}, True),
        ('kind = "secret"', {}, Need.SECRET),
        ('kind = "budget", used = "day", gte = 0.8', {"standings": (standing(8, 10),)}, True),
        ('kind = "budget", used = "day", gte = 0.8', {"standings": (standing(9, 10, "month"),)}, False),
        ('kind = "budget", used = "mine", lt = 0.5', {"standings": (standing(9, 10, "month"),)}, False),
        ('kind = "budget", used = "day", gte = 0.8', {}, False),
        ('kind = "budget", used = "day", gte = 1', {"standings": (standing(0, 0),)}, True),
        ('kind = "context-fit", tier = "local"', {"estimate": Tokens(5_000)}, True),
        ('kind = "context-fit", tier = "local"', {"estimate": Tokens(50_000)}, False),
        ('kind = "context-fit", model = "openai/mini"', {"estimate": Tokens(300_000)}, True),
        ('kind = "context-fit", model = "no/such"', {}, False),
        ('kind = "engine", provider = "local", health = "up"', {"engine_health": {"local": "up"}}, True),
        ('kind = "engine", provider = "local", health = "up"', {"engine_health": {"local": "no key"}}, False),
        ('kind = "engine", provider = "local", health = "down"', {}, True),
        (
            'kind = "engine", provider = "local", health = ["up", "loading"]',
            {"engine_health": {"local": "loading"}},
            True,
        ),
        ('kind = "engine", provider = "local", warm = true', {}, False),
        ('kind = "engine", warm = true', {"roster": roster(local=(replace(QWEN, warm=True),))}, True),
    ],
)
def test_signals_of_what_is_known(args: str, known: dict[str, Any], expected: Truth) -> None:
    assert value(args, **known) is expected


@pytest.mark.parametrize(
    ("args", "when", "expected"),
    [
        ('of_day = "09:00-18:00"', (24, 9, 0), True),
        ('of_day = "09:00-18:00"', (24, 18, 0), False),
        ('of_day = "22:00-06:00"', (24, 23, 30), True),
        ('of_day = "22:00-06:00"', (24, 5, 59), True),
        ('of_day = "22:00-06:00"', (24, 6, 0), False),
        ('of_day = "00:00-24:00"', (24, 23, 59), True),
        ('weekday = "mon-fri"', (24, 12, 0), True),
        ('weekday = "mon-fri"', (28, 12, 0), False),
        ('weekday = "fri-mon"', (29, 12, 0), True),
        ('weekday = ["sat", "sun"]', (28, 12, 0), True),
        ('weekday = "tuesday"', (24, 12, 0), True),
        ('of_day = "22:00-06:00", weekday = "fri"', (28, 2, 0), True),
        ('of_day = "22:00-06:00", weekday = "sat"', (28, 2, 0), False),
    ],
)
def test_time_is_local_and_small_hours_belong_to_their_evening(
    args: str, when: tuple[int, int, int], expected: bool
) -> None:
    day, hour, minute = when
    now = datetime(2026, 11, day, hour, minute, tzinfo=BERLIN)
    assert value(f'kind = "time", {args}', now=now) is expected


def test_the_grade_a_rule_sees_is_the_one_that_routes() -> None:
    side = call(outline(housekeeping=Housekeeping.TITLE))
    assert value('kind = "grade", is = "LOW"', side, grading=None) is True
    loop = call(outline(ask_is_last=False))
    assert value('kind = "grade", is = "HIGH"', loop, grading=None, memory=memory(OPUS, Grade.HIGH)) is True


# --- laziness ---

LAZY = """
[signals]
cheap = { kind = "client", is = "ide" }
other = { kind = "client", is = "nobody" }
dear = { kind = "secret" }
"""


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("cheap or dear", True),
        ("other and dear", False),
        ("not other", True),
        ("dear or cheap", Need.SECRET),
        ("cheap and dear", Need.SECRET),
        ("not dear", Need.SECRET),
        ("false and dear", False),
    ],
)
def test_a_part_that_settles_it_spares_the_dear_ones_after_it(when: str, expected: Truth) -> None:
    reading = Reading(call(), facts(rules=read_rules(LAZY)))
    assert reading.truth(parse(when).of) is expected


def test_rules_after_the_match_are_not_read() -> None:
    text = LAZY + '[[rule]]\nwhen = "cheap"\nroute = "fast"\n[[rule]]\nwhen = "dear"\nroute = "high"\n'
    plan = decide(call(), facts(rules=rules(text), secret=None, grading=None))
    assert isinstance(plan, Plan)
    assert plan.signals["cheap"] is True
    assert "dear" not in plan.signals


def test_every_signal_that_was_read_is_in_the_plan_with_its_value() -> None:
    text = '[signals]\nm = { kind = "match", field = "last_ask", regex = "swift" }\nb = { kind = "budget", used = "day", gte = 0.8 }\n'
    text += '[[rule]]\nwhen = "m or b"\nroute = "fast"\n[[rule]]\nwhen = "true"\nroute = "high"\n'
    plan = decide(call(outline(tools=3)), facts(rules=rules(text), standings=(standing(10**9, 10**10),)))
    assert isinstance(plan, Plan)
    assert (plan.signals["m"], plan.signals["b"], plan.signals["used.day"]) == (False, False, 0.1)
    assert plan.signals["call.tools"] == 3
    assert len(str(plan.signals["def.m"])) == 8


def test_a_signal_made_by_hand_works_like_one_from_a_file() -> None:
    made = Signal("s", "tokens", {"gte": 10})
    assert test_of(made)(Reading(call(), facts(estimate=Tokens(10)))) is True


# --- T23 ---

EXPLODING = ["(a+)+$", "(a|aa)+$", "(a|a?)+$", "(.*a){20}$", "^(([a-z])+.)+[A-Z]([a-z])+$", "(x+x+)+y", "(?i)(a*)*b"]


@pytest.mark.parametrize("pattern", EXPLODING)
def test_t23_a_regex_that_explodes_elsewhere_runs_in_linear_time(pattern: str) -> None:
    found = read_rules(f"[signals]\ns = {{ kind = 'match', field = 'last_ask', regex = '{pattern}' }}\n")
    for ask in ("a" * 26 + "!", "a" * 200_000 + "!", "x" * 200_000):
        begun = time.process_time()
        Reading(call(outline(ask)), facts(rules=found)).truth(Name("s"))
        assert time.process_time() - begun < 0.25


def test_t23_fifty_regexes_over_200_kb_stay_within_the_budget_of_a_request() -> None:
    lines = "".join(
        f's{n} = {{ kind = "match", field = "last_ask", regex = "(?i)word{n}(a+)+z" }}\n' for n in range(50)
    )
    found = read_rules("[signals]\n" + lines)
    reading = Reading(call(outline("lorem ipsum " * 17_000)), facts(rules=found))
    begun = time.process_time()
    for n in range(50):
        reading.truth(Name(f"s{n}"))
    assert time.process_time() - begun < 0.25


@pytest.mark.parametrize(
    "pattern", ["a(?=b)", "a(?!b)", "(?<=a)b", "(?<!a)b", "(a)\\1", "(?>a)", "a++", "\\p{Nope}", "[z-a]", "x{2000}"]
)
def test_t23_what_re2_does_not_know_is_told_in_the_editor(pattern: str) -> None:
    with pytest.raises(SettingsError, match="RE2"):
        read_rules(f"[signals]\ns = {{ kind = 'match', field = 'last_ask', regex = '{pattern}' }}\n")


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=60), st.text(st.characters(exclude_categories=()), max_size=60))
def test_t23_any_pattern_is_told_or_searches_any_text(pattern: str, ask: str) -> None:
    escaped = "".join(f"\\u{ord(c):04x}" if ord(c) < 0x10000 else c for c in pattern)
    outcome: Truth | SettingsError
    try:
        found = read_rules(f'[signals]\ns = {{ kind = "match", field = "last_ask", regex = "{escaped}" }}\n')
    except SettingsError as error:
        outcome = error
    else:
        outcome = Reading(call(outline(ask)), facts(rules=found)).truth(Name("s"))
    assert isinstance(outcome, bool | SettingsError)


def test_half_a_character_in_an_ask_is_no_accident() -> None:
    broken = call(
        outline("broken \ud800 text that is rather long", model="\udfff", system="\ud800"), headers={"x-a": "\udc00"}
    )
    for name in ("last_ask", "system", "model", "x-a"):
        assert value(f'kind = "match", field = "{name}", regex = "zzz"', broken) is False
    assert value('kind = "model", is = "*a?"', broken) is False
    assert isinstance(decide(broken, facts()), Plan)


def test_the_model_that_is_named_decides_the_window_not_the_tiers_first() -> None:
    assert (
        value('kind = "context-fit", model = "haiku"', estimate=Tokens(199_000), roster=roster(fast=(HAIKU,))) is True
    )
    assert value('kind = "context-fit", tier = "fast"', estimate=Tokens(300_000), now=NOW) is True
