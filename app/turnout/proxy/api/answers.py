"""Everything the proxy answers itself, without an engine: listings, token counts, health, metrics, the control API."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import TypedDict
from urllib.parse import parse_qs, unquote

import orjson

from turnout import __version__
from turnout.calls.units import Dialect, Json
from turnout.control.codec import status_json
from turnout.control.messages import BudgetLine
from turnout.control.schema import document
from turnout.counting.corrections import Shape
from turnout.errors import BadRequestError, MethodError, NotFoundError
from turnout.proxy.api import listings
from turnout.proxy.api.admin import Admin, money
from turnout.proxy.api.clients import Clients
from turnout.proxy.api.comparing import compare, elsewhere
from turnout.proxy.api.metrics import metrics
from turnout.proxy.api.nodes import Nodes
from turnout.proxy.api.shadow import Shadows
from turnout.proxy.door.answer import Answer, Headers
from turnout.proxy.door.endpoints import Asked, Endpoint
from turnout.proxy.edges import Keys
from turnout.proxy.state import State
from turnout.wire import fields
from turnout.wire.codec import codec
from turnout.wire.gemini.answer import count_reply

JSON: Headers = [(b"content-type", b"application/json")]
EVENT_GAP_S = 0.2
EVENT_IDLE_S = 15.0


def constant(asked: Asked) -> bytes:
    """`GET /` and `/healthz`: that it lives, nothing else; in Ollama's own words, for editors look for them."""
    return b"Ollama is running" if asked.endpoint is Endpoint.ROOT else b'{"status":"ok"}'


