"""A Gemini request, read whole."""

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
from turnout.calls.units import Dialect, Family, Json, Tokens
from turnout.wire.fields import (
    at,
    dump,
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
from turnout.wire.foreign import NO_SEALS
from turnout.wire.gemini.names import camel
from turnout.wire.parts import allowing, made_id, oldest_call, split_flat_name

_CONFIG = frozenset(
    [
        "maxOutputTokens",
        "temperature",
        "topP",
        "topK",
        "seed",
        "frequencyPenalty",
        "presencePenalty",
        "stopSequences",
        "responseMimeType",
        "responseSchema",
        "responseJsonSchema",
        "thinkingConfig",
        "candidateCount",
    ]
)
_FORM = frozenset({"responseMimeType", "responseSchema", "responseJsonSchema"})
_JSON = ("application/json", "")
"""What else an answer may be (`text/x.enum`), no other dialect has a word for."""
_FILES = "generativelanguage.googleapis.com/"
_KNOWN = frozenset(
    [
        "model",
        "contents",
        "systemInstruction",
        "system_instruction",
        "tools",
        "toolConfig",
        "tool_config",
        "generationConfig",
        "generation_config",
    ]
)


def read(doc: Json, path_model: str, *, stream: bool | None) -> Request:
    body = camel(obj(doc))
    messages: list[Message] = []
    system = tuple(Text(found) for part in said_items(system_of(body), "parts") if (found := said_text(part, "text")))
    if system:
        messages.append(Message(Role.SYSTEM, system))
    open_calls: list[tuple[str, str]] = []
    for i, one in enumerate(items(body.get("contents"), "contents")):
        messages.append(_read_content(obj(one, f"contents[{i}]"), f"contents[{i}]", i, open_calls))
    config = config_of(body)
    path = "generationConfig"
    extras = {key: value for key, value in body.items() if key not in _KNOWN}
    known = _CONFIG if said_text(config, "responseMimeType") in _JSON else _CONFIG - _FORM
    rest = {key: value for key, value in config.items() if key not in known}
    if rest:
        extras["generationConfig"] = rest
    return Request(
        dialect=Dialect.GEMINI,
        model=path_model,
        messages=tuple(messages),
        tools=_read_tools(body),
        tool_choice=_read_choice(body),
        stream=bool(stream),
        include_usage=True,
        max_output=tokens_or(config, "maxOutputTokens", path),
        temperature=number_or(config, "temperature", path),
        top_p=number_or(config, "topP", path),
        top_k=integer_or(config, "topK", path),
        seed=integer_or(config, "seed", path),
        frequency_penalty=number_or(config, "frequencyPenalty", path),
        presence_penalty=number_or(config, "presencePenalty", path),
        stop=strings_or(config, "stopSequences", path),
        shape=_read_shape(config),
        reasoning=_read_thinking(obj_or(config, "thinkingConfig", path)),
        extras=extras,
    )


DECLARED = ("functionDeclarations", "function_declarations")


def system_of(body: dict[str, Json]) -> Json:
    found = body.get("systemInstruction", body.get("system_instruction"))
    return {"parts": [{"text": found}]} if isinstance(found, str) else found


def config_of(body: dict[str, Json]) -> dict[str, Json]:
    return obj_or(body, "generationConfig") or obj_or(body, "generation_config") or {}


def declarations(tool: Json) -> list[Json]:
    return [*said_items(tool, "functionDeclarations"), *said_items(tool, "function_declarations")]


def _read_content(content: dict[str, Json], path: str, number: int, open_calls: list[tuple[str, str]]) -> Message:
    role = text_or(content, "role", path, "user")
    parts: list[Part] = []
    for k, one in enumerate(items_or(content, "parts", path)):
        here = f"{path}.parts[{k}]"
        part = obj(one, here)
        sealed = text_or(part, "thoughtSignature", here)
        sealed = "" if sealed in NO_SEALS else sealed
        if part.get("thought") is True:
            parts.append(Thinking(text_or(part, "text", here), sealed, Family.GEMINI if sealed else None))
        elif "text" in part:
            parts.append(Text(text(part, "text", here)))
            if sealed:
                parts.append(Thinking("", sealed, Family.GEMINI))
        elif "functionCall" in part:
            call = obj(part["functionCall"], at(here, "functionCall"))
            name = text(call, "name", at(here, "functionCall"))
            given = dump(obj_or(call, "args", at(here, "functionCall")) or {}).decode()
            id_ = text_or(call, "id", here) or made_id(name, given, number, k)
            open_calls.append((id_, name))
            namespace, plain = split_flat_name(name)
            parts.append(ToolCall(id_, plain, given, namespace, sealed=sealed))
        elif "functionResponse" in part:
            parts.append(_read_result(obj(part["functionResponse"], here), here, open_calls))
        elif (media := _read_media(part, here)) is not None:
            parts.append(media)
        else:
            parts.append(Foreign(Dialect.GEMINI, next(iter(part), "part"), one))
    return Message(Role.ASSISTANT if role == "model" else Role.USER, tuple(parts))


def _read_result(response: dict[str, Json], path: str, open_calls: list[tuple[str, str]]) -> ToolResult:
    """Matched by id where there is one, else by name and order."""
    name = text(response, "name", path)
    id_ = text_or(response, "id", path)
    id_ = id_ or oldest_call(open_calls, name)
    open_calls[:] = [(known, called) for known, called in open_calls if known != id_]
    value = response.get("response")
    told = said(value, "output") or said(value, "error")
    if isinstance(told, str) and isinstance(value, dict) and len(value) == 1:
        words = told
    else:
        words = dump(value).decode() if value is not None else ""
    parts: list[Part] = [Text(words)]
    for k, one in enumerate(items_or(response, "parts", path)):
        media = _read_media(obj(one, f"{path}.parts[{k}]"), f"{path}.parts[{k}]")
        parts.append(media or Foreign(Dialect.GEMINI, "functionResponse.parts", one))
    return ToolResult(id_, tuple(parts), name, is_error=said(value, "error") is not None)


def _read_media(part: dict[str, Json], path: str) -> Image | Document | None:
    """Beside the words, and inside a tool's result."""
    if "inlineData" in part:
        data = obj(part["inlineData"], at(path, "inlineData"))
        media = text_or(data, "mimeType", path)
        return (Image if media.startswith("image/") else Document)(media, text(data, "data", path))
    if "fileData" in part:
        file = obj(part["fileData"], at(path, "fileData"))
        media, address = text_or(file, "mimeType", path), text(file, "fileUri", path)
        kept_by = None if address.startswith("https://") and _FILES not in address else Family.GEMINI
        return (Image if media.startswith("image/") else Document)(media, "", address, kept_by=kept_by)
    return None


def _lowered(schema: Json) -> Json:
    """Gemini's own schemas say `OBJECT` and `nullable`; JSON Schema says `object`, and `null` among the types."""
    if isinstance(schema, dict):
        made: dict[str, Json] = {
            key: (value.lower() if key == "type" and isinstance(value, str) else _lowered(value))
            for key, value in schema.items()
        }
        if made.get("nullable") is True and isinstance(kind := made.get("type"), str):
            del made["nullable"]
            made["type"] = [kind, "null"]
            if isinstance(values := made.get("enum"), list):
                made["enum"] = [*values, None]
        return made
    return [_lowered(one) for one in schema] if isinstance(schema, list) else schema


def _read_tools(body: dict[str, Json]) -> tuple[Tool | ServerTool, ...]:
    found: list[Tool | ServerTool] = []
    for i, one in enumerate(items_or(body, "tools")):
        tool = obj(one, f"tools[{i}]")
        for k, declared in enumerate(declarations(tool)):
            path = f"tools[{i}].functionDeclarations[{k}]"
            function = obj(declared, path)
            schema = function.get("parametersJsonSchema")
            namespace, name = split_flat_name(text(function, "name", path))
            found.append(
                Tool(
                    name,
                    text_or(function, "description", path),
                    schema if schema is not None else _lowered(function.get("parameters")),
                    namespace=namespace,
                )
            )
        found += [ServerTool(key, Dialect.GEMINI, {key: value}) for key, value in tool.items() if key not in DECLARED]
    return tuple(found)


def _read_choice(body: dict[str, Json]) -> ToolChoice | None:
    config = said(body.get("toolConfig", body.get("tool_config")), "functionCallingConfig")
    mode = said_text(config, "mode").upper()
    allowed = said_items(config, "allowedFunctionNames")
    if mode == "NONE":
        return ToolChoice("none")
    names = tuple(name for name in allowed if isinstance(name, str))
    return allowing("required" if mode == "ANY" else "auto", names) if mode else None


def _read_shape(config: dict[str, Json]) -> Shape | None:
    if said_text(config, "responseMimeType") not in _JSON:
        return None
    schema = config.get("responseJsonSchema")
    schema = schema if schema is not None else _lowered(config.get("responseSchema"))
    return Shape(schema) if schema is not None or said_text(config, "responseMimeType") else None


def _read_thinking(config: dict[str, Json] | None) -> Reasoning | None:
    if config is None:
        return None
    budget = integer_or(config, "thinkingBudget", "generationConfig.thinkingConfig")
    shows = flag_or(config, "includeThoughts", "generationConfig.thinkingConfig")
    level = text_or(config, "thinkingLevel", "generationConfig.thinkingConfig").lower()
    return Reasoning(
        enabled=budget != 0,
        effort=level,
        budget=Tokens(budget) if budget is not None and budget > 0 else None,
        summary="auto" if shows else "",
        adaptive=budget == -1,
    )
