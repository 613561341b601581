"""Money in memory: what every budget bucket has settled and held. Rebuilt from the ledger at start, changed on the loop only.

One atomic step: between reading `used` and calling `hold` nothing is awaited, so two calls cannot spend the same credit (I02).
A hold ends exactly once (I03): `settle` of an unknown id changes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from turnout.calls.values import frozen


@frozen
class Charge:
    """One bucket a call is charged to, and what is held of it."""

    key: str
    unit: str
    """usd | calls | tokens"""
    held: int


def taken(nanos: int, tokens: int) -> dict[str, int]:
    """What one call takes, by each unit that a budget may count."""
    return {"usd": nanos, "tokens": tokens, "calls": 1}


@dataclass(slots=True)
class Books:
    settled: dict[str, int] = field(default_factory=dict)
    held: dict[str, int] = field(default_factory=dict)
    added: dict[str, int] = field(default_factory=dict)
    """Credit the user added to a bucket, over its cap."""
    lost: dict[str, int] = field(default_factory=dict)
    """What a power cut left unknown in a bucket: it counts as spent until the user releases it."""
    open: dict[str, tuple[Charge, ...]] = field(default_factory=dict)
    """Call -> what is held for it."""

    def used(self, key: str) -> int:
        used = self.settled.get(key, 0) + self.held.get(key, 0)
        return used + self.lost.get(key, 0) if self.lost else used

    def besides(self, call_id: str, key: str) -> int:
        """What is used of a bucket, but for this call's own hold."""
        used = self.used(key)
        for charge in self.open.get(call_id, ()):
            if charge.key == key:
                return used - charge.held
        return used

    @property
    def keys(self) -> set[str]:
        return {*self.settled, *self.held, *self.added, *self.lost}

    def hold(self, call_id: str, charges: tuple[Charge, ...]) -> None:
        """Opens a hold, or changes an open one (the next step of a plan has its own worst case)."""
        if call_id in self.open:
            self._closed(call_id)
        self.open[call_id] = charges
        held = self.held
        for charge in charges:
            key = charge.key
            held[key] = held.get(key, 0) + charge.held

    def settle(self, call_id: str, amounts: Mapping[str, int]) -> bool:
        """`amounts`: by unit. False when there is no such hold: it was settled before."""
        charges = self._closed(call_id)
        if charges is None:
            return False
        settled = self.settled
        for charge in charges:
            key = charge.key
            settled[key] = settled.get(key, 0) + amounts[charge.unit]
        return True

    def drop(self, call_id: str) -> bool:
        """Ends a hold of which nothing was, and nothing will be, spent."""
        return self._closed(call_id) is not None

    def release(self, call_id: str) -> bool:
        """Gives back what is held, at the user's word; the call goes on, and what it costs is counted when it settles."""
        charges = self._closed(call_id)
        if charges is None:
            return False
        self.hold(call_id, tuple(Charge(one.key, one.unit, 0) for one in charges))
        return True

    def _closed(self, call_id: str) -> tuple[Charge, ...] | None:
        charges = self.open.pop(call_id, None)
        if charges is None:
            return None
        held = self.held
        for charge in charges:
            key = charge.key
            rest = held.get(key, 0) - charge.held
            if rest:
                held[key] = rest
            else:
                held.pop(key, None)
        return charges
