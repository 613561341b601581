"""One ask in each client dialect, as bytes on the wire say it, and where a refusal tells its code and message."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.support.proxy import Answered, Turnout
from tests.support.script import Doc


@dataclass(frozen=True, slots=True)
class Way:
    """One endpoint that calls a model."""

    path: str
    doc: Callable[[str, str, bool, int], Doc]
    """Of the ask, the model, whether it streams, and the most it may put out."""
    message: Callable[[Doc], str]
    """Of an error body in this dialect; raises KeyError or TypeError when it is none."""
    streams: bool = True

    def target(self, model: str, *, stream: bool) -> str:
        if "{model}" not in self.path:
            return self.path
        verb = "streamGenerateContent?alt=sse" if stream else "generateContent"
        return self.path.format(model=model, verb=verb)


def _said(ask: str) -> list[Doc]:
    return [{"role": "user", "content": ask}]


def _openai(doc: Doc) -> str:
    error = doc["error"]
    assert isinstance(error["type"], str)
    return str(error["message"]) + (f" [{error['code']}]" if error["code"] else "")


def _anthropic(doc: Doc) -> str:
    assert doc["type"] == "error"
    assert isinstance(doc["error"]["type"], str)
    return str(doc["error"]["message"])


def _gemini(doc: Doc) -> str:
    error = doc["error"]
    assert isinstance(error["code"], int)
    assert isinstance(error["status"], str)
    return str(error["message"])


def _ollama(doc: Doc) -> str:
    error = doc["error"]
    assert isinstance(error, str)
    return error


def _parts(ask: str) -> list[Doc]:
    return [{"role": "user", "parts": [{"text": ask}]}]


WAYS: dict[str, Way] = {
    "chat": Way(
        "/v1/chat/completions",
        lambda ask, model, stream, most: {
            "model": model,
            "messages": _said(ask),
            "stream": stream,
            "max_tokens": most,
        },
        _openai,
    ),
    "responses": Way(
        "/v1/responses",
        lambda ask, model, stream, most: {"model": model, "input": ask, "stream": stream, "max_output_tokens": most},
        _openai,
    ),
    "completions": Way(
        "/v1/completions",
        lambda ask, model, stream, most: {"model": model, "prompt": ask, "stream": stream, "max_tokens": most},
        _openai,
    ),
    "messages": Way(
        "/v1/messages",
        lambda ask, model, stream, most: {
            "model": model,
            "messages": _said(ask),
            "stream": stream,
            "max_tokens": most,
        },
        _anthropic,
    ),
    "ollama": Way(
        "/api/chat",
        lambda ask, model, stream, most: {
            "model": model,
            "messages": _said(ask),
            "stream": stream,
            "options": {"num_predict": most},
        },
        _ollama,
    ),
    "generate": Way(
        "/api/generate",
        lambda ask, model, stream, most: {
            "model": model,
            "prompt": ask,
            "stream": stream,
            "options": {"num_predict": most},
        },
        _ollama,
    ),
    "gemini": Way(
        "/v1beta/models/{model}:{verb}",
        lambda ask, model, stream, most: {
            "contents": _parts(ask),
            "generationConfig": {"maxOutputTokens": most},
        },
        _gemini,
    ),
    "embeddings": Way(
        "/v1/embeddings", lambda ask, model, stream, most: {"model": model, "input": ask}, _openai, streams=False
    ),
    "embed": Way("/api/embed", lambda ask, model, stream, most: {"model": model, "input": ask}, _ollama, streams=False),
}
"""By a short name of the endpoint."""
TALKS = ("chat", "responses", "messages", "ollama", "gemini")
"""The five dialects in which clients hold conversations."""


def send(
    turnout: Turnout,
    way: str,
    ask: str = "Say hello.",
    *,
    model: str,
    stream: bool = False,
    most: int = 1_000,
    headers: dict[str, str] | None = None,
    **more: Any,
) -> Answered:
    to = WAYS[way]
    doc = {**to.doc(ask, model, stream, most), **more}
    return turnout.ask("POST", to.target(model, stream=stream), doc, headers=headers)
