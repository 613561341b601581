"""A request, written for Gemini."""

import re
from urllib.parse import quote

from turnout.calls.request import (
    Document,
    Image,
    Part,
    Request,
    Role,
    ServerTool,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
    Written,
)
from turnout.calls.units import Dialect, Family, Json
from turnout.errors import BadRequestError
from turnout.wire.dialect import Target
from turnout.wire.fields import arguments, dump, said
from turnout.wire.foreign import sign, signs
from turnout.wire.gemini.names import camel
from turnout.wire.parts import FREE_TEXT, chosen_name, foreign_file, own_tool, sampling, unsaid, wire_name
from turnout.wire.system import merged_system

_BUDGETS = {"minimal": 0, "low": 1_024, "medium": 8_192, "high": 24_576, "xhigh": 24_576, "max": 24_576}


def write(request: Request, target: Target) -> Written:
    dropped: list[str] = []
    body: dict[str, Json] = {"contents": _write_contents(request, target, dropped)}
    system = merged_system(request)
    if system:
        body["systemInstruction"] = {"parts": [{"text": system}]}
    tools = _write_tools(request, dropped)
    if tools:
        body["tools"] = tools
        choice = _write_choice(request)
        if choice is not None:
            body["toolConfig"] = choice
    config = _write_config(request, target, dropped)
    if request.dialect is Dialect.GEMINI:
        kept = request.extras.get("generationConfig")
        config = {**(kept if isinstance(kept, dict) else {}), **config}
        body |= {key: value for key, value in request.extras.items() if key != "generationConfig"}
    else:
        dropped += unsaid(request)
    if config:
        body["generationConfig"] = config
    verb = "streamGenerateContent?alt=sse" if request.stream else "generateContent"
    return Written(dump(body), tuple(dict.fromkeys(dropped)), path=model_path(target.model, verb))


def model_path(model: str, verb: str) -> str:
    """Under the provider's base URL. The name is the client's word: it must not lead to another path, or bring a query (T24)."""
    if ".." in model:
        raise BadRequestError(f"{model[:80]!r} is no model's name", path="model")
    return f"models/{quote(model, safe='/:@')}:{verb}"


def _write_contents(request: Request, target: Target, dropped: list[str]) -> list[Json]:
    found: list[dict[str, Json]] = []
    names = {p.id: wire_name(p.namespace, p.name) for m in request.messages for p in m.parts if isinstance(p, ToolCall)}
    same = request.dialect is Dialect.GEMINI
    signing = signs(target.model)
    for message in request.messages:
        if message.role is Role.SYSTEM:
            continue
        role = "model" if message.role is Role.ASSISTANT else "user"
        parts = [one for part in message.parts for one in _write_part(part, names, target, dropped, same=same)]
        if not parts:
            continue
        # Results stand together, before the images in them and the text beside them; the sort is stable.
        parts.sort(key=lambda part: role == "user" and said(part, "functionResponse") is None)
        if signing:
            sign(parts)
        if found and found[-1]["role"] == role and isinstance(before := found[-1]["parts"], list):
            before += parts
        else:
            found.append({"role": role, "parts": parts})
    if request.prompt and not found:
        found.append({"role": "user", "parts": [{"text": request.prompt}]})
    return list(found)


_ONE_OF = re.compile(r"gemini-[12]")
"""Models that answer 400 to functions and a form of the answer together; an agent needs its tools more."""


def _media(part: Image | Document) -> str:
    """The vendor wants a type with every address."""
    ending = part.url.partition("?")[0].rpartition(".")[2].lower()
    otherwise = "image/png" if isinstance(part, Image) else "application/pdf"
    return part.media_type or _ENDINGS.get(ending, otherwise)


_ENDINGS = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "gif": "image/gif",
    "pdf": "application/pdf",
    "txt": "text/plain",
    "md": "text/markdown",
}


