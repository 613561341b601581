"""What the window says above every page, as values."""

from dataclasses import replace

from turnout import __version__
from turnout.control.messages import Notice, Status
from turnout.desktop.models.trouble import trouble
from turnout.desktop.state import Health, State

STATUS = Status(__version__, 1, "http://127.0.0.1:1", 1, "auto")
UP = State(Health.UP, STATUS, owned=True)


def text(state: State) -> str:
    found = trouble(state)
    return found.text if found is not None else ""


def test_all_well_is_nothing_to_say() -> None:
    assert trouble(UP) is None
    assert trouble(State(Health.STARTING)) is None


def test_a_proxy_that_gave_up_says_why_and_can_be_started() -> None:
    found = trouble(State(Health.FAILED, problem="port 7717 is taken"))
    assert found is not None
    assert "port 7717 is taken" in found.text
    assert found.intent == "start"


def test_a_hung_proxy_of_ours_can_be_restarted_and_anothers_is_left_alone() -> None:
    ours, theirs = trouble(State(Health.HUNG, owned=True)), trouble(State(Health.HUNG))
    assert ours is not None
    assert theirs is not None
    assert (ours.intent, theirs.intent) == ("restart", "")


def test_a_file_with_a_mistake_says_what_stays_in_force() -> None:
    assert "stays in force" in text(replace(UP, status=replace(STATUS, rules_error="rules.toml:3:1: nonsense")))


def test_an_older_proxy_is_named_with_both_versions() -> None:
    found = trouble(State(Health.UP, replace(STATUS, version="0.0.1")))
    assert found is not None
    assert "0.0.1" in found.text
    assert __version__ in found.text
    assert trouble(State(Health.UP, replace(STATUS, version="0.0.1")), frozenset({found.text})) is None


def test_a_ledger_that_was_set_aside_is_said_until_it_is_seen() -> None:
    notice = Notice(1, 1, "ledger", "The ledger was put in order", "it was set aside as ledger.db.broken", "calls")
    found = trouble(State(Health.UP, replace(STATUS, notices=(notice,))))
    assert found is not None
    assert "set aside as ledger.db.broken" in found.text
    assert found.intent == "dismiss"


def test_a_ledger_that_cannot_be_written_or_went_away_is_said_and_marks_the_icon() -> None:
    refused = State(Health.UP, replace(STATUS, ledger_error="disk full"), owned=True)
    assert "paid calls are refused: disk full" in text(refused)
    assert refused.warning
    assert refused.status is not None
    served = replace(refused, status=replace(refused.status, serves_unrecorded=True))
    assert "paid calls go on, and a crash now would forget them: disk full" in text(served)
    gone = State(Health.UP, replace(STATUS, ledger_adrift=True), owned=True)
    ours, theirs = trouble(gone), trouble(replace(gone, owned=False))
    assert ours is not None
    assert theirs is not None
    assert "deleted, moved or replaced" in ours.text
    assert (ours.intent, theirs.intent) == ("restart", "")
    assert gone.warning


def test_t22_the_proxys_words_stay_one_plain_line() -> None:
    said = text(State(Health.FAILED, problem="<b>x</b>\n" * 200))
    assert "\n" not in said
    assert len(said) < 400
