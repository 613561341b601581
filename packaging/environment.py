"""The virtual environment of a checkout: made once, kept in step with the lock files. Standard library only.

Must be readable by older Pythons too: they get as far as `python()`, which finds a newer one or says what to install.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
OLDEST = (3, 11)
LOCKS = {
    "run": "requirements.lock",
    "test": "requirements-dev.lock",
    "build": "packaging/build.lock",
    "audit": "packaging/audit.lock",
}
APART = {"build": ROOT / "build" / "environment", "audit": ROOT / "build" / "audit-environment"}
"""Tools of packaging live in environments of their own: no user and no test shall have them by accident."""

LIBRARIES = {
    # what PySide6 loads, with or without a screen -> Debian's package of it
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libdbus-1.so.3": "libdbus-1-3",
    "libfontconfig.so.1": "libfontconfig1",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-xinerama.so.0": "libxcb-xinerama0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    # what the tests' llama-server loads
    "libgomp.so.1": "libgomp1",
    "libvulkan.so.1": "libvulkan1",
}


def say(text: str) -> None:
    print("turnout: " + text, file=sys.stderr, flush=True)


def python() -> str:
    """A Python that is new enough; ends the process with what to do when there is none."""
    if sys.version_info[:2] >= OLDEST:
        return sys.executable
    for name in ("python3.13", "python3.12", "python3.11", "python3.14"):
        found = shutil.which(name)
        if found and subprocess.run([found, "-c", ""], capture_output=True).returncode == 0:
            return found
    here = ".".join(map(str, sys.version_info[:2]))
    say(f"Python 3.11 or newer is needed; this is {here} and no newer one is on the PATH.")
    say("Install one (Debian 12: apt install python3 python3-venv) and run this again with it.")
    sys.exit(1)


def prepare(kind: str) -> Path:
    """The environment's python, with what `kind` (a key of LOCKS) needs in it. Quick when nothing changed."""
    base = python()
    lock = ROOT / LOCKS[kind]
    wanted = hashlib.sha256(lock.read_bytes()).hexdigest()
    folder = APART.get(kind, VENV)
    stamp = folder / (".turnout-" + kind)
    inside = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if inside.exists() and stamp.exists() and stamp.read_text() == wanted:
        return inside
    if not _works(inside):
        _make(base, folder)
    megabytes = {"run": 250, "test": 400, "build": 250}.get(kind, 50)
    say(f"installing from {lock.name} (once; some {megabytes} MB)")
    # --no-deps: the lock names everything; a package that it lacks must not slip in unpinned.
    # --prefer-binary: nothing of ours needs a compiler.
    command = [str(inside), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    command += ["--require-hashes", "--no-deps", "--prefer-binary", "-r", str(lock)]
    if subprocess.run(command, cwd=ROOT).returncode != 0:
        say("installing failed; what pip said stands above. Is the package index reachable?")
        sys.exit(1)
    if kind in APART:
        stamp.write_text(wanted)
        return inside
    _link(inside)
    subprocess.run([str(inside), "-m", "compileall", "-q", str(ROOT / "app")], check=False)
    stamp.write_text(wanted)
    say(f"set up; the command itself is {inside.parent / 'turnout'}")
    if kind == "test":
        # The development lock holds all of the other one.
        (VENV / ".turnout-run").write_text(hashlib.sha256((ROOT / LOCKS["run"]).read_bytes()).hexdigest())
    return inside


def _works(inside: Path) -> bool:
    """Whether there is an environment already: of a new enough Python, and with pip."""
    check = "import sys, pip; sys.exit(sys.version_info[:2] < (3, 11))"
    try:
        return subprocess.run([str(inside), "-c", check], capture_output=True).returncode == 0
    except OSError:
        return False


def _make(base: str, folder: Path) -> None:
    say(f"making {folder}")
    command = [base, "-m", "venv", "--clear", str(folder)]
    first = subprocess.run(command, capture_output=True, text=True)
    if first.returncode == 0:
        return
    # Debian ships Python without the part of it that fills an environment.
    if install(["python3-venv"]) and subprocess.run(command).returncode == 0:
        return
    say("this Python cannot make a virtual environment: " + (first.stdout + first.stderr).strip()[-400:])
    say("On Debian and Ubuntu: apt install python3-venv")
    sys.exit(1)


def _link(inside: Path) -> None:
    """The checkout's own package: on the path, not copied, with the command `turnout` beside python."""
    where = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = Path(subprocess.run([str(inside), "-c", where], capture_output=True, text=True, check=True).stdout.strip())
    (site / "turnout-checkout.pth").write_text(str(ROOT / "app") + "\n")
    if os.name == "nt":
        (inside.parent / "turnout.bat").write_text(f'@"{inside}" -m turnout %*\n')
        return
    script = inside.parent / "turnout"
    script.write_text(f'#!/bin/sh\nexec "{inside}" -m turnout "$@"\n')
    script.chmod(0o755)


def missing_libraries() -> list[str]:
    """Debian's packages of the shared libraries that are not on this machine; empty elsewhere than on Linux."""
    if not sys.platform.startswith("linux"):
        return []
    found = []
    for name, package in LIBRARIES.items():
        try:
            ctypes.CDLL(name)
        except OSError:
            found.append(package)
    return found


def install(packages: list[str]) -> bool:
    """By apt, as root or with a sudo that asks nothing; False when that is not possible."""
    apt = shutil.which("apt-get")
    if apt is None:
        return False
    front: list[str] = []
    if os.getuid() != 0:
        sudo = shutil.which("sudo")
        if sudo is None or subprocess.run([sudo, "-n", "true"], capture_output=True).returncode != 0:
            return False
        front = [sudo, "-n"]
    say("installing system packages: " + " ".join(packages))
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    command = [*front, apt, "install", "-y", "-qq", "--no-install-recommends", *packages]
    quiet = subprocess.DEVNULL
    if subprocess.run(command, env=environment, stdin=quiet, stdout=quiet).returncode == 0:
        return True
    subprocess.run([*front, apt, "update", "-qq"], env=environment, stdin=quiet, stdout=quiet)
    return subprocess.run(command, env=environment, stdin=quiet, stdout=quiet).returncode == 0
