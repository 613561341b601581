"""Ollama native: /api/chat. Tools have object arguments and often no ids; a stream is NDJSON with the counts in its last line."""

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime

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
    ToolResult,
    Written,
)
from turnout.calls.units import Dialect, Json, Tokens
from turnout.calls.usage import Usage
from turnout.errors import BadRequestError, TurnoutError
from turnout.wire import errors_json, ndjson
from turnout.wire.dialect import ReplyContext, Target
from turnout.wire.fields import (
    arguments,
    at,
    dump,
    event_json,
    flag_or,
    integer_or,
    items_or,
    number_or,
    obj,
    obj_or,
    said,
    said_int,
    said_items,
    said_text,
    strings_or,
    text,
    text_or,
)
from turnout.wire.outlining import Gatherer
from turnout.wire.parts import flat_name, open_thought, result_text, split_data_url, split_flat_name, unsaid
from turnout.wire.system import merged_system

STOPS = {"stop": StopReason.END, "length": StopReason.LENGTH, "load": StopReason.END, "unload": StopReason.END}
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
_LEVELS: dict[str, Json] = {
    "minimal": "low",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "high",
    "max": "high",
}
"""`think` as a level; engines whose models know none take it for true (recorded: api_chat_think_high)."""
_OPTIONS = frozenset(
    ["num_predict", "temperature", "top_p", "top_k", "seed", "stop", "frequency_penalty", "presence_penalty"]
)


def usage_of(doc: Json) -> Usage:
    """`prompt_eval_count` counts cached tokens too, and costs nothing per token: all of it is uncached here."""
    return Usage(uncached=Tokens(said_int(doc, "prompt_eval_count")), output=Tokens(said_int(doc, "eval_count")))


def timed(doc: Json) -> UsageSeen:
    """Queue wait is what is left of the total: total - load - prompt_eval - eval (checked on the recorded transcripts)."""
    prompt, output = said_int(doc, "prompt_eval_duration"), said_int(doc, "eval_duration")
    load, total = said_int(doc, "load_duration"), said_int(doc, "total_duration")
    busy = max(0, prompt) + max(0, output)
    return UsageSeen(usage_of(doc), busy / 1e9, max(0, load) / 1e9, max(0, total - load - busy) / 1e9)


