"""What `decide` takes over from earlier calls never shows: with it and without it, every plan and every refusal is the same."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.routing.scene import HAIKU, NOW_MS, OPUS, call, facts, grading, memory, outline, roster, rules

from turnout.calls.client import Call, Client
from turnout.calls.units import Dialect, Family, Grade, Housekeeping, Mode, Nanos, Tier, Tokens
from turnout.calls.usage import Price
from turnout.errors import TurnoutError
from turnout.routing.decide import decide
from turnout.routing.facts import Candidate, Facts, LoopStanding, Memory, SecretVerdict, Standing
from turnout.routing.plan import Plan
from turnout.routing.route import Courses
from turnout.routing.rules import Budget, Loop

EMBEDDER = Candidate("openai", "embedder", Family.OPENAI, price=Price(1, 1, 1, 1, 1, 1))
ROSTER = roster(named=(EMBEDDER,))
SETS = {
    "as asked": '[[rule]]\nname = "all"\nwhen = "true"\nroute = "asked"\n',
    "by grade": '[[rule]]\nname = "all"\nwhen = "true"\nroute = "grade"\n',
    "no rules": "",
    "by who calls": """
[signals]
mini = { kind = "model", is = "mini*" }
ide = { kind = "client", is = "ide" }
ada = { kind = "developer", is = "ada" }
web = { kind = "project", is = "web" }
bob = { kind = "developer", is = "bob" }
cli = { kind = "client", is = "cli" }
sales = { kind = "department", is = "sales" }
[[rule]]
name = "others"
when = "bob or cli or sales"
route = "high"
[[rule]]
name = "small"
when = "mini and not web"
route = "asked"
[[rule]]
name = "stay home"
when = "ada and web"
route = "local"
private = true
[[rule]]
name = "the editor"
when = "ide"
route = "asked"
max_usd_per_call = 0.05
on_failure = ["next", "down"]
[[rule]]
name = "nobody else"
when = "web"
route = "block"
""",
    "by what is said": """
