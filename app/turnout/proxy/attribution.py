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
_NAMING = frozenset(_SESSION_HEADERS)
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


def session_of(client: str, headers: Mapping[str, str], outline: Outline) -> Session:
    named = "" if _NAMING.isdisjoint(headers) else next((headers[n] for n in _SESSION_HEADERS if headers.get(n)), "")
    said = _clean(named or _in_body(outline))
    if said:
        agent = headers.get(_AGENT, "")
        if agent:
            above = headers.get(_PARENT_AGENT, "")
            return Session(_clean(f"{said}:{agent}"), _clean(f"{said}:{above}" if above else said))
        parent = next((headers[name] for name in _PARENT_HEADERS if headers.get(name)), "") or outline.parent_session
        if not parent and headers.get("thread-id") and headers.get("session-id", said) != said:
            parent = headers["session-id"]
        parent = _clean(parent)
        return Session(said, parent if parent != said else "")
    digest = hashlib.blake2b(digest_size=9)
    for part in (client, outline.system, outline.first_ask):
        digest.update(part.encode("utf-8", "surrogatepass"))
        digest.update(b"\0")
    below = headers.get("x-interaction-type", "") == "conversation-subagent"
    return Session("s-" + digest.hexdigest(), derived=True, below=below)


def _in_body(outline: Outline) -> str:
    """`prompt_cache_key` is an agent's session id, but in many programs one word for all their calls: that names nothing."""
    if outline.dialect is Dialect.ANTHROPIC or _MADE.search(outline.session):
        return outline.session
    return ""


def _clean(text: str) -> str:
    """Ids are shown, logged and stored: printable and short."""
    plain = "".join(c for c in text if c.isprintable())
    return (
        plain
        if len(plain) <= 80
        else hashlib.blake2b(plain.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()
    )
