"""The headless program put together: ledger, state, engines and app for one home, with what runs beside the calls."""

import asyncio
import getpass
import logging
import os
import secrets
import time
from collections.abc import Callable
from datetime import datetime

from turnout.calls.units import Json
from turnout.engines.embedded import Embedded
from turnout.engines.routes import base_of
from turnout.engines.transport import Pool
from turnout.errors import SettingsError, TurnoutError
from turnout.keys.keyring import KeyRing
from turnout.ledger.reader import Reader
from turnout.ledger.recover import LOCK_WAIT_S, recover
from turnout.ledger.writer import Writer
from turnout.proxy.afterwards import Afterwards
from turnout.proxy.api.admin import Admin
from turnout.proxy.api.answers import Answers
from turnout.proxy.api.clients import Clients
from turnout.proxy.api.nodes import Nodes
from turnout.proxy.api.shadow import Shadows
from turnout.proxy.app import App
from turnout.proxy.door.guard import Door
from turnout.proxy.door.tokens import Tokens as ClientTokens
from turnout.proxy.edges import Counting, Keys, Mind, Zone, engine_maker
from turnout.proxy.enginecheck import EngineCheck
from turnout.proxy.firstrun import first_run
from turnout.proxy.inforce import read_again
from turnout.proxy.keep import grading_json, grading_of, mode_of, restored, session_json
from turnout.proxy.money.pricing import Prices
from turnout.proxy.otel import Switch
from turnout.proxy.outside import Config, Edges
from turnout.proxy.sessions import Live
from turnout.proxy.state import State
from turnout.proxy.texts import Texts
from turnout.routing.budget import ended
from turnout.routing.calibration import Calibration
from turnout.routing.facts import Grading
from turnout.routing.rules import RuleSet
from turnout.settings.model import Server, Settings
from turnout.settings.paths import Paths

log = logging.getLogger("turnout.program")

RELOAD_S = 0.5
CALM_S = 0.05
SLOW_S = 3.0
"""A start that takes longer to read its ledger most likely waits for somebody's lock."""
HEALTH_S = 15.0
TIDY_S = 3_600.0
KEEP_S = 0.5
"""A kill may lose this much of what sessions remember (model, warm cache); never money, never that one is private."""
LOOK_AGAIN_S = 3.0
LOADING_S = 0.5
"""A model of our own that is being loaded is looked at more often."""
DAY_MS = 86_400_000


