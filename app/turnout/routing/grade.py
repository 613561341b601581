"""The fast grader: LOW, MEDIUM or HIGH for an ask, with a confidence and a reason from a fixed list.

A linear model over `features.features`, weights as signed bytes in one file. Two logits are kept, LOW and HIGH each
against MEDIUM; a temperature fitted on sources the model had not seen makes the confidence honest. The safety dial
moves `safety` from LOW's logit to HIGH's: how dear a hard ask sent to a small model is.

What it cannot do: tell within one kind of work which question is harder; see `calibration` for that.
"""

import json
import math
import zlib
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import mul

from turnout.calls.units import Grade
from turnout.errors import SettingsError
from turnout.routing.calibration import Calibration, standardised
from turnout.routing.facts import Grading
from turnout.routing.features import FEATURE_NAMES, features
from turnout.routing.lexicon import CLASS_NAMES

MAGIC = b"turnout-grader 1\n"
SECOND_SHARE = 0.3
"""How much the second opinion weighs: by itself it is the weaker one, but it errs elsewhere."""

_GRADES = (Grade.LOW, Grade.MEDIUM, Grade.HIGH)
_NOTHING = "nothing to read"
_UNSURE = "no clear sign"

_CLASS_REASONS: Mapping[str, str] = {
    "build": "asks to build something",
    "fix": "asks to fix something",
    "refactor": "asks to rework something",
    "test": "asks for tests",
    "explain": "asks for an explanation",
    "summarise": "asks for a summary",
    "prose": "asks for prose",
    "creative": "creative writing",
    "rephrase": "asks to reword or translate",
    "compare": "asks to compare or discuss",
    "extract": "asks to pick something out",
    "classify": "asks for a label",
    "options": "offers options to choose from",
    "lookup": "looks up a fact",
    "errand": "an errand or tool request",
    "setting": "about a setting",
    "codeobject": "about code",
    "tech": "names a language or tool",
    "error": "shows an error",
    "math": "mathematics",
    "quantity": "arithmetic in words",
    "logic": "logic or reasoning",
    "design": "design or analysis",
    "passage": "about a given text",
    "step": "wants reasoned steps",
    "small": "small talk or a short reply",
    "writing": "asks to write",
    "constraint": "states constraints",
    "question": "a question",
    "data": "about data",
}
_SHAPE_REASONS: Mapping[str, str] = {
    "log_length": "long ask",
    "length": "long ask",
    "under_60": "short ask",
    "under_150": "short ask",
    "over_1500": "long text",
    "over_5000": "long text",
    "fenced": "holds code",
    "code_lines": "holds code",
    "identifiers": "holds code",
    "trace": "shows an error",
    "option_lines": "offers options to choose from",
    "speaker_lines": "holds a conversation",
    "latex": "mathematics",
    "arithmetic": "mathematics",
    "ends_asking": "a question",
}
_REASONS: tuple[str, ...] = tuple(
    _SHAPE_REASONS.get(name) or _CLASS_REASONS.get(name.removeprefix("asks_"), "") for name in FEATURE_NAMES
)
REASONS: frozenset[str] = frozenset((*filter(None, _REASONS), _NOTHING, _UNSURE))
"""Every reason there is; a reason never holds a word of the prompt that is not here."""


@dataclass(frozen=True, slots=True)
class Weights:
    """A model as `packaging/grader/train.py` wrote it."""

    version: str
    trained_on: str
    places: Mapping[str, int]
    """Where a key's weights stand; from 1 on, so that a key with none is what is false."""
    low: list[int]
    high: list[int]
    unit: float
    """What a weight of one is worth."""
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    dense_low: tuple[float, ...]
    dense_high: tuple[float, ...]
    bias: tuple[float, float]
    temperature: float
    speaks: tuple[tuple[float, ...], ...]
    """For LOW, MEDIUM and HIGH: how much each dense feature speaks for it against the other two; 0 where that is no reason."""


def _speaks(lows: Iterable[float], highs: Iterable[float]) -> tuple[tuple[float, ...], ...]:
    found = [
        [max(0.0, one) if label else 0.0 for one in (low - high / 2, 0.0 - (low + high) / 2, high - low / 2)]
        for label, low, high in zip(_REASONS, lows, highs, strict=True)
    ]
    return tuple(zip(*found, strict=True))


def read_weights(data: bytes) -> Weights:
    """Raises SettingsError when the file is not one of ours, is cut, or was made for other features."""
    hint = "Install Turnout again, or train the weights anew with packaging/grader/train.py."
    if not data.startswith(MAGIC):
        raise SettingsError("the grader's weights are not in a format this version reads", hint=hint)
    try:
        plain = zlib.decompress(data[len(MAGIC) :])
        head, _, rest = plain.partition(b"\n")
        meta = json.loads(head)
        count = int(meta["keys"])
        names, low, high = rest[: -2 * count], array("b", rest[-2 * count : -count]), array("b", rest[-count:])
        mean, scale, dense_low, dense_high = (
            tuple(map(float, meta[name])) for name in ("mean", "scale", "dense_low", "dense_high")
        )
        keys = names.decode().split("\n")
        weights = Weights(
            str(meta["version"]),
            str(meta["trained_on"]),
            dict(zip(keys, range(1, count + 1), strict=True)),
            [0, *low],
            [0, *high],
            float(meta["unit"]),
            mean,
            scale,
            dense_low,
            dense_high,
            (float(meta["bias"][0]), float(meta["bias"][1])),
            float(meta["temperature"]),
            _speaks(dense_low, dense_high),
        )
    except (zlib.error, ValueError, KeyError, TypeError, IndexError) as error:
        raise SettingsError(f"the grader's weights are damaged ({type(error).__name__})", hint=hint) from None
    if meta["features"] != list(FEATURE_NAMES) or not len(mean) == len(scale) == len(FEATURE_NAMES):
        raise SettingsError("the grader's weights were made for other features", hint=hint)
    return weights


