import json
import random

import pytest

from turnout.errors import SettingsError
from turnout.routing.calibration import INPUT_NAMES, MIN_LABELS, Calibration, Label, captured, compare, fit

WIDTH = len(INPUT_NAMES)


def _labels(count: int, seed: int = 1) -> list[Label]:
    """The fourth feature says how much the strong model is needed; the rest is noise."""
    source = random.Random(seed)
    rows = [tuple(source.gauss(0, 1) for _ in range(WIDTH)) for _ in range(count)]
    return [Label(row, float(row[3] > 0)) for row in rows]


def test_the_feature_that_tells_need_ends_up_telling_difficulty() -> None:
    fitted = fit(_labels(400))
    easy, hard = [0.0] * WIDTH, [0.0] * WIDTH
    easy[3], hard[3] = -2.0, 2.0
    assert fitted.difficulty(easy) < fitted.difficulty(hard)


def test_before_and_after_are_judged_on_labels_the_fit_did_not_see() -> None:
    seen = compare(_labels(400))
    assert abs(seen.before - 0.5) < 0.08
    assert seen.after > 0.57
    assert seen.labels == 400


def test_what_the_labels_cannot_tell_is_not_made_up() -> None:
    source = random.Random(5)
    noise = [Label(label.features, float(source.random() < 0.5)) for label in _labels(300)]
    assert abs(compare(noise).after - 0.5) < 0.1


def test_few_labels_lean_on_the_prior_that_longer_is_harder() -> None:
    source = random.Random(2)
    rows = [tuple(source.gauss(0, 1) for _ in range(WIDTH)) for _ in range(MIN_LABELS)]
    fitted = fit([Label(row, float(at % 2)) for at, row in enumerate(rows)])
    short, long = [0.0] * WIDTH, [0.0] * WIDTH
    short[INPUT_NAMES.index("log_length")], long[INPUT_NAMES.index("log_length")] = -2.0, 2.0
    assert fitted.difficulty(short) < fitted.difficulty(long)


def test_a_calibration_survives_being_saved() -> None:
    fitted = fit(_labels(60))
    again = Calibration.from_json(fitted.to_json())
    assert again == fitted
    assert again.version == fitted.version


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", "null", '{"mean": [1], "scale": [], "weights": [1], "bias": 0, "labels": 1}', "not json"],
)
def test_a_damaged_calibration_is_refused_and_says_what_to_do(text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Calibration.from_json(text)
    assert "calibrate undo" in caught.value.hint


def test_a_calibration_with_a_number_that_is_none_is_refused() -> None:
    parts = json.loads(fit(_labels(40)).to_json())
    parts["bias"] = float("nan")
    with pytest.raises(SettingsError):
        Calibration.from_json(json.dumps(parts))


@pytest.mark.parametrize(
    "labels",
    [
        _labels(MIN_LABELS - 1),
        [Label((0.0,) * WIDTH, 1.0)] * 30,
        [Label((0.0,), float(at % 2)) for at in range(30)],
    ],
    ids=["too few", "all alike", "another version's features"],
)
def test_labels_that_teach_nothing_are_refused_with_a_hint(labels: list[Label]) -> None:
    with pytest.raises(SettingsError) as caught:
        fit(labels)
    assert caught.value.hint


def test_features_of_another_version_give_an_unknown_difficulty() -> None:
    assert fit(_labels(40)).difficulty((1.0, 2.0)) == 0.5


def test_a_feature_that_never_varies_does_no_harm() -> None:
    labels = [Label((7.0, *label.features[1:]), label.strong_needed) for label in _labels(60)]
    assert 0.0 <= fit(labels).difficulty((1e9,) * WIDTH) <= 1.0


@pytest.mark.parametrize(
    ("scores", "needs", "area"),
    [
        ([3, 2, 1, 0], [1, 1, 0, 0], 0.75),
        ([0, 1, 2, 3], [1, 1, 0, 0], 0.25),
        ([1, 1, 1, 1], [1, 0, 0, 1], 0.5),
        ([1, 2], [0, 0], 0.5),
        ([], [], 0.5),
    ],
)
def test_the_captured_need_is_the_area_under_its_curve(scores: list[float], needs: list[float], area: float) -> None:
    assert captured(scores, needs) == pytest.approx(area)