[signals]
secret = { kind = "secret" }
long = { kind = "tokens", gte = 5000 }
title = { kind = "housekeeping" }
word = { kind = "match", field = "last_ask", regex = "please" }
spent = { kind = "budget", used = "day", gte = 0.5 }
[[rule]]
name = "watched"
when = "word"
route = "high"
mode = "observe"
[[rule]]
name = "secrets"
when = "secret"
route = "local"
private = true
[[rule]]
name = "titles"
when = "title or spent"
route = "fast"
[[rule]]
name = "long ones"
when = "long"
route = "asked"
[[rule]]
name = "all"
when = "true"
route = "asked"
""",
}
RULES = {name: rules(text) for name, text in SETS.items()}
NAMES = ("opus", "mini", "mini", "high", "auto", "nobody", "embedder", "qwen3-coder:30b")
DAY = Budget("day", "client", limit=10**8)


@st.composite
def moments(draw: st.DrawFn, text: str) -> tuple[Call, Facts]:
    """A call and what is known of it, under the rules of this name and one roster."""

    def one(*values: Any) -> Any:
        return draw(st.sampled_from(values))

    of = outline(
        one("write a parser please", "go on", ""),
        model=one(*NAMES),
        dialect=one(Dialect.OPENAI_CHAT, Dialect.OPENAI_CHAT, Dialect.OPENAI_EMBEDDINGS),
        housekeeping=one(None, None, None, Housekeeping.TITLE, Housekeeping.COUNT),
        ask_is_last=one(True, True, False),
        tools=one(0, 2),
        images=one(0, 0, 1),
        max_output=one(None, Tokens(100), Tokens(50_000)),
        stream=one(True, False),
    )
    asked = call(
        of,
        client=one(Client("ide"), Client("ide"), Client("cli", "research")),
        developer=one("ada", "ada", "bob"),
        project=one("", "", "web"),
        as_asked=one(False, False, False, False, True),
        wanted_tier=one(None, None, None, None, Tier.LOCAL),
    )
    known = facts(
        rules=RULES[text],
        roster=ROSTER,
        mode=one(Mode.AUTO, Mode.AUTO, *Mode),
        memory=one(Memory(), memory(OPUS), memory(HAIKU, Grade.LOW, private=True)),
        standings=one((), (Standing(DAY, "day", "ide", draw(st.integers(0, 10**8)), 10**8),)),
        loops=one((), (LoopStanding(Loop(turns=5), "s1", turns=one(0, 9)),)),
        estimate=one(None, Tokens(100), Tokens(9_000), Tokens(300_000)),
        grading=one(None, grading(), grading(Grade.LOW)),
        secret=one(None, SecretVerdict(False), SecretVerdict(True), SecretVerdict(False, failed=True)),
    )
    return asked, known


def outcome(asked: Call, known: Facts, courses: Courses | None = None) -> str:
    """Written out, for two refusals with the same words are not equal."""
    try:
        return repr(decide(asked, known, courses))
    except TurnoutError as refusal:
        return f"{refusal!r} {refusal.hint} {getattr(refusal, 'rule', '')}"


@settings(max_examples=300)
@given(st.sampled_from(sorted(SETS)).flatmap(lambda text: st.lists(moments(text), min_size=1, max_size=20)))
def test_an_earlier_calls_course_never_changes_a_decision(played: list[tuple[Call, Facts]]) -> None:
    courses: Courses = {}
    for asked, known in [*played, *played]:
        assert outcome(asked, known, courses) == outcome(asked, known)


LIKE = outline(model="mini")


@pytest.mark.parametrize(
    ("asked", "changes"),
    [
        (call(LIKE), {"mode": Mode.LOCAL}),
        (call(LIKE), {"mode": Mode.PASSTHROUGH}),
        (call(LIKE), {"memory": Memory(private=True)}),
        (call(LIKE, wanted_tier=Tier.LOCAL), {}),
        (call(LIKE, as_asked=True), {}),
        (call(LIKE, project="web"), {}),
        (call(LIKE, developer="bob"), {}),
        (call(LIKE, client=Client("cli", "research", "turnout")), {}),
        (call(LIKE, client=Client("ide", "sales", "turnout")), {}),
        (call(outline(model="opus")), {}),
        (call(replace(LIKE, dialect=Dialect.OPENAI_EMBEDDINGS)), {}),
    ],
    ids=lambda value: str(value)[:20] if isinstance(value, dict) else "",
)
@pytest.mark.parametrize("text", ["as asked", "by who calls"])
def test_another_caller_mode_or_wish_has_its_own_course(text: str, asked: Call, changes: dict[str, Any]) -> None:
    courses: Courses = {}
    known = facts(rules=RULES[text])
    decide(call(LIKE), known, courses)
    assert len(courses) == 1
    now = replace(known, **changes)
    assert outcome(asked, now, courses) == outcome(asked, now)


def test_a_call_like_the_one_before_takes_its_course_over() -> None:
    courses: Courses = {}
    known = facts(rules=RULES["by who calls"], loops=())
    first = decide(call(outline(model="mini")), known, courses)
    assert len(courses) == 1
    again = decide(call(outline(model="mini")), known, courses)
    assert first == again
    assert isinstance(again, Plan)
    assert again.signals["mini"] is True


def test_nothing_is_taken_over_that_hung_on_what_was_said() -> None:
    courses: Courses = {}
    known = facts(rules=RULES["by what is said"], secret=SecretVerdict(False), now_ms=NOW_MS)
    decide(call(outline(model="mini")), known, courses)
    assert courses == {}


@pytest.mark.parametrize("name", ["by grade", "no rules"])
def test_of_a_graded_call_only_its_rule_is_taken_over(name: str) -> None:
    courses: Courses = {}
    known = facts(rules=RULES[name])
    plans = [decide(call(), replace(known, grading=grading(one)), courses) for one in (Grade.HIGH, Grade.LOW)]
    assert [one.grade for one in plans if isinstance(one, Plan)] == [Grade.HIGH, Grade.LOW]
    assert [one.course for one in courses.values()] == [None]


def test_one_calls_signals_are_not_anothers() -> None:
    courses: Courses = {}
    known = facts(rules=RULES["as asked"])
    plans = [decide(call(outline(model="mini", turns=turns)), known, courses) for turns in (1, 7)]
    assert [one.signals["call.turns"] for one in plans if isinstance(one, Plan)] == [1, 7]


def test_a_name_without_end_is_not_kept() -> None:
    courses: Courses = {}
    known = facts(rules=RULES["as asked"])
    decide(call(LIKE, project="p" * 100_000), known, courses)
    assert courses == {}


def test_the_courses_kept_are_bounded() -> None:
    courses: Courses = {}
    known = facts(rules=RULES["as asked"], standings=(Standing(DAY, "day", "ide", 0, Nanos(10**12)),))
    for number in range(1_500):
        decide(call(outline(model="mini"), project=f"p{number}"), known, courses)
    assert len(courses) <= 1_000
