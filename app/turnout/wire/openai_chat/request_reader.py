"""A chat request, read whole."""

from turnout.calls.request import (
    Document,
    Foreign,
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
    ToolChoice,
    ToolResult,
)
from turnout.calls.units import Dialect, Family, Json
from turnout.errors import BadRequestError
from turnout.wire.fields import (
    at,
    dump_text,
    flag_or,
    integer_or,
    items,
    items_or,
    number_or,
    obj,
    obj_or,
    said,
    said_items,
    said_text,
    strings_or,
    text,
    text_or,
    tokens_or,
)
from turnout.wire.parts import allowing, image_of, made_id, oldest_call, split_data_url, split_flat_name, unanswered

_KNOWN = frozenset(
    [
        "model",
        "messages",
        "stream",
        "stream_options",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "max_tokens",
        "max_completion_tokens",
        "temperature",
        "top_p",
        "top_k",
        "seed",
        "frequency_penalty",
        "presence_penalty",
        "stop",
        "response_format",
        "reasoning_effort",
        "reasoning",
        "service_tier",
        "user",
        "metadata",
        "functions",
        "function_call",
    ]
)


def read(doc: Json) -> Request:
    body = obj(doc)
    messages: list[Message] = []
    for i, one in enumerate(items(body.get("messages"), "messages")):
        path = f"messages[{i}]"
        _read_message(messages, obj(one, path), path)
    effort = text_or(body, "reasoning_effort") or said_text(body.get("reasoning"), "effort")
    metadata = obj_or(body, "metadata") or {}
    return Request(
        dialect=Dialect.OPENAI_CHAT,
        model=text_or(body, "model"),
        messages=tuple(messages),
        tools=_read_tools(body),
        tool_choice=_read_choice(body),
        stream=bool(flag_or(body, "stream")),
        include_usage=said(body.get("stream_options"), "include_usage") is True,
        max_output=tokens_or(body, "max_completion_tokens") or tokens_or(body, "max_tokens"),
        temperature=number_or(body, "temperature"),
        top_p=number_or(body, "top_p"),
        top_k=integer_or(body, "top_k"),
        seed=integer_or(body, "seed"),
        frequency_penalty=number_or(body, "frequency_penalty"),
        presence_penalty=number_or(body, "presence_penalty"),
        stop=strings_or(body, "stop"),
        shape=_read_shape(obj_or(body, "response_format")),
        reasoning=Reasoning(enabled=effort != "none", effort=effort) if effort else None,
        service_tier=text_or(body, "service_tier"),
        user=text_or(body, "user"),
        metadata=metadata,
        extras={key: value for key, value in body.items() if key not in _KNOWN},
    )


def _read_message(messages: list[Message], message: dict[str, Json], path: str) -> None:
    role = text(message, "role", path)
    content = message.get("content")
    name = text_or(message, "name", path)
    if role in ("system", "developer"):
        messages.append(Message(Role.SYSTEM, _read_content(content, path), name))
    elif role == "user":
        messages.append(Message(Role.USER, _read_content(content, path), name))
    elif role in ("tool", "function"):
        call_id = text_or(message, "tool_call_id", path) or oldest_call(unanswered(messages), name)
        result = ToolResult(call_id, _read_content(content, path), name)
        last = messages[-1] if messages else None
        if (
            last is not None
            and last.role is Role.USER
            and all(isinstance(p, ToolResult) for p in last.parts)
            and last.parts
        ):
            messages[-1] = Message(Role.USER, (*last.parts, result))
        else:
            messages.append(Message(Role.USER, (result,)))
    elif role == "assistant":
        messages.append(Message(Role.ASSISTANT, _read_assistant(message, content, path, len(messages)), name))
    else:
        raise BadRequestError(
            f"must be system, developer, user, assistant or tool, not {role[:40]!r}", path=f"{path}.role"
        )


def _read_assistant(message: dict[str, Json], content: Json, path: str, number: int) -> tuple[Part, ...]:
    parts: list[Part] = []
    thought = text_or(message, "reasoning_content", path) or said_text(message, "reasoning")
    if thought:
        parts.append(Thinking(thought))
    parts += _read_content(content, path)
    if text_or(message, "refusal", path):
        parts.append(Text(text_or(message, "refusal", path)))
    for i, one in enumerate(items_or(message, "tool_calls", path)):
        here = f"{path}.tool_calls[{i}]"
        call = obj(one, here)
        custom = obj_or(call, "custom", here)
        function = custom if custom is not None else obj(call.get("function"), at(here, "function"))
        value = function.get("input" if custom is not None else "arguments")
        given = value if isinstance(value, str) else dump_text(value if value is not None else {})
        flat = text(function, "name", at(here, "function"))
        namespace, name = split_flat_name(flat)
        id_ = text_or(call, "id", here) or made_id(flat, given, number, i)
        parts.append(ToolCall(id_, name, given, namespace, custom=custom is not None))
    old = obj_or(message, "function_call", path)
    if old is not None:
        name, given = text(old, "name", at(path, "function_call")), text_or(old, "arguments", path) or "{}"
        parts.append(ToolCall(made_id(name, given, number, 0), name, given))
    return tuple(parts)


