"""Tool calls as local models write them in their text, read as (name, arguments): JSON, XML and the vendors' own markers. Pure.

Seen in the wild: Hermes and Qwen `<tool_call>{...}</tool_call>`, Qwen3-Coder `<function=f><parameter=p>v</parameter></function>`,
GLM `f<arg_key>p</arg_key><arg_value>v</arg_value>`, Claude-like `<invoke name="f"><parameter name="p">v</parameter></invoke>`,
Mistral `[TOOL_CALLS][{...}]` and `[TOOL_CALLS]f[ARGS]{...}`, Llama `<|python_tag|>{...}` and bare JSON with `parameters`.
"""

import re
from collections.abc import Callable, Sequence

import orjson

from turnout.calls.request import ServerTool, Tool
from turnout.calls.units import Json
from turnout.wire.fields import dump_text, event_json, said, said_text
from turnout.wire.parts import flat_name, split_flat_name, wire_name

Offer = Callable[[], Sequence[Tool | ServerTool]]
"""The tools that the client offers, with their schemas; asked only when a call is found."""
Found = list[tuple[str, str]]

_FUNCTION = re.compile(r"<function=([^>\s]{1,120})>(.*?)(?:</function>|\Z)", re.DOTALL)
_PARAMETER = re.compile(r"<parameter=([^>\s]{1,120})>\n?(.*?)\n?</parameter>", re.DOTALL)
_INVOKE = re.compile(r'<invoke name="([^"]{1,120})">(.*?)(?:</invoke>|\Z)', re.DOTALL)
_NAMED = re.compile(r'<parameter name="([^"]{1,120})"[^>]{0,80}>\n?(.*?)\n?</parameter>', re.DOTALL)
_GLM = re.compile(r"\s*([\w.:-]{1,120})\s*(?=<arg_key>)")
_PAIR = re.compile(r"<arg_key>(.*?)</arg_key>\s*<arg_value>(.*?)</arg_value>", re.DOTALL)
_MISTRAL = re.compile(r"\s*(?:\[TOOL_CALLS\])?([\w.:-]{1,120})(?:\[CALL_ID\][\w-]{0,64})?(?:\[ARGS\])?(?=\{)")
_TAG = r"(?:</?(?:tool_call|tools?|function_calls)>|<\|(?:python_tag|tool_call|eom_id|eot_id|im_end|end_of_text)\|>|</s>|\[TOOL_CALLS\](?=\s*[\[{]))"
_HEAD = re.compile(rf"\s*(?:{_TAG}\s*)*")
_TAIL = re.compile(rf"{_TAG}\s*\Z")


def read(text: str, offer: Offer) -> Found:
    """Every call in it; empty where one of them names no tool of the client's, or something else stands beside them."""
    bare = _bare(text)
    # JSON first: an argument may hold any markup, but no markup is JSON.
    found = _json(bare) or _mistral(bare) or _xml(text, offer)
    return found if found and all(_known(name, offer) is not None for name, _ in found) else []


def _bare(text: str) -> str:
    """Without the markers around it; those inside are somebody's argument."""
    head = _HEAD.match(text)
    text = text[head.end() :] if head is not None else text
    while (tail := _TAIL.search(text)) is not None:
        text = text[: tail.start()]
    return text.strip()


def _known(name: str, offer: Offer) -> Tool | None:
    plain = split_flat_name(name)[1]
    for tool in offer():
        if isinstance(tool, Tool) and (
            tool.name in (name, plain)
            or name in (flat_name(tool.namespace, tool.name), wire_name(tool.namespace, tool.name))
        ):
            return tool
    return None


def _xml(text: str, offer: Offer) -> Found:
    found: Found = []
    for call, parameter in ((_FUNCTION, _PARAMETER), (_INVOKE, _NAMED)):
        for match in call.finditer(text):
            name, inner = match.groups()
            if inner.strip().startswith("{"):
                given = _object(inner)
                if given is None:
                    return []
                found.append((name, given))
                continue
            found.append((name, _arguments(name, parameter.findall(inner), offer)))
        if found:
            return found
    glm = _GLM.match(_bare(text))
    return [(glm[1], _arguments(glm[1], _PAIR.findall(text), offer))] if glm else []


def _arguments(name: str, pairs: list[tuple[str, str]], offer: Offer) -> str:
    tool = _known(name, offer)
    schema: Json = tool.schema if tool is not None else None
    return dump_text(
        {key.strip(): _value(value, said_text(schema, "properties", key.strip(), "type")) for key, value in pairs}
    )


def _value(text: str, kind: str) -> Json:
    """A parameter written as text, in the type that the client's schema names; without one, JSON where it looks like it."""
    if kind == "string":
        return text
    stripped = text.strip()
    looks = stripped[:1] in "[{" or stripped in ("true", "false", "null") or stripped.lstrip("-").isdigit()
    if not kind and not looks:
        return text
    try:
        return event_json(stripped)
    except ValueError:
        return stripped.lower() == "true" if kind == "boolean" else text


def _object(text: str) -> str | None:
    try:
        doc = event_json(text.strip())
    except ValueError:
        return None
    return dump_text(doc) if isinstance(doc, dict) else None


def _json(text: str) -> Found:
    try:
        doc = event_json(text)
    except ValueError:
        lines = [line for line in text.splitlines() if line.strip()]
        if len(lines) < 2:
            return []
        each = [_json(line) for line in lines]
        return [call for calls in each for call in calls] if all(each) else []
    found: Found = []
    calls = said(doc, "tool_calls")
    for one in calls if isinstance(calls, list) else doc if isinstance(doc, list) else [doc]:
        call = _call(one)
        if call is None:
            return []
        found.append(call)
    return found


def _call(one: Json) -> tuple[str, str] | None:
    if not isinstance(one, dict):
        return None
    inner = one.get("function")
    call: dict[str, Json] = inner if isinstance(inner, dict) else one
    name = said_text(call, "name") or (inner if isinstance(inner, str) else "")
    given = call.get("arguments", call.get("parameters"))
    if isinstance(given, str):
        given = _object(given) or None
    elif isinstance(given, dict):
        given = dump_text(given)
    return (name, given) if name and isinstance(given, str) else None


def _mistral(text: str) -> Found:
    found: Found = []
    while text:
        match = _MISTRAL.match(text)
        if match is None:
            return []
        given, text = _leading_object(text[match.end() :])
        if not given:
            return []
        found.append((match[1], given))
    return found


def _leading_object(text: str) -> tuple[str, str]:
    """The JSON object that the text begins with, and what follows it; closing braces are tried in turn."""
    at = text.find("}")
    for _ in range(64):
        if at < 0:
            break
        try:
            doc: Json = orjson.loads(text[: at + 1])
        except orjson.JSONDecodeError:
            at = text.find("}", at + 1)
            continue
        return dump_text(doc), text[at + 1 :].lstrip(" \t\r\n,")
    return "", text
