"""`doctor`'s examination: each check looks at one thing, says how it is, and how to mend it. Changes nothing."""

import os
import shutil
import socket
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from turnout.errors import KeysError, SettingsError, TurnoutError
from turnout.settings.model import Settings
from turnout.settings.paths import Paths

if TYPE_CHECKING:
    from turnout.control.messages import Status

LITTLE = 2_000_000
"""Bytes left on a disk at which a start, or the next hundred calls, may find it full."""


_DAMAGED = ("malformed", "not a database")
"""Of SQLite's messages, what no later try mends."""


class State(Enum):
    GOOD = "ok"
    NOTE = "note"
    """Works, but could be better."""
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    state: State
    detail: str
    fix: str = ""


def examine() -> list[Check]:
    from turnout.settings.paths import paths

    where = paths()
    try:
        where.make()
    except SettingsError as error:
        return [Check("folders", State.BAD, error.message, error.hint)]
    checks: tuple[Callable[[Paths], Iterator[Check]], ...] = (
        _folders,
        _settings,
        _rules,
        _proxy,
        _ledger,
        _prices,
        _telemetry,
        _keys,
        _clients,
    )
    found: list[Check] = []
    for check in checks:
        # A file that cannot be read stops several checks: it is said once.
        told = {one.detail for one in found if one.state is State.BAD}
        found += [one for one in _tried(check, where) if one.state is not State.BAD or one.detail not in told]
    return found


def _tried(check: Callable[[Paths], Iterator[Check]], where: Paths) -> list[Check]:
    """One broken part does not hide the others."""
    try:
        return list(check(where))
    except TurnoutError as error:
        return [Check(check.__name__.strip("_"), State.BAD, error.message, error.hint)]


def _folders(where: Paths) -> Iterator[Check]:
    if os.name == "posix":
        for file in (where.settings, where.rules, where.ledger, where.runtime):
            fault = _fault(file)
            if fault:
                yield Check("files", State.BAD, f"{file} {fault}", f"Make it yours alone: chmod 600 {file}")
                return
    folders = (where.config, where.data, where.state)
    for folder in dict.fromkeys(folders):
        if not os.access(folder, os.W_OK | os.X_OK):
            yield Check(
                "folders", State.BAD, f"{folder} cannot be written", "Check who owns it, and how its disk is mounted."
            )
            return
    free = shutil.disk_usage(where.data).free
    if free < LITTLE:
        fix = "Free some: a ledger that cannot be written refuses paid calls."
        yield Check("disk", State.BAD, f"only {free / 1_000_000:.1f} MB are left where {where.data} is", fix)
    yield Check("folders", State.GOOD, ", ".join(map(str, folders)))


def _fault(file: Path) -> str:
    """What makes a file unsafe to trust (T25); empty: nothing."""
    try:
        found = file.lstat()
    except OSError:
        return ""
    if found.st_uid != os.getuid():
        return "belongs to another user"
    return "can be written by others" if stat.S_ISREG(found.st_mode) and found.st_mode & 0o022 else ""


def _read(where: Paths) -> Settings:
    from turnout.settings.files import read_settings

    return read_settings(where.settings)


def _settings(where: Paths) -> Iterator[Check]:
    if not where.settings.exists():
        yield Check("settings", State.NOTE, "there is no turnout.toml yet", "The first `turnout serve` writes one.")
        return
    settings = _read(where)
    used = sum(len(names) for names in settings.tiers.values())
    yield Check("settings", State.GOOD, f"{len(settings.providers)} providers, {used} models in tiers")
    if not used:
        fix = "`turnout key set anthropic` adds a cloud provider; or install Ollama, pull a model and list it under [tiers]."
        yield Check("tiers", State.BAD, "no tier has a model: every call will be answered with an error", fix)


def _rules(where: Paths) -> Iterator[Check]:
    from turnout.proxy.plus import lacking
    from turnout.routing.rulefile import check_rules
    from turnout.settings.files import own_text

    text = own_text(where.rules)
    if text is None:
        yield Check("rules", State.NOTE, "there is no rules.toml yet", "The first `turnout serve` writes one.")
        return
    checked = check_rules(text, (), str(where.rules))
    if checked.rules is None:
        more = f" (and {len(checked.errors) - 1} more)" if len(checked.errors) > 1 else ""
        yield Check(
            "rules",
            State.BAD,
            checked.errors[0].message + more,
            checked.errors[0].hint or "Correct that line of rules.toml.",
        )
        return
    yield Check("rules", State.GOOD, f"{len(checked.rules.rules)} rules, {len(checked.rules.budgets)} budgets")
    lack = lacking(checked.rules.grades.plus)
    for warning in (*checked.warnings[:5], *((lack,) if lack is not None else ())):
        yield Check("rules", State.NOTE, warning.message, warning.hint)


