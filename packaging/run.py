"""Sets up and runs Turnout from a checkout: `python3 packaging/run.py [turnout's own arguments]`."""

import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from _venv import PYTHON, ready, system_libraries


def main() -> None:
    ready("requirements.lock")
    if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        system_libraries()
    command = [str(PYTHON), "-m", "turnout", *sys.argv[1:]]
    if os.name == "nt":
        sys.exit(subprocess.call(command))
    os.execv(str(PYTHON), command)


if __name__ == "__main__":
    main()