class OllamaChat:
    stream_type = "application/x-ndjson"

    def outline(self, doc: Json, *, path_model: str = "", stream: bool | None = None) -> Outline:
        body = obj(doc)
        seen = Gatherer()
        for i, one in enumerate(items_or(body, "messages")):
            path = f"messages[{i}]"
            message = obj(one, path)
            role, words = text(message, "role", path), text_or(message, "content", path)
            if role == "system":
                seen.add_system(words)
                continue
            seen.begin()
            if role == "user":
                seen.add_human(words)
                seen.images += len(items_or(message, "images", path))
            elif role == "tool":
                seen.add_result(words)
            elif role == "assistant":
                seen.add_text(words)
                for call in items_or(message, "tool_calls", path):
                    seen.add_call(said_text(call, "function", "name"), said(call, "function", "arguments"))
            else:
                raise BadRequestError(
                    f"must be system, user, assistant or tool, not {role[:40]!r}", path=f"{path}.role"
                )
        tools = items_or(body, "tools")
        think = body.get("think")
        return seen.outline(
            Dialect.OLLAMA_CHAT,
            text_or(body, "model"),
            stream=flag_or(body, "stream") is not False,
            include_usage=True,
            max_output=limit_of(obj_or(body, "options")),
            tools=tuple(said_text(tool, "function", "name") for tool in tools),
            tool_texts=tuple(dump(tool).decode() for tool in tools),
            thinking=think not in (None, False, ""),
            effort=think if isinstance(think, str) else "",
            schema=body.get("format") not in (None, ""),
        )

    def read_request(self, doc: Json, *, path_model: str = "", stream: bool | None = None) -> Request:
        body = obj(doc)
        messages = _read_messages(items_or(body, "messages"))
        tools: list[Tool | ServerTool] = []
        for i, one in enumerate(items_or(body, "tools")):
            path = f"tools[{i}]"
            function = obj(obj(one, path).get("function"), f"{path}.function")
            namespace, name = split_flat_name(text(function, "name", path))
            about, schema = text_or(function, "description", path), obj_or(function, "parameters", path)
            tools.append(Tool(name, about, schema, namespace=namespace))
        return read_common(body, Dialect.OLLAMA_CHAT, messages, tuple(tools))

    def write_request(self, request: Request, target: Target) -> Written:
        dropped: list[str] = []
        body: dict[str, Json] = {"model": target.model, "messages": _write_messages(request, target, dropped)}
        tools: list[Json] = []
        for tool in request.tools:
            if isinstance(tool, ServerTool):
                dropped.append(f"tools.{tool.kind}")
                continue
            schema: Json = tool.schema if isinstance(tool.schema, dict) else {"type": "object", "properties": {}}
            if tool.custom:
                schema = {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]}
                dropped.append("tools.custom.format")
            function: Json = {
                "name": flat_name(tool.namespace, tool.name),
                "description": tool.description,
                "parameters": schema,
            }
            tools.append({"type": "function", "function": function})
        choice = request.tool_choice
        if choice is not None and choice.mode == "none" and tools:
            tools = []
            dropped.append("tools (tool_choice none)")
        elif choice is not None and choice.mode in ("required", "named"):
            dropped.append("tool_choice")
        if tools:
            body["tools"] = tools
        write_common(body, request, target, dropped)
        return Written(dump(body), tuple(dict.fromkeys(dropped)))

    def reply_reader(self) -> "Reader":
        return Reader()

    def read_reply(self, doc: Json) -> list[Event]:
        return read_whole(doc, "message")

    def reply_writer(self, context: ReplyContext) -> "Writer":
        return Writer(context)

    def write_reply(self, events: Iterable[Event], context: ReplyContext) -> bytes:
        return write_whole(events, context, chat=True)

    def write_error(self, error: TurnoutError) -> bytes:
        return errors_json.ollama(error)


# --- shared with /api/generate ---


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


def write_common(body: dict[str, Json], request: Request, target: Target, dropped: list[str]) -> None:
    options: dict[str, Json] = {}
    same = request.dialect in (Dialect.OLLAMA_CHAT, Dialect.OLLAMA_GENERATE)
    if same:
        kept = request.extras.get("options")
        if isinstance(kept, dict):
            options |= kept
        body |= {key: value for key, value in request.extras.items() if key != "options"}
    else:
        dropped += unsaid(request)
    if target.num_ctx is not None:
        options["num_ctx"] = target.num_ctx
    limit = target.max_output if target.max_output is not None else request.max_output
    if limit is not None:
        options["num_predict"] = int(limit)
    for key in ("temperature", "top_p", "top_k", "seed", "frequency_penalty", "presence_penalty"):
        value = getattr(request, key)
        if value is not None:
            options[key] = value
    if request.stop:
        options["stop"] = list(request.stop)
    if options:
        body["options"] = options
    if request.shape is not None:
        body["format"] = request.shape.schema if request.shape.schema is not None else "json"
    asked = request.reasoning
    if asked is not None and (asked.enabled is not None or asked.effort):
        if target.thinks:
            on = asked.enabled is not False and asked.effort != "none"
            body["think"] = _LEVELS.get(asked.effort, True) if on else False
        elif asked.enabled is not False and asked.effort != "none":
            dropped.append("thinking")
    for name in ("service_tier", "user"):
        if getattr(request, name):
            dropped.append(name)
    body["stream"] = request.stream
    # A prompt longer than the window is an error here, never cut in silence (measured: 6,011 tokens became 2,050).
    body["truncate"] = False
    body["shift"] = False


def _read_messages(found: list[Json]) -> tuple[Message, ...]:
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
            id_ = text_or(message, "tool_call_id", path) or _matching(open_calls, name)
            open_calls = [(known, n) for known, n in open_calls if known != id_]
            messages.append(Message(Role.USER, (ToolResult(id_, tuple(parts), name),)))
        else:
            raise BadRequestError(f"must be system, user, assistant or tool, not {role[:40]!r}", path=f"{path}.role")
    return tuple(messages)


