"""Which local engines run here, and what a provider serves: small questions with short answers, never a model call.

Turnout itself looks like an Ollama to its clients; it says `x-turnout` on every answer and is never taken for an engine.
"""

import asyncio
from dataclasses import dataclass, field, replace

import orjson

from turnout.calls.units import Family, Json
from turnout.engines.engine import Engine, Sends, fetch
from turnout.engines.routes import Base, base_of
from turnout.errors import EngineStatusError, TurnoutError, UpstreamError

PORTS = (
    ("ollama", Family.OLLAMA, 11434),
    ("lmstudio", Family.OPENAI, 1234),
    ("vllm", Family.OPENAI, 8000),
    ("llamacpp", Family.OPENAI, 8080),
)
LOOK_S = 0.8
_CLOUD = ("-cloud", ":cloud")


@dataclass(frozen=True, slots=True)
class Listed:
    """A model as its engine lists it."""

    name: str
    context: int | None = None
    capabilities: tuple[str, ...] = ()
    """Empty: not said."""
    remote: bool = False
    loaded: bool = False
    held: int = 0
    """Bytes it takes in memory while loaded, the video memory's share included."""
    vram: int = 0
    window: int = 0
    """Tokens of context it was loaded with."""
    until: str = ""
    """When the engine lets go of it, in the engine's own words (RFC 3339)."""
    size: int = 0
    digest: str = ""
    modified: str = ""
    family: str = ""
    parameters: str = ""
    quantization: str = ""


@dataclass(frozen=True, slots=True)
class Heard:
    """What an engine said of itself."""

    version: str = ""
    models: tuple[Listed, ...] = ()
    turnout: bool = False
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Spotted:
    name: str
    family: Family
    base_url: str
    models: tuple[Listed, ...]


async def look(sends: Sends, own_port: int = 0) -> tuple[Spotted, ...]:
    """The engines on their usual ports, all asked at once, within a second."""
    found = await asyncio.gather(
        *(_spot(sends, name, family, port) for name, family, port in PORTS if port != own_port)
    )
    return tuple(one for one in found if one is not None)


async def _spot(sends: Sends, name: str, family: Family, port: int) -> Spotted | None:
    url = f"http://127.0.0.1:{port}" + ("" if family is Family.OLLAMA else "/v1")
    base = base_of(url, family)
    try:
        heard = await listing(sends, base, family, LOOK_S)
    except TurnoutError:
        return None
    if heard.turnout:
        return None
    chat = tuple(model for model in heard.models if _chats(model))
    return Spotted(name, family, url, _best_first(chat))


def _chats(model: Listed) -> bool:
    if model.capabilities:
        return "completion" in model.capabilities
    return not any(word in model.name.lower() for word in ("embed", "minilm", "bge-", "whisper", "rerank"))


def _best_first(models: tuple[Listed, ...]) -> tuple[Listed, ...]:
    """Coders with tools first, then the larger: the order a developer would try them in. Cloud names last."""

    def rank(model: Listed) -> tuple[bool, bool, bool, int]:
        coder = any(word in model.name.lower() for word in ("code", "coder", "devstral"))
        return (model.remote, not ("tools" in model.capabilities or not model.capabilities), not coder, -model.size)

    return tuple(sorted(models, key=rank))


async def listing(sends: Sends, base: Base, family: Family, timeout_s: float) -> Heard:
    """Raises UpstreamError when nobody answers or what answers is no engine."""
    if family is Family.OLLAMA:
        return await _ollama(sends, base, timeout_s)
    return await _openai(sends, base, timeout_s, ())


async def of_engine(engine: Engine, timeout_s: float) -> Heard:
    """What a provider lists, asked with its key."""
    if engine.family is Family.OLLAMA:
        return await _ollama(engine.sends, engine.base, timeout_s)
    path = "/models?limit=1000" if engine.family is Family.ANTHROPIC else "/models"
    status, body, headers = await engine.get(engine.base.under(path), timeout_s=timeout_s)
    return _heard(status, body, headers, engine.base.origin)


async def _openai(sends: Sends, base: Base, timeout_s: float, headers: tuple[tuple[bytes, bytes], ...]) -> Heard:
    status, body, answered = await fetch(sends, base, base.under("/models"), list(headers), timeout_s=timeout_s)
    return _heard(status, body, answered, base.origin)


