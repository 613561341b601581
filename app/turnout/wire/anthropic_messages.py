"""Anthropic messages: /v1/messages, also with ?beta=true."""

from collections.abc import Iterable

import orjson

from turnout.calls.outline import Outline
from turnout.calls.reply import (
    Began,
    Ended,
    Event,
    Failed,
    ForeignEvent,
    Ping,
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
    Written,
)
from turnout.calls.units import Dialect, Family, Json, Tokens
from turnout.calls.usage import Usage, service_named
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
    wrong,
)
from turnout.wire.outlining import Gatherer
from turnout.wire.parts import chosen_name, flat_name, split_flat_name, unsaid, wire_name

DEFAULT_MAX = 8_192
"""`max_tokens` is mandatory here; sent for clients whose dialect lets them leave it out."""
STOPS = {
    "end_turn": StopReason.END,
    "max_tokens": StopReason.LENGTH,
    "model_context_window_exceeded": StopReason.LENGTH,
    "tool_use": StopReason.TOOLS,
    "stop_sequence": StopReason.STOP_SEQUENCE,
    "refusal": StopReason.FILTER,
    "pause_turn": StopReason.PAUSE,
}
REASONS = {
    StopReason.END: "end_turn",
    StopReason.LENGTH: "max_tokens",
    StopReason.TOOLS: "tool_use",
    StopReason.STOP_SEQUENCE: "stop_sequence",
    StopReason.FILTER: "refusal",
    StopReason.PAUSE: "pause_turn",
}
_BUDGETS = {"minimal": 1_024, "low": 2_048, "medium": 8_192, "high": 24_576, "xhigh": 32_000, "max": 32_000}
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
        "service_tier",
        "metadata",
    ]
)


def usage_of(doc: Json) -> Usage:
    """Input is told apart from cache reads and writes already; only the 5m / 1h split is inside the writes."""
    written = said_int(doc, "cache_creation_input_tokens")
    hour = said_int(doc, "cache_creation", "ephemeral_1h_input_tokens")
    if 0 < hour <= written:
        written -= hour
    else:
        hour = min(hour, 0)
    return Usage(
        Tokens(said_int(doc, "input_tokens")),
        Tokens(said_int(doc, "cache_read_input_tokens")),
        Tokens(written),
        Tokens(hour),
        Tokens(said_int(doc, "output_tokens")),
        Tokens(0),
    )


def _usage_seen(doc: Json) -> UsageSeen:
    return UsageSeen(usage_of(doc), service=service_named(said_text(doc, "speed"), said_text(doc, "service_tier")))


def usage_json(usage: Usage) -> dict[str, Json]:
    return {
        "input_tokens": usage.uncached,
        "cache_creation_input_tokens": usage.cache_write_5m + usage.cache_write_1h,
        "cache_read_input_tokens": usage.cache_read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": usage.cache_write_5m,
            "ephemeral_1h_input_tokens": usage.cache_write_1h,
        },
        "output_tokens": usage.produced,
    }


