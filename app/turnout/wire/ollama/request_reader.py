"""A request of /api/chat or /api/generate, read."""

from turnout.calls.request import (
    Image,
    Message,
    Part,
    Reasoning,
    Request,
    Role,
    ServerTool,
    Shape,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
)
from turnout.calls.units import Dialect, Json, Tokens
from turnout.errors import BadRequestError
from turnout.wire.fields import (
    arguments,
    at,
    dump,
    flag_or,
    integer_or,
    items_or,
    number_or,
    obj,
    obj_or,
    strings_or,
    text,
    text_or,
)
from turnout.wire.parts import made_id, oldest_call, split_data_url, split_flat_name

_KNOWN = frozenset(
    [
        "model",
        "messages",
        "prompt",
        "suffix",
        "system",
        "stream",
        "tools",
        "options",
        "format",
        "think",
        "keep_alive",
        "images",
        "input",
        "dimensions",
    ]
)
_OPTIONS = frozenset(
    ["num_predict", "temperature", "top_p", "top_k", "seed", "stop", "frequency_penalty", "presence_penalty"]
)


def limit_of(options: dict[str, Json] | None) -> int | None:
    """`num_predict` below 1 means without a limit."""
    found = integer_or(options, "num_predict", "options") if options is not None else None
    return found if found is not None and found > 0 else None


def read_common(
    body: dict[str, Json], dialect: Dialect, messages: tuple[Message, ...], tools: tuple[Tool | ServerTool, ...] = ()
) -> Request:
    options = obj_or(body, "options") or {}
    think = body.get("think")
    shape = body.get("format")
    limit = limit_of(options)
    extras = {key: value for key, value in body.items() if key not in _KNOWN}
    rest = {key: value for key, value in options.items() if key not in _OPTIONS}
    if rest:
        extras["options"] = rest
    if "keep_alive" in body:
        extras["keep_alive"] = body["keep_alive"]
    reasoning = None
    if isinstance(think, bool | str) and think != "":
        reasoning = Reasoning(enabled=think is not False, effort=think if isinstance(think, str) else "")
    return Request(
        dialect=dialect,
        model=text_or(body, "model"),
        messages=messages,
        tools=tools,
        stream=flag_or(body, "stream") is not False,
        include_usage=True,
        max_output=Tokens(limit) if limit is not None else None,
        temperature=number_or(options, "temperature", "options"),
        top_p=number_or(options, "top_p", "options"),
        top_k=integer_or(options, "top_k", "options"),
        seed=integer_or(options, "seed", "options"),
        frequency_penalty=number_or(options, "frequency_penalty", "options"),
        presence_penalty=number_or(options, "presence_penalty", "options"),
        stop=strings_or(options, "stop", "options"),
        shape=Shape() if shape == "json" else Shape(shape) if isinstance(shape, dict) else None,
        reasoning=reasoning,
        prompt=text_or(body, "prompt"),
        suffix=text_or(body, "suffix") or None,
        extras=extras,
    )


def read_messages(found: list[Json]) -> tuple[Message, ...]:
    messages: list[Message] = []
    open_calls: list[tuple[str, str]] = []
    for i, one in enumerate(found):
        path = f"messages[{i}]"
        message = obj(one, path)
        role, words = text(message, "role", path), text_or(message, "content", path)
        parts: list[Part] = [Text(words)] if words else []
        if role == "system":
            messages.append(Message(Role.SYSTEM, tuple(parts)))
        elif role == "user":
            for data in items_or(message, "images", path):
                if not isinstance(data, str):
                    raise BadRequestError("must be base64 strings", path=at(path, "images"))
                media, bare = split_data_url(data)
                parts.append(Image(media or _media(bare), bare))
            messages.append(Message(Role.USER, tuple(parts)))
        elif role == "assistant":
            if text_or(message, "thinking", path):
                parts.insert(0, Thinking(text_or(message, "thinking", path)))
            for k, call in enumerate(items_or(message, "tool_calls", path)):
                here = f"{path}.tool_calls[{k}]"
                function = obj(obj(call, here).get("function"), f"{here}.function")
                name = text(function, "name", here)
                given = dump(arguments(function.get("arguments"))).decode()
                id_ = text_or(obj(call, here), "id", here) or made_id(name, given, i, k)
                namespace, plain = split_flat_name(name)
                parts.append(ToolCall(id_, plain, given, namespace))
                open_calls.append((id_, name))
            messages.append(Message(Role.ASSISTANT, tuple(parts)))
        elif role == "tool":
            name = text_or(message, "tool_name", path) or text_or(message, "name", path)
            id_ = text_or(message, "tool_call_id", path) or oldest_call(open_calls, name)
            open_calls = [(known, n) for known, n in open_calls if known != id_]
            messages.append(Message(Role.USER, (ToolResult(id_, tuple(parts), name),)))
        else:
            raise BadRequestError(f"must be system, user, assistant or tool, not {role[:40]!r}", path=f"{path}.role")
    return tuple(messages)


def _media(data: str) -> str:
    for start, media in (("/9j/", "image/jpeg"), ("R0lG", "image/gif"), ("UklG", "image/webp")):
        if data.startswith(start):
            return media
    return "image/png"
