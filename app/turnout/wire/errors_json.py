"""One error, told in each vendor's own shape. Refusals carry their code; the hint is part of the message people read."""

import orjson

from turnout.calls.units import Json
from turnout.errors import BadRequestError, EngineStatusError, Refusal, TurnoutError

_OPENAI_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}
_ANTHROPIC_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    529: "overloaded_error",
}
_ANTHROPIC_KINDS = frozenset(
    {*_ANTHROPIC_TYPES.values(), "invalid_request_error", "api_error", "timeout_error", "billing_error"}
)
"""What its clients know; another vendor's own word is none of them."""
_GEMINI_STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    413: "INVALID_ARGUMENT",
    415: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


def status_of(error: TurnoutError) -> int:
    return error.answer_status if isinstance(error, EngineStatusError) else error.status


def marked(error: TurnoutError) -> str:
    """The message with its code in brackets, where the dialect has no field for a code."""
    return f"{error.said} [{error.code}]" if isinstance(error, Refusal) else error.said


def openai(error: TurnoutError) -> bytes:
    return orjson.dumps({"error": openai_object(error.said, status_of(error), _code(error), _param(error))})


def openai_object(message: str, status: int, code: str | None = None, param: str | None = None) -> dict[str, Json]:
    kind = "invalid_request_error" if 400 <= status < 500 else "server_error"
    return {"message": message, "type": _OPENAI_TYPES.get(status, kind), "param": param, "code": code}


def anthropic(error: TurnoutError) -> bytes:
    return orjson.dumps(anthropic_object(marked(error), status_of(error)))


def anthropic_object(message: str, status: int, kind: str = "") -> dict[str, Json]:
    fallback = "invalid_request_error" if 400 <= status < 500 else "api_error"
    kind = kind if kind in _ANTHROPIC_KINDS else _ANTHROPIC_TYPES.get(status, fallback)
    return {"type": "error", "error": {"type": kind, "message": message}}


def gemini(error: TurnoutError) -> bytes:
    return orjson.dumps(gemini_object(marked(error), status_of(error)))


def gemini_object(message: str, status: int) -> dict[str, Json]:
    return {
        "error": {
            "code": status,
            "message": message,
            "status": _GEMINI_STATUSES.get(status, "INTERNAL" if status >= 500 else "INVALID_ARGUMENT"),
        }
    }


def ollama(error: TurnoutError) -> bytes:
    return orjson.dumps({"error": marked(error)})


def _code(error: TurnoutError) -> str | None:
    if isinstance(error, EngineStatusError):
        return error.kind or None
    return error.code


def _param(error: TurnoutError) -> str | None:
    return error.path or None if isinstance(error, BadRequestError) else None
