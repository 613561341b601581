"""A responses request, read whole."""

from dataclasses import replace

from turnout.calls.request import (
    Document,
    Foreign,
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
    ToolChoice,
    ToolResult,
)
from turnout.calls.units import Dialect, Family, Json
from turnout.errors import BadRequestError
from turnout.wire.fields import (
    at,
    flag_or,
    integer_or,
    items,
    items_or,
    number_or,
    obj,
    obj_or,
    said_items,
    said_text,
    text,
    text_or,
    tokens_or,
)
from turnout.wire.parts import allowing, image_of, split_data_url

_KNOWN = frozenset(
    [
        "model",
        "input",
        "instructions",
        "stream",
        "stream_options",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "max_output_tokens",
        "temperature",
        "top_p",
        "text",
        "reasoning",
        "service_tier",
        "user",
        "metadata",
        "previous_response_id",
    ]
)
ABOUT = "namespace.description"
"""Of a namespace, kept at its first tool."""
CALLS = ("function_call", "custom_tool_call")
RESULTS = ("function_call_output", "custom_tool_call_output")
KEPT = ("previous_response_id", "conversation", "prompt")
"""What names something that the vendor keeps, and puts before the request."""


def read(doc: Json) -> Request:
    body = obj(doc)
    _refuse_kept(body)
    messages: list[Message] = []
    if text_or(body, "instructions"):
        messages.append(Message(Role.SYSTEM, (Text(text_or(body, "instructions")),)))
    given = body.get("input")
    if isinstance(given, str):
        messages.append(Message(Role.USER, (Text(given),)))
    else:
        for i, one in enumerate(items(given, "input")):
            _read_item(messages, obj(one, f"input[{i}]"), f"input[{i}]")
    reasoning = obj_or(body, "reasoning")
    return Request(
        dialect=Dialect.OPENAI_RESPONSES,
        model=text_or(body, "model"),
        messages=tuple(messages),
        tools=_read_tools(body),
        tool_choice=_read_choice(body),
        stream=bool(flag_or(body, "stream")),
        include_usage=True,
        max_output=tokens_or(body, "max_output_tokens"),
        temperature=number_or(body, "temperature"),
        top_p=number_or(body, "top_p"),
        top_k=integer_or(body, "top_k"),
        shape=_read_shape(obj_or(obj_or(body, "text") or {}, "format", "text")),
        reasoning=_read_reasoning(reasoning),
        service_tier=text_or(body, "service_tier"),
        user=text_or(body, "user"),
        metadata=obj_or(body, "metadata") or {},
        extras={key: value for key, value in body.items() if key not in _KNOWN} | _text_extras(body),
    )


def _text_extras(body: dict[str, Json]) -> dict[str, Json]:
    """`text.verbosity` and what may come beside `text.format`."""
    spoken = obj_or(body, "text") or {}
    return {f"text.{key}": value for key, value in spoken.items() if key != "format"}


def _refuse_kept(body: dict[str, Json]) -> None:
    """Raises BadRequestError for what only the vendor that keeps it can resolve: half a conversation is worse than none."""
    named = [key for key in KEPT if body.get(key) is not None]
    given = body.get("input")
    references = [
        f"input[{i}]"
        for i, one in enumerate(given if isinstance(given, list) else [])
        if said_text(one, "type") == "item_reference"
    ]
    if body.get("background") is True:
        named.append("background")
    for path in (*named, *references):
        raise BadRequestError(
            "cannot be resolved here: this call is translated for another vendor and no answers are kept",
            path=path,
            hint="Send the whole conversation in `input`, with `store: false`.",
        )


def _read_item(messages: list[Message], item: dict[str, Json], path: str) -> None:
    kind = text_or(item, "type", path, "message")
    if kind == "message":
        role = text(item, "role", path)
        names = {"system": Role.SYSTEM, "developer": Role.SYSTEM, "user": Role.USER, "assistant": Role.ASSISTANT}
        if role not in names:
            raise BadRequestError(
                f"must be system, developer, user or assistant, not {role[:40]!r}", path=f"{path}.role"
            )
        _join(messages, names[role], _read_content(item.get("content"), at(path, "content")), text_or(item, "id", path))
    elif kind in CALLS:
        custom = kind == "custom_tool_call"
        call = ToolCall(
            text_or(item, "call_id", path) or text_or(item, "id", path),
            text(item, "name", path),
            text_or(item, "input" if custom else "arguments", path) or ("" if custom else "{}"),
            text_or(item, "namespace", path),
            custom,
            text_or(item, "id", path),
        )
        _join(messages, Role.ASSISTANT, (call,))
    elif kind in RESULTS:
        output = item.get("output")
        parts: tuple[Part, ...] = (
            (Text(output),) if isinstance(output, str) else _read_content(output, at(path, "output"))
        )
        result = ToolResult(text(item, "call_id", path), parts, custom=kind == "custom_tool_call_output")
        last = messages[-1] if messages else None
        if last is not None and last.role is Role.USER and isinstance(last.parts[0], ToolResult):
            messages[-1] = Message(Role.USER, (*last.parts, result))
        else:
            messages.append(Message(Role.USER, (result,)))
    elif kind == "reasoning":
        summary = "\n".join(said_text(one, "text") for one in items_or(item, "summary", path))
        summary = summary or "\n".join(said_text(one, "text") for one in items_or(item, "content", path))
        sealed = text_or(item, "encrypted_content", path)
        thought = Thinking(summary, sealed, Family.OPENAI if sealed else None, id=text_or(item, "id", path))
        _join(messages, Role.ASSISTANT, (thought,))
    else:
        # item_reference, web_search_call, local_shell_call...: only this dialect's own engines know them.
        side = Role.USER if kind.endswith("_output") else Role.ASSISTANT
        messages.append(Message(side, (Foreign(Dialect.OPENAI_RESPONSES, kind, item),)))