def _heard(status: int, body: bytes, headers: list[tuple[bytes, bytes]], origin: str) -> Heard:

    if status != 200:
        raise EngineStatusError(f"{origin} answered its model list with status {status}.", answer_status=status)
    doc = _json(body, origin)
    rows = doc.get("data", doc.get("models"))
    if not isinstance(rows, list):
        raise UpstreamError(f"{origin} has no list of models.")
    models = []
    for row in rows:
        if not isinstance(row, dict):
            continue
        name = row.get("id") or str(row.get("name", "")).removeprefix("models/")
        context = (
            row.get("max_model_len")
            or row.get("context_length")
            or row.get("max_context_length")
            or row.get("inputTokenLimit")
        )
        meta = row.get("meta")
        if context is None and isinstance(meta, dict):
            context = meta.get("n_ctx") or meta.get("n_ctx_train")
        if isinstance(name, str) and name:
            models.append(Listed(name, context if isinstance(context, int) else None))
    return Heard(models=tuple(models), turnout=_is_turnout(headers))


def _is_turnout(headers: list[tuple[bytes, bytes]]) -> bool:
    return any(name == b"x-turnout" for name, _ in headers)


def _json(body: bytes, origin: str) -> dict[str, Json]:

    try:
        doc: Json = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise UpstreamError(f"{origin} answered with something that is not JSON.") from None
    if not isinstance(doc, dict):
        raise UpstreamError(f"{origin} answered with something that is no model list.")
    return doc


async def _ollama(sends: Sends, base: Base, timeout_s: float) -> Heard:

    status, body, headers = await fetch(sends, base, base.under("/tags"), [], timeout_s=timeout_s)
    if status != 200:
        raise UpstreamError(f"{base.origin} answered /api/tags with status {status}.")
    rows = _json(body, base.origin).get("models")
    loaded: dict[str, dict[str, Json]] = {}
    version = ""
    try:
        _, running, _ = await fetch(sends, base, base.under("/ps"), [], timeout_s=timeout_s)
        loaded = {str(one.get("name")): one for one in _rows(_json(running, base.origin).get("models"))}
        _, told, _ = await fetch(sends, base, base.under("/version"), [], timeout_s=timeout_s)
        version = str(_json(told, base.origin).get("version", ""))
    except UpstreamError:
        # An engine that lists its models but not these is an older one.
        version = version or ""
    models = [await _with_show(sends, base, _tag(row, loaded), timeout_s) for row in _rows(rows)]
    return Heard(version, tuple(models), _is_turnout(headers))


def _rows(value: Json) -> list[dict[str, Json]]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def _tag(row: dict[str, Json], loaded: dict[str, dict[str, Json]]) -> Listed:
    name = str(row.get("model") or row.get("name") or "")
    running = loaded.get(name, {})
    found = row.get("details")
    details = found if isinstance(found, dict) else {}
    context, capabilities = details.get("context_length"), row.get("capabilities")
    return Listed(
        name,
        context if isinstance(context, int) and context > 0 else None,
        tuple(str(one) for one in capabilities) if isinstance(capabilities, list) else (),
        bool(row.get("remote_model") or row.get("remote_host")) or name.endswith(_CLOUD),
        name in loaded,
        _count(running, "size"),
        _count(running, "size_vram"),
        _count(running, "context_length"),
        str(running.get("expires_at", "")),
        _count(row, "size"),
        str(row.get("digest", "")),
        str(row.get("modified_at", "")),
        str(details.get("family", "")),
        str(details.get("parameter_size", "")),
        str(details.get("quantization_level", "")),
    )


def _count(row: dict[str, Json], key: str) -> int:
    value = row.get(key)
    return value if isinstance(value, int) and value > 0 else 0


async def _with_show(sends: Sends, base: Base, model: Listed, timeout_s: float) -> Listed:
    """Before Ollama 0.30 the list says neither capabilities nor window: /api/show does."""

    if model.capabilities and model.context:
        return model
    try:
        body = orjson.dumps({"model": model.name})
        kind = [(b"content-type", b"application/json")]
        status, told, _ = await fetch(
            sends, base, base.under("/show"), kind, timeout_s=timeout_s, method="POST", body=body
        )
        doc = _json(told, base.origin) if status == 200 else {}
    except TurnoutError:
        return model
    facts, capabilities = doc.get("model_info"), doc.get("capabilities")
    info = facts if isinstance(facts, dict) else {}
    context = next((value for key, value in info.items() if key.endswith(".context_length")), None)
    return replace(
        model,
        context=model.context or (context if isinstance(context, int) else None),
        capabilities=model.capabilities
        or (tuple(str(c) for c in capabilities) if isinstance(capabilities, list) else ()),
        remote=model.remote or bool(doc.get("remote_model") or doc.get("remote_host")),
    )
