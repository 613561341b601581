"""URL -> dialect -> pipeline: the ASGI application. Guard first, then the token, then the body, then the call."""

import logging
import secrets
from collections.abc import Callable
from dataclasses import replace

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
from turnout.proxy.api.answers import JSON, Answers, constant
from turnout.proxy.attribution import session_by
from turnout.proxy.door.answer import Answer, Headers, Message, Receive, Send
from turnout.proxy.door.body import LeftError, read_body
from turnout.proxy.door.endpoints import Asked, Endpoint, asked, dialect_of
from turnout.proxy.door.gate import Gate
from turnout.proxy.door.guard import OPEN, Door, Refused, masked, same, split_token
from turnout.proxy.door.head import Head
from turnout.proxy.door.tokens import Tokens
from turnout.proxy.exchange import Exchange
from turnout.proxy.pipeline import Pipeline, now_ms
from turnout.proxy.state import State
from turnout.wire import fields, resumed
from turnout.wire.codec import codec

log = logging.getLogger("turnout.app")
_LONG_QUERY = 16
"""Characters from which on a query may hold a secret; `alt=sse` and `beta=true` are shorter."""

_COUNTS = (Endpoint.COUNT_ANTHROPIC, Endpoint.COUNT_GEMINI, Endpoint.COUNT_RESPONSES)


