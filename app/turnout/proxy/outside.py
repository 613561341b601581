"""What the state is given: the settings and rules in force, and the outside as functions."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import tzinfo

from turnout.calls.client import Call
from turnout.calls.provider import Provider
from turnout.calls.record import CallRecord
from turnout.calls.units import Json, Tokens
from turnout.calls.values import frozen
from turnout.counting.corrections import Corrections
from turnout.engines.engine import Engine
from turnout.proxy.roster import Catalogue
from turnout.proxy.sessions import Live
from turnout.routing.facts import Grading, SecretVerdict
from turnout.routing.rules import RuleSet
from turnout.settings.model import Settings


@frozen
class Config:
    """One version of settings and rules; a call uses exactly one (I20)."""

    settings: Settings
    rules: RuleSet
    rules_error: str = ""
    settings_error: str = ""

    hash: str = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "hash", f"{self.settings.hash}.{self.rules.hash}")


@dataclass(slots=True)
class Edges:
    """What the state needs of the outside, as functions, so that nothing here opens a file or a socket."""

    catalogue: Catalogue
    held: Callable[[CallRecord], Awaitable[None]]
    settle: Callable[[CallRecord], None]
    remember: Callable[[str, Live], None]
    count_now: Callable[[tuple[str, ...], str], Tokens | None]
    """Texts, model -> tokens, or None when that would take too long here."""
    count_slow: Callable[[tuple[str, ...], str], Tokens]
    """The same for a thread."""
    counts_exactly: Callable[[], bool]
    """False while `count_now` still answers with a byte bound."""
    corrections: Corrections
    """What providers bill against what is counted here."""
    scan: Callable[[tuple[str, ...]], SecretVerdict]
    grade: Callable[[Call, RuleSet], Grading]
    engine: Callable[[Provider], Engine]
    zone: Callable[[], tzinfo]
    keep: Callable[[str, str, Json], None]
    """Kind, key, value: written down to outlive this run."""
    counted: Callable[[str], None] = lambda _: None
    """Something was learned of how this model's provider counts."""
    told: Callable[[CallRecord], None] = lambda row: None
    """Whom else an ended call is told, once: the user's collector."""
    ungraded: Callable[[str, str], None] = lambda call, ask: None
    """An ended call whose ask nobody had to grade, and that ask."""
    keep_texts: Callable[[Call, bytes, Callable[[], str]], None] = lambda call, request, answer: None
    """What a call said and was answered, for clients whose texts are kept."""
    grader_version: Callable[[RuleSet], str] = lambda _: ""
    """Weights, calibration and dials in force: another one, another intent cache."""
