"""Money in memory: what every budget bucket has settled and held. Rebuilt from the ledger at start, changed on the loop only.

One atomic step: between reading `used` and calling `hold` nothing is awaited, so two calls cannot spend the same credit (I02).
A hold ends exactly once (I03): `settle` of an unknown id changes nothing.
"""

from collections.abc import Iterable
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
        return {"usd": int(self.nanos), "tokens": int(self.tokens), "calls": self.calls}[unit]


NOTHING = Amount(calls=0)


@dataclass(slots=True)
class Open:
    charges: tuple[Charge, ...]
    amount: Amount


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

    def hold(self, call_id: str, charges: Iterable[Charge], amount: Amount) -> None:
        """Opens a hold, or changes an open one (the next step of a plan has its own worst case)."""
        self._closed(call_id)
        self._open(call_id, Open(tuple(charges), amount))

    def settle(self, call_id: str, amount: Amount) -> bool:
        """False when there is no such hold: it was settled before."""
        kept = self._closed(call_id)
        if kept is None:
            return False
        for charge in kept.charges:
            self.settled[charge.key] = self.settled.get(charge.key, 0) + amount.of(charge.unit)
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
        for charge in one.charges:
            self.held[charge.key] = self.held.get(charge.key, 0) + one.amount.of(charge.unit)

    def _closed(self, call_id: str) -> Open | None:
        kept = self.open.pop(call_id, None)
        if kept is None:
            return None
        for charge in kept.charges:
            rest = self.held.get(charge.key, 0) - kept.amount.of(charge.unit)
            if rest:
                self.held[charge.key] = rest
            else:
                self.held.pop(charge.key, None)
        return kept
