"""Time limits of one attempt: first byte, idle, total, and what happens when the client has gone. One timer in all."""

import asyncio
from types import TracebackType

from turnout.errors import EngineTimeoutError


class Limits:
    """`async with Limits(...)`: raises EngineTimeoutError when the engine is late, GoneError when the client left first.

    `beat()` is called per chunk and only writes the deadline down. The timer looks at it when it rings, and sets itself anew
    when it rang early: moving a timer costs some 2 us, and most calls end before their first rings.
    """

    def __init__(self, *, first_byte_s: float, idle_s: float, total_s: float, who: str) -> None:
        self._idle_s, self._who = idle_s, who
        self._loop = asyncio.get_running_loop()
        self._started = self._loop.time()
        self._end = self._started + total_s
        self._deadline = min(self._started + first_byte_s, self._end)
        self._phase = "first_byte_s" if first_byte_s < total_s else "total_s"
        self._timeout = asyncio.timeout(None)
        self._timer: asyncio.TimerHandle | None = None
        self._gone = False

    async def __aenter__(self) -> "Limits":
        await self._timeout.__aenter__()
        self._set()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        try:
            await self._timeout.__aexit__(kind, error, trace)
        except TimeoutError as late:
            if self._gone:
                raise GoneError from late
            waited = self._loop.time() - self._started
            raise EngineTimeoutError(
                f"{self._who} gave nothing for too long ({waited:.0f} s in all).",
                hint=f"Raise `{self._phase}` of this provider in turnout.toml if it needs longer.",
            ) from late

    def elapsed_s(self) -> float:
        return self._loop.time() - self._started

    def beat(self) -> None:
        """Something came: the engine has `idle_s` from now on, within the total."""
        if self._gone:
            return
        idle_until = self._loop.time() + self._idle_s
        if idle_until < self._end:
            self._deadline, self._phase = idle_until, "idle_s"
        else:
            self._deadline, self._phase = self._end, "total_s"
        # Only the first beat comes to an earlier end (idle_s is shorter than first_byte_s); later ones push it on.
        if self._timer is not None and self._deadline < self._timer.when():
            self._set()

    def client_gone(self, drain_s: float) -> None:
        """From now on the engine has `drain_s` seconds to tell its usage; 0 closes it at once."""
        if self._timeout.expired():
            return
        self._gone = True
        end = self._loop.time() + drain_s
        if end < self._deadline:
            self._deadline = end
            self._set()

    def _set(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._deadline, self._rung)

    def _rung(self) -> None:
        if self._loop.time() < self._deadline:
            self._set()
        elif not self._timeout.expired():
            self._timeout.reschedule(self._loop.time())


class GoneError(Exception):
    """The client hung up, and the time to learn the usage is over."""
