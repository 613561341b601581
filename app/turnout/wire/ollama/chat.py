"""Ollama native: /api/chat."""

from collections.abc import Iterable

from turnout.calls.outline import Outline
from turnout.calls.reply import Event
from turnout.calls.request import Request, ServerTool, Tool, Written
from turnout.calls.units import Dialect, Json
from turnout.errors import BadRequestError, TurnoutError
from turnout.wire import errors_json
from turnout.wire.dialect import ReplyContext, Target
from turnout.wire.fields import dump, flag_or, items_or, obj, obj_or, said, said_text, text, text_or
from turnout.wire.ollama.answer import read_whole, write_whole
from turnout.wire.ollama.request_reader import limit_of, read_common, read_messages
from turnout.wire.ollama.request_writer import write_common, write_messages
from turnout.wire.ollama.stream import Reader, Writer
from turnout.wire.outlining import Gatherer, Tools, gathered, offered
from turnout.wire.parts import allowed_tools, flat_name, schema_of, split_flat_name


def _take(seen: Gatherer, one: Json, place: int) -> None:
    path = f"messages[{place}]"
    message = obj(one, path)
    role, words = text(message, "role", path), text_or(message, "content", path)
    if role == "system":
        seen.add_system(words)
        return
    seen.begin()
    if role == "user":
        seen.add_human(words)
        seen.images += len(items_or(message, "images", path))
    elif role == "tool":
        seen.add_result(words)
    elif role == "assistant":
        seen.add_text(words)
        if thought := text_or(message, "thinking", path):
            seen.add_text(thought)
        for call in items_or(message, "tool_calls", path):
            seen.add_call(said_text(call, "function", "name"), said(call, "function", "arguments"))
    else:
        raise BadRequestError(f"must be system, user, assistant or tool, not {role[:40]!r}", path=f"{path}.role")


def _tool(tool: Json) -> Tools:
    return Tools((said_text(tool, "function", "name"),))


class OllamaChat:
    stream_type = "application/x-ndjson"

    def outline(self, doc: Json, *, path_model: str = "", stream: bool | None = None) -> Outline:
        body = obj(doc)
        seen = gathered(Dialect.OLLAMA_CHAT, items_or(body, "messages"), _take)
        seen.look_beside(body)
        think = body.get("think")
        return seen.outline(
            Dialect.OLLAMA_CHAT,
            text_or(body, "model"),
            stream=flag_or(body, "stream") is not False,
            include_usage=True,
            max_output=limit_of(obj_or(body, "options")),
            tools=offered(Dialect.OLLAMA_CHAT, items_or(body, "tools"), _tool),
            thinking=think not in (None, False, ""),
            effort=think if isinstance(think, str) else "",
            schema=body.get("format") not in (None, ""),
        )

    def read_request(self, doc: Json, *, path_model: str = "", stream: bool | None = None) -> Request:
        body = obj(doc)
        messages = read_messages(items_or(body, "messages"))
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
        body: dict[str, Json] = {"model": target.model, "messages": write_messages(request, target, dropped)}
        tools: list[Json] = []
        for tool in allowed_tools(request):
            if isinstance(tool, ServerTool):
                dropped.append(f"tools.{tool.kind}")
                continue
            if tool.custom:
                dropped.append("tools.custom.format")
            function: Json = {
                "name": flat_name(tool.namespace, tool.name),
                "description": tool.description,
                "parameters": schema_of(tool),
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
