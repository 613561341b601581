"""A ledger row: everything that is known of a call once it ended. Never a word of the prompt or the answer."""

import re
from dataclasses import dataclass, field

from turnout.calls.units import Grade, Nanos, Status, Tier
from turnout.calls.usage import NO_TOKENS, Usage
from turnout.calls.values import frozen

_OWN = re.compile(r"[a-z-]+ of ")


@frozen
class Attempt:
    """One try at one engine. Its own row under the call."""

    provider: str
    model: str
    tier: Tier | None
    status: str
    """ok | refused | unreachable | timeout | status_NNN | broken | aborted"""
    hold: Nanos = Nanos(0)
    cost: Nanos = Nanos(0)
    usage: Usage = NO_TOKENS
    first_byte_ms: int | None = None
    duration_ms: int = 0
    error: str = ""


@dataclass(slots=True)
class CallRecord:
    """Filled in by `proxy.booking` until it is settled; from then on nobody changes it."""

    id: str
    at_ms: int
    client: str = ""
    developer: str = ""
    department: str = ""
    project: str = ""
    session: str = ""
    parent_session: str = ""
    dialect: str = ""
    asked_model: str = ""
    provider: str = ""
    model: str = ""
    tier: Tier | None = None
    grade: Grade | None = None
    score: float | None = None
    """The grader's P(HIGH)-like score, 0..1."""
    confidence: float | None = None
    difficulty: float | None = None
    """Difficulty within the task, 0..1, once calibrated."""
    rule: str = ""
    reason: str = ""
    status: Status = Status.HELD
    estimated: bool = False
    """The tokens are our own count: the provider reported none, or the call broke off."""
    disputed: bool = False
    """The provider's usage is missing, absurd or far from our count."""
    unpriced: bool = False
    """No price is known; the hold was at the dearest known price of the provider."""
    attempts: tuple[Attempt, ...] = ()
    usage: Usage = NO_TOKENS
    hold: Nanos = Nanos(0)
    cost: Nanos = Nanos(0)
    baseline: Nanos = Nanos(0)
    """What the asked (or the baseline) model would have cost, with its cache reads."""
    all_fast: Nanos = Nanos(0)
    overhead: Nanos = Nanos(0)
    """The grader's, summariser's and reference search's own calls, inside `cost`."""
    energy: Nanos = Nanos(0)
    """Electricity of a local call; not in `cost`."""
    estimate: int = 0
    """Prompt tokens we counted before the call."""
    first_byte_ms: int | None = None
    duration_ms: int = 0
    queue_ms: int = 0
    stream: bool = False
    dropped: tuple[str, ...] = ()
    error: str = ""
    code: str = ""
    """The refusal's or error's code."""
    switch: str = ""
    """Both sides of a switch decision: "staying $0.069, switching $0.129"."""
    observed: str = ""
    """What an observe-mode rule would have done: its route."""
    config: str = ""
    """Hash of the settings and rules in force."""
    signals: dict[str, str | float | int | bool] = field(default_factory=dict)
    features: tuple[float, ...] = ()
    """The grader's hand features: audit and replay work without the text."""
    buckets: tuple[str, ...] = ()
    """Keys of the budgets this call was charged to (`routing.budget.Bucket.key`)."""
    note: str = ""
    service: str = ""
    """The tier of service that was billed, where it is not the standard one."""
    busy_ms: int = 0
    """How long an engine of our own worked on it, as it says, else as measured here; 0 for a cloud."""
    graded_by: str = ""
    """cache (the intent cache knew the ask) | fast | plus | llm | none (the grader failed) | afterwards (no rule needed a grade; it
    came for the audit when the call was over); empty: there is none."""

    @property
    def own(self) -> bool:
        """A call of Turnout's own, made for another one: `note` says "grader of ID", "shadow of ID"."""
        return _OWN.match(self.note) is not None
