"""OpenAI responses: /v1/responses. Codex speaks only this; without `response.completed` it sends every turn again."""

from collections.abc import Iterable
from dataclasses import replace

import orjson

from turnout.calls.outline import Outline
from turnout.calls.reply import (
    Began,
    Ended,
    Event,
    Failed,
    StopReason,
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
from turnout.calls.units import Dialect, Family, Json, Tokens
from turnout.calls.usage import service_named
from turnout.errors import BadRequestError, TurnoutError
from turnout.wire import errors_json
from turnout.wire.dialect import ReplyContext, Target
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
    positive_or,
    said,
    said_items,
    said_text,
    text,
    text_or,
)
from turnout.wire.openai_chat import effort_of
from turnout.wire.outlining import Gatherer
from turnout.wire.parts import data_url, image_of, result_text, split_data_url, unsaid
from turnout.wire.responses_stream import Reader, Writer, read_output, usage_of, whole
from turnout.wire.system import system_texts

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
_ABOUT = "namespace.description"
"""Of a namespace, kept at its first tool."""
_CALLS = ("function_call", "custom_tool_call")
_RESULTS = ("function_call_output", "custom_tool_call_output")


class OpenAIResponses:
    stream_type = "text/event-stream"

    def outline(self, doc: Json, *, path_model: str = "", stream: bool | None = None) -> Outline:
        body = obj(doc)
        seen = Gatherer()
        if text_or(body, "instructions"):
            seen.add_system(text_or(body, "instructions"))
        given = body.get("input")
        if isinstance(given, str):
            seen.begin()
            seen.add_human(given)
        else:
            for i, one in enumerate(items(given, "input")):
                _outline_item(seen, obj(one, f"input[{i}]"), f"input[{i}]")
        names: list[str] = []
        server: list[str] = []
        tools = items_or(body, "tools")
        for tool in tools:
            kind = said_text(tool, "type")
            if kind in ("function", "custom"):
                names.append(said_text(tool, "name"))
            elif kind == "namespace":
                names += [said_text(inner, "name") for inner in said_items(tool, "tools")]
            else:
                server.append(kind)
        effort = said_text(body.get("reasoning"), "effort")
        form = said_text(body.get("text"), "format", "type")
        extras: dict[str, str] = {}
        if text_or(body, "previous_response_id"):
            extras["previous_response_id"] = "1"
        return seen.outline(
            Dialect.OPENAI_RESPONSES,
            text_or(body, "model"),
            stream=bool(flag_or(body, "stream")),
            include_usage=True,
            max_output=positive_or(body, "max_output_tokens"),
            tools=tuple(names),
            tool_texts=tuple(orjson.dumps(tool).decode() for tool in tools),
            thinking=body.get("reasoning") is not None and effort != "none",
            effort=effort,
            service=service_named(text_or(body, "service_tier")),
            schema=form in ("json_schema", "json_object"),
            session=text_or(body, "prompt_cache_key"),
            server_tools=tuple(server),
            extras=extras,
        )

    def read_request(self, doc: Json, *, path_model: str = "", stream: bool | None = None) -> Request:
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
            max_output=_tokens(positive_or(body, "max_output_tokens")),
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

    def write_request(self, request: Request, target: Target) -> Written:
        dropped: list[str] = []
        same = request.dialect is Dialect.OPENAI_RESPONSES
        body: dict[str, Json] = {"model": target.model, "input": _write_input(request, target, dropped)}
        tools = _write_tools(request, dropped)
        if tools:
            body["tools"] = tools
            _write_choice(body, request)
        limit = target.max_output if target.max_output is not None else request.max_output
        if limit is not None:
            body["max_output_tokens"] = max(16, int(limit))
        for key in ("temperature", "top_p"):
            if getattr(request, key) is not None:
                body[key] = getattr(request, key)
        for key in ("top_k", "seed", "frequency_penalty", "presence_penalty"):
            if getattr(request, key) is not None:
                dropped.append(key)
        if request.stop:
            dropped.append("stop")
        if request.shape is not None:
            body["text"] = {"format": _write_shape(request.shape)}
        _write_reasoning(body, request, target, same=same)
        if request.user:
            body["user"] = request.user
        if request.service_tier and request.dialect in (Dialect.OPENAI_CHAT, Dialect.OPENAI_RESPONSES):
            body["service_tier"] = request.service_tier
        elif request.service_tier:
            dropped.append("service_tier")
        if request.metadata and request.dialect in (Dialect.OPENAI_CHAT, Dialect.OPENAI_RESPONSES):
            body["metadata"] = request.metadata
        if request.stream:
            body["stream"] = True
        if same:
            more = {key: value for key, value in request.extras.items() if not key.startswith("text.")}
            spoken = {key[5:]: value for key, value in request.extras.items() if key.startswith("text.")}
            body |= more
            if spoken:
                body["text"] = {**spoken, **(obj_or(body, "text") or {})}
        else:
            body["store"] = False
            dropped += unsaid(request, says=_SAYS if "metadata" not in body else (*_SAYS, "metadata"))
        return Written(dump(body), tuple(dict.fromkeys(dropped)))

    def reply_reader(self) -> Reader:
        return Reader()

    def read_reply(self, doc: Json) -> list[Event]:
        if said(doc, "output") is None or said(doc, "error") is not None:
            return [Failed(said_text(doc, "error", "message") or "the engine's answer holds no output")]
        found: list[Event] = [Began(said_text(doc, "id"), said_text(doc, "model"))]
        found += read_output(said_items(doc, "output"))
        if said(doc, "usage") is not None:
            found.append(UsageSeen(usage_of(said(doc, "usage"))))
        called = any(isinstance(event, ToolBegan) for event in found)
        reason = StopReason.TOOLS if called else StopReason.END
        if said_text(doc, "status") == "incomplete":
            filtered = said_text(doc, "incomplete_details", "reason") == "content_filter"
            reason = StopReason.FILTER if filtered else StopReason.LENGTH
        return [*found, Ended(reason, service_tier=said_text(doc, "service_tier"))]

    def reply_writer(self, context: ReplyContext) -> Writer:
        return Writer(context)

    def write_reply(self, events: Iterable[Event], context: ReplyContext) -> bytes:
        return whole(events, context)

    def write_error(self, error: TurnoutError) -> bytes:
        return errors_json.openai(error)


