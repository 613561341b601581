"""The server's own limits on a connection, over real sockets with short times: slow heads, slow bodies, too many at once (T15)."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn

from turnout.proxy.door.protocol import CONNECTIONS, Limited

HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n"
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


class Short(Limited):
    head_s = 0.3
    body_s = 0.4


async def reads_its_body(scope: Any, receive: Any, send: Any) -> None:
    while (message := await receive()).get("more_body"):
        if message["type"] == "http.disconnect":
            return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@asynccontextmanager
async def serving() -> AsyncIterator[int]:
    config = uvicorn.Config(reads_its_body, http=Short, ws="none", lifespan="off", log_config=None)
    config.load()
    state = uvicorn.server.ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Short(config=config, server_state=state, app_state={}), "127.0.0.1", 0, backlog=512
    )
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for one in list(state.connections):
            one.transport.abort()
        await asyncio.gather(*state.tasks, return_exceptions=True)


async def ended_after(reader: asyncio.StreamReader, started: float) -> float:
    try:
        while await reader.read(1000):
            pass
    except ConnectionError:
        pass
    return time.monotonic() - started


@pytest.mark.parametrize("sent", [b"", b"POST", HEAD[:-2], HEAD, HEAD + b"half a body"])
async def test_t15_who_stands_still_in_head_or_body_is_let_go(sent: bytes) -> None:
    async with serving() as port, asyncio.timeout(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        started = time.monotonic()
        writer.write(sent)

        assert await ended_after(reader, started) >= 0.25
        writer.close()


async def test_t15_a_body_that_moves_on_is_waited_for_and_a_head_that_drips_is_not() -> None:
    async with serving() as port, asyncio.timeout(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(HEAD)
        for _ in range(10):
            await asyncio.sleep(0.1)
            writer.write(b"x" * 10)
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        writer.close()

        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for byte in GET[:10]:
            writer.write(bytes([byte]))
            await asyncio.sleep(0.1)
            if reader.at_eof():
                break
        assert await ended_after(reader, time.monotonic()) < 15
        writer.close()


@pytest.mark.parametrize("sent", [b"", b"GET / HT", HEAD + b"half"], ids=["idle", "heads", "bodies"])
async def test_t15_a_flood_shuts_nobody_out(sent: bytes) -> None:
    async with serving() as port, asyncio.timeout(60):
        flood = []
        for _ in range(CONNECTIONS + 40):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(sent)
            flood.append(writer)

        for _ in range(5):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(GET)
            assert (await reader.readline()).startswith(b"HTTP/1.1 200")
            writer.close()
        for writer in flood:
            writer.close()
