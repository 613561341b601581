"""What the control API does, done by the command line on a ledger whose proxy does not run."""

import asyncio
from collections.abc import Awaitable, Callable

from turnout.calls.units import Json, Mode
from turnout.control.runtime import InstanceLock
from turnout.errors import BadRequestError, ControlError
from turnout.ledger.reader import Reader
from turnout.ledger.recover import recover
from turnout.ledger.writer import Writer
from turnout.proxy.api.clients import Clients, client_rows
from turnout.proxy.door.tokens import Tokens
from turnout.proxy.keep import mode_json
from turnout.proxy.now import now_ms
from turnout.settings.paths import Paths

Doc = dict[str, Json]
Act = Callable[[Writer, Reader], "Doc | Awaitable[Doc]"]


class Offline:
    """The CLI's stand-in for ControlClient while no proxy runs: the same ledger, the same lock, for one command at a time."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths

    def _run(self, act: Act) -> Doc:
        self._paths.make()
        with InstanceLock(self._paths.lock) as lock:
            if not lock.acquire():
                raise ControlError("A proxy is starting or stopping just now.", hint="Try again in a moment.")
            recover(self._paths.ledger)
            return asyncio.run(self._with_writer(act))

    async def _with_writer(self, act: Act) -> Doc:
        writer = Writer(self._paths.ledger, asyncio.get_running_loop())
        reader = Reader(self._paths.ledger)
        try:
            done = act(writer, reader)
            found = done if isinstance(done, dict) else await done
            await writer.flush()
            return found
        finally:
            reader.close()
            writer.close()

    def clients(self) -> list[Json]:
        reader = Reader(self._paths.ledger)
        try:
            return client_rows(reader, {})
        finally:
            reader.close()

    def client_add(self, name: str, department: str = "", project: str = "") -> Doc:
        return self._run(lambda w, r: Clients(w, r, Tokens()).add(name, department, project))

    def client_rotate(self, name: str) -> Doc:
        return self._run(lambda w, r: Clients(w, r, Tokens()).rotate(name))

    def client_remove(self, name: str) -> Doc:
        return self._run(lambda w, r: Clients(w, r, Tokens()).remove(name))

    def mode(self, mode: str) -> Doc:
        try:
            found = Mode(mode)
        except ValueError:
            raise BadRequestError(f"{mode[:20]!r} is no mode", hint="One of auto, local, cloud, passthrough.") from None

        def run(writer: Writer, reader: Reader) -> Doc:
            writer.keep("state", "mode", mode_json(found, None), now_ms())
            return {"mode": found.value, "paused_until_ms": None}

        return self._run(run)

    def thumbs(self, call: str, *, up: bool) -> Doc:
        def run(writer: Writer, reader: Reader) -> Doc:
            writer.keep("thumb", call, up, now_ms())
            return {"call": call, "up": up}

        return self._run(run)

    def verdict(self, call: str, *, good: bool) -> Doc:
        def run(writer: Writer, reader: Reader) -> Doc:
            writer.keep("verdict", call, good, now_ms())
            return {"call": call, "good": good}

        return self._run(run)

    def keep(self, kind: str, key: str, value: Json) -> Doc:
        def run(writer: Writer, reader: Reader) -> Doc:
            writer.keep(kind, key, value, now_ms())
            return {}

        return self._run(run)

    def drop(self, kind: str, key: str) -> Doc:
        def run(writer: Writer, reader: Reader) -> Doc:
            writer.drop(kind, key)
            return {}

        return self._run(run)
