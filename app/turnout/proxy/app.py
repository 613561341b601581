"""URL -> dialect -> pipeline: the ASGI application. Guard first, then the token, then the body, then the call."""

import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from turnout.calls.client import Call, Client
from turnout.calls.record import CallRecord
from turnout.calls.units import Dialect, Status, Tier
from turnout.errors import (
    BadRequestError,
    CircleError,
    ForbiddenError,
    MethodError,
    NotFoundError,
    TurnoutError,
    UnauthorizedError,
    UnsupportedMediaError,
)
from turnout.proxy.answer import Answer, Headers, Message, Receive, Send
from turnout.proxy.answers import JSON, Answers, constant
from turnout.proxy.attribution import session_of
from turnout.proxy.body import LeftError, read_body
from turnout.proxy.endpoints import Asked, Endpoint, asked, dialect_of, usual
from turnout.proxy.exchange import Exchange
from turnout.proxy.gate import Gate
from turnout.proxy.guard import OPEN, Door, Refused, guard, masked, plain_path, same, split_token, token_of, without_key
from turnout.proxy.pipeline import Pipeline, now_ms
from turnout.proxy.state import State
from turnout.proxy.tokens import Tokens
from turnout.wire import fields
from turnout.wire.codec import codec

log = logging.getLogger("turnout.app")
_CREDENTIALS = frozenset({b"authorization", b"x-api-key", b"x-goog-api-key", b"cookie", b"proxy-authorization"})


@dataclass(slots=True)
class Entry:
    """A request that passed the guard."""

    method: str
    path: str
    query: bytes
    headers: Headers
    token: str
    port: int


