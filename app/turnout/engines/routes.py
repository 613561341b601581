"""Which of its dialects a provider is spoken to in, and where under its base URL each one lives."""

from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from turnout.calls.units import EMBED_LIKE, PROMPT_LIKE, Dialect, Family

CHAT_LIKE = frozenset(
    {Dialect.OPENAI_CHAT, Dialect.OPENAI_RESPONSES, Dialect.ANTHROPIC, Dialect.OLLAMA_CHAT, Dialect.GEMINI}
)

_CHAT = {
    Family.OPENAI: Dialect.OPENAI_CHAT,
    Family.ANTHROPIC: Dialect.ANTHROPIC,
    Family.OLLAMA: Dialect.OLLAMA_CHAT,
    Family.GEMINI: Dialect.GEMINI,
}
_PROMPT = {Family.OPENAI: Dialect.OPENAI_COMPLETIONS, Family.OLLAMA: Dialect.OLLAMA_GENERATE}
_EMBED = {Family.OPENAI: Dialect.OPENAI_EMBEDDINGS, Family.OLLAMA: Dialect.OLLAMA_EMBED}

_PATHS = {
    Dialect.OPENAI_CHAT: "/chat/completions",
    Dialect.OPENAI_RESPONSES: "/responses",
    Dialect.OPENAI_COMPLETIONS: "/completions",
    Dialect.OPENAI_EMBEDDINGS: "/embeddings",
    Dialect.ANTHROPIC: "/messages",
    Dialect.OLLAMA_CHAT: "/chat",
    Dialect.OLLAMA_GENERATE: "/generate",
    Dialect.OLLAMA_EMBED: "/embed",
}
_PREFIX = {Family.OPENAI: "/v1", Family.ANTHROPIC: "/v1", Family.OLLAMA: "/api", Family.GEMINI: "/v1beta"}


def spoken_to(family: Family, heard: Dialect, *, responses: bool, hole: bool = False) -> Dialect | None:
    """The dialect to write for a provider of `family` when the client spoke `heard`; None: it cannot serve that.

    `responses`: the provider has /responses. `hole`: fill-in-the-middle or a raw prompt, which only completion endpoints can do;
    any other prompt of /api/generate goes through the model's template there, so a chat says the same.
    """
    if heard in EMBED_LIKE:
        return _EMBED.get(family)
    if heard in PROMPT_LIKE:
        if heard is Dialect.OLLAMA_GENERATE and family is Family.OPENAI and not hole:
            return Dialect.OPENAI_CHAT
        if family in _PROMPT:
            return _PROMPT[family]
        return None if hole else _CHAT[family]
    if heard is Dialect.OPENAI_RESPONSES and family is Family.OPENAI and responses:
        return heard
    return _CHAT[family]


@dataclass(frozen=True, slots=True)
class Base:
    """A provider's base URL, split once."""

    scheme: str
    host: str
    port: int
    path: str
    """Without the trailing slash, with the version prefix (`/v1`, `/api`...) in place."""

    @property
    def origin(self) -> str:
        """Scheme, host and port: what a key is bound to."""
        return origin_of(self.scheme, self.host, self.port)

    def target(self, dialect: Dialect, written: str = "") -> str:
        """Path and query of the request line; `written` is the dialect's own (Gemini)."""
        return f"{self.path}/{written}" if written else self.path + _PATHS[dialect]

    def under(self, path: str) -> str:
        return self.path + path


def origin_of(scheme: str, host: str, port: int) -> str:
    bracketed = f"[{host}]" if ":" in host else host
    return f"{scheme}://{bracketed}:{port}"


def base_of(base_url: str, family: Family) -> Base:
    """People write base URLs with and without the version prefix; both mean the same place."""
    parts: SplitResult = urlsplit(base_url)
    prefix = _PREFIX[family]
    path = parts.path.rstrip("/")
    if family in (Family.OPENAI, Family.GEMINI):
        # A path of the user's own is complete: OpenRouter's is /api/v1, some gateways have none of these.
        path = path or prefix
    elif not path.endswith(prefix):
        path += prefix
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return Base(parts.scheme, (parts.hostname or "").lower(), port, path)
