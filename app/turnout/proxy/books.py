"""Money in memory: what every budget bucket has settled and held. Rebuilt from the ledger at start, changed on the loop only.

One atomic step: between reading `used` and calling `hold` nothing is awaited, so two calls cannot spend the same credit (I02).
A hold ends exactly once (I03): `settle` of an unknown id changes nothing.
"""

from dataclasses import dataclass, field

from turnout.calls.units import Nanos, Tokens
from turnout.calls.values import frozen


@frozen
class Charge:
    """One bucket a call is charged to."""

    key: str
    unit: str
    """usd | calls | tokens"""


@frozen
class Amount:
    """What one call takes, in every unit a budget may count."""

    nanos: Nanos = Nanos(0)
    tokens: Tokens = Tokens(0)
    calls: int = 1

    def of(self, unit: str) -> int:
        if unit == "usd":
            return int(self.nanos)
        return int(self.tokens) if unit == "tokens" else self.calls


NOTHING = Amount(calls=0)


@dataclass(slots=True)
class Open:
    charges: tuple[Charge, ...]
    amount: Amount

    def counts_in(self, key: str) -> bool:
        return any(charge.key == key for charge in self.charges)


@dataclass(slots=True)
class Books:
    settled: dict[str, int] = field(default_factory=dict)
    held: dict[str, int] = field(default_factory=dict)
    added: dict[str, int] = field(default_factory=dict)
    """Credit the user added to a bucket, over its cap."""
    lost: dict[str, int] = field(default_factory=dict)
    """What a power cut left unknown in a bucket: it counts as spent until the user releases it."""
    open: dict[str, Open] = field(default_factory=dict)

    def used(self, key: str) -> int:
        return self.settled.get(key, 0) + self.held.get(key, 0) + self.lost.get(key, 0)

    @property
    def keys(self) -> set[str]:
        return {*self.settled, *self.held, *self.added, *self.lost}

    def hold(self, call_id: str, charges: tuple[Charge, ...], amount: Amount) -> None:
        """Opens a hold, or changes an open one (the next step of a plan has its own worst case)."""
        if call_id in self.open:
            self._closed(call_id)
        self._open(call_id, Open(charges, amount))

    def settle(self, call_id: str, amount: Amount) -> bool:
        """False when there is no such hold: it was settled before."""
        kept = self._closed(call_id)
        if kept is None:
            return False
        settled = self.settled
        for charge in kept.charges:
            key = charge.key
            settled[key] = settled.get(key, 0) + amount.of(charge.unit)
        return True

    def drop(self, call_id: str) -> bool:
        """Ends a hold of which nothing was, and nothing will be, spent."""
        return self._closed(call_id) is not None

    def release(self, call_id: str) -> bool:
        """Gives back what is held, at the user's word; the call goes on, and what it costs is counted when it settles."""
        kept = self._closed(call_id)
        if kept is None:
            return False
        self._open(call_id, Open(kept.charges, NOTHING))
        return True

    def _open(self, call_id: str, one: Open) -> None:
        self.open[call_id] = one
        held, amount = self.held, one.amount
        for charge in one.charges:
            key = charge.key
            held[key] = held.get(key, 0) + amount.of(charge.unit)

    def _closed(self, call_id: str) -> Open | None:
        kept = self.open.pop(call_id, None)
        if kept is None:
            return None
        held, amount = self.held, kept.amount
        for charge in kept.charges:
            key = charge.key
            rest = held.get(key, 0) - amount.of(charge.unit)
            if rest:
                held[key] = rest
            else:
                held.pop(key, None)
        return kept
