"""A Gemini request seen from above."""

from turnout.calls.outline import Outline
from turnout.calls.units import Dialect, Family, Json
from turnout.errors import BadRequestError
from turnout.wire.fields import dump, items, items_or, obj, positive_or, said, said_items, said_text, text_or
from turnout.wire.foreign import NO_SEALS, unsigned
from turnout.wire.gemini.names import camel, camel_value
from turnout.wire.gemini.request_reader import DECLARED, config_of, declarations, system_of
from turnout.wire.outlining import Gatherer, Tools, gathered, offered

_BY_CODE = ("executableCode", "codeExecutionResult")
"""What the vendor's own tool wrote and ran."""


def from_above(doc: Json, path_model: str, *, stream: bool | None) -> Outline:
    given = obj(doc)
    # What is long is spelled our way only where it is read: 30,000 instructions for 200 KB otherwise.
    body = camel({key: value for key, value in given.items() if key not in ("contents", "tools")})
    instructions = [said_text(part, "text") for part in said_items(system_of(body), "parts")]
    contents = items(given.get("contents"), "contents")
    if not contents:
        raise BadRequestError("must hold at least one content", path="contents")
    seen = gathered(Dialect.GEMINI, contents, _take)
    seen.add_instructions(instructions)
    seen.look_beside(given)
    config = config_of(body)
    thinking = said(config, "thinkingConfig")
    seen.add_schema(said(config, "responseJsonSchema") or said(config, "responseSchema"))
    return seen.outline(
        Dialect.GEMINI,
        path_model,
        stream=bool(stream),
        include_usage=True,
        max_output=positive_or(config, "maxOutputTokens", "generationConfig"),
        choices=positive_or(config, "candidateCount", "generationConfig") or 1,
        tools=offered(Dialect.GEMINI, items_or(given, "tools"), _tool, camel_value),
        thinking=thinking is not None and said(thinking, "thinkingBudget") != 0,
        effort=said_text(thinking, "thinkingLevel").lower(),
        schema=said_text(config, "responseMimeType") == "application/json",
        extras={"kept": "1"} if body.get("cachedContent") else {},
    )


def _tool(tool: Json) -> Tools:
    kinds = tuple(key for key in (tool if isinstance(tool, dict) else {}) if key not in DECLARED)
    return Tools(tuple(said_text(one, "name") for one in declarations(tool)), kinds)


def _take(seen: Gatherer, one: Json, place: int) -> None:
    path = f"contents[{place}]"
    content = camel(obj(one, path))
    role = text_or(content, "role", path, "user")
    if role not in ("user", "model", "function", "tool", "system"):
        raise BadRequestError(f"must be user or model, not {role[:40]!r}", path=f"{path}.role")
    seen.begin()
    add = seen.add_human if role == "user" else seen.add_text
    parts = items_or(content, "parts", path)
    for part in parts:
        words = said_text(part, "text")
        if said(part, "thought") is True:
            seen.add_text(words)
        elif words:
            add(words)
        if type(part) is not dict:
            continue
        if part.get("functionCall") is not None:
            seen.add_call(said_text(part, "functionCall", "name"), said(part, "functionCall", "args"))
        if part.get("functionResponse") is not None:
            response = said(part, "functionResponse", "response")
            seen.add_result(dump(response).decode(), error=said(response, "error") is not None)
        if part.get("inlineData") is not None or part.get("fileData") is not None:
            seen.add_file(said_text(part, "inlineData", "data"), said_text(part, "inlineData", "mimeType"))
        for name in _BY_CODE:
            seen.add_other(part.get(name))
        if "thoughtSignature" in part and said_text(part, "thoughtSignature") not in NO_SEALS:
            seen.sealed_by = Family.GEMINI
    if role == "model" and unsigned(parts):
        seen.alien = True
