"""A Gemini request seen from above."""

import orjson

from turnout.calls.outline import Outline
from turnout.calls.units import Dialect, Family, Json
from turnout.errors import BadRequestError
from turnout.wire.fields import dump, items, items_or, obj, positive_or, said, said_items, said_text, text_or
from turnout.wire.foreign import NO_SEALS
from turnout.wire.gemini.names import camel
from turnout.wire.gemini.request_reader import DECLARED, config_of, declarations, system_of
from turnout.wire.outlining import Gatherer


def from_above(doc: Json, path_model: str, *, stream: bool | None) -> Outline:
    body = camel(obj(doc))
    seen = Gatherer()
    for part in said_items(system_of(body), "parts"):
        seen.add_system(said_text(part, "text"))
    contents = items(body.get("contents"), "contents")
    if not contents:
        raise BadRequestError("must hold at least one content", path="contents")
    for i, one in enumerate(contents):
        _outline_content(seen, obj(one, f"contents[{i}]"), f"contents[{i}]")
    names: list[str] = []
    server: list[str] = []
    texts: list[str] = []
    for tool in items_or(body, "tools"):
        texts.append(orjson.dumps(tool).decode())
        names += [said_text(one, "name") for one in declarations(tool)]
        server += [key for key in (tool if isinstance(tool, dict) else {}) if key not in DECLARED]
    config = config_of(body)
    thinking = said(config, "thinkingConfig")
    return seen.outline(
        Dialect.GEMINI,
        path_model,
        stream=bool(stream),
        include_usage=True,
        max_output=positive_or(config, "maxOutputTokens", "generationConfig"),
        choices=positive_or(config, "candidateCount", "generationConfig"),
        tools=tuple(names),
        tool_texts=tuple(texts),
        thinking=thinking is not None and said(thinking, "thinkingBudget") != 0,
        effort=said_text(thinking, "thinkingLevel").lower(),
        schema=said_text(config, "responseMimeType") == "application/json",
        server_tools=tuple(server),
    )


def _outline_content(seen: Gatherer, content: dict[str, Json], path: str) -> None:
    role = text_or(content, "role", path, "user")
    if role not in ("user", "model", "function", "tool", "system"):
        raise BadRequestError(f"must be user or model, not {role[:40]!r}", path=f"{path}.role")
    seen.begin()
    for part in items_or(content, "parts", path):
        words = said_text(part, "text")
        if said(part, "thought") is True:
            seen.add_text(words)
        elif words:
            (seen.add_human if role == "user" else seen.add_text)(words)
        if said(part, "functionCall") is not None:
            seen.add_call(said_text(part, "functionCall", "name"), said(part, "functionCall", "args"))
        if said(part, "functionResponse") is not None:
            response = said(part, "functionResponse", "response")
            seen.add_result(dump(response).decode(), error=said(response, "error") is not None)
        if said(part, "inlineData") is not None or said(part, "fileData") is not None:
            seen.images += 1
        if said_text(part, "thoughtSignature") not in NO_SEALS:
            seen.sealed_by = Family.GEMINI
