"""What the window says above every page when something is not as it should be: the gravest thing alone, with the way out. Pure."""

from dataclasses import dataclass

from turnout import __version__
from turnout.desktop import text
from turnout.desktop.state import Health, State
from turnout.desktop.text import tr


@dataclass(frozen=True, slots=True)
class Trouble:
    text: str
    kind: str = "warn"
    """info | warn | bad, as a Note has them."""
    action: str = ""
    intent: str = ""
    """What pressing asks for; `dismiss`: that this is not said again."""


def trouble(state: State, dismissed: frozenset[str] = frozenset()) -> Trouble | None:
    """`dismissed` are texts that the user has seen enough of."""
    status = state.status
    if state.health is Health.FAILED:
        why = text.one_line(state.problem, 300)
        return Trouble(tr("The proxy ended again and again: {why}").format(why=why), "bad", tr("Start it"), "start")
    if state.health is Health.HUNG:
        said = tr("The proxy does not answer; calls that go through it wait.")
        return Trouble(said, "bad", tr("Restart it"), "restart") if state.owned else Trouble(said, "bad")
    if status is None:
        return None
    if status.ledger_adrift:
        return _adrift(state)
    if status.ledger_error:
        why = text.one_line(status.ledger_error, 200)
        if status.serves_unrecorded:
            said = tr("The ledger cannot be written; paid calls go on, and a crash now would forget them: {why}")
        else:
            said = tr("The ledger cannot be written, so paid calls are refused: {why}")
        return Trouble(said.format(why=why), "bad")
    error = status.rules_error or status.settings_error
    if error:
        return Trouble(text.one_line(error, 300) + " " + tr("What was in force before stays in force."))
    for found in (_other_version(state), _ledger(state)):
        if found is not None and found.text not in dismissed:
            return found
    return None


def _adrift(state: State) -> Trouble:
    said = tr(
        "The ledger's file was deleted, moved or replaced while the proxy runs, so its calls are missing here. "
        "Budgets stay as they are."
    )
    if state.owned:
        return Trouble(
            f"{said} {tr('A restart begins a new file, or takes the one that is there.')}",
            "bad",
            tr("Restart it"),
            "restart",
        )
    return Trouble(f"{said} {tr('Restart the proxy where it was started.')}", "bad")


def _other_version(state: State) -> Trouble | None:
    status = state.status
    if status is None or status.version in ("", __version__):
        return None
    said = tr("The proxy is Turnout {theirs}, this window is {ours}: some of it may stay empty.").format(
        theirs=text.one_line(status.version, 20), ours=__version__
    )
    if state.owned:
        return Trouble(said, "info", tr("Restart it"), "restart")
    return Trouble(f"{said} {tr('Restart the proxy where it was started.')}", "info", tr("Understood"), "dismiss")


def _ledger(state: State) -> Trouble | None:
    """What the last start had to do to the ledger: nobody may think that calls are lost without a word."""
    notices = state.status.notices if state.status is not None else ()
    lines = [text.one_line(one.text, 300) for one in notices if one.kind == "ledger"]
    if not lines:
        return None
    return Trouble(f"{tr('The ledger:')} {'; '.join(lines)}.", "info", tr("Understood"), "dismiss")