class AnthropicMessages:
    stream_type = "text/event-stream"

    # --- requests ---

    def outline(self, doc: Json, *, path_model: str = "", stream: bool | None = None) -> Outline:
        body = obj(doc)
        seen = Gatherer()
        for block in _system_blocks(body):
            seen.add_system(said_text(block, "text"))
            seen.cache_marks += said(block, "cache_control") is not None
        messages = items(body.get("messages"), "messages")
        if not messages:
            raise BadRequestError("must hold at least one message", path="messages")
        for i, one in enumerate(messages):
            _outline_message(seen, obj(one, f"messages[{i}]"), f"messages[{i}]")
        names: list[str] = []
        texts: list[str] = []
        server: list[str] = []
        for tool in items_or(body, "tools"):
            kind, name = said_text(tool, "type"), said_text(tool, "name")
            texts.append(orjson.dumps(tool).decode())
            seen.cache_marks += said(tool, "cache_control") is not None
            if kind in ("", "custom"):
                names.append(name)
            else:
                server.append(kind)
        effort = said_text(body.get("output_config"), "effort")
        session, parent = _session(said_text(body.get("metadata"), "user_id"))
        return seen.outline(
            Dialect.ANTHROPIC,
            text_or(body, "model"),
            stream=bool(flag_or(body, "stream")),
            include_usage=True,
            max_output=positive_or(body, "max_tokens"),
            tools=tuple(names),
            tool_texts=tuple(texts),
            thinking=said_text(body.get("thinking"), "type") in ("enabled", "adaptive"),
            effort=effort,
            service=service_named(said_text(body, "speed"), said_text(body, "service_tier")),
            schema=said(body.get("output_config"), "format") is not None or said(body, "output_format") is not None,
            session=session,
            parent_session=parent,
            server_tools=tuple(server),
        )

    def read_request(self, doc: Json, *, path_model: str = "", stream: bool | None = None) -> Request:
        body = obj(doc)
        messages: list[Message] = []
        blocks = _system_blocks(body)
        if blocks:
            parts = tuple(
                Text(text_or(obj(b, f"system[{i}]"), "text", f"system[{i}]"), _mark(b)) for i, b in enumerate(blocks)
            )
            messages.append(Message(Role.SYSTEM, parts))
        for i, one in enumerate(items(body.get("messages"), "messages")):
            path = f"messages[{i}]"
            message = obj(one, path)
            role = text(message, "role", path)
            if role not in ("user", "assistant", "system"):
                raise BadRequestError(f"must be user, assistant or system, not {role[:40]!r}", path=f"{path}.role")
            messages.append(Message(Role(role), _read_content(message.get("content"), at(path, "content"))))
        config = obj_or(body, "output_config") or {}
        return Request(
            dialect=Dialect.ANTHROPIC,
            model=text_or(body, "model"),
            messages=tuple(messages),
            tools=_read_tools(body),
            tool_choice=_read_choice(obj_or(body, "tool_choice")),
            stream=bool(flag_or(body, "stream")),
            include_usage=True,
            max_output=_tokens(positive_or(body, "max_tokens")),
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

    def write_request(self, request: Request, target: Target) -> Written:
        dropped: list[str] = []
        same = request.dialect is Dialect.ANTHROPIC
        limit = target.max_output if target.max_output is not None else request.max_output
        limit = int(limit) if limit is not None else DEFAULT_MAX
        body: dict[str, Json] = {"model": target.model, "max_tokens": limit}
        system, messages = _write_messages(request, target, dropped)
        if system:
            body["system"] = system
        body["messages"] = messages
        tools = _write_tools(request, dropped)
        if tools:
            body["tools"] = tools
            choice = _write_choice(request)
            if choice is not None:
                body["tool_choice"] = choice
        thinking = _write_thinking(body, request, target, limit, dropped)
        _write_sampling(body, request, thinking, dropped)
        if request.stop:
            body["stop_sequences"] = [one for one in request.stop if one.strip()]
        _write_shape(body, request, dropped)
        if request.service_tier:
            if same:
                body["service_tier"] = request.service_tier
            else:
                dropped.append("service_tier")
        if same and request.metadata:
            body["metadata"] = request.metadata
        elif request.user:
            body["metadata"] = {"user_id": request.user}
        if request.stream:
            body["stream"] = True
        if same:
            body |= request.extras
        else:
            dropped += unsaid(request, says=("parallel_tool_calls",))
        return Written(dump(body), tuple(dict.fromkeys(dropped)))

    # --- replies ---

    def reply_reader(self) -> "Reader":
        return Reader()

    def read_reply(self, doc: Json) -> list[Event]:
        # Ollama answers an empty message with `content: null`.
        if said_text(doc, "type") == "error" or (said(doc, "content") is None and said_text(doc, "type") != "message"):
            return [Failed(_error_text(doc), said_text(doc, "error", "type") or "api_error")]
        found: list[Event] = [Began(said_text(doc, "id"), said_text(doc, "model"))]
        index = 0
        for block in said_items(doc, "content"):
            kind = said_text(block, "type")
            if kind == "text":
                found.append(TextDelta(said_text(block, "text")))
            elif kind == "thinking":
                found.append(ThinkingDelta(said_text(block, "thinking")))
                found.append(ThinkingSealed(said_text(block, "signature"), Family.ANTHROPIC))
            elif kind == "redacted_thinking":
                found.append(ThinkingSealed(said_text(block, "data"), Family.ANTHROPIC, redacted=True))
            elif kind == "tool_use":
                namespace, name = split_flat_name(said_text(block, "name"))
                found.append(ToolBegan(index, said_text(block, "id"), name, namespace))
                found.append(ToolArguments(index, dump(arguments(said(block, "input"))).decode()))
                found.append(ToolEnded(index))
                index += 1
            else:
                found.append(ForeignEvent(Dialect.ANTHROPIC, kind, block))
        found.append(_usage_seen(said(doc, "usage")))
        reason = STOPS.get(said_text(doc, "stop_reason"), StopReason.END)
        found.append(Ended(reason, said_text(doc, "stop_sequence"), said_text(doc, "usage", "service_tier")))
        return found

    def reply_writer(self, context: ReplyContext) -> "Writer":
        return Writer(context)

    def write_reply(self, events: Iterable[Event], context: ReplyContext) -> bytes:
        return _write_whole(events, context)

    def write_error(self, error: TurnoutError) -> bytes:
        return errors_json.anthropic(error)


def _tokens(value: int | None) -> Tokens | None:
    return Tokens(value) if value is not None else None


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


def _system_blocks(body: dict[str, Json]) -> list[Json]:
    system = body.get("system")
    if system is None or system == "":
        return []
    if isinstance(system, str):
        return [{"type": "text", "text": system}]
    return items(system, "system")


def _mark(block: Json) -> CacheMark | None:
    control = said(block, "cache_control")
    return CacheMark(said_text(control, "ttl") or "5m") if isinstance(control, dict) else None


def _outline_message(seen: Gatherer, message: dict[str, Json], path: str) -> None:
    role = text(message, "role", path)
    content = message.get("content")
    if role == "system":
        words = (
            content
            if isinstance(content, str)
            else "\n".join(said_text(b, "text") for b in said_items(message, "content"))
        )
        seen.add_system(words)
        return
    if role not in ("user", "assistant"):
        raise BadRequestError(f"must be user, assistant or system, not {role[:40]!r}", path=f"{path}.role")
    seen.begin()
    if isinstance(content, str):
        (seen.add_human if role == "user" else seen.add_text)(content)
        return
    if not isinstance(content, list):
        raise wrong(f"{path}.content", "a string or an array of blocks", content)
    for block in content:
        kind = said_text(block, "type")
        seen.cache_marks += said(block, "cache_control") is not None
        if kind == "text":
            (seen.add_human if role == "user" else seen.add_text)(said_text(block, "text"))
        elif kind == "tool_use":
            seen.add_call(said_text(block, "name"), said(block, "input"))
        elif kind == "tool_result":
            inner = said(block, "content")
            if isinstance(inner, list):
                seen.images += sum(1 for one in inner if said_text(one, "type") == "image")
                inner = "\n".join(said_text(one, "text") for one in inner)
            seen.add_result(inner if isinstance(inner, str) else "", error=said(block, "is_error") is True)
        elif kind in ("image", "document"):
            seen.images += 1
        elif kind in ("thinking", "redacted_thinking"):
            seen.add_text(said_text(block, "thinking"))
            if said_text(block, "signature") or kind == "redacted_thinking":
                seen.sealed_by = Family.ANTHROPIC
        elif not isinstance(block, dict):
            raise wrong(f"{path}.content", "an array of objects", block)


def _read_content(content: Json, path: str) -> tuple[Part, ...]:
    if content is None:
        return ()
    if isinstance(content, str):
        return (Text(content),) if content else ()
    return tuple(_read_block(obj(one, f"{path}[{i}]"), f"{path}[{i}]") for i, one in enumerate(items(content, path)))


def _read_block(block: dict[str, Json], path: str) -> Part:
    kind = text(block, "type", path)
    mark = _mark(block)
    if kind == "text":
        return Text(text(block, "text", path), mark)
    if kind == "image":
        source = obj(block.get("source"), at(path, "source"))
        return Image(
            text_or(source, "media_type", path),
            text_or(source, "data", path),
            text_or(source, "url", path) or text_or(source, "file_id", path),
            cache=mark,
        )
    if kind == "document":
        return _read_document(block, path, mark)
    if kind == "tool_use":
        namespace, name = split_flat_name(text(block, "name", path))
        return ToolCall(
            text(block, "id", path),
            name,
            dump(obj(block.get("input", {}), at(path, "input"))).decode(),
            namespace,
            cache=mark,
        )
    if kind == "tool_result":
        parts = _read_content(block.get("content"), at(path, "content"))
        return ToolResult(
            text(block, "tool_use_id", path), parts, is_error=bool(flag_or(block, "is_error", path)), cache=mark
        )
    if kind == "thinking":
        sealed = text_or(block, "signature", path)
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
    address = text_or(source, "url", path) or text_or(source, "file_id", path)
    return Document(media, text_or(source, "data", path), address, text_or(block, "title", path), mark)


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
    return Reasoning(
        enabled=kind in ("enabled", "adaptive"),
        effort=effort,
        budget=_tokens(integer_or(thinking, "budget_tokens", "thinking")),
        summary=text_or(thinking, "display", "thinking"),
        adaptive=kind == "adaptive",
    )


# --- writing requests ---


def _control(mark: CacheMark | None) -> dict[str, Json]:
    if mark is None:
        return {}
    return {"cache_control": {"type": "ephemeral"} if mark.ttl == "5m" else {"type": "ephemeral", "ttl": mark.ttl}}


def _write_messages(request: Request, target: Target, dropped: list[str]) -> tuple[Json, list[Json]]:
    system: list[Json] = []
    found: list[dict[str, Json]] = []
    for message in request.messages:
        if message.role is Role.SYSTEM:
            blocks: list[Json] = [
                {"type": "text", "text": p.text, **_control(p.cache)}
                for p in message.parts
                if isinstance(p, Text) and p.text
            ]
            if request.dialect is Dialect.ANTHROPIC and found:
                found.append({"role": "system", "content": blocks})
            else:
                system += blocks
            continue
        content = [one for part in message.parts for one in _write_part(part, target, dropped)]
        if not content:
            continue
        role = message.role.value
        if found and found[-1]["role"] == role and isinstance(before := found[-1]["content"], list):
            before += content
        else:
            found.append({"role": role, "content": content})
    if request.prompt and not found:
        found.append({"role": "user", "content": [{"type": "text", "text": request.prompt}]})
    if found and found[0]["role"] == "assistant":
        found.insert(0, {"role": "user", "content": [{"type": "text", "text": "(continued)"}]})
    for one in found:
        blocks_of = one["content"]
        if one["role"] == "user" and isinstance(blocks_of, list):
            # The vendor wants tool results first in their message; the sort is stable.
            blocks_of.sort(key=lambda block: said_text(block, "type") != "tool_result")
    return system, list(found)


def _write_part(part: Part, target: Target, dropped: list[str]) -> list[Json]:
    if isinstance(part, Text):
        return [{"type": "text", "text": part.text, **_control(part.cache)}] if part.text.strip() else []
    if isinstance(part, Image):
        if part.data:
            source: Json = {"type": "base64", "media_type": part.media_type or "image/png", "data": part.data}
        elif part.url.startswith("file"):
            source = {"type": "file", "file_id": part.url}
        else:
            source = {"type": "url", "url": part.url}
        return [{"type": "image", "source": source, **_control(part.cache)}]
    if isinstance(part, Document):
        return _write_document(part, dropped)
    if isinstance(part, ToolCall):
        name = wire_name(part.namespace, part.name)
        given: Json = {"input": part.arguments} if part.custom else arguments(part.arguments)
        return [{"type": "tool_use", "id": _tool_id(part.id), "name": name, "input": given, **_control(part.cache)}]
    if isinstance(part, ToolResult):
        inner = [one for p in part.parts for one in _write_part(p, target, dropped)]
        block: dict[str, Json] = {
            "type": "tool_result",
            "tool_use_id": _tool_id(part.call_id),
            "content": inner,
            **_control(part.cache),
        }
        if part.is_error:
            block["is_error"] = True
        return [block]
    if isinstance(part, Thinking):
        return _write_thought(part, target, dropped)
    if part.dialect is Dialect.ANTHROPIC:
        return [part.value]
    dropped.append(f"content.{part.kind}")
    return []


def _write_document(part: Document, dropped: list[str]) -> list[Json]:
    if part.media_type == "application/pdf" and part.data:
        source: Json = {"type": "base64", "media_type": part.media_type, "data": part.data}
    elif part.media_type.startswith("text/") and part.data:
        source = {"type": "text", "media_type": "text/plain", "data": part.data}
    elif part.url.startswith("http"):
        source = {"type": "url", "url": part.url}
    elif part.url:
        source = {"type": "file", "file_id": part.url}
    else:
        dropped.append(f"content.{part.media_type or 'document'}")
        return []
    block: dict[str, Json] = {"type": "document", "source": source, **_control(part.cache)}
    if part.name:
        block["title"] = part.name
    return [block]


def _write_thought(part: Thinking, target: Target, dropped: list[str]) -> list[Json]:
    """Only this vendor's own signed blocks go back to it, unchanged; all others would be refused."""
    if part.vendor is not Family.ANTHROPIC or not part.sealed or not target.vendor_history:
        dropped.append("thinking")
        return []
    if part.redacted:
        return [{"type": "redacted_thinking", "data": part.sealed}]
    return [{"type": "thinking", "thinking": part.text, "signature": part.sealed}]


def _tool_id(id_: str) -> str:
    """The vendor takes letters, digits, _ and - only."""
    return "".join(c if c.isalnum() or c in "_-" else "_" for c in id_) or "toolu_0"


def _write_tools(request: Request, dropped: list[str]) -> list[Json]:
    found: list[Json] = []
    same = request.dialect is Dialect.ANTHROPIC
    for tool in request.tools:
        if isinstance(tool, ServerTool):
            if tool.dialect is Dialect.ANTHROPIC:
                found.append(tool.value)
            else:
                dropped.append(f"tools.{tool.kind}")
            continue
        one: dict[str, Json] = {"name": wire_name(tool.namespace, tool.name)}
        if tool.description:
            one["description"] = tool.description
        schema: Json = tool.schema if isinstance(tool.schema, dict) else {"type": "object", "properties": {}}
        if tool.custom:
            schema = {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]}
            dropped.append("tools.custom.format")
        elif isinstance(schema, dict) and "type" not in schema:
            schema = {"type": "object", **schema}
        one["input_schema"] = schema
        one |= _control(tool.cache)
        if same:
            one |= tool.extras
            if tool.strict is not None:
                one["strict"] = tool.strict
        found.append(one)
    return found