_SAYS = ("tools.strict", "parallel_tool_calls", "image.detail")


def _text_extras(body: dict[str, Json]) -> dict[str, Json]:
    """`text.verbosity` and what may come beside `text.format`."""
    spoken = obj_or(body, "text") or {}
    return {f"text.{key}": value for key, value in spoken.items() if key != "format"}


def _tokens(value: int | None) -> Tokens | None:
    return Tokens(value) if value is not None else None


_KEPT = ("previous_response_id", "conversation", "prompt")


def _refuse_kept(body: dict[str, Json]) -> None:
    """Raises BadRequestError for what only the vendor that keeps it can resolve: half a conversation is worse than none."""
    named = [key for key in _KEPT if body.get(key) is not None]
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


def _words(content: Json) -> list[str]:
    if isinstance(content, str):
        return [content]
    if isinstance(content, list):
        return [found for part in content if (found := said_text(part, "text") or said_text(part, "refusal"))]
    return []


def _outline_item(seen: Gatherer, item: dict[str, Json], path: str) -> None:
    kind = text_or(item, "type", path, "message")
    if kind == "message":
        role, content = text(item, "role", path), item.get("content")
        if role in ("system", "developer"):
            seen.add_system("\n".join(_words(content)))
            return
        seen.begin()
        for one in _words(content):
            (seen.add_human if role == "user" else seen.add_text)(one)
        if isinstance(content, list):
            seen.images += sum(1 for part in content if said_text(part, "type") in ("input_image", "input_file"))
    elif kind in _CALLS or kind.endswith("_call"):
        seen.begin()
        seen.add_call(said_text(item, "name") or kind, said(item, "arguments") or said(item, "input") or "")
    elif kind in _RESULTS or kind.endswith("_call_output"):
        seen.begin()
        output = item.get("output")
        seen.add_result("\n".join(_words(output)) if not isinstance(output, str) else output)
    elif kind == "reasoning":
        for summary in said_items(item, "summary"):
            seen.add_text(said_text(summary, "text"))
        if said_text(item, "encrypted_content"):
            seen.sealed_by = Family.OPENAI


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
    elif kind in _CALLS:
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
    elif kind in _RESULTS:
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
            address = text_or(part, "image_url", here) or text_or(part, "file_id", here)
            parts.append(image_of(address, text_or(part, "detail", here)))
        elif kind == "input_file":
            media, data = split_data_url(text_or(part, "file_data", here))
            address = text_or(part, "file_url", here) or text_or(part, "file_id", here)
            parts.append(Document(media, data, address, text_or(part, "filename", here)))
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
                found.append(replace(made, extras={**made.extras, _ABOUT: about}) if about and k == 0 else made)
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
        name = said_text(choice, "name")
        return ToolChoice("named", name, parallel) if name else ToolChoice("required", parallel=parallel)
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


