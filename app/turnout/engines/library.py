"""What an Ollama has on its disk and in its memory, changed through its own client: pull, remove, load, unload.

The client is loaded when the first of these is asked for (httpx costs 15 MB). Left alone it would follow redirects, read
proxies from the environment and send `OLLAMA_API_KEY` of the environment to whatever host it is told; here it does none of it.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from turnout.calls.units import Family
from turnout.engines.engine import Engine
from turnout.errors import BadRequestError, EngineStatusError, EngineUnreachableError, TurnoutError, UpstreamError

if TYPE_CHECKING:
    from ollama import AsyncClient

SILENT_S = 120.0
"""A pull that says nothing for so long is given up: Ollama reports several times a second while bytes come."""
LOAD_S = 600.0
"""Reading tens of gigabytes from a slow disk."""
KEEP_ALIVE = "30m"
"""How long a model that the user warmed up stays; each call moves it on."""
_NO_KEY = "none"


@asynccontextmanager
async def _client(engine: Engine, timeout_s: float) -> AsyncIterator["AsyncClient"]:
    """Raises what the engine or the network did as an UpstreamError that says it in one sentence."""
    await asyncio.to_thread(_loaded)  # 0.3 s and more, in which calls go on
    import httpx
    import ollama

    if engine.family is not Family.OLLAMA:
        raise BadRequestError(
            f"{engine.provider.name} is no Ollama.", hint="Only an Ollama pulls, removes and loads models on request."
        )
    key = await engine.key() or _NO_KEY
    base = engine.base
    host = base.origin + base.path.removesuffix("/api")
    client = ollama.AsyncClient(
        host,
        follow_redirects=False,
        trust_env=False,
        timeout=httpx.Timeout(timeout_s, connect=engine.provider.connect_s),
        headers={"authorization": f"Bearer {key}"},
    )
    try:
        yield client
    except (ConnectionError, httpx.ConnectError, httpx.ConnectTimeout) as error:
        raise EngineUnreachableError(
            f"{engine.provider.name} at {base.origin} cannot be reached.", hint="Check that Ollama runs there."
        ) from error
    except httpx.TimeoutException as error:
        raise UpstreamError(f"{engine.provider.name} said nothing for {timeout_s:g} s.", hint="Try again.") from error
    except (httpx.HTTPError, ValueError) as error:
        raise UpstreamError(
            f"{engine.provider.name} broke off in the middle of its answer ({type(error).__name__}).",
            hint="Check that Ollama still runs; what it has downloaded is kept.",
        ) from error
    except ollama.ResponseError as error:
        raise _said(engine, error.error, error.status_code) from error
    finally:
        await client.close()  # type: ignore[no-untyped-call]


def _loaded() -> None:
    import httpx
    import ollama

    del httpx, ollama


def _said(engine: Engine, message: object, status: int) -> TurnoutError:
    """The client hands on whatever stood under `error`: an object, where something else than Ollama answers."""
    return EngineStatusError(
        f"{engine.provider.name}: {engine.scrubbed(str(message).encode()).decode('utf-8', 'replace')[:500]}",
        answer_status=status if status >= 400 else 502,
    )


async def pull(engine: Engine, name: str) -> AsyncGenerator[tuple[str, int, int], None]:
    """(what it does, bytes done, bytes in all; 0: not known), several a second. Closing it ends the engine's download."""
    async with _client(engine, SILENT_S) as client:
        async for line in await client.pull(name, stream=True):
            yield line.status or "", line.completed or 0, line.total or 0


async def remove(engine: Engine, name: str) -> None:
    async with _client(engine, 60.0) as client:
        await client.delete(name)


async def load(engine: Engine, name: str, num_ctx: int | None) -> None:
    """Into memory, with the window that calls will ask for: another one would load it anew."""
    async with _client(engine, LOAD_S) as client:
        await client.generate(name, keep_alive=KEEP_ALIVE, options={"num_ctx": num_ctx} if num_ctx else None)


async def unload(engine: Engine, name: str) -> None:
    async with _client(engine, 60.0) as client:
        await client.generate(name, keep_alive=0)
