"""A chat request seen from above."""

from turnout.calls.outline import Outline
from turnout.calls.units import Dialect, Json
from turnout.calls.usage import service_named
from turnout.errors import BadRequestError
from turnout.wire.fields import dump, flag_or, items, items_or, obj, positive_or, said, said_text, text, text_or, wrong
from turnout.wire.outlining import NO_TOOLS, Gatherer, Tools, gathered, offered

_SELDOM = frozenset(
    (
        "stream_options",
        "n",
        "prediction",
        "tools",
        "functions",
        "reasoning_effort",
        "reasoning",
        "service_tier",
        "response_format",
        "prompt_cache_key",
    )
)

_BESIDE = frozenset(("reasoning_content", "reasoning", "refusal", "function_call"))
_ROLES = ("user", "assistant", "tool", "system", "developer", "function")


def from_above(doc: Json) -> Outline:
    body = obj(doc)
    seen = gathered(Dialect.OPENAI_CHAT, items(body.get("messages"), "messages"), _take)
    if not seen.turns and not seen.system:
        raise BadRequestError("must hold at least one message", path="messages")
    seen.look_beside(body)
    model, stream = text_or(body, "model"), bool(flag_or(body, "stream"))
    limit = positive_or(body, "max_completion_tokens") or positive_or(body, "max_tokens")
    if _SELDOM.isdisjoint(body):
        # One look for all of them: nine of fifteen accessors less for a plain request.
        return seen.outline(Dialect.OPENAI_CHAT, model, stream=stream, max_output=limit)
    # What an edit is expected to come to is as good as said.
    seen.add_other(body.get("prediction"))
    seen.add_schema(said(body.get("response_format"), "json_schema"))
    effort = text_or(body, "reasoning_effort") or said_text(body.get("reasoning"), "effort")
    return seen.outline(
        Dialect.OPENAI_CHAT,
        model,
        stream=stream,
        max_output=limit,
        tools=_tools(body),
        include_usage=said(body.get("stream_options"), "include_usage") is True,
        choices=positive_or(body, "n") or 1,
        thinking=effort not in ("", "none"),
        effort=effort,
        service=service_named(text_or(body, "service_tier")),
        schema=said_text(body.get("response_format"), "type") in ("json_schema", "json_object"),
        session=text_or(body, "prompt_cache_key"),
    )


def _tools(body: dict[str, Json]) -> Tools:
    tools = offered(Dialect.OPENAI_CHAT, items_or(body, "tools"), _tool)
    functions = items_or(body, "functions")
    if functions:
        tools = Tools(
            (*tools.names, *(said_text(one, "name") for one in functions)),
            tools.server,
            (*tools.texts, *(dump(one).decode() for one in functions)),
        )
    return tools


def _take(seen: Gatherer, message: Json, place: int) -> None:
    if type(message) is not dict:
        raise wrong(f"messages[{place}]", "an object", message)
    role, content = message.get("role"), message.get("content")
    if role == "user" and type(content) is str and content:
        # Most of what is new in a call.
        seen.turns += 1
        seen.add_human(content)
        return
    if role not in _ROLES:
        role = text(message, "role", f"messages[{place}]")
        raise BadRequestError(
            f"must be system, developer, user, assistant or tool, not {role[:40]!r}", path=f"messages[{place}].role"
        )
    if role in ("system", "developer"):
        seen.add_system(content if type(content) is str else "\n".join(_texts(content, place)))
        return
    words = [content] if type(content) is str and content else _texts(content, place)
    seen.turns += 1
    if role == "user":
        for one in words:
            seen.add_human(one)
        if type(content) is list:
            _files(seen, content)
    elif role == "assistant":
        seen.texts += words
        if not _BESIDE.isdisjoint(message):
            _beside(seen, message)
        if message.get("tool_calls"):
            for call in items_or(message, "tool_calls", f"messages[{place}]"):
                _called(seen, call)
    else:
        seen.add_result("\n".join(words))
        if type(content) is list:
            _files(seen, content)


def _beside(seen: Gatherer, message: dict[str, Json]) -> None:
    """What an assistant's message has beside its content: thinking, which an engine reads again, a refusal, the older tool call."""
    seen.texts += [found for name in _BESIDE if (found := said_text(message, name))]
    called = message.get("function_call")
    if called is not None:
        seen.add_call(said_text(called, "name"), said(called, "arguments"))


def _called(seen: Gatherer, call: Json) -> None:
    function = said(call, "function")
    if function is not None:
        seen.add_call(said_text(function, "name"), said(function, "arguments"))
    else:
        seen.add_call(said_text(call, "custom", "name"), said(call, "custom", "input"))


def _files(seen: Gatherer, content: list[Json]) -> None:
    for part in content:
        kind = said_text(part, "type")
        if kind == "file":
            seen.add_file(said_text(part, "file", "file_data"))
        elif kind in ("image_url", "input_audio"):
            seen.images += 1
        elif kind != "text":
            seen.add_other(part)


def _texts(content: Json, place: int) -> list[str]:
    """The texts of what is no text itself, or an empty one."""
    if content is None or content == "":
        return []
    if not isinstance(content, list):
        raise wrong(f"messages[{place}].content", "a string or an array of parts", content)
    return [found for part in content if (found := said_text(part, "text"))]


def _tool(tool: Json) -> Tools:
    name = said_text(tool, "function", "name") or said_text(tool, "custom", "name") or said_text(tool, "name")
    if name:
        return Tools((name,))
    kind = said_text(tool, "type")
    return Tools(server=(kind,)) if kind else NO_TOOLS
