"""Gemini: generateContent, streamGenerateContent (SSE and array form). The model and the verb stand in the URL."""

import hashlib
from collections.abc import Iterable
from urllib.parse import quote

import orjson

from turnout.calls.outline import Outline
from turnout.calls.reply import (
    Began,
    Ended,
    Event,
    Failed,
    ForeignEvent,
    RefusalDelta,
    StopReason,
    TextDelta,
    ThinkingDelta,
    ThinkingSealed,
    ToolArguments,
    ToolBegan,
    ToolEnded,
    UsageSeen,
)
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
    Written,
)
from turnout.calls.units import Dialect, Family, Json, Tokens
from turnout.calls.usage import Usage
from turnout.errors import BadRequestError, TurnoutError
from turnout.wire import errors_json, sse
from turnout.wire.dialect import ReplyContext, Target
from turnout.wire.fields import (
    arguments,
    at,
    dump,
    event_json,
    flag_or,
    integer_or,
    items,
    items_or,
    number_or,
    obj,
    obj_or,
    positive_or,
    said,
    said_int,
    said_items,
    said_text,
    strings_or,
    text,
    text_or,
)
from turnout.wire.gemini_names import camel
from turnout.wire.json_array import ArrayDecoder, Overflow
from turnout.wire.outlining import Gatherer
from turnout.wire.parts import chosen_name, flat_name, split_flat_name, unsaid, wire_name
from turnout.wire.system import merged_system

STOPS = {
    "STOP": StopReason.END,
    "MAX_TOKENS": StopReason.LENGTH,
    "SAFETY": StopReason.FILTER,
    "RECITATION": StopReason.FILTER,
    "BLOCKLIST": StopReason.FILTER,
    "PROHIBITED_CONTENT": StopReason.FILTER,
    "SPII": StopReason.FILTER,
    "IMAGE_SAFETY": StopReason.FILTER,
}
FINISHES = {StopReason.LENGTH: "MAX_TOKENS", StopReason.FILTER: "SAFETY"}
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
_BUDGETS = {"minimal": 0, "low": 1_024, "medium": 8_192, "high": 24_576, "xhigh": 24_576, "max": 24_576}


def usage_of(doc: Json) -> Usage:
    prompt, cached = said_int(doc, "promptTokenCount"), said_int(doc, "cachedContentTokenCount")
    prompt += max(0, said_int(doc, "toolUsePromptTokenCount"))
    if 0 <= cached <= prompt:
        prompt -= cached
    return Usage(
        Tokens(prompt),
        Tokens(cached),
        output=Tokens(said_int(doc, "candidatesTokenCount")),
        reasoning=Tokens(said_int(doc, "thoughtsTokenCount")),
    )


def usage_json(usage: Usage) -> dict[str, Json]:
    doc: dict[str, Json] = {
        "promptTokenCount": usage.prompt,
        "candidatesTokenCount": usage.output,
        "totalTokenCount": usage.prompt + usage.produced,
    }
    if usage.cache_read:
        doc["cachedContentTokenCount"] = usage.cache_read
    if usage.reasoning:
        doc["thoughtsTokenCount"] = usage.reasoning
    return doc


def count_reply(tokens: int) -> bytes:
    """What countTokens answers."""
    return dump({"totalTokens": tokens})


