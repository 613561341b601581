"""Time limits of one attempt: first byte, idle, total, and what happens when the client has gone. One timer for all attempts."""

import asyncio
from time import monotonic
from types import TracebackType
from typing import Protocol

from turnout.calls.provider import Provider
from turnout.errors import EngineTimeoutError


class Timed(Protocol):
    def deadline(self) -> float:
        """The next moment that is too late; of the loop's clock, which is `monotonic`."""
        ...

    def end(self) -> None:
        """It is over. Called once; whoever goes on after it is watched anew."""
        ...


class Deadlines:
    """What all attempts under way wait for. The timer rings when the first of them may be over, looks at each, and sets itself anew.

    A limit that moves on is only written down: moving a timer costs some 2 us, and most calls end before it first rings.
    """

    def __init__(self) -> None:
        self._under_way: set[Timed] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._rings = float("inf")

    def watch(self, timed: Timed, until: float) -> None:
        """`until`: its first deadline."""
        self._under_way.add(timed)
        if until < self._rings:
            self.look_by(until)

    def drop(self, timed: Timed) -> None:
        self._under_way.discard(timed)

    def look_by(self, moment: float) -> None:
        """At the latest."""
        if moment >= self._rings:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._rings = moment
        self._timer = asyncio.get_running_loop().call_at(moment, self._rung)

    def _rung(self) -> None:
        self._timer, self._rings = None, float("inf")
        now = monotonic()
        for timed in [one for one in self._under_way if one.deadline() <= now]:
            self._under_way.discard(timed)
            timed.end()
        if self._under_way:
            self.look_by(min(one.deadline() for one in self._under_way))


class Limits:
    """`with Limits(...)`: raises EngineTimeoutError when the engine is late, GoneError when the client left first."""

    _heard = 0.0
    """When something last came; 0: nothing did."""
    _gone_until = 0.0
    """Until when a call without a client goes on; 0: its client is there."""
    _late = False

    def __init__(self, deadlines: Deadlines, provider: Provider) -> None:
        """`provider` says how much time its engine has."""
        self._deadlines, self._provider = deadlines, provider
        self._started = monotonic()

    def __enter__(self) -> "Limits":
        task = asyncio.current_task()
        assert task is not None
        self._task, self._cancelling = task, task.cancelling()
        self._deadlines.watch(self, self._started + min(self._provider.first_byte_s, self._provider.total_s))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._deadlines.drop(self)
        # As `asyncio.timeout` has it: a task that somebody else cancels too stays cancelled.
        if self._late and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            if self._gone_until:
                raise GoneError from error
            raise EngineTimeoutError(
                f"{self._provider.name} gave nothing for too long ({self.elapsed_s():.0f} s in all).",
                hint=f"Raise `{self._setting()}` of this provider in turnout.toml if it needs longer.",
            ) from error

    def elapsed_s(self) -> float:
        return monotonic() - self._started

    def beat(self) -> None:
        """Something came: the engine has `idle_s` from now on, within the total."""
        now = monotonic()
        if not self._heard:
            # Idle may be over before the first byte's time would have been.
            self._deadlines.look_by(now + self._provider.idle_s)
        self._heard = now

    def deadline(self) -> float:
        if self._gone_until:
            return self._gone_until
        limits = self._provider
        next_byte = self._heard + limits.idle_s if self._heard else self._started + limits.first_byte_s
        return min(next_byte, self._started + limits.total_s)

    def _setting(self) -> str:
        """Which one the deadline is of."""
        if self.deadline() == self._started + self._provider.total_s:
            return "total_s"
        return "idle_s" if self._heard else "first_byte_s"

    def client_gone(self, drain_s: float) -> None:
        """From now on the engine has `drain_s` seconds to tell its usage; 0 closes it at once."""
        if not self._late and not self._gone_until:
            self._gone_until = min(monotonic() + drain_s, self.deadline())
            self._deadlines.look_by(self._gone_until)

    def end(self) -> None:
        self._late = True
        self._task.cancel()


class GoneError(Exception):
    """The client hung up, and the time to learn the usage is over."""
