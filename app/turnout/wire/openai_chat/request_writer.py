"""A request, written as OpenAI chat."""

from collections.abc import Iterator

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
    ToolCall,
    ToolResult,
    Written,
)
from turnout.calls.units import Dialect, Family, Json
from turnout.wire.dialect import Target
from turnout.wire.fields import dump
from turnout.wire.parts import (
    allowed_tools,
    as_function,
    chosen_name,
    data_url,
    foreign_file,
    open_thought,
    own_tool,
    plain_text,
    result_text,
    sampling,
    schema_of,
    unsaid,
    wire_name,
)
from turnout.wire.system import without_billing

_AUDIO = {"audio/mpeg": "mp3", "audio/x-wav": "wav", "audio/wave": "wav"}
_SAYS = ("tools.strict", "parallel_tool_calls", "image.detail", "messages.name")


def write(request: Request, target: Target) -> Written:
    dropped: list[str] = []
    body: dict[str, Json] = {"model": target.model, "messages": _write_messages(request, target, dropped)}
    tools = _write_tools(request, dropped)
    if tools:
        body["tools"] = tools
        _write_choice(body, request)
    limit = target.limit(request)
    if limit is not None:
        body["max_tokens" if target.legacy_max_tokens else "max_completion_tokens"] = limit
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
        elif isinstance(part, Image | Document) and foreign_file(part, Family.OPENAI):
            dropped.append("content.file_id")
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
    text = plain_text(part)
    if part.media_type.startswith("audio/") and part.data:
        kind = _AUDIO.get(part.media_type, part.media_type.removeprefix("audio/"))
        yield {"type": "input_audio", "input_audio": {"data": part.data, "format": kind}}
    elif text is not None:
        yield {"type": "text", "text": text}
    elif part.data:
        file: dict[str, Json] = {"file_data": data_url(part.media_type, part.data), "filename": part.name or "document"}
        yield {"type": "file", "file": file}
    elif part.kept_by is not None:
        yield {"type": "file", "file": {"file_id": part.url}}
    else:
        dropped.append("content.file_url" if part.url else "content.document")


def _write_assistant(message: Message, target: Target, dropped: list[str], *, same: bool) -> Json:
    thought, sealed = open_thought(message)
    if sealed or (thought and not target.legacy_max_tokens):
        # What a vendor sealed is for its eyes only; api.openai.com refuses thinking of any kind here.
        dropped.append("thinking")
    thought = thought if target.legacy_max_tokens else ""
    words = ""
    calls: list[Json] = []
    for part in message.parts:
        if isinstance(part, Text):
            words += part.text
        elif isinstance(part, ToolCall):
            calls.append(_write_call(part, same=same))
        elif isinstance(part, Foreign):
            dropped.append(f"content.{part.kind}")
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


def _write_call(call: ToolCall, *, same: bool) -> Json:
    if call.custom and same:
        return {"id": call.id, "type": "custom", "custom": {"name": call.name, "input": call.arguments}}
    function: Json = {"name": wire_name(call.namespace, call.name), "arguments": as_function(call)}
    return {"id": call.id or "call_0", "type": "function", "function": function}


def _write_tools(request: Request, dropped: list[str]) -> list[Json]:
    found: list[Json] = []
    same = request.dialect is Dialect.OPENAI_CHAT
    for tool in request.tools if same else allowed_tools(request):
        if isinstance(tool, ServerTool):
            found += own_tool(tool, Dialect.OPENAI_CHAT, dropped)
            continue
        if tool.custom and same:
            custom: dict[str, Json] = {"name": tool.name, "description": tool.description, **tool.extras}
            found.append({"type": "custom", "custom": custom})
            continue
        if tool.custom:
            dropped.append("tools.custom.format")
        function: dict[str, Json] = {"name": wire_name(tool.namespace, tool.name)}
        if tool.description:
            function["description"] = tool.description
        # A schema without `properties` is a 400 at this vendor.
        function["parameters"] = schema_of(tool) if same else {"type": "object", "properties": {}, **schema_of(tool)}
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
    elif choice.only and request.dialect is Dialect.OPENAI_CHAT:
        named: list[Json] = [
            {"type": "function", "function": {"name": chosen_name(request, one)}} for one in choice.only
        ]
        allowed: Json = {"mode": choice.mode, "tools": named}
        body["tool_choice"] = {"type": "allowed_tools", "allowed_tools": allowed}
    elif choice.mode != "auto":
        body["tool_choice"] = choice.mode
    if choice.parallel is not None:
        body["parallel_tool_calls"] = choice.parallel


def _write_sampling(body: dict[str, Json], request: Request, target: Target, dropped: list[str]) -> None:
    body |= sampling(request)
    if "top_k" in body and not target.legacy_max_tokens:
        del body["top_k"]
        dropped.append("top_k")
    if request.stop:
        body["stop"] = list(request.stop[:4])
        if len(request.stop) > 4:
            dropped.append("stop[4:]")
    if request.reasoning is not None:
        effort = request.reasoning.effort or effort_of(request.reasoning)
        if effort in ("xhigh", "max") and request.dialect not in (Dialect.OPENAI_CHAT, Dialect.OPENAI_RESPONSES):
            # Anthropic's words; here few models know the first and none the second.
            effort = "high"
            dropped.append("reasoning above high")
        if effort and target.thinks:
            body["reasoning_effort"] = effort
        elif effort not in ("", "none") or (request.reasoning.enabled is False and target.thinks and not effort):
            # There is no word here for thinking to be off.
            dropped.append("thinking")
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
