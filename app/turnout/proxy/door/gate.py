"""How many calls may be under way at once; more wait a moment for their turn, first come first served (T15)."""

import asyncio
from collections import deque

from turnout.errors import BusyError

PLACES = 64
"""Engines' own queues are shorter, and every call under way may hold a body and a stream in memory."""
WAIT_S = 5.0


class Gate:
    """`enter` before a call, `leave` after it, however it ended."""

    def __init__(self, places: int = PLACES, wait_s: float = WAIT_S) -> None:
        self._places, self._wait_s = places, wait_s
        self._waiting: deque[asyncio.Future[None]] = deque()
        self.taken = 0

    async def enter(self) -> None:
        """Raises BusyError when no place gets free in time."""
        if self.taken < self._places:
            self.taken += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(self._wait_s):
                await turn
        except TimeoutError:
            if self._gave_up(turn):
                raise BusyError(f"{self._places} calls are under way.", hint="Try again in a second.") from None
        except asyncio.CancelledError:
            if not self._gave_up(turn):
                self.leave()
            raise

    def _gave_up(self, turn: "asyncio.Future[None]") -> bool:
        """False: the place was handed over in the same moment."""
        if turn.done() and not turn.cancelled():
            return False
        if turn in self._waiting:
            self._waiting.remove(turn)
        return True

    def leave(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                # The place goes straight to who waits: nobody who comes later can slip in between.
                turn.set_result(None)
                return
        self.taken -= 1
