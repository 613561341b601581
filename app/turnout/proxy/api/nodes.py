"""The local engines that manage models of their own (Ollama, one or several): what each has, and what is done with it.

A name may say its node ("local/qwen3:8b"); without one the first Ollama in turnout.toml is meant, or the one that has the model.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, suppress
from dataclasses import asdict

import orjson

from turnout.calls.provider import Provider
from turnout.calls.units import Family, Json
from turnout.control.messages import LocalModel, Node
from turnout.engines import library
from turnout.errors import BadRequestError, NotFoundError, TurnoutError, UpstreamError
from turnout.proxy.api.lines import told_in_lines
from turnout.proxy.door.answer import Answer
from turnout.proxy.roster import Known, Model
from turnout.proxy.state import State

SILENT_S = 1.0
TOLD_S = 0.2
"""Between two lines of progress: Ollama writes some sixty a second."""


class Nodes:
    def __init__(self, state: State, ask: Callable[[Provider], Awaitable[None]]) -> None:
        """`ask` learns anew what one provider has."""
        self._state, self._ask = state, ask

    async def rows(self) -> Json:
        """Asked now, all at once; one that is down takes at most as long as its own time limit."""
        found = self._ollamas()
        await asyncio.gather(*(self._ask(one) for one in found))
        return {"nodes": [_row(one, self._state.known.get(one.name, Known("unknown"))) for one in found]}

    async def pull(self, name: str, node: str, answer: Answer) -> None:
        """JSON lines {"status","completed","total"}, the last {"status": "success"} or {"error": {...}}."""
        provider, model = self._meant(name, node)

        async def pulled() -> Json:
            # Closing the lines ends the engine's download.
            async with aclosing(library.pull(self._state.engine(provider.name), model)) as lines:
                return await _tell(lines, answer)

        last = await told_in_lines(answer, pulled)
        if last is None:
            return
        await self._ask(provider)
        with suppress(OSError):
            await answer.finish(orjson.dumps(last) + b"\n")

    async def remove(self, name: str, node: str) -> Json:
        provider, model = self._having(name, node)
        await library.remove(self._state.engine(provider.name), model)
        await self._ask(provider)
        return {"name": model, "provider": provider.name}

    async def load(self, name: str, node: str) -> Json:
        """With the window its next call would ask for, so that that call does not load it again."""
        provider, model = self._having(name, node)
        candidate = self._state.roster().named.get(f"{provider.name}/{model}")
        window = provider.num_ctx or self._state.learned.window(
            f"{provider.name}/{model}", 1, candidate.context if candidate is not None else None
        )
        await library.load(self._state.engine(provider.name), model, window)
        await self._ask(provider)
        return {"name": model, "provider": provider.name, "window": window}

    async def unload(self, name: str, node: str) -> Json:
        provider, model = self._having(name, node)
        await library.unload(self._state.engine(provider.name), model)
        await self._ask(provider)
        return {"name": model, "provider": provider.name}

    # --- whose ---

    def _ollamas(self) -> list[Provider]:
        return [one for one in self._state.settings.providers.values() if one.family is Family.OLLAMA and one.enabled]

    def _meant(self, name: str, node: str) -> tuple[Provider, str]:
        """For a model that need not be there yet."""
        name = name.strip()
        if not name or len(name) > 300 or any(not c.isprintable() for c in name):
            raise BadRequestError("that is no name of a model", hint="Write it like qwen3-coder:30b.")
        found = self._ollamas()
        if not found:
            raise NotFoundError(
                "no Ollama is set up here",
                hint='Install it, then add [providers.local] with dialect = "ollama" to turnout.toml.',
            )
        wanted = next((one for one in found if one.name == node), None)
        if node and wanted is None:
            raise NotFoundError(f"there is no Ollama {node[:80]!r}", hint="`turnout models list` shows what is set up.")
        prefix, slash, rest = name.partition("/")
        named = next((one for one in found if slash and one.name == prefix), None)
        if wanted is None:
            return (named, rest) if named is not None else (found[0], name)
        return wanted, rest if named is wanted else name

    def _having(self, name: str, node: str) -> tuple[Provider, str]:
        """For one that is there: without a node, whoever has it."""
        provider, model = self._meant(name, node)
        if not node and name == model:
            for one in self._ollamas():
                known = self._state.known.get(one.name)
                if known is not None and (model in known.models or f"{model}:latest" in known.models):
                    return one, model
        return provider, model


async def _tell(lines: AsyncGenerator[tuple[str, int, int], None], answer: Answer) -> dict[str, Json]:
    """Passes on what is new of a status at once, and counts a few times a second; the last line is left to the caller.

    While the engine is silent the last line comes again every second: whoever reads can then also leave.
    """
    loop = asyncio.get_running_loop()
    said, told = "", 0.0
    last: dict[str, Json] = {"status": "asking for it"}
    coming = asyncio.ensure_future(anext(lines))
    try:
        while True:
            if not (await asyncio.wait((coming,), timeout=SILENT_S))[0]:
                await answer.write(orjson.dumps(last) + b"\n")
                continue
            try:
                status, completed, total = coming.result()
            except StopAsyncIteration:
                break
            last = {"status": status} | ({"completed": completed, "total": total} if total else {})
            if status != said or loop.time() - told >= TOLD_S:
                said, told = status, loop.time()
                await answer.write(orjson.dumps(last) + b"\n")
            coming = asyncio.ensure_future(anext(lines))
    finally:
        coming.cancel()
        with suppress(asyncio.CancelledError, StopAsyncIteration, TurnoutError):
            await coming
    if said != "success":
        raise UpstreamError("The engine ended the pull without saying that the model is whole.", hint="Pull it again.")
    return last


def _row(provider: Provider, known: Known) -> Json:
    models = sorted(known.models.values(), key=lambda one: (not one.loaded, one.name))
    return asdict(
        Node(
            provider.name,
            provider.base_url,
            known.state,
            known.detail,
            known.version,
            provider.num_ctx,
            tuple(_model(one) for one in models),
        )
    )


def _model(one: Model) -> LocalModel:
    return LocalModel(
        name=one.name,
        size=one.size,
        parameters=one.parameters,
        quantization=one.quantization,
        context=int(one.context) if one.context is not None else None,
        remote=one.remote,
        embeds=one.embeds,
        loaded=one.loaded,
        memory=one.held,
        vram=one.vram,
        window=one.window,
        until=one.until,
    )