def _join(messages: list[Message], role: Role, parts: tuple[Part, ...], id_: str = "") -> None:
    """Items of one assistant turn (reasoning, text, calls) are one message elsewhere."""
    last = messages[-1] if messages else None
    if role is Role.ASSISTANT and last is not None and last.role is role:
        messages[-1] = Message(role, (*last.parts, *parts), id=last.id)
    else:
        messages.append(Message(role, parts, id=id_))


def _read_content(content: Json, path: str) -> tuple[Part, ...]:
    if content is None:
        return ()
    if isinstance(content, str):
        return (Text(content),) if content else ()
    parts: list[Part] = []
    for i, one in enumerate(items(content, path)):
        here = f"{path}[{i}]"
        part = obj(one, here)
        kind = text(part, "type", here)
        if kind in ("input_text", "output_text", "text"):
            parts.append(Text(text(part, "text", here)))
        elif kind == "refusal":
            parts.append(Text(text(part, "refusal", here)))
        elif kind == "input_image":
            file_id, detail = text_or(part, "file_id", here), text_or(part, "detail", here)
            image = image_of(text_or(part, "image_url", here), detail)
            parts.append(Image(url=file_id, detail=detail, kept_by=Family.OPENAI) if file_id else image)
        elif kind == "input_file":
            media, data = split_data_url(text_or(part, "file_data", here))
            file_id = text_or(part, "file_id", here)
            address, kept_by = text_or(part, "file_url", here) or file_id, Family.OPENAI if file_id else None
            parts.append(Document(media, data, address, text_or(part, "filename", here), kept_by=kept_by))
        else:
            parts.append(Foreign(Dialect.OPENAI_RESPONSES, kind, one))
    return tuple(parts)


def _read_tools(body: dict[str, Json]) -> tuple[Tool | ServerTool, ...]:
    found: list[Tool | ServerTool] = []
    for i, one in enumerate(items_or(body, "tools")):
        path = f"tools[{i}]"
        tool = obj(one, path)
        kind = text(tool, "type", path)
        if kind == "namespace":
            name, about = text(tool, "name", path), text_or(tool, "description", path)
            for k, inner in enumerate(items_or(tool, "tools", path)):
                made = _read_tool(obj(inner, f"{path}.tools[{k}]"), f"{path}.tools[{k}]", name)
                found.append(replace(made, extras={**made.extras, ABOUT: about}) if about and k == 0 else made)
        elif kind in ("function", "custom"):
            found.append(_read_tool(tool, path, ""))
        else:
            found.append(ServerTool(kind, Dialect.OPENAI_RESPONSES, one))
    return tuple(found)


def _read_tool(tool: dict[str, Json], path: str, namespace: str) -> Tool:
    custom = text_or(tool, "type", path) == "custom"
    return Tool(
        text(tool, "name", path),
        text_or(tool, "description", path),
        obj_or(tool, "parameters", path),
        flag_or(tool, "strict", path),
        namespace,
        custom,
        extras={key: value for key, value in tool.items() if key == "format"},
    )


def _read_choice(body: dict[str, Json]) -> ToolChoice | None:
    parallel = flag_or(body, "parallel_tool_calls")
    choice = body.get("tool_choice")
    if isinstance(choice, str):
        return ToolChoice(choice if choice in ("auto", "none", "required") else "auto", parallel=parallel)
    if isinstance(choice, dict):
        if said_text(choice, "type") == "allowed_tools":
            names = tuple(name for one in said_items(choice, "tools") if (name := said_text(one, "name")))
            return allowing("required" if said_text(choice, "mode") == "required" else "auto", names, parallel)
        name = said_text(choice, "name")
        # One of the vendor's own tools: whoever lacks it must not be made to call another instead.
        return ToolChoice("named", name, parallel) if name else ToolChoice(parallel=parallel)
    return ToolChoice(parallel=parallel) if parallel is not None else None


def _read_shape(form: dict[str, Json] | None) -> Shape | None:
    kind = said_text(form, "type")
    if form is None or kind in ("", "text"):
        return None
    if kind == "json_object":
        return Shape()
    return Shape(form.get("schema"), text_or(form, "name"), flag_or(form, "strict"), text_or(form, "description"))


def _read_reasoning(reasoning: dict[str, Json] | None) -> Reasoning | None:
    if reasoning is None:
        return None
    effort = text_or(reasoning, "effort", "reasoning")
    said_on = effort != "none" if effort else None
    return Reasoning(enabled=said_on, effort=effort, summary=text_or(reasoning, "summary", "reasoning"))