def _write_sampling(body: dict[str, Json], request: Request, thinking: bool, dropped: list[str]) -> None:
    for key, value in (("temperature", request.temperature), ("top_p", request.top_p), ("top_k", request.top_k)):
        if value is None:
            continue
        if thinking and not (key == "top_p" and value is not None and value >= 0.95):
            # With thinking on the vendor refuses every sampling field but a high top_p.
            dropped.append(key)
        else:
            body[key] = min(float(value), 1.0) if key == "temperature" else value
            if body[key] != value:
                dropped.append("temperature above 1")


def _write_shape(body: dict[str, Json], request: Request, dropped: list[str]) -> None:
    for key in ("seed", "frequency_penalty", "presence_penalty"):
        if getattr(request, key) is not None:
            dropped.append(key)
    if request.shape is not None:
        if request.shape.schema is not None:
            config = body.setdefault("output_config", {})
            if isinstance(config, dict):
                config["format"] = {"type": "json_schema", "schema": request.shape.schema}
        else:
            dropped.append("response_format.json_object")


def _write_choice(request: Request) -> Json:
    choice = request.tool_choice
    if choice is None:
        return None
    kinds = {"auto": "auto", "required": "any", "none": "none", "named": "tool"}
    one: dict[str, Json] = {"type": kinds[choice.mode]}
    if choice.mode == "named":
        one["name"] = chosen_name(request, choice.name)
    if choice.parallel is not None and choice.mode != "none":
        one["disable_parallel_tool_use"] = not choice.parallel
    return one


