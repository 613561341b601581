"""Gemini's field names in the spelling we read. Pure.

The API takes every field in camelCase and in snake_case, as all of Google's JSON does, and clients mix them: google-genai 3.6
sends `functionDeclarations` that hold a `parameters_json_schema` (seen on the wire; read as no parameters at all, its tools
were called with none). What is the user's own - schemas, arguments, results - keeps its names.
"""

import re
from operator import is_

from turnout.calls.units import Json

_SNAKE = re.compile(r"_([a-z])")
_OPAQUE = frozenset(
    {"args", "response", "parameters", "parametersJsonSchema", "responseJsonSchema", "responseSchema", "labels"}
)


def camel(doc: dict[str, Json]) -> dict[str, Json]:
    """The same object where no field is in snake_case. A field that stands in both spellings keeps the camelCase one."""
    made: dict[str, Json] | None = None
    for key, value in doc.items():
        name = _SNAKE.sub(lambda found: found[1].upper(), key) if "_" in key else key
        kept = value if type(value) is str or name in _OPAQUE else camel_value(value)
        if name != key or kept is not value:
            if made is None:
                made = dict(doc)
            if name != key:
                del made[key]
            if name == key or name not in doc:
                made[name] = kept
    return doc if made is None else made


def camel_value(value: Json) -> Json:
    """The same of every object in it."""
    if isinstance(value, dict):
        return camel(value)
    if isinstance(value, list):
        inner = [camel_value(one) for one in value]
        return value if all(map(is_, inner, value)) else inner
    return value