def made_id(name: str, given: str, message: int, number: int) -> str:
    """The same history gives the same ids, so that a translated conversation keeps its prefix."""
    digest = hashlib.blake2b(f"{message}.{number}.{name}.{given}".encode("utf-8", "surrogatepass"), digest_size=9)
    return f"call_{digest.hexdigest()}"


def _matching(open_calls: list[tuple[str, str]], name: str) -> str:
    """The oldest unanswered call of that name; without a name, the oldest of all."""
    for id_, called in open_calls:
        if not name or called == name:
            return id_
    return open_calls[0][0] if open_calls else "call_0"


def _media(data: str) -> str:
    for start, media in (("/9j/", "image/jpeg"), ("R0lG", "image/gif"), ("UklG", "image/webp")):
        if data.startswith(start):
            return media
    return "image/png"


def _write_messages(request: Request, target: Target, dropped: list[str]) -> list[Json]:
    found: list[Json] = []
    system = merged_system(request)
    if system:
        found.append({"role": "system", "content": system})
    names: dict[str, str] = {}
    for message in request.messages:
        if message.role is Role.SYSTEM:
            continue
        words = "\n".join(p.text for p in message.parts if isinstance(p, Text))
        if message.role is Role.ASSISTANT:
            one: dict[str, Json] = {"role": "assistant", "content": words}
            thought, sealed = open_thought(message)
            dropped += ["thinking"] if sealed else []
            dropped += [f"content.{p.kind}" for p in message.parts if isinstance(p, Foreign)]
            if thought and target.thinks:
                one["thinking"] = thought
            calls: list[Json] = []
            for part in message.parts:
                if isinstance(part, ToolCall):
                    name = flat_name(part.namespace, part.name)
                    names[part.id] = name
                    given: Json = {"input": part.arguments} if part.custom else arguments(part.arguments)
                    calls.append({"function": {"name": name, "arguments": given}})
            if calls:
                one["tool_calls"] = calls
            if words or calls or thought:
                found.append(one)
            continue
        found += _write_user(message, words, names, dropped)
    if request.prompt and not request.messages:
        found.append({"role": "user", "content": request.prompt})
    return found


def _write_user(message: Message, words: str, names: dict[str, str], dropped: list[str]) -> list[Json]:
    found: list[Json] = []
    images: list[Json] = []
    for part in message.parts:
        if isinstance(part, ToolResult):
            images += _images(part.parts, dropped)
            dropped += [f"content.{p.kind}" for p in part.parts if isinstance(p, Foreign)]
            name = part.name or names.get(part.call_id, "")
            found.append({"role": "tool", "content": result_text(part), "tool_name": name})
    images += _images(message.parts, dropped)
    dropped += [f"content.{p.kind}" for p in message.parts if isinstance(p, Foreign)]
    if words or images:
        one: dict[str, Json] = {"role": "user", "content": words}
        if images:
            one["images"] = images
        found.append(one)
    return found


def _images(parts: Iterable[Part], dropped: list[str]) -> list[Json]:
    found: list[Json] = []
    for part in parts:
        if isinstance(part, Image):
            if part.data:
                found.append(part.data)
            else:
                dropped.append("content.image_url")
        elif isinstance(part, Document):
            dropped.append(f"content.{part.media_type or 'document'}")
    return found


# --- replies ---


def read_whole(doc: Json, key: str) -> list[Event]:
    if said(doc, "error") is not None:
        return [Failed(said_text(doc, "error") or "the engine reported an error")]
    if not isinstance(doc, dict) or (key == "message" and not isinstance(doc.get("message"), dict)):
        return [Failed(f"the engine's answer holds no {key}")]
    found: list[Event] = [Began(model=said_text(doc, "model"))]
    found += _pieces(doc, key, 0)
    if doc.get("done") is not True:
        return [*found, Failed("the engine broke off before its last line")]
    called = any(isinstance(event, ToolBegan) for event in found)
    return [*found, timed(doc), Ended(_reason(doc, called))]


