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
    said_texts,
    text,
    text_or,
    wrong,
)
from turnout.wire.foreign import SEAL
from turnout.wire.outlining import Gatherer, Seldom, Tools, gathered, offered


def from_above(doc: Json) -> Outline:
    body = obj(doc)
    system = system_blocks(body)
    messages = items(body.get("messages"), "messages")
    if not messages:
        raise BadRequestError("must hold at least one message", path="messages")
    seen = gathered(Dialect.ANTHROPIC, messages, _take)
    seen.add_instructions([said_text(block, "text") for block in system])
    seen.look_beside(body, *(("system",) if type(body.get("system")) is str else ()))
    seen.cache_marks += sum(1 for block in system if said(block, "cache_control") is not None)
    return seen.outline(
        Dialect.ANTHROPIC,
        text_or(body, "model"),
        stream=bool(flag_or(body, "stream")),
        max_output=positive_or(body, "max_tokens"),
        tools=offered(Dialect.ANTHROPIC, items_or(body, "tools"), _tool),
        **(_PLAIN if _SELDOM.isdisjoint(body) else _more(body, seen)),
    )


_SELDOM = frozenset(("mcp_servers", "metadata", "output_config", "output_format", "service_tier", "speed", "thinking"))
_PLAIN = Seldom(include_usage=True)


def _more(body: dict[str, Json], seen: Gatherer) -> Seldom:
    form = said(body.get("output_config"), "format") or body.get("output_format")
    seen.add_schema(said(form, "schema"))
    session, parent = _session(said_text(body.get("metadata"), "user_id"))
    return Seldom(
        include_usage=True,
        thinking=said_text(body.get("thinking"), "type") in ("enabled", "adaptive"),
        effort=said_text(body.get("output_config"), "effort"),
        service=service_named(said_text(body, "speed"), said_text(body, "service_tier")),
        schema=form is not None,
        session=session,
        parent_session=parent,
        # What the vendor's own client of those servers finds comes into the prompt.
        extras={"kept": "1"} if body.get("mcp_servers") else {},
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


def _tool(tool: Json) -> Tools:
    kind, marks = said_text(tool, "type"), int(said(tool, "cache_control") is not None)
    if kind in ("", "custom"):
        return Tools((said_text(tool, "name"),), cache_marks=marks)
    return Tools(server=(kind,), cache_marks=marks)


def _take(seen: Gatherer, message: Json, place: int) -> None:
    if type(message) is not dict:
        raise wrong(f"messages[{place}]", "an object", message)
    role, content = message.get("role"), message.get("content")
    if role == "system":
        words = content if isinstance(content, str) else "\n".join(said_text(b, "text") for b in said_items(content))
        seen.add_system(words)
        return
    if role not in ("user", "assistant"):
        role = text(message, "role", f"messages[{place}]")
        raise BadRequestError(f"must be user, assistant or system, not {role[:40]!r}", path=f"messages[{place}].role")
    seen.begin()
    add = seen.add_human if role == "user" else seen.add_text
    if type(content) is str:
        add(content)
        return
    if type(content) is not list:
        raise wrong(f"messages[{place}].content", "a string or an array of blocks", content)
    for block in content:
        if type(block) is not dict:
            raise wrong(f"messages[{place}].content", "an array of objects", block)
        kind = block.get("type")
        if "cache_control" in block:
            seen.cache_marks += block["cache_control"] is not None
        if kind == "text":
            add(said_text(block, "text"))
        elif kind == "tool_use":
            seen.add_call(said_text(block, "name"), block.get("input"))
        elif kind == "tool_result":
            inner = block.get("content")
            if type(inner) is list:
                for one in inner:
                    _seldom(seen, one, said_text(one, "type"))
                inner = "\n".join(said_text(one, "text") for one in inner)
            seen.add_result(inner if type(inner) is str else "", error=block.get("is_error") is True)
        elif kind in ("thinking", "redacted_thinking"):
            _thought(seen, block, redacted=kind == "redacted_thinking")
        else:
            _seldom(seen, block, kind)


def _seldom(seen: Gatherer, block: Json, kind: Json) -> None:
    """Images, documents, and what the vendor's own tools asked and found; texts are taken elsewhere."""
    if kind == "image":
        seen.images += 1
    elif kind == "document":
        source = said(block, "source")
        form = said_text(source, "type")
        if form == "base64":
            seen.add_file(said_text(source, "data"), said_text(source, "media_type"))
        elif form == "text":
            seen.add_text(said_text(source, "data"))
        else:
            seen.images += 1
            seen.add_other(said(source, "content"))
        seen.add_other(said(block, "context"))
    elif kind != "text":
        seen.add_other(block)


def _thought(seen: Gatherer, block: dict[str, Json], *, redacted: bool) -> None:
    words, signature = said_texts(block, "thinking", "signature")
    seen.add_text(words)
    if redacted or signature not in ("", SEAL):
        seen.sealed_by = Family.ANTHROPIC
    else:
        seen.alien = True
