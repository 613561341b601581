"""What the tray's menu says for a state of things: a pure function, tested as a value."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from turnout.calls.record import CallRecord
from turnout.control.messages import Status
from turnout.desktop import text
from turnout.desktop.state import Health, State
from turnout.desktop.text import tr

MODES = ("auto", "local", "cloud", "passthrough")
LAST = 5
"""How many of the newest calls the menu lists."""


@dataclass(frozen=True, slots=True)
class Item:
    """A line of the menu. `intent` names what pressing it asks for; empty: it only says something."""

    text: str = ""
    intent: str = ""
    argument: str = ""
    enabled: bool = True
    checked: bool | None = None
    """None: not a toggle."""
    separator: bool = False
    children: "tuple[Item, ...]" = field(default=())


SEPARATOR = Item(separator=True)


def menu(state: State, calls: Sequence[CallRecord] = (), *, now_ms: int = 0) -> list[Item]:
    items: list[Item] = [Item(line, enabled=False) for line in headline(state)]
    status = state.status
    items.append(SEPARATOR)
    if status is not None:
        items += _waiting(status)
        items += _stopped(status)
        items += [
            Item(text.mode(mode), "mode", mode, checked=status.mode == mode and status.paused_until_ms is None)
            for mode in MODES
        ]
        items.append(SEPARATOR)
        if status.paused_until_ms is None:
            items.append(Item(tr("Pause routing for an hour"), "pause", "3600"))
            items.append(Item(tr("Pause until resumed"), "pause", "0"))
        else:
            items.append(Item(tr("Resume routing"), "resume"))
        if calls:
            items.append(Item(tr("Last calls"), children=tuple(_call(call) for call in calls[:LAST])))
    elif state.health in (Health.DOWN, Health.FAILED):
        items.append(Item(tr("Start the proxy"), "start"))
    items.append(SEPARATOR)
    items.append(Item(tr("Open Turnout"), "open"))
    items.append(Item(tr("Quit (stops the proxy)") if state.owned else tr("Quit (the proxy keeps running)"), "quit"))
    return _tidy(items)


def headline(state: State) -> list[str]:
    """One or two lines: what is spent and left, or what is wrong."""
    status = state.status
    if status is None:
        return [
            {
                Health.STARTING: tr("Starting the proxy…"),
                Health.HUNG: tr("The proxy does not answer"),
                Health.FAILED: tr("The proxy could not start"),
            }.get(state.health, tr("The proxy is not running"))
        ]
    today = tr("{spent} today").format(spent=text.dollars(status.spent_today_usd))
    first = (
        f"{tr('{left} left').format(left=text.dollars(status.credit_usd))} · {today}" if status.credit_usd else today
    )
    lines = [first]
    if status.paused_until_ms == 0:
        lines.append(tr("Routing is paused"))
    elif status.paused_until_ms:
        lines.append(tr("Routing is paused until {time}").format(time=text.clock(status.paused_until_ms)[:5]))
    if status.rules_error:
        lines.append(tr("The rules file has an error; the last good rules are in force"))
    return lines


def tooltip(state: State) -> str:
    """Plain text; some panels show only its first line."""
    status = state.status
    lines = headline(state)
    if status is not None and status.running:
        lines.append(text.plural(len(status.running), "{n} call running", "{n} calls running"))
    if status is not None and status.waiting:
        lines.append(text.plural(len(status.waiting), "{n} call waits for you", "{n} calls wait for you"))
    return "Turnout: " + "\n".join(lines)


def _waiting(status: Status) -> list[Item]:
    """The stopped and waiting sessions first: somebody's agent stands still."""
    items = []
    for wait in status.waiting:
        who = text.one_line(wait.client or wait.session, 40)
        what = text.one_line(wait.what, 40)
        items.append(
            Item(
                tr("{client} waits: {what}").format(client=who, what=what),
                children=(
                    Item(tr("Let it go on"), "allow", wait.session),
                    Item(tr("Allow $1 more"), "allow-usd", wait.session),
                    Item(tr("Stop it"), "stop", wait.session),
                ),
            )
        )
    return [*items, SEPARATOR] if items else []


def _stopped(status: Status) -> list[Item]:
    """Those that the guard, a budget or the user stopped: one press raises them."""
    items = []
    for one in status.stopped[:LAST]:
        who, why = text.one_line(one.client or one.session, 40), text.one_line(one.why.rpartition(": ")[2], 44)
        items.append(
            Item(
                tr("{client} is stopped: {why}").format(client=who, why=why),
                children=(
                    Item(tr("Let it go on"), "allow", one.session),
                    Item(tr("Allow $1 more"), "allow-usd", one.session),
                ),
            )
        )
    return [*items, SEPARATOR] if items else []


def _call(call: CallRecord) -> Item:
    parts = [
        text.clock(call.at_ms)[:5],
        text.tier(call.tier),
        text.one_line(call.client, 24),
        text.one_line(call.model, 32),
    ]
    if call.cost:
        parts.append(text.money(call.cost))
    return Item(" · ".join(part for part in parts if part), "open", f"calls/{call.id}")


def _tidy(items: Sequence[Item]) -> list[Item]:
    """Without separators at the ends or next to each other."""
    kept: list[Item] = []
    for item in items:
        if item.separator and (not kept or kept[-1].separator):
            continue
        kept.append(item)
    while kept and kept[-1].separator:
        kept.pop()
    return kept
