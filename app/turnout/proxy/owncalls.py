"""Calls that Turnout makes for itself (an LLM grade, a shadow comparison): same pipeline, same holds, same ledger as any other.

Each is a row of its own under the client it is made for, in a session of its own whose parent is that client's, so budgets of
the client and of the session tree count it. All it costs is `overhead` and it has no baseline: "saved" is net of it.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass, replace

from turnout.calls.client import Call
from turnout.calls.reply import RefusalDelta, TextDelta, ToolArguments, ToolBegan
from turnout.calls.units import Dialect, Json
from turnout.engines.headers import Sender
from turnout.errors import BadRequestError
from turnout.proxy.attribution import Session
from turnout.proxy.door.answer import Answer, Message
from turnout.proxy.exchange import Exchange
from turnout.proxy.now import now_ms
from turnout.wire import fields
from turnout.wire.codec import codec

MOST_BYTES = 4_000_000
"""Of an answer; more is no answer to anything asked here."""
ours: ContextVar[bool] = ContextVar("ours", default=False)
"""True inside an own call: nothing there may lead to another one."""


@dataclass(frozen=True, slots=True)
class Told:
    """What came back."""

    id: str
    """Of its row."""
    status: int
    model: str
    """`provider/model` that the plan began with."""
    text: str
    late: bool = False
    """It was given up after its time limit."""

    @property
    def good(self) -> bool:
        return self.status == 200 and bool(self.text) and not self.late


class OwnCalls:
    def __init__(self, serve: Callable[[Exchange], Awaitable[None]]) -> None:
        self._serve = serve
        self._under_way: set[asyncio.Task[None]] = set()
        self._ids = secrets.token_hex(3)
        self._number = 0

    async def ask(
        self, of: Call, purpose: str, model: str, system: str, text: str, *, max_output: int, timeout_s: float
    ) -> Told:
        """Never raises for what the engine or a budget does. `model` as `provider/model`, served as asked or not at all."""
        said: list[Json] = [{"role": "system", "content": system}] if system else []
        doc: dict[str, Json] = {
            "model": model,
            "messages": [*said, {"role": "user", "content": text}],
            "max_tokens": max_output,
            "temperature": 0,
            "stream": False,
        }
        return await self.again(of, purpose, doc, Dialect.OPENAI_CHAT, model, timeout_s=timeout_s)

    async def again(
        self, of: Call, purpose: str, doc: dict[str, Json], dialect: Dialect, model: str, *, timeout_s: float
    ) -> Told:
        """A whole request in any dialect, not streamed; its own model already named in it (but for Gemini's, in the path)."""
        answer = _Kept()
        exchange = self._exchange(of, purpose, doc, answer, dialect, model)
        task = asyncio.create_task(self._run(exchange))
        # A task that is given up goes on to its own end, and settles there; the set keeps it from being collected.
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        try:
            done, _ = await asyncio.wait((task,), timeout=timeout_s)
        except asyncio.CancelledError:  # whoever wanted the answer has gone
            answer.leave()
            raise
        if not done:
            answer.leave()
            return Told(exchange.call.id, 0, model, "", late=True)
        return Told(exchange.call.id, answer.status, answer.model, _content(answer, dialect))

    async def _run(self, exchange: Exchange) -> None:
        ours.set(True)
        await self._serve(exchange)

    def _exchange(self, of: Call, purpose: str, doc: Json, answer: "_Kept", dialect: Dialect, model: str) -> Exchange:
        body = fields.dump(doc)
        spoken = codec(dialect)
        path_model = model if dialect is Dialect.GEMINI else ""
        outline = spoken.outline(doc, path_model=path_model, stream=False if path_model else None)
        self._number += 1
        at_ms = now_ms()
        session = Session(f"{of.session[:60]}.{purpose}", of.session)
        call = replace(
            of,
            id=f"{at_ms:012x}{self._ids}{self._number & 0xFFFFFF:06x}",
            at_ms=at_ms,
            outline=outline,
            session=session.id,
            parent_session=session.parent,
            headers={},
            wanted_tier=None,
            as_asked=True,
            retry=0,
            body_hash="",
        )
        sender = Sender([(b"content-type", b"application/json")])
        exchange = Exchange(call, spoken, body, doc, sender, answer, session)
        exchange.path_model, exchange.own = path_model, f"{purpose} of {of.id}"
        return exchange


class _Kept(Answer):
    """An answer that nobody but us reads."""

    def __init__(self) -> None:
        super().__init__(self._take, self._watched)
        self._hang_up: Callable[[], None] | None = None
        self.body = b""
        self.model = ""

    def _watched(self, act: Callable[[], None] | None) -> None:
        self._hang_up = act

    async def _take(self, message: Message) -> None:
        if "headers" in message:
            self.model = next((v.decode() for k, v in message["headers"] if k == b"x-turnout-model"), "")
        if "body" in message and len(self.body) < MOST_BYTES:
            self.body += message["body"]

    def leave(self) -> None:
        """As a client that hangs up: a local engine is stopped at once, a cloud one may still tell its usage."""
        if self._hang_up is not None:
            self._hang_up()


def _content(answer: _Kept, dialect: Dialect) -> str:
    """Text, and the tool calls it asks for as lines of their own."""
    try:
        events = codec(dialect).read_reply(fields.load_reply(answer.body))
    except BadRequestError:
        return ""
    parts: list[str] = []
    for event in events:
        if isinstance(event, TextDelta | RefusalDelta):
            parts.append(event.text)
        elif isinstance(event, ToolBegan):
            parts.append(f"\n[{event.name}] ")
        elif isinstance(event, ToolArguments):
            parts.append(event.fragment)
    return "".join(parts).strip()