class Program:
    """One run of `turnout serve`; `start` before the app serves, `stop` after."""

    def __init__(self, paths: Paths, config: Config, port: int, host: str, stop: Callable[[], None]) -> None:
        """`host` is where it listens, as the user named it."""
        self.paths = paths
        self.port = port
        self._own_host = f"[{host}]" if ":" in host else host.lower()
        self.control_token = secrets.token_urlsafe(32)
        self.started_ms = time.time_ns() // 1_000_000
        self.pool = Pool()
        self.embedded = Embedded(self.pool)
        self.keys = Keys(KeyRing())
        self.mind = Mind()
        self.counting = Counting()
        self.prices = Prices(lambda: self.state.settings, paths.prices)
        self._config = config
        self._stop = stop
        self._tasks: list[asyncio.Task[None]] = []
        self._seen: tuple[object, ...] = ()
        self._unkept: dict[str, Live] = {}
        self._uncounted: set[str] = set()
        """Models whose learned counting is not written down yet."""
        self._doors_of: Server | None = None
        self._doors: dict[int, Door] = {}
        self._private: set[str] = set()
        """Sessions whose privacy is on disk."""
        self.next_steps: tuple[str, ...] = ()

    async def start(self) -> App:
        """Raises LedgerError when the ledger can neither be opened nor begun anew."""
        said = f"the ledger is not free: waiting up to {LOCK_WAIT_S:g} s for who holds it (`turnout doctor` says who)"
        late = asyncio.get_running_loop().call_later(SLOW_S, log.warning, said)
        try:
            found = await asyncio.to_thread(recover, self.paths.ledger)
        finally:
            late.cancel()
        self.reader = Reader(self.paths.ledger)
        self.writer = Writer(self.paths.ledger, asyncio.get_running_loop())
        if self.paths.prices.exists():
            await asyncio.to_thread(self.prices.load)
        self.texts = Texts(self.writer, lambda: self.mind.scanner, lambda: self.state.settings.privacy)
        self.telemetry = Switch(soon=bool(self._config.settings.otel_endpoint))
        self.afterwards = Afterwards(
            lambda ask: self.mind.graded(ask, self.state.config.rules), self.writer.graded_afterwards
        )
        self.state = State(self._config, self._edges())
        self.engines = EngineCheck(self.state, self.embedded, self.keys)
        self._restore()
        if self._config.rules_error:
            self._mistaken(self.paths.rules.name, self._config.rules_error)
        for line in found.lines:
            self.state.notices.say("ledger", "The ledger was put in order", line, "calls")
        tokens = ClientTokens()
        self.clients = Clients(self.writer, self.reader, tokens)
        self.clients.load()
        self.admin = Admin(self.state, self.writer, self.started_ms, f"http://127.0.0.1:{self.port}", os.getpid())
        self.admin.next_steps = self.next_steps
        self.admin.on_kept = lambda kind, value: self._calibrate(value) if kind == "calibration" else None
        settings = self._config.settings
        developer = settings.developer or _user()
        answers = Answers(
            self.state,
            self.admin,
            self.clients,
            self.keys,
            self.started_ms // 1000,
            reload=self.reload,
            test_key=self.engines.test_key,
            nodes=Nodes(self.state, self.engines.ask),
            developer=developer,
            shadows=self._shadows,
            stop=self._stop,
        )
        self.app = App(
            self.state,
            answers,
            tokens,
            control_token=self.control_token,
            door=self._door,
            ports={client.port: client.name for client in settings.clients},
            developer=developer,
        )
        self._seen = self._stamp()
        loop = asyncio.get_running_loop()
        self._tasks = [
            loop.create_task(self._watch_files()),
            loop.create_task(self._watch_engines()),
            loop.create_task(self._warm()),
            loop.create_task(self.afterwards.run()),
        ]
        return self.app

    async def stop(self, grace_s: float) -> None:
        """Calls under way may finish within the grace; what then is left settles in its own `finally`."""
        until = time.monotonic() + grace_s
        while self.app.in_flight and time.monotonic() < until:  # noqa: ASYNC110  looked at for seconds, once in a life
            await asyncio.sleep(0.02)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.embedded.stop()

    def close(self) -> None:
        """Last of all: every call has settled."""
        self.telemetry.set(self.state.settings.otel_endpoint)
        self.telemetry.set("")
        self._keep_sessions()
        self._keep_counting()
        self.pool.close()
        self.writer.close()
        self.reader.close()

    # --- putting together ---

    def _edges(self) -> Edges:
        return Edges(
            catalogue=self.prices.catalogue(),
            held=self.writer.held,
            settle=self.writer.settle,
            remember=self._remember,
            keep=lambda kind, key, value: self.writer.keep(kind, key, value, time.time_ns() // 1_000_000),
            count_now=self.counting.now,
            count_slow=self.counting.slow,
            counts_exactly=lambda: self.counting.counter.ready,
            corrections=self.counting.corrections,
            counted=self._uncounted.add,
            told=self.telemetry.record,
            ungraded=self.afterwards.note,
            keep_texts=self.texts.keep,
            scan=self.mind.scan,
            grade=self.mind.grade,
            engine=engine_maker(self.pool, self.keys, self.embedded),
            zone=Zone(),
            grader_version=self.mind.version,
        )

    def _shadows(self) -> Shadows:
        own = self.state.graders.own
        assert own is not None, "the pipeline sets it"
        return Shadows(self.state, self.reader, self.writer, self.texts, own)

    def _remember(self, id_: str, live: Live) -> None:
        """A conversation that turned private is written down at once; all else a moment later, once for many calls."""
        if live.memory.private and id_ not in self._private:
            self._private.add(id_)
            self.writer.keep("session", id_, session_json(live), live.last_at_ms)
            return
        if not self._unkept:
            asyncio.get_running_loop().call_later(KEEP_S, self._keep_sessions)
        self._unkept[id_] = live

    def _keep_sessions(self) -> None:
        unkept, self._unkept = self._unkept, {}
        self.writer.keep_many("session", [(id_, session_json(live), live.last_at_ms) for id_, live in unkept.items()])

    def _keep_counting(self) -> None:
        """What was learned of how providers count, every now and then: it is learned again in a few calls."""
        models, learned = list(self._uncounted), self.counting.corrections.models
        self._uncounted.clear()
        at_ms = time.time_ns() // 1_000_000
        self.writer.keep_many("counting", [(name, learned[name].json(), at_ms) for name in models if name in learned])

    def _restore(self) -> None:
        """Books, sessions, intents, mode and credits as the ledger has them."""
        state = self.state
        self._restore_books()
        for id_, doc in self.reader.kept("session", newest=2_000).items():
            try:
                state.sessions.adopt(restored(id_, doc))
            except ValueError:
                log.info("one remembered session could not be read and is forgotten")
        for model, doc in self.reader.kept("counting").items():
            self.counting.corrections.load(model, doc)
        version = self.grader_version()
        for key, doc in self.reader.kept(f"intent.{version}", newest=20_000).items():
            state.intents.load(key, grading_of(doc))
        state.intents.on_new = lambda key, grading: self._keep_intent(version, key, grading)
        state.mode, state.paused_until_ms = mode_of(self.reader.kept("state").get("mode"))
        calibration = self.reader.kept("calibration").get("now")
        self._calibrate(calibration)
        today, midnight = state.tally.today(self.started_ms), state.tally.midnight_ms(self.started_ms)
        # 36 hours on it is tomorrow, however long today is. Later ones are of a clock that was ahead.
        for row in self.reader.spend("tier", midnight, state.tally.midnight_ms(midnight + 36 * 3_600_000)):
            today.add(row.cost, row.baseline, row.all_fast)
            today.calls += row.calls

    def _restore_books(self) -> None:
        books, now = self.state.books, datetime.fromtimestamp(time.time(), self.state.edges.zone())
        lost = self.reader.lost()
        for key, (nanos, tokens, calls, at_ms) in self.reader.bucket_spend().items():
            if ended(key, now):
                continue
            if "|session|" in key:
                self.state.spent_at[key] = at_ms
            unit = key.split("|")[2] if key.count("|") >= 4 else "usd"
            if unit == "usd" and key in lost:
                books.lost[key] = int(lost[key])
            spent = nanos - lost.get(key, 0)
            books.settled[key] = {"usd": spent, "tokens": tokens, "calls": calls}.get(unit, spent)
        for key, value in self.reader.kept("credit").items():
            if isinstance(value, int):
                books.added[key] = value
        for key, told in self.reader.kept("told").items():
            if isinstance(told, list) and len(told) == 2:
                limit, percent = told
                if isinstance(limit, int) and isinstance(percent, int):
                    self.state.thresholds.told[key] = (limit, percent)

    def _calibrate(self, value: Json) -> None:
        """What `turnout calibrate` fitted, or None after its undo: in force from the next ask on."""
        self.mind.calibration = _calibration(value) if isinstance(value, str) else None

    def grader_version(self) -> str:
        """Of the shipped weights, without loading them: a new version begins a new intent cache."""
        return self.mind.weights_version()

    def _keep_intent(self, version: str, key: str, grading: Grading) -> None:
        self.writer.keep(f"intent.{version}", key, grading_json(grading), time.time_ns() // 1_000_000)

    def _door(self, port: int) -> Door:
        """The same one until the settings are others."""
        server = self.state.settings.server
        if self._doors_of is not server:
            self._doors_of, self._doors = server, {}
        door = self._doors.get(port)
        if door is None:
            door = self._doors[port] = self._made_door(port, server)
        return door

    def _made_door(self, port: int, server: Server) -> Door:
        # The address it was told to listen on is its own: rebinding needs a name (T01), and 0.0.0.0 is nobody's.
        own = {self._own_host} - {"0.0.0.0", "[::]"}  # noqa: S104  taken out, not bound
        hosts = own | {host.lower() for host in server.allowed_hosts}
        return Door(port, frozenset(hosts), frozenset(server.allowed_origins))

    # --- files ---

    def _stamp(self) -> tuple[object, ...]:
        found: list[object] = []
        for path in (self.paths.settings, self.paths.rules, self.paths.prices):
            try:
                stat = path.stat()
                found.append((stat.st_mtime_ns, stat.st_size, stat.st_ino))
            except OSError:
                found.append(None)
        return tuple(found)

    async def _watch_files(self) -> None:
        while True:
            await asyncio.sleep(RELOAD_S)
            found = self._stamp()
            if found == self._seen:
                continue
            # Many editors empty a file before they write it anew: read then, all rules would be gone for a moment.
            await asyncio.sleep(CALM_S)
            if self._stamp() == found:
                await self.reload()

    async def reload(self) -> None:
        """A bad file changes nothing: the last good version stays in force, and status says why (I20)."""
        self._seen = self._stamp()
        await asyncio.to_thread(self.prices.load)
        old = self.state.config
        config = await asyncio.to_thread(read_again, self.paths, old)
        for file, said, before in (
            (self.paths.settings.name, config.settings_error, old.settings_error),
            (self.paths.rules.name, config.rules_error, old.rules_error),
        ):
            if said and said != before:
                self._mistaken(file, said)
        self._note_moved(old.settings, config.settings)
        self.state.take(config)
        await self._telemetry()
        if config.rules.hash != old.rules.hash:
            await self._probe(config.rules)
        if config.settings.privacy != old.settings.privacy:
            # Switched off means gone, now.
            await self._tidy()
        await self.engines.ask_all()

    def _mistaken(self, file: str, said: str) -> None:
        text = f"{said} The last good version stays in force."
        self.state.notices.say("rules", f"{file} has a mistake", text, "rules")

    def _note_moved(self, old: Settings, new: Settings) -> None:
        """A key stays behind when its provider moves (T12): whoever did not mean it should hear of it."""
        for name, provider in new.providers.items():
            before = old.providers.get(name)
            if before is None:
                continue
            was, now = (base_of(one.base_url, one.family).origin for one in (before, provider))
            if was != now:
                log.warning("%s moved from %s to %s", name, was, now)
                left = " Its key stays behind: `turnout key set " + name + "`." if provider.needs_key else ""
                self.state.notices.say(
                    "key", f"{name} goes to another address now", f"{was} became {now}.{left}", "models"
                )

    async def _probe(self, rules: RuleSet) -> None:
        """The rules' own tests run on every save, by whatever editor: a failing one is told, the rules hold all the same."""
        broken = await asyncio.to_thread(self.mind.failed_probes, rules, datetime.now(Zone()()))
        if broken:
            self.state.notices.say("rules", "A probe of the rules fails", "; ".join(broken[:5]), "rules")

    # --- engines ---

    async def _watch_engines(self) -> None:
        while True:
            if not self.state.settings.providers:
                await self._look_again()
            await self.engines.ask_all()
            self._keep_counting()
            loading = any(known.state == "loading" for known in self.state.known.values())
            none = not self.state.settings.providers
            await asyncio.sleep(LOADING_S if loading else LOOK_AGAIN_S if none else HEALTH_S)

    async def _look_again(self) -> None:
        """Whoever installs an engine after the first start need not start us anew."""
        try:
            self.admin.next_steps = await first_run(self.paths, self.pool, self.port) or self.admin.next_steps
        except (OSError, TurnoutError) as error:
            log.warning("the first files could not be written again: %s", error)

    async def _warm(self) -> None:
        """What the first call would otherwise wait for; after the start, in a thread."""
        await asyncio.sleep(0.3)
        await self._telemetry()
        await asyncio.to_thread(self.mind.warm)
        while True:
            await self._tidy()
            await asyncio.sleep(TIDY_S)

    async def _telemetry(self) -> None:
        wrong = await asyncio.to_thread(self.telemetry.set, self.state.settings.otel_endpoint)
        if wrong:
            self.state.notices.say("otel", "Telemetry is not sent", wrong, "settings")

    async def _tidy(self) -> None:
        privacy = self.state.settings.privacy
        try:
            await self.writer.tidy(
                keep_days=privacy.keep_days,
                max_mb=privacy.max_ledger_mb,
                now_ms=time.time_ns() // 1_000_000,
                bodies_days=privacy.keep_bodies_days if privacy.store_bodies else 0,
            )
        except TurnoutError as error:
            log.warning("old calls could not be trimmed: %s", error)


def _calibration(text: str) -> Calibration | None:
    try:
        return Calibration.from_json(text)
    except (SettingsError, ValueError, KeyError, TypeError):
        log.warning("the calibration kept in the ledger cannot be read and is left out")
        return None


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""