def _reason(doc: Json, called: bool) -> StopReason:
    return StopReason.TOOLS if called else STOPS.get(said_text(doc, "done_reason"), StopReason.END)


def _pieces(doc: Json, key: str, calls: int) -> list[Event]:
    found: list[Event] = []
    message = said(doc, "message") if key == "message" else doc
    thought = said_text(message, "thinking")
    words = said_text(message, "content") if key == "message" else said_text(doc, "response")
    if thought:
        found.append(ThinkingDelta(thought))
    if words:
        found.append(TextDelta(words))
    for call in said_items(message, "tool_calls"):
        name = said_text(call, "function", "name")
        given = dump(arguments(said(call, "function", "arguments"))).decode()
        namespace, plain = split_flat_name(name)
        id_ = said_text(call, "id") or said_text(call, "function", "id") or made_id(name, given, -1, calls)
        if not id_.startswith("call_"):
            id_ = f"call_{id_}"
        found += [ToolBegan(calls, id_, plain, namespace), ToolArguments(calls, given), ToolEnded(calls)]
        calls += 1
    return found


class Reader:
    """NDJSON lines; an `error` line inside a 200, or no `done` line, is a failure."""

    def __init__(self, key: str = "message") -> None:
        self._lines = ndjson.LineDecoder()
        self._key = key
        self._calls = 0
        self._began = False
        self._over = False

    def feed(self, chunk: bytes) -> list[Event]:
        found: list[Event] = []
        try:
            lines = self._lines.feed(chunk)
        except ndjson.Overflow:
            self._over = True
            return [Failed("one line of the stream is larger than 16 MB")]
        for line in lines:
            found += self._line(line)
        return found

    def end(self) -> list[Event]:
        found = [event for line in self._lines.end() for event in self._line(line)]
        if not self._over:
            self._over = True
            found.append(Failed("the engine's stream was cut off before its last line"))
        return found

    def _line(self, line: bytes) -> list[Event]:
        if self._over:
            return []
        try:
            doc: Json = event_json(line)
        except ValueError:
            self._over = True
            return [Failed("the engine's stream holds something that is not JSON")]
        if said(doc, "error") is not None:
            self._over = True
            return [Failed(said_text(doc, "error") or "the engine reported an error")]
        found: list[Event] = []
        if not self._began:
            self._began = True
            found.append(Began(model=said_text(doc, "model")))
        pieces = _pieces(doc, self._key, self._calls)
        self._calls += sum(isinstance(event, ToolBegan) for event in pieces)
        found += pieces
        if said(doc, "done") is True:
            self._over = True
            found += [timed(doc), Ended(_reason(doc, self._calls > 0))]
        return found


def load_reply(model: str, now_s: int, *, chat: bool, unload: bool) -> bytes:
    """What answers a request without messages or prompt."""
    empty: dict[str, Json] = {"message": {"role": "assistant", "content": ""}} if chat else {"response": ""}
    reason = "unload" if unload else "load"
    return dump({"model": model, "created_at": created_at(now_s), **empty, "done": True, "done_reason": reason})


def created_at(now_s: int) -> str:
    return datetime.fromtimestamp(now_s, UTC).strftime("%Y-%m-%dT%H:%M:%S.000000Z")


def _counts(usage: Usage, busy_s: float) -> dict[str, Json]:
    """Strict clients want every duration; what another engine does not tell is the time we know of, or 0."""
    busy = int(busy_s * 1e9)
    return {
        "total_duration": busy,
        "load_duration": 0,
        "prompt_eval_count": usage.prompt,
        "prompt_eval_duration": 0,
        "eval_count": usage.produced,
        "eval_duration": busy,
    }


