"""A chat request seen from above."""

import orjson

from turnout.calls.outline import Outline
from turnout.calls.units import Dialect, Json
from turnout.calls.usage import service_named
from turnout.errors import BadRequestError
from turnout.wire.fields import dump, flag_or, items, items_or, obj, positive_or, said, said_text, text, text_or, wrong
from turnout.wire.outlining import Gatherer


def from_above(doc: Json) -> Outline:
    body = obj(doc)
    seen = Gatherer()
    for i, one in enumerate(items(body.get("messages"), "messages")):
        if not _is_plain(seen, one):
            path = f"messages[{i}]"
            _outline_message(seen, obj(one, path), path)
    if not seen.turns and not seen.system:
        raise BadRequestError("must hold at least one message", path="messages")
    names, texts, server = _outline_tools(items_or(body, "tools"))
    for one in items_or(body, "functions"):
        names.append(said_text(one, "name"))
        texts.append(dump(one).decode())
    shape = said_text(body.get("response_format"), "type")
    effort = text_or(body, "reasoning_effort") or said_text(body.get("reasoning"), "effort")
    return seen.outline(
        Dialect.OPENAI_CHAT,
        text_or(body, "model"),
        stream=bool(flag_or(body, "stream")),
        include_usage=said(body.get("stream_options"), "include_usage") is True,
        max_output=positive_or(body, "max_completion_tokens") or positive_or(body, "max_tokens"),
        choices=positive_or(body, "n"),
        tools=tuple(names),
        tool_texts=tuple(texts),
        thinking=effort not in ("", "none"),
        effort=effort,
        service=service_named(text_or(body, "service_tier")),
        schema=shape in ("json_schema", "json_object"),
        session=text_or(body, "prompt_cache_key"),
        server_tools=tuple(server),
    )


def _is_plain(seen: Gatherer, message: Json) -> bool:
    """Takes in a message that is a role and one text, as most of a long history are; False: it is not, and was not taken."""
    if type(message) is not dict:
        return False
    content = message.get("content")
    if type(content) is not str or not content:
        return False
    role = message.get("role")
    if role == "user":
        seen.begin()
        seen.add_human(content)
    elif role == "tool":
        seen.begin()
        seen.add_result(content)
    elif role == "assistant" and not message.get("tool_calls"):
        seen.begin()
        seen.add_text(content)
    else:
        return False
    return True


def _outline_message(seen: Gatherer, message: dict[str, Json], path: str) -> None:
    role = text(message, "role", path)
    content = message.get("content")
    if role in ("system", "developer"):
        seen.add_system("\n".join(_texts(content, path)))
        return
    seen.begin()
    if role == "user":
        for one in _texts(content, path):
            seen.add_human(one)
        if isinstance(content, list):
            seen.images += sum(1 for part in content if said_text(part, "type") in ("image_url", "file", "input_audio"))
    elif role == "assistant":
        for one in _texts(content, path):
            seen.add_text(one)
        for call in items_or(message, "tool_calls", path):
            function = said(call, "function")
            seen.add_call(said_text(function, "name"), said(function, "arguments"))
    elif role in ("tool", "function"):
        seen.add_result("\n".join(_texts(content, path)))
    else:
        raise BadRequestError(
            f"must be system, developer, user, assistant or tool, not {role[:40]!r}", path=f"{path}.role"
        )


def _texts(content: Json, path: str) -> list[str]:
    if isinstance(content, str):
        return [content] if content else []
    if content is None:
        return []
    if not isinstance(content, list):
        raise wrong(f"{path}.content", "a string or an array of parts", content)
    return [found for part in content if (found := said_text(part, "text"))]


def _outline_tools(tools: list[Json]) -> tuple[list[str], list[str], list[str]]:
    names: list[str] = []
    texts: list[str] = []
    server: list[str] = []
    for tool in tools:
        kind = said_text(tool, "type")
        name = said_text(tool, "function", "name") or said_text(tool, "custom", "name") or said_text(tool, "name")
        texts.append(orjson.dumps(tool).decode())
        if name:
            names.append(name)
        elif kind:
            server.append(kind)
    return names, texts, server
