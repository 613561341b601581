"""An answer in one piece over a real socket: the same however it is cut, and never more than the limit."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from turnout.calls.units import Family
from turnout.engines.headers import request_head
from turnout.engines.routes import Base, base_of
from turnout.engines.transport import Pool
from turnout.errors import UpstreamError

BODY = b'{"answer": "' + b"x" * 5_000 + b'"}'
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Request-Id: r1\r\nContent-Length: %d\r\n\r\n" % len(BODY)
ANSWER = HEAD + BODY


@asynccontextmanager
async def answering(*pieces: bytes) -> AsyncIterator[Base]:
    """An engine that sends these, a moment between them, and hangs up."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.02)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server, asyncio.timeout(20):
        yield base_of(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", Family.OPENAI)


async def whole(base: Base, limit: int) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    pool = Pool()
    reply = await pool.send(base, request_head("POST", base, "/v1/chat/completions", []), b"{}", 5.0)
    try:
        return await reply.whole(limit), reply.headers
    finally:
        await reply.aclose()
        pool.close()


@pytest.mark.parametrize("cut", [len(ANSWER), len(HEAD), len(HEAD) - 5, len(HEAD) + 1, len(ANSWER) - 1])
async def test_an_answer_in_one_piece_is_whole_wherever_the_network_cuts_it(cut: int) -> None:
    async with answering(ANSWER[:cut], ANSWER[cut:]) as base:
        body, headers = await whole(base, len(BODY))

    assert body == BODY
    assert headers[:2] == [(b"content-type", b"application/json"), (b"x-request-id", b"r1")]


@pytest.mark.parametrize("cut", [len(ANSWER), len(HEAD) + 100])
async def test_an_answer_that_is_too_large_ends_at_the_limit(cut: int) -> None:
    async with answering(ANSWER[:cut], ANSWER[cut:]) as base:
        with pytest.raises(UpstreamError, match="larger than"):
            await whole(base, len(BODY) - 1)


@pytest.mark.parametrize("came", [len(HEAD), len(HEAD) + 100, len(ANSWER) - 1])
async def test_an_answer_that_breaks_off_is_no_answer(came: int) -> None:
    async with answering(ANSWER[:came]) as base:
        with pytest.raises(UpstreamError, match="closed the connection"):
            await whole(base, len(BODY))
