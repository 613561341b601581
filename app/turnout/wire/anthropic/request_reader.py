"""An Anthropic request, read whole."""

import base64

from turnout.calls.request import (
    CacheMark,
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
from turnout.calls.units import Dialect, Family, Json, Tokens
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
    said_text,
    strings_or,
    text,
    text_or,
    tokens_or,
)
from turnout.wire.foreign import SEAL
from turnout.wire.parts import split_flat_name

_KNOWN = frozenset(
    [
        "model",
        "messages",
        "system",
        "stream",
        "tools",
        "tool_choice",
        "max_tokens",
        "temperature",
        "top_p",
        "top_k",
        "stop_sequences",
        "thinking",
        "output_config",
        "output_format",
        "service_tier",
        "metadata",
    ]
)

_ROLES = {role.value: role for role in Role}


def read(doc: Json) -> Request:
    body = obj(doc)
    messages: list[Message] = []
    blocks = system_blocks(body)
    if blocks:
        parts = tuple(
            Text(text_or(obj(b, f"system[{i}]"), "text", f"system[{i}]"), _mark(b)) for i, b in enumerate(blocks)
        )
        messages.append(Message(Role.SYSTEM, parts))
    for i, one in enumerate(items(body.get("messages"), "messages")):
        path = f"messages[{i}]"
        message = obj(one, path)
        role = text(message, "role", path)
        if role not in _ROLES:
            raise BadRequestError(f"must be user, assistant or system, not {role[:40]!r}", path=f"{path}.role")
        messages.append(Message(_ROLES[role], _read_content(message.get("content"), f"{path}.content")))
    config = obj_or(body, "output_config") or {}
    return Request(
        dialect=Dialect.ANTHROPIC,
        model=text_or(body, "model"),
        messages=tuple(messages),
        tools=_read_tools(body),
        tool_choice=_read_choice(obj_or(body, "tool_choice")),
        stream=bool(flag_or(body, "stream")),
        include_usage=True,
        max_output=tokens_or(body, "max_tokens"),
        temperature=number_or(body, "temperature"),
        top_p=number_or(body, "top_p"),
        top_k=integer_or(body, "top_k"),
        stop=strings_or(body, "stop_sequences"),
        shape=_read_shape(config.get("format", body.get("output_format"))),
        reasoning=_read_thinking(obj_or(body, "thinking"), text_or(config, "effort", "output_config")),
        service_tier=text_or(body, "service_tier"),
        metadata=obj_or(body, "metadata") or {},
        extras={key: value for key, value in body.items() if key not in _KNOWN},
    )


def system_blocks(body: dict[str, Json]) -> list[Json]:
    system = body.get("system")
    if system is None or system == "":
        return []
    if isinstance(system, str):
        return [{"type": "text", "text": system}]
    return items(system, "system")


def _mark(block: Json) -> CacheMark | None:
    control = said(block, "cache_control")
    return CacheMark(said_text(control, "ttl") or "5m") if isinstance(control, dict) else None


def _read_content(content: Json, path: str) -> tuple[Part, ...]:
    if content is None:
        return ()
    if isinstance(content, str):
        return (Text(content),) if content else ()
    found = []
    for i, one in enumerate(items(content, path)):
        here = f"{path}[{i}]"
        found.append(_read_block(obj(one, here), here))
    return tuple(found)