def _write_thinking(body: dict[str, Json], request: Request, target: Target, limit: int, dropped: list[str]) -> bool:
    """True when thinking is on. `budget_tokens` stays under `max_tokens`, as the vendor demands."""
    asked = request.reasoning
    if asked is None:
        return False
    same = request.dialect is Dialect.ANTHROPIC
    if not target.thinks:
        dropped.append("thinking")
        return False
    if same:
        if asked.effort:
            body["output_config"] = {"effort": asked.effort}
        if asked.enabled is None:
            return False
        if not asked.enabled:
            body["thinking"] = {"type": "disabled"}
            return False
        if asked.adaptive:
            body["thinking"] = {"type": "adaptive"}
            return True
    elif not (asked.enabled or asked.effort) or asked.effort in ("none", "minimal"):
        return False
    # A forced tool and thinking exclude each other at this vendor.
    if request.tool_choice is not None and request.tool_choice.mode in ("required", "named"):
        dropped.append("reasoning")
        return False
    history_open = _has_unsigned_tool_turn(request)
    if history_open and not same:
        dropped.append("reasoning")
        return False
    budget = int(asked.budget) if asked.budget is not None else _BUDGETS.get(asked.effort, 8_192)
    if not same or budget >= limit:
        budget = min(budget, limit - 1_024 if limit > 2_048 else limit - 1)
    if budget < 1_024:
        dropped.append("reasoning")
        return False
    thinking: dict[str, Json] = {"type": "enabled", "budget_tokens": budget}
    if same and asked.summary:
        thinking["display"] = asked.summary
    body["thinking"] = thinking
    return True


