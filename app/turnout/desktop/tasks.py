"""Work off the UI thread, answers back on it.

`Lane` is one thread with one resource of its own (a ledger connection, say), opened there at first use: jobs run in
order, and a newer job with the same `key` replaces an older one that has not begun. `Pool` is a few threads without a
resource. Threads are daemons: a job that hangs in the network never keeps the app from quitting.
"""

import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from PySide6.QtCore import QObject, Qt, Signal, Slot
from shiboken6 import isValid

from turnout.errors import TurnoutError

T = TypeVar("T")
R = TypeVar("R")


class _Mailbox(QObject):
    """Carries closures to the thread it was made in."""

    post = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.post.connect(self._open, Qt.ConnectionType.QueuedConnection)

    @Slot(object)
    def _open(self, letter: Callable[[], None]) -> None:
        letter()


@dataclass(slots=True)
class _Job(Generic[T]):
    work: Callable[[T], Any]
    done: Callable[[Any], None]
    failed: Callable[[TurnoutError], None] | None
    key: str
    owner: QObject | None
    number: int


class Lane(Generic[T]):
    """`opened` makes the resource, in the lane's thread; it may raise TurnoutError, and is then tried again next time."""

    def __init__(self, name: str, opened: Callable[[], T], closed: Callable[[T], None] | None = None) -> None:
        self._name, self._opened, self._closed = name, opened, closed
        self._jobs: deque[_Job[T]] = deque()
        self._wake = threading.Condition()
        self._newest: dict[str, int] = {}
        self._count = 0
        self._ending = False
        self._thread: threading.Thread | None = None
        self._mail = _Mailbox()

    def run(
        self,
        work: Callable[[T], R],
        done: Callable[[R], None],
        failed: Callable[[TurnoutError], None] | None = None,
        *,
        key: str = "",
        owner: QObject | None = None,
    ) -> None:
        """`done` or `failed` on the UI thread, unless `owner` is gone or a newer job of the same `key` came in."""
        with self._wake:
            if self._ending:
                return
            self._count += 1
            if key:
                self._newest[key] = self._count
                self._jobs = deque(job for job in self._jobs if job.key != key)
            self._jobs.append(_Job(work, done, failed, key, owner, self._count))
            if self._thread is None:
                self._thread = threading.Thread(target=self._loop, name=self._name, daemon=True)
                self._thread.start()
            self._wake.notify()

    def end(self, wait_s: float = 1.0) -> None:
        with self._wake:
            self._ending = True
            self._jobs.clear()
            self._wake.notify()
        if self._thread is not None:
            self._thread.join(wait_s)

    def _loop(self) -> None:
        resource: T | None = None
        while True:
            with self._wake:
                while not self._jobs and not self._ending:
                    self._wake.wait()
                if self._ending:
                    break
                job = self._jobs.popleft()
            try:
                if resource is None:
                    resource = self._opened()
                answer = job.work(resource)
            except TurnoutError as error:
                self._send(job, error)
                if resource is not None and self._closed is not None:
                    with suppress(TurnoutError):
                        self._closed(resource)
                resource = None
            except Exception as error:  # noqa: BLE001  boundary of the thread: a defect becomes a message, not a dead lane
                self._send(job, TurnoutError(f"{type(error).__name__} in {self._name}", hint="Please report this."))
            else:
                self._send(job, answer)
        if resource is not None and self._closed is not None:
            with suppress(TurnoutError):
                self._closed(resource)

    def _send(self, job: _Job[T], answer: object) -> None:
        def letter() -> None:
            if job.key and self._newest.get(job.key) != job.number:
                return
            if self._ending or (job.owner is not None and not isValid(job.owner)):
                return
            if isinstance(answer, TurnoutError):
                if job.failed is not None:
                    job.failed(answer)
            else:
                job.done(answer)

        with suppress(RuntimeError):  # the mailbox went with the application
            self._mail.post.emit(letter)


class Pool:
    """`size` lanes without a resource; a job goes to the least busy one."""

    def __init__(self, size: int = 3) -> None:
        self._lanes = [Lane[None](f"pool-{i}", lambda: None) for i in range(size)]
        self._busy = [0] * size

    def run(
        self,
        work: Callable[[], R],
        done: Callable[[R], None],
        failed: Callable[[TurnoutError], None] | None = None,
        *,
        owner: QObject | None = None,
    ) -> None:
        slot = self._busy.index(min(self._busy))
        self._busy[slot] += 1

        def finished(answer: R) -> None:
            self._busy[slot] -= 1
            if owner is None or isValid(owner):
                done(answer)

        def broke(error: TurnoutError) -> None:
            self._busy[slot] -= 1
            if failed is not None and (owner is None or isValid(owner)):
                failed(error)

        self._lanes[slot].run(lambda _: work(), finished, broke)

    def end(self) -> None:
        for lane in self._lanes:
            lane.end(0.2)
