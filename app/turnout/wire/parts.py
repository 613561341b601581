"""Small shapes several dialects share: data URLs, tool names and results, and what a dialect has no word for."""

import base64
import hashlib
import re
from operator import attrgetter

from turnout.calls.request import (
    Document,
    Foreign,
    Image,
    Message,
    Request,
    ServerTool,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from turnout.calls.units import Dialect, Family, Json
from turnout.wire.fields import dump_text

JOINT = "__ns__"
"""Between namespace and name where a dialect has no namespaces; no client's own tool was seen to hold it."""


def split_data_url(url: str) -> tuple[str, str]:
    """`data:image/png;base64,AAAA` -> (image/png, AAAA); anything else comes back as ("", url)."""
    if not url.startswith("data:"):
        return "", url
    head, _, data = url[5:].partition(",")
    return head.partition(";")[0] or "application/octet-stream", data


def data_url(media_type: str, data: str) -> str:
    return f"data:{media_type or 'application/octet-stream'};base64,{data}"


def image_of(url: str, detail: str = "") -> Image:
    media, data = split_data_url(url)
    return Image(media, data, "", detail) if media else Image(url=url, detail=detail)


def flat_name(namespace: str, name: str) -> str:
    """Reversible by `split_flat_name`: a model calls what it was shown, and the client is told what it offered."""
    return f"{namespace}{JOINT}{name}" if namespace else name


def split_flat_name(name: str) -> tuple[str, str]:
    namespace, joint, rest = name.partition(JOINT)
    return (namespace, rest) if joint else ("", name)


_ALLOWED = re.compile(r"[A-Za-z0-9_-]{1,64}")
_FORBIDDEN = re.compile(r"[^A-Za-z0-9_-]")


def wire_name(namespace: str, name: str) -> str:
    """`flat_name` as every vendor takes it: others refuse dots, spaces and more than 64 letters. `wire.offered` knows the way
    back; the digest keeps two long names apart, and the same name the same over all turns."""
    flat = flat_name(namespace, name)
    if _ALLOWED.fullmatch(flat):
        return flat
    digest = hashlib.blake2b(flat.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()
    return f"{_FORBIDDEN.sub('_', flat)[:55]}_{digest}"


def made_id(name: str, given: str, place: int | str, number: int) -> str:
    """For a call whose engine gives none. `place` is a message of the history, or what tells one answer from all others: a vendor
    refuses a conversation that uses an id twice. The same history gives the same ids, so that a translated one keeps its prefix."""
    digest = hashlib.blake2b(f"{place}.{number}.{name}.{given}".encode("utf-8", "surrogatepass"), digest_size=9)
    return f"call_{digest.hexdigest()}"


def plain_id(id_: str) -> str:
    """A call's id in letters, digits, _ and -, which is all that Anthropic takes; some engines' hold dots and colons (Kimi's
    `functions.read:0`). The client sends back what it was told."""
    return _FORBIDDEN.sub("_", id_)


def oldest_call(unanswered: list[tuple[str, str]], name: str) -> str:
    """The id of the oldest unanswered (id, name) of that name, which a result without an id belongs to; else of the oldest of all."""
    named = (id_ for id_, called in unanswered if called == name)
    return next(named, unanswered[0][0] if unanswered else "call_0")


FREE_TEXT: dict[str, Json] = {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]}
"""How a dialect that has functions only is shown a tool that takes plain text."""


def schema_of(tool: Tool) -> dict[str, Json]:
    if tool.custom:
        return FREE_TEXT
    return tool.schema if isinstance(tool.schema, dict) else {"type": "object", "properties": {}}


def own_tool(tool: ServerTool, dialect: Dialect, dropped: list[str]) -> list[Json]:
    """A tool that only its own vendor can run."""
    if tool.dialect is dialect:
        return [tool.value]
    dropped.append(f"tools.{tool.kind}")
    return []


def allowed_tools(request: Request) -> tuple[Tool | ServerTool, ...]:
    """The tools to show where the dialect cannot say which of them may be called: those that may. Names nobody offers are nothing."""
    only = request.tool_choice.only if request.tool_choice is not None else ()
    found = tuple(
        tool
        for tool in request.tools
        if isinstance(tool, Tool) and (tool.name in only or flat_name(tool.namespace, tool.name) in only)
    )
    return found or request.tools


def allowing(mode: str, names: tuple[str, ...], parallel: bool | None = None) -> ToolChoice:
    """Of a choice that names several tools; to have to call the one tool that is named is the older form."""
    if mode == "required" and len(names) == 1:
        return ToolChoice("named", names[0], parallel)
    return ToolChoice(mode, parallel=parallel, only=names)


def unanswered(messages: list[Message]) -> list[tuple[str, str]]:
    """The calls without a result so far, as (id, name), the oldest first."""
    parts = [part for message in messages for part in message.parts]
    answered = {part.call_id for part in parts if isinstance(part, ToolResult)}
    return [(part.id, part.name) for part in parts if isinstance(part, ToolCall) and part.id not in answered]


def plain_text(part: Document) -> str | None:
    """What a text file says; None where it is no text, or none that can be read."""
    if not part.media_type.startswith("text/") or not part.data:
        return None
    try:
        return base64.b64decode(part.data, validate=True).decode()
    except ValueError:
        return None


def foreign_file(part: Image | Document, family: Family) -> bool:
    """An upload that another vendor keeps: its id says nothing here."""
    return part.kept_by is not None and part.kept_by is not family


SAMPLING = ("temperature", "top_p", "top_k", "seed", "frequency_penalty", "presence_penalty")


def sampling(request: Request, names: tuple[str, ...] = SAMPLING) -> dict[str, Json]:
    """Those that the client set, by OpenAI's names."""
    return {name: value for name in names if (value := getattr(request, name)) is not None}


def chosen_name(request: Request, name: str) -> str:
    """The wire name of the tool that `tool_choice` names; a client names it without its namespace."""
    for tool in request.tools:
        if isinstance(tool, Tool) and name in (tool.name, flat_name(tool.namespace, tool.name)):
            return wire_name(tool.namespace, tool.name)
    return wire_name("", name)


def as_function(call: ToolCall) -> str:
    """The arguments of a free-text call for a dialect that has functions only: what `Offered` takes apart again."""
    return dump_text({"input": call.arguments}) if call.custom else call.arguments or "{}"


def open_thought(message: Message) -> tuple[str, bool]:
    """The thinking that may be told to another vendor, and whether there is some that may not: a sealed block stays whole."""
    thoughts = [part for part in message.parts if isinstance(part, Thinking)]
    if not thoughts:
        return "", False
    return "".join(part.text for part in thoughts if not part.sealed), any(part.sealed for part in thoughts)


def result_text(result: ToolResult) -> str:
    """The texts of a tool result; that it is an error is said in words where the dialect has no field for it."""
    words = "\n".join(part.text for part in result.parts if isinstance(part, Text))
    if not result.is_error or words.lower().startswith("error"):
        return words
    return f"Error: {words}" if words else "Error"


_SAYS_NOTHING: dict[str, tuple[Json, ...]] = {
    "store": (False,),
    "n": (1,),
    "best_of": (1,),
    "echo": (False,),
    "background": (False,),
    "truncation": ("disabled", "auto"),
    "logprobs": (False, 0),
    "top_logprobs": (0,),
    "stream_options": ({}, {"include_usage": True}, {"include_usage": False}, {"include_obfuscation": False}),
}
"""Fields of one dialect that ask for what every other does anyway."""
_HOLDERS = ("options", "generationConfig")
_UNMARKED = frozenset((Thinking, Foreign))
"""Parts that no cache mark stands on."""
_CACHE, _NAME = attrgetter("cache"), attrgetter("name")


def unsaid(request: Request, *, says: tuple[str, ...] = ()) -> list[str]:
    """The names of what another dialect's request asks for and this one has no word for; `says`: of these it has."""
    found: list[str] = []
    for key, value in request.extras.items():
        if value is None or value in _SAYS_NOTHING.get(key, ()):
            continue
        inner = isinstance(value, dict) and key in _HOLDERS
        found += [f"{key}.{name}" for name in value] if inner and isinstance(value, dict) else [key]
    tools = [tool for tool in request.tools if isinstance(tool, Tool)]
    parts = [part for message in request.messages for part in message.parts]
    parts += [inner for part in parts if isinstance(part, ToolResult) for inner in part.parts]
    kinds = set(map(type, parts))
    markable = parts if kinds.isdisjoint(_UNMARKED) else [part for part in parts if type(part) not in _UNMARKED]
    choice = request.tool_choice
    asked = {
        "metadata": bool(request.metadata),
        "cache_control": any(map(_CACHE, tools)) or any(map(_CACHE, markable)),
        "tools.strict": any(tool.strict for tool in tools),
        "parallel_tool_calls": choice is not None and choice.parallel is False and bool(tools),
        "image.detail": Image in kinds
        and any(isinstance(part, Image) and part.detail not in ("", "auto") for part in parts),
        "thinking.signature": ToolCall in kinds and any(isinstance(part, ToolCall) and part.sealed for part in parts),
        "messages.name": any(map(_NAME, request.messages)),
    }
    found += [name for name, lost in asked.items() if lost and name not in says]
    return [*found, *(f"tools.{key}" for tool in tools if not tool.custom for key in tool.extras)]