def _read_block(block: dict[str, Json], path: str) -> Part:
    kind = text(block, "type", path)
    mark = _mark(block) if "cache_control" in block else None
    if kind == "text":
        return Text(text(block, "text", path), mark)
    if kind == "image":
        source = obj(block.get("source"), at(path, "source"))
        file_id = text_or(source, "file_id", path)
        return Image(
            text_or(source, "media_type", path),
            text_or(source, "data", path),
            text_or(source, "url", path) or file_id,
            cache=mark,
            kept_by=Family.ANTHROPIC if file_id else None,
        )
    if kind == "document":
        return _read_document(block, path, mark)
    if kind == "tool_use":
        namespace, name = split_flat_name(text(block, "name", path))
        return ToolCall(
            text(block, "id", path),
            name,
            dump_text(obj(block.get("input", {}), f"{path}.input")),
            namespace,
            cache=mark,
        )
    if kind == "tool_result":
        parts = _read_content(block.get("content"), f"{path}.content")
        return ToolResult(
            text(block, "tool_use_id", path), parts, is_error=bool(flag_or(block, "is_error", path)), cache=mark
        )
    if kind == "thinking":
        sealed = text_or(block, "signature", path)
        sealed = "" if sealed == SEAL else sealed
        return Thinking(text_or(block, "thinking", path), sealed, Family.ANTHROPIC if sealed else None)
    if kind == "redacted_thinking":
        return Thinking("", text_or(block, "data", path), Family.ANTHROPIC, redacted=True)
    return Foreign(Dialect.ANTHROPIC, kind, block)


def _read_document(block: dict[str, Json], path: str, mark: CacheMark | None) -> Part:
    source = obj(block.get("source"), at(path, "source"))
    kind = text_or(source, "type", path)
    if kind == "content":
        return Foreign(Dialect.ANTHROPIC, "document", block)
    media = text_or(source, "media_type", path, "text/plain" if kind == "text" else "application/pdf")
    file_id, data = text_or(source, "file_id", path), text_or(source, "data", path)
    if kind == "text":
        data = base64.b64encode(data.encode("utf-8", "surrogatepass")).decode()
    address = text_or(source, "url", path) or file_id
    kept_by = Family.ANTHROPIC if file_id else None
    return Document(media, data, address, text_or(block, "title", path), mark, kept_by)


def _read_tools(body: dict[str, Json]) -> tuple[Tool | ServerTool, ...]:
    found: list[Tool | ServerTool] = []
    for i, one in enumerate(items_or(body, "tools")):
        path = f"tools[{i}]"
        tool = obj(one, path)
        kind = text_or(tool, "type", path)
        if kind not in ("", "custom"):
            found.append(ServerTool(kind, Dialect.ANTHROPIC, one))
            continue
        namespace, name = split_flat_name(text(tool, "name", path))
        known = ("type", "name", "description", "input_schema", "strict", "cache_control")
        found.append(
            Tool(
                name,
                text_or(tool, "description", path),
                obj_or(tool, "input_schema", path),
                flag_or(tool, "strict", path),
                namespace,
                cache=_mark(tool),
                extras={key: value for key, value in tool.items() if key not in known},
            )
        )
    return tuple(found)


def _read_choice(choice: dict[str, Json] | None) -> ToolChoice | None:
    if choice is None:
        return None
    kind = text(choice, "type", "tool_choice")
    single = flag_or(choice, "disable_parallel_tool_use", "tool_choice")
    parallel = None if single is None else not single
    if kind == "tool":
        return ToolChoice("named", text(choice, "name", "tool_choice"), parallel)
    modes = {"auto": "auto", "any": "required", "none": "none"}
    if kind not in modes:
        raise BadRequestError("must be auto, any, none or tool", path="tool_choice.type")
    return ToolChoice(modes[kind], parallel=parallel)


def _read_shape(value: Json) -> Shape | None:
    if not isinstance(value, dict):
        return None
    schema = value.get("schema")
    return Shape(schema, said_text(value, "name")) if schema is not None else Shape()


def _read_thinking(thinking: dict[str, Json] | None, effort: str) -> Reasoning | None:
    if thinking is None:
        return Reasoning(effort=effort) if effort else None
    kind = text(thinking, "type", "thinking")
    budget = integer_or(thinking, "budget_tokens", "thinking")
    return Reasoning(
        enabled=kind in ("enabled", "adaptive"),
        effort=effort,
        budget=Tokens(budget) if budget is not None else None,
        summary=text_or(thinking, "display", "thinking"),
        adaptive=kind == "adaptive",
    )
