"""How a second start reaches the first on Windows: Qt's named pipe. The same words as `doorbell`."""

from PySide6.QtCore import QObject, Signal
from PySide6.QtNetwork import QLocalServer, QLocalSocket

from turnout.desktop.doorbell import LIMIT, WAIT_S


class Doorbell(QObject):
    rung = Signal(str)

    def __init__(self, name: str) -> None:
        super().__init__()
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        self._server.newConnection.connect(self._take)
        self._server.listen(name)

    def end(self) -> None:
        self._server.close()

    def _take(self) -> None:
        while (caller := self._server.nextPendingConnection()) is not None:
            caller.disconnected.connect(lambda caller=caller: self._read(caller))
            if caller.state() == QLocalSocket.LocalSocketState.UnconnectedState:
                self._read(caller)

    def _read(self, caller: QLocalSocket) -> None:
        wish = bytes(caller.readAll().data())[:LIMIT].decode("utf-8", "replace").strip()
        caller.deleteLater()
        if wish:
            self.rung.emit(wish)


def ring(name: str, wish: str) -> bool:
    """Whether somebody took it; blocks for some seconds at most."""
    asked = QLocalSocket()
    asked.connectToServer(name)
    if not asked.waitForConnected(int(WAIT_S * 1000)):
        return False
    asked.write(wish.encode()[:LIMIT])
    asked.flush()
    # `flush` may have sent all of it, and then waiting says False though nothing is wrong.
    while asked.bytesToWrite() and asked.waitForBytesWritten(1_000):
        pass
    sent = asked.bytesToWrite() == 0
    asked.disconnectFromServer()
    return sent
