"""Calls held back until somebody says in the tray, or on the command line, whether they may go on."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from turnout.calls.client import Call
from turnout.control.messages import Waiting
from turnout.errors import LoopRefusal, Refusal
from turnout.proxy.door.answer import Answer, LeftError
from turnout.proxy.notices import Notices
from turnout.proxy.now import now_ms

BACK_S = 3.0
"""A tray that lost the proxy's events, or was started again, listens again within this."""


@dataclass(slots=True)
class Ask:
    """A call held back until somebody answers."""

    waiting: Waiting
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    allowed: bool = False


class Asks:
    """`tell` says that something changed, `notices` asks people."""

    def __init__(self, notices: Notices, tell: Callable[[], None]) -> None:
        self._notices, self._tell = notices, tell
        self._open: dict[str, Ask] = {}
        self.listeners = 0
        """Trays and windows that hear events; with none of them an `ask` is refused at once."""

    @property
    def waiting(self) -> tuple[Waiting, ...]:
        return tuple(ask.waiting for ask in self._open.values())

    async def allowed(
        self, call: Call, session: str, waits: str, refusal: Refusal, answer: Answer, seconds: float
    ) -> bool | None:
        """Holds the call back, no header sent yet, until somebody answers: whether it may go on. None: nobody is there, or nobody any
        more, or nobody said a word for so many seconds. `waits` is the plan's. Raises LeftError when the client did not wait."""
        if not self.listeners:
            return None
        what, _, key = waits.partition("\n")
        kind = "loop" if isinstance(refusal, LoopRefusal) else "budget"
        self._notices.say(kind, refusal.message, refusal.hint, f"sessions/{session}")
        until_ms = now_ms() + int(seconds * 1000)
        ask = self._open[call.id] = Ask(Waiting(call.id, call.client.name, session, what, key or what, until_ms))
        answer.on_gone(ask.answered.set)
        self._tell()
        try:
            async with asyncio.timeout(seconds):
                await ask.answered.wait()
        except TimeoutError:
            return None
        finally:
            answer.on_gone(None)
            del self._open[call.id]
            self._tell()
        if answer.gone:
            raise LeftError
        return ask.allowed or (False if self.listeners else None)

    def answer(self, *, session: str = "", key: str = "", allowed: bool) -> int:
        """Lets waiting calls go on (or not); how many there were."""
        matching = [
            ask
            for ask in self._open.values()
            if (session and ask.waiting.session == session) or (key and ask.waiting.key == key)
        ]
        for ask in matching:
            ask.allowed = allowed
            ask.answered.set()
        return len(matching)

    def listener_left(self) -> None:
        """Calls do not wait for a tray that is gone; one that starts anew is back in time."""
        if not self.listeners and self._open:
            asyncio.get_running_loop().call_later(BACK_S, self._deserted)

    def _deserted(self) -> None:
        if not self.listeners:
            for ask in self._open.values():
                ask.answered.set()
