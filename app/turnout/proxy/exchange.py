"""What passes between client and engine in one call, and what was seen of it: the values `perform` works on."""

from collections.abc import Callable

from turnout.calls.client import Call
from turnout.calls.reply import Failed
from turnout.calls.request import Request
from turnout.calls.units import Dialect, Json, Nanos
from turnout.calls.usage import Usage
from turnout.engines.headers import Sender
from turnout.ledger.rows import usd
from turnout.proxy.attribution import Session
from turnout.proxy.door.answer import Answer, Headers
from turnout.wire.dialect import Codec, ReplyContext

NOTHING_SPENT = Nanos(0)
_NATIVE = frozenset((Dialect.OLLAMA_CHAT, Dialect.OLLAMA_GENERATE))


class Exchange:
    """One client request, as it came, and the client's side of the answer. What few requests have is the class's own at first."""

    plain: bool = False
    """The body is known to be exactly what orjson writes for it (`fields.load_plain`)."""
    query: str = ""
    path_model: str = ""
    hop: int = 1
    array: bool = False
    """Gemini: the stream is a JSON array, not SSE."""
    legacy: bool = False
    own: str = ""
    """What for, where Turnout itself asks (`owncalls`); empty: a client does."""
    route_headers: Headers
    """`x-turnout-*` of the plan; sent with the status line. Until there is one, none."""
    credit_left: Callable[[Nanos], Nanos | None] | None = None
    """Under the tightest dollar budget of the step at hand, once this call has cost so much; None: there is none."""
    _request: Request | None = None

    def __init__(
        self,
        call: Call,
        codec: Codec,
        body: bytes,
        doc: Json,
        sender: Sender,
        answer: Answer,
        session: Session,
        *,
        stream: bool = False,
    ) -> None:
        """`sender`: the client's headers; `engines.headers` decides which cross."""
        self.call, self.codec, self.body, self.doc = call, codec, body, doc
        self.sender, self.answer, self.session, self.stream = sender, answer, session, stream
        self.heard: Dialect = call.outline.dialect
        self.route_headers = []

    @property
    def native(self) -> bool:
        """The client speaks Ollama's own API."""
        return self.heard in _NATIVE

    @property
    def only_loads(self) -> bool:
        """Ollama's way to load or unload a model: nothing is asked."""
        outline = self.call.outline
        return self.native and not any(outline.texts) and not outline.images

    def plan_headers(self, spent: Nanos = NOTHING_SPENT) -> Headers:
        """`route_headers` and, under a dollar budget, the credit that is left once this call has cost so much."""
        left = self.credit_left(spent) if self.credit_left is not None else None
        if left is None:
            return self.route_headers
        return [*self.route_headers, (b"x-turnout-credit-usd", usd(left).encode())]

    def request(self) -> Request:
        """The whole request as nouns; read once, and only when something must be translated."""
        if self._request is None:
            self._request = self.codec.read_request(
                self.doc, path_model=self.path_model, stream=self.stream if self.path_model else None
            )
        return self._request

    def reply_context(self, now_s: int, model: str) -> ReplyContext:
        outline = self.call.outline
        return ReplyContext(
            call_id=self.call.id,
            model=model,
            now_s=now_s,
            include_usage=outline.include_usage,
            tools=outline.tools > 0,
            request=self._request,
            array=self.array,
        )


class Seen:
    """What was seen of one attempt so far; settled from even when it broke off. Its values at the start are the class's own: most
    attempts set half of them."""

    status: str = "ok"
    reported: Usage | None = None
    ended: bool = False
    failed: Failed | None = None
    first_byte_ms: int | None = None
    busy_s: float = 0.0
    queue_s: float = 0.0
    service: str = ""
    """The tier of service it was answered at, in the vendor's own word; empty: it did not say."""
    dropped: tuple[str, ...] = ()
    dialect: Dialect | None = None
    """What the engine was spoken to in."""
    error: str = ""
    sent: bool = False
    """The engine may have read the request: it can be billed."""

    def __init__(
        self, text: list[str] | None = None, raw: list[bytes] | None = None, raw_size: int = 0, size: int = 0
    ) -> None:
        self.text: list[str] = [] if text is None else text
        """Output text, kept only to be counted when the engine reports no usage; dropped with the call."""
        self.raw: list[bytes] = [] if raw is None else raw
        """The same in the fast lane, as bytes; read only when it is needed."""
        self.raw_size = raw_size
        self.size = size
        """Of the whole stream in the fast lane, also of what is no longer kept."""
