"""A JSON schema as Anthropic's structured output takes it. Pure.

The vendor answers 400 to an object that does not close itself with `additionalProperties: false` and to every keyword outside a
small set, which all other vendors take. As its own SDK does (anthropic 2.12, `lib/_parse`), a constraint that it does not know is
told to the model in the description; here its name comes back as well, for `x-turnout-dropped`.
"""

from turnout.calls.units import Json
from turnout.wire.fields import dump_text

_FORMATS = frozenset({"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"})
_PLAIN = frozenset({"type", "required", "enum", "const", "title", "description", "default", "$ref"})
_MAPS = frozenset({"properties", "$defs", "definitions"})
_LISTS = frozenset({"anyOf", "allOf"})
_SAID_ELSEWHERE = frozenset({"$schema", "$id", "$comment", "propertyOrdering", "examples"})
"""Annotations: nothing is lost without them."""


def closed(schema: Json, gone: list[str]) -> Json:
    """The schema in the vendor's subset; the keywords that had to go are added to `gone`."""
    if not isinstance(schema, dict):
        # `true` and `false` are schemas too, which this vendor has no word for.
        return {}
    kept: dict[str, Json] = {}
    lost: dict[str, Json] = {}
    for key, value in schema.items():
        if key in _PLAIN or (key == "format" and value in _FORMATS) or (key == "minItems" and value in (0, 1)):
            kept[key] = value
        elif key in _MAPS and isinstance(value, dict):
            kept[key] = {name: closed(inner, gone) for name, inner in value.items()}
        elif key in _LISTS and isinstance(value, list):
            kept[key] = [closed(inner, gone) for inner in value]
        elif key == "oneOf" and isinstance(value, list):
            kept["anyOf"] = [closed(inner, gone) for inner in value]
        elif key == "items" and isinstance(value, dict):
            kept[key] = closed(value, gone)
        elif key not in _SAID_ELSEWHERE and not (key == "additionalProperties" and isinstance(value, bool)):
            lost[key] = value
    kinds = kept.get("type", "object" if "properties" in kept else "")
    if kinds == "object" or (isinstance(kinds, list) and "object" in kinds):
        kept |= {"type": kinds, "additionalProperties": False}
    if lost:
        gone += lost
        told = ", ".join(f"{key}: {dump_text(value)}" for key, value in lost.items())
        about = kept.get("description")
        kept["description"] = f"{about}\n\n{{{told}}}" if isinstance(about, str) else f"{{{told}}}"
    return kept