def _write_part(part: Part, names: dict[str, str], target: Target, dropped: list[str], *, same: bool) -> list[Json]:
    if isinstance(part, Text):
        return [{"text": part.text}] if part.text else []
    if isinstance(part, Image | Document):
        if foreign_file(part, Family.GEMINI):
            dropped.append("content.file_id")
            return []
        if part.data:
            return [{"inlineData": {"mimeType": _media(part), "data": part.data}}]
        if part.url:
            return [{"fileData": {"mimeType": _media(part), "fileUri": part.url}}]
        dropped.append("content.document")
        return []
    if isinstance(part, ToolCall):
        given: Json = {"input": part.arguments} if part.custom else arguments(part.arguments)
        call: dict[str, Json] = {"name": wire_name(part.namespace, part.name), "args": given}
        if same and part.id and not part.id.startswith("call_"):
            call["id"] = part.id
        one: dict[str, Json] = {"functionCall": call}
        if part.sealed and target.vendor_history:
            one["thoughtSignature"] = part.sealed
        return [one]
    if isinstance(part, ToolResult):
        return _write_result(part, names, target, dropped, same=same)
    if isinstance(part, Thinking):
        if part.vendor is Family.GEMINI and target.vendor_history:
            thought: dict[str, Json] = {"text": part.text, "thought": True}
            if part.sealed:
                thought["thoughtSignature"] = part.sealed
            return [thought]
        dropped.append("thinking")
        return []
    if part.dialect is Dialect.GEMINI:
        return [part.value]
    dropped.append(f"content.{part.kind}")
    return []


def _write_result(
    part: ToolResult, names: dict[str, str], target: Target, dropped: list[str], *, same: bool
) -> list[Json]:
    words = "\n".join(p.text for p in part.parts if isinstance(p, Text))
    value: Json = {"error" if part.is_error else "output": words}
    if same and words.startswith("{"):
        value = arguments(words)
    response: dict[str, Json] = {"name": part.name or names.get(part.call_id, "tool"), "response": value}
    if same and not part.call_id.startswith("call_"):
        response["id"] = part.call_id
    media = [p for p in part.parts if isinstance(p, Image | Document)]
    return [
        {"functionResponse": response},
        *(one for p in media for one in _write_part(p, names, target, dropped, same=same)),
    ]


def _write_tools(request: Request, dropped: list[str]) -> list[Json]:
    declared: list[Json] = []
    found: list[Json] = []
    for tool in request.tools:
        if isinstance(tool, ServerTool):
            found += own_tool(tool, Dialect.GEMINI, dropped)
            continue
        one: dict[str, Json] = {"name": wire_name(tool.namespace, tool.name)}
        if tool.description:
            one["description"] = tool.description
        if tool.custom:
            dropped.append("tools.custom.format")
            one["parametersJsonSchema"] = FREE_TEXT
        elif tool.schema is not None:
            one["parametersJsonSchema"] = tool.schema
        declared.append(one)
    if declared:
        found.insert(0, {"functionDeclarations": declared})
    return found


def _write_choice(request: Request) -> Json:
    choice = request.tool_choice
    if choice is None:
        return None
    modes = {"auto": "AUTO", "none": "NONE", "required": "ANY", "named": "ANY"}
    config: dict[str, Json] = {"mode": modes[choice.mode]}
    if choice.mode == "named" or choice.only:
        config["allowedFunctionNames"] = [chosen_name(request, name) for name in choice.only or (choice.name,)]
    if choice.only and choice.mode == "auto":
        # Names go with ANY and VALIDATED only; VALIDATED leaves the model free to answer in words.
        config["mode"] = "VALIDATED"
    return {"functionCallingConfig": config}


def _write_config(request: Request, target: Target, dropped: list[str]) -> dict[str, Json]:
    config: dict[str, Json] = {}
    limit = target.limit(request)
    if limit is not None:
        config["maxOutputTokens"] = limit
    config |= camel(sampling(request))
    if request.stop:
        config["stopSequences"] = list(request.stop[:5])
        if len(request.stop) > 5:
            dropped.append("stop[5:]")
    if request.shape is not None and _ONE_OF.search(target.model) and any(isinstance(t, Tool) for t in request.tools):
        dropped.append("response_format")
    elif request.shape is not None:
        config["responseMimeType"] = "application/json"
        if request.shape.schema is not None:
            config["responseJsonSchema"] = request.shape.schema
    asked = request.reasoning
    if asked is not None and target.thinks and (asked.enabled is not None or asked.effort):
        shows = asked.enabled is not False and (request.dialect is not Dialect.GEMINI or bool(asked.summary))
        thinking: dict[str, Json] = {"includeThoughts": shows}
        if request.dialect is Dialect.GEMINI and asked.effort and asked.budget is None:
            thinking["thinkingLevel"] = asked.effort.upper()
        else:
            budget = int(asked.budget) if asked.budget is not None else _BUDGETS.get(asked.effort, -1)
            budget = 0 if asked.enabled is False else budget
            # The vendor refuses to show thoughts that it may not have.
            thinking = {"includeThoughts": shows and budget != 0, "thinkingBudget": budget}
        config["thinkingConfig"] = thinking
    if request.service_tier:
        dropped.append("service_tier")
    return config
