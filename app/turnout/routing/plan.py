"""What `decide` answers: a Plan to carry out, or a Need to fetch something and ask again. Refusals are raised."""

from dataclasses import field
from enum import Enum

from turnout.calls.units import Grade, Nanos, Tier, Tokens
from turnout.calls.values import frozen
from turnout.errors import Refusal
from turnout.routing.facts import Candidate


class Need(Enum):
    """A lazy signal that a rule which was reached reads; the pipeline fetches it and decides again."""

    TOKENS = "tokens"
    GRADE = "grade"
    SECRET = "secret"  # noqa: S105  a signal, not a password


@frozen
class Step:
    """One engine to try. The next step only before the first output byte."""

    candidate: Candidate
    hold: Nanos
    """Worst case of this step: prompt estimate + max output at its price; 0 for a sovereign engine without a price."""
    tokens: Tokens = Tokens(0)
    """The same in tokens: prompt estimate + max output."""
    max_output: Tokens | None = None
    """Told the engine as its limit, where a budget sets one; None: the client's own figure stands."""
    output: Tokens = Tokens(0)
    """Max output alone, of all answers together."""
    tier: Tier | None = None
    buckets: tuple[str, ...] = ()
    """Keys of the standings this very step is charged to: tier and model budgets differ from step to step."""


@frozen
class Plan:
    steps: tuple[Step, ...]
    rule: str
    reason: str
    """Readable, from fixed labels: "grade HIGH: asks for code", "pinned: a tool loop keeps its model"."""
    grade: Grade | None = None
    score: float | None = None
    confidence: float | None = None
    private: bool = False
    """No step leaves the walls, and the session is marked so."""
    pinned: bool = False
    switch: str = ""
    observed: str = ""
    clamped: Tokens | None = None
    buckets: tuple[str, ...] = ()
    """Keys of the standings this call is charged to; a refusal never gets here."""
    signals: dict[str, str | float | int | bool] = field(default_factory=dict)
    """Every signal that was computed and its value."""
    baseline: Candidate | None = None
    waits: str = ""
    """`on_exceed = "ask"`: what to wait for, as "name\\nkey" (a budget's name and bucket, or "loop..." and the session); empty: go on."""
    refusal: Refusal | None = None
    """Raise this when nobody answers what the plan waits for."""

    def why(self, step: Step) -> str:
        """The reason, with where a budget ends the output of this very step: of a dearer one it ends it earlier."""
        if step.max_output is None:
            return self.reason
        return f"{self.reason}; a budget ends its output at {int(step.max_output):,} tokens"
