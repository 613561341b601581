"""What to book when a call ended: the provider's own figures where they can be believed, else our count. Pure."""

from dataclasses import replace

from turnout.calls.units import Nanos, Tokens
from turnout.calls.usage import Price, Usage, cost
from turnout.calls.values import frozen

ABSURD = 100_000_000
"""No call has ever held so many tokens; more than this is a broken counter or a lie."""


@frozen
class Counted:
    """Our own view of a call."""

    prompt: Tokens
    output: Tokens
    exact_prompt: bool = True
    """False: the prompt is a bound or holds images, which nobody can count; a smaller report is no reason to doubt."""


@frozen
class Settled:
    usage: Usage
    cost: Nanos
    charged: Nanos
    """What budgets are charged: the larger of what was reported and what we counted, while a report is in doubt."""
    estimated: bool = False
    disputed: bool = False


def plausible(usage: Usage) -> bool:
    total = 0
    for bucket in (
        usage.uncached,
        usage.cache_read,
        usage.cache_write_5m,
        usage.cache_write_1h,
        usage.output,
        usage.reasoning,
    ):
        if type(bucket) is not int or bucket < 0:
            return False
        total += bucket
    return total <= ABSURD


def doubtful(reported: Usage | None, size: int, *, streamed: bool) -> bool:
    """Whether the output must be counted here. `size`: of the answer, in bytes or characters.

    Counting every output would cost more than the rest of a call, so a report is checked when so much came for so few tokens as
    no dialect writes: a streamed token takes 150-250 bytes with its frame, a whole one some 5.
    """
    if reported is None or not plausible(reported) or reported.produced == 0:
        return True
    return size > 4_096 + reported.produced * (600 if streamed else 16)


def settle(reported: Usage | None, counted: Counted, price: Price | None, *, final: bool = True) -> Settled:
    """`final`: the answer came to its own end; else a usage told on the way is too small, and the output is our count.

    T19: zero, negative, absurd or missing usage never makes a call free and never bills 1e18 tokens."""
    own = Usage(uncached=counted.prompt, output=counted.output)
    rate = price if price is not None else _NOTHING
    own_cost = cost(own, rate)
    if reported is None or not plausible(reported):
        return Settled(own, own_cost, own_cost, estimated=True, disputed=reported is not None)
    if not final and reported.produced < counted.output:
        seen = replace(reported, output=Tokens(counted.output - reported.reasoning))
        return Settled(seen, cost(seen, rate), cost(seen, rate), estimated=True)
    paid = cost(reported, rate)
    silent = reported.prompt == 0 and counted.prompt > 0 and reported.produced == 0 and counted.output > 0
    unsaid = counted.prompt - reported.prompt if counted.exact_prompt and counted.prompt >= 64 else 0
    unsaid = unsaid if unsaid > reported.prompt else 0
    untold = counted.output - reported.produced if counted.output >= 64 else 0
    untold = untold if untold > reported.produced else 0
    if silent:
        return Settled(own, own_cost, own_cost, estimated=True, disputed=True)
    if unsaid or untold:
        # Only what is missing is added: a prompt that was read from a cache stays as cheap as it was reported.
        larger = cost(reported + Usage(uncached=Tokens(unsaid), output=Tokens(untold)), rate)
        return Settled(reported, paid, Nanos(max(paid, larger)), disputed=True)
    return Settled(reported, paid, paid)


_NOTHING = Price(0, 0, 0, 0, 0, 0)
