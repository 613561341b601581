"""Trains the fast grader: `python packaging/grader/train.py DATA.jsonl.gz... -o resources/grader/weights.bin`.

DATA holds lines {"prompt", "grade", "source", "licence"}. Rows whose licence does not allow shipping what was learned
from them are left out (the report counts them); our own request templates are added. Deterministic: same data, same
bytes. Needs numpy, scipy and scikit-learn, which the product itself does not.
"""

import argparse
import collections
import gzip
import json
import sys
import zlib
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from sklearn.linear_model import LogisticRegression

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "app"))

from templates import requests  # noqa: E402

from turnout.routing.calibration import CLIP  # noqa: E402
from turnout.routing.features import FEATURE_NAMES, Features, features  # noqa: E402
from turnout.routing.grade import MAGIC  # noqa: E402

GRADES = ("LOW", "MEDIUM", "HIGH")
REFUSED = ("own terms", "test use only", "research only", "-nc-", "without licen")
"""A licence that says one of these stays out of weights that ship."""

C = 0.2
MIN_SOURCES, MIN_ROWS = 3, 4
"""A word counts only if that many sources and rows use it: what one source alone says is its style, not the task."""
KEY_SCALE = 5.0
TEMPERATURE = 1.15
"""Softens the probabilities: the likelihood of held-out sources is best between 1.0 and 1.3."""
BALANCE = 0.5
"""A source's weight grows with its size to this power."""

Row = tuple[str, str, str]
"""Prompt, grade, source family."""


def family(source: str) -> str:
    if source.startswith("P3/"):
        return "P3/" + source[3:].split("_")[0]
    return source.split("/")[0] if source.startswith(("BBH", "FollowBench")) else source


def allowed(licence: str) -> bool:
    return not any(mark in licence.lower() for mark in REFUSED)


