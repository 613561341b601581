"""One instance a home: a second start hands its wish to the first and leaves.

The lock is the operating system's on an open file (QLockFile), so one left by a crash or a power cut is never in the
way; the socket beside it carries the wish ("open", "open calls/ID").
"""

from pathlib import Path

from PySide6.QtCore import QCryptographicHash, QLockFile, QObject, Signal
from PySide6.QtNetwork import QLocalServer, QLocalSocket

LIMIT = 4_096
"""Bytes of a wish; whoever sends more is cut off."""


class Single(QObject):
    wished = Signal(str)

    def __init__(self, folder: Path) -> None:
        super().__init__()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        # A socket's path may hold 108 bytes on Linux, and a home can be deep: a short name in the system's own place.
        # By Qt's own hash: hashlib would load OpenSSL, 3 MB for a name.
        digest = QCryptographicHash.hash(str(folder.resolve()).encode(), QCryptographicHash.Algorithm.Sha256)
        self._name = "turnout-" + bytes(digest.toHex().data()).decode()[:16]
        self._lock = QLockFile(str(folder / "desktop.lock"))
        self._lock.setStaleLockTime(0)  # only a dead owner's lock is stale, never an old one
        self.first = self._lock.tryLock(0)
        self._server: QLocalServer | None = None
        if self.first:
            QLocalServer.removeServer(self._name)  # left by a crash
            self._server = QLocalServer(self)
            self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
            self._server.newConnection.connect(self._take)
            self._server.listen(self._name)

    def tell(self, wish: str) -> bool:
        """From the second instance: whether the first one got it."""
        socket = QLocalSocket()
        socket.connectToServer(self._name)
        if not socket.waitForConnected(2_000):
            return False
        socket.write(wish.encode()[:LIMIT])
        socket.flush()
        # `flush` may have sent all of it, and then waiting says False though nothing is wrong.
        while socket.bytesToWrite() and socket.waitForBytesWritten(1_000):
            pass
        sent = socket.bytesToWrite() == 0
        socket.disconnectFromServer()
        return sent

    def end(self) -> None:
        if self._server is not None:
            self._server.close()
        if self.first:
            self._lock.unlock()

    def _take(self) -> None:
        if self._server is None:
            return
        while (socket := self._server.nextPendingConnection()) is not None:
            socket.disconnected.connect(lambda socket=socket: self._read(socket))
            if socket.state() == QLocalSocket.LocalSocketState.UnconnectedState:
                self._read(socket)

    def _read(self, socket: QLocalSocket) -> None:
        wish = bytes(socket.readAll().data())[:LIMIT].decode("utf-8", "replace").strip()
        socket.deleteLater()
        if wish:
            self.wished.emit(wish)
