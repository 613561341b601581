"""Sets up and passes the tests from a checkout: `python3 packaging/test.py [pytest's arguments]`."""

import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from _venv import PYTHON, ROOT, ready, system_libraries

CHECKS = (
    ("ruff", [str(PYTHON), "-m", "ruff", "check", "--quiet", "app", "tests", "packaging"]),
    ("mypy", [str(PYTHON), "-m", "mypy", "--strict", "-p", "turnout"]),
    ("import-linter", [str(PYTHON.with_name("lint-imports"))]),
)


def main() -> None:
    ready("requirements-dev.lock")
    system_libraries()
    environment = {**os.environ, "QT_QPA_PLATFORM": os.environ.get("QT_QPA_PLATFORM", "offscreen"), "MYPYPATH": "app"}
    failed = [name for name, command in CHECKS if not _passes(name, command, environment)]
    tests = subprocess.call(
        [str(PYTHON), "-m", "pytest", "-q", *sys.argv[1:]], cwd=ROOT, env=environment, stdin=subprocess.DEVNULL
    )
    if failed:
        print(f"These checks failed: {', '.join(failed)}", file=sys.stderr)
    sys.exit(tests or (1 if failed else 0))


def _passes(name: str, command: list[str], environment: dict[str, str]) -> bool:
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    print(f"{name}: {'ok' if done.returncode == 0 else 'FAILED'}", flush=True)
    if done.returncode:
        print(done.stdout[-6000:], done.stderr[-2000:], flush=True)
    return done.returncode == 0


if __name__ == "__main__":
    main()
