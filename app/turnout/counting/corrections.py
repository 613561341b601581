"""What a provider bills against what we counted: a ratio per model, learned from its own usage, so that estimates converge."""

from dataclasses import dataclass

from turnout.calls.units import Tokens

WEIGHT = 0.1
"""Of the newest observation; some 20 calls forget a wrong start."""


@dataclass(slots=True)
class Learned:
    ratio: float = 1.0
    error: float = 0.0
    """Mean absolute error of the corrected estimate, as a share of what was billed."""
    seen: int = 0


class Corrections:
    def __init__(self) -> None:
        self.models: dict[str, Learned] = {}

    def corrected(self, model: str, counted: Tokens) -> Tokens:
        """Held, never billed: rounded up, and never under our own count by more than a third."""
        found = self.models.get(model)
        if found is None or found.seen < 3:
            return counted
        return Tokens(int(counted * max(0.67, min(found.ratio, 3.0))) + 1)

    def observe(self, model: str, counted: int, billed: int) -> None:
        if counted <= 0 or billed <= 0:
            return
        found = self.models.setdefault(model, Learned())
        ratio = billed / counted
        if not 0.2 < ratio < 5:
            return
        off = abs(counted * found.ratio - billed) / billed
        weight = max(WEIGHT, 1 / (found.seen + 1))
        found.ratio += (ratio - found.ratio) * weight
        found.error += (off - found.error) * weight
        found.seen += 1
