"""Whether moving a conversation to another model pays, with what the provider has cached of it. Integer prices throughout.

    stay    H * r_A + d * w_A + o * p_A      H warm prefix, d new input, o output; r cache read, w cache write, p output
    switch  (H + d) * w_B + o * p_B          B has nothing cached

One turn ahead: a conversation that goes on pays back later (three turns for Opus 5 to Haiku 4.5 at 100k), but nobody knows
that it will, and the next boundary asks again with a longer answer at hand. With a lapsed cache A writes H anew as well.
A sovereign engine costs no money, so there time is the guard: prefill and answer within LOCAL_LIMIT_S.
"""

from turnout.calls.units import Nanos, Tokens
from turnout.calls.usage import FREE, Price
from turnout.calls.values import frozen
from turnout.routing.facts import Candidate, Memory
from turnout.routing.money import dollars

LOCAL_LIMIT_S = 90


@frozen
class Traffic:
    """What the next turn moves."""

    warm: Tokens
    """H: what the current model's provider holds cached; 0 once it has lapsed."""
    cold: Tokens
    """d: the rest of the prompt."""
    output: Tokens


@frozen
class Comparison:
    stay: Nanos
    switch: Nanos
    pays: bool
    text: str
    """Both sides, for people: "staying $0.069, switching $0.129"."""


def as_billed(counted: Tokens, memory: Memory) -> Tokens:
    """Our count in the provider's own tokens, by what it made of the last prompt: else half a warm prefix may look new.

    Tokenizers differ by a third and more; a ratio beyond 2 is no tokenizer's, so it counts as 2.
    """
    if not memory.billed:
        return counted
    if not memory.counted:
        # The last prompt was only bounded, not counted (the first half second of a run): much the same prompt is taken for as large.
        return memory.billed if memory.billed // 3 < counted < memory.billed * 3 else counted
    return Tokens(counted * min(max(memory.billed, memory.counted // 2), memory.counted * 2) // memory.counted)


def stay_cost(price: Price, traffic: Traffic) -> Nanos:
    at = price.at(Tokens(traffic.warm + traffic.cold))
    return _rounded(traffic.warm * at.cache_read + traffic.cold * _write(at) + traffic.output * _out(at))


def switch_cost(price: Price, traffic: Traffic) -> Nanos:
    at = price.at(Tokens(traffic.warm + traffic.cold))
    return _rounded((traffic.warm + traffic.cold) * _write(at) + traffic.output * _out(at))


def compare(current: Candidate, other: Candidate, traffic: Traffic) -> Comparison | None:
    """None where a price is not known: then money says nothing."""
    here, there = _price(current), _price(other)
    if here is None or there is None:
        return None
    stay, switch = stay_cost(here, traffic), switch_cost(there, traffic)
    pays = switch < stay
    text = f"staying {dollars(stay)}, switching {dollars(switch)}"
    waits = seconds(other, traffic)
    if pays and waits is not None and waits > LOCAL_LIMIT_S:
        return Comparison(stay, switch, False, f"{text}, but {waits:.0f} s on {other.name}")
    return Comparison(stay, switch, pays, text)


def seconds(candidate: Candidate, traffic: Traffic) -> float | None:
    """Prefill and answer on an engine whose speed is known."""
    if not candidate.prefill_per_s or not candidate.decode_per_s:
        return None
    return (traffic.warm + traffic.cold) / candidate.prefill_per_s + traffic.output / candidate.decode_per_s


def break_even(current: Price, other: Price, *, cold: int, output: int) -> int | None:
    """H*: the warm prefix above which a one-turn excursion loses; None: it always pays (writing there is no dearer than reading here)."""
    steep = _write(other) - current.cache_read
    if steep <= 0:
        return None
    return max(0, (cold * (_write(current) - _write(other)) + output * (_out(current) - _out(other))) // steep)


def _price(of: Candidate) -> Price | None:
    if of.price is not None:
        return of.price
    return FREE if of.sovereign else of.hold_price


def _write(price: Price) -> int:
    """Where writes are free the prompt is billed at the full input rate."""
    return max(price.cache_write_5m, price.uncached)


def _out(price: Price) -> int:
    return max(price.output, price.reasoning)


def _rounded(millionths: int) -> Nanos:
    return Nanos(-(-millionths // 1_000_000))
