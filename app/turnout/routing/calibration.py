"""Difficulty within one kind of work, learned from a user's own calls: ridge regression on the dense features.

Inside one benchmark the task grade says nothing of which question is harder (measured: it does worse than the prompt's
length alone), while a few hundred labels of one's own traffic do. A label is how much the stronger model was needed,
0..1: regenerated on a stronger tier, a thumb down, a retry, or a shadow comparison.

Few labels and many features: so a weak prior speaks first (longer, with more clauses, persons and negations: harder),
the dozen features that told most across benchmarks are let loose early, and the rest must earn their weight. With 200
labels the area under the curve of strong calls against gain (APGR, 0.5 is chance) came to 0.61 on MMLU, 0.61 on GSM8K
and 0.63 on RouterArena, means of 12 splits; by length alone it is 0.59, 0.60 and 0.52.
"""

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from operator import mul, sub

from turnout.errors import SettingsError
from turnout.routing.features import FEATURE_NAMES

MIN_LABELS = 20
INPUT_NAMES: tuple[str, ...] = (*FEATURE_NAMES, "logit_low", "logit_high")
"""What a row's features are, in order: the dense ones and the grader's two logits."""

CLIP = 3.0
"""A feature further than this from its mean, in standard deviations, counts as this far."""
_FREE_PENALTY, _PENALTY = 500.0, 4_000.0
_FREE = (
    "log_length",
    "distinct_words",
    "log_lines",
    "logit_high",
    "long_words",
    "numbers",
    "longest_number",
    "numbers_in_words",
    "negations",
    "persons",
    "commas",
    "sentence_length",
)
_PRIOR = {"log_length": 0.06, "distinct_words": -0.04, "commas": 0.04, "persons": 0.03, "negations": 0.03}
"""In standard deviations of the labels for each of the feature's."""
_FOLDS = 5
_HINT = "Run `turnout calibrate undo`, then calibrate again."


@dataclass(frozen=True, slots=True)
class Label:
    """One call of the user's, as the ledger kept it; no text is needed."""

    features: tuple[float, ...]
    """`Grading.features`: of INPUT_NAMES."""
    strong_needed: float
    """0..1; how much the stronger model was needed."""


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
        """0..1 for a row's features; those of another version than was fitted give 0.5: not known."""
        if len(row) != len(self.weights):
            return 0.5
        total = sum(map(mul, standardised(row, self.mean, self.scale), self.weights), self.bias)
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
            mean, scale, weights = (tuple(map(float, parts[name])) for name in ("mean", "scale", "weights"))
            made = cls(mean, scale, weights, float(parts["bias"]), int(parts["labels"]))
        except (ValueError, TypeError, KeyError) as error:
            raise SettingsError(f"the saved calibration is damaged ({type(error).__name__})", hint=_HINT) from None
        if not len(mean) == len(scale) == len(weights):
            raise SettingsError("the saved calibration does not fit together", hint=_HINT)
        if not all(map(math.isfinite, (*mean, *scale, *weights, made.bias))):
            raise SettingsError("the saved calibration holds numbers that are none", hint=_HINT)
        return made


def standardised(row: Sequence[float], mean: Sequence[float], scale: Sequence[float]) -> list[float]:
    """How far each feature lies from its mean, in standard deviations, at most CLIP. `scale`: one over the deviation."""
    least, most = -CLIP, CLIP
    far = map(mul, map(sub, row, mean), scale)
    return [one if least <= one <= most else math.copysign(most, one) for one in far]


@dataclass(frozen=True, slots=True)
class Comparison:
    """How well calls that needed the strong model come first: 0.5 is chance, and few can come near 1.0."""

    before: float
    """By the task score alone."""
    after: float
    """By the calibrated difficulty, each label judged by a fit that did not see it."""
    labels: int


