"""The control API as an OpenAPI document (I24): made from the very dataclasses that its answers are made from.

One line a route; who adds one to `proxy.answers` adds it here, a test compares both.
"""

from dataclasses import MISSING, fields, is_dataclass
from typing import Any, get_args, get_origin, get_type_hints

from turnout import __version__
from turnout.control.messages import BudgetLine, Status

Schema = dict[str, Any]
TEXT: Schema = {"type": "string"}
WHOLE: Schema = {"type": "integer"}
FLAG: Schema = {"type": "boolean"}
ANY: Schema = {}
DONE: Schema = {"type": "object"}
ERROR: Schema = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "code"],
            "properties": {"message": TEXT, "type": TEXT, "code": {"type": ["string", "null"]}},
        }
    },
}


def of(kind: Any) -> Schema:
    """The schema of a control message's type."""
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        named = fields(kind)
        return {
            "type": "object",
            "properties": {one.name: of(hints[one.name]) for one in named},
            "required": [one.name for one in named if one.default is MISSING and one.default_factory is MISSING],
        }
    if get_origin(kind) is tuple:
        return _list(of(get_args(kind)[0]))
    if get_origin(kind) is dict:
        return {"type": "object", "additionalProperties": of(get_args(kind)[1])}
    if type(None) in get_args(kind):
        inner = of(next(one for one in get_args(kind) if one is not type(None)))
        return {**inner, "type": [inner["type"], "null"]}
    return {"type": {str: "string", int: "integer", bool: "boolean", float: "number"}[kind]}


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _told(**named: Schema) -> Schema:
    return {"type": "object", "properties": named, "required": list(named)}


_ROWS = _list({"type": "object"})
_MADE = _told(name=TEXT, token=TEXT)
_PROVIDER = {"provider": TEXT}
ROUTES: tuple[tuple[str, str, dict[str, Schema], Schema], ...] = (
    ("GET", "/status", {}, of(Status)),
    ("GET", "/openapi.json", {}, DONE),
    ("GET", "/clients", {}, _told(clients=_ROWS)),
    ("POST", "/clients", {"name": TEXT, "department": TEXT, "project": TEXT}, _MADE),
    ("POST", "/clients/{name}/rotate", {}, _MADE),
    ("DELETE", "/clients/{name}", {}, _told(name=TEXT)),
    ("PUT", "/mode", {"mode": {"type": "string", "enum": ["auto", "local", "cloud", "passthrough"]}}, _told(mode=TEXT)),
    ("POST", "/pause", {"seconds": {"type": ["integer", "null"]}}, _told(mode=TEXT)),
    ("POST", "/resume", {}, _told(mode=TEXT)),
    ("POST", "/reload", {}, _told(rules=TEXT, settings=TEXT)),
    ("GET", "/sessions", {}, _told(sessions=_ROWS)),
    ("POST", "/sessions/{id}/allow", {"usd": TEXT, "turns": WHOLE}, _told(session=TEXT)),
    ("POST", "/sessions/{id}/stop", {}, _told(session=TEXT)),
    ("GET", "/budgets", {}, _told(budgets=_list(of(BudgetLine)))),
    ("POST", "/budgets/credit", {"scope": TEXT, "usd": TEXT}, _told(usd=TEXT)),
    ("POST", "/holds/{id}/release", {}, DONE),
    ("GET", "/models", {}, _told(models=_ROWS)),
    ("GET", "/nodes", {}, _told(nodes=_ROWS)),
    ("DELETE", "/models/{name}", _PROVIDER, DONE),
    ("POST", "/models/{name}/load", _PROVIDER, DONE),
    ("POST", "/models/{name}/unload", _PROVIDER, DONE),
    ("POST", "/keys/test", _PROVIDER, _told(ok=FLAG, message=TEXT)),
    ("POST", "/thumbs", {"call": TEXT, "up": FLAG}, _told(call=TEXT, up=FLAG)),
    ("POST", "/elsewhere", {}, _told(tiers=_ROWS)),
    ("POST", "/compare", {"prompt": TEXT, "tiers": _list(TEXT)}, _told(sides=_ROWS)),
    ("POST", "/verdicts", {"call": TEXT, "good": FLAG}, DONE),
    ("POST", "/shadow", {"last": WHOLE, "sample": WHOLE, "usd": TEXT, "on": TEXT}, DONE),
    ("POST", "/shadow/plan", {"last": WHOLE, "sample": WHOLE, "on": TEXT}, _told(model=TEXT, likely_usd=TEXT)),
    ("POST", "/keep", {"kind": TEXT, "key": TEXT, "value": ANY}, DONE),
    ("POST", "/shutdown", {}, _told(stopping=FLAG)),
)
"""Method, path, fields of the body, answer. `/events`, `/models/pull` and `/shadow/steps` are streams, told in `messages` alone."""


def document() -> Schema:
    paths: dict[str, Schema] = {}
    for method, path, given, told in ROUTES:
        operation: Schema = {
            "responses": {
                "200": {"description": "done", "content": {"application/json": {"schema": told}}},
                "default": {"description": "an error", "content": {"application/json": {"schema": ERROR}}},
            }
        }
        names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
        if names:
            operation["parameters"] = [{"name": one, "in": "path", "required": True, "schema": TEXT} for one in names]
        if method != "GET":
            body = {"type": "object", "properties": given}
            operation["requestBody"] = {"content": {"application/json": {"schema": body}}}
        paths.setdefault(path, {})[method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {"title": "Turnout's control API", "version": __version__},
        "servers": [{"url": "/_control/v1"}],
        "security": [{"control": []}],
        "components": {"securitySchemes": {"control": {"type": "http", "scheme": "bearer"}}},
        "paths": paths,
    }