class App:
    """`control_token` opens `/_control` and `/metrics`; `ports` maps a client's own port to its name."""

    def __init__(
        self,
        state: State,
        answers: Answers,
        tokens: Tokens,
        *,
        control_token: str,
        door: Callable[[int], Door],
        ports: dict[int, str],
        developer: str,
    ) -> None:
        self._state, self._answers, self._tokens = state, answers, tokens
        self._control_token = control_token.encode()
        self._door, self._ports, self._developer = door, ports, developer
        self._pipeline = Pipeline(state)
        self._ids = secrets.token_hex(3)
        self._number = 0
        self._gate = Gate()

    @property
    def in_flight(self) -> int:
        return self._gate.taken

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        answer = Answer(send, scope["gone"])
        method, headers = scope["method"], scope["headers"]
        target = scope.get("raw_target") or scope["raw_path"]
        port = scope["server"][1]
        refused = guard(method, target, headers, self._door(port))
        if refused is not None:
            await _refuse(answer, refused, target)
            return
        path = plain_path(scope["raw_path"])
        if path is None:
            await _refuse(
                answer, Refused(404, "There is no such path: send it plain, without //, ; or escaped dots."), target
            )
            return
        in_path, path = split_token(path)
        if in_path and plain_path(path.encode("latin-1")) is None:
            await _refuse(
                answer, Refused(404, "There is no such path: send it plain, without //, ; or escaped dots."), target
            )
            return
        path = usual(path)
        entry = Entry(
            method, path, scope["query_string"], headers, token_of(headers, scope["query_string"], in_path), port
        )
        dialect = dialect_of(path)
        try:
            await self._serve(entry, answer, receive)
        except LeftError:
            log.info("a client left before its request was complete")
        except TurnoutError as error:
            await self._tell(answer, dialect, error)
        except Exception:  # the boundary: no traceback ever reaches a client
            log.exception("%s %s broke", method, masked(path))
            await self._tell(
                answer, dialect, TurnoutError("Turnout itself failed on this request.", hint="See its log.")
            )

    async def _tell(self, answer: Answer, dialect: Dialect, error: TurnoutError, more: Headers | None = None) -> None:
        if not answer.started:
            extra: Headers = more or []
            if error.status == 401:
                extra = [*extra, (b"www-authenticate", b"Bearer")]
            elif error.status == 429:
                extra = [*extra, (b"retry-after", b"1")]
            await answer.whole(error.status, [*JSON, *extra], codec(dialect).write_error(error))

    async def _serve(self, entry: Entry, answer: Answer, receive: Receive) -> None:
        if (entry.method, entry.path) in OPEN:
            place = asked(entry.method, entry.path)
            kind = b"text/plain; charset=utf-8" if place.endpoint is Endpoint.ROOT else b"application/json"
            body = constant(place)
            await answer.start(200, [(b"content-type", kind), (b"content-length", str(len(body)).encode())])
            await answer.finish(b"" if entry.method == "HEAD" else body)
            return
        if entry.path.startswith("/_control/") or entry.path == "/metrics":
            await self._control(entry, answer, receive)
            return
        client = self._client(entry)
        place = asked(entry.method, entry.path)
        if place.endpoint is Endpoint.CALL:
            await self._call(entry, place, client, answer, receive)
            return
        body = await self._body(entry, receive) if entry.method == "POST" else b""
        if place.endpoint in (Endpoint.COUNT_ANTHROPIC, Endpoint.COUNT_GEMINI):
            await answer.whole(200, JSON, await self._answers.count(place, fields.load(body)))
        else:
            found = self._answers.listing(place, entry.headers, entry.query, body)
            if entry.method == "HEAD":
                await answer.start(200, [*JSON, (b"content-length", str(len(found)).encode())])
                await answer.finish()
                return
            await answer.whole(200, JSON, found)

    async def _body(self, entry: Entry, receive: Receive) -> bytes:
        return await read_body(receive, entry.headers, self._state.settings.server.max_body_mb * 1_000_000)

    def _client(self, entry: Entry) -> Client:
        """Raises UnauthorizedError. A client's own port needs no token; that is what it is for."""
        named = self._ports.get(entry.port)
        if named is not None and not entry.token:
            return self._tokens.named(named) or Client(named)
        found = self._tokens.find(entry.token)
        if found is None:
            message = "This token is not known to Turnout." if entry.token else "This request carries no Turnout token."
            raise UnauthorizedError(
                message,
                hint="`turnout client add NAME` makes one; send it as the API key, or put /c/TOKEN before the path.",
            )
        return found

    async def _control(self, entry: Entry, answer: Answer, receive: Receive) -> None:
        if not same(entry.token.encode("latin-1", "replace"), self._control_token):
            raise UnauthorizedError("The control API needs the control token of the runtime file.")
        if entry.path == "/metrics":
            if entry.method != "GET":
                raise BadRequestError("metrics are read with GET")
            await answer.whole(
                200, [(b"content-type", b"text/plain; version=0.0.4; charset=utf-8")], self._answers.metrics()
            )
            return
        place = asked(entry.method, entry.path)
        body = await read_body(receive, entry.headers, 1_000_000) if entry.method in ("POST", "PUT", "DELETE") else b""
        await self._answers.control(entry.method, place.rest, body, answer)

    async def _call(self, entry: Entry, place: Asked, client: Client, answer: Answer, receive: Receive) -> None:
        """Each has its row: also one that cannot be read, or whose client leaves before it was all here."""
        at_ms = now_ms()
        self._number += 1
        id_ = f"{at_ms:012x}{self._ids}{self._number & 0xFFFFFF:06x}"
        try:
            exchange = await self._exchange(entry, place, client, answer, receive, id_, at_ms)
            await self._gate.enter()
        except TurnoutError as error:
            left = isinstance(error, LeftError)
            row = CallRecord(
                id=id_,
                at_ms=at_ms,
                client=client.name,
                developer=self._developer,
                department=client.department,
                project=client.project,
                dialect=place.dialect.value,
                asked_model=place.model[:200],
                status=Status.ABORTED if left else Status.FAILED,
                duration_ms=now_ms() - at_ms,
                error=error.message[:500],
                code=error.code,
                config=self._state.config_hash,
            )
            self._state.unread(row, now_ms())
            if not left:
                await self._tell(answer, place.dialect, error, [(b"x-turnout-call", id_.encode())])
            return
        try:
            await self._pipeline.serve(exchange)
        finally:
            self._gate.leave()

    async def _exchange(
        self, entry: Entry, place: Asked, client: Client, answer: Answer, receive: Receive, id_: str, at_ms: int
    ) -> Exchange:
        """Raises what `read_body` raises, BadRequestError for a body that is no call, and CircleError."""
        names = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in entry.headers if name not in _CREDENTIALS
        }
        if any(name == b"x-turnout-hop" and value.strip(b"0 ") for name, value in entry.headers):
            raise CircleError(
                "This call already came through Turnout.",
                hint="Correct the base_url in turnout.toml that leads back to Turnout itself.",
            )
        body = await self._body(entry, receive)
        doc, plain = fields.load_plain(body)
        spoken = codec(place.dialect)
        outline = spoken.outline(doc, path_model=place.model, stream=place.stream)
        if not outline.model:
            raise BadRequestError("is missing", path="model", hint="Send auto, high, fast, local or a model's name.")
        session = session_of(client.name, names, outline)
        call = Call(
            id=id_,
            at_ms=at_ms,
            client=client,
            developer=self._developer,
            project=names.get("x-turnout-project", "")[:64] or client.project,
            outline=outline,
            session=session.id,
            session_derived=session.derived,
            parent_session=session.parent,
            headers=names,
            wanted_tier=_tier(names.get("x-turnout-tier", "")),
            as_asked=names.get("x-turnout-route", "").strip().lower() == "asked",
            retry=_small(names.get("x-stainless-retry-count", "")),
            # Compared within one run only. Python's own hash is keyed, and four times as fast as blake2b (50 us for 200 KB).
            body_hash=f"{hash(body):x}",
        )
        query = without_key(entry.query)
        return Exchange(
            call=call,
            codec=spoken,
            body=body,
            doc=doc,
            headers=entry.headers,
            answer=answer,
            session=session,
            plain=plain,
            query="" if place.dialect is Dialect.GEMINI else query,
            path_model=place.model,
            stream=outline.stream,
            array=place.dialect is Dialect.GEMINI and outline.stream and "alt=sse" not in query,
            legacy=place.legacy,
        )


async def _refuse(answer: Answer, refused: Refused, target: bytes) -> None:
    """In the dialect of the path, as far as it can be told; the connection is closed after it."""
    kinds: dict[int, type[TurnoutError]] = {
        400: BadRequestError,
        403: ForbiddenError,
        404: NotFoundError,
        405: MethodError,
        415: UnsupportedMediaError,
    }
    error = kinds.get(refused.status, TurnoutError)(refused.message)
    path = target.split(b"?")[0].decode("latin-1", "replace")
    body = codec(dialect_of(split_token(path)[1])).write_error(error)
    await answer.whole(refused.status, [*JSON, (b"connection", b"close")], body)


def _tier(text: str) -> Tier | None:
    """An unknown tier is an error: silence would send the call elsewhere than its sender thinks."""
    wanted = text.strip().lower()
    if not wanted:
        return None
    try:
        return Tier(wanted)
    except ValueError:
        raise BadRequestError("x-turnout-tier must be high, fast or local") from None


def _small(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 4 else 0
