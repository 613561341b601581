"""How the other programs find the running proxy: the runtime file (0600) and the lock that one instance holds for life."""

import contextlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType


@dataclass(frozen=True, slots=True)
class Runtime:
    url: str
    pid: int
    control_token: str
    version: str
    started_ms: int


def read_runtime(path: Path) -> Runtime | None:
    """None when there is none, or it is not one."""
    try:
        doc = json.loads(path.read_bytes())
        return Runtime(
            str(doc["url"]), int(doc["pid"]), str(doc["control_token"]), str(doc["version"]), int(doc["started_ms"])
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_runtime(path: Path, runtime: Runtime) -> None:
    temp = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0), 0o600)
    with os.fdopen(handle, "w") as file:
        json.dump(asdict(runtime), file)
    temp.replace(path)


class InstanceLock:
    """flock, not a pid file: a crash or a reboot leaves nothing that has to be cleaned up (I16)."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle: int | None = None

    def acquire(self) -> bool:
        """False when another instance holds it."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
        try:
            if os.name == "nt":
                import msvcrt

                msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]  # there is no stub for it here
            else:
                import fcntl

                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            return False
        self._handle = handle
        return True

    def release(self) -> None:
        if self._handle is not None:
            with contextlib.suppress(OSError):
                os.close(self._handle)
            self._handle = None

    def __enter__(self) -> "InstanceLock":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
