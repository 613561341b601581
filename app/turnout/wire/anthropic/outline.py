"""An Anthropic request seen from above."""

import orjson

from turnout.calls.outline import Outline
from turnout.calls.units import Dialect, Family, Json
from turnout.calls.usage import service_named
from turnout.errors import BadRequestError
from turnout.wire.anthropic.request_reader import system_blocks
from turnout.wire.fields import (
    flag_or,
    items,
    items_or,
    obj,
    positive_or,
    said,
    said_items,
    said_text,
    text,
    text_or,
    wrong,
)
from turnout.wire.foreign import SEAL
from turnout.wire.outlining import Gatherer


def from_above(doc: Json) -> Outline:
    body = obj(doc)
    seen = Gatherer()
    for block in system_blocks(body):
        seen.add_system(said_text(block, "text"))
        seen.cache_marks += said(block, "cache_control") is not None
    messages = items(body.get("messages"), "messages")
    if not messages:
        raise BadRequestError("must hold at least one message", path="messages")
    for i, one in enumerate(messages):
        path = f"messages[{i}]"
        _outline_message(seen, obj(one, path), path)
    names: list[str] = []
    texts: list[str] = []
    server: list[str] = []
    for tool in items_or(body, "tools"):
        kind, name = said_text(tool, "type"), said_text(tool, "name")
        texts.append(orjson.dumps(tool).decode())
        seen.cache_marks += said(tool, "cache_control") is not None
        if kind in ("", "custom"):
            names.append(name)
        else:
            server.append(kind)
    effort = said_text(body.get("output_config"), "effort")
    session, parent = _session(said_text(body.get("metadata"), "user_id"))
    return seen.outline(
        Dialect.ANTHROPIC,
        text_or(body, "model"),
        stream=bool(flag_or(body, "stream")),
        include_usage=True,
        max_output=positive_or(body, "max_tokens"),
        tools=tuple(names),
        tool_texts=tuple(texts),
        thinking=said_text(body.get("thinking"), "type") in ("enabled", "adaptive"),
        effort=effort,
        service=service_named(said_text(body, "speed"), said_text(body, "service_tier")),
        schema=said(body.get("output_config"), "format") is not None or said(body, "output_format") is not None,
        session=session,
        parent_session=parent,
        server_tools=tuple(server),
    )


def _session(user_id: str) -> tuple[str, str]:
    """Claude Code's `metadata.user_id` is a JSON string with the session in it; older ones are `..._session_ID`."""
    if user_id.startswith("{"):
        try:
            doc: Json = orjson.loads(user_id)
        except orjson.JSONDecodeError:
            return "", ""
        return said_text(doc, "session_id"), said_text(doc, "parent_session_id")
    _, mark, session = user_id.rpartition("_session_")
    return (session, "") if mark else ("", "")


def _outline_message(seen: Gatherer, message: dict[str, Json], path: str) -> None:
    role = text(message, "role", path)
    content = message.get("content")
    if role == "system":
        words = (
            content
            if isinstance(content, str)
            else "\n".join(said_text(b, "text") for b in said_items(message, "content"))
        )
        seen.add_system(words)
        return
    if role not in ("user", "assistant"):
        raise BadRequestError(f"must be user, assistant or system, not {role[:40]!r}", path=f"{path}.role")
    seen.begin()
    if isinstance(content, str):
        (seen.add_human if role == "user" else seen.add_text)(content)
        return
    if not isinstance(content, list):
        raise wrong(f"{path}.content", "a string or an array of blocks", content)
    for block in content:
        if type(block) is not dict:
            raise wrong(f"{path}.content", "an array of objects", block)
        kind = block.get("type")
        if "cache_control" in block:
            seen.cache_marks += block["cache_control"] is not None
        if kind == "text":
            (seen.add_human if role == "user" else seen.add_text)(said_text(block, "text"))
        elif kind == "tool_use":
            seen.add_call(said_text(block, "name"), said(block, "input"))
        elif kind == "tool_result":
            inner = said(block, "content")
            if isinstance(inner, list):
                seen.images += sum(1 for one in inner if said_text(one, "type") == "image")
                inner = "\n".join(said_text(one, "text") for one in inner)
            seen.add_result(inner if isinstance(inner, str) else "", error=said(block, "is_error") is True)
        elif kind in ("image", "document"):
            seen.images += 1
        elif kind in ("thinking", "redacted_thinking"):
            seen.add_text(said_text(block, "thinking"))
            if said_text(block, "signature") not in ("", SEAL) or kind == "redacted_thinking":
                seen.sealed_by = Family.ANTHROPIC