class Gemini:
    stream_type = "text/event-stream"

    def outline(self, doc: Json, *, path_model: str = "", stream: bool | None = None) -> Outline:
        body = camel(obj(doc))
        seen = Gatherer()
        for part in said_items(_system(body), "parts"):
            seen.add_system(said_text(part, "text"))
        contents = items(body.get("contents"), "contents")
        if not contents:
            raise BadRequestError("must hold at least one content", path="contents")
        for i, one in enumerate(contents):
            _outline_content(seen, obj(one, f"contents[{i}]"), f"contents[{i}]")
        names: list[str] = []
        server: list[str] = []
        texts: list[str] = []
        for tool in items_or(body, "tools"):
            texts.append(orjson.dumps(tool).decode())
            names += [said_text(one, "name") for one in _declarations(tool)]
            server += [key for key in (tool if isinstance(tool, dict) else {}) if key not in _DECLARED]
        config = _config(body)
        thinking = said(config, "thinkingConfig")
        return seen.outline(
            Dialect.GEMINI,
            path_model,
            stream=bool(stream),
            include_usage=True,
            max_output=positive_or(config, "maxOutputTokens", "generationConfig"),
            choices=positive_or(config, "candidateCount", "generationConfig"),
            tools=tuple(names),
            tool_texts=tuple(texts),
            thinking=thinking is not None and said(thinking, "thinkingBudget") != 0,
            effort=said_text(thinking, "thinkingLevel").lower(),
            schema=said_text(config, "responseMimeType") == "application/json",
            server_tools=tuple(server),
        )

    def read_request(self, doc: Json, *, path_model: str = "", stream: bool | None = None) -> Request:
        body = camel(obj(doc))
        messages: list[Message] = []
        system = tuple(Text(found) for part in said_items(_system(body), "parts") if (found := said_text(part, "text")))
        if system:
            messages.append(Message(Role.SYSTEM, system))
        open_calls: list[tuple[str, str]] = []
        for i, one in enumerate(items(body.get("contents"), "contents")):
            messages.append(_read_content(obj(one, f"contents[{i}]"), f"contents[{i}]", i, open_calls))
        config = _config(body)
        path = "generationConfig"
        limit = positive_or(config, "maxOutputTokens", path)
        extras = {key: value for key, value in body.items() if key not in _KNOWN}
        rest = {key: value for key, value in config.items() if key not in _CONFIG}
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
            max_output=Tokens(limit) if limit is not None else None,
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

    def write_request(self, request: Request, target: Target) -> Written:
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

    def reply_reader(self) -> "Reader":
        return Reader()

    def read_reply(self, doc: Json) -> list[Event]:
        reader = Reader()
        found: list[Event] = []
        for one in doc if isinstance(doc, list) else [doc]:
            found += reader.take(one)
        return [*found, *reader.end()]

    def reply_writer(self, context: ReplyContext) -> "Writer":
        return Writer(context)

    def write_reply(self, events: Iterable[Event], context: ReplyContext) -> bytes:
        return _write_whole(events, context)

    def write_error(self, error: TurnoutError) -> bytes:
        return errors_json.gemini(error)


def model_path(model: str, verb: str) -> str:
    """Under the provider's base URL. The name is the client's word: it must not lead to another path, or bring a query (T24)."""
    if ".." in model:
        raise BadRequestError(f"{model[:80]!r} is no model's name", path="model")
    return f"models/{quote(model, safe='/:@')}:{verb}"


_DECLARED = ("functionDeclarations", "function_declarations")


def _system(body: dict[str, Json]) -> Json:
    found = body.get("systemInstruction", body.get("system_instruction"))
    return {"parts": [{"text": found}]} if isinstance(found, str) else found


def _config(body: dict[str, Json]) -> dict[str, Json]:
    return obj_or(body, "generationConfig") or obj_or(body, "generation_config") or {}


def _declarations(tool: Json) -> list[Json]:
    return [*said_items(tool, "functionDeclarations"), *said_items(tool, "function_declarations")]


def _outline_content(seen: Gatherer, content: dict[str, Json], path: str) -> None:
    role = text_or(content, "role", path, "user")
    if role not in ("user", "model", "function", "tool", "system"):
        raise BadRequestError(f"must be user or model, not {role[:40]!r}", path=f"{path}.role")
    seen.begin()
    for part in items_or(content, "parts", path):
        words = said_text(part, "text")
        if said(part, "thought") is True:
            seen.add_text(words)
        elif words:
            (seen.add_human if role == "user" else seen.add_text)(words)
        if said(part, "functionCall") is not None:
            seen.add_call(said_text(part, "functionCall", "name"), said(part, "functionCall", "args"))
        if said(part, "functionResponse") is not None:
            response = said(part, "functionResponse", "response")
            seen.add_result(dump(response).decode(), error=said(response, "error") is not None)
        if said(part, "inlineData") is not None or said(part, "fileData") is not None:
            seen.images += 1
        if said_text(part, "thoughtSignature"):
            seen.sealed_by = Family.GEMINI


