"""Grades JSON lines from stdin as `turnout grade --jsonl` does, without the rest of the product: for evaluate.py.

python packaging/grader/answer.py [WEIGHTS] < rows.jsonl
"""

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "app"))

from turnout.routing.grade import answer, load_grader  # noqa: E402


def main() -> None:
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "resources" / "grader" / "weights.bin"
    grader = load_grader(path.read_bytes())
    for line in sys.stdin:
        if line.strip():
            sys.stdout.write(json.dumps(answer(grader, json.loads(line))) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
