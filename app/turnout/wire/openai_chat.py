"""OpenAI chat completions: /v1/chat/completions."""

from collections.abc import Iterable, Iterator

import orjson

from turnout.calls.outline import Outline
from turnout.calls.reply import (
    Began,
    Ended,
    Event,
    Failed,
    RefusalDelta,
    StopReason,
    TextDelta,
    ThinkingDelta,
    ToolArguments,
    ToolBegan,
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
from turnout.calls.units import Dialect, Json, Tokens
from turnout.calls.usage import Usage, service_named
from turnout.errors import BadRequestError, TurnoutError
from turnout.wire import errors_json, sse
from turnout.wire.dialect import ReplyContext, Target
from turnout.wire.fields import (
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
    wrong,
)
from turnout.wire.outlining import Gatherer
from turnout.wire.parts import (
    as_function,
    chosen_name,
    data_url,
    flat_name,
    image_of,
    open_thought,
    result_text,
    split_data_url,
    split_flat_name,
    unsaid,
    wire_name,
)
from turnout.wire.system import without_billing

STOPS = {
    "stop": StopReason.END,
    "length": StopReason.LENGTH,
    "tool_calls": StopReason.TOOLS,
    "function_call": StopReason.TOOLS,
    "content_filter": StopReason.FILTER,
}
FINISHES = {
    StopReason.END: "stop",
    StopReason.LENGTH: "length",
    StopReason.TOOLS: "tool_calls",
    StopReason.STOP_SEQUENCE: "stop",
    StopReason.FILTER: "content_filter",
    StopReason.PAUSE: "stop",
}
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


def usage_of(doc: Json) -> Usage:
    """Disjoint buckets: cached tokens are inside `prompt_tokens`, reasoning inside `completion_tokens`."""
    prompt = said_int(doc, "prompt_tokens")
    output = said_int(doc, "completion_tokens")
    cached = said_int(doc, "prompt_tokens_details", "cached_tokens")
    written = said_int(doc, "prompt_tokens_details", "cache_write_tokens")
    reasoning = said_int(doc, "completion_tokens_details", "reasoning_tokens")
    if min(cached, written, prompt) >= 0 and cached + written <= prompt:
        prompt -= cached + written
    if 0 <= reasoning <= output:
        output -= reasoning
    return Usage(Tokens(prompt), Tokens(cached), Tokens(written), Tokens(0), Tokens(output), Tokens(reasoning))


def usage_json(usage: Usage) -> dict[str, Json]:
    return {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.produced,
        "total_tokens": usage.prompt + usage.produced,
        "prompt_tokens_details": {
            "cached_tokens": usage.cache_read,
            "cache_write_tokens": usage.cache_write_5m + usage.cache_write_1h,
            "audio_tokens": 0,
        },
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


class OpenAIChat:
    stream_type = "text/event-stream"

    # --- requests ---

    def outline(self, doc: Json, *, path_model: str = "", stream: bool | None = None) -> Outline:
        body = obj(doc)
        seen = Gatherer()
        for i, one in enumerate(items(body.get("messages"), "messages")):
            _outline_message(seen, obj(one, f"messages[{i}]"), f"messages[{i}]")
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

    def read_request(self, doc: Json, *, path_model: str = "", stream: bool | None = None) -> Request:
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
            max_output=_tokens(positive_or(body, "max_completion_tokens") or positive_or(body, "max_tokens")),
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

    def write_request(self, request: Request, target: Target) -> Written:
        dropped: list[str] = []
        body: dict[str, Json] = {"model": target.model, "messages": _write_messages(request, target, dropped)}
        tools = _write_tools(request, dropped)
        if tools:
            body["tools"] = tools
            _write_choice(body, request)
        limit = target.max_output if target.max_output is not None else request.max_output
        if limit is not None:
            body["max_tokens" if target.legacy_max_tokens else "max_completion_tokens"] = int(limit)
        _write_sampling(body, request, target, dropped)
        if request.shape is not None:
            body["response_format"] = _write_shape(request.shape)
        if request.stream:
            body["stream"] = True
            if target.include_usage:
                body["stream_options"] = {"include_usage": True}
        if request.dialect is Dialect.OPENAI_CHAT:
            body |= request.extras
        else:
            dropped += unsaid(request, says=_SAYS if "metadata" not in body else (*_SAYS, "metadata"))
        return Written(dump(body), tuple(dict.fromkeys(dropped)))

    # --- replies ---

    def reply_reader(self) -> "Reader":
        return Reader()

    def read_reply(self, doc: Json) -> list[Event]:
        choice = next(iter(said_items(doc, "choices")), None)
        if said(doc, "error") is not None and choice is None:
            return [Failed(_error_text(doc))]
        message = said(choice, "message")
        if not isinstance(message, dict):
            return [Failed("the answer holds no choices[0].message")]
        found: list[Event] = [Began(said_text(doc, "id"), said_text(doc, "model"), max(0, said_int(doc, "created")))]
        found += _thought(message)
        content = message.get("content")
        if isinstance(content, str) and content:
            found.append(TextDelta(content))
        for part in said_items(message, "content"):
            if said_text(part, "text"):
                found.append(TextDelta(said_text(part, "text")))
        if said_text(message, "refusal"):
            found.append(RefusalDelta(said_text(message, "refusal")))
        calls = said_items(message, "tool_calls")
        for index, call in enumerate(calls):
            found += _whole_call(index, call)
        if isinstance(doc, dict) and doc.get("usage") is not None:
            found.append(UsageSeen(usage_of(doc["usage"])))
        reason = STOPS.get(said_text(choice, "finish_reason"), StopReason.END)
        # Some local servers say `stop` beside tool calls; agents then end their turn.
        if calls and reason is StopReason.END:
            reason = StopReason.TOOLS
        found.append(Ended(reason, service_tier=said_text(doc, "service_tier")))
        return found

    def reply_writer(self, context: ReplyContext) -> "Writer":
        return Writer(context)

    def write_reply(self, events: Iterable[Event], context: ReplyContext) -> bytes:
        return _write_whole(events, context)

    def write_error(self, error: TurnoutError) -> bytes:
        return errors_json.openai(error)


_SAYS = ("tools.strict", "parallel_tool_calls", "image.detail", "messages.name")


def _tokens(value: int | None) -> Tokens | None:
    return Tokens(value) if value is not None else None


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


def _read_message(messages: list[Message], message: dict[str, Json], path: str) -> None:
    role = text(message, "role", path)
    content = message.get("content")
    name = text_or(message, "name", path)
    if role in ("system", "developer"):
        messages.append(Message(Role.SYSTEM, _read_content(content, path), name))
    elif role == "user":
        messages.append(Message(Role.USER, _read_content(content, path), name))
    elif role in ("tool", "function"):
        call_id = text_or(message, "tool_call_id", path)
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
        messages.append(Message(Role.ASSISTANT, _read_assistant(message, content, path), name))
    else:
        raise BadRequestError(
            f"must be system, developer, user, assistant or tool, not {role[:40]!r}", path=f"{path}.role"
        )


def _read_assistant(message: dict[str, Json], content: Json, path: str) -> tuple[Part, ...]:
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
        arguments = function.get("input" if custom is not None else "arguments")
        namespace, name = split_flat_name(text(function, "name", at(here, "function")))
        parts.append(
            ToolCall(
                text_or(call, "id", here),
                name,
                arguments if isinstance(arguments, str) else dump(arguments if arguments is not None else {}).decode(),
                namespace,
                custom=custom is not None,
            )
        )
    old = obj_or(message, "function_call", path)
    if old is not None:
        parts.append(
            ToolCall("", text(old, "name", at(path, "function_call")), text_or(old, "arguments", path) or "{}")
        )
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
            parts.append(Document(media, data, text_or(file, "file_id", here), text_or(file, "filename", here)))
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
        return ToolChoice(
            "required" if said_text(choice, "allowed_tools", "mode") == "required" else "auto", parallel=parallel
        )
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


def _write_messages(request: Request, target: Target, dropped: list[str]) -> list[Json]:
    found: list[Json] = []
    system: list[str] = []
    for message in request.messages:
        if message.role is Role.SYSTEM:
            words = without_billing(message)
            if not words:
                continue
            if found and not target.legacy_max_tokens:
                found.append({"role": "system", "content": words})
                continue
            # Compatible engines' templates often take one leading system message only: merged, in order.
            system.append(words)
        elif message.role is Role.USER:
            found += _write_user(message, dropped)
        else:
            written = _write_assistant(message, target, dropped, same=request.dialect is Dialect.OPENAI_CHAT)
            if written is not None:
                found.append(written)
    if system:
        found.insert(0, {"role": "system", "content": "\n\n".join(system)})
    if request.prompt and not found:
        found.append({"role": "user", "content": request.prompt})
    return found


def _write_user(message: Message, dropped: list[str]) -> Iterator[Json]:
    """Tool results become messages of their own, before the text beside them; images in results follow as user content."""
    rest: list[Part] = []
    for part in message.parts:
        if isinstance(part, ToolResult):
            rest += [p for p in part.parts if isinstance(p, Image | Document | Foreign)]
            yield {"role": "tool", "tool_call_id": part.call_id, "content": result_text(part)}
        else:
            rest.append(part)
    content = _write_parts(rest, dropped)
    if content:
        one: dict[str, Json] = {"role": "user", "content": content}
        if message.name:
            one["name"] = message.name
        yield one


def _write_parts(parts: list[Part], dropped: list[str]) -> Json:
    if all(isinstance(part, Text) for part in parts):
        return "\n".join(part.text for part in parts if isinstance(part, Text))
    found: list[Json] = []
    for part in parts:
        if isinstance(part, Text):
            found.append({"type": "text", "text": part.text})
        elif isinstance(part, Image):
            image: dict[str, Json] = {"url": part.url or data_url(part.media_type, part.data)}
            if part.detail:
                image["detail"] = part.detail
            found.append({"type": "image_url", "image_url": image})
        elif isinstance(part, Document):
            found += _write_document(part, dropped)
        elif isinstance(part, Foreign):
            if part.dialect is Dialect.OPENAI_CHAT:
                found.append(part.value)
            else:
                dropped.append(f"content.{part.kind}")
    return found


def _write_document(part: Document, dropped: list[str]) -> Iterator[Json]:
    if part.media_type.startswith("audio/") and part.data:
        yield {
            "type": "input_audio",
            "input_audio": {"data": part.data, "format": part.media_type.removeprefix("audio/")},
        }
    elif part.media_type == "text/plain" and part.data and not part.url:
        yield {"type": "text", "text": part.data}
    elif part.data:
        file: dict[str, Json] = {"file_data": data_url(part.media_type, part.data), "filename": part.name or "document"}
        yield {"type": "file", "file": file}
    elif part.url:
        yield {"type": "file", "file": {"file_id": part.url}}
    else:
        dropped.append("content.document")


def _write_assistant(message: Message, target: Target, dropped: list[str], *, same: bool) -> Json:
    words = "".join(part.text for part in message.parts if isinstance(part, Text))
    thought, sealed = open_thought(message)
    if sealed or (thought and not target.legacy_max_tokens):
        # What a vendor sealed is for its eyes only; api.openai.com refuses thinking of any kind here.
        dropped.append("thinking")
    thought = thought if target.legacy_max_tokens else ""
    dropped += [f"content.{part.kind}" for part in message.parts if isinstance(part, Foreign)]
    calls: list[Json] = []
    for part in message.parts:
        if isinstance(part, ToolCall):
            if part.custom and same:
                calls.append({"id": part.id, "type": "custom", "custom": {"name": part.name, "input": part.arguments}})
                continue
            function: Json = {"name": wire_name(part.namespace, part.name), "arguments": as_function(part)}
            calls.append({"id": part.id or "call_0", "type": "function", "function": function})
    if not words and not calls and not thought:
        return None
    one: dict[str, Json] = {"role": "assistant", "content": words or None}
    if calls:
        one["tool_calls"] = calls
    if thought and target.thinks:
        one["reasoning_content"] = thought
    if not words and not calls:
        one["content"] = ""
    return one


def _write_tools(request: Request, dropped: list[str]) -> list[Json]:
    found: list[Json] = []
    for tool in request.tools:
        if isinstance(tool, ServerTool):
            if tool.dialect is Dialect.OPENAI_CHAT:
                found.append(tool.value)
            else:
                dropped.append(f"tools.{tool.kind}")
            continue
        if tool.custom:
            if request.dialect is Dialect.OPENAI_CHAT:
                found.append(
                    {"type": "custom", "custom": {"name": tool.name, "description": tool.description, **tool.extras}}
                )
                continue
            dropped.append("tools.custom.format")
            schema: Json = {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]}
            found.append(
                {
                    "type": "function",
                    "function": {
                        "name": wire_name(tool.namespace, tool.name),
                        "description": tool.description,
                        "parameters": schema,
                    },
                }
            )
            continue
        function: dict[str, Json] = {"name": wire_name(tool.namespace, tool.name)}
        if tool.description:
            function["description"] = tool.description
        function["parameters"] = tool.schema if tool.schema is not None else {"type": "object", "properties": {}}
        if tool.strict is not None:
            function["strict"] = tool.strict
        found.append({"type": "function", "function": function})
    return found


def _write_choice(body: dict[str, Json], request: Request) -> None:
    choice = request.tool_choice
    if choice is None:
        return
    if choice.mode == "named":
        body["tool_choice"] = {"type": "function", "function": {"name": chosen_name(request, choice.name)}}
    elif choice.mode != "auto":
        body["tool_choice"] = choice.mode
    if choice.parallel is not None:
        body["parallel_tool_calls"] = choice.parallel


def _write_sampling(body: dict[str, Json], request: Request, target: Target, dropped: list[str]) -> None:
    for key in ("temperature", "top_p", "seed", "frequency_penalty", "presence_penalty"):
        value = getattr(request, key)
        if value is not None:
            body[key] = value
    if request.top_k is not None:
        if target.legacy_max_tokens:
            body["top_k"] = request.top_k
        else:
            dropped.append("top_k")
    if request.stop:
        body["stop"] = list(request.stop[:4])
        if len(request.stop) > 4:
            dropped.append("stop[4:]")
    if request.reasoning is not None and target.thinks:
        effort = request.reasoning.effort or effort_of(request.reasoning)
        if effort:
            body["reasoning_effort"] = effort
    if request.service_tier and request.dialect in (Dialect.OPENAI_CHAT, Dialect.OPENAI_RESPONSES):
        body["service_tier"] = request.service_tier
    elif request.service_tier:
        dropped.append("service_tier")
    if request.user:
        body["user"] = request.user
    if request.metadata and request.dialect in (Dialect.OPENAI_CHAT, Dialect.OPENAI_RESPONSES):
        body["metadata"] = request.metadata


def effort_of(reasoning: Reasoning) -> str:
    """A thinking budget in tokens as an effort; empty when thinking is off or not said."""
    if not reasoning.enabled:
        return ""
    if reasoning.budget is None:
        return "medium" if reasoning.adaptive or reasoning.enabled else ""
    return "low" if reasoning.budget <= 4_096 else "medium" if reasoning.budget <= 16_384 else "high"


def _write_shape(shape: Shape) -> Json:
    if shape.schema is None:
        return {"type": "json_object"}
    inner: dict[str, Json] = {"name": shape.name or "answer", "schema": shape.schema}
    if shape.strict is not None:
        inner["strict"] = shape.strict
    if shape.description:
        inner["description"] = shape.description
    return {"type": "json_schema", "json_schema": inner}


# --- replies ---


def _thought(message: Json) -> list[Event]:
    thought = said_text(message, "reasoning_content") or said_text(message, "reasoning")
    return [ThinkingDelta(thought)] if thought else []


def _whole_call(index: int, call: Json) -> list[Event]:
    custom = said(call, "custom") is not None
    function = said(call, "custom") if custom else said(call, "function")
    arguments = said(function, "input" if custom else "arguments")
    namespace, name = split_flat_name(said_text(function, "name"))
    return [
        ToolBegan(index, said_text(call, "id") or f"call_{index}", name, namespace, custom=custom),
        ToolArguments(
            index,
            arguments if isinstance(arguments, str) else dump(arguments if arguments is not None else {}).decode(),
        ),
    ]


def _error_text(doc: Json) -> str:
    error = said(doc, "error")
    if isinstance(error, str):
        return error
    return said_text(error, "message") or "the engine reported an error without a message"


class Reader:
    """`data: {...}` chunks into events; ends on [DONE] or, without one, on a finish_reason."""

    def __init__(self) -> None:
        self._decoder = sse.Decoder()
        self._began = False
        self._calls: dict[int, int] = {}
        self._stop: StopReason | None = None
        self._tier = ""
        self._over = False

    def feed(self, chunk: bytes) -> list[Event]:
        if self._over:
            return []
        found: list[Event] = []
        try:
            events = self._decoder.feed(chunk)
        except sse.Overflow:
            return self._fail("one event of the stream is larger than 16 MB")
        for event in events:
            found += self._event(event.data)
        return found

    def end(self) -> list[Event]:
        if self._over:
            return []
        found: list[Event] = []
        for event in self._decoder.end():
            found += self._event(event.data)
        if self._over:
            return found
        self._over = True
        if self._stop is not None:
            return [*found, Ended(self._stop, service_tier=self._tier)]
        return [
            *found,
            Failed(
                "the engine's stream was cut off before its end"
                if self._began
                else "the engine sent no stream of chat chunks"
            ),
        ]

    def _fail(self, message: str, status: int = 502) -> list[Event]:
        self._over = True
        return [Failed(message, status=status)]

    def _event(self, data: bytes) -> list[Event]:
        if self._over:
            return []
        if data.strip() == b"[DONE]":
            self._over = True
            if self._stop is None:
                return [Failed("the engine's stream ended without a finish_reason")]
            return [Ended(self._stop, service_tier=self._tier)]
        try:
            doc: Json = event_json(data)
        except ValueError:
            return self._fail("the engine's stream holds something that is not JSON")
        if said(doc, "error") is not None and not said_items(doc, "choices"):
            code = said_int(doc, "error", "code")
            return self._fail(_error_text(doc), code if 400 <= code < 600 else 502)
        return self._chunk(doc)

    def _chunk(self, doc: Json) -> list[Event]:
        found: list[Event] = []
        if not self._began:
            self._began = True
            found.append(Began(said_text(doc, "id"), said_text(doc, "model"), max(0, said_int(doc, "created"))))
        if isinstance(doc, dict) and doc.get("usage") is not None:
            found.append(UsageSeen(usage_of(doc["usage"])))
        if said_text(doc, "service_tier"):
            self._tier = said_text(doc, "service_tier")
        choices = said_items(doc, "choices")
        if not choices:
            return found
        choice = choices[0]
        delta = said(choice, "delta")
        if isinstance(delta, dict):
            found += self._delta(delta)
        finish = said_text(choice, "finish_reason")
        if finish:
            self._stop = STOPS.get(finish, StopReason.END)
            if self._calls and self._stop is StopReason.END:
                self._stop = StopReason.TOOLS
        return found

    def _delta(self, delta: dict[str, Json]) -> list[Event]:
        found = _thought(delta)
        content = delta.get("content")
        if isinstance(content, str) and content:
            found.append(TextDelta(content))
        if said_text(delta, "refusal"):
            found.append(RefusalDelta(said_text(delta, "refusal")))
        for call in said_items(delta, "tool_calls"):
            found += self._call(call)
        return found

    def _call(self, call: Json) -> list[Event]:
        found: list[Event] = []
        custom = said(call, "custom") is not None
        function = said(call, "custom") if custom else said(call, "function")
        name = said_text(function, "name")
        number = said_int(call, "index")
        index = self._calls.get(number)
        if index is None or (name and said_text(call, "id") and said(call, "index") is None):
            index = len(self._calls)
            self._calls[number if said(call, "index") is not None else -1 - index] = index
            namespace, plain = split_flat_name(name)
            found.append(ToolBegan(index, said_text(call, "id") or f"call_{index}", plain, namespace, custom=custom))
        arguments = said(function, "input" if custom else "arguments")
        if isinstance(arguments, str) and arguments:
            found.append(ToolArguments(index, arguments))
        elif isinstance(arguments, dict):
            found.append(ToolArguments(index, dump(arguments).decode()))
        return found


class Writer:
    def __init__(self, context: ReplyContext) -> None:
        self._context = context
        self._id = f"chatcmpl-{context.call_id}"
        self._created = context.now_s
        self._model = context.model
        self._opened = False
        self._usage: Usage | None = None
        self._closed = False
        self._head = b""

    def write(self, event: Event) -> bytes:
        if self._closed:
            return b""
        if isinstance(event, TextDelta):
            return self._delta({"content": event.text})
        if isinstance(event, ThinkingDelta):
            return self._delta({"reasoning_content": event.text})
        if isinstance(event, ToolArguments):
            return self._delta({"tool_calls": [{"index": event.index, "function": {"arguments": event.fragment}}]})
        if isinstance(event, ToolBegan):
            kind = "custom" if event.custom else "function"
            inner: Json = (
                {"name": event.name, "input": ""}
                if event.custom
                else {"name": flat_name(event.namespace, event.name), "arguments": ""}
            )
            return self._delta({"tool_calls": [{"index": event.index, "id": event.id, "type": kind, kind: inner}]})
        if isinstance(event, RefusalDelta):
            return self._delta({"refusal": event.text})
        if isinstance(event, Began):
            if event.id.startswith("chatcmpl"):
                self._id = event.id
            self._created = event.created_s or self._created
            self._model = event.model or self._model
            return self._open()
        if isinstance(event, UsageSeen):
            self._usage = event.usage
            return b""
        if isinstance(event, Ended):
            return self._end(event)
        if isinstance(event, Failed):
            self._closed = True
            error = errors_json.openai_object(event.message, event.status)
            return sse.data(dump({"error": error})) + sse.DONE
        return b""

    def ping(self) -> bytes:
        return sse.COMMENT

    def _open(self) -> bytes:
        if self._opened:
            return b""
        self._opened = True
        return self._chunk({"role": "assistant", "content": ""}, None)

    def _delta(self, delta: Json) -> bytes:
        if not self._opened:
            return self._open() + self._chunk(delta, None)
        # The hot line: the envelope never changes, so it is written once and only the delta is encoded per event.
        if not self._head:
            self._head = sse.data(self._envelope(None, None)).split(b'"choices":')[0]
        return b"".join(
            (
                self._head,
                b'"choices":[{"index":0,"delta":',
                orjson.dumps(delta),
                b',"finish_reason":null,"logprobs":null}]}\n\n',
            )
        )

    def _chunk(self, delta: Json, finish: str | None) -> bytes:
        return sse.data(self._envelope(delta, finish))

    def _envelope(self, delta: Json, finish: str | None) -> bytes:
        return dump(
            {
                "id": self._id,
                "object": "chat.completion.chunk",
                "created": self._created,
                "model": self._model,
                "choices": [{"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}],
            }
        )

    def _end(self, event: Ended) -> bytes:
        out = self._open() + self._chunk({}, FINISHES[event.reason])
        self._closed = True
        if self._context.include_usage:
            tail: Json = {
                "id": self._id,
                "object": "chat.completion.chunk",
                "created": self._created,
                "model": self._model,
                "choices": [],
                "usage": usage_json(self._usage or Usage()),
            }
            out += sse.data(dump(tail))
        return out + sse.DONE


def _write_whole(events: Iterable[Event], context: ReplyContext) -> bytes:
    words: list[str] = []
    thoughts: list[str] = []
    refusals: list[str] = []
    calls: list[dict[str, Json]] = []
    inputs: list[list[str]] = []
    usage, finish, model, created, id_ = Usage(), "stop", context.model, context.now_s, f"chatcmpl-{context.call_id}"
    for event in events:
        if isinstance(event, TextDelta):
            words.append(event.text)
        elif isinstance(event, ThinkingDelta):
            thoughts.append(event.text)
        elif isinstance(event, RefusalDelta):
            refusals.append(event.text)
        elif isinstance(event, ToolBegan):
            kind = "custom" if event.custom else "function"
            name = event.name if event.custom else flat_name(event.namespace, event.name)
            calls.append({"id": event.id, "type": kind, kind: {"name": name}})
            inputs.append([])
        elif isinstance(event, ToolArguments):
            inputs[event.index].append(event.fragment)
        elif isinstance(event, UsageSeen):
            usage = event.usage
        elif isinstance(event, Ended):
            finish = FINISHES[event.reason]
        elif isinstance(event, Began):
            model, created = event.model or model, event.created_s or created
            id_ = event.id if event.id.startswith("chatcmpl") else id_
    message: dict[str, Json] = {
        "role": "assistant",
        "content": "".join(words) if words or not calls else None,
        "refusal": "".join(refusals) or None,
    }
    if thoughts:
        message["reasoning_content"] = "".join(thoughts)
    if calls:
        for call, fragments in zip(calls, inputs, strict=True):
            inner = call.get("function") or call.get("custom")
            if isinstance(inner, dict):
                inner["input" if call["type"] == "custom" else "arguments"] = "".join(fragments) or (
                    "" if call["type"] == "custom" else "{}"
                )
        message["tool_calls"] = list(calls)
    return dump(
        {
            "id": id_,
            "object": "chat.completion",
            "created": created,
            "model": model,
            "choices": [{"index": 0, "message": message, "finish_reason": finish, "logprobs": None}],
            "usage": usage_json(usage),
        }
    )
