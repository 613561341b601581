"""A request, written for Anthropic."""

from dataclasses import replace

from turnout.calls.request import (
    CacheMark,
    Document,
    Image,
    Part,
    Request,
    Role,
    ServerTool,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Written,
)
from turnout.calls.units import Dialect, Family, Json
from turnout.wire.anthropic.schema import closed
from turnout.wire.dialect import Target
from turnout.wire.fields import arguments, dump, said_text
from turnout.wire.parts import (
    allowed_tools,
    chosen_name,
    foreign_file,
    own_tool,
    plain_id,
    plain_text,
    sampling,
    schema_of,
    unsaid,
    wire_name,
)

DEFAULT_MAX = 8_192
"""`max_tokens` is mandatory here; sent for clients whose dialect lets them leave it out."""
_BUDGETS = {"minimal": 1_024, "low": 2_048, "medium": 8_192, "high": 24_576, "xhigh": 32_000, "max": 32_000}


def write(request: Request, target: Target) -> Written:
    dropped: list[str] = []
    same = request.dialect is Dialect.ANTHROPIC
    limit = target.limit(request)
    limit = limit if limit is not None else DEFAULT_MAX
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
        if any(not one.strip() for one in request.stop):
            dropped.append("stop (white space)")
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


def _control(mark: CacheMark | None) -> dict[str, Json]:
    if mark is None:
        return {}
    return {"cache_control": {"type": "ephemeral"} if mark.ttl == "5m" else {"type": "ephemeral", "ttl": mark.ttl}}


def _write_messages(request: Request, target: Target, dropped: list[str]) -> tuple[Json, list[Json]]:
    system: list[Json] = []
    found: list[dict[str, Json]] = []
    ids = ToolIds()
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
        content = [one for part in message.parts for one in _write_part(part, target, dropped, ids)]
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


class ToolIds:
    """The vendor takes letters, digits, _ and - only, and each id once in a conversation; some engines number from 0 every turn."""

    def __init__(self) -> None:
        self._told: dict[str, str] = {}
        """What the newest call of an id was told as: its results come after it."""
        self._used: set[str] = set()

    def of_call(self, id_: str) -> str:
        plain = plain_id(id_) or "toolu_0"
        told, number = plain, 1
        while told in self._used:
            number += 1
            told = f"{plain}_{number}"
        self._used.add(told)
        self._told[id_] = told
        return told

    def of_result(self, id_: str) -> str:
        return self._told.get(id_) or self.of_call(id_)


def _write_part(part: Part, target: Target, dropped: list[str], ids: ToolIds) -> list[Json]:
    if isinstance(part, Text):
        return [{"type": "text", "text": part.text, **_control(part.cache)}] if part.text.strip() else []
    if isinstance(part, Image | Document) and foreign_file(part, Family.ANTHROPIC):
        dropped.append("content.file_id")
        return []
    if isinstance(part, Image):
        if part.data:
            source: Json = {"type": "base64", "media_type": part.media_type or "image/png", "data": part.data}
        elif part.kept_by is not None:
            source = {"type": "file", "file_id": part.url}
        else:
            source = {"type": "url", "url": part.url}
        return [{"type": "image", "source": source, **_control(part.cache)}]
    if isinstance(part, Document):
        return _write_document(part, dropped)
    if isinstance(part, ToolCall):
        name = wire_name(part.namespace, part.name)
        given: Json = {"input": part.arguments} if part.custom else arguments(part.arguments)
        return [{"type": "tool_use", "id": ids.of_call(part.id), "name": name, "input": given, **_control(part.cache)}]
    if isinstance(part, ToolResult):
        inner = [one for p in part.parts for one in _write_part(p, target, dropped, ids)]
        block: dict[str, Json] = {
            "type": "tool_result",
            "tool_use_id": ids.of_result(part.call_id),
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
    text = plain_text(part)
    if part.media_type == "application/pdf" and part.data:
        source: Json = {"type": "base64", "media_type": part.media_type, "data": part.data}
    elif text is not None:
        source = {"type": "text", "media_type": "text/plain", "data": text}
    elif part.kept_by is not None:
        source = {"type": "file", "file_id": part.url}
    elif part.url:
        source = {"type": "url", "url": part.url}
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


def _write_tools(request: Request, dropped: list[str]) -> list[Json]:
    found: list[Json] = []
    same = request.dialect is Dialect.ANTHROPIC
    for tool in allowed_tools(request):
        if isinstance(tool, ServerTool):
            found += own_tool(tool, Dialect.ANTHROPIC, dropped)
            continue
        one: dict[str, Json] = {"name": wire_name(tool.namespace, tool.name)}
        if tool.description:
            one["description"] = tool.description
        if tool.custom:
            dropped.append("tools.custom.format")
        one["input_schema"] = {"type": "object", **schema_of(tool)}
        one |= _control(tool.cache)
        if same:
            one |= tool.extras
            if tool.strict is not None:
                one["strict"] = tool.strict
        found.append(one)
    return found


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


def _write_sampling(body: dict[str, Json], request: Request, thinking: bool, dropped: list[str]) -> None:
    if request.temperature is not None and request.temperature > 1:
        dropped.append("temperature above 1")
        request = replace(request, temperature=1.0)
    given = sampling(request, ("temperature", "top_p", "top_k"))
    if request.dialect is not Dialect.ANTHROPIC and "temperature" in given and given.pop("top_p", None) is not None:
        # Models since Claude 4.1 answer 400 to both at once, which OpenAI's clients often send.
        dropped.append("top_p")
    if thinking:
        # With thinking on the vendor refuses every sampling field but a high top_p.
        refused = [name for name in given if name != "top_p" or (request.top_p or 0) < 0.95]
        dropped += refused
        given = {name: value for name, value in given.items() if name not in refused}
    body |= given


def _write_shape(body: dict[str, Json], request: Request, dropped: list[str]) -> None:
    dropped += sampling(request, ("seed", "frequency_penalty", "presence_penalty"))
    if request.shape is not None:
        if request.shape.schema is not None:
            config = body.setdefault("output_config", {})
            if isinstance(config, dict):
                config["format"] = {"type": "json_schema", "schema": _write_schema(request, dropped)}
        else:
            dropped.append("response_format.json_object")


def _write_schema(request: Request, dropped: list[str]) -> Json:
    schema = request.shape.schema if request.shape is not None else None
    if request.dialect is Dialect.ANTHROPIC:
        return schema
    gone: list[str] = []
    schema = closed(schema, gone)
    dropped += [f"response_format.schema.{key}" for key in gone]
    return schema
