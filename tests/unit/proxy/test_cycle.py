"""One request and its answer over a real socket: bodies in one piece and bounded, answers framed as HTTP has it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn

from turnout.proxy.door.answer import WHOLE
from turnout.proxy.door.cycle import UNREAD, lines
from turnout.proxy.door.protocol import Limited

RECEIVED = 262_144
"""Bytes that asyncio reads from a socket at once."""


@asynccontextmanager
async def served(application: Any) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter, Any]]:
    config = uvicorn.Config(application, http=Limited, ws="none", lifespan="off", log_config=None)
    config.load()
    state = uvicorn.server.ServerState()
    server = await asyncio.get_running_loop().create_server(
        lambda: Limited(config=config, server_state=state, app_state={}), "127.0.0.1", 0
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", server.sockets[0].getsockname()[1])
    try:
        async with asyncio.timeout(20):
            yield reader, writer, state
    finally:
        writer.close()
        server.close()
        for one in list(state.connections):
            one.transport.abort()
        await asyncio.gather(*state.tasks, return_exceptions=True)


def asked(method: str, body: bytes = b"", more: bytes = b"") -> bytes:
    return b"%b / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n%b\r\n" % (method.encode(), len(body), more) + body


class Echo:
    """Answers with what came, and keeps in how many pieces."""

    def __init__(self, status: int = 200, *, sized: bool = True) -> None:
        self.status, self.sized = status, sized
        self.pieces: list[bytes] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.pieces = []
        more = True
        while more:
            message = await receive()
            self.pieces.append(message["body"])
            more = message["more_body"]
        whole = b"".join(self.pieces)
        headers = [(b"content-length", b"%d" % len(whole))] if self.sized else []
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": whole[:3], "more_body": True})
        await send({"type": "http.response.body", "body": whole[3:]})


async def test_a_body_that_comes_in_many_pieces_is_handed_over_in_one() -> None:
    echo = Echo()
    async with served(echo) as (reader, writer, _):
        body = b"x" * 500_000
        writer.write(asked("POST", body))
        answer = await reader.readuntil(b"\r\n\r\n")
        assert await reader.readexactly(len(body)) == body
        assert b"content-length: 500000\r\n" in answer
    assert len(echo.pieces) == 1


async def test_t15_little_of_a_body_is_taken_before_it_is_asked_for() -> None:
    asks = asyncio.Event()
    echo = Echo()

    async def late(scope: Any, receive: Any, send: Any) -> None:
        await asks.wait()
        await echo(scope, receive, send)

    async with served(late) as (reader, writer, state):
        body = b"x" * 20_000_000
        writer.write(asked("POST", body))
        await asyncio.sleep(0.3)
        (connection,) = state.connections
        assert 0 < connection._cycle._unread <= UNREAD + RECEIVED
        asks.set()
        await reader.readuntil(b"\r\n\r\n")
        assert await reader.readexactly(len(body)) == body
    assert max(map(len, echo.pieces)) < 2_000_000


async def test_an_answer_without_length_is_chunked() -> None:
    async with served(Echo(sized=False)) as (reader, writer, _):
        writer.write(asked("POST", b"hello"))
        assert b"transfer-encoding: chunked\r\n" in await reader.readuntil(b"\r\n\r\n")
        assert await reader.readuntil(b"0\r\n\r\n") == b"3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"


async def test_requests_asked_before_an_answer_are_answered_in_order() -> None:
    async with served(Echo()) as (reader, writer, _):
        writer.write(asked("POST", b"one") + asked("POST", b"two") + asked("POST", b"three"))
        for body in (b"one", b"two", b"three"):
            await reader.readuntil(b"\r\n\r\n")
            assert await reader.readexactly(len(body)) == body


async def test_a_head_is_answered_without_a_body() -> None:
    async with served(Echo(sized=False)) as (reader, writer, _):
        writer.write(asked("HEAD") + asked("POST", b"after"))
        assert b"chunked" not in await reader.readuntil(b"\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200 OK")


async def test_a_status_that_has_no_name_is_told_all_the_same() -> None:
    async with served(Echo(529)) as (reader, writer, _):
        writer.write(asked("POST", b"x"))
        assert await reader.readline() == b"HTTP/1.1 529 \r\n"


async def test_who_waits_for_a_100_gets_it_when_the_body_is_asked_for() -> None:
    async with served(Echo()) as (reader, writer, _):
        writer.write(asked("POST", b"hello", b"Expect: 100-continue\r\n")[:-5])
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"hello")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")


async def test_a_head_that_comes_again_means_the_same_and_another_one_what_it_says() -> None:
    told = b"HTTP/1.1 100 Continue\r\n\r\n"
    async with served(Echo()) as (reader, writer, _):
        for waits in (True, True, False, True, False, False):
            writer.write(asked("POST", b"hello", b"Expect: 100-continue\r\n" if waits else b"")[:-5])
            if waits:
                assert await reader.readuntil(b"\r\n\r\n") == told
            writer.write(b"hello")
            assert (await reader.readuntil(b"hello")).startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize(
    "header",
    [
        (b"x-a", b"1\r\nx-b: 2"),
        (b"x-a", b"1\nx-b: 2"),
        (b"x-a", b"1\r"),
        (b"x-a", b"\0"),
        (b"x-a: 1\r\nx-b", b"2"),
        (b"x a", b"1"),
        (b"", b"1"),
        (b"Content-Length", b"1"),
    ],
)
def test_t13_a_header_that_is_none_or_two_is_never_sent(header: tuple[bytes, bytes]) -> None:
    with pytest.raises(RuntimeError):
        lines([(b"x-fine", b"a \xe9 (b); c"), header])


def test_headers_are_written_as_lines() -> None:
    assert lines([(b"x-a", b"1"), (b"x-b", b"")]) == b"x-a: 1\r\nx-b: \r\n"


async def test_an_answer_in_one_piece_is_framed_as_one_in_two() -> None:
    async def whole(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": WHOLE, "status": 404, "headers": [(b"content-length", b"2")], "body": b"no"})

    async with served(whole) as (reader, writer, _):
        writer.write(asked("POST", b"x") + asked("HEAD"))
        assert await reader.readuntil(b"no") == b"HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\nno"
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\n"


async def test_a_body_that_nobody_wants_is_let_go_by_after_the_answer() -> None:
    async def refuses(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": WHOLE, "status": 413, "headers": [(b"content-length", b"2")], "body": b"no"})

    async with served(refuses) as (reader, writer, _):
        for _ in range(2):
            writer.write(asked("POST", b"x" * 20_000_000))
            await writer.drain()
            assert (await reader.readuntil(b"no")).startswith(b"HTTP/1.1 413")
