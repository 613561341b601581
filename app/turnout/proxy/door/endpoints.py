"""URL -> what is asked of us. Pure; works on the raw path, so `//`, `%2e`, `;` and a trailing slash are simply unknown."""

from enum import Enum
from urllib.parse import unquote

from turnout.calls.units import Dialect
from turnout.calls.values import frozen
from turnout.errors import MethodError, NotFoundError
from turnout.proxy.door.guard import masked


class Endpoint(Enum):
    CALL = "call"
    COUNT_ANTHROPIC = "count_anthropic"
    COUNT_GEMINI = "count_gemini"
    COUNT_RESPONSES = "count_responses"
    MODELS = "models"
    MODEL = "model"
    GEMINI_MODELS = "gemini_models"
    GEMINI_MODEL = "gemini_model"
    TAGS = "tags"
    SHOW = "show"
    PS = "ps"
    VERSION = "version"
    ROOT = "root"
    HEALTH = "health"
    METRICS = "metrics"
    CONTROL = "control"


@frozen
class Asked:
    endpoint: Endpoint
    dialect: Dialect
    """Of the call, or of the errors this path's clients understand."""
    model: str = ""
    stream: bool | None = None
    """Where the path says it (Gemini)."""
    rest: str = ""
    """Control: what follows `/_control/v1`."""
    legacy: bool = False
    """`/api/embeddings`, the older shape of `/api/embed`."""


_CALLS = {
    "/v1/chat/completions": Dialect.OPENAI_CHAT,
    "/v1/responses": Dialect.OPENAI_RESPONSES,
    "/v1/completions": Dialect.OPENAI_COMPLETIONS,
    "/v1/embeddings": Dialect.OPENAI_EMBEDDINGS,
    "/v1/messages": Dialect.ANTHROPIC,
    "/api/chat": Dialect.OLLAMA_CHAT,
    "/api/generate": Dialect.OLLAMA_GENERATE,
    "/api/embed": Dialect.OLLAMA_EMBED,
    "/api/embeddings": Dialect.OLLAMA_EMBED,
}
_POSTS = {path: Asked(Endpoint.CALL, dialect, legacy=path == "/api/embeddings") for path, dialect in _CALLS.items()} | {
    "/v1/messages/count_tokens": Asked(Endpoint.COUNT_ANTHROPIC, Dialect.ANTHROPIC),
    "/v1/responses/input_tokens": Asked(Endpoint.COUNT_RESPONSES, Dialect.OPENAI_RESPONSES),
    "/api/show": Asked(Endpoint.SHOW, Dialect.OLLAMA_CHAT),
    # litellm 1.83 puts the path of one onto the other.
    "/api/chat/api/show": Asked(Endpoint.SHOW, Dialect.OLLAMA_CHAT),
}
_GETS = {
    "/": Asked(Endpoint.ROOT, Dialect.OLLAMA_CHAT),
    "/healthz": Asked(Endpoint.HEALTH, Dialect.OPENAI_CHAT),
    "/metrics": Asked(Endpoint.METRICS, Dialect.OPENAI_CHAT),
    "/v1/models": Asked(Endpoint.MODELS, Dialect.OPENAI_CHAT),
    "/v1beta/models": Asked(Endpoint.GEMINI_MODELS, Dialect.GEMINI),
    "/api/tags": Asked(Endpoint.TAGS, Dialect.OLLAMA_CHAT),
    "/api/ps": Asked(Endpoint.PS, Dialect.OLLAMA_CHAT),
    "/api/version": Asked(Endpoint.VERSION, Dialect.OLLAMA_CHAT),
}
_VERSIONED = {path[len("/v1") :] for path in (*_POSTS, *_GETS) if path.startswith("/v1/")}
_TWICE = ("/v1/v1/", "/v1/api/", "/v1/v1beta/")
_GEMINI = {"generateContent": False, "streamGenerateContent": True}


def usual(path: str) -> str:
    """The path that was meant where a base URL was given without /v1, or with one where the client adds its own.

    `@ai-sdk/anthropic` reads the ANTHROPIC_BASE_URL that Anthropic's own SDKs read, and asks for /messages (3.0.140).
    """
    if path in _VERSIONED:
        return f"/v1{path}"
    return path[len("/v1") :] if path.startswith(_TWICE) else path


def dialect_of(path: str) -> Dialect:
    """In which dialect to tell an error about this path, known or not."""
    if path in _CALLS:
        return _CALLS[path]
    if path.startswith("/v1/messages"):
        return Dialect.ANTHROPIC
    if path.startswith("/v1beta") or (path.startswith("/v1/models/") and "enerateContent" in path):
        return Dialect.GEMINI
    if path.startswith("/api/"):
        return Dialect.OLLAMA_CHAT
    return Dialect.OPENAI_CHAT


def known(method: str, path: str) -> Asked | None:
    if path.startswith("/_control/v1/"):
        return Asked(Endpoint.CONTROL, Dialect.OPENAI_CHAT, rest=path[len("/_control/v1") :])
    return _asked_known(method, path) or _asked_model(method, path)


def asked(method: str, path: str) -> Asked:
    """Raises NotFoundError or MethodError."""
    found = known(method, path)
    if found is not None:
        return found
    if path in _POSTS or path in _GETS:
        right = "POST" if path in _POSTS else "GET"
        raise MethodError(f"{path} does not take {method}.", hint=f"Send a {right}.")
    raise NotFoundError(
        f"Turnout has no {method} {masked(path)[:120]!r}.",
        hint="Chat lives at /v1/chat/completions, /v1/messages, /v1/responses, /api/chat and /v1beta/models/MODEL:generateContent.",
    )


def _asked_known(method: str, path: str) -> Asked | None:
    if method == "POST":
        return _POSTS.get(path)
    if method == "GET" or (method == "HEAD" and path in ("/", "/healthz", "/api/tags", "/api/version")):
        return _GETS.get(path)
    return None


def _asked_model(method: str, path: str) -> Asked | None:
    """`/v1/models/NAME` (OpenAI, Anthropic) and `/v1/models/NAME:verb` (Gemini) share a prefix; names hold ':' themselves."""
    for prefix in ("/v1beta/models/", "/v1/models/"):
        if not path.startswith(prefix):
            continue
        rest = path[len(prefix) :]
        if not rest or rest.endswith("/") or "//" in rest or ".." in rest or ";" in rest:
            return None
        if method == "POST":
            name, _, verb = rest.rpartition(":")
            if name and verb in _GEMINI:
                return Asked(Endpoint.CALL, Dialect.GEMINI, unquote(name), _GEMINI[verb])
            if name and verb == "countTokens":
                return Asked(Endpoint.COUNT_GEMINI, Dialect.GEMINI, unquote(name))
            return None
        if method == "GET":
            if prefix == "/v1beta/models/":
                return Asked(Endpoint.GEMINI_MODEL, Dialect.GEMINI, unquote(rest))
            return Asked(Endpoint.MODEL, Dialect.OPENAI_CHAT, unquote(rest))
    return None
