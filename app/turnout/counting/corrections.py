"""What a provider bills against what we counted, learned per model from its own usage, so that estimates converge.

A prompt is billed as text times the ratio of two tokenizers, and something for every message, for having tools, for each tool
and for each image. Those five are the state of a small Kalman filter; each settled call is a measurement of their sum. It
starts from what vendors document (4 tokens a message, 800 an image) and is within 2 % after some ten calls of one kind.
Estimates only hold: what is billed is settled from the provider's usage.
"""

import math
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import mul

from turnout.calls.units import Json, Tokens
from turnout.calls.values import frozen

IMAGE = 800
"""Prompt tokens that an image is taken for before its provider says; most charge 85 to 1,600."""
TRUSTED_AFTER = 3
"""Calls of a model until its correction is used."""
_START = (1.0, 4.0, 0.0, 8.0, float(IMAGE))
_SPREAD = (0.25, 4.0, 250.0, 25.0, 500.0)
"""How far each of them may be off at the start (one standard deviation)."""
_WANDER = 0.03
"""How far each may drift a call, as a share of its spread: some hundred calls forget a provider's old ways."""
_WIDEST = tuple(spread**2 for spread in _SPREAD)
_DRIFT = tuple((_WANDER * spread) ** 2 for spread in _SPREAD)
_NOISE_SHARE, _NOISE_TOKENS = 0.01, 4.0
_GOOD = 0.003
_WEIGHT = 0.1
"""Of the newest call in the error that is shown."""
_KEPT = 500


@frozen
class Shape:
    """A prompt as we counted it."""

    text: int
    """Tokens of all text."""
    turns: int = 0
    tools: int = 0
    images: int = 0

    @property
    def plain(self) -> Tokens:
        """Without anything learned."""
        return Tokens(self.text + IMAGE * self.images)

    @property
    def parts(self) -> tuple[float, float, float, float, float]:
        return (float(self.text), float(self.turns), float(self.tools > 0), float(self.tools), float(self.images))


def _spread() -> list[list[float]]:
    return [[_WIDEST[i] if i == j else 0.0 for j in range(5)] for i in range(5)]


@dataclass(slots=True)
class Learned:
    """Of one model."""

    weights: list[float] = field(default_factory=lambda: list(_START))
    spread: list[list[float]] = field(default_factory=_spread)
    """Covariance of the weights."""
    error: float = 0.0
    """Mean distance of the estimate from what was billed, as a share of it; the newest calls count most."""
    seen: int = 0

    def expected(self, shape: Shape) -> float:
        """Never below two thirds or above three times our own count."""
        plain = shape.text
        text, turns, any_tools, tools, images = self.weights
        said = text * plain + turns * shape.turns
        if shape.tools:
            said += any_tools + tools * shape.tools
        if shape.images:
            said += images * shape.images
            plain += IMAGE * shape.images
        return max(plain * 0.67, min(said, plain * 3.0 + 500.0)) if self.seen >= TRUSTED_AFTER else float(plain)

    def observe(self, shape: Shape, billed: int) -> float:
        """What was expected, before this call taught anything."""
        expected = self.expected(shape)
        off = abs(expected - billed) / billed
        self.error += (off - self.error) * max(_WEIGHT, 1 / (self.seen + 1))
        self.seen += 1
        # Else there is nothing to learn, and learning takes 6 us.
        if off >= _GOOD or self.seen <= 20:
            self._learn(shape, billed)
        return expected

    def _learn(self, shape: Shape, billed: int) -> None:
        """One step of the filter, its five columns written out: most calls teach something (10 us in loops, 6 so)."""
        u, v, w, x, y = shape.parts
        moved = [a * u + b * v + c * w + d * x + e * y for a, b, c, d, e in self.spread]
        p, q, r, s, t = moved
        total = u * p + v * q + w * r + x * s + y * t + (_NOISE_SHARE * billed + _NOISE_TOKENS) ** 2
        weights = self.weights
        miss = billed - sum(map(mul, weights, shape.parts))
        for i, (a, b, c, d, e) in enumerate(self.spread):
            gain = moved[i] / total
            weights[i] += gain * miss
            row = self.spread[i] = [a - gain * p, b - gain * q, c - gain * r, d - gain * s, e - gain * t]
            row[i] = max(row[i], 0.0) + _DRIFT[i] * (row[i] < _WIDEST[i])

    def json(self) -> Json:
        spread: list[Json] = [list(row) for row in self.spread]
        return {"weights": list(self.weights), "spread": spread, "error": self.error, "seen": self.seen}


class Corrections:
    """By `provider/model`."""

    def __init__(self) -> None:
        self.models: OrderedDict[str, Learned] = OrderedDict()

    def expected(self, model: str, shape: Shape) -> Tokens:
        """What the provider will likely bill."""
        found = self.models.get(model)
        if found is None or found.seen < TRUSTED_AFTER:
            return shape.plain
        return Tokens(math.ceil(found.expected(shape)))

    def held(self, model: str, shape: Shape) -> Tokens:
        """The same with its usual error on top: what a budget sets aside."""
        found = self.models.get(model)
        if found is None or found.seen < TRUSTED_AFTER:
            return shape.plain
        return Tokens(math.ceil(found.expected(shape) * (1.0 + min(found.error, 0.25))))

    def observe(self, model: str, shape: Shape, billed: int) -> Tokens | None:
        """What was expected of this call. None for what teaches nothing: no usage, or one so far off that it was counted by other
        rules."""
        plain = shape.plain
        if plain <= 0 or billed <= 0 or not 0.2 < billed / (plain + 50) < 5:
            return None
        found = self.models.get(model)
        if found is None:
            found = self.models[model] = Learned()
            if len(self.models) > _KEPT:
                self.models.popitem(last=False)
        return Tokens(math.ceil(found.observe(shape, billed)))

    def load(self, model: str, doc: Json) -> None:
        """What `Learned.json` gave; anything else is passed over: it is learned again in a few calls."""
        if not isinstance(doc, dict):
            return
        weights, spread, error, seen = (doc.get(key) for key in ("weights", "spread", "error", "seen"))
        rows = [_numbers(row) for row in spread] if isinstance(spread, list) else []
        kept = [row for row in rows if row is not None]
        known = _numbers(weights)
        if known is not None and len(kept) == 5 and isinstance(error, int | float) and isinstance(seen, int):
            self.models[model] = Learned(known, kept, float(error), seen)


def _numbers(value: object) -> list[float] | None:
    if not isinstance(value, Sequence) or len(value) != 5:
        return None
    found = [float(one) for one in value if isinstance(one, int | float) and math.isfinite(one)]
    return found if len(found) == 5 else None
