"""What a call consumed and what that costs. Integers only: a float never touches money."""

from dataclasses import field

from turnout.calls.units import Nanos, Tokens
from turnout.calls.values import frozen


@frozen
class Usage:
    """Tokens one attempt consumed, in disjoint buckets: their sum is all tokens that are billed."""

    uncached: Tokens = Tokens(0)
    """Prompt tokens billed at the full input rate."""
    cache_read: Tokens = Tokens(0)
    cache_write_5m: Tokens = Tokens(0)
    cache_write_1h: Tokens = Tokens(0)
    output: Tokens = Tokens(0)
    """Visible output; reasoning is not in it."""
    reasoning: Tokens = Tokens(0)
    searches: int = 0
    """By the vendor's own tool, billed one by one; what they found is among the prompt's tokens."""

    @property
    def prompt(self) -> Tokens:
        return Tokens(self.uncached + self.cache_read + self.cache_write_5m + self.cache_write_1h)

    @property
    def produced(self) -> Tokens:
        return Tokens(self.output + self.reasoning)

    @property
    def total(self) -> int:
        return (
            self.uncached + self.cache_read + self.cache_write_5m + self.cache_write_1h + self.output + self.reasoning
        )

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            Tokens(self.uncached + other.uncached),
            Tokens(self.cache_read + other.cache_read),
            Tokens(self.cache_write_5m + other.cache_write_5m),
            Tokens(self.cache_write_1h + other.cache_write_1h),
            Tokens(self.output + other.output),
            Tokens(self.reasoning + other.reasoning),
            self.searches + other.searches,
        )


NO_TOKENS = Usage()


@frozen
class Price:
    """Nano-dollars per *million* tokens of each bucket, for prompts of at least `from_prompt` tokens.

    $2.50 per million tokens is 2_500_000_000. `source` says where it is from and of which day.
    """

    uncached: int
    cache_read: int
    cache_write_5m: int
    cache_write_1h: int
    output: int
    reasoning: int
    source: str = ""
    from_prompt: Tokens = Tokens(0)
    longer: "Price | None" = None
    """The next tier by context length, with a larger `from_prompt`; it prices the whole call."""
    per_call: int = 0
    """Nano-dollars a request, whatever its tokens (Perplexity)."""
    per_search: int = 0
    """Nano-dollars a search of the web by the vendor's own tool."""
    dearest_input: int = field(init=False, compare=False, repr=False)
    """What a token of a prompt costs at most, where nothing of it is marked to be cached for an hour."""
    dearest_output: int = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "dearest_input", max(self.uncached, self.cache_write_5m))
        object.__setattr__(self, "dearest_output", max(self.output, self.reasoning))

    def at(self, prompt: Tokens) -> "Price":
        """The tier that a prompt of this length is billed at."""
        price = self
        while price.longer is not None and prompt >= price.longer.from_prompt:
            price = price.longer
        return price


SERVICES = ("batch", "flex", "priority", "fast")
"""Tiers of service that are priced apart; whatever else a vendor calls one (default, auto, standard) is the standard one."""


def service_named(*names: str) -> str:
    """The first of the names that is a tier of service with a price of its own; empty: none is."""
    for name in names:
        if name in SERVICES:
            return name
    return ""


def dearer(one: Price, other: Price) -> Price:
    """The larger of the two in every bucket and at every prompt length."""
    starts = sorted({start for price in (one, other) for start in _starts(price)}, reverse=True)
    longer: Price | None = None
    for start in starts:
        a, b = one.at(start), other.at(start)
        longer = Price(
            max(a.uncached, b.uncached),
            max(a.cache_read, b.cache_read),
            max(a.cache_write_5m, b.cache_write_5m),
            max(a.cache_write_1h, b.cache_write_1h),
            max(a.output, b.output),
            max(a.reasoning, b.reasoning),
            one.source,
            start,
            longer,
            max(a.per_call, b.per_call),
            max(a.per_search, b.per_search),
        )
    assert longer is not None
    return longer


def _starts(price: Price | None) -> "list[Tokens]":
    found = []
    while price is not None:
        found.append(price.from_prompt)
        price = price.longer
    return found


FREE = Price(0, 0, 0, 0, 0, 0, source="local: no per-token price")


def cost(usage: Usage, price: Price) -> Nanos:
    """The sum over buckets, rounded up once: rounding each bucket up overstates a call by as much as five nanos."""
    tier = price if price.longer is None else price.at(usage.prompt)
    millionths = (
        usage.uncached * tier.uncached
        + usage.cache_read * tier.cache_read
        + usage.cache_write_5m * tier.cache_write_5m
        + usage.cache_write_1h * tier.cache_write_1h
        + usage.output * tier.output
        + usage.reasoning * tier.reasoning
    )
    return Nanos(-(-millionths // 1_000_000) + tier.per_call + usage.searches * tier.per_search)
