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
from turnout.wire.openai_responses.request_reader import CALLS, KEPT, RESULTS
from turnout.wire.outlining import Gatherer, Seldom, Tools, gathered, offered
from turnout.wire.words import texts_in


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
    seen.look_beside(body, "input", "instructions")
    return seen.outline(
        Dialect.OPENAI_RESPONSES,
        text_or(body, "model"),
        stream=bool(flag_or(body, "stream")),
        max_output=positive_or(body, "max_output_tokens"),
        tools=offered(Dialect.OPENAI_RESPONSES, items_or(body, "tools"), _tool),
        **(_PLAIN if _SELDOM.isdisjoint(body) else _more(body, seen)),
    )


_SELDOM = frozenset((*KEPT, "prompt_cache_key", "reasoning", "service_tier", "text"))
_PLAIN = Seldom(include_usage=True)


def _more(body: dict[str, Json], seen: Gatherer) -> Seldom:
    seen.add_schema(said(body.get("text"), "format", "schema"))
    seen.add_other(said(body.get("prompt"), "variables"))
    effort = said_text(body.get("reasoning"), "effort")
    form = said_text(body.get("text"), "format", "type")
    return Seldom(
        include_usage=True,
        thinking=body.get("reasoning") is not None and effort != "none",
        effort=effort,
        service=service_named(text_or(body, "service_tier")),
        schema=form in ("json_schema", "json_object"),
        session=text_or(body, "prompt_cache_key"),
        extras={"kept": "1"} if any(map(body.get, KEPT)) else {},
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
            _files(seen, content)
    elif kind in CALLS or kind.endswith("_call"):
        seen.begin()
        seen.add_call(said_text(item, "name") or kind, _given(item))
    elif kind in RESULTS or kind.endswith("_call_output"):
        seen.begin()
        output = item.get("output")
        if type(output) is not str:
            _files(seen, output if type(output) is list else [output])
        seen.add_result(output if isinstance(output, str) else "\n".join(texts_in(output)))
    elif kind == "reasoning":
        seen.texts += [said_text(part, "text") for name in ("summary", "content") for part in said_items(item, name)]
        if said_text(item, "encrypted_content"):
            seen.sealed_by = Family.OPENAI
        if own_item(item):
            seen.alien = True
    else:
        seen.add_other(item)


def _given(item: dict[str, Json]) -> Json:
    """What a call was given; of a tool of the vendor's own (a shell, a patch, a search), all that the item says."""
    if "output" not in item and (given := item.get("arguments") or item.get("input")):
        return given
    return "\n".join(texts_in({key: value for key, value in item.items() if key != "name"}))


def _files(seen: Gatherer, content: list[Json]) -> None:
    for part in content:
        kind = said_text(part, "type")
        if kind == "input_file":
            seen.add_file(said_text(part, "file_data"))
        elif kind in ("input_image", "computer_screenshot"):
            seen.images += 1