class Writer:
    """Each text delta one line; tool calls whole, when their arguments are complete; counts in the last line."""

    def __init__(self, context: ReplyContext, *, chat: bool = True) -> None:
        self._chat = chat
        self._model = context.model
        self._at = created_at(context.now_s)
        self._usage = UsageSeen(Usage())
        self._calls: dict[int, tuple[str, str, list[str]]] = {}
        self._closed = False

    def write(self, event: Event) -> bytes:
        if self._closed:
            return b""
        if isinstance(event, TextDelta | RefusalDelta):
            return self._piece("content", event.text) if event.text else b""
        if isinstance(event, ThinkingDelta):
            return self._piece("thinking", event.text) if event.text else b""
        if isinstance(event, ToolBegan):
            self._calls[event.index] = (event.id, flat_name(event.namespace, event.name), [])
        elif isinstance(event, ToolArguments):
            self._calls[event.index][2].append(event.fragment)
        elif isinstance(event, UsageSeen):
            self._usage = event
        elif isinstance(event, Ended):
            return self._end(event)
        elif isinstance(event, Failed):
            self._closed = True
            return orjson.dumps({"error": event.message}) + b"\n"
        return b""

    def ping(self) -> bytes:
        return b""

    def _line(self, rest: dict[str, Json], *, done: bool) -> bytes:
        return orjson.dumps({"model": self._model, "created_at": self._at, **rest, "done": done}) + b"\n"

    def _piece(self, key: str, words: str) -> bytes:
        if self._chat:
            message: dict[str, Json] = {"role": "assistant", "content": "", key: words}
            return self._line({"message": message}, done=False)
        if key == "thinking":
            return self._line({"response": "", "thinking": words}, done=False)
        return self._line({"response": words}, done=False)

    def _end(self, event: Ended) -> bytes:
        self._closed = True
        out = b""
        calls = self._written_calls()
        if calls and self._chat:
            out = self._line({"message": {"role": "assistant", "content": "", "tool_calls": calls}}, done=False)
        reason = "length" if event.reason is StopReason.LENGTH else "stop"
        empty: dict[str, Json] = {"message": {"role": "assistant", "content": ""}} if self._chat else {"response": ""}
        last = {**empty, "done_reason": reason, **_counts(self._usage.usage, self._usage.busy_s)}
        return out + self._line(last, done=True)

    def _written_calls(self) -> list[Json]:
        return [
            {"id": id_, "function": {"index": index, "name": name, "arguments": arguments("".join(fragments))}}
            for index, (id_, name, fragments) in sorted(self._calls.items())
        ]


def write_whole(events: Iterable[Event], context: ReplyContext, *, chat: bool) -> bytes:
    words: list[str] = []
    thoughts: list[str] = []
    calls: dict[int, tuple[str, str, list[str]]] = {}
    seen, reason, model = UsageSeen(Usage()), "stop", context.model
    for event in events:
        if isinstance(event, TextDelta | RefusalDelta):
            words.append(event.text)
        elif isinstance(event, ThinkingDelta):
            thoughts.append(event.text)
        elif isinstance(event, ToolBegan):
            calls[event.index] = (event.id, flat_name(event.namespace, event.name), [])
        elif isinstance(event, ToolArguments):
            calls[event.index][2].append(event.fragment)
        elif isinstance(event, UsageSeen):
            seen = event
        elif isinstance(event, Ended):
            reason = "length" if event.reason is StopReason.LENGTH else "stop"
        elif isinstance(event, Began):
            model = event.model or model
    body: dict[str, Json] = {"model": model, "created_at": created_at(context.now_s)}
    if chat:
        message: dict[str, Json] = {"role": "assistant", "content": "".join(words)}
        if thoughts:
            message["thinking"] = "".join(thoughts)
        if calls:
            message["tool_calls"] = [
                {"id": id_, "function": {"index": index, "name": name, "arguments": arguments("".join(fragments))}}
                for index, (id_, name, fragments) in sorted(calls.items())
            ]
        body["message"] = message
    else:
        body["response"] = "".join(words)
        if thoughts:
            body["thinking"] = "".join(thoughts)
    return dump({**body, "done": True, "done_reason": reason, **_counts(seen.usage, seen.busy_s)})
