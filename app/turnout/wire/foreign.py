"""What another engine's turns left in a conversation that goes on at a vendor of the client's own dialect. Pure.

Such a request passes through byte for byte, and the vendor would refuse it: thinking that it did not sign, reasoning items whose
ids it does not know, calls without a signature. Only that is changed; everything else stays as the client wrote it.
"""

import re

from turnout.calls.units import Dialect, Json
from turnout.wire.fields import dump, obj, said, said_items, said_text
from turnout.wire.splice import with_member

SEAL = "turnout"
"""The signature of thinking that no Anthropic model thought: its clients send thinking back with whatever signature it had."""
_ITEM = re.compile(r"rs_[0-9a-f]{24}_\d+")
"""The id of a reasoning item that was written here, with nothing of a vendor's in it."""
_SIGNING = re.compile(r"gemini-(?:[3-9]|\d\d)")
_UNSIGNED = "skip_thought_signature_validator"
NO_SEALS = ("", _UNSIGNED, "context_engineering_is_the_way_to_go")
"""What the vendor's documentation says to send with a call that another model made, or whose signature is gone: no signature."""

Settled = tuple[bytes, dict[str, Json], tuple[str, ...]]
"""The body, the same parsed, and the names of what had to go."""


def settled(dialect: Dialect, body: bytes, doc: Json, model: str, *, checks: bool, alien: bool = True) -> Settled:
    """`model` is the name the vendor knows; `checks`: it is the vendor itself, which looks at every signature. `alien`: the
    conversation may hold something of another engine's, as its outline says; without, no message is looked at."""
    if dialect is Dialect.ANTHROPIC:
        return _anthropic(body, obj(doc), checks=checks, alien=alien)
    if alien and dialect is Dialect.OPENAI_RESPONSES:
        return _responses(body, obj(doc))
    if alien and dialect is Dialect.GEMINI and signs(model):
        return _signed(body, obj(doc))
    return body, obj(doc), ()


def own_item(item: Json) -> bool:
    """A reasoning item that was written here: its vendor does not know it."""
    return _kind(item) == "reasoning" and _ITEM.fullmatch(said_text(item, "id")) is not None


def _responses(body: bytes, doc: dict[str, Json]) -> Settled:
    given = said_items(doc, "input")
    left = [one for one in given if not own_item(one)]
    if len(left) == len(given):
        return body, doc, ()
    return with_member(body, doc, "input", dump(left)), {**doc, "input": left}, ("thinking",)


def _kind(block: Json) -> Json:
    """Asked of every block of every call: `said_text` took 100 us for a body of 200 KB, this takes 20."""
    return block.get("type") if type(block) is dict else None


# --- Anthropic ---


def _anthropic(body: bytes, doc: dict[str, Json], *, checks: bool, alien: bool) -> Settled:
    messages = said_items(doc, "messages")
    dropped: tuple[str, ...] = ()
    if alien and any(_unsigned(block, checks=checks) for message in messages for block in _blocks(message)):
        messages = [left for message in messages if (left := _without(message, checks=checks)) is not None]
        body, doc = with_member(body, doc, "messages", dump(messages)), {**doc, "messages": messages}
        dropped = ("thinking",)
    if (dropped or checks) and said_text(doc, "thinking", "type") == "enabled" and _amid_a_turn(messages):
        body, doc = without_thinking(body, doc)
        dropped = (*dropped, "reasoning")
    return body, doc, dropped


def _blocks(message: Json) -> list[Json]:
    """What the assistant said."""
    if type(message) is not dict or message.get("role") != "assistant":
        return []
    content = message.get("content")
    return content if type(content) is list else []


def _without(message: Json, *, checks: bool) -> Json:
    """None: nothing else was in it."""
    blocks = _blocks(message)
    left = [block for block in blocks if not _unsigned(block, checks=checks)]
    if len(left) == len(blocks) or not isinstance(message, dict):
        return message
    return {**message, "content": left} if left else None


def _unsigned(block: Json, *, checks: bool) -> bool:
    if _kind(block) != "thinking":
        return False
    signature = said_text(block, "signature")
    return signature == SEAL or (checks and not signature)


def _amid_a_turn(messages: list[Json]) -> bool:
    """Results are to be answered of calls that no signed thinking stands before: with thinking on, the vendor refuses that."""
    if len(messages) < 2 or not any(said_text(b, "type") == "tool_result" for b in said_items(messages[-1], "content")):
        return False
    blocks = said_items(messages[-2], "content")
    return bool(blocks) and said_text(blocks[0], "type") not in ("thinking", "redacted_thinking")


def without_thinking(body: bytes, doc: dict[str, Json]) -> tuple[bytes, dict[str, Json]]:
    """Thinking switched off, and the edit of the context that is refused without it."""
    off: Json = {"type": "disabled"}
    body, doc = with_member(body, doc, "thinking", dump(off)), {**doc, "thinking": off}
    management = doc.get("context_management")
    edits = said_items(management, "edits")
    left = [edit for edit in edits if not said_text(edit, "type").startswith("clear_thinking")]
    if isinstance(management, dict) and len(left) < len(edits):
        less: Json = {**management, "edits": left}
        body, doc = with_member(body, doc, "context_management", dump(less)), {**doc, "context_management": less}
    return body, doc


# --- Gemini ---


def signs(model: str) -> bool:
    """Whether this model answers 400 to a turn whose first call lacks its thoughtSignature."""
    return _SIGNING.search(model) is not None


def sign(parts: list[Json]) -> bool:
    """Marks the first call of a turn as another model's where it has no signature; True when it had none."""
    call = unsigned(parts)
    if call is None:
        return False
    call["thoughtSignature"] = _UNSIGNED
    return True


def unsigned(parts: list[Json]) -> dict[str, Json] | None:
    """The first call of a turn where it has no signature."""
    calls = (part for part in parts if isinstance(part, dict) and ("functionCall" in part or "function_call" in part))
    first = next(calls, None)
    return None if first is None or "thoughtSignature" in first or "thought_signature" in first else first


def _signed(body: bytes, doc: dict[str, Json]) -> Settled:
    changed = False
    contents: list[Json] = []
    for content in said_items(doc, "contents"):
        parts: list[Json] = [{**part} if isinstance(part, dict) else part for part in said_items(content, "parts")]
        if isinstance(content, dict) and said(content, "role") == "model" and sign(parts):
            changed = True
            content = {**content, "parts": parts}
        contents.append(content)
    if not changed:
        return body, doc, ()
    return with_member(body, doc, "contents", dump(contents)), {**doc, "contents": contents}, ()
