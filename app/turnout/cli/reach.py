"""Whom a command talks to: the proxy that runs, or, where that makes sense, its ledger while none runs."""

import os
import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from turnout.control.runtime import Runtime, read_runtime
from turnout.errors import ControlError
from turnout.settings.paths import Paths, paths

if TYPE_CHECKING:
    from turnout.control.client import ControlClient
    from turnout.proxy.offline import Offline


def own_paths() -> Paths:
    """Ours, made if need be; raises SettingsError when they are somebody else's."""
    found = paths()
    found.make()
    return found


def running(where: Paths) -> Runtime | None:
    """The proxy's runtime file, if its process lives and something listens where it says.

    After a crash the file alone is left, and somebody else may have taken the port since: it gets no token of ours (T07).
    """
    runtime = read_runtime(where.runtime)
    if runtime is None or not _lives(runtime.pid):
        return None
    url = urlsplit(runtime.url)
    try:
        with socket.create_connection((url.hostname or "127.0.0.1", url.port or 7717), timeout=1.0):
            return runtime
    except OSError:
        return None


def _lives(pid: int) -> bool:
    if os.name != "posix" or pid <= 0:
        return pid > 0
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def control(where: Paths) -> "ControlClient":
    """Raises ControlError when no proxy runs."""
    from turnout.control.client import ControlClient

    runtime = running(where)
    if runtime is None:
        raise ControlError("No proxy is running.", hint="Start it: `turnout serve`, or `turnout` for the tray.")
    return ControlClient(runtime)


def either(where: Paths) -> "ControlClient | Offline":
    runtime = running(where)
    if runtime is not None:
        from turnout.control.client import ControlClient

        return ControlClient(runtime)
    from turnout.proxy.offline import Offline

    return Offline(where)


def base_url(where: Paths) -> str:
    """Where clients are to be pointed: the running proxy, else the port of the settings."""
    runtime = running(where)
    if runtime is not None:
        return runtime.url.rstrip("/")
    from turnout.errors import SettingsError
    from turnout.settings.files import read_settings

    try:
        port = read_settings(where.settings).server.port
    except SettingsError:
        port = 7717
    return f"http://127.0.0.1:{port or 7717}"


def has_screen() -> bool:
    if os.name == "nt" or os.uname().sysname == "Darwin":
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
