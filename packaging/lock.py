"""Writes the hash-pinned lock files anew: `python packaging/lock.py` (needs uv). No index, host or path stands in them."""

import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def compile_lock(requirements: list[str], out: Path) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".in", delete=False) as file:
        file.write("\n".join(requirements))
    command = [
        "uv",
        "pip",
        "compile",
        "--universal",
        "--generate-hashes",
        "--no-header",
        "--no-annotate",
        "--python-version",
        "3.11",
    ]
    found = subprocess.run([*command, file.name], check=True, capture_output=True, text=True).stdout
    Path(file.name).unlink()
    lines = [
        line
        for line in found.splitlines()
        if not line.startswith(("--index", "--extra-index", "--find-links", "-i ", "-f "))
    ]
    out.write_text("\n".join(lines) + "\n")
    print(f"{out.name}: {sum(1 for line in lines if line and line[0].isalnum())} packages")


def main() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    run = [*project["project"]["dependencies"], *project["build-system"]["requires"], "editables>=0.5"]
    compile_lock(run, ROOT / "requirements.lock")
    compile_lock([*run, *project["dependency-groups"]["dev"]], ROOT / "requirements-dev.lock")


if __name__ == "__main__":
    sys.exit(main())
