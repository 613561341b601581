"""Which of the proxy's notices become notifications: new ones only, grouped by kind, never a shower of them.

Pure but for what it remembers; the clock is an argument. A call that waits for an answer is told at once and alone, for
somebody's agent stands still; everything else of one kind is gathered and told at most every `QUIET_MS`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from turnout.control.messages import Notice, Status
from turnout.desktop import text
from turnout.desktop.text import tr

QUIET_MS = 20_000
"""Between two notifications of one kind."""
OLD_MS = 60_000
"""A notice from before we listened is not news when it is older than this."""
URGENT_A_MINUTE = 6
LISTED = 3
"""Titles a grouped notification names."""


@dataclass(frozen=True, slots=True)
class Action:
    intent: str
    argument: str
    words: str


@dataclass(frozen=True, slots=True)
class Letter:
    """One notification. `place` is where a click leads."""

    kind: str
    title: str
    text: str
    place: str = ""
    urgent: bool = False
    actions: tuple[Action, ...] = ()


class News:
    def __init__(self) -> None:
        self._process = 0
        self._seen = 0
        self._pending: dict[str, list[Notice]] = {}
        self._told_ms: dict[str, int] = {}
        self._urgent_ms: list[int] = []

    @property
    def due(self) -> bool:
        """Whether something waits for its kind's quiet time to end."""
        return bool(self._pending)

    def take(self, status: Status, now_ms: int) -> list[Letter]:
        fresh = self._fresh(status, now_ms)
        waiting = {wait.session: wait.client for wait in status.waiting}
        letters = []
        self._urgent_ms = [at for at in self._urgent_ms if now_ms - at < 60_000]
        for notice in fresh:
            session = session_of(notice)
            if session in waiting and len(self._urgent_ms) < URGENT_A_MINUTE:
                self._urgent_ms.append(now_ms)
                letters.append(waits(notice, session, waiting[session]))
            else:
                self._pending.setdefault(notice.kind, []).append(notice)
        for kind in list(self._pending):
            if now_ms - self._told_ms.get(kind, -QUIET_MS) >= QUIET_MS:
                self._told_ms[kind] = now_ms
                letters.append(grouped(kind, self._pending.pop(kind)))
        return letters

    def _fresh(self, status: Status, now_ms: int) -> list[Notice]:
        first = status.started_ms != self._process
        if first:
            self._process, self._seen = status.started_ms, 0
            self._pending.clear()
        fresh = [one for one in status.notices if one.id > self._seen and not (first and now_ms - one.at_ms > OLD_MS)]
        self._seen = max([self._seen, *(one.id for one in status.notices)])
        return fresh


def session_of(notice: Notice) -> str:
    place, _, session = notice.target.partition("/")
    return session if place == "sessions" else ""


def waits(notice: Notice, session: str, client: str) -> Letter:
    return Letter(
        notice.kind,
        tr("{client} waits for you").format(client=text.one_line(client or session, 80)),
        text.one_line(f"{notice.title} {notice.text}", 300),
        "budgets",
        urgent=True,
        actions=(
            Action("allow", session, tr("Let it go on")),
            Action("allow-usd", session, tr("Allow $1 more")),
            Action("stop", session, tr("Stop it")),
        ),
    )


def grouped(kind: str, notices: Sequence[Notice]) -> Letter:
    """One notice as it is; several as a count and the newest titles, each once."""
    last = notices[-1]
    place = "budgets" if session_of(last) else last.target
    if len(notices) == 1:
        actions: tuple[Action, ...] = ()
        if kind == "loop" and session_of(last):
            actions = (
                Action("allow", session_of(last), tr("Let it go on")),
                Action("stop", session_of(last), tr("Stop it")),
            )
        return Letter(
            kind, text.one_line(last.title, 120), text.one_line(last.text, 240), place, kind in URGENT, actions
        )
    titles = list(dict.fromkeys(text.one_line(one.title, 80) for one in reversed(notices)))
    more = len(titles) - LISTED
    lines = [*titles[:LISTED], *([tr("and {n} more").format(n=text.number(more))] if more > 0 else [])]
    return Letter(
        kind, subject(kind).format(n=text.number(len(notices))), "\n".join(lines), place, urgent=kind in URGENT
    )


URGENT = ("loop", "key", "engine")


def subject(kind: str) -> str:
    return {
        "budget": tr("{n} messages about budgets"),
        "loop": tr("{n} loops were stopped"),
        "fallback": tr("{n} calls took another model"),
        "key": tr("{n} calls had no working key"),
        "engine": tr("{n} times an engine could not be used"),
        "rules": tr("{n} messages about the rules"),
    }.get(kind, tr("{n} messages"))