def _has_unsigned_tool_turn(request: Request) -> bool:
    """With thinking on, the vendor wants the assistant's tool turns to open with their signed thinking."""
    return any(
        message.role is Role.ASSISTANT
        and any(isinstance(part, ToolCall) for part in message.parts)
        and not any(isinstance(part, Thinking) and part.vendor is Family.ANTHROPIC for part in message.parts)
        for message in request.messages
    )


# --- replies ---


def _error_text(doc: Json) -> str:
    return said_text(doc, "error", "message") or "the engine answered without content"


class Reader:
    """Events by their `type`; ends on message_stop. A stream that stops earlier is a failure, whatever it told."""

    def __init__(self) -> None:
        self._decoder = sse.Decoder()
        self._tools: dict[int, int] = {}
        self._thinking: set[int] = set()
        self._usage: dict[str, Json] = {}
        self._stop: tuple[StopReason, str] | None = None
        self._tier = ""
        self._began = False
        self._over = False

    def feed(self, chunk: bytes) -> list[Event]:
        if self._over:
            return []
        found: list[Event] = []
        try:
            events = self._decoder.feed(chunk)
        except sse.Overflow:
            self._over = True
            return [Failed("one event of the stream is larger than 16 MB")]
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
        return [
            *found,
            Failed(
                "the engine's stream was cut off before its end"
                if self._began
                else "the engine sent no stream of message events"
            ),
        ]

    def _event(self, data: bytes) -> list[Event]:
        if self._over:
            return []
        try:
            doc: Json = event_json(data)
        except ValueError:
            if data.strip() == b"[DONE]":
                return []
            self._over = True
            return [Failed("the engine's stream holds something that is not JSON")]
        kind = said_text(doc, "type")
        if kind == "content_block_delta":
            return self._delta(doc)
        if kind == "content_block_start":
            return self._start(doc)
        if kind == "content_block_stop":
            index = self._tools.get(said_int(doc, "index"))
            return [ToolEnded(index)] if index is not None else []
        if kind == "message_start":
            self._began = True
            message = said(doc, "message")
            self._take_usage(said(message, "usage"))
            found: list[Event] = [Began(said_text(message, "id"), said_text(message, "model"))]
            return [*found, _usage_seen(self._usage)] if self._usage else found
        if kind == "message_delta":
            self._take_usage(said(doc, "usage"))
            reason = said_text(doc, "delta", "stop_reason")
            if reason:
                self._stop = (STOPS.get(reason, StopReason.END), said_text(doc, "delta", "stop_sequence"))
            return [_usage_seen(self._usage)]
        if kind == "message_stop":
            self._over = True
            stop, sequence = self._stop or (StopReason.TOOLS if self._tools else StopReason.END, "")
            return [Ended(stop, sequence, self._tier)]
        if kind == "error":
            self._over = True
            error = said_text(doc, "error", "type") or "api_error"
            status = {"overloaded_error": 529, "rate_limit_error": 429, "invalid_request_error": 400}.get(error, 502)
            return [Failed(said_text(doc, "error", "message") or "the engine reported an error", error, status)]
        return [Ping()] if kind == "ping" else []

    def _take_usage(self, usage: Json) -> None:
        if isinstance(usage, dict):
            self._usage |= {key: value for key, value in usage.items() if value is not None}
            self._tier = said_text(usage, "service_tier") or self._tier

    def _start(self, doc: Json) -> list[Event]:
        block, number = said(doc, "content_block"), said_int(doc, "index")
        kind = said_text(block, "type")
        if kind == "tool_use":
            index = len(self._tools)
            self._tools[number] = index
            namespace, name = split_flat_name(said_text(block, "name"))
            found: list[Event] = [ToolBegan(index, said_text(block, "id"), name, namespace)]
            given = said(block, "input")
            if isinstance(given, dict) and given:
                found.append(ToolArguments(index, dump(given).decode()))
            return found
        if kind == "text":
            return [TextDelta(said_text(block, "text"))] if said_text(block, "text") else []
        if kind == "thinking":
            self._thinking.add(number)
            return [ThinkingDelta(said_text(block, "thinking"))] if said_text(block, "thinking") else []
        if kind == "redacted_thinking":
            return [ThinkingSealed(said_text(block, "data"), Family.ANTHROPIC, redacted=True)]
        return [ForeignEvent(Dialect.ANTHROPIC, kind, block)]

    def _delta(self, doc: Json) -> list[Event]:
        delta = said(doc, "delta")
        kind = said_text(delta, "type")
        if kind == "text_delta":
            return [TextDelta(said_text(delta, "text"))]
        if kind == "input_json_delta":
            index = self._tools.get(said_int(doc, "index"))
            fragment = said_text(delta, "partial_json")
            return [ToolArguments(index, fragment)] if index is not None and fragment else []
        if kind == "thinking_delta":
            return [ThinkingDelta(said_text(delta, "thinking"))]
        if kind == "signature_delta":
            return [ThinkingSealed(said_text(delta, "signature"), Family.ANTHROPIC)]
        return [ForeignEvent(Dialect.ANTHROPIC, kind, delta)]


