"""A request made ready for one engine: the client's own bytes with its model's name in, or written anew in another dialect."""

from turnout.calls.units import PROMPT_LIKE, Dialect
from turnout.calls.values import frozen
from turnout.engines.engine import Engine
from turnout.errors import NoEngineError
from turnout.proxy.exchange import Exchange
from turnout.routing.plan import Step
from turnout.wire import fields
from turnout.wire.codec import codec
from turnout.wire.dialect import Target
from turnout.wire.foreign import settled
from turnout.wire.gemini.request_writer import model_path
from turnout.wire.limit import with_limit, with_window
from turnout.wire.splice import with_include_usage, with_model


@frozen
class Outgoing:
    """A request ready for one engine."""

    dialect: Dialect
    body: bytes
    fast: bool
    dropped: tuple[str, ...] = ()
    path: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    """These three as `Written` has them."""
    strip_usage: bool = False


def prepare(exchange: Exchange, step: Step, engine: Engine, target: Target) -> Outgoing:
    """Raises NoEngineError when this provider cannot serve what was asked (embeddings at Anthropic)."""
    heard = exchange.heard
    spoken = engine.spoken(heard, hole=heard in PROMPT_LIKE and _has_hole(exchange))
    if spoken is None:
        raise NoEngineError(
            f"{engine.provider.name} has no endpoint for {heard.value}.",
            hint="Name a provider that has one in the tier or rule.",
        )
    if spoken is heard and not exchange.legacy:
        return _passed_through(exchange, step, target)
    written = codec(spoken).write_request(exchange.request(), target)
    return Outgoing(spoken, written.body, False, written.dropped, written.path, written.headers)


def _passed_through(exchange: Exchange, step: Step, target: Target) -> Outgoing:
    """The client's own bytes, but for the model's name, a budget's limit, the window a local model needs, and what another
    engine's turns left in the conversation."""
    heard, path = exchange.heard, ""
    outline = exchange.call.outline
    body, doc = exchange.body, fields.obj(exchange.doc)
    gone: tuple[str, ...] = ()
    if outline.alien or heard is Dialect.ANTHROPIC:
        body, doc, gone = settled(heard, body, doc, target.model, checks=target.checks_seals, alien=outline.alien)
    if heard is Dialect.GEMINI:
        verb = "streamGenerateContent" if exchange.stream else "generateContent"
        path = model_path(target.model, verb) + ("?alt=sse" if exchange.stream and not exchange.array else "")
    else:
        body = with_model(body, doc, target.model, plain=exchange.plain and body is exchange.body)
    limit = step.max_output
    if limit is None and heard is Dialect.OPENAI_COMPLETIONS and step.buckets and doc.get("max_tokens") is None:
        # The dialect's own 16 are held; not every engine that speaks it ends there.
        limit = outline.max_output
    windowed = target.num_ctx is not None and heard in (Dialect.OLLAMA_CHAT, Dialect.OLLAMA_GENERATE)
    strip = exchange.stream and heard in (Dialect.OPENAI_CHAT, Dialect.OPENAI_COMPLETIONS) and not outline.include_usage
    if limit is not None or windowed or strip:
        if heard is not Dialect.GEMINI:
            doc = {**doc, "model": target.model}
        if limit is not None:
            body, dropped = with_limit(heard, body, doc, int(limit), legacy=target.legacy_max_tokens)
            gone = tuple(dict.fromkeys((*gone, *dropped)))
            if windowed or strip:
                doc = fields.obj(fields.load(body))
        if windowed:
            body = with_window(body, doc, int(target.num_ctx or 0))
        if strip:
            body = with_include_usage(body, doc)
    return Outgoing(heard, body, True, gone, path, strip_usage=strip)


def _has_hole(exchange: Exchange) -> bool:
    """Only a completion endpoint fills a hole, or takes a prompt that no template may touch."""
    doc = exchange.doc
    return isinstance(doc, dict) and bool(doc.get("suffix") or doc.get("raw"))
