"""Whose call it is: session and parent from each client's own headers or body, else from the conversation itself. Pure.

Seen on the wire: Claude Code `x-claude-code-session-id`; Codex `thread-id` under `session-id` (a subagent's thread differs from
its session); opencode `x-session-id` (`x-parent-session-id` for subagents). A generic SDK sends none: there the client,
the system text and the first ask name the conversation, split after an hour's silence.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from turnout.calls.outline import Outline

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
    "x-parent-session-id",
    "x-claude-code-parent-session-id",
    "x-opencode-parent-session",
    "parent-thread-id",
)


@dataclass(frozen=True, slots=True)
class Session:
    id: str
    parent: str = ""
    derived: bool = False
    """Made from the conversation; such a session ends after an hour's silence."""


def session_of(client: str, headers: Mapping[str, str], outline: Outline) -> Session:
    said = next((headers[name] for name in _SESSION_HEADERS if headers.get(name)), "") or outline.session
    if said:
        parent = next((headers[name] for name in _PARENT_HEADERS if headers.get(name)), "") or outline.parent_session
        if not parent and headers.get("thread-id") and headers.get("session-id", said) != said:
            parent = headers["session-id"]
        return Session(_clean(said), _clean(parent) if parent != said else "")
    digest = hashlib.blake2b(digest_size=9)
    for part in (client, outline.system, outline.first_ask):
        digest.update(part.encode("utf-8", "surrogatepass"))
        digest.update(b"\0")
    return Session("s-" + digest.hexdigest(), derived=True)


def _clean(text: str) -> str:
    """Ids are shown, logged and stored: printable and short."""
    plain = "".join(c for c in text if c.isprintable())
    return (
        plain
        if len(plain) <= 80
        else hashlib.blake2b(plain.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()
    )