class Entry:
    """A request that passed the guard. `length`: its Content-Length; empty where it has none."""

    __slots__ = ("answer", "head", "length", "receive")

    def __init__(self, head: Head, length: bytes, receive: Receive, answer: Answer) -> None:
        self.head, self.length, self.receive, self.answer = head, length, receive, answer


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
        head: Head = scope["heads"].of(scope, self._door(scope["server"][1]))
        if head.refused is not None:
            await _refuse(answer, head.refused, head.target)
            return
        entry = Entry(head, scope["length"], receive, answer)
        try:
            if head.calls is not None:
                await self._call(entry, head.calls, self._client(head))
            else:
                await self._serve(entry)
        except LeftError:
            log.info("a client left before its request was complete")
        except TurnoutError as error:
            await self._tell(answer, head.dialect, error)
        except Exception:  # the boundary: no traceback ever reaches a client
            log.exception("%s %s broke", head.method, masked(head.path))
            await self._tell(
                answer, head.dialect, TurnoutError("Turnout itself failed on this request.", hint="See its log.")
            )

    async def _tell(self, answer: Answer, dialect: Dialect, error: TurnoutError, more: Headers | None = None) -> None:
        if not answer.started:
            extra: Headers = more or []
            if error.status == 401:
                extra = [*extra, (b"www-authenticate", b"Bearer")]
            elif error.status == 429:
                extra = [*extra, (b"retry-after", b"1")]
            await answer.whole(error.status, [*JSON, *extra], codec(dialect).write_error(error))

    async def _serve(self, entry: Entry) -> None:
        head, answer = entry.head, entry.answer
        if (head.method, head.path) in OPEN:
            place = asked(head.method, head.path)
            kind = b"text/plain; charset=utf-8" if place.endpoint is Endpoint.ROOT else b"application/json"
            body = constant(place)
            await answer.start(200, [(b"content-type", kind), (b"content-length", str(len(body)).encode())])
            await answer.finish(b"" if head.method == "HEAD" else body)
            return
        if head.path.startswith("/_control/") or head.path == "/metrics":
            await self._control(entry)
            return
        self._client(head)
        place = asked(head.method, head.path)
        body = b""
        if head.method == "POST":
            body = await read_body(entry.receive, entry.length, head.encoding, self._body_limit)
        if place.endpoint in _COUNTS:
            await answer.whole(200, JSON, await self._answers.count(place, fields.load(body)))
        else:
            found = self._answers.listing(place, head.headers, head.query, body)
            if head.method == "HEAD":
                await answer.start(200, [*JSON, (b"content-length", str(len(found)).encode())])
                await answer.finish()
                return
            await answer.whole(200, JSON, found)

    @property
    def _body_limit(self) -> int:
        return self._state.settings.server.max_body_mb * 1_000_000

    def _client(self, head: Head) -> Client:
        """Raises UnauthorizedError. A client's own port needs no token; that is what it is for."""
        named = self._ports.get(head.door.port)
        if named is not None and not head.token:
            return self._tokens.named(named) or Client(named)
        found = self._tokens.find(head.token_hash)
        if found is None:
            message = "This token is not known to Turnout." if head.token else "This request carries no Turnout token."
            raise UnauthorizedError(
                message,
                hint="`turnout client add NAME` makes one; send it as the API key, or put /c/TOKEN before the path.",
            )
        return found

    async def _control(self, entry: Entry) -> None:
        head, answer = entry.head, entry.answer
        if not same(head.token.encode("latin-1", "replace"), self._control_token):
            raise UnauthorizedError("The control API needs the control token of the runtime file.")
        if head.path == "/metrics":
            if head.method != "GET":
                raise BadRequestError("metrics are read with GET")
            await answer.whole(
                200, [(b"content-type", b"text/plain; version=0.0.4; charset=utf-8")], self._answers.metrics()
            )
            return
        place = asked(head.method, head.path)
        body = b""
        if head.method in ("POST", "PUT", "DELETE"):
            body = await read_body(entry.receive, entry.length, head.encoding, 1_000_000)
        await self._answers.control(head.method, place.rest, body, answer)

    async def _call(self, entry: Entry, place: Asked, client: Client) -> None:
        """Each has its row: also one that cannot be read, or whose client leaves before it was all here."""
        at_ms = now_ms()
        self._number += 1
        id_ = f"{at_ms:012x}{self._ids}{self._number & 0xFFFFFF:06x}"
        try:
            exchange = await self._exchange(entry, place, client, id_, at_ms)
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
                await self._tell(entry.answer, place.dialect, error, [(b"x-turnout-call", id_.encode())])
            return
        try:
            await self._pipeline.serve(exchange)
        finally:
            self._gate.leave()

    async def _exchange(self, entry: Entry, place: Asked, client: Client, id_: str, at_ms: int) -> Exchange:
        """Raises what `read_body` raises, BadRequestError for a body that is no call, and CircleError."""
        head = entry.head
        if head.hopped:
            raise CircleError(
                "This call already came through Turnout.",
                hint="Correct the base_url in turnout.toml that leads back to Turnout itself.",
            )
        body = await read_body(entry.receive, entry.length, head.encoding, self._body_limit)
        doc, plain = resumed.load(body, place.dialect)
        spoken = codec(place.dialect)
        outline = spoken.outline(doc, path_model=place.model, stream=place.stream)
        if not outline.model:
            raise BadRequestError("is missing", path="model", hint="Send auto, high, fast, local or a model's name.")
        if len(head.query_on) >= _LONG_QUERY:
            outline = replace(outline, beside=(*outline.beside, head.query_on))
        session = session_by(client.name, head.said, outline)
        headers = {**head.names, "content-length": entry.length.decode("latin-1")} if entry.length else head.names
        wanted_tier = _tier(head.tier) if head.tier else None
        # Compared within one run only. Python's own hash is keyed, and four times as fast as blake2b (50 us for 200 KB).
        body_hash = f"{hash(body):x}"
        # By place: by name it takes three times as long.
        call = Call(
            id_,
            at_ms,
            client,
            self._developer,
            head.project or client.project,
            outline,
            session.id,
            session.derived,
            session.parent,
            headers,
            wanted_tier,
            head.as_asked,
            head.retry,
            body_hash,
        )
        exchange = Exchange(call, spoken, body, doc, head.sender, entry.answer, session, stream=outline.stream)
        exchange.plain, exchange.legacy = plain, place.legacy
        if place.dialect is Dialect.GEMINI:
            exchange.path_model = place.model
            exchange.array = outline.stream and "alt=sse" not in head.query_on
        else:
            exchange.query = head.query_on
        return exchange


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
