"""A session bus of a test's own with a real Secret Service on it (gnome-keyring), unlocked, locked or missing. No screen is needed."""

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType

NEEDS = ("dbus-daemon", "gnome-keyring-daemon", "dbus-send")
CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path={socket}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy>
</busconfig>"""


def missing() -> str:
    """What is not installed here; empty: everything is."""
    return " ".join(name for name in NEEDS if shutil.which(name) is None)


class KeyringSession:
    """`with KeyringSession() as session:`; give `session.environment` to a child. `keyring` False: the bus has no service."""

    def __init__(self, *, keyring: bool = True, locked: bool = False) -> None:
        self._keyring, self._locked = keyring, locked
        self._processes: list[subprocess.Popen[bytes]] = []
        # A socket's path may be 107 bytes long: a test's own folder is often longer.
        self._folder = Path(tempfile.mkdtemp(prefix="ring"))
        self.environment: dict[str, str] = {}

    def __enter__(self) -> "KeyringSession":
        bus = self._folder / "bus"
        (self._folder / "bus.conf").write_text(CONFIG.format(socket=bus))
        self.environment = {
            "DBUS_SESSION_BUS_ADDRESS": f"unix:path={bus}",
            "XDG_RUNTIME_DIR": str(self._folder),
            "XDG_DATA_HOME": str(self._folder / "data"),
            # Chosen as on any desktop, by what is there.
            "PYTHON_KEYRING_BACKEND": "",
        }
        self._start("dbus-daemon", f"--config-file={self._folder / 'bus.conf'}", "--nofork", "--nopidfile")
        self._await(bus.exists)
        if self._keyring:
            started = self._start("gnome-keyring-daemon", "--foreground", "--unlock", "--components=secrets")
            assert started.stdin is not None
            started.stdin.write(b"test")
            started.stdin.close()
            self._await(self._served)
            if self._locked:
                self.lock()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in reversed(self._processes):
            process.terminate()
            process.wait(10)
        shutil.rmtree(self._folder, ignore_errors=True)

    def lock(self) -> None:
        path = "/org/freedesktop/secrets/collection/login"
        assert self._call("Service.Lock", f"array:objpath:{path}") == 0

    def _served(self) -> bool:
        return self._call("Service.ReadAlias", "string:default") == 0

    def _call(self, method: str, argument: str) -> int:
        line = ("dbus-send", "--session", "--print-reply", "--dest=org.freedesktop.secrets", "/org/freedesktop/secrets")
        name = f"org.freedesktop.Secret.{method}"
        return subprocess.run((*line, name, argument), env=self._all(), capture_output=True).returncode

    def _all(self) -> dict[str, str]:
        return {**{name: os.environ[name] for name in ("PATH",)}, "HOME": str(self._folder), **self.environment}

    def _start(self, *command: str) -> "subprocess.Popen[bytes]":
        quiet = subprocess.DEVNULL
        process = subprocess.Popen(command, env=self._all(), stdin=subprocess.PIPE, stdout=quiet, stderr=quiet)
        self._processes.append(process)
        return process

    def _await(self, is_so: object) -> None:
        assert callable(is_so)
        until = time.monotonic() + 10
        while not is_so():
            assert time.monotonic() < until, "the session bus or its keyring did not start"
            time.sleep(0.02)