def _made_id(name: str, given: str, message: int, number: int) -> str:
    digest = hashlib.blake2b(f"{message}.{number}.{name}.{given}".encode("utf-8", "surrogatepass"), digest_size=9)
    return f"call_{digest.hexdigest()}"


def _read_content(content: dict[str, Json], path: str, number: int, open_calls: list[tuple[str, str]]) -> Message:
    role = text_or(content, "role", path, "user")
    parts: list[Part] = []
    for k, one in enumerate(items_or(content, "parts", path)):
        here = f"{path}.parts[{k}]"
        part = obj(one, here)
        sealed = text_or(part, "thoughtSignature", here)
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
            id_ = text_or(call, "id", here) or _made_id(name, given, number, k)
            open_calls.append((id_, name))
            namespace, plain = split_flat_name(name)
            parts.append(ToolCall(id_, plain, given, namespace, sealed=sealed))
        elif "functionResponse" in part:
            parts.append(_read_result(obj(part["functionResponse"], here), here, open_calls))
        elif "inlineData" in part or "inline_data" in part:
            data = obj(part.get("inlineData", part.get("inline_data")), at(here, "inlineData"))
            media = text_or(data, "mimeType", here) or text_or(data, "mime_type", here)
            parts.append((Image if media.startswith("image/") else Document)(media, text(data, "data", here)))
        elif "fileData" in part:
            file = obj(part["fileData"], at(here, "fileData"))
            media = text_or(file, "mimeType", here)
            parts.append((Image if media.startswith("image/") else Document)(media, "", text(file, "fileUri", here)))
        else:
            parts.append(Foreign(Dialect.GEMINI, next(iter(part), "part"), one))
    return Message(Role.ASSISTANT if role == "model" else Role.USER, tuple(parts))


def _read_result(response: dict[str, Json], path: str, open_calls: list[tuple[str, str]]) -> ToolResult:
    """Matched by id where there is one, else by name and order."""
    name = text(response, "name", path)
    id_ = text_or(response, "id", path)
    if not id_:
        id_ = next(
            (known for known, called in open_calls if called == name), open_calls[0][0] if open_calls else "call_0"
        )
    open_calls[:] = [(known, called) for known, called in open_calls if known != id_]
    value = response.get("response")
    output = said(value, "output")
    if isinstance(output, str) and isinstance(value, dict) and len(value) == 1:
        words = output
    else:
        words = dump(value).decode() if value is not None else ""
    return ToolResult(id_, (Text(words),), name, is_error=said(value, "error") is not None)


def _lowered(schema: Json) -> Json:
    """Gemini's own schemas say `OBJECT`; JSON Schema says `object`."""
    if isinstance(schema, dict):
        return {
            key: (value.lower() if key == "type" and isinstance(value, str) else _lowered(value))
            for key, value in schema.items()
        }
    return [_lowered(one) for one in schema] if isinstance(schema, list) else schema


def _read_tools(body: dict[str, Json]) -> tuple[Tool | ServerTool, ...]:
    found: list[Tool | ServerTool] = []
    for i, one in enumerate(items_or(body, "tools")):
        tool = obj(one, f"tools[{i}]")
        for k, declared in enumerate(_declarations(tool)):
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
        found += [ServerTool(key, Dialect.GEMINI, {key: value}) for key, value in tool.items() if key not in _DECLARED]
    return tuple(found)