def _named(name: str, doc: Json) -> bytes:
    return sse.event(name, orjson.dumps(doc))


class Writer:
    """One content block open at a time; an event of another kind closes it and opens its own."""

    def __init__(self, context: ReplyContext) -> None:
        self._context = context
        self._id = f"msg_{context.call_id}"
        self._model = context.model
        self._opened = False
        self._closed = False
        self._block = ""
        self._number = -1
        self._usage = Usage()
        self._refused = False
        self._head = b""

    def write(self, event: Event) -> bytes:
        if self._closed:
            return b""
        if isinstance(event, TextDelta | RefusalDelta):
            self._refused = self._refused or isinstance(event, RefusalDelta)
            return self._in("text") + self._piece("text_delta", "text", event.text) if event.text else b""
        if isinstance(event, ThinkingDelta):
            return self._in("thinking") + self._piece("thinking_delta", "thinking", event.text) if event.text else b""
        if isinstance(event, ToolArguments):
            return self._piece("input_json_delta", "partial_json", event.fragment)
        if isinstance(event, ToolBegan):
            block: Json = {
                "type": "tool_use",
                "id": event.id,
                "name": flat_name(event.namespace, event.name),
                "input": {},
            }
            return self._open_stream() + self._close_block() + self._open_block("tool", block)
        if isinstance(event, ThinkingSealed):
            return self._sealed(event)
        if isinstance(event, Began):
            if event.id.startswith("msg_"):
                self._id = event.id
            self._model = event.model or self._model
            return b""
        if isinstance(event, UsageSeen):
            self._usage = event.usage
            return b""
        if isinstance(event, Ended):
            return self._end(event)
        if isinstance(event, Failed):
            self._closed = True
            kind = event.kind if event.kind != "api_error" else ""
            return _named("error", errors_json.anthropic_object(event.message, event.status, kind))
        if isinstance(event, Ping):
            return self.ping() if self._opened else b""
        return b""

    def ping(self) -> bytes:
        return b'event: ping\ndata: {"type": "ping"}\n\n'

    def _sealed(self, event: ThinkingSealed) -> bytes:
        if event.vendor is not Family.ANTHROPIC or not event.sealed:
            return b""
        if event.redacted:
            block: Json = {"type": "redacted_thinking", "data": event.sealed}
            return self._open_stream() + self._close_block() + self._open_block("redacted", block) + self._close_block()
        return self._in("thinking") + self._piece("signature_delta", "signature", event.sealed)

    def _open_stream(self) -> bytes:
        if self._opened:
            return b""
        self._opened = True
        message: Json = {
            "id": self._id,
            "type": "message",
            "role": "assistant",
            "model": self._model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {**usage_json(self._usage), "output_tokens": 0},
        }
        return _named("message_start", {"type": "message_start", "message": message})

    def _in(self, kind: str) -> bytes:
        if self._block == kind:
            return b""
        block: Json = (
            {"type": "text", "text": ""} if kind == "text" else {"type": "thinking", "thinking": "", "signature": ""}
        )
        return self._open_stream() + self._close_block() + self._open_block(kind, block)

    def _open_block(self, kind: str, block: Json) -> bytes:
        self._block = kind
        self._number += 1
        self._head = b""
        return _named(
            "content_block_start", {"type": "content_block_start", "index": self._number, "content_block": block}
        )

    def _close_block(self) -> bytes:
        if not self._block:
            return b""
        self._block = ""
        return _named("content_block_stop", {"type": "content_block_stop", "index": self._number})

    def _piece(self, kind: str, key: str, value: str) -> bytes:
        if not self._head:
            self._head = (
                b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":' % self._number
            )
        return b"".join((self._head, orjson.dumps({"type": kind, key: value}), b"}\n\n"))

    def _end(self, event: Ended) -> bytes:
        out = self._open_stream() + self._close_block()
        self._closed = True
        delta: Json = {
            "type": "message_delta",
            "delta": {
                "stop_reason": _reason(event.reason, refused=self._refused),
                "stop_sequence": event.stop_sequence or None,
            },
            "usage": usage_json(self._usage),
        }
        return out + _named("message_delta", delta) + _named("message_stop", {"type": "message_stop"})


