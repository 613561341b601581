"""What people are told beside their calls: a budget that runs out, a loop that was stopped, an engine that is down."""

import logging
from collections import deque
from collections.abc import Callable

from turnout.calls.client import Call
from turnout.control.messages import Notice
from turnout.errors import LoopRefusal, Refusal
from turnout.proxy.now import now_ms

log = logging.getLogger("turnout.notices")


class Notices:
    """The newest 200; trays show those they have not shown yet. `changed` is called for each."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._number = 0
        self.kept: deque[Notice] = deque(maxlen=200)

    def say(self, kind: str, title: str, text: str, target: str = "") -> None:
        self._number += 1
        log.info("notice %d, %s: %s", self._number, kind, title)
        self.kept.append(Notice(self._number, now_ms(), kind, title, text, target))
        self._changed()

    def refused(self, call: Call, refusal: Refusal) -> None:
        kind = "loop" if isinstance(refusal, LoopRefusal) else "budget"
        last = self.kept[-1] if self.kept else None
        if last is None or last.kind != kind or last.text != refusal.said:
            self.say(kind, f"{call.client.name} was stopped", refusal.said, f"sessions/{call.session}")
