"""The intent cache: what an ask was graded, by its hash. Bounded, kept across restarts by the ledger, counted."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace

from turnout.routing.facts import Grading

KEPT = 50_000


class Intents:
    """A hit is one dictionary look-up (well under the 0.05 ms allowed). `on_new` writes a fresh grade down."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Grading] = OrderedDict()
        self.hits = 0
        self.misses = 0
        self.on_new: Callable[[str, Grading], None] | None = None

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: str) -> Grading | None:
        """What comes out says that it was cached."""
        found = self._kept.get(key)
        if found is None:
            self.misses += 1
            return None
        self.hits += 1
        self._kept.move_to_end(key)
        if not found.cached:
            # Here, not in `load`: most asks never come again, and the copy costs as much as all the rest.
            found = self._kept[key] = replace(found, cached=True)
        return found

    def put(self, key: str, grading: Grading) -> None:
        self.load(key, grading)
        if self.on_new is not None:
            self.on_new(key, grading)

    def load(self, key: str, grading: Grading) -> None:
        self._kept[key] = grading
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)

    def clear(self) -> None:
        self._kept.clear()