def _proxy(where: Paths) -> Iterator[Check]:
    from turnout.cli.reach import running
    from turnout.control.client import ControlClient

    runtime = running(where)
    if runtime is None:
        port = _port(where)
        if _taken(port):
            from turnout.proxy.server import holder_of

            yield Check(
                "proxy",
                State.BAD,
                f"it does not run, and port {port} is held by {holder_of(port) or 'another program'}",
                "End that program, or set another port under [server] in turnout.toml and connect your clients again.",
            )
        else:
            yield Check("proxy", State.NOTE, "it does not run", "Start it: `turnout serve`, or `turnout` for the tray.")
        return
    status = ControlClient(runtime).status()
    yield Check("proxy", State.GOOD, f"{status.version} at {status.url}, pid {status.pid}, mode {status.mode}")
    for error in (status.settings_error, status.rules_error):
        if error:
            yield Check(
                "proxy", State.BAD, f"runs with its last good files: {error}", "Mend the file; it is read again."
            )
    if status.ledger_error:
        yield _unwritable(status)
    if status.ledger_adrift:
        yield Check(
            "ledger",
            State.BAD,
            f"{where.ledger} was deleted, moved or replaced while the proxy runs: calls are written to the file that was",
            "Start the proxy again: it takes the file that is there, or a new one; budgets go on at their last known spend.",
        )
    for engine in status.engines:
        good = engine.state in ("up", "unknown", "loading")
        detail = f"{engine.provider}: {engine.state}" + (f", {engine.detail}" if engine.detail else "")
        fix = "" if good else _engine_fix(engine.provider, engine.state)
        yield Check("engine", State.GOOD if good else State.NOTE, detail, fix)
    for waiting in status.waiting:
        fix = f"`turnout session allow {waiting.session}`, or `turnout session stop {waiting.session}`."
        yield Check("waiting", State.NOTE, f"{waiting.client} waits for {waiting.what}", fix)


def _unwritable(status: "Status") -> Check:
    what, fix = "so paid calls are refused", "Free disk space, or end what holds the file; the next call tries again."
    if any(word in status.ledger_error for word in _DAMAGED):
        what = "and paid calls are refused once their holds cannot be either"
        fix = "Start the proxy again: it sets the damaged file aside and goes on at the budgets' last known spend."
    if status.serves_unrecorded:
        what = "and paid calls go on all the same (serve_unrecorded)"
    waits = f"; {status.unwritten} ended calls wait in memory" if status.unwritten else ""
    return Check("ledger", State.BAD, f"it cannot be written, {what}: {status.ledger_error}{waits}", fix)


def _engine_fix(provider: str, state: str) -> str:
    if state == "no key":
        return f"`turnout key set {provider}`"
    return "Unlock the keyring." if state == "locked" else "Start it, or check its base_url in turnout.toml."


def _port(where: Paths) -> int:
    try:
        return _read(where).server.port or 7717
    except SettingsError:
        return 7717


def _taken(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=0.5):
            return True
    except OSError:
        return False


def _ledger(where: Paths) -> Iterator[Check]:
    import sqlite3

    if not where.ledger.exists():
        yield Check("ledger", State.NOTE, "there is none", "The next `turnout serve` makes it.")
        return
    from turnout.ledger.reader import Reader

    try:
        db = sqlite3.connect(f"file:{where.ledger}?mode=ro", uri=True, timeout=5)
        try:
            verdict = str(db.execute("PRAGMA quick_check(1)").fetchone()[0])
        finally:
            db.close()
    except sqlite3.Error as error:
        verdict = str(error)
    # It may be told over two lines: "*** in database main ***", and then what.
    verdict = verdict.splitlines()[-1]
    holder = _holder(where)
    if holder or "locked" in verdict or "busy" in verdict:
        fix = "Close what has it open (a database browser, a backup). A start waits 40 s for it; a running proxy refuses paid calls."
        yield Check("ledger", State.BAD, f"{where.ledger} is locked by {holder or 'another program'}", fix)
        return
    if verdict != "ok":
        fix = "The next `turnout serve` sets it aside and goes on from the last snapshot of spend."
        yield Check("ledger", State.BAD, f"{where.ledger} is damaged: {verdict}", fix)
        return
    reader = Reader(where.ledger)
    try:
        calls, holds, lost, clients = reader.count(), reader.open_holds(), reader.lost(), reader.clients()
    finally:
        reader.close()
    size = where.ledger.stat().st_size / 1_000_000
    yield Check("ledger", State.GOOD, f"{calls} calls, {holds} holds open, {size:.1f} MB")
    if lost:
        total = sum(lost.values()) / 1_000_000_000
        fix = "`turnout budget list` shows which; `turnout budget release KEY` says that it was not spent."
        yield Check("ledger", State.NOTE, f"up to ${total:.2f} that a crash lost track of counts as spent", fix)
    for kind, why in (("broken", "a damaged one"), ("newer", "one of a newer Turnout")):
        if aside := sorted(where.data.glob(f"{where.ledger.name}.{kind}-*[0-9]")):
            fix = "Budgets went on at their last known spend. Delete it when not needed."
            if not clients:
                fix += " No client's token is left: `turnout connect` or `turnout client add` makes new ones."
            yield Check("ledger", State.NOTE, f"{why} was set aside: {aside[-1].name}", fix)


