"""`turnout serve`: one instance, loopback sockets, uvicorn, the ready line, a graceful stop."""

import asyncio
import contextlib
import errno
import gc
import json
import logging
import logging.handlers
import os
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from turnout import __version__
from turnout.control.runtime import InstanceLock, Runtime, read_runtime, write_runtime
from turnout.errors import SettingsError, TurnoutError
from turnout.proxy.firstrun import first_run
from turnout.proxy.inforce import read_config
from turnout.proxy.program import Program
from turnout.settings.paths import Paths

if TYPE_CHECKING:
    from uvicorn import Server

log = logging.getLogger("turnout.server")

GRACE_S = 8.0
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def serve(paths: Paths, *, port: int | None = None, host: str | None = None, parent_stdin: bool = False) -> int:
    """The exit code: 0 done (also when another instance runs), 1 could not start, 2 a bad file."""
    _harden()
    try:
        paths.make()
        return _alone(paths, port, host, parent_stdin=parent_stdin)
    except SettingsError as error:
        return _fail(error, 2)
    except TurnoutError as error:
        return _fail(error, 1)
    except OSError as error:
        # A disk that is full or cannot be written to, met while the first files are made.
        text = f"Turnout cannot start: {error.strerror or type(error).__name__}: {error.filename or ''}".rstrip(": ")
        return _fail(TurnoutError(text + ".", hint="Look at that place, or set TURNOUT_HOME to another folder."), 1)


def _alone(paths: Paths, port: int | None, host: str | None, *, parent_stdin: bool) -> int:
    lock = InstanceLock(paths.lock)
    if not lock.acquire():
        running = read_runtime(paths.runtime)
        where = f" at {running.url} (pid {running.pid})" if running is not None else ""
        hint = "`turnout status` says more; stop it first, or set TURNOUT_HOME to another folder for a second one."
        print(f"Turnout is running already{where}. {hint}", file=sys.stderr)  # noqa: T201  this is its message to the user
        return 0
    _log_to(paths.log)
    # The loop thread lets the ledger's thread in after 1 ms instead of 5: a hold is waited for.
    sys.setswitchinterval(0.001)
    try:
        return asyncio.run(_serve(paths, port, host, parent_stdin=parent_stdin))
    except KeyboardInterrupt:
        return 0
    finally:
        with contextlib.suppress(OSError):
            paths.runtime.unlink()
        lock.release()


def _fail(error: TurnoutError, code: int) -> int:
    print(error.said, file=sys.stderr)  # noqa: T201  this is its message to the user
    return code


async def _serve(paths: Paths, port: int | None, host: str | None, *, parent_stdin: bool) -> int:
    import uvicorn

    from turnout.engines.transport import Pool
    from turnout.proxy.door.protocol import Limited

    looker = Pool()
    steps = await first_run(paths, looker, port or 7717)
    looker.close()
    config = read_config(paths)
    server_settings = config.settings.server
    wanted = port if port is not None else server_settings.port
    address = host or server_settings.host
    sockets = _bind(address, wanted)
    bound = int(sockets[0].getsockname()[1])
    for extra in (*server_settings.also_listen, *(client.port for client in config.settings.clients)):
        sockets += _bind("127.0.0.1", extra)
    stopping = asyncio.Event()
    program = Program(paths, config, bound, address, stopping.set)
    program.next_steps = steps
    app = await program.start()
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            http=Limited,
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            date_header=True,
            proxy_headers=False,
            timeout_graceful_shutdown=10,
            limit_concurrency=None,
            backlog=1024,
            loop="asyncio",
        )
    )
    _calm_collector()
    url = _url(address, bound)
    program.admin.url = url
    runtime = Runtime(url, os.getpid(), program.control_token, __version__, program.started_ms)
    loop = asyncio.get_running_loop()
    for name in ("SIGTERM", "SIGINT"):
        with contextlib.suppress(NotImplementedError, AttributeError):
            loop.add_signal_handler(getattr(signal, name), stopping.set)
    if parent_stdin:
        _stop_with_parent(loop, stopping)
    serving = loop.create_task(_run(server, sockets))
    while not server.started and not serving.done():  # noqa: ASYNC110  uvicorn has a flag, no event
        await asyncio.sleep(0.005)
    if serving.done():
        await serving
    write_runtime(paths.runtime, runtime)
    if address not in _LOOPBACK:
        _say(
            f"Warning: listening on {address}, beyond this machine. Every call needs a client token; use a network you trust."
        )
    for client in config.settings.clients:
        _say(
            f"Warning: port {client.port} takes calls of {client.name!r} without a token, from any program on this machine."
        )
    print(json.dumps({"event": "ready", "url": url, "pid": os.getpid(), "version": __version__}), flush=True)  # noqa: T201
    if config.rules_error:
        _say(f"{config.rules_error} The last good rules are in force.")
    for line in steps:
        _say(line)
    stop_wait = loop.create_task(stopping.wait())
    await asyncio.wait({stop_wait, serving}, return_when=asyncio.FIRST_COMPLETED)
    # The listener closes first; calls under way finish or get a clean error (I05).
    for listening in server.servers:
        listening.close()
    await program.stop(GRACE_S)
    # What has not finished by now is cut: its client is told, and its row settles in its own `finally`.
    late = list(server.server_state.tasks)
    for task in late:
        task.cancel()
    if late:
        await asyncio.wait(late, timeout=2)
        # One that had not begun could not take itself off.
        server.server_state.tasks.difference_update(late)
    server.should_exit = True
    server.force_exit = program.app.in_flight > 0
    await asyncio.wait({serving}, timeout=3)
    program.close()
    return 0