# --- writing requests ---


def _write_input(request: Request, target: Target, dropped: list[str]) -> list[Json]:
    found: list[Json] = []
    for message in request.messages:
        if message.role is Role.SYSTEM:
            content: list[Json] = [{"type": "input_text", "text": words} for words in system_texts(message)]
            if content:
                found.append({"type": "message", "role": "developer", "content": content})
            continue
        if message.role is Role.USER:
            found += _write_user(message, dropped)
        else:
            found += _write_assistant(message, target, dropped)
    if request.prompt and not found:
        found.append({"type": "message", "role": "user", "content": [{"type": "input_text", "text": request.prompt}]})
    return found


def _write_user(message: Message, dropped: list[str]) -> list[Json]:
    found: list[Json] = []
    content: list[Json] = []
    for part in message.parts:
        if isinstance(part, ToolResult):
            kind = "custom_tool_call_output" if part.custom else "function_call_output"
            output: Json = result_text(part)
            if not all(isinstance(p, Text) for p in part.parts):
                words = [Text(result_text(part))] if output else []
                rest = [p for p in part.parts if not isinstance(p, Text)]
                output = [one for p in (*words, *rest) for one in _write_part(p, dropped)]
            found.append({"type": kind, "call_id": part.call_id, "output": output})
        elif isinstance(part, Foreign) and part.kind.endswith("_output"):
            if part.dialect is Dialect.OPENAI_RESPONSES:
                found.append(part.value)
            else:
                dropped.append(f"content.{part.kind}")
        else:
            content += _write_part(part, dropped)
    if content:
        found.append({"type": "message", "role": "user", "content": content})
    return found


def _write_part(part: Part, dropped: list[str]) -> list[Json]:
    if isinstance(part, Text):
        return [{"type": "input_text", "text": part.text}]
    if isinstance(part, Image):
        one: dict[str, Json] = {"type": "input_image", "image_url": part.url or data_url(part.media_type, part.data)}
        one["detail"] = part.detail or "auto"
        return [one]
    if isinstance(part, Document):
        if part.data:
            return [
                {
                    "type": "input_file",
                    "filename": part.name or "document",
                    "file_data": data_url(part.media_type, part.data),
                }
            ]
        if part.url:
            return [{"type": "input_file", "file_url" if part.url.startswith("http") else "file_id": part.url}]
    if isinstance(part, Foreign) and part.dialect is Dialect.OPENAI_RESPONSES:
        return [part.value]
    dropped.append(f"content.{part.kind}" if isinstance(part, Foreign) else "content.document")
    return []


