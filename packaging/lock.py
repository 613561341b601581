"""Writes the lock files anew from pyproject.toml: `.venv/bin/python packaging/lock.py [--upgrade]`. Needs `uv` on the PATH.

Universal: one file for every platform and Python from 3.11 on, each package with the hashes of all its files. The file names
no index and no folder: which ones are used is the business of whoever installs.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from environment import LOCKS, ROOT

COMMON = ["--universal", "--generate-hashes", "--python-version", "3.11", "--no-annotate", "--quiet"]
COMMON += ["--no-emit-index-url", "--custom-compile-command", "python3 packaging/lock.py"]


def main() -> int:
    uv = shutil.which("uv") or str(Path(sys.executable).parent / "uv")
    run, test = LOCKS["run"], LOCKS["test"]
    project = [uv, "pip", "compile", "pyproject.toml", *COMMON, *sys.argv[1:]]
    tools = [uv, "pip", "compile", *COMMON, *sys.argv[1:]]
    # The larger set first; the smaller one is then held to the same versions. What is packaged is what is locked to run.
    for command in (
        [*project, "--group", "dev", "-o", test],
        [*project, "-c", test, "-o", run],
        [*project, "--group", "build", "-c", run, "-o", LOCKS["build"]],
        [*tools, "--group", "audit", "-o", LOCKS["audit"]],
    ):
        if subprocess.run(command, cwd=ROOT).returncode != 0:
            return 1
    for name in LOCKS.values():
        wrong = [line for line in (ROOT / name).read_text().splitlines() if "://" in line or line.startswith("--")]
        if wrong:
            print(f"{name} names a place: {wrong[0]}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
