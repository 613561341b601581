"""Difficulty within one kind of work, learned from a user's own calls: ridge regression on the dense features.

Inside one benchmark the task grade says nothing of which question is harder (measured: it is worse than the prompt's
length alone), while a few hundred labels of one's own traffic do. A label is how much the stronger model was needed,
0..1: regenerated on a stronger tier, a thumb down, a retry, or a shadow comparison.
"""

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

from turnout.errors import SettingsError

MIN_LABELS = 20
_CLIP = 3.0


@dataclass(frozen=True, slots=True)
class Label:
    features: tuple[float, ...]
    """As `inputs` lays them out."""
    strong_needed: float


@dataclass(frozen=True, slots=True)
class Calibration:
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    """One over the standard deviation; 0 where a feature never varied."""
    weights: tuple[float, ...]
    bias: float
    labels: int

    @property
    def version(self) -> str:
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:8]

    def difficulty(self, row: Sequence[float]) -> float:
        """0..1; a row of another length than was fitted (another version's features) is 0.5: not known."""
        if len(row) != len(self.weights):
            return 0.5
        total = self.bias
        for value, mean, scale, weight in zip(row, self.mean, self.scale, self.weights, strict=True):
            if weight:
                total += max(-_CLIP, min(_CLIP, (value - mean) * scale)) * weight
        return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, 4.0 * (total - 0.5)))))

    def to_json(self) -> str:
        parts = {
            "mean": self.mean,
            "scale": self.scale,
            "weights": self.weights,
            "bias": self.bias,
            "labels": self.labels,
        }
        return json.dumps(parts, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> "Calibration":
        """Raises SettingsError when it is not one of ours."""
        try:
            parts = json.loads(text)
            lists = [tuple(map(float, parts[name])) for name in ("mean", "scale", "weights")]
            made = cls(lists[0], lists[1], lists[2], float(parts["bias"]), int(parts["labels"]))
        except (ValueError, TypeError, KeyError) as error:
            raise SettingsError(
                f"the saved calibration is damaged ({type(error).__name__})",
                hint="Run `turnout calibrate undo`, then calibrate again.",
            ) from None
        if not len(made.mean) == len(made.scale) == len(made.weights):
            raise SettingsError(
                "the saved calibration does not fit together",
                hint="Run `turnout calibrate undo`, then calibrate again.",
            )
        return made


def fit(labels: Sequence[Label], *, penalty: float = 60.0) -> Calibration:
    """Ridge in closed form. Raises SettingsError with fewer than MIN_LABELS labels, or when all labels agree."""
    if len(labels) < MIN_LABELS:
        raise SettingsError(
            f"{len(labels)} labels are too few to calibrate on",
            hint=f"Collect at least {MIN_LABELS}; about 200 make a difference.",
        )
    targets = [min(1.0, max(0.0, label.strong_needed)) for label in labels]
    if max(targets) - min(targets) < 1e-9:
        raise SettingsError("all labels say the same", hint="Calibration needs calls of both kinds.")
    count, width = len(labels), len(labels[0].features)
    mean = [math.fsum(label.features[at] for label in labels) / count for at in range(width)]
    spread = [
        math.sqrt(math.fsum((label.features[at] - mean[at]) ** 2 for label in labels) / count) for at in range(width)
    ]
    scale = [1.0 / one if one > 1e-6 else 0.0 for one in spread]
    rows = [
        [max(-_CLIP, min(_CLIP, (value - mean[at]) * scale[at])) for at, value in enumerate(label.features)]
        for label in labels
    ]
    middle = math.fsum(targets) / count
    gram = [[0.0] * width for _ in range(width)]
    right = [0.0] * width
    for row, target in zip(rows, targets, strict=True):
        for at, value in enumerate(row):
            if value:
                right[at] += value * (target - middle)
                line = gram[at]
                for other in range(at + 1):
                    line[other] += value * row[other]
    for at in range(width):
        gram[at][at] += penalty
    weights = _solve(gram, right)
    return Calibration(tuple(mean), tuple(scale), tuple(weights), middle, count)


def _solve(lower: list[list[float]], right: list[float]) -> list[float]:
    """Cholesky; `lower` holds the lower triangle of a positive definite matrix and is overwritten."""
    size = len(right)
    for row in range(size):
        for column in range(row + 1):
            total = lower[row][column] - math.fsum(lower[row][k] * lower[column][k] for k in range(column))
            lower[row][column] = math.sqrt(max(total, 1e-12)) if row == column else total / lower[column][column]
    forward = [0.0] * size
    for row in range(size):
        forward[row] = (right[row] - math.fsum(lower[row][k] * forward[k] for k in range(row))) / lower[row][row]
    answer = [0.0] * size
    for row in reversed(range(size)):
        below = math.fsum(lower[k][row] * answer[k] for k in range(row + 1, size))
        answer[row] = (forward[row] - below) / lower[row][row]
    return answer