def _read_choice(body: dict[str, Json]) -> ToolChoice | None:
    config = said(body.get("toolConfig", body.get("tool_config")), "functionCallingConfig")
    mode = said_text(config, "mode").upper()
    allowed = said_items(config, "allowedFunctionNames")
    if mode == "NONE":
        return ToolChoice("none")
    if mode == "ANY":
        only = allowed[0] if len(allowed) == 1 else None
        return ToolChoice("named", only) if isinstance(only, str) else ToolChoice("required")
    return ToolChoice() if mode else None


def _read_shape(config: dict[str, Json]) -> Shape | None:
    if said_text(config, "responseMimeType") != "application/json":
        return None
    schema = config.get("responseJsonSchema")
    return Shape(schema if schema is not None else _lowered(config.get("responseSchema")))


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


# --- writing requests ---


def _write_contents(request: Request, target: Target, dropped: list[str]) -> list[Json]:
    found: list[dict[str, Json]] = []
    names = {p.id: wire_name(p.namespace, p.name) for m in request.messages for p in m.parts if isinstance(p, ToolCall)}
    same = request.dialect is Dialect.GEMINI
    for message in request.messages:
        if message.role is Role.SYSTEM:
            continue
        role = "model" if message.role is Role.ASSISTANT else "user"
        parts = [one for part in message.parts for one in _write_part(part, names, target, dropped, same=same)]
        if not parts:
            continue
        if found and found[-1]["role"] == role and isinstance(before := found[-1]["parts"], list):
            before += parts
        else:
            found.append({"role": role, "parts": parts})
    if request.prompt and not found:
        found.append({"role": "user", "parts": [{"text": request.prompt}]})
    return list(found)


def _write_part(part: Part, names: dict[str, str], target: Target, dropped: list[str], *, same: bool) -> list[Json]:
    if isinstance(part, Text):
        return [{"text": part.text}] if part.text else []
    if isinstance(part, Image | Document):
        if part.data:
            return [{"inlineData": {"mimeType": part.media_type or "image/png", "data": part.data}}]
        if part.url:
            return [{"fileData": {"mimeType": part.media_type or "image/png", "fileUri": part.url}}]
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
            if tool.dialect is Dialect.GEMINI:
                found.append(tool.value)
            else:
                dropped.append(f"tools.{tool.kind}")
            continue
        one: dict[str, Json] = {"name": wire_name(tool.namespace, tool.name)}
        if tool.description:
            one["description"] = tool.description
        if tool.custom:
            dropped.append("tools.custom.format")
            one["parametersJsonSchema"] = {
                "type": "object",
                "properties": {"input": {"type": "string"}},
                "required": ["input"],
            }
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
    if choice.mode == "named":
        config["allowedFunctionNames"] = [chosen_name(request, choice.name)]
    return {"functionCallingConfig": config}


def _write_config(request: Request, target: Target, dropped: list[str]) -> dict[str, Json]:
    config: dict[str, Json] = {}
    limit = target.max_output if target.max_output is not None else request.max_output
    if limit is not None:
        config["maxOutputTokens"] = int(limit)
    names = {
        "temperature": "temperature",
        "top_p": "topP",
        "top_k": "topK",
        "seed": "seed",
        "frequency_penalty": "frequencyPenalty",
        "presence_penalty": "presencePenalty",
    }
    for ours, theirs in names.items():
        if getattr(request, ours) is not None:
            config[theirs] = getattr(request, ours)
    if request.stop:
        config["stopSequences"] = list(request.stop[:5])
        if len(request.stop) > 5:
            dropped.append("stop[5:]")
    if request.shape is not None:
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
            thinking["thinkingBudget"] = 0 if asked.enabled is False else budget
        config["thinkingConfig"] = thinking
    if request.service_tier:
        dropped.append("service_tier")
    return config


# --- replies ---


