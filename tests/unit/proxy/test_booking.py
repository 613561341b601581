"""What a call is booked as: the parts that need no engine."""

from turnout.calls.units import Nanos, Tokens
from turnout.calls.usage import Price, Usage, cost
from turnout.proxy.booking import Progress, at_price
from turnout.proxy.settling import Settled

PAID = Price(2_000_000, 0, 0, 0, 8_000_000, 8_000_000)
OTHER = Price(4_000_000, 0, 0, 0, 16_000_000, 16_000_000)
USED = Usage(Tokens(1_000), output=Tokens(100))


def progress(price: Price | None, usage: Usage = USED) -> Progress:
    made = Progress()
    made.usage, made.price = usage, price
    made.settled = Settled(USED, cost(USED, PAID), cost(USED, PAID))
    return made


def test_at_the_price_that_was_paid_a_call_costs_what_it_did() -> None:
    assert at_price(PAID, progress(PAID)) == cost(USED, PAID)


def test_at_another_price_all_that_was_used_is_reckoned_anew() -> None:
    assert at_price(OTHER, progress(PAID)) == cost(USED, OTHER)


def test_after_two_attempts_the_last_ones_cost_is_not_taken_for_both() -> None:
    assert at_price(PAID, progress(None, USED + USED)) == cost(USED + USED, PAID)


def test_every_call_begins_with_values_of_its_own() -> None:
    one, other = Progress(), Progress()
    one.spent, one.held, one.charged = Nanos(5), True, ("key",)
    assert (other.spent, other.held, other.charged, other.attempts, other.row) == (0, False, (), (), None)