def fit(labels: Sequence[Label]) -> Calibration:
    """In closed form. Raises SettingsError with fewer than MIN_LABELS labels, or when all of them agree."""
    _check(labels)
    needs = [min(1.0, max(0.0, label.strong_needed)) for label in labels]
    count, width = len(labels), len(INPUT_NAMES)
    columns = list(map(list, zip(*(label.features for label in labels), strict=True)))
    mean = [math.fsum(column) / count for column in columns]
    spread = [
        math.sqrt(math.fsum((one - middle) ** 2 for one in column) / count)
        for column, middle in zip(columns, mean, strict=True)
    ]
    scale = [1.0 / one if one > 1e-6 else 0.0 for one in spread]
    for column, middle, unit in zip(columns, mean, scale, strict=True):
        column[:] = [max(-CLIP, min(CLIP, (one - middle) * unit)) for one in column]
    middle = math.fsum(needs) / count
    deviation = math.sqrt(math.fsum((need - middle) ** 2 for need in needs) / count)
    prior = [_PRIOR.get(name, 0.0) * deviation for name in INPUT_NAMES]
    # Ridge towards the prior is ridge towards zero on what the prior leaves unexplained.
    left = [need - middle for need in needs]
    for column, weight in zip(columns, prior, strict=True):
        if weight:
            left = [rest - weight * one for rest, one in zip(left, column, strict=True)]
    lower = [[math.fsum(map(mul, columns[row], columns[other])) for other in range(row + 1)] for row in range(width)]
    for at, name in enumerate(INPUT_NAMES):
        lower[at][at] += _FREE_PENALTY if name in _FREE else _PENALTY
    moved = _solve(lower, [math.fsum(map(mul, column, left)) for column in columns])
    weights = tuple(start + move for start, move in zip(prior, moved, strict=True))
    return Calibration(tuple(mean), tuple(scale), weights, middle, count)


def compare(labels: Sequence[Label]) -> Comparison:
    """Before and after, cross-validated. Raises SettingsError as `fit` does."""
    _check(labels)
    after = [0.0] * len(labels)
    for fold in range(_FOLDS):
        others = [label for at, label in enumerate(labels) if at % _FOLDS != fold]
        if len({label.strong_needed for label in others}) < 2 or len(others) < MIN_LABELS // 2:
            continue
        fitted = fit(others) if len(others) >= MIN_LABELS else fit((*others, *others))
        for at in range(fold, len(labels), _FOLDS):
            after[at] = fitted.difficulty(labels[at].features)
    needs = [label.strong_needed for label in labels]
    return Comparison(
        captured([_task_score(label.features) for label in labels], needs), captured(after, needs), len(labels)
    )


def captured(scores: Sequence[float], needs: Sequence[float]) -> float:
    """The area under the share of need met against the share of calls sent to the strong model, dearest score first.

    0.5 for scores that know nothing; ties share what they meet.
    """
    total = math.fsum(needs)
    if not needs or total <= 0:
        return 0.5
    groups: dict[float, tuple[int, float]] = {}
    for score, need in zip(scores, needs, strict=True):
        count, met = groups.get(score, (0, 0.0))
        groups[score] = (count + 1, met + need)
    area = reached = 0.0
    for score in sorted(groups, reverse=True):
        count, met = groups[score]
        area += count * (reached + met / 2)
        reached += met
    return area / (len(needs) * total)


def _task_score(row: Sequence[float]) -> float:
    """P(HIGH) as log-odds, near enough to order calls by."""
    low, high = row[-2:]
    return high - math.log1p(math.exp(min(low, 50.0)))


def _check(labels: Sequence[Label]) -> None:
    if len(labels) < MIN_LABELS:
        raise SettingsError(
            f"{len(labels)} labels are too few to calibrate on",
            hint=f"Collect at least {MIN_LABELS}; about 200 make a difference.",
        )
    if any(len(label.features) != len(INPUT_NAMES) for label in labels):
        raise SettingsError(
            "some labels were kept by another version of the grader", hint="Leave the calls of that version out."
        )
    if len({label.strong_needed for label in labels}) < 2:
        raise SettingsError("all labels say the same", hint="Calibration needs calls of both kinds.")


def _solve(lower: list[list[float]], right: list[float]) -> list[float]:
    """Cholesky; `lower` holds the lower triangle of a positive definite matrix and is overwritten."""
    size = len(right)
    for row in range(size):
        here = lower[row]
        for column in range(row):
            there = lower[column]
            here[column] = (here[column] - math.fsum(map(mul, here[:column], there))) / there[column]
        here[row] = math.sqrt(max(here[row] - math.fsum(one * one for one in here[:row]), 1e-12))
    forward = [0.0] * size
    for row in range(size):
        forward[row] = (right[row] - math.fsum(map(mul, lower[row], forward[:row]))) / lower[row][row]
    answer = [0.0] * size
    for row in reversed(range(size)):
        below = math.fsum(lower[k][row] * answer[k] for k in range(row + 1, size))
        answer[row] = (forward[row] - below) / lower[row][row]
    return answer
