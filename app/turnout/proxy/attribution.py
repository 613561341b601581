"""Whose call it is: session and parent from each client's own headers or body, else from the conversation itself. Pure.

Seen on the wire: Claude Code `x-claude-code-session-id`, and for a subagent `x-claude-code-agent-id` beside the same session
(2.1.331; a subagent's own subagents also name `x-claude-code-parent-agent-id`); Codex `thread-id` under `session-id`, and for a
subagent `x-codex-parent-thread-id`; opencode `x-session-id` (`x-parent-session-id` for subagents). Copilot CLI names no session,
but marks a subagent's calls (`x-interaction-type: conversation-subagent`, 1.0.102): those lie below the client's newest session.
A generic SDK sends none: there the client, the system text and the first ask name the conversation, split after an hour's silence.
"""

import hashlib
import re
from collections.abc import Mapping

from turnout.calls.outline import Outline
from turnout.calls.units import Dialect
from turnout.calls.values import frozen

SILENCE_MS = 3_600_000
_SESSION_HEADERS = (
    "x-claude-code-session-id",
    "thread-id",
    "x-session-id",
    "session-id",
    "x-session-affinity",
    "x-opencode-session",
    "x-conversation-id",
)
_PARENT_HEADERS = (
    "x-codex-parent-thread-id",
    "x-parent-session-id",
    "x-opencode-parent-session",
)
_AGENT, _PARENT_AGENT = "x-claude-code-agent-id", "x-claude-code-parent-agent-id"
_MADE = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-|(?=[0-9A-Za-z]*[0-9])[0-9A-Za-z]{16,}")


@frozen
class Session:
    id: str
    parent: str = ""
    derived: bool = False
    """Made from the conversation; such a session ends after an hour's silence."""
    below: bool = False
    """A subagent's, and the client does not say whose."""


@frozen
class Said:
    """What a client's headers say of its session."""

    id: str = ""
    agent: str = ""
    above_agent: str = ""
    parent: str = ""
    session: str = ""
    """Which the thread in `id` belongs to."""
    below: bool = False


def said_in(headers: Mapping[str, str]) -> Said:
    return Said(
        _clean(next((headers[name] for name in _SESSION_HEADERS if headers.get(name)), "")),
        headers.get(_AGENT, ""),
        headers.get(_PARENT_AGENT, ""),
        next((headers[name] for name in _PARENT_HEADERS if headers.get(name)), ""),
        headers.get("session-id", "") if headers.get("thread-id") else "",
        headers.get("x-interaction-type", "") == "conversation-subagent",
    )


def session_of(client: str, headers: Mapping[str, str], outline: Outline) -> Session:
    return session_by(client, said_in(headers), outline)


def session_by(client: str, said: Said, outline: Outline) -> Session:
    id_ = said.id
    if not id_ and outline.session:
        id_ = _clean(_in_body(outline))
    if not id_:
        told = "\0".join((client, outline.system, outline.first_ask, "")).encode("utf-8", "surrogatepass")
        return Session("s-" + hashlib.blake2b(told, digest_size=9).hexdigest(), derived=True, below=said.below)
    if said.agent:
        return Session(_clean(f"{id_}:{said.agent}"), _clean(f"{id_}:{said.above_agent}" if said.above_agent else id_))
    parent = said.parent or outline.parent_session
    if not parent and said.session != id_:
        parent = said.session
    parent = _clean(parent)
    return Session(id_, parent if parent != id_ else "")


def _in_body(outline: Outline) -> str:
    """`prompt_cache_key` is an agent's session id, but in many programs one word for all their calls: that names nothing."""
    return outline.session if outline.dialect is Dialect.ANTHROPIC or _MADE.search(outline.session) else ""


def _clean(text: str) -> str:
    """Ids are shown, logged and stored: printable and short."""
    plain = text if text.isprintable() else "".join(c for c in text if c.isprintable())
    return (
        plain
        if len(plain) <= 80
        else hashlib.blake2b(plain.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()
    )
