"""Sets Turnout up in this checkout and runs it: `python3 packaging/run.py [COMMAND...]`. Standard library only.

The first run makes `.venv` and installs what `requirements.lock` pins by hash; later runs start at once.
"""

from __future__ import annotations

import os
import subprocess
import sys

from environment import ROOT, prepare


def main() -> int:
    command = [str(prepare("run")), "-m", "turnout", *sys.argv[1:]]
    environment = dict(os.environ, PYTHONPATH=str(ROOT / "app"))
    if os.name != "nt":
        os.execve(command[0], command, environment)
    return subprocess.run(command, env=environment).returncode


if __name__ == "__main__":
    sys.exit(main())
