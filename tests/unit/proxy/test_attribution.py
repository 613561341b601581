"""Sessions from what each client sends, and from the conversation where it sends nothing."""

import pytest

from turnout.calls.outline import Outline
from turnout.calls.units import Dialect
from turnout.proxy.attribution import SILENCE_MS, Session, session_of
from turnout.proxy.sessions import KEPT, Sessions

PLAIN = Outline(Dialect.OPENAI_CHAT, "auto", system="Be brief.", first_ask="rename it")
UUID = "01a20b74-5d97-7513-bc48-e382321ec06c"


@pytest.mark.parametrize(
    ("headers", "session"),
    [
        ({"x-claude-code-session-id": UUID}, Session(UUID)),
        (
            {"x-claude-code-session-id": UUID, "x-claude-code-agent-id": "a16e0019bbf2e860c"},
            Session(f"{UUID}:a16e0019bbf2e860c", UUID),
        ),
        (
            {
                "x-claude-code-session-id": UUID,
                "x-claude-code-agent-id": "a2",
                "x-claude-code-parent-agent-id": "a1",
            },
            Session(f"{UUID}:a2", f"{UUID}:a1"),
        ),
        ({"session-id": UUID, "thread-id": UUID}, Session(UUID)),
        ({"session-id": UUID, "thread-id": "01a2-other"}, Session("01a2-other", UUID)),
        (
            {"session-id": UUID, "thread-id": "t3", "x-codex-parent-thread-id": "t2"},
            Session("t3", "t2"),
        ),
        ({"session-id": UUID, "thread-id": UUID, "x-codex-parent-thread-id": UUID}, Session(UUID)),
        ({"x-session-id": "ses_1", "x-session-affinity": "ses_1"}, Session("ses_1")),
        ({"x-session-id": "ses_2", "x-parent-session-id": "ses_1"}, Session("ses_2", "ses_1")),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else "",
)
def test_a_session_and_its_parent_are_those_of_the_clients_own_headers(
    headers: dict[str, str], session: Session
) -> None:
    assert session_of("c", headers, PLAIN) == session


@pytest.mark.parametrize("key", [UUID, "bb77ff7dd159001e6caf33de4a0ad14f", "ses_df49db59affe2XFnNXh9JeH3Qu"])
def test_an_agents_cache_key_is_its_session(key: str) -> None:
    outline = Outline(Dialect.OPENAI_RESPONSES, "auto", session=key)

    assert session_of("c", {}, outline) == Session(key)


@pytest.mark.parametrize("key", ["support-bot", "prod", "my-app-v2", "user-42", ""])
def test_one_cache_key_for_all_of_a_programs_calls_makes_no_session_of_them(key: str) -> None:
    first = Outline(Dialect.OPENAI_CHAT, "auto", session=key, first_ask="one")
    second = Outline(Dialect.OPENAI_CHAT, "auto", session=key, first_ask="two")

    assert session_of("c", {}, first).derived
    assert session_of("c", {}, first) != session_of("c", {}, second)


def test_without_any_id_client_system_and_first_ask_name_the_conversation() -> None:
    again = Outline(Dialect.OPENAI_CHAT, "auto", system="Be brief.", first_ask="rename it", ask="and now?", turns=7)
    other = Outline(Dialect.OPENAI_CHAT, "auto", system="Be long.", first_ask="rename it")

    assert session_of("c", {}, again) == session_of("c", {}, PLAIN)
    assert session_of("d", {}, PLAIN) != session_of("c", {}, PLAIN)
    assert session_of("c", {}, other) != session_of("c", {}, PLAIN)
    assert session_of("c", {}, PLAIN).derived


@pytest.mark.parametrize("said", ["x" * 500, "a\nb\x1b[31m", "\ud800", "ü" * 90])
def test_any_id_a_client_sends_is_stored_printable_and_short(said: str) -> None:
    id_ = session_of("c", {"x-session-id": said}, PLAIN).id

    assert 0 < len(id_) <= 80
    assert id_.isprintable()


def test_an_hours_silence_ends_a_session_that_only_the_conversation_names() -> None:
    sessions = Sessions()
    derived = session_of("c", {}, PLAIN)
    first = sessions.named(derived, "c", 0)
    first.last_at_ms = 1_000

    assert sessions.named(derived, "c", 1_000 + SILENCE_MS) is first
    second = sessions.named(derived, "c", 1_001 + SILENCE_MS)
    assert second is not first
    assert second.id != first.id
    assert sessions.named(derived, "c", 1_002 + SILENCE_MS) is not first


def test_a_session_with_an_id_of_its_own_outlives_any_silence() -> None:
    sessions = Sessions()
    first = sessions.named(Session("ses_1"), "c", 0)

    assert sessions.named(Session("ses_1"), "c", 100 * SILENCE_MS) is first


def test_a_subagent_of_a_subagent_belongs_to_the_same_tree() -> None:
    sessions = Sessions()
    for session in (Session("top"), Session("sub", "top"), Session("subsub", "sub")):
        sessions.named(session, "c", 0)
    subsub = sessions.find("subsub")
    assert subsub is not None

    assert sessions.root(subsub) == "top"


def test_two_clients_with_one_id_are_in_two_sessions_and_so_are_their_subagents() -> None:
    sessions = Sessions()
    first = sessions.named(Session("1"), "a", 0)
    sessions.named(Session("2", "1"), "a", 0)

    second = sessions.named(Session("1"), "b", 1)
    below = sessions.named(Session("2", "1"), "b", 1)

    assert first.id != second.id
    assert sessions.named(Session("1"), "b", 2) is second
    assert sessions.named(Session("1"), "a", 2) is first
    assert sessions.root(below) == second.id


def test_a_subagent_whose_client_does_not_say_whose_it_is_belongs_to_the_clients_newest_session() -> None:
    """Copilot CLI marks a subagent's calls, and names no session at all."""
    sessions = Sessions()
    headers = {"x-interaction-type": "conversation-subagent"}
    sessions.named(Session("other"), "b", 0)
    top = sessions.named(session_of("c", {"x-interaction-type": "conversation-user"}, PLAIN), "c", 0)
    sessions.named(Session("other"), "b", 1)

    first = sessions.named(session_of("c", headers, Outline(Dialect.OPENAI_CHAT, "auto", first_ask="look")), "c", 2)
    second = sessions.named(session_of("c", headers, Outline(Dialect.OPENAI_CHAT, "auto", first_ask="see")), "c", 3)

    assert (first.parent, second.parent) == (top.id, top.id)


def test_parents_that_name_each_other_end_somewhere() -> None:
    sessions = Sessions()
    a = sessions.named(Session("a", "b"), "c", 0)
    sessions.named(Session("b", "a"), "c", 0)

    assert sessions.root(a) in ("a", "b")


def test_the_oldest_sessions_are_forgotten_beyond_the_bound() -> None:
    sessions = Sessions()
    for number in range(KEPT + 3):
        sessions.named(Session(f"s{number}"), "c", number)

    assert len(sessions) == KEPT
    assert sessions.find("s2") is None
    assert sessions.find("s3") is not None
