"""A responses request seen from above."""

from turnout.calls.outline import Outline
from turnout.calls.units import Dialect, Family, Json
from turnout.calls.usage import service_named
from turnout.wire.fields import (
    flag_or,
    items,
    items_or,
    obj,
    positive_or,
    said,
    said_items,
    said_text,
    text,
    text_or,
    wrong,
)
from turnout.wire.foreign import own_item
from turnout.wire.openai_responses.request_reader import CALLS, RESULTS
from turnout.wire.outlining import Gatherer, Tools, gathered, offered


def from_above(doc: Json) -> Outline:
    body = obj(doc)
    instructions, given = text_or(body, "instructions"), body.get("input")
    if type(given) is str:
        seen = Gatherer()
        seen.begin()
        seen.add_human(given)
    else:
        seen = gathered(Dialect.OPENAI_RESPONSES, items(given, "input"), _take)
    if instructions:
        seen.add_instructions([instructions])
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
        tools=offered(Dialect.OPENAI_RESPONSES, items_or(body, "tools"), _tool),
        thinking=body.get("reasoning") is not None and effort != "none",
        effort=effort,
        service=service_named(text_or(body, "service_tier")),
        schema=form in ("json_schema", "json_object"),
        session=text_or(body, "prompt_cache_key"),
        extras=extras,
    )


def _tool(tool: Json) -> Tools:
    kind = said_text(tool, "type")
    if kind in ("function", "custom"):
        return Tools((said_text(tool, "name"),))
    if kind == "namespace":
        return Tools(tuple(said_text(inner, "name") for inner in said_items(tool, "tools")))
    return Tools(server=(kind,))


def _words(content: Json) -> list[str]:
    if isinstance(content, str):
        return [content]
    if isinstance(content, list):
        return [found for part in content if (found := said_text(part, "text") or said_text(part, "refusal"))]
    return []


def _take(seen: Gatherer, item: Json, place: int) -> None:
    if type(item) is not dict:
        raise wrong(f"input[{place}]", "an object", item)
    kind = text_or(item, "type", f"input[{place}]", "message")
    if kind == "message":
        role, content = text(item, "role", f"input[{place}]"), item.get("content")
        if role in ("system", "developer"):
            seen.add_system("\n".join(_words(content)))
            return
        seen.begin()
        add = seen.add_human if role == "user" else seen.add_text
        for one in _words(content):
            add(one)
        if type(content) is list:
            seen.images += sum(1 for part in content if said_text(part, "type") in ("input_image", "input_file"))
    elif kind in CALLS or kind.endswith("_call"):
        seen.begin()
        seen.add_call(said_text(item, "name") or kind, said(item, "arguments") or said(item, "input") or "")
    elif kind in RESULTS or kind.endswith("_call_output"):
        seen.begin()
        output = item.get("output")
        seen.add_result(output if isinstance(output, str) else "\n".join(_words(output)))
    elif kind == "reasoning":
        seen.texts += [said_text(summary, "text") for summary in said_items(item, "summary")]
        if said_text(item, "encrypted_content"):
            seen.sealed_by = Family.OPENAI
        if own_item(item):
            seen.alien = True
