"""Time limits of one attempt: first byte, idle, total, and what happens when the client has gone. One timer in all."""

import asyncio
from types import TracebackType

from turnout.errors import EngineTimeoutError


class Limits:
    """`async with Limits(...)`: raises EngineTimeoutError when the engine is late, GoneError when the client left first.

    `beat()` is called per chunk; it moves the timer at most once a second, because each move costs some 2 us.
    """

    def __init__(self, *, first_byte_s: float, idle_s: float, total_s: float, who: str) -> None:
        self._first_byte_s, self._idle_s, self._total_s, self._who = first_byte_s, idle_s, total_s, who
        self._loop = asyncio.get_running_loop()
        self._started = self._loop.time()
        self._timeout = asyncio.timeout(min(first_byte_s, total_s))
        self._moved = self._started
        self._phase = "first_byte_s"
        self._gone = False

    async def __aenter__(self) -> "Limits":
        await self._timeout.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
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
        now = self._loop.time()
        if now - self._moved > 1.0 or self._phase == "first_byte_s":
            if self._gone or self._timeout.expired():
                return
            self._moved = now
            idle_until, total_until = now + self._idle_s, self._started + self._total_s
            self._phase = "idle_s" if idle_until < total_until else "total_s"
            self._timeout.reschedule(min(idle_until, total_until))

    def client_gone(self, drain_s: float) -> None:
        """From now on the engine has `drain_s` seconds to tell its usage; 0 closes it at once."""
        if self._timeout.expired():
            return
        self._gone = True
        when = self._timeout.when()
        end = self._loop.time() + drain_s
        if when is None or end < when:
            self._timeout.reschedule(end)


class GoneError(Exception):
    """The client hung up, and the time to learn the usage is over."""
