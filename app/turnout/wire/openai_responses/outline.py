"""A responses request seen from above."""

import orjson

from turnout.calls.outline import Outline
from turnout.calls.units import Dialect, Family, Json
from turnout.calls.usage import service_named
from turnout.wire.fields import flag_or, items, items_or, obj, positive_or, said, said_items, said_text, text, text_or
from turnout.wire.openai_responses.request_reader import CALLS, RESULTS
from turnout.wire.outlining import Gatherer


def from_above(doc: Json) -> Outline:
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
    elif kind in CALLS or kind.endswith("_call"):
        seen.begin()
        seen.add_call(said_text(item, "name") or kind, said(item, "arguments") or said(item, "input") or "")
    elif kind in RESULTS or kind.endswith("_call_output"):
        seen.begin()
        output = item.get("output")
        seen.add_result("\n".join(_words(output)) if not isinstance(output, str) else output)
    elif kind == "reasoning":
        for summary in said_items(item, "summary"):
            seen.add_text(said_text(summary, "text"))
        if said_text(item, "encrypted_content"):
            seen.sealed_by = Family.OPENAI
