"""What to book when a call ended: the provider's own figures where they can be believed, else our count. Pure."""

from dataclasses import replace

from turnout.calls.units import Nanos, Tokens
from turnout.calls.usage import Price, Usage, cost
from turnout.calls.values import frozen

ABSURD = 100_000_000
"""No call has ever held so many tokens; more than this is a broken counter or a lie."""
TIMES, UNSEEN = 3, 10_000
"""A prompt billed at more than so many times our count and so many tokens is far from it: no two tokenizers differ by that, and no
vendor adds so much of its own. So is output so far past the limit that was asked for."""


@frozen
class Counted:
    """Our own view of a call."""

    prompt: Tokens
    output: Tokens
    exact_prompt: bool = True
    """False: the prompt is a bound or holds images, which nobody can count; a smaller report is no reason to doubt."""
    whole_prompt: bool = True
    """False: the engine may have read more than was sent (its own tools' findings, a conversation it keeps)."""
    sound: bool = False
    """The report was found plausible already, and fits what came (`doubtful`)."""
    limit: int = ABSURD
    """The most output that was asked for, of all answers together."""


@frozen
class Settled:
    usage: Usage
    cost: Nanos
    charged: Nanos
    """What budgets are charged: the larger of what was reported and what we counted, while a report is in doubt."""
    estimated: bool = False
    disputed: bool = False


def plausible(usage: Usage) -> bool:
    uncached, read, output, reasoning = usage.uncached, usage.cache_read, usage.output, usage.reasoning
    short, long = usage.cache_write_5m, usage.cache_write_1h
    total = uncached + read + short + long + output + reasoning
    # One that is no integer makes the sum none.
    return (
        type(total) is int
        and total <= ABSURD
        and uncached >= 0
        and read >= 0
        and short >= 0
        and long >= 0
        and output >= 0
        and reasoning >= 0
    )


def doubtful(reported: Usage | None, size: int, *, streamed: bool) -> bool:
    """Whether the output must be counted here. `size`: of the answer, in bytes or characters.

    Counting every output would cost more than the rest of a call, so a report is checked when so much came for so few tokens as
    no dialect writes: a streamed token takes 150-250 bytes with its frame, a whole one some 5.
    """
    if reported is None or not plausible(reported):
        return True
    produced = reported.output + reported.reasoning
    return produced == 0 or size > (4_096 + produced * 600 if streamed else 1_024 + produced * 16)


def settle(reported: Usage | None, counted: Counted, price: Price | None, *, final: bool = True) -> Settled:
    """`final`: the answer came to its own end; else a usage told on the way is too small, and the output is our count.

    T19: zero, negative, absurd or missing usage never makes a call free and never bills 1e18 tokens."""
    rate = price if price is not None else _NOTHING
    if reported is None or not (counted.sound or plausible(reported)):
        return _as_counted(counted, rate, disputed=reported is not None)
    prompt, produced = reported.prompt, reported.produced
    if not final and produced < counted.output:
        seen = replace(reported, output=Tokens(counted.output - reported.reasoning))
        told_less = cost(seen, rate)
        return Settled(seen, told_less, told_less, estimated=True)
    if prompt == 0 and counted.prompt > 0 and produced == 0 and counted.output > 0:
        return _as_counted(counted, rate, disputed=True)
    paid = cost(reported, rate)
    unsaid = _missing(counted.prompt, prompt) if counted.exact_prompt else 0
    untold = _missing(counted.output, produced)
    if unsaid or untold:
        # Only what is missing is added: a prompt that was read from a cache stays as cheap as it was reported.
        larger = cost(reported + Usage(uncached=Tokens(unsaid), output=Tokens(untold)), rate)
        return Settled(reported, paid, Nanos(max(paid, larger)), disputed=True)
    most = TIMES * counted.prompt + UNSEEN if counted.exact_prompt and counted.whole_prompt else ABSURD
    far = prompt > most or produced > TIMES * counted.limit + UNSEEN
    return Settled(reported, paid, paid, False, far)


def _missing(counted: int, told: int) -> int:
    """What a figure lacks of our count, when that is more than tokenizers differ by. Of few tokens only none at all says something."""
    lacking = counted - told
    return lacking if lacking > told and (counted >= 64 or not told) else 0


def _as_counted(counted: Counted, rate: Price, *, disputed: bool) -> Settled:
    own = Usage(uncached=counted.prompt, output=counted.output)
    own_cost = cost(own, rate)
    return Settled(own, own_cost, own_cost, estimated=True, disputed=disputed)


_NOTHING = Price(0, 0, 0, 0, 0, 0)
