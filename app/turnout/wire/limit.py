"""A body's own output limit, made smaller in place: a budget that clamps a call changes nothing else of what the client wrote."""

import orjson

from turnout.calls.units import Dialect, Json
from turnout.wire.fields import obj, said, said_int
from turnout.wire.foreign import without_thinking
from turnout.wire.splice import with_member, with_nested

LEAST_THINKING = 1_024
"""Anthropic's smallest `budget_tokens`, which has to stay below `max_tokens`."""
_NAMES = {
    Dialect.OPENAI_COMPLETIONS: "max_tokens",
    Dialect.OPENAI_RESPONSES: "max_output_tokens",
    Dialect.ANTHROPIC: "max_tokens",
}
_NESTED = {
    Dialect.GEMINI: (("generationConfig", "generation_config"), ("maxOutputTokens", "max_output_tokens")),
    Dialect.OLLAMA_CHAT: (("options",), ("num_predict",)),
    Dialect.OLLAMA_GENERATE: (("options",), ("num_predict",)),
}


def with_limit(dialect: Dialect, body: bytes, doc: Json, limit: int, *, legacy: bool) -> tuple[bytes, tuple[str, ...]]:
    """The body, and what had to go. `legacy`: `max_tokens` is this chat engine's name where the client gave none."""
    if dialect in _NESTED:
        return _nested(dialect, body, obj(doc), limit), ()
    if dialect is Dialect.OPENAI_CHAT:
        given = [name for name in ("max_tokens", "max_completion_tokens") if obj(doc).get(name) is not None]
        for name in given or ["max_tokens" if legacy else "max_completion_tokens"]:
            body = with_member(body, doc, name, b"%d" % limit)
        return body, ()
    if dialect not in _NAMES:
        return body, ()
    # The vendor refuses a limit below 16 here.
    least = 16 if dialect is Dialect.OPENAI_RESPONSES else 1
    body = with_member(body, doc, _NAMES[dialect], b"%d" % max(least, limit))
    return _with_less_thinking(body, obj(doc), limit) if dialect is Dialect.ANTHROPIC else (body, ())


def _nested(dialect: Dialect, body: bytes, doc: dict[str, Json], limit: int) -> bytes:
    outer, inner = _NESTED[dialect]
    key = next((name for name in outer if name in doc), outer[0])
    config = doc.get(key)
    kept = config if isinstance(config, dict) else {}
    name = next((name for name in inner if name in kept), inner[0])
    for thinks, budget in (("thinkingConfig", "thinkingBudget"), ("thinking_config", "thinking_budget")):
        thinking = kept.get(thinks)
        if isinstance(thinking, dict) and said_int(thinking, budget) >= limit:
            # Its thinking counts as output too; what is held pays for both together.
            less = orjson.dumps({**thinking, budget: max(0, limit - LEAST_THINKING)})
            body = with_nested(body, doc, key, thinks, less)
    return with_nested(body, doc, key, name, b"%d" % limit)


def _with_less_thinking(body: bytes, doc: dict[str, Json], limit: int) -> tuple[bytes, tuple[str, ...]]:
    thinking = doc.get("thinking")
    if (
        not isinstance(thinking, dict)
        or said_int(thinking, "budget_tokens") < limit
        or said(thinking, "type") != "enabled"
    ):
        return body, ()
    if limit <= LEAST_THINKING:
        return without_thinking(body, doc)[0], ("thinking",)
    budget = max(LEAST_THINKING, min(said_int(thinking, "budget_tokens"), limit - LEAST_THINKING))
    return with_member(body, doc, "thinking", orjson.dumps({**thinking, "budget_tokens": budget})), ()


def with_window(body: bytes, doc: Json, num_ctx: int) -> bytes:
    """An Ollama body that gets a window its prompt fits in, and an error where it does not: never cut in silence."""
    body = with_nested(body, doc, "options", "num_ctx", b"%d" % num_ctx)
    for name in ("truncate", "shift"):
        if name not in obj(doc):
            body = with_member(body, doc, name, b"false")
    return body