def _url(address: str, port: int) -> str:
    """Where our own commands and the tray find us: an address that means every one is none to connect to."""
    reached = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)  # noqa: S104  recognised, not bound
    return f"http://{f'[{reached}]' if ':' in reached else reached}:{port}"


async def _run(server: "Server", sockets: list[socket.socket]) -> None:
    """uvicorn's own `serve` without its signal handlers: ours close the listener first."""
    config = server.config
    if not config.loaded:
        config.load()
    server.lifespan = config.lifespan_class(config)
    await server.startup(sockets=sockets)
    if not server.should_exit:
        await server.main_loop()
        await server.shutdown(sockets=sockets)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201  this is its message to the user


def _bind(host: str, port: int) -> list[socket.socket]:
    """127.0.0.1 and, where there is IPv6, ::1 for the loopback; exactly the named address else. Never 0.0.0.0 by itself (T05)."""
    first = _listen(
        socket.AF_INET6 if ":" in host else socket.AF_INET, host if host != "localhost" else "127.0.0.1", port
    )
    found = [first]
    if host in ("127.0.0.1", "localhost"):
        try:
            found.append(_listen(socket.AF_INET6, "::1", int(first.getsockname()[1])))
        except PortTakenError as error:
            # Somebody else on ::1 would get the calls of every client that says "localhost" (T07). No IPv6 at all is fine.
            if error.taken:
                first.close()
                raise
    return found


class PortTakenError(TurnoutError):
    """`taken`: somebody else listens there; else the address cannot be had at all."""

    code = "turnout_port"

    def __init__(self, host: str, port: int, error: OSError) -> None:
        holder = holder_of(port)
        super().__init__(
            f"Port {port} on {host} cannot be taken: {error.strerror}{f' (held by {holder})' if holder else ''}.",
            hint="Stop what holds it, or set another `port` under [server] in turnout.toml."
            if error.errno in (errno.EADDRINUSE, errno.EACCES)
            else "Name an address of this machine: 127.0.0.1 unless you know why.",
        )
        self.taken = error.errno == errno.EADDRINUSE


def _listen(family: socket.AddressFamily, host: str, port: int) -> socket.socket:
    # With its protocol named, asyncio turns Nagle off on what it accepts: without that an answer waits 40 ms for an ACK.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family is socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((host, port))
        sock.listen(1024)
        sock.setblocking(False)
    except OSError as error:
        sock.close()
        raise PortTakenError(host, port, error) from error
    return sock


def holder_of(port: int) -> str:
    """`name (pid N)` of who listens on a loopback port, where Linux lets us see it; else empty (T07)."""
    inodes: dict[str, str] = {}
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                parts = line.split()
                if parts[3] == "0A" and int(parts[1].rpartition(":")[2], 16) == port:
                    inodes[parts[9]] = parts[7]
    if not inodes:
        return ""
    for process in Path("/proc").glob("[0-9]*"):
        if process.name == str(os.getpid()):
            continue  # we hold the port at the other loopback address by now
        with contextlib.suppress(OSError):
            for handle in (process / "fd").iterdir():
                if any(f"socket:[{inode}]" == os.readlink(handle) for inode in inodes):  # noqa: PTH115  a link to no path
                    return f"{(process / 'comm').read_text().strip()} (pid {process.name})"
    if str(os.getuid()) in inodes.values():
        # A process that forbids looking into it, as Turnout itself does.
        return "a process of yours, maybe another Turnout"
    return "a process of another user"


def _stop_with_parent(loop: asyncio.AbstractEventLoop, stopping: asyncio.Event) -> None:
    """Who started us holds our stdin open; when it ends, so do we."""

    def wait() -> None:
        with contextlib.suppress(OSError, ValueError):
            while sys.stdin.buffer.read(4096):
                pass
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(stopping.set)

    threading.Thread(target=wait, name="parent", daemon=True).start()


def _calm_collector() -> None:
    """What is loaded by now lives as long as the process, and a call leaves no cycles: looking through all of it every few
    calls was an eighth of a call's CPU (0.57 ms before, 0.50 after, median of 40 batches; tests/bench/call_bench.py)."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def _harden() -> None:
    """No core file, no ptrace by others: keys are in this memory (T08)."""
    os.umask(0o077)
    if os.name != "posix":
        return
    import resource

    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            import ctypes

            ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)  # PR_SET_DUMPABLE


def _log_to(path: Path) -> None:
    """One line per event, ids and never bodies, at every level; 5 MB, three of them."""
    handler = logging.handlers.RotatingFileHandler(path, maxBytes=5_000_000, backupCount=2, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.DEBUG if os.environ.get("TURNOUT_DEBUG") else logging.INFO)
    for noisy in ("asyncio", "uvicorn", "uvicorn.error", "httpx", "httpcore"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
