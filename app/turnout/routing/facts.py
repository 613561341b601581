"""What `decide` may know: one frozen snapshot, taken with no await before the hold."""

from collections.abc import Callable, Mapping
from dataclasses import field
from datetime import datetime

from turnout.calls.units import Family, Grade, Mode, Nanos, Tier, Tokens
from turnout.calls.usage import Price
from turnout.calls.values import frozen
from turnout.routing.rules import Budget, Loop, RuleSet


@frozen
class Candidate:
    """A model at a provider, as settings, catalogue and health know it."""

    provider: str
    model: str
    """The name the provider knows; it may hold slashes and colons."""
    family: Family
    tier: Tier | None = None
    """The first tier that lists it; None: asked for by name only."""
    sovereign: bool = False
    price: Price | None = None
    """None: unpriced. `hold_price` then is the dearest known of its provider."""
    hold_price: Price | None = None
    services: tuple[tuple[str, Price], ...] = ()
    """Tiers of service (batch, flex, priority, fast) that cost something else than `price`."""
    context: Tokens | None = None
    """Window in tokens, prompt and output together; None: not known."""
    max_output: Tokens | None = None
    healthy: bool = True
    warm: bool = False
    tools: bool = True
    images: bool = True
    thinks: bool = True
    prefill_per_s: int | None = None
    """Prompt tokens a second, as measured on a local engine; None: not known."""
    decode_per_s: int | None = None
    name: str = field(init=False, compare=False, repr=False)
    """`provider/model`"""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", f"{self.provider}/{self.model}")


@frozen
class Roster:
    """Every model that can be reached now; tiers in the user's order."""

    tiers: Mapping[Tier, tuple[Candidate, ...]]
    named: Mapping[str, Candidate]
    """By `provider/model`, and by the model's own name where only one provider has it."""
    baseline: Candidate | None = None
    """What "the dear model" is for savings: the asked one, else the first of tier high."""


@frozen
class Grading:
    """What the grader (or the intent cache) said of the ask."""

    grade: Grade | None
    """None: it abstained."""
    score: float
    confidence: float
    reason: str
    """From the fixed list of labels, never words of the prompt."""
    features: tuple[float, ...] = ()
    difficulty: float | None = None
    cached: bool = False
    by: str = "fast"
    """fast | plus | llm | none (the grader failed)"""
    asked: str = ""
    """Id of the row of the LLM grader's own call, where it was asked for this very decision."""


@frozen
class Memory:
    """What is remembered of a session between its calls."""

    model: str = ""
    """`provider/model` of the last answer; empty: none yet."""
    tier: Tier | None = None
    grade: Grade | None = None
    ask_hash: str = ""
    """Of the ask that the last decision was made for."""
    sealed_by: Family | None = None
    private: bool = False
    """A secret or a `private` rule was seen: sticky for the rest of the conversation."""
    rule: str = ""
    last_at_ms: int = 0
    warm: Tokens = Tokens(0)
    """Prompt tokens the provider holds cached for this conversation, as last reported."""
    counted: Tokens = Tokens(0)
    """The last answer's prompt as we counted it, and as its provider billed it: no two tokenizers agree. 0: not known."""
    billed: Tokens = Tokens(0)
    cache_ttl_s: int = 300
    calls: int = 0
    thread: str = ""
    """Which of the session's conversations this is about (`routing.threads.key`); empty: not told apart."""
    threads: "tuple[Memory, ...]" = ()
    """Its other conversations, the latest first: subagents share their parent's session id in some clients."""


NOTHING_REMEMBERED = Memory()


@frozen
class Standing:
    """One budget bucket a call falls under, as it stands now (settled + held)."""

    budget: Budget
    key: str
    """Of the bucket: budget name, scope value, window start."""
    scope: str
    """The scope's value: the client's name, the session's id..."""
    used: int
    """In the budget's own unit: nanos for usd, else a count."""
    limit: int
    """The cap and what was added or carried for this window, same unit."""
    renews: datetime | None = None

    @property
    def left(self) -> int:
        return max(0, self.limit - self.used)


@frozen
class LoopStanding:
    """What the loop guard has counted for one session (or other scope) so far, this call not included."""

    loop: Loop
    scope: str
    turns: int = 0
    """Calls since the last truly new ask."""
    same_request: int = 0
    """How often this very request (retries apart) was seen already, in a row or not, since the last new ask."""
    same_tool_call: int = 0
    spent: Nanos = Nanos(0)
    per_minute: int = 0
    allowed_turns: int = 0
    """Raised by the user for this session, over the rule's own figure."""
    allowed_usd: Nanos = Nanos(0)
    stopped: bool = False


@frozen
class SecretVerdict:
    found: bool
    kinds: tuple[str, ...] = ()
    failed: bool = False
    """The scanner broke: counts as found (fail closed)."""


@frozen
class Facts:
    now: datetime
    """Aware, in the user's time zone; rules and budgets look no finer than minutes."""
    now_ms: int
    rules: RuleSet
    roster: Roster
    mode: Mode = Mode.AUTO
    memory: Memory = NOTHING_REMEMBERED
    standings: tuple[Standing, ...] = ()
    loops: tuple[LoopStanding, ...] = ()
    estimate: Tokens | None = None
    """Prompt tokens counted; None: not counted yet, `decide` answers Need(TOKENS) when it must know."""
    expected: Callable[[str], Tokens] | None = None
    """`provider/model` -> prompt tokens to set aside there, by what it billed before; None: the estimate."""
    grading: Grading | None = None
    """None: not graded yet."""
    secret: SecretVerdict | None = None
    likely_output: Tokens = Tokens(1_000)
    """Learned p95 of output for this client and model; `max_usd_per_call` compares with it."""
    ceiling_output: Tokens = Tokens(8_192)
    """Held when the client sends no max_tokens."""
    engine_health: Mapping[str, str] = field(default_factory=dict)
    """provider -> up | down | loading"""
    ask_hash: str = ""
    """`routing.conversation.ask_hash` of the ask, where the caller has it already; empty: made when it is needed."""

    def knowing(self, grading: Grading | None, secret: SecretVerdict | None) -> "Facts":
        """The same moment with what a rule asked for; `dataclasses.replace` takes four times as long."""
        return Facts(
            self.now,
            self.now_ms,
            self.rules,
            self.roster,
            self.mode,
            self.memory,
            self.standings,
            self.loops,
            self.estimate,
            self.expected,
            grading,
            secret,
            self.likely_output,
            self.ceiling_output,
            self.engine_health,
            self.ask_hash,
        )
