"""Dollars as people read them. Integers in, text out; nothing is added up here."""

from decimal import Decimal

from turnout.calls.units import Nanos

_NANOS = 1_000_000_000
MOST_USD = 1_000_000_000
"""A billion dollars: more in a budget is a slip, and sums of such amounts still fit 64 bits (9.2e18 nanos)."""


def dollars(nanos: int) -> str:
    """ "$5.00", "$0.069", "$0.0000125": at least two decimals, at least two significant digits, rounded half up."""
    sign, whole = ("-" if nanos < 0 else ""), abs(nanos)
    places = 2
    if whole < _NANOS:
        places = 3 if whole >= _NANOS // 100 else 9
    unit = 10 ** (9 - places)
    rounded = (whole + unit // 2) // unit
    text = f"{rounded // 10**places}.{rounded % 10**places:0{places}d}"
    while text.endswith("0") and len(text) - text.index(".") > 3:
        text = text[:-1]
    return f"{sign}${text}"


def nanos_of(amount: Decimal | int) -> Nanos:
    """Exact; raises ValueError with a readable reason for what no budget can be."""
    value = Decimal(amount)
    if not value.is_finite():
        raise ValueError("is not a number of dollars")
    if value < 0:
        raise ValueError("is negative")
    if value > MOST_USD:
        raise ValueError("is more than a billion dollars")
    if value and value.adjusted() < -9:
        raise ValueError("is finer than a billionth of a dollar")
    _, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    number = int("".join(map(str, digits)))
    shift = exponent + 9
    if shift >= 0:
        return Nanos(number * 10**shift)
    whole, rest = divmod(number, 10**-shift)
    if rest:
        raise ValueError("is finer than a billionth of a dollar")
    return Nanos(whole)
