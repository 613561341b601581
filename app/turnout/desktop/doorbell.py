"""How a second start reaches the first: a Unix socket that only its owner may open.

Python's socket and not Qt's: QtNetwork brings Kerberos and OpenSSL with it, 7 MB that a tray which lives for days would hold for
one word. Windows has no such sockets in Python; there it is Qt's named pipe (`pipe`).
"""

import socket
from contextlib import suppress
from pathlib import Path

from PySide6.QtCore import QDir, QObject, QSocketNotifier, Signal

LIMIT = 4_096
"""Bytes of a wish; whoever sends more is cut off."""
CALLERS = 8
"""At once; one more and the oldest is let go."""
WAIT_S = 2.0


def _path(name: str) -> Path:
    # A socket's path may hold 108 bytes, and a home can be deep: a short name in the system's own place.
    return Path(QDir.tempPath(), name)


class Doorbell(QObject):
    """Raises OSError where it cannot listen."""

    rung = Signal(str)

    def __init__(self, name: str) -> None:
        super().__init__()
        self._path = _path(name)
        with suppress(OSError):
            self._path.unlink()  # left by a crash: whoever asks for this has the lock
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.setblocking(False)
        self._socket.bind(str(self._path))
        self._path.chmod(0o600)  # nobody can connect before `listen`
        self._socket.listen(64)
        self._callers: list[_Caller] = []
        self._notifier = QSocketNotifier(self._socket.fileno(), QSocketNotifier.Type.Read, self)
        self._notifier.activated.connect(self._opened)

    def end(self) -> None:
        self._notifier.setEnabled(False)
        for caller in list(self._callers):
            caller.end()
        self._socket.close()
        with suppress(OSError):
            self._path.unlink()

    def _opened(self) -> None:
        try:
            caller = _Caller(self._socket.accept()[0], self)
        except OSError:  # it left before we looked
            return
        self._callers.append(caller)
        if len(self._callers) > CALLERS:
            self._callers[0].end()

    def _left(self, caller: "_Caller") -> None:
        self._callers.remove(caller)
        wish = caller.said.decode("utf-8", "replace").strip()
        if wish:
            self.rung.emit(wish)


class _Caller:
    """One who rings: what it says is its wish once it hangs up."""

    def __init__(self, connected: socket.socket, bell: Doorbell) -> None:
        self.said = b""
        self._socket, self._bell = connected, bell
        connected.setblocking(False)
        self._notifier = QSocketNotifier(connected.fileno(), QSocketNotifier.Type.Read, bell)
        self._notifier.activated.connect(self._read)

    def end(self) -> None:
        self._notifier.setEnabled(False)
        self._notifier.deleteLater()
        self._socket.close()
        self._bell._left(self)

    def _read(self) -> None:
        try:
            data = self._socket.recv(LIMIT - len(self.said))
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self.said += data
        if not data or len(self.said) >= LIMIT:
            self.end()


def ring(name: str, wish: str) -> bool:
    """Whether somebody took it; blocks for up to `WAIT_S`."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asked:
        asked.settimeout(WAIT_S)
        try:
            asked.connect(str(_path(name)))
            asked.sendall(wish.encode()[:LIMIT])
        except OSError:
            return False
    return True