def read(paths: list[Path]) -> tuple[list[Row], collections.Counter[str]]:
    rows: list[Row] = []
    left_out: collections.Counter[str] = collections.Counter()
    for path in paths:
        opener = gzip.open if path.suffix == ".gz" else open
        with opener(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                row = json.loads(line)
                if row["grade"] not in GRADES:
                    continue
                if allowed(row["licence"]):
                    rows.append((row["prompt"], row["grade"], family(row["source"])))
                else:
                    left_out[row["licence"]] += 1
    return rows, left_out


def material(rows: list[Row]) -> tuple[list[str], list[str]]:
    """Real prose and programs out of the rows, for templates to lay beside instructions."""
    prose = [prompt[400:] for prompt, grade, _ in rows if grade == "MEDIUM" and len(prompt) > 1_500]
    programs: list[str] = []
    for prompt, grade, _ in rows:
        parts = prompt.split("```")
        if grade == "HIGH" and len(parts) >= 3:
            programs.append(parts[1].partition("\n")[2].strip()[:1_500])
    return prose, [one for one in programs if len(one) > 80]


class Model:
    def __init__(self, rows: list[Row], seen: list[Features] | None = None, near: "Model | None" = None) -> None:
        """`seen`: the features of the rows, where they are known already. `near`: a model of much the same rows, from which
        the fit then starts; it ends where it would have ended, sooner."""
        seen = seen or [features(prompt) for prompt, _, _ in rows]
        sources: dict[str, set[str]] = collections.defaultdict(set)
        counts: collections.Counter[str] = collections.Counter()
        for one, (_, _, source) in zip(seen, rows, strict=True):
            for key in one.keys:
                sources[key].add(source)
                counts[key] += 1
        self.keys = sorted(key for key, n in counts.items() if n >= MIN_ROWS and len(sources[key]) >= MIN_SOURCES)
        self.places = {key: at for at, key in enumerate(self.keys)}
        dense = np.array([one.dense for one in seen])
        self.mean = dense.mean(0)
        self.scale = 1 / (dense.std(0) + 1e-6)
        grades = np.array([GRADES.index(grade) for _, grade, _ in rows])
        self.fitted = LogisticRegression(C=C, max_iter=400, tol=1e-4, warm_start=near is not None)
        if near is not None:
            self.fitted.coef_, self.fitted.intercept_ = self._started(near), near.fitted.intercept_.copy()
        self.fitted.fit(self._matrix(seen), grades, sample_weight=self._weights(rows, grades))
        self.temperature = TEMPERATURE

    def _started(self, near: "Model") -> np.ndarray:
        count = len(FEATURE_NAMES)
        known = [(at, near.places[key]) for key, at in self.places.items() if key in near.places]
        start = np.zeros((len(GRADES), len(self.keys) + count))
        start[:, [at for at, _ in known]] = near.fitted.coef_[:, [at for _, at in known]]
        start[:, -count:] = near.fitted.coef_[:, -count:]
        return start

    @staticmethod
    def _weights(rows: list[Row], grades: np.ndarray) -> np.ndarray:
        counts = collections.Counter((source, grade) for _, grade, source in rows)
        weights = np.array([counts[source, grade] ** (BALANCE - 1) for _, grade, source in rows])
        for at in range(3):
            weights[grades == at] /= weights[grades == at].sum()
        return weights * len(rows) / 3

    def _matrix(self, seen: list[Features]) -> sp.csr_matrix:
        starts, columns, values = [0], [], []
        for one in seen:
            # In order: keys come from a set, and the order of a sum shows in its last digits.
            found = sorted(self.places[key] for key in one.keys if key in self.places)
            columns += found
            values += [KEY_SCALE / np.sqrt(len(found) + 1)] * len(found)
            starts.append(len(columns))
        sparse = sp.csr_matrix((values, columns, starts), shape=(len(seen), len(self.keys)))
        dense = np.clip((np.array([one.dense for one in seen]) - self.mean) * self.scale, -CLIP, CLIP)
        return sp.hstack([sparse, sp.csr_matrix(dense)]).tocsr()

    def logits(self, seen: list[Features]) -> np.ndarray:
        return self.fitted.decision_function(self._matrix(seen)) / self.temperature

    def dump(self, version: str, trained_on: str) -> bytes:
        against = self.fitted.coef_ - self.fitted.coef_[1]
        bias = self.fitted.intercept_ - self.fitted.intercept_[1]
        count = len(self.keys)
        low, high = against[0][:count] * KEY_SCALE, against[2][:count] * KEY_SCALE
        unit = float(max(abs(low).max(), abs(high).max()) / 127)
        small_low, small_high = np.rint(low / unit).astype(np.int8), np.rint(high / unit).astype(np.int8)
        kept = [at for at in range(count) if small_low[at] or small_high[at]]
        figures = lambda many: [float(f"{one:.6g}") for one in many]  # noqa: E731
        head = {
            "version": version,
            "trained_on": trained_on,
            "features": list(FEATURE_NAMES),
            "keys": len(kept),
            "unit": float(f"{unit:.8g}"),
            "mean": figures(self.mean),
            "scale": figures(self.scale),
            "dense_low": figures(against[0][count:]),
            "dense_high": figures(against[2][count:]),
            "bias": figures([bias[0], bias[2]]),
            "temperature": float(f"{self.temperature:.4g}"),
        }
        names = "\n".join(self.keys[at] for at in kept)
        plain = b"".join(
            (
                json.dumps(head, separators=(",", ":")).encode(),
                b"\n",
                names.encode(),
                small_low[kept].tobytes(),
                small_high[kept].tobytes(),
            )
        )
        return MAGIC + zlib.compress(plain, 9)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", nargs="+", type=Path)
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "resources" / "grader" / "weights.bin")
    args = parser.parse_args()
    rows, left_out = read(args.data)
    own = requests(*material(rows))
    model = Model(rows + own)
    counts = collections.Counter(source for _, _, source in rows)
    trained_on = f"{len(own)} own templates; " + "; ".join(f"{name} {n}" for name, n in sorted(counts.items()))
    args.output.write_bytes(model.dump("1", trained_on))
    print(f"{len(rows)} rows + {len(own)} from templates, {len(model.keys)} keys, {args.output.stat().st_size} bytes")
    for licence, n in left_out.items():
        print(f"left out {n}: {licence}")


if __name__ == "__main__":
    main()
