"""Talking to the proxy that runs: found anew for each question, for it may have been replaced meanwhile.

All of it blocks for up to a few seconds and raises TurnoutError; it belongs into the pool.
"""

import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from turnout.calls.units import Json
from turnout.control.messages import Status
from turnout.errors import ControlError

if TYPE_CHECKING:
    from turnout.control.client import ControlClient


class Link:
    def __init__(self, runtime: Path) -> None:
        self._runtime = runtime

    def running(self) -> bool:
        """Whether a proxy listens where the runtime file says.

        The file alone proves nothing: after a power cut it is left, and its process id may be somebody else's.
        """
        from turnout.control.runtime import read_runtime

        runtime = read_runtime(self._runtime)
        if runtime is None:
            return False
        url = urlsplit(runtime.url)
        try:
            with socket.create_connection((url.hostname or "127.0.0.1", url.port or 7717), timeout=1.0):
                return True
        except OSError:
            return False

    def status(self) -> Status:
        return self.client().status()

    def events(self) -> Iterator[Status]:
        return self.client().events()

    def act(self, intent: str, argument: str) -> None:
        """What a menu item or button asks of the proxy; `argument` as in `menu`."""
        client = self.client()
        if intent == "mode":
            client.mode(argument)
            # Choosing a mode says what routing shall do from now on, so it ends a pause.
            client.resume()
        elif intent == "pause":
            client.pause(int(argument) or None)
        elif intent == "resume":
            client.resume()
        elif intent == "allow":
            client.session_allow(argument)
        elif intent == "allow-usd":
            client.session_allow(argument, usd="1.00")
        elif intent == "stop":
            client.session_stop(argument)
        else:
            raise ControlError(f"unknown wish {intent}")

    def ask(
        self, method: str, path: str, body: Mapping[str, Json] | None = None, timeout_s: float = 10.0
    ) -> dict[str, Json]:
        """One question under `/_control/v1/`, for what `ControlClient` has no word for."""
        return self.client().ask(method, path, dict(body) if body is not None else None, timeout_s)

    def client(self) -> "ControlClient":
        from turnout.control.client import ControlClient
        from turnout.control.runtime import read_runtime

        runtime = read_runtime(self._runtime)
        if runtime is None:
            raise ControlError(
                "The proxy is not running.", hint="Start it from the tray's menu or with `turnout serve`."
            )
        return ControlClient(runtime)


def part(name: str) -> str:
    """A name as one part of a control path."""
    return quote(name, safe="")
