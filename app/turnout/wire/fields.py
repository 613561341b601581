"""Parsed JSON, taken apart with types: a wrong field is a BadRequestError that names its JSON path.

`load` decides what JSON is: UTF-8, at most 128 levels deep, no NaN or Infinity, integers within 64 bits or read as floats;
of duplicate keys the last one wins, as in every vendor's own server.
"""

import orjson

from turnout.calls.units import Json, Tokens
from turnout.errors import BadRequestError

DEPTH = 128
_AROUND = 254 - DEPTH
"""How many levels more orjson writes."""
_SHALLOW = 2 * DEPTH
"""Bytes that hold no more levels than those, each with its two brackets."""
_LONG = 4_096
_MOST = 10**15
"""No count is larger."""
_COUNTS, _POSITIVE = range(_MOST + 1), range(1, _MOST + 1)


def load(body: bytes) -> Json:
    """Raises BadRequestError for anything that is not JSON."""
    return load_plain(body)[0]


def load_plain(body: bytes) -> tuple[Json, bool]:
    """The same, and whether the body is known to be exactly what orjson writes for it: nothing twice, no white space."""
    if not body or body.isspace():
        raise BadRequestError("The request has no body.", hint="Send a JSON object.")
    try:
        doc: Json = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadRequestError(
            f"The body is not valid JSON: {error.msg} at line {error.lineno}, column {error.colno}.",
            hint="Send UTF-8 encoded JSON.",
        ) from None
    except RecursionError:
        raise _too_deep() from None
    if len(body) <= _LONG and body.count(b"[") + body.count(b"{") <= DEPTH:
        return doc, False
    written = _written(doc, body)
    if written is None:
        raise _too_deep()
    return doc, len(written) == len(body) + 2 * _AROUND and written.startswith(body, _AROUND)


def _too_deep() -> BadRequestError:
    return BadRequestError("The body is nested too deeply.", hint=f"Nest at most {DEPTH} levels.")


