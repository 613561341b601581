"""Values that the routing tests are played with: a roster of three tiers, calls, facts."""

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from turnout.calls.client import Call, Client
from turnout.calls.outline import Outline
from turnout.calls.units import Dialect, Family, Grade, Tier, Tokens
from turnout.calls.usage import FREE, Price
from turnout.routing.conversation import ask_hash
from turnout.routing.decide import decide
from turnout.routing.facts import Candidate, Facts, Grading, Memory, Roster
from turnout.routing.plan import Plan
from turnout.routing.rulefile import read_rules
from turnout.routing.rules import RuleSet

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=BERLIN)
NOW_MS = int(NOW.timestamp() * 1000)


def price(uncached: float, read: float, write: float, output: float) -> Price:
    """Dollars per million tokens."""
    u, r, w, o = (round(x * 1e9) for x in (uncached, read, write, output))
    return Price(u, r, w, w, o, o)


OPUS = Candidate(
    "anthropic",
    "opus",
    Family.ANTHROPIC,
    Tier.HIGH,
    price=price(5, 0.5, 6.25, 25),
    context=Tokens(200_000),
    max_output=Tokens(64_000),
)
SOL = Candidate(
    "openai",
    "sol",
    Family.OPENAI,
    Tier.HIGH,
    price=price(4, 0.4, 4, 20),
    context=Tokens(400_000),
    max_output=Tokens(64_000),
)
HAIKU = Candidate(
    "anthropic",
    "haiku",
    Family.ANTHROPIC,
    Tier.FAST,
    price=price(1, 0.1, 1.25, 5),
    context=Tokens(200_000),
    max_output=Tokens(64_000),
)
MINI = Candidate("openai", "mini", Family.OPENAI, Tier.FAST, price=price(0.25, 0.025, 0.25, 2), context=Tokens(400_000))
QWEN = Candidate(
    "local",
    "qwen3-coder:30b",
    Family.OLLAMA,
    Tier.LOCAL,
    sovereign=True,
    price=FREE,
    context=Tokens(32_768),
    images=False,
)


def roster(
    high: tuple[Candidate, ...] = (OPUS, SOL),
    fast: tuple[Candidate, ...] = (HAIKU, MINI),
    local: tuple[Candidate, ...] = (QWEN,),
    named: tuple[Candidate, ...] = (),
) -> Roster:
    everyone = [*high, *fast, *local, *named]
    names = {one.name: one for one in everyone} | {one.model: one for one in everyone}
    return Roster({Tier.HIGH: high, Tier.FAST: fast, Tier.LOCAL: local}, names, next(iter(everyone), None))


RULES = """
[signals]
secret = { kind = "secret" }
loop = { kind = "tool-loop" }
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
on_failure = ["next", "up"]
"""
BY_GRADE = '[[rule]]\nname = "all"\nwhen = "true"\nroute = "grade"\n'


def rules(text: str = BY_GRADE) -> RuleSet:
    return read_rules(text)


def outline(ask: str = "write a parser for this grammar in python please", **changes: object) -> Outline:
    base = Outline(Dialect.OPENAI_CHAT, "auto", ask=ask, asks=1, first_ask=ask, turns=1, texts=(ask,))
    return replace(base, **changes)  # type: ignore[arg-type]


def call(of: Outline | None = None, **changes: object) -> Call:
    base = Call(
        id="c1",
        at_ms=NOW_MS,
        client=Client("ide", "research", "turnout"),
        developer="ada",
        project="turnout",
        outline=of if of is not None else outline(),
        session="s1",
        body_hash="b1",
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def grading(grade: Grade | None = Grade.MEDIUM, confidence: float = 0.9) -> Grading:
    return Grading(grade, 0.5, confidence, "asks for code")


def facts(**changes: object) -> Facts:
    base = Facts(
        now=NOW,
        now_ms=NOW_MS,
        rules=rules(),
        roster=roster(),
        estimate=Tokens(1_000),
        grading=grading(),
        likely_output=Tokens(500),
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def memory(
    model: Candidate = OPUS, grade: Grade | None = Grade.HIGH, ask: str = "an earlier ask", **changes: object
) -> Memory:
    base = Memory(
        model=model.name,
        tier=model.tier,
        grade=grade,
        ask_hash=ask_hash(ask),
        last_at_ms=NOW_MS - 5_000,
        cache_ttl_s=300,
        calls=1,
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def planned(asked: Call, known: Facts) -> Plan:
    outcome = decide(asked, known)
    assert isinstance(outcome, Plan)
    return outcome


def names(plan: Plan) -> list[str]:
    return [step.candidate.model for step in plan.steps]
