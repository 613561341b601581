"""What the command palette offers in a state of things, and which of it fits what was typed: pure, tested as values."""

from collections.abc import Sequence
from dataclasses import dataclass

from turnout.desktop import text
from turnout.desktop.menu import MODES
from turnout.desktop.state import Health, State
from turnout.desktop.text import tr


@dataclass(frozen=True, slots=True)
class Entry:
    title: str
    icon: str
    intent: str
    argument: str = ""
    keys: str = ""
    """The shortcut that does the same."""


def entries(state: State, pages: Sequence[tuple[str, str, str]]) -> list[Entry]:
    """`pages` are key, icon and title in order."""
    made = [
        Entry(tr("Go to {page}").format(page=title), icon, "open", key, f"Alt+{n}")
        for n, (key, icon, title) in enumerate(pages, 1)
    ]
    status = state.status
    if status is not None:
        for wait in status.waiting:
            who = text.one_line(wait.client or wait.session, 40)
            made.append(Entry(tr("Let {client} go on").format(client=who), "circle-play", "allow", wait.session))
            made.append(Entry(tr("Stop {client}").format(client=who), "circle-x", "stop", wait.session))
        for one in status.stopped:
            who = text.one_line(one.client or one.session, 40)
            made.append(Entry(tr("Let {client} go on").format(client=who), "circle-play", "allow", one.session))
        for mode in MODES:
            if mode != status.mode or status.paused_until_ms is not None:
                made.append(Entry(tr("Mode: {mode}").format(mode=text.mode(mode)), "split", "mode", mode))
        if status.paused_until_ms is None:
            made.append(Entry(tr("Pause routing for an hour"), "circle-pause", "pause", "3600"))
            made.append(Entry(tr("Pause until resumed"), "circle-pause", "pause", "0"))
        else:
            made.append(Entry(tr("Resume routing"), "circle-play", "resume"))
    elif state.health in (Health.DOWN, Health.FAILED):
        made.append(Entry(tr("Start the proxy"), "power", "start"))
    made += [
        Entry(tr("Search calls"), "search", "open", "calls/search", "Ctrl+F"),
        Entry(tr("Add a rule"), "plus", "open", "rules/new", "Ctrl+N"),
        Entry(tr("New budget"), "wallet", "open", "budgets/new"),
        Entry(tr("Theme: follow the system"), "monitor", "theme", "system"),
        Entry(tr("Theme: light"), "sun", "theme", "light"),
        Entry(tr("Theme: dark"), "moon", "theme", "dark"),
        Entry(tr("The first steps again"), "sparkles", "open", "welcome"),
        Entry(text_of_quit(state), "power", "quit", "", "Ctrl+Q"),
    ]
    return made


def text_of_quit(state: State) -> str:
    return tr("Quit (stops the proxy)") if state.owned else tr("Quit (the proxy keeps running)")


def matching(found: Sequence[Entry], typed: str) -> list[Entry]:
    """Every typed word begins a word of the title, or stands in it; those that begin words first, else in order."""
    words = typed.casefold().split()
    if not words:
        return list(found)
    scored = []
    for number, one in enumerate(found):
        title = one.title.casefold()
        starts = [part.strip("(:") for part in title.split()]
        if all(word in title for word in words):
            begun = sum(any(start.startswith(word) for start in starts) for word in words)
            scored.append((-begun, number, one))
    return [one for *_, one in sorted(scored, key=lambda row: row[:2])]
