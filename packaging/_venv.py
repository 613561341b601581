"""The virtual environment both commands use: made once, brought up to the lock file when that changed. Standard library only."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
LIBRARIES = {
    # What Qt's plugins load; the package that has each on Debian and Ubuntu.
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libdbus-1.so.3": "libdbus-1-3",
    "libfontconfig.so.1": "libfontconfig1",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    # What the local engine's Vulkan build loads, though it runs on the CPU.
    "libvulkan.so.1": "libvulkan1",
    "libgomp.so.1": "libgomp1",
}


def ready(lock: str, *, tests: bool = False) -> None:
    """Makes .venv hold what the lock file says and this checkout; exits with a plain sentence when that cannot be."""
    lock_file = ROOT / lock
    wanted = hashlib.sha256(lock_file.read_bytes() + (ROOT / "pyproject.toml").read_bytes()).hexdigest()
    stamp = VENV / f".{lock}.stamp"
    if PYTHON.exists() and stamp.exists() and stamp.read_text() == wanted:
        return
    if not PYTHON.exists():
        import venv

        try:
            venv.create(VENV, with_pip=True)
        except (subprocess.CalledProcessError, SystemExit, ImportError):
            sys.exit("Python's venv module is missing. On Debian or Ubuntu: sudo apt install python3-venv")
    print("Setting up .venv (once; some minutes on a slow line)...", flush=True)
    pip = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    _run([*pip, "--require-hashes", "-r", str(lock_file)])
    _run([*pip, "--no-deps", "--no-build-isolation", "-e", str(ROOT)])
    _run([str(PYTHON), "-m", "compileall", "-q", str(ROOT / "app")], may_fail=True)
    stamp.write_text(wanted)


def system_libraries() -> None:
    """Installs what Qt needs and is missing, where that is possible without asking; else says the one line to run."""
    if not sys.platform.startswith("linux"):
        return
    import ctypes

    missing = []
    for library, package in LIBRARIES.items():
        try:
            ctypes.CDLL(library)
        except OSError:
            missing.append(package)
    if not missing:
        return
    apt = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *missing]
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    prefix = [] if root else ["sudo", "-n"]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        subprocess.run([*prefix, "apt-get", "update", "-q"], check=False, env=environment, stdout=subprocess.DEVNULL)
        subprocess.run([*prefix, *apt], check=True, env=environment, stdout=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError):
        print(f"Some system libraries are missing. Run: sudo apt install {' '.join(missing)}", file=sys.stderr)


def _run(command: list[str], *, may_fail: bool = False) -> None:
    done = subprocess.run(command, check=False)
    if done.returncode and not may_fail:
        sys.exit(f"Setting up failed at: {' '.join(command[2:6])}... (see above)")