def _holder(where: Paths) -> str:
    """`name (pid N)` of who keeps the ledger's write lock, and is not our proxy; empty: nobody does for longer than a moment."""
    from turnout.cli.reach import running
    from turnout.ledger.locks import writer_of

    for _ in range(5):
        pid = writer_of(where.ledger)
        if pid is None:
            return ""
        time.sleep(0.05)
    runtime = running(where)
    if runtime is not None and runtime.pid == pid:
        return ""
    try:
        name = Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        name = "a program"
    return f"{name} (pid {pid})"


def _prices(where: Paths) -> Iterator[Check]:
    from turnout.catalog.tables import load_prices

    table = load_prices(where.prices)
    if table.problem:
        fix = "`turnout prices refresh FILE` takes a sound one, `turnout prices refresh --reset` drops it."
        yield Check("prices", State.BAD, f"{table.problem} Those of {table.source} hold.", fix)
    else:
        yield Check("prices", State.GOOD, table.source)
    if held := table.held():
        yield Check(
            "prices",
            State.NOTE,
            f"{len(held)} new prices fell by more than half: the dearer counts until you approve them",
            "`turnout prices list` names them, `turnout prices approve` puts them in force.",
        )
    from turnout.cli.world import world

    line = [one for tier in world().roster.tiers.values() for one in tier]
    if unpriced := sorted({one.name for one in line if one.price is None and not one.sovereign}):
        yield Check(
            "prices",
            State.NOTE,
            f"no price is known of {', '.join(unpriced)}: held and charged like the dearest",
            f"`turnout prices set {unpriced[0]} --input USD --output USD` says what a million tokens cost.",
        )

    for one in _read(where).prices:
        for said, lacks in (("watts", "usd_per_kwh"), ("hardware_usd", "hardware_months")):
            if getattr(one, said) and not getattr(one, lacks):
                fix = f"Write {lacks} beside it in turnout.toml."
                yield Check(
                    "prices",
                    State.NOTE,
                    f'[prices."{one.pattern}"] has {said} without {lacks}: it counts as nothing',
                    fix,
                )


def _telemetry(where: Paths) -> Iterator[Check]:
    from importlib.util import find_spec

    from turnout.extras import how_to_install

    endpoint = _read(where).otel_endpoint
    if endpoint and find_spec("opentelemetry") is None:
        yield Check(
            "telemetry", State.BAD, f"{endpoint} gets nothing: the extra is missing", f"{how_to_install('otel')}."
        )
    elif endpoint:
        yield Check("telemetry", State.GOOD, f"metrics and spans go to {endpoint}, without any text")


def _keys(where: Paths) -> Iterator[Check]:
    from turnout.keys.keyring import KeyRing
    from turnout.settings.presets import origin_of

    needing = [one for one in _read(where).providers.values() if one.needs_key and one.enabled]
    if not needing:
        yield Check("keys", State.GOOD, "no provider needs one")
        return
    try:
        saved = KeyRing().saved()
    except KeysError as error:
        yield Check("keyring", State.BAD, error.message, error.hint)
        return
    for provider in needing:
        origin, origins = origin_of(provider.base_url), saved.get(provider.name, [])
        if origin in origins:
            yield Check("keys", State.GOOD, f"{provider.name}: saved for {origin}")
        else:
            other = f"saved for {origins[0]}, not for {origin}" if origins else "no key is saved"
            yield Check("keys", State.BAD, f"{provider.name}: {other}", f"`turnout key set {provider.name}`")


def known_tokens(where: Paths) -> frozenset[bytes] | None:
    """Hashes; None: there is no ledger to ask."""
    from turnout.ledger.reader import Reader

    if not where.ledger.exists():
        return None
    reader = Reader(where.ledger)
    try:
        return frozenset(row.token_hash for row in reader.clients())
    finally:
        reader.close()


def _clients(where: Paths) -> Iterator[Check]:
    from turnout.cli.reach import base_url
    from turnout.connect.state import Stand, clients

    for client in clients(where.backups, url=base_url(where), known=known_tokens(where)):
        if client.stand is Stand.CONNECTED:
            yield Check("client", State.GOOD, f"{client.title} is connected")
        elif client.stand is Stand.CHANGED:
            fix = (
                f"`turnout connect {client.name} --apply` connects it again; `--undo` puts back what was there before."
            )
            yield Check("client", State.NOTE, f"{client.title} was connected, but {client.detail}", fix)
        elif client.stand is Stand.PRESENT:
            yield Check(
                "client", State.NOTE, f"{client.title} is here, but not connected", f"`turnout connect {client.name}`"
            )