class Reader:
    """Each chunk is a whole GenerateContentResponse; the last one holds finishReason and the counts."""

    def __init__(self) -> None:
        self._decoder = sse.Decoder()
        self._array: ArrayDecoder | None = None
        self._first = True
        self._began = False
        self._calls = 0
        self._stop: StopReason | None = None
        self._over = False

    def feed(self, chunk: bytes) -> list[Event]:
        if self._first and chunk.strip():
            self._first = False
            if chunk.lstrip()[:1] == b"[":
                self._array = ArrayDecoder()
        try:
            if self._array is not None:
                return [found for one in self._array.feed(chunk) for found in self._event(one)]
            events = self._decoder.feed(chunk)
        except (sse.Overflow, Overflow):
            self._over = True
            return [Failed("one event of the stream is larger than 16 MB")]
        return [found for event in events for found in self._event(event.data)]

    def end(self) -> list[Event]:
        found: list[Event] = []
        if self._array is None:
            found = [one for event in self._decoder.end() for one in self._event(event.data)]
        if self._over:
            return found
        self._over = True
        if self._stop is None or (self._array is not None and not self._array.closed):
            return [*found, Failed("the engine's stream was cut off before its end")]
        reason = StopReason.TOOLS if self._calls and self._stop is StopReason.END else self._stop
        return [*found, Ended(reason)]

    def _event(self, data: bytes) -> list[Event]:
        if self._over or data.strip() == b"[DONE]":
            return []
        try:
            doc: Json = event_json(data)
        except ValueError:
            self._over = True
            return [Failed("the engine's stream holds something that is not JSON")]
        return [found for one in (doc if isinstance(doc, list) else [doc]) for found in self.take(one)]

    def take(self, doc: Json) -> list[Event]:
        if self._over:
            return []
        if said(doc, "error") is not None:
            self._over = True
            code = said_int(doc, "error", "code")
            message = said_text(doc, "error", "message") or "the engine reported an error"
            return [Failed(message, status=code if 400 <= code < 600 else 502)]
        found: list[Event] = []
        if not self._began:
            self._began = True
            found.append(Began(said_text(doc, "responseId"), said_text(doc, "modelVersion")))
        for candidate in said_items(doc, "candidates")[:1]:
            for part in said_items(candidate, "content", "parts"):
                found += self._part(part)
            finish = said_text(candidate, "finishReason")
            if finish:
                self._stop = STOPS.get(finish, StopReason.END)
        if said_text(doc, "promptFeedback", "blockReason"):
            self._stop = StopReason.FILTER
        if said(doc, "usageMetadata") is not None:
            found.append(UsageSeen(usage_of(said(doc, "usageMetadata"))))
        return found

    def _part(self, part: Json) -> list[Event]:
        words, sealed = said_text(part, "text"), said_text(part, "thoughtSignature")
        if said(part, "functionCall") is not None:
            index, self._calls = self._calls, self._calls + 1
            call = said(part, "functionCall")
            given = dump(arguments(said(call, "args"))).decode()
            namespace, name = split_flat_name(said_text(call, "name"))
            id_ = said_text(call, "id") or _made_id(said_text(call, "name"), given, -1, index)
            return [
                ToolBegan(index, id_, name, namespace, sealed=sealed),
                ToolArguments(index, given),
                ToolEnded(index),
            ]
        found: list[Event] = []
        if said(part, "thought") is True:
            found += [ThinkingDelta(words)] if words else []
        elif words:
            found.append(TextDelta(words))
        elif not sealed:
            found.append(ForeignEvent(Dialect.GEMINI, "part", part))
        if sealed:
            found.append(ThinkingSealed(sealed, Family.GEMINI))
        return found


def _chunk(context: ReplyContext, model: str, parts: list[Json], finish: str, usage: Usage | None) -> dict[str, Json]:
    candidate: dict[str, Json] = {"content": {"parts": parts, "role": "model"}, "index": 0}
    if finish:
        candidate["finishReason"] = finish
    doc: dict[str, Json] = {"candidates": [candidate], "modelVersion": model, "responseId": context.call_id}
    if usage is not None:
        doc["usageMetadata"] = usage_json(usage)
    return doc


