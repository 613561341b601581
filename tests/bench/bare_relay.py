"""Turnout's two HTTP edges with nothing between them: no token, rule, budget, hold or row. What a relay in Python costs at the least.

`proxy_bench.py` runs it beside Turnout: how many times its cost a call of Turnout takes depends on the machine far less than the
milliseconds do. Run by hand: `PYTHONPATH=app python tests/bench/bare_relay.py PORT UPSTREAM`.
"""

import asyncio
import sys
from typing import Any

import uvicorn

from turnout.calls.units import Family
from turnout.engines.headers import request_head
from turnout.engines.routes import base_of
from turnout.engines.transport import Pool
from turnout.proxy.door.protocol import Limited
from turnout.proxy.server import _bind, _calm_collector

JSON = [(b"content-type", b"application/json")]
CONNECT_S = 5.0


async def relay(port: int, upstream: str) -> None:
    base, pool = base_of(upstream, Family.OPENAI), Pool()

    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body += message["body"]
            more = message["more_body"]
        sized = [*JSON, (b"content-length", b"%d" % len(body))]
        reply = await pool.send(
            base, request_head("POST", base, scope["raw_path"].decode("ascii"), sized), body, CONNECT_S
        )
        kind = next((value for name, value in reply.headers if name.lower() == b"content-type"), b"application/json")
        headers = [(b"content-type", kind)]
        if b"event-stream" in kind:
            await send({"type": "http.response.start", "status": reply.status, "headers": headers})
            async for piece in reply:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        else:
            whole = b"".join([piece async for piece in reply])
            headers.append((b"content-length", b"%d" % len(whole)))
            await send({"type": "http.response.start", "status": reply.status, "headers": headers})
            await send({"type": "http.response.body", "body": whole})
        await reply.aclose()

    server = uvicorn.Server(
        uvicorn.Config(app, http=Limited, ws="none", lifespan="off", access_log=False, log_config=None, loop="asyncio")
    )
    _calm_collector()
    await server.serve(sockets=_bind("127.0.0.1", port))


if __name__ == "__main__":
    asyncio.run(relay(int(sys.argv[1]), sys.argv[2]))
