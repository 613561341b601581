"""Sets up what the tests need and runs every check: `python3 packaging/test.py [PYTEST ARGUMENTS]`. Standard library only.

Lint, import contracts, types, then the tests; all run even when one fails, and the exit code says whether any did.
`--desk` also installs (by apt) what the tests of the tray and the keyring need for a desktop of their own.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time

from environment import ROOT, install, missing_libraries, prepare, say

DESK = [
    *("xvfb", "xauth", "openbox", "xdotool", "wmctrl", "x11-utils", "imagemagick"),
    *("xfce4-panel", "dunst", "libnotify-bin", "dbus", "dbus-user-session", "gnome-keyring", "libsecret-tools"),
    *("chromium", "at-spi2-core", "python3-dbus", "python3-gi", "gir1.2-atspi-2.0", "python3-pyatspi"),
]


def main() -> int:
    arguments = sys.argv[1:]
    if "--desk" in arguments:
        arguments.remove("--desk")
        if not install(DESK):
            say("--desk needs root or a sudo without a password: apt install " + " ".join(DESK))
            return 1
    missing = missing_libraries()
    if missing and not install(missing):
        say("libraries are missing, and only root can install them: apt install " + " ".join(missing))
        return 1
    python = str(prepare("test"))
    bin_ = os.path.dirname(python)
    environment = dict(os.environ, PYTHONPATH=str(ROOT / "app"), PYTHONDONTWRITEBYTECODE="1")
    environment["PATH"] = bin_ + os.pathsep + environment.get("PATH", "")
    if not (environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY")):
        environment.setdefault("QT_QPA_PLATFORM", "offscreen")
    checks = (
        ("lint", [python, "-m", "ruff", "check", "."]),
        ("import contracts", [os.path.join(bin_, "lint-imports")]),
        ("types", [python, "-m", "mypy"]),
        # Real sockets, processes and windows on a machine that others load: a failure counts when it comes twice. Who needed
        # the second try is listed at the end.
        ("tests", [python, "-m", "pytest", "-raR", "--reruns", "1", "--durations", "15", *arguments]),
    )
    failed = []
    for name, command in checks:
        if name == "tests" and failed:
            say("failed so far: " + ", ".join(failed))
        start = time.monotonic()
        code = subprocess.run(command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL).returncode
        if code:
            failed.append(name)
        if name != "tests":
            say(f"{name}: {'FAILED' if code else 'good'}, {time.monotonic() - start:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