def _reason(reason: StopReason, *, refused: bool) -> str:
    """OpenAI tells a refusal in its text and then just stops; here it is a reason of its own."""
    return REASONS[StopReason.FILTER if refused and reason is StopReason.END else reason]


def _write_whole(events: Iterable[Event], context: ReplyContext) -> bytes:
    content: list[dict[str, Json]] = []
    inputs: dict[int, list[str]] = {}
    blocks: dict[int, dict[str, Json]] = {}
    usage, reason, sequence, model, id_ = Usage(), "end_turn", "", context.model, f"msg_{context.call_id}"
    refused = False
    for event in events:
        if isinstance(event, TextDelta | RefusalDelta):
            refused = refused or isinstance(event, RefusalDelta)
            _append(content, "text", "text", event.text)
        elif isinstance(event, ThinkingDelta):
            _append(content, "thinking", "thinking", event.text)
        elif isinstance(event, ThinkingSealed):
            if event.vendor is Family.ANTHROPIC and event.redacted:
                content.append({"type": "redacted_thinking", "data": event.sealed})
            elif event.vendor is Family.ANTHROPIC and content and content[-1]["type"] == "thinking":
                content[-1]["signature"] = event.sealed
        elif isinstance(event, ToolBegan):
            block: dict[str, Json] = {
                "type": "tool_use",
                "id": event.id,
                "name": flat_name(event.namespace, event.name),
                "input": {},
            }
            content.append(block)
            blocks[event.index], inputs[event.index] = block, []
        elif isinstance(event, ToolArguments):
            inputs[event.index].append(event.fragment)
        elif isinstance(event, UsageSeen):
            usage = event.usage
        elif isinstance(event, Ended):
            reason, sequence = _reason(event.reason, refused=refused), event.stop_sequence
        elif isinstance(event, Began):
            model = event.model or model
            id_ = event.id if event.id.startswith("msg_") else id_
    for index, fragments in inputs.items():
        blocks[index]["input"] = arguments("".join(fragments))
    for one in content:
        if one["type"] == "thinking":
            one.setdefault("signature", "")
    return dump(
        {
            "id": id_,
            "type": "message",
            "role": "assistant",
            "model": model,
            "content": list(content),
            "stop_reason": reason,
            "stop_sequence": sequence or None,
            "usage": usage_json(usage),
        }
    )


def _append(content: list[dict[str, Json]], kind: str, key: str, value: str) -> None:
    if content and content[-1]["type"] == kind:
        content[-1][key] = f"{content[-1][key]}{value}"
    elif value:
        content.append({"type": kind, key: value})