@dataclass(frozen=True, slots=True)
class Grader:
    weights: Weights
    calibration: Calibration | None = None
    second: Callable[[str], tuple[float, float]] | None = None
    """A second opinion as log-odds of LOW and HIGH against MEDIUM (`plus`); see SECOND_SHARE."""

    @property
    def version(self) -> str:
        """Part of the intent cache's key: another model or calibration, another answer."""
        tail = f"+{self.calibration.version}" if self.calibration else ""
        return f"{self.weights.version}{'p' if self.second else ''}{tail}"

    def calibrated(self, calibration: Calibration | None) -> "Grader":
        return replace(self, calibration=calibration)

    def seconded(self, second: Callable[[str], tuple[float, float]] | None) -> "Grader":
        return replace(self, second=second)

    def grade(self, ask: str, *, tools: int = 0, safety: float = 0.3, confidence: float = 0.45) -> Grading:
        """`score` is P(HIGH), 0..1; below `confidence` (the likeliest grade's probability) the grade is None.

        `tools` is taken for the interface's sake: agents offer tools with every ask, so it says nothing of the work.
        """
        del tools
        if not ask.strip():
            return Grading(None, 0.0, 0.0, _NOTHING, (*features("").dense, 0.0, 0.0))
        seen = features(ask)
        far = standardised(seen.dense, self.weights.mean, self.weights.scale)
        plain = self._logits(seen.keys, far)
        said = plain if self.second is None else _blended(plain, self.second(ask))
        score = _softmax(*said)[2]
        # Both logits stand behind the features: a ledger row is then all that calibration needs, without the text.
        row = (*seen.dense, *plain)
        dialled = _softmax(said[0] - safety, said[1] + safety)
        best = max(range(3), key=dialled.__getitem__)
        sure = dialled[best]
        return Grading(
            _GRADES[best] if sure >= confidence else None,
            round(score, 6),
            round(sure, 6),
            self._reason(far, best),
            row,
            self.calibration.difficulty(row) if self.calibration else None,
            by="plus" if self.second else "fast",
        )

    def again(self, row: Sequence[float], *, safety: float, confidence: float) -> Grading | None:
        """The grade that a kept row of features (`Grading.features`) gets with today's dials and calibration, without the text;
        None where it was kept by another version."""
        if len(row) != len(FEATURE_NAMES) + 2:
            return None
        low, high = row[-2], row[-1]
        dialled = _softmax(low - safety, high + safety)
        best = max(range(3), key=dialled.__getitem__)
        return Grading(
            _GRADES[best] if dialled[best] >= confidence else None,
            round(_softmax(low, high)[2], 6),
            round(dialled[best], 6),
            "graded again",
            tuple(row),
            self.calibration.difficulty(tuple(row)) if self.calibration else None,
        )

    def _logits(self, keys: Iterable[str], far: list[float]) -> tuple[float, float]:
        """LOW's and HIGH's log-odds against MEDIUM."""
        weights = self.weights
        known = list(filter(None, map(weights.places.get, keys)))
        share = weights.unit / math.sqrt(len(known) + 1)
        low = weights.bias[0] + sum(map(weights.low.__getitem__, known)) * share
        high = weights.bias[1] + sum(map(weights.high.__getitem__, known)) * share
        low = sum(map(mul, far, weights.dense_low), low)
        high = sum(map(mul, far, weights.dense_high), high)
        return low / weights.temperature, high / weights.temperature

    def _reason(self, far: list[float], best: int) -> str:
        """The label of the feature that speaks most for the chosen grade against the other two."""
        gains = list(map(mul, far, self.weights.speaks[best]))
        most = max(gains)
        return _REASONS[gains.index(most)] if most > 0.05 else _UNSURE


def load_grader(weights: bytes) -> Grader:
    """From the bytes of `resources/grader/weights.bin`."""
    return Grader(read_weights(weights))


def answer(
    grader: Grader,
    row: Mapping[str, object],
    *,
    safety: float = 0.3,
    confidence: float = 0.45,
    abstain: Grade = Grade.MEDIUM,
) -> dict[str, object]:
    """One line of `turnout grade --jsonl`: an abstention prints the grade that the abstain rule's tier stands for.

    Once calibrated, `score` is the difficulty learned from the user's own calls; before, it is P(HIGH).
    """
    prompt = row.get("prompt")
    tools = row.get("tools")
    got = grader.grade(
        prompt if isinstance(prompt, str) else "",
        tools=len(tools) if isinstance(tools, list) else 0,
        safety=safety,
        confidence=confidence,
    )
    return {
        "id": row.get("id"),
        "grade": (got.grade or abstain).value,
        "score": got.score if got.difficulty is None else got.difficulty,
        "confidence": got.confidence,
        "reason": got.reason,
    }


def _blended(one: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
    rest = 1 - SECOND_SHARE
    return one[0] * rest + other[0] * SECOND_SHARE, one[1] * rest + other[1] * SECOND_SHARE


def _softmax(low: float, high: float) -> tuple[float, float, float]:
    top = max(low, 0.0, high)
    parts = (math.exp(low - top), math.exp(-top), math.exp(high - top))
    whole = sum(parts)
    return parts[0] / whole, parts[1] / whole, parts[2] / whole


assert len(CLASS_NAMES) == len(_CLASS_REASONS)