class Writer:
    """Calls are told whole: this dialect has no partial arguments."""

    def __init__(self, context: ReplyContext) -> None:
        self._context = context
        self._model = context.model
        self._usage = Usage()
        self._calls: dict[int, tuple[ToolBegan, list[str]]] = {}
        self._opened = False
        self._closed = False

    def write(self, event: Event) -> bytes:
        if self._closed:
            return b""
        if isinstance(event, TextDelta | RefusalDelta):
            return self._tell([{"text": event.text}]) if event.text else b""
        if isinstance(event, ThinkingDelta):
            return self._tell([{"text": event.text, "thought": True}]) if event.text else b""
        if isinstance(event, ThinkingSealed):
            return (
                self._tell([{"text": "", "thoughtSignature": event.sealed}]) if event.vendor is Family.GEMINI else b""
            )
        if isinstance(event, ToolBegan):
            self._calls[event.index] = (event, [])
        elif isinstance(event, ToolArguments):
            self._calls[event.index][1].append(event.fragment)
        elif isinstance(event, UsageSeen):
            self._usage = event.usage
        elif isinstance(event, Began):
            self._model = event.model or self._model
        elif isinstance(event, Ended):
            return self._end(event)
        elif isinstance(event, Failed):
            self._closed = True
            return self._frame(errors_json.gemini_object(event.message, event.status)) + self._close()
        return b""

    def ping(self) -> bytes:
        """Nothing: Gemini CLI fails on a comment before the first event."""
        return b""

    def _frame(self, doc: Json) -> bytes:
        if self._context.array:
            opener = b",\r\n" if self._opened else b"["
            self._opened = True
            return opener + dump(doc)
        return b"data: " + dump(doc) + b"\r\n\r\n"

    def _close(self) -> bytes:
        return b"]" if self._context.array else b""

    def _tell(self, parts: list[Json]) -> bytes:
        return self._frame(_chunk(self._context, self._model, parts, "", None))

    def _end(self, event: Ended) -> bytes:
        self._closed = True
        parts = [call_part(began, "".join(fragments)) for _, (began, fragments) in sorted(self._calls.items())]
        last = _chunk(self._context, self._model, parts, FINISHES.get(event.reason, "STOP"), self._usage)
        return self._frame(last) + self._close()


def call_part(began: ToolBegan, given: str) -> Json:
    call: dict[str, Json] = {"name": flat_name(began.namespace, began.name), "args": arguments(given), "id": began.id}
    one: dict[str, Json] = {"functionCall": call}
    if began.sealed:
        one["thoughtSignature"] = began.sealed
    return one


def _write_whole(events: Iterable[Event], context: ReplyContext) -> bytes:
    parts: list[dict[str, Json]] = []
    calls: dict[int, tuple[ToolBegan, list[str]]] = {}
    usage, finish, model = Usage(), "STOP", context.model
    for event in events:
        if isinstance(event, TextDelta | RefusalDelta):
            _append(parts, event.text, thought=False)
        elif isinstance(event, ThinkingDelta):
            _append(parts, event.text, thought=True)
        elif isinstance(event, ThinkingSealed):
            if event.vendor is Family.GEMINI and parts:
                parts[-1]["thoughtSignature"] = event.sealed
        elif isinstance(event, ToolBegan):
            calls[event.index] = (event, [])
        elif isinstance(event, ToolArguments):
            calls[event.index][1].append(event.fragment)
        elif isinstance(event, UsageSeen):
            usage = event.usage
        elif isinstance(event, Ended):
            finish = FINISHES.get(event.reason, "STOP")
        elif isinstance(event, Began):
            model = event.model or model
    told: list[Json] = [
        *parts,
        *(call_part(began, "".join(fragments)) for _, (began, fragments) in sorted(calls.items())),
    ]
    return dump(_chunk(context, model, told, finish, usage))


def _append(parts: list[dict[str, Json]], words: str, *, thought: bool) -> None:
    if parts and bool(parts[-1].get("thought")) is thought and "thoughtSignature" not in parts[-1]:
        parts[-1]["text"] = f"{parts[-1]['text']}{words}"
    elif words:
        parts.append({"text": words, "thought": True} if thought else {"text": words})
