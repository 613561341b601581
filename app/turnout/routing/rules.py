"""rules.toml as values. `routing.rulefile` reads, validates and explains the text; here are only the nouns."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from turnout.calls.units import Nanos, Tokens


@dataclass(frozen=True, slots=True)
class Signal:
    """A named fact about a call; `kind` is one of SURFACE.md's, `args` its checked parameters."""

    name: str
    kind: str
    args: Mapping[str, object] = field(default_factory=dict)
    line: int = 0
    test: Callable[..., Any] | None = field(default=None, compare=False, repr=False)
    """What `routing.signals.compiled` made of it, so that no call pays for that again; None: not yet."""
    mark: str = field(default="", compare=False, repr=False)
    """Of the definition, for kinds whose value a replay can take over only where nothing changed; else empty."""


@dataclass(frozen=True, slots=True)
class Name:
    """An expression: a signal by name, or `true` / `false`."""

    name: str


@dataclass(frozen=True, slots=True)
class Not:
    of: "Expression"


@dataclass(frozen=True, slots=True)
class And:
    parts: "tuple[Expression, ...]"


@dataclass(frozen=True, slots=True)
class Or:
    parts: "tuple[Expression, ...]"


Expression = Name | Not | And | Or


@dataclass(frozen=True, slots=True)
class Rule:
    name: str
    when: Expression
    route: str
    """high | fast | local | grade | pinned | asked | block | provider/model"""
    private: bool = False
    max_usd_per_call: Nanos | None = None
    on_failure: tuple[str, ...] = ("next",)
    """next | up | down | refuse"""
    observe: bool = False
    line: int = 0
    when_text: str = ""


@dataclass(frozen=True, slots=True)
class Budget:
    name: str
    scope: str
    """client | developer | department | project | session | session_tree | tier | model | all"""
    who: str = "each"
    """"each" or one name."""
    unit: str = "usd"
    """usd (limit in nanos) | calls | tokens; credits are usd at one cent each."""
    limit: int = 0
    per: str = "day"
    """minute | hour | day | week | month | session | ever"""
    on_exceed: str = "refuse"
    """downgrade | refuse | ask"""
    ask_timeout_s: float = 45.0
    line: int = 0
    in_credits: bool = False


@dataclass(frozen=True, slots=True)
class Loop:
    scope: str = "session"
    who: str = "each"
    turns: int | None = 200
    same_request: int | None = 4
    same_tool_call: int | None = 12
    usd: Nanos | None = Nanos(3_000_000_000)
    per_minute: int | None = 240
    on_exceed: str = "ask"
    ask_timeout_s: float = 45.0
    name: str = "loop guard"


@dataclass(frozen=True, slots=True)
class Grades:
    """[grade]"""

    abstain: str = "fast"
    confidence: float = 0.45
    safety: float = 0.3
    llm: str = "off"
    llm_timeout_s: float = 5.0
    plus: bool = False


@dataclass(frozen=True, slots=True)
class Context:
    """[context]"""

    compress_mode: str = "off"
    compress_after_turns: int = 10
    compress_to: str = "fast"
    reference_mode: str = "off"
    reference_over: Tokens = Tokens(8_000)


@dataclass(frozen=True, slots=True)
class Probe:
    ask: str
    expect: str
    line: int = 0


@dataclass(frozen=True, slots=True)
class RuleSet:
    """One version of the whole file; a call uses exactly one."""

    rules: tuple[Rule, ...]
    signals: Mapping[str, Signal] = field(default_factory=dict)
    budgets: tuple[Budget, ...] = ()
    loops: tuple[Loop, ...] = (Loop(),)
    grades: Grades = Grades()
    context: Context = Context()
    probes: tuple[Probe, ...] = ()
    hash: str = ""