def _written(doc: Json, text: bytes | str) -> bytes | None:
    """None: more than `DEPTH` levels. Else the JSON of `doc` inside `_AROUND` arrays, or nothing where the text, which is the same
    unparsed, has too few brackets to be deep; those of a long text are not worth counting.

    orjson writes 254 levels and no more, so what it can write inside 126 others has at most 128: 20 us for a coding agent's 120 KB
    with its tools, 43 for 180 KB of 1,060 messages, where going down level by level in Python took 52 and 188.
    """
    if len(text) <= _LONG:
        brackets = text.count("[") + text.count("{") if isinstance(text, str) else text.count(b"[") + text.count(b"{")
        if brackets <= DEPTH:
            return b""
    nested = doc
    for _ in range(_AROUND // 6):
        nested = [[[[[[nested]]]]]]
    try:
        return orjson.dumps(nested)
    except TypeError:
        return None


def load_reply(body: bytes) -> Json:
    """An engine's JSON; raises BadRequestError, which the caller turns into an upstream failure."""
    try:
        return event_json(body)
    except ValueError:
        raise BadRequestError("not JSON") from None


def event_json(data: bytes | str) -> Json:
    """One event or line of an engine's; raises ValueError also for what is nested deeper than could be written again."""
    doc: Json = orjson.loads(data)
    if len(data) > _SHALLOW and _written(doc, data) is None:
        raise ValueError("nested too deeply")
    return doc


def dump(value: Json) -> bytes:
    return orjson.dumps(value)


def dump_text(value: Json) -> str:
    """JSON text of a value, as tool arguments are carried."""
    return orjson.dumps(value).decode()


def kind_of(value: Json) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "a string"
    return "an array" if isinstance(value, list) else "an object"


def wrong(path: str, wanted: str, value: Json) -> BadRequestError:
    return BadRequestError(f"must be {wanted}, not {kind_of(value)}", path=path or "the body")


def at(path: str, key: str | int) -> str:
    if isinstance(key, int):
        return f"{path}[{key}]"
    return f"{path}.{key}" if path else key


def obj(value: Json, path: str = "") -> dict[str, Json]:
    if not isinstance(value, dict):
        raise wrong(path, "an object", value)
    return value


def items(value: Json, path: str) -> list[Json]:
    if not isinstance(value, list):
        raise wrong(path, "an array", value)
    return value


def text(d: dict[str, Json], key: str, path: str = "") -> str:
    """A string that must be there."""
    value = d.get(key)
    if not isinstance(value, str):
        raise (
            BadRequestError("is missing", path=at(path, key))
            if key not in d
            else wrong(at(path, key), "a string", value)
        )
    return value


def text_or(d: dict[str, Json], key: str, path: str = "", default: str = "") -> str:
    """A string, or the default when it is absent or null."""
    value = d.get(key)
    if value is None:
        return default
    if not isinstance(value, str):
        raise wrong(at(path, key), "a string", value)
    return value


def integer_or(d: dict[str, Json], key: str, path: str = "") -> int | None:
    value = d.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value or abs(value) > _MOST:
        raise wrong(at(path, key), "a whole number", value)
    return int(value)


def positive_or(d: dict[str, Json], key: str, path: str = "") -> int | None:
    value = d.get(key)
    if value is None or (type(value) is int and value in _POSITIVE):
        return value
    value = integer_or(d, key, path)
    if value is not None and value < 1:
        raise BadRequestError("must be 1 or more", path=at(path, key))
    return value


def tokens_or(d: dict[str, Json], key: str, path: str = "") -> Tokens | None:
    """An output limit; 1 or more."""
    value = positive_or(d, key, path)
    return Tokens(value) if value is not None else None


def number_or(d: dict[str, Json], key: str, path: str = "") -> float | None:
    value = d.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise wrong(at(path, key), "a number", value)
    return float(value)


def flag_or(d: dict[str, Json], key: str, path: str = "") -> bool | None:
    value = d.get(key)
    if value is None:
        return None
    if not isinstance(value, bool):
        raise wrong(at(path, key), "true or false", value)
    return value


def items_or(d: dict[str, Json], key: str, path: str = "") -> list[Json]:
    value = d.get(key)
    return [] if value is None else items(value, at(path, key))


def obj_or(d: dict[str, Json], key: str, path: str = "") -> dict[str, Json] | None:
    value = d.get(key)
    return None if value is None else obj(value, at(path, key))


def strings_or(d: dict[str, Json], key: str, path: str = "") -> tuple[str, ...]:
    """A string or an array of strings."""
    value = d.get(key)
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    found = []
    for i, one in enumerate(items(value, at(path, key))):
        if not isinstance(one, str):
            raise wrong(at(at(path, key), i), "a string", one)
        found.append(one)
    return tuple(found)


# --- replies: lenient, for an engine's oddity is not the client's fault ---


def said(d: Json, *keys: str) -> Json:
    """The value at the end of the keys, or None. This and the next two walk by themselves: they run some twenty times a call."""
    for key in keys:
        if type(d) is not dict:
            return None
        d = d.get(key)
    return d


def said_text(d: Json, *keys: str) -> str:
    for key in keys:
        if type(d) is not dict:
            return ""
        d = d.get(key)
    return d if type(d) is str else ""


def said_int(d: Json, *keys: str) -> int:
    """0 when absent; what is no whole number is -1, which no usage may be and settling therefore disputes."""
    for key in keys:
        if type(d) is not dict:
            return 0
        d = d.get(key)
    if type(d) is int:
        return d if -_MOST <= d <= _MOST else -1
    if d is None:
        return 0
    return int(d) if type(d) is float and -_MOST <= d <= _MOST else -1


def counted(value: Json) -> int:
    """A count at hand, as `said_int` has it: nearly all are what they should be."""
    return value if type(value) is int and value in _COUNTS else said_int(value)


def said_texts(d: Json, *keys: str) -> list[str]:
    """Several members of one object, each as `said_text` has it, in one call."""
    if type(d) is not dict:
        return [""] * len(keys)
    return [value if type(value) is str else "" for value in map(d.get, keys)]


def said_ints(d: Json, *keys: str) -> list[int]:
    """Several members of one object, each as `said_int` has it, in one call."""
    return list(map(counted, map(d.get, keys))) if type(d) is dict else [0] * len(keys)


def said_items(d: Json, *keys: str) -> list[Json]:
    value = said(d, *keys)
    return value if isinstance(value, list) else []


def arguments(value: Json) -> Json:
    """Tool arguments as an object, from JSON text or an object; text that is no JSON object, or nested too deep, stays as `{"input": text}`."""
    if isinstance(value, dict):
        return value
    if isinstance(value, str):
        try:
            parsed: Json = event_json(value) if value.strip() else {}
        except ValueError:
            return {"input": value}
        return parsed if isinstance(parsed, dict) else {"input": value}
    return {}
