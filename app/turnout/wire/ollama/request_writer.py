"""A request, written for /api/chat or /api/generate."""

from collections.abc import Iterable, Iterator

from turnout.calls.request import Document, Foreign, Image, Message, Part, Request, Role, Text, ToolCall, ToolResult
from turnout.calls.units import Dialect, Json
from turnout.wire.dialect import Target
from turnout.wire.fields import arguments
from turnout.wire.parts import flat_name, open_thought, plain_text, result_text, sampling, unsaid
from turnout.wire.system import merged_system

_LEVELS: dict[str, Json] = {
    "minimal": "low",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "high",
    "max": "high",
}
"""`think` as a level; engines whose models know none take it for true (recorded: api_chat_think_high)."""


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
    limit = target.limit(request)
    if limit is not None:
        options["num_predict"] = limit
    options |= sampling(request)
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


def write_messages(request: Request, target: Target, dropped: list[str]) -> list[Json]:
    found: list[Json] = []
    system = merged_system(request)
    if system:
        found.append({"role": "system", "content": system})
    names: dict[str, str] = {}
    for message in request.messages:
        if message.role is Role.SYSTEM:
            continue
        words = "\n".join(_words(message.parts))
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
            files = _words(p for p in part.parts if isinstance(p, Document))
            content = "\n".join(text for text in (result_text(part), *files) if text)
            found.append({"role": "tool", "content": content, "tool_name": name})
    images += _images(message.parts, dropped)
    dropped += [f"content.{p.kind}" for p in message.parts if isinstance(p, Foreign)]
    if words or images:
        one: dict[str, Json] = {"role": "user", "content": words}
        if images:
            one["images"] = images
        found.append(one)
    return found


def _words(parts: Iterable[Part]) -> Iterator[str]:
    """Texts and text files: a file is text here, or nothing."""
    for part in parts:
        text = part.text if isinstance(part, Text) else plain_text(part) if isinstance(part, Document) else None
        if text is not None:
            yield text


def _images(parts: Iterable[Part], dropped: list[str]) -> list[Json]:
    found: list[Json] = []
    for part in parts:
        if isinstance(part, Image):
            if part.data:
                found.append(part.data)
            else:
                dropped.append("content.image_url")
        elif isinstance(part, Document) and plain_text(part) is None:
            dropped.append(f"content.{part.media_type or 'document'}")
    return found
