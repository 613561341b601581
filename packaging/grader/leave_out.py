"""How the recipe does on a source it never saw: `python packaging/grader/leave_out.py TRAIN.jsonl.gz --beside EVAL.jsonl.gz`.

Each source of TRAIN is left out in turn, the model is fitted on the rest and our own templates, and grades what was left
out. Most sources hold one grade only, so each is graded together with the rows of the other grades in EVAL, which no
fit sees. Rows that may not ship (P3) are never trained on: they are more such sources. Takes some ten minutes.
"""

import argparse
import collections
import gzip
import json
from pathlib import Path

import numpy as np
from templates import requests
from train import GRADES, Model, Row, allowed, family, material

from turnout.routing.features import Features, features

SAFETY = 0.3
"""The default dial of the product."""


def read(path: Path) -> tuple[list[Row], list[Row]]:
    """Rows that may be trained on, and the others."""
    may: list[Row] = []
    others: list[Row] = []
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            (may if allowed(row["licence"]) else others).append((row["prompt"], row["grade"], family(row["source"])))
    return may, others


def dialled(logits: np.ndarray) -> np.ndarray:
    """Probabilities at the default dial."""
    moved = logits + np.array([-SAFETY, 0.0, SAFETY])
    parts = np.exp(moved - moved.max(1, keepdims=True))
    return parts / parts.sum(1, keepdims=True)


def auc(high: np.ndarray, score: np.ndarray) -> float:
    order = np.concatenate([score[high], score[~high]]).argsort(kind="stable").argsort(kind="stable") + 1.0
    count = int(high.sum())
    return float((order[:count].sum() - count * (count + 1) / 2) / (count * (len(high) - count)))


def figures(grades: np.ndarray, logits: np.ndarray) -> str:
    """Macro-F1, HIGH sent LOW, AUC of HIGH against the rest, accuracy on the 60 % it is surest of."""
    likely = dialled(logits)
    said = likely.argmax(1)
    parts = []
    for at in range(3):
        right = ((said == at) & (grades == at)).sum()
        parts.append(2 * right / max(1, (said == at).sum() + (grades == at).sum()))
    plain = np.exp(logits - logits.max(1, keepdims=True))
    surest = np.argsort(-likely.max(1), kind="stable")[: int(0.6 * len(grades))]
    high = grades == 2
    return (
        f"{np.mean(parts):.3f} | {100 * (said[high] == 0).mean():.1f} % | {auc(high, (plain / plain.sum(1, keepdims=True))[:, 2]):.3f} | "
        f"{(said == grades)[surest].mean():.3f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("train", type=Path)
    parser.add_argument("--beside", type=Path, required=True)
    args = parser.parse_args()
    may, others = read(args.train)
    beside = [row for part in read(args.beside) for row in part]
    own = requests(*material(may))
    seen: dict[str, Features] = {prompt: features(prompt) for prompt, _, _ in [*may, *others, *own, *beside]}
    left_grades: list[int] = []
    left_logits: list[np.ndarray] = []

    print("| left out | rows | right | macro-F1 | HIGH sent LOW | AUC | surest 60 % |\n|---|---|---|---|---|---|---|")

    def line(name: str, rows: list[Row], model: Model) -> None:
        grades = np.array([GRADES.index(grade) for _, grade, _ in rows])
        logits = model.logits([seen[prompt] for prompt, _, _ in rows])
        left_grades.extend(grades)
        left_logits.append(logits)
        right = (dialled(logits).argmax(1) == grades).mean()
        rest = [row for row in beside if GRADES.index(row[1]) not in set(grades)]
        both = np.concatenate([grades, [GRADES.index(grade) for _, grade, _ in rest]])
        more = model.logits([seen[prompt] for prompt, _, _ in rest]) if rest else np.zeros((0, 3))
        print(f"| {name} | {len(rows)} | {right:.3f} | {figures(both, np.vstack([logits, more]))} |", flush=True)

    whole = Model(may + own, [seen[prompt] for prompt, _, _ in may + own])
    for name in sorted({source for _, _, source in may}):
        kept = [row for row in may if row[2] != name] + own
        model = Model(kept, [seen[prompt] for prompt, _, _ in kept], near=whole)
        line(name, [row for row in may if row[2] == name], model)
    for name, rows in _by_source(others).items():
        line(name, rows, whole)
    print(f"| all of the above | {len(left_grades)} | | {figures(np.array(left_grades), np.vstack(left_logits))} |")
    grades = np.array([GRADES.index(grade) for _, grade, _ in beside])
    print(
        f"| (beside) | {len(beside)} | | {figures(grades, whole.logits([seen[prompt] for prompt, _, _ in beside]))} |"
    )


def _by_source(rows: list[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = collections.defaultdict(list)
    for row in rows:
        found[row[2]].append(row)
    return dict(sorted(found.items()))


if __name__ == "__main__":
    main()
