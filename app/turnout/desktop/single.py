"""One instance a home: a second start hands its wish to the first and leaves.

The lock is the operating system's on an open file (QLockFile), so one left by a crash or a power cut is never in the
way; the doorbell beside it carries the wish ("open", "open calls/ID").
"""

import sys
from contextlib import suppress
from pathlib import Path

from PySide6.QtCore import QCryptographicHash, QLockFile, QObject, Signal

if sys.platform == "win32":
    from turnout.desktop.pipe import Doorbell, ring
else:
    from turnout.desktop.doorbell import Doorbell, ring


class Single(QObject):
    wished = Signal(str)

    def __init__(self, folder: Path) -> None:
        super().__init__()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        # By Qt's own hash: hashlib would load OpenSSL, 3 MB for a name.
        digest = QCryptographicHash.hash(str(folder.resolve()).encode(), QCryptographicHash.Algorithm.Sha256)
        self._name = "turnout-" + bytes(digest.toHex().data()).decode()[:16]
        self._lock = QLockFile(str(folder / "desktop.lock"))
        self._lock.setStaleLockTime(0)  # only a dead owner's lock is stale, never an old one
        self.first = self._lock.tryLock(0)
        self._bell: Doorbell | None = None
        if self.first:
            with suppress(OSError):  # another user's file of that name: a second start then says that it reached nobody
                self._bell = Doorbell(self._name)
                self._bell.rung.connect(self.wished)

    def tell(self, wish: str) -> bool:
        """From the second instance: whether the first one got it."""
        return ring(self._name, wish)

    def end(self) -> None:
        if self._bell is not None:
            self._bell.end()
        if self.first:
            self._lock.unlock()