def _read_content(content: Json, path: str) -> tuple[Part, ...]:
    if content is None:
        return ()
    if isinstance(content, str):
        return (Text(content),) if content else ()
    parts: list[Part] = []
    for i, one in enumerate(items(content, at(path, "content"))):
        here = f"{path}.content[{i}]"
        if isinstance(one, str):
            parts.append(Text(one))
            continue
        part = obj(one, here)
        kind = text_or(part, "type", here, "text")
        if kind in ("text", "input_text", "output_text"):
            parts.append(Text(text(part, "text", here)))
        elif kind == "refusal":
            parts.append(Text(text(part, "refusal", here)))
        elif kind == "image_url":
            url = part.get("image_url")
            address = (
                url if isinstance(url, str) else text(obj(url, at(here, "image_url")), "url", at(here, "image_url"))
            )
            parts.append(image_of(address, said_text(url, "detail")))
        elif kind == "input_audio":
            audio = obj(part.get("input_audio"), at(here, "input_audio"))
            parts.append(
                Document(f"audio/{text_or(audio, 'format', here, 'wav')}", text(audio, "data", at(here, "input_audio")))
            )
        elif kind == "file":
            file = obj(part.get("file"), at(here, "file"))
            media, data = split_data_url(text_or(file, "file_data", here))
            file_id = text_or(file, "file_id", here)
            kept_by = Family.OPENAI if file_id else None
            parts.append(Document(media, data, file_id, text_or(file, "filename", here), kept_by=kept_by))
        else:
            parts.append(Foreign(Dialect.OPENAI_CHAT, kind, one))
    return tuple(parts)


def _read_tools(body: dict[str, Json]) -> tuple[Tool | ServerTool, ...]:
    found: list[Tool | ServerTool] = []
    for i, one in enumerate(items_or(body, "tools")):
        path = f"tools[{i}]"
        tool = obj(one, path)
        kind = text_or(tool, "type", path, "function")
        if kind == "function":
            found.append(_read_function(obj(tool.get("function"), at(path, "function")), at(path, "function")))
        elif kind == "custom":
            custom = obj(tool.get("custom"), at(path, "custom"))
            name = text(custom, "name", at(path, "custom"))
            extras = {key: value for key, value in custom.items() if key == "format"}
            found.append(Tool(name, text_or(custom, "description", path), custom=True, extras=extras))
        else:
            found.append(ServerTool(kind, Dialect.OPENAI_CHAT, one))
    for i, one in enumerate(items_or(body, "functions")):
        found.append(_read_function(obj(one, f"functions[{i}]"), f"functions[{i}]"))
    return tuple(found)


def _read_function(function: dict[str, Json], path: str) -> Tool:
    namespace, name = split_flat_name(text(function, "name", path))
    return Tool(
        name,
        text_or(function, "description", path),
        obj_or(function, "parameters", path),
        flag_or(function, "strict", path),
        namespace,
    )


def _read_choice(body: dict[str, Json]) -> ToolChoice | None:
    parallel = flag_or(body, "parallel_tool_calls")
    choice = body.get("tool_choice", body.get("function_call"))
    if isinstance(choice, str):
        if choice not in ("auto", "none", "required"):
            raise BadRequestError("must be auto, none, required or an object", path="tool_choice")
        return ToolChoice(choice, parallel=parallel)
    if isinstance(choice, dict):
        name = said_text(choice, "function", "name") or said_text(choice, "custom", "name") or said_text(choice, "name")
        if name:
            return ToolChoice("named", name, parallel)
        allowed = said(choice, "allowed_tools")
        names = tuple(
            name
            for one in said_items(allowed, "tools")
            if (name := said_text(one, "function", "name") or said_text(one, "custom", "name"))
        )
        return allowing("required" if said_text(allowed, "mode") == "required" else "auto", names, parallel)
    return ToolChoice(parallel=parallel) if parallel is not None else None


def _read_shape(shape: dict[str, Json] | None) -> Shape | None:
    kind = text_or(shape, "type", "response_format") if shape is not None else ""
    if shape is None or kind in ("", "text"):
        return None
    if kind == "json_object":
        return Shape()
    inner = obj(shape.get("json_schema"), "response_format.json_schema")
    return Shape(
        inner.get("schema"),
        text_or(inner, "name", "response_format.json_schema"),
        flag_or(inner, "strict", "response_format.json_schema"),
        text_or(inner, "description", "response_format.json_schema"),
    )