def _write_assistant(message: Message, target: Target, dropped: list[str]) -> list[Json]:
    found: list[Json] = []
    for part in message.parts:
        if isinstance(part, Text):
            content: Json = [{"type": "output_text", "text": part.text, "annotations": []}]
            found.append({"type": "message", "role": "assistant", "content": content})
        elif isinstance(part, ToolCall):
            kind, key = ("custom_tool_call", "input") if part.custom else ("function_call", "arguments")
            one: dict[str, Json] = {"type": kind, "call_id": part.id, "name": part.name, key: part.arguments}
            if part.namespace:
                one["namespace"] = part.namespace
            if part.item_id.startswith(("fc", "ctc")):
                one["id"] = part.item_id
            found.append(one)
        elif isinstance(part, Thinking):
            if part.vendor is Family.OPENAI and part.sealed and target.vendor_history:
                summary: list[Json] = [{"type": "summary_text", "text": part.text}] if part.text else []
                item: dict[str, Json] = {"type": "reasoning", "summary": summary, "encrypted_content": part.sealed}
                if part.id:
                    item["id"] = part.id
                found.append(item)
            else:
                dropped.append("thinking")
        elif isinstance(part, Foreign):
            if part.dialect is Dialect.OPENAI_RESPONSES:
                found.append(part.value)
            else:
                dropped.append(f"content.{part.kind}")
    return found


def _write_tools(request: Request, dropped: list[str]) -> list[Json]:
    found: list[Json] = []
    spaces: dict[str, list[Json]] = {}
    for tool in request.tools:
        if isinstance(tool, ServerTool):
            if tool.dialect is Dialect.OPENAI_RESPONSES:
                found.append(tool.value)
            else:
                dropped.append(f"tools.{tool.kind}")
            continue
        one: dict[str, Json] = {"type": "custom" if tool.custom else "function", "name": tool.name}
        if tool.description:
            one["description"] = tool.description
        if tool.custom:
            one |= {key: value for key, value in tool.extras.items() if key != _ABOUT}
        else:
            one["parameters"] = tool.schema if tool.schema is not None else {"type": "object", "properties": {}}
            one["strict"] = bool(tool.strict)
        if tool.namespace:
            if tool.namespace not in spaces:
                spaces[tool.namespace] = []
                space: dict[str, Json] = {"type": "namespace", "name": tool.namespace}
                if _ABOUT in tool.extras:
                    space["description"] = tool.extras[_ABOUT]
                found.append({**space, "tools": spaces[tool.namespace]})
            spaces[tool.namespace].append(one)
        else:
            found.append(one)
    return found


def _write_choice(body: dict[str, Json], request: Request) -> None:
    choice = request.tool_choice
    if choice is None:
        return
    custom = any(isinstance(one, Tool) and one.custom and one.name == choice.name for one in request.tools)
    named: Json = {"type": "custom" if custom else "function", "name": choice.name}
    body["tool_choice"] = named if choice.mode == "named" else choice.mode
    if choice.parallel is not None:
        body["parallel_tool_calls"] = choice.parallel


def _write_reasoning(body: dict[str, Json], request: Request, target: Target, *, same: bool) -> None:
    asked = request.reasoning
    if asked is not None and target.thinks:
        reasoning: dict[str, Json] = {}
        if asked.effort or effort_of(asked):
            reasoning["effort"] = asked.effort or effort_of(asked)
        if asked.summary and same:
            reasoning["summary"] = asked.summary
        if reasoning:
            body["reasoning"] = reasoning


def _write_shape(shape: Shape) -> Json:
    if shape.schema is None:
        return {"type": "json_object"}
    one: dict[str, Json] = {"type": "json_schema", "name": shape.name or "answer", "schema": shape.schema}
    if shape.strict is not None:
        one["strict"] = shape.strict
    return one