class Answers:
    """`listing` and `count` are for clients, `control` for the tray and the CLI."""

    def __init__(
        self,
        state: State,
        admin: Admin,
        clients: Clients,
        keys: Keys,
        started_s: int,
        *,
        reload: Callable[[], Awaitable[None]],
        test_key: Callable[[str], Awaitable[Json]],
        nodes: Nodes,
        developer: str,
        shadows: Callable[[], Shadows],
        stop: Callable[[], None],
    ) -> None:
        self._state, self.admin, self._clients, self._keys = state, admin, clients, keys
        self._started_s = started_s
        self._reload, self._test_key, self._stop = reload, test_key, stop
        self._nodes, self._developer, self._shadows = nodes, developer, shadows

    def listing(self, asked: Asked, headers: Headers, query: bytes, body: bytes) -> bytes:
        """Raises NotFoundError for a model there is not."""
        line = listings.shown(self._state.roster(), self._state.known)
        names = {name for name, _ in headers}
        at = self._started_s
        if asked.endpoint is Endpoint.VERSION:
            return orjson.dumps({"version": listings.OLLAMA_VERSION})
        if asked.endpoint is Endpoint.TAGS:
            return listings.tags(line, at)
        if asked.endpoint is Endpoint.PS:
            return listings.ps(line, at)
        if asked.endpoint is Endpoint.SHOW:
            doc = fields.obj(fields.load(body))
            name = fields.text_or(doc, "model") or fields.text_or(doc, "name")
            if not name:
                raise BadRequestError("model is required")
            return listings.show(listings.find(line, name), at)
        # Google's own clients ask at /v1/models too; only their key tells them apart.
        google = asked.dialect is Dialect.GEMINI or b"x-goog-api-key" in names or b"key" in parse_qs(query)
        if google and asked.endpoint in (Endpoint.MODELS, Endpoint.GEMINI_MODELS):
            return listings.gemini_models(line)
        if google:
            return listings.gemini_model(listings.find(line, asked.model))
        anthropic = b"anthropic-version" in names
        if asked.endpoint is Endpoint.MODEL:
            one = listings.find(line, asked.model)
            return listings.anthropic_model(one, at) if anthropic else listings.openai_model(one, at)
        if not anthropic:
            return listings.openai_models(line, at)
        given = parse_qs(query.decode("latin-1"))
        limit = given.get("limit", ["20"])[0]
        return listings.anthropic_models(
            line,
            at,
            limit=max(1, min(int(limit), 1000)) if limit.isdecimal() and len(limit) < 10 else 20,
            after=given.get("after_id", [""])[0],
            before=given.get("before_id", [""])[0],
        )

    async def count(self, asked: Asked, doc: Json) -> bytes:
        """Counted here: nothing is sent anywhere, nothing is charged, and a burst of them is no loop.

        Of a conversation that the vendor keeps (`previous_response_id`) only what this request brings.
        """
        if (
            asked.dialect is Dialect.GEMINI
            and isinstance(doc, dict)
            and isinstance(doc.get("generateContentRequest"), dict)
        ):
            doc = doc["generateContentRequest"]
        outline = codec(asked.dialect).outline(doc, path_model=asked.model)
        texts = outline.texts
        found = self._state.edges.count_now(texts, outline.model)
        if found is None:
            found = await asyncio.to_thread(self._state.edges.count_slow, texts, outline.model)
        counted = self._state.estimates.told(
            outline, Shape(found, outline.turns, outline.tools, outline.images), self._state.roster()
        )
        if asked.dialect is Dialect.GEMINI:
            return count_reply(counted)
        said: dict[str, Json] = {"input_tokens": counted}
        return orjson.dumps(said if asked.dialect is Dialect.ANTHROPIC else {"object": "response.input_tokens", **said})

    def metrics(self) -> bytes:
        return metrics(self._state)

    # --- control ---

    async def control(self, method: str, path: str, body: bytes, answer: Answer) -> None:
        """Raises TurnoutError; the app tells it."""
        if method == "GET" and path == "/events":
            await self._events(answer)
            return
        doc = fields.obj(fields.load(body)) if body.strip() else {}
        parts = [unquote(part) for part in path.strip("/").split("/")]
        if (method, parts) == ("POST", ["models", "pull"]):
            await self._nodes.pull(fields.text(doc, "name"), fields.text_or(doc, "provider"), answer)
            return
        if (method, parts) == ("POST", ["shadow", "steps"]):
            await self._shadows().tell(answer, **_sample(doc), limit=money(fields.text(doc, "usd")))
            return
        found = await self._control(method, parts, doc)
        await answer.whole(200, JSON, orjson.dumps(found))

    async def _control(self, method: str, parts: list[str], doc: dict[str, Json]) -> Json:  # noqa: C901  a table of routes
        admin, state = self.admin, self._state
        match (method, parts):
            case ("GET", ["status"]):
                return status_json(admin.status())
            case ("GET", ["openapi.json"]):
                return document()
            case ("GET", ["clients"]):
                return self._clients.list(state.clients_seen)
            case ("POST", ["clients"]):
                given = [fields.text_or(doc, key) for key in ("name", "department", "project")]
                return await self._clients.add(*given)
            case ("POST", ["clients", name, "rotate"]):
                return await self._clients.rotate(name)
            case ("DELETE", ["clients", name]):
                return await self._clients.remove(name)
            case ("PUT", ["mode"]):
                return admin.set_mode(fields.text(doc, "mode"))
            case ("POST", ["pause"]):
                return admin.pause(fields.positive_or(doc, "seconds"))
            case ("POST", ["resume"]):
                return admin.resume()
            case ("POST", ["reload"]):
                self._keys.forget()
                await self._reload()
                return {"rules": state.config.rules_error or "ok", "settings": state.config.settings_error or "ok"}
            case ("GET", ["sessions"]):
                return admin.sessions()
            case ("POST", ["sessions", id_, "allow"]):
                return admin.session_allow(id_, fields.text_or(doc, "usd"), fields.positive_or(doc, "turns") or 0)
            case ("POST", ["sessions", id_, "stop"]):
                return admin.session_stop(id_)
            case ("GET", ["budgets"]):
                return {"budgets": [_row(line) for line in admin.budget_lines()]}
            case ("POST", ["budgets", "credit"]):
                return admin.credit(fields.text(doc, "scope"), fields.text(doc, "usd"))
            case ("POST", ["holds", id_, "release"]):
                return admin.release(id_)
            case ("GET", ["models"]):
                return admin.models()
            case ("GET", ["nodes"]):
                return await self._nodes.rows()
            case ("DELETE", ["models", name]):
                return await self._nodes.remove(name, fields.text_or(doc, "provider"))
            case ("POST", ["models", name, "load"]):
                return await self._nodes.load(name, fields.text_or(doc, "provider"))
            case ("POST", ["models", name, "unload"]):
                return await self._nodes.unload(name, fields.text_or(doc, "provider"))
            case ("POST", ["keys", "test"]):
                return await self._test_key(fields.text(doc, "provider"))
            case ("POST", ["thumbs"]):
                return admin.thumbs(fields.text(doc, "call"), up=fields.flag_or(doc, "up") is not False)
            case ("POST", ["elsewhere"]):
                return elsewhere(state, doc)
            case ("POST", ["compare"]):
                tiers = fields.strings_or(doc, "tiers")
                return await compare(state, self._developer, fields.text(doc, "prompt"), tiers)
            case ("POST", ["verdicts"]):
                return admin.verdict(fields.text(doc, "call"), good=fields.flag_or(doc, "good") is not False)
            case ("POST", ["shadow"]):
                return await self._shadows().check(**_sample(doc), limit=money(fields.text(doc, "usd")))
            case ("POST", ["shadow", "plan"]):
                return self._shadows().plan(**_sample(doc)).json()
            case ("POST", ["keep"]):
                return admin.keep(fields.text(doc, "kind"), fields.text(doc, "key"), doc.get("value"))
            case ("POST", ["shutdown"]):
                self._stop()
                return {"stopping": True}
        if parts[0] in (
            "status",
            "clients",
            "mode",
            "pause",
            "resume",
            "reload",
            "sessions",
            "budgets",
            "models",
            "nodes",
            "thumbs",
            "compare",
            "elsewhere",
            "verdicts",
            "shadow",
        ):
            raise MethodError(f"/_control/v1/{parts[0]} does not take {method} there.")
        raise NotFoundError(f"the control API has no {'/'.join(parts)[:80]!r}", hint=f"This is Turnout {__version__}.")

    async def _events(self, answer: Answer) -> None:
        """A Status on every change, at most five a second; who listens here is somebody to ask."""
        state = self._state
        await answer.start(200, [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-cache")])
        answer.watch()
        # Else who left would be noticed only with the next change, and an `ask` would wait for nobody.
        answer.on_gone(state.tell)
        state.asks.listeners += 1
        try:
            while not answer.gone:
                state.changed.clear()
                await answer.write(b"event: status\ndata: " + orjson.dumps(status_json(self.admin.status())) + b"\n\n")
                begun = time.monotonic()
                try:
                    async with asyncio.timeout(EVENT_IDLE_S):
                        await state.changed.wait()
                except TimeoutError:
                    continue
                await asyncio.sleep(max(0.0, EVENT_GAP_S - (time.monotonic() - begun)))
        finally:
            state.asks.listeners -= 1
            state.asks.listener_left()
            answer.close()


class _Sample(TypedDict):
    last: int
    sample: int
    on: str


def _sample(doc: dict[str, Json]) -> _Sample:
    return {
        "last": min(fields.positive_or(doc, "last") or 100, 10_000),
        "sample": min(fields.positive_or(doc, "sample") or 5, 100),
        "on": fields.text_or(doc, "on") or "fast",
    }


def _row(line: BudgetLine) -> dict[str, Json]:
    return asdict(line)
