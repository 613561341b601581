"""A request, written as OpenAI responses."""

from turnout.calls.request import (
    Document,
    Foreign,
    Image,
    Message,
    Part,
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
from turnout.calls.units import Dialect, Family, Json
from turnout.wire.dialect import Target
from turnout.wire.fields import dump, obj_or
from turnout.wire.openai_chat.request_writer import effort_of
from turnout.wire.openai_responses.request_reader import ABOUT
from turnout.wire.parts import data_url, foreign_file, own_tool, result_text, sampling, schema_of, unsaid
from turnout.wire.system import system_texts

_SAYS = ("tools.strict", "parallel_tool_calls", "image.detail")


def write(request: Request, target: Target) -> Written:
    dropped: list[str] = []
    same = request.dialect is Dialect.OPENAI_RESPONSES
    body: dict[str, Json] = {"model": target.model, "input": _write_input(request, target, dropped)}
    tools = _write_tools(request, dropped)
    if tools:
        body["tools"] = tools
        _write_choice(body, request)
    limit = target.limit(request)
    if limit is not None:
        body["max_output_tokens"] = max(16, limit)
    body |= sampling(request, ("temperature", "top_p"))
    dropped += sampling(request, ("top_k", "seed", "frequency_penalty", "presence_penalty"))
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
    if isinstance(part, Image | Document) and foreign_file(part, Family.OPENAI):
        dropped.append("content.file_id")
        return []
    if isinstance(part, Image):
        one: dict[str, Json] = {"type": "input_image"}
        one["file_id" if part.kept_by else "image_url"] = part.url or data_url(part.media_type, part.data)
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
            return [{"type": "input_file", "file_id" if part.kept_by else "file_url": part.url}]
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
            found += own_tool(tool, Dialect.OPENAI_RESPONSES, dropped)
            continue
        one: dict[str, Json] = {"type": "custom" if tool.custom else "function", "name": tool.name}
        if tool.description:
            one["description"] = tool.description
        if tool.custom:
            one |= {key: value for key, value in tool.extras.items() if key != ABOUT}
        else:
            one["parameters"] = schema_of(tool)
            one["strict"] = bool(tool.strict)
        if tool.namespace:
            if tool.namespace not in spaces:
                spaces[tool.namespace] = []
                space: dict[str, Json] = {"type": "namespace", "name": tool.namespace}
                if ABOUT in tool.extras:
                    space["description"] = tool.extras[ABOUT]
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
    if choice.only:
        listed: list[Json] = [{"type": "function", "name": one} for one in choice.only]
        body["tool_choice"] = {"type": "allowed_tools", "mode": choice.mode, "tools": listed}
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
