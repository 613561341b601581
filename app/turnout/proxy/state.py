"""Live state of the proxy, changed on the event loop only: settings and rules in force, money held, sessions, engines' health.

`facts` is a frozen snapshot; between taking it and `hold` nothing is awaited, so two calls cannot spend the same credit.
"""

import asyncio
import logging
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo
from fnmatch import fnmatch
from functools import cache
from typing import Any

from turnout.calls.client import Call
from turnout.calls.outline import Outline
from turnout.calls.provider import Provider
from turnout.calls.record import CallRecord
from turnout.calls.units import Dialect, Family, Json, Mode, Nanos, Status, Tier, Tokens
from turnout.calls.usage import Price, Usage, cost, service_named
from turnout.calls.values import frozen
from turnout.catalog.own import energy
from turnout.control.messages import Notice, Running, Waiting
from turnout.counting.corrections import IMAGE, TRUSTED_AFTER, Corrections, Shape
from turnout.engines.engine import Engine
from turnout.errors import (
    BudgetRefusal,
    EngineStatusError,
    LoopRefusal,
    NoEngineError,
    PolicyRefusal,
    Refusal,
    TurnoutError,
)
from turnout.proxy.answer import Answer, LeftError
from turnout.proxy.attribution import Session
from turnout.proxy.books import Amount, Books, Charge
from turnout.proxy.exchange import Exchange, Seen
from turnout.proxy.graders import Graders
from turnout.proxy.intents import Intents
from turnout.proxy.learned import ROOM, SMALLEST_WINDOW, Learned
from turnout.proxy.meter import Meter
from turnout.proxy.roster import Catalogue, Known, build
from turnout.proxy.sessions import Live, Sessions
from turnout.proxy.settling import Settled
from turnout.proxy.surplus import Surplus
from turnout.routing import budget as budgets
from turnout.routing import loops, threads
from turnout.routing.afford import rate
from turnout.routing.conversation import ask_hash
from turnout.routing.decide import decide
from turnout.routing.facts import Candidate, Facts, Grading, LoopStanding, Memory, Roster, SecretVerdict, Standing
from turnout.routing.plan import Need, Plan, Step
from turnout.routing.rules import Budget, RuleSet
from turnout.settings.model import Settings
from turnout.wire.dialect import Target
from turnout.wire.fields import said

log = logging.getLogger("turnout.state")
NOTHING_SPENT = Nanos(0)
OVERLOADED = frozenset({429, 503, 529})
SAMPLED = 20_000
"""Characters of an output that are counted: some 2 ms."""
MOST_REST_S = 300.0
"""However long an engine asks to be left alone: a slip of its clock must not take it away for a day."""
THRESHOLDS = (95, 80, 50)
"""Percent of a budget at which people are told."""


@frozen
class Decided:
    """A plan with everything it was decided on; the pipeline holds and settles from it."""

    plan: Plan
    call: Call
    live: Live
    estimate: Tokens
    exact: bool
    """The estimate is a count, not a byte bound."""
    grading: Grading | None
    secret: SecretVerdict | None
    standings: tuple[Standing, ...]
    config: "Config"
    """The version of settings and rules it was decided under, and is carried out under (I20)."""


@dataclass(slots=True)
class Totals:
    """Today's figures for the tray; the ledger has the truth, these only save a query a second."""

    day: str = ""
    spent: int = 0
    saved: int = 0
    """Net: a call that cost more than what was asked for, and calls of our own, count against it."""
    baseline: int = 0
    all_fast: int = 0
    calls: int = 0

    def add(self, spent: int, baseline: int, all_fast: int) -> None:
        self.spent += spent
        self.baseline += baseline
        self.all_fast += all_fast
        # Without any baseline (no dear model has a price) nothing is known to be saved or lost.
        self.saved = self.baseline - self.spent if self.baseline else 0


@dataclass(slots=True)
class Counts:
    """Since the start, for /metrics."""

    calls: dict[tuple[str, str], int] = field(default_factory=dict)
    spent: dict[str, int] = field(default_factory=dict)
    tokens: dict[str, int] = field(default_factory=dict)

    def add(self, row: CallRecord) -> None:
        tier = row.tier.value if row.tier is not None else "none"
        self.calls[tier, row.status.value] = self.calls.get((tier, row.status.value), 0) + 1
        self.spent[tier] = self.spent.get(tier, 0) + row.cost
        usage = row.usage
        for kind, count in (
            ("uncached", usage.uncached),
            ("cache_read", usage.cache_read),
            ("cache_write", usage.cache_write_5m + usage.cache_write_1h),
            ("output", usage.output),
            ("reasoning", usage.reasoning),
        ):
            self.tokens[kind] = self.tokens.get(kind, 0) + count


@frozen
class Config:
    """One version of settings and rules; a call uses exactly one (I20)."""

    settings: Settings
    rules: RuleSet
    rules_error: str = ""
    settings_error: str = ""

    @property
    def hash(self) -> str:
        return f"{self.settings.hash}.{self.rules.hash}"


@dataclass(slots=True)
class Edges:
    """What the state needs of the outside, as functions, so that nothing here opens a file or a socket."""

    catalogue: Catalogue
    held: Callable[[CallRecord], Awaitable[None]]
    settle: Callable[[CallRecord], None]
    remember: Callable[[str, Live], None]
    count_now: Callable[[tuple[str, ...], str], Tokens | None]
    """Texts, model -> tokens, or None when that would take too long here."""
    count_slow: Callable[[tuple[str, ...], str], Tokens]
    """The same for a thread."""
    counts_exactly: Callable[[], bool]
    """False while `count_now` still answers with a byte bound."""
    corrections: Corrections
    """What providers bill against what is counted here."""
    scan: Callable[[tuple[str, ...]], SecretVerdict]
    grade: Callable[[Call, RuleSet], Grading]
    engine: Callable[[Provider], Engine]
    zone: Callable[[], tzinfo]
    keep: Callable[[str, str, Json], None]
    """Kind, key, value: written down to outlive this run."""
    counted: Callable[[str], None] = lambda _: None
    """Something was learned of how this model's provider counts."""
    told: Callable[[CallRecord], None] = lambda row: None
    """Whom else an ended call is told, once: the user's collector."""
    keep_texts: Callable[[Call, bytes, Callable[[], str]], None] = lambda call, request, answer: None
    """What a call said and was answered, for clients whose texts are kept."""
    grader_version: Callable[[RuleSet], str] = lambda _: ""
    """Weights, calibration and dials in force: another one, another intent cache."""


@dataclass(slots=True)
class Ask:
    """A call held back until somebody answers."""

    waiting: Waiting
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    allowed: bool = False


class State:
    def __init__(self, config: Config, edges: Edges) -> None:
        self.config = config
        self.edges = edges
        self.known: dict[str, Known] = {}
        self.books = Books()
        self.sessions = Sessions()
        self.intents = Intents()
        self.graders = Graders(self.intents, edges.grade, edges.grader_version)
        self.learned = Learned()
        self.mode = Mode.AUTO
        self.paused_until_ms: int | None = None
        self.running: dict[str, Running] = {}
        self._meters: dict[str, Meter] = {}
        self.asks: dict[str, Ask] = {}
        self.notices: deque[Notice] = deque(maxlen=200)
        self.clients_seen: dict[str, int] = {}
        self.totals = Totals()
        self.counts = Counts()
        self.listeners = 0
        """Trays and windows that hear events; with none of them an `ask` is refused at once."""
        self.changed = asyncio.Event()
        self._engines: dict[str, Engine] = {}
        self._roster: Roster | None = None
        self._roster_day = 0
        self._health: dict[str, str] = {}
        self._windows: tuple[int, tzinfo | None, dict[str, budgets.Window]] = (0, None, {})
        self._day: tuple[int, tzinfo | None, str] = (-1, None, "")
        self._down: dict[str, tuple[float, int]] = {}
        self._resting: dict[str, float] = {}
        """Model -> until when it asked to be left alone."""
        self.surplus = Surplus()
        self._noticed = 0
        self._watch = loops.Watch()
        self.spent_at: dict[str, int] = {}
        """Budget bucket of a session -> when it was last spent from, as the ledger had it at the start."""
        self.told: dict[str, tuple[int, int]] = {}
        """Bucket -> its limit and the highest threshold that was told of it."""

    # --- configuration ---

    @property
    def settings(self) -> Settings:
        return self.config.settings

    @property
    def config_hash(self) -> str:
        return self.config.hash

    def take(self, config: Config) -> None:
        """A new version of settings and rules; calls under way keep the one they began with."""
        old, self.config = self.config, config
        if config.settings != old.settings:
            for name, provider in old.settings.providers.items():
                if config.settings.providers.get(name) != provider:
                    self._engines.pop(name, None)
                    self.known.pop(name, None)
            self._health = {name: one.state for name, one in self.known.items()}
        self._roster = None
        self.tell()

    def learn_models(self, provider: str, known: Known) -> None:
        if self.known.get(provider) != known:
            self.known[provider] = known
            self._health = {name: one.state for name, one in self.known.items()}
            self._roster = None
            self.tell()

    def roster(self) -> Roster:
        """Made anew when something in it changed, and every day: prices are dated."""
        day = int(time.time() // 86_400)
        if self._roster is None or self._roster_day != day:
            self._roster_day = day
            self._roster = build(self.settings, self.known, self.edges.catalogue)
        return self._roster

    def engine(self, name: str, settings: Settings | None = None) -> Engine:
        """`settings`: those a call was decided under, where a reload may have come in between."""
        provider = (settings or self.settings).providers.get(name)
        if provider is None:
            raise NoEngineError(f"There is no provider {name!r}.", hint="`turnout models list` shows what is set up.")
        engine = self._engines.get(name)
        if engine is None or (engine.provider is not provider and engine.provider != provider):
            engine = self.edges.engine(provider)
            if self.settings.providers.get(name) is provider:
                self._engines[name] = engine
        return engine

    def tell(self) -> None:
        self.changed.set()

    # --- deciding ---

    def attributed(self, call: Call, session: Session) -> Call:
        """The call in the session that it is really in: after a silence, or beside another client's of the same name."""
        live = self.sessions.named(session, call.client.name, time.time_ns() // 1_000_000)
        if call.session == live.id and call.parent_session == live.parent:
            return call
        return replace(call, session=live.id, parent_session=live.parent)

    async def decided(self, call: Call, session: Session, answer: Answer) -> Decided:
        """Fetches what the rules turn out to need, decides, and waits for the user where a rule says `ask`.

        The call is an attributed one. Raises a Refusal, NoEngineError, or LeftError when the client did not wait. The return is synchronous with the last `facts`: hold before any await.
        """
        now_ms = time.time_ns() // 1_000_000
        live = self.sessions.named(session, call.client.name, now_ms)
        live.last_at_ms = now_ms
        live.developer, live.department, live.project = call.developer, call.client.department, call.project
        self.clients_seen[call.client.name] = now_ms
        if live.loop is None:
            live.loop = self._watch.heir(call, now_ms)
        live.loop = loops.observe(live.loop, call, now_ms, spent=live.spent)
        self._watch.note(live.id, live.loop)
        if live.loop.new:
            live.stopped = ""
        # Every hold needs the count, so what can be counted here at once is, and most calls are decided in one pass.
        exact = self.edges.counts_exactly()
        estimate = self._counted(call)
        grading: Grading | None = None
        secret: SecretVerdict | None = None
        waited: set[str] = set()
        while True:
            config = self.config
            facts = self.facts(call, live, estimate=estimate, grading=grading, secret=secret)
            try:
                outcome = decide(call, facts)
            except (BudgetRefusal, LoopRefusal) as stopped:
                self._refused(call, live, stopped, now_ms)
                raise
            except PolicyRefusal as walled:
                if walled.private and not live.memory.private:
                    # Refused for want of a local engine: private it stays, also when the next request is without the secret.
                    live.memory = replace(live.memory, private=True)
                    self.edges.remember(live.id, live)
                raise
            if outcome is Need.TOKENS:
                estimate, exact = await self._count(call), True
            elif outcome is Need.GRADE:
                grading = await self.graders.of(call, self.config.rules, self.roster())
            elif outcome is Need.SECRET:
                secret = await self._scanned(call)
            elif isinstance(outcome, Plan):
                if outcome.waits:
                    refusal = outcome.refusal or BudgetRefusal(f"{outcome.waits.partition(chr(10))[0]} is used up.")
                    if outcome.waits in waited:
                        self._refused(call, live, refusal, now_ms)
                        raise refusal
                    waited.add(outcome.waits)
                    self._missed(live, outcome, facts)
                    await self._ask(call, live, outcome.waits, refusal, answer)
                    continue
                live.held_up = ""
                return Decided(
                    outcome, call, live, estimate or Tokens(0), exact, grading, secret, facts.standings, config
                )

    def facts(
        self,
        call: Call,
        live: Live,
        *,
        estimate: Tokens | None,
        grading: Grading | None,
        secret: SecretVerdict | None,
    ) -> Facts:
        now_ms = time.time_ns() // 1_000_000
        zone = self.edges.zone()
        now = datetime.fromtimestamp(now_ms / 1000, zone)
        roster = self.roster()
        if self._down or self._resting:
            roster = self._without_down(roster)
        rules = self.config.rules
        return Facts(
            now=now,
            now_ms=now_ms,
            rules=rules,
            roster=roster,
            mode=self.mode_now(now_ms),
            memory=threads.recall(live.memory, call.outline),
            standings=self.standings(call, live, now, rules),
            loops=self.loop_standings(call, live, rules),
            estimate=estimate,
            expected=self._expecting(estimate, call.outline),
            grading=grading,
            secret=secret,
            likely_output=self.learned.likely_output(call.client.name),
            ceiling_output=self.learned.ceiling_output(call.client.name),
            engine_health=self._health,
        )

    def mode_now(self, now_ms: int) -> Mode:
        """Paused is pass-through for a while: calls go where they were meant to, budgets and `private` still hold."""
        until = self.paused_until_ms
        if until is not None and (until == 0 or now_ms < until):
            return Mode.PASSTHROUGH
        return self.mode

    def standings(self, call: Call, live: Live, now: datetime, rules: RuleSet) -> tuple[Standing, ...]:
        return tuple(
            Standing(
                budget=bucket.budget,
                key=bucket.key,
                scope=bucket.scope,
                used=self.books.used(bucket.key),
                limit=bucket.budget.limit + self.books.added.get(bucket.key, 0) + self._raised(live, bucket.key),
                renews=bucket.renews,
            )
            for bucket in budgets.buckets(
                rules.budgets,
                call,
                now,
                tree=self.sessions.root(live),
                models=self._model_names(rules),
                windows=self._windows_at(now),
            )
        )

    def _raised(self, live: Live, key: str) -> int:
        """What the user granted this session, or the one it was started from, over the budget's limit."""
        raised = live.raised.get(key, 0)
        if live.parent:
            top = self.sessions.find(self.sessions.root(live))
            if top is not None and top is not live:
                raised += top.raised.get(key, 0)
        return raised

    def _windows_at(self, now: datetime) -> dict[str, budgets.Window]:
        """No window begins or ends within a minute, so each is worked out once a minute (4 us apiece)."""
        minute, zone, windows = self._windows
        this = int(now.timestamp()) // 60
        if this != minute or now.tzinfo is not zone:
            windows = {}
            self._windows = (this, now.tzinfo, windows)
        return windows

    def live_windows(self) -> dict[str, budgets.Window]:
        """Period -> its present window; budgets per session or ever are not by the clock."""
        now = datetime.fromtimestamp(time.time(), self.edges.zone())
        return {per: budgets.window(per, now) for per in ("minute", "hour", "day", "week", "month")}

    def windows_for(self, scope: str) -> list[tuple[Budget, str]]:
        """Present buckets of a budget's name, of `client:NAME` and the like, or of `all`, though nothing was spent in them yet."""
        kind, mark, who = scope.partition(":")
        now = datetime.fromtimestamp(time.time(), self.edges.zone())
        found = []
        for budget in self.config.rules.budgets:
            named = "all" if budget.scope == "all" else budget.who if budget.who != "each" else ""
            if budget.name == scope:
                whom = named
            elif budget.scope == kind and (mark or kind == "all") and budget.who in ("each", who):
                whom = who if mark else "all"
            else:
                continue
            if whom or mark:
                found.append((budget, budgets.key_of(budget, whom, budgets.window(budget.per, now, whom))))
        return found

    def _model_names(self, rules: RuleSet) -> tuple[str, ...]:
        """Only a budget by model needs them."""
        if not any(budget.scope == "model" for budget in rules.budgets):
            return ()
        return tuple(candidate.name for line in self.roster().tiers.values() for candidate in line)

    def loop_standings(self, call: Call, live: Live, rules: RuleSet) -> tuple[LoopStanding, ...]:
        if live.loop is None:
            return ()
        found = loops.standings(
            rules.loops,
            live.loop,
            call,
            tree=self.sessions.root(live),
            spent=live.spent,
            allowed_turns=live.allowed_turns,
            allowed_usd=live.allowed_usd,
            stopped=bool(live.stopped),
        )
        if all(one.loop.scope == "session" for one in found):
            return found
        return tuple(
            one if one.loop.scope == "session" else loops.together(one, self._beside(live, one.loop.scope, one.scope))
            for one in found
        )

    def _beside(self, live: Live, scope: str, value: str) -> list[tuple[loops.LoopState, Nanos]]:
        """The other sessions of the last hour that a loop of this scope counts together with this one."""
        since = live.last_at_ms - 3_600_000
        return [
            (one.loop, one.spent)
            for one in self.sessions.all()
            if one is not live and one.loop is not None and one.last_at_ms >= since and self._value(one, scope) == value
        ]

    def _value(self, live: Live, scope: str) -> str:
        if scope == "session_tree":
            return self.sessions.root(live)
        known = {"client": live.client, "developer": live.developer, "department": live.department}
        return {**known, "project": live.project}.get(scope, "all")

    def _refused(self, call: Call, live: Live, refusal: Refusal, now_ms: int) -> None:
        if live.loop is not None:
            live.loop = loops.refused(live.loop, now_ms)
            self._watch.note(live.id, live.loop)
        if isinstance(refusal, LoopRefusal) or live.short:
            live.held_up = refusal.message
        self.edges.remember(live.id, live)
        self.refused_notice(call, refusal)

    def _counted(self, call: Call) -> Tokens | None:
        outline = call.outline
        counted = self.edges.count_now(outline.texts, outline.model)
        return Shape(counted, images=outline.images).plain if counted is not None else None

    async def _count(self, call: Call) -> Tokens:
        outline = call.outline
        counted = await asyncio.to_thread(self.edges.count_slow, outline.texts, outline.model)
        return Shape(counted, images=outline.images).plain

    def expected(self, candidate: Candidate, decided: Decided) -> Tokens:
        """The prompt as this model's provider will likely bill it."""
        if not decided.exact:
            return decided.estimate
        return self.edges.corrections.expected(candidate.name, shaped(decided.estimate, decided.call.outline))

    def counted_for(self, outline: Outline, shape: Shape) -> Tokens:
        """The answer to a client that asks for a count: as the model it names would be billed, once that is known."""
        roster = self.roster()
        line = next((line for tier, line in roster.tiers.items() if tier.value == outline.model), ())
        found = line[0] if line else roster.named.get(outline.model)
        learned = self.edges.corrections.models.get(found.name) if found is not None else None
        if found is None or learned is None or learned.seen < TRUSTED_AFTER:
            return Tokens(shape.plain + 4 * shape.turns)
        return self.edges.corrections.expected(found.name, shape)

    def _expecting(self, estimate: Tokens | None, outline: Outline) -> Callable[[str], Tokens] | None:
        if estimate is None:
            return None
        shape = shaped(estimate, outline)
        return cache(lambda model: self.edges.corrections.held(model, shape))

    async def _scanned(self, call: Call) -> SecretVerdict:
        texts = call.outline.texts
        try:
            if sum(map(len, texts)) > 50_000:
                return await asyncio.to_thread(self.edges.scan, texts)
            return self.edges.scan(texts)
        except Exception:  # the boundary to the scanner: it fails closed
            log.exception("the secret scanner failed on call %s", call.id)
            return SecretVerdict(found=True, failed=True)

    # --- asking the user ---

    def _missed(self, live: Live, plan: Plan, facts: Facts) -> None:
        """Notes what the waiting call lacks, so that letting the session go on can give it enough."""
        key, step = plan.waits.partition("\n")[2], plan.steps[0]
        for standing in facts.standings:
            if standing.key == key:
                live.short[key] = budgets.short(standing, nanos=step.hold, tokens=step.tokens)

    async def _ask(self, call: Call, live: Live, waits: str, refusal: Refusal, answer: Answer) -> None:
        """Holds the call back, no header sent yet, until the tray or the CLI answers; nobody there: refused at once."""
        what, _, key = waits.partition("\n")
        seconds = self._ask_seconds(what)
        if not self.listeners:
            self._refused(call, live, refusal, time.time_ns() // 1_000_000)
            raise refusal
        kind = "loop" if isinstance(refusal, LoopRefusal) else "budget"
        self.notice(kind, refusal.message, refusal.hint, f"sessions/{live.id}")
        ask = Ask(
            Waiting(
                call.id, call.client.name, live.id, what, key or what, time.time_ns() // 1_000_000 + int(seconds * 1000)
            )
        )
        self.asks[call.id] = ask
        answer.on_gone(ask.answered.set)
        self.tell()
        try:
            async with asyncio.timeout(seconds):
                await ask.answered.wait()
        except TimeoutError:
            self._refused(call, live, refusal, time.time_ns() // 1_000_000)
            raise refusal from None
        finally:
            answer.on_gone(None)
            del self.asks[call.id]
            self.tell()
        if answer.gone:
            raise LeftError
        if not ask.allowed:
            raise refusal

    def _ask_seconds(self, what: str) -> float:
        rules = self.config.rules
        for budget in rules.budgets:
            if budget.name == what:
                return budget.ask_timeout_s
        return rules.loops[0].ask_timeout_s if rules.loops else 45.0

    def answer(self, *, session: str = "", key: str = "", allowed: bool) -> int:
        """Lets waiting calls go on (or not); how many there were."""
        matching = [
            a
            for a in self.asks.values()
            if (session and a.waiting.session == session) or (key and a.waiting.key == key)
        ]
        for ask in matching:
            ask.allowed = allowed
            ask.answered.set()
        return len(matching)

    # --- money ---

    def hold(self, decided: Decided, step: Step, spent: Nanos) -> None:
        """Opens the hold of this step, or turns an earlier step's into it."""
        units = {standing.key: standing.budget.unit for standing in decided.standings}
        charges = [Charge(key, units[key]) for key in step.buckets if key in units]
        self.books.hold(decided.call.id, charges, Amount(Nanos(step.hold + spent), step.tokens))
        self.tell()

    def can_hold(self, decided: Decided, step: Step, spent: Nanos) -> bool:
        """Whether a later step's own worst case still fits its budgets, this call's present hold given back."""
        present = self.books.open.get(decided.call.id)
        mine = {charge.key for charge in present.charges} if present is not None else set()
        wanted = Amount(Nanos(step.hold + spent), step.tokens)
        for standing in decided.standings:
            if standing.key not in step.buckets:
                continue
            unit = standing.budget.unit
            back = present.amount.of(unit) if present is not None and standing.key in mine else 0
            if self.books.used(standing.key) - back + wanted.of(unit) > standing.limit:
                return False
        return True

    def extend(self, decided: Decided, step: Step, spent: Nanos, more: int) -> Step | None:
        """The step with a hold for so much more output, if every budget has it left: one atomic step, like `hold`."""
        price = rate(step.candidate, self.roster(), decided.call.outline.service)
        each = 0
        if price is not None:
            at = price.at(step.tokens)
            each = max(at.output, at.reasoning)
        hold = Nanos(step.hold - (-each * more // 1_000_000))
        grown = replace(step, hold=hold, tokens=Tokens(step.tokens + more), output=Tokens(step.output + more))
        if not self.can_hold(decided, grown, spent):
            return None
        self.hold(decided, grown, spent)
        return grown

    def credit_left(self, decided: Decided, step: Step, spent: Nanos = NOTHING_SPENT) -> Nanos | None:
        """Under the tightest dollar budget this call falls under, its own hold not counted but what it has cost by now; None:
        there is none."""
        present = self.books.open.get(decided.call.id)
        mine = {charge.key: present.amount.nanos for charge in present.charges} if present is not None else {}
        lefts = [
            standing.limit - self.books.used(standing.key) + mine.get(standing.key, 0) - spent
            for standing in decided.standings
            if standing.budget.unit == "usd" and standing.key in step.buckets
        ]
        return Nanos(max(0, min(lefts))) if lefts else None

    async def ledger_held(self, row: CallRecord) -> None:
        await self.edges.held(row)

    def settled(self, call: Call, row: CallRecord, held: bool, decided: Decided | None, now_ms: int) -> None:
        """Exactly once per call; a call that never got a hold is only written down."""
        self.running.pop(call.id, None)
        self._meters.pop(call.id, None)
        if held:
            tokens = Tokens(row.usage.prompt + row.usage.produced)
            self.books.settle(call.id, Amount(row.cost, tokens))
        if decided is not None:
            self._remember(decided, row, now_ms)
            self._thresholds(decided, row.buckets)
            live = decided.live
            if live.loop is not None:
                ok = row.status in (Status.SETTLED, Status.ABORTED)
                live.loop = loops.concluded(live.loop, call.body_hash, ok=ok, now_ms=now_ms)
        self._total(row, now_ms)
        self.counts.add(row)
        self.edges.settle(row)
        self.edges.told(row)
        self.tell()

    def unread(self, row: CallRecord, now_ms: int) -> None:
        """A request that could not be read as a call is written down all the same: nothing was decided, held or sent."""
        self._total(row, now_ms)
        self.counts.add(row)
        self.edges.settle(row)
        self.edges.told(row)
        self.tell()

    def _remember(self, decided: Decided, row: CallRecord, now_ms: int) -> None:
        live, plan, outline = decided.live, decided.plan, decided.call.outline
        live.spent = Nanos(live.spent + row.cost)
        live.calls += 1
        if row.status not in (Status.SETTLED, Status.ABORTED):
            if plan.private and not live.memory.private:
                live.memory = replace(live.memory, private=True)
            return
        before = threads.recall(live.memory, outline)
        private = before.private or plan.private
        if outline.housekeeping is not None:
            # A side request is no turn of the conversation it is about, and warms no cache of it.
            if private != live.memory.private:
                live.memory = replace(live.memory, private=private)
            self.edges.remember(live.id, live)
            return
        usage = row.usage
        written = usage.cache_read + usage.cache_write_5m + usage.cache_write_1h
        memory = Memory(
            model=f"{row.provider}/{row.model}" if row.provider else before.model,
            tier=row.tier if row.provider else before.tier,
            grade=plan.grade if row.provider else before.grade,
            ask_hash=ask_hash(outline.ask) if outline.ask and row.provider else before.ask_hash,
            sealed_by=outline.sealed_by or before.sealed_by,
            private=private,
            rule=plan.rule if row.provider else before.rule,
            last_at_ms=now_ms,
            warm=Tokens(written or (usage.prompt if row.tier is not Tier.LOCAL else 0))
            if row.provider
            else before.warm,
            counted=decided.estimate if decided.exact and not row.estimated else Tokens(0),
            billed=usage.prompt if not row.estimated else Tokens(0),
            cache_ttl_s=3600 if usage.cache_write_1h else 300,
            calls=before.calls + 1,
            thread=before.thread,
            threads=before.threads,
        )
        live.memory = threads.remember(live.memory, outline, memory)
        self.edges.remember(live.id, live)

    def _total(self, row: CallRecord, now_ms: int) -> None:
        day = self.day_of(now_ms)
        if self.totals.day != day:
            self.totals = Totals(day)
        self.totals.add(row.cost, row.baseline, row.all_fast)
        self.totals.calls += 1

    def day_of(self, at_ms: int) -> str:
        """The user's own day; worked out once a minute."""
        minute, zone = at_ms // 60_000, self.edges.zone()
        if self._day[:2] != (minute, zone):
            self._day = (minute, zone, datetime.fromtimestamp(at_ms / 1000, zone).strftime("%Y-%m-%d"))
        return self._day[2]

    def midnight_ms(self, at_ms: int) -> int:
        now = datetime.fromtimestamp(at_ms / 1000, self.edges.zone())
        return int(now.replace(hour=0, minute=0, second=0, microsecond=0).timestamp() * 1000)

    def _thresholds(self, decided: Decided, keys: tuple[str, ...]) -> None:
        """Each is told once in a window; under a raised limit those that it moved away from can come again."""
        for standing in decided.standings:
            key, budget = standing.key, standing.budget
            limit = budget.limit + self.books.added.get(key, 0)
            if key not in keys or limit <= 0:
                continue
            used = self.books.settled.get(key, 0) + self.books.lost.get(key, 0)
            reached = next((percent for percent in THRESHOLDS if used * 100 >= limit * percent), 0)
            known, told = self.told.get(key, (limit, 0))
            if reached > told:
                left = budgets.amount(standing, max(0, limit - used))
                renews = f", renews {standing.renews:%Y-%m-%d %H:%M}" if standing.renews is not None else ""
                self.notice(
                    "budget",
                    f"{reached} % of {budget.name} used",
                    f"{budget.scope.replace('_', ' ')} {standing.scope}: {left} of {budgets.amount(standing, limit)} left{renews}.",
                    "budgets",
                )
            elif limit != known:
                reached = min(reached, told)
            if reached > told or limit != known:
                self.told[key] = (limit, reached)
                self.edges.keep("told", key, [limit, reached])

    # --- what things cost, and would have cost ---

    def billed(self, candidate: Candidate, call: Call, seen: Seen) -> Price | None:
        """What the provider charges for this attempt: of this minute, at the tier of service that it answered with.

        An unpriced model costs what it was held at, the dearest known of its provider, never nothing. None: no price at all.
        """
        if candidate.price is None:
            return rate(candidate, self.roster())
        provider = self.settings.providers.get(candidate.provider)
        if provider is None or provider.sovereign:
            return candidate.price
        service = service_named(seen.service) if seen.service else call.outline.service
        return self.edges.catalogue.billed(provider, candidate.model, time.time_ns() // 1_000_000, service)

    def baseline_cost(self, plan: Plan, usage: Usage, call: Call) -> Nanos:
        """The asked model's price where it has one (else the baseline's), on the same tokens with their cache reads."""
        asked = plan.baseline or self.roster().baseline
        if asked is None or asked.price is None:
            return Nanos(0)
        return cost(usage, asked.price)

    def all_fast_cost(self, usage: Usage) -> Nanos:
        line = self.roster().tiers.get(Tier.FAST, ())
        price = next((c.price for c in line if c.price is not None), None)
        return cost(usage, price) if price is not None else Nanos(0)

    def saved(self, plan: Plan | None, usage: Usage, spent: Nanos) -> Nanos:
        asked = (plan.baseline if plan is not None else None) or self.roster().baseline
        if asked is None or asked.price is None:
            return Nanos(0)
        return Nanos(cost(usage, asked.price) - spent)

    def worked(self, step: Step, seen: Seen, took_ms: int) -> dict[str, Any]:
        """`busy_ms` and `energy` of a call to an engine of our own: the busy time that it reports, else the attempt's own
        length, at the user's watts and price of a kilowatt-hour."""
        if not step.candidate.sovereign:
            return {}
        busy_s = seen.busy_s if seen.busy_s > 0 else max(0.0, took_ms / 1000 - seen.queue_s)
        found = next(
            (one for one in self.settings.prices if fnmatch(step.candidate.name, one.pattern) and one.watts), None
        )
        nanos = energy(busy_s, found.watts or 0.0, found.usd_per_kwh or 0.0) if found is not None else Nanos(0)
        return {"busy_ms": round(busy_s * 1000), "energy": nanos}

    def tier_of(self, candidate: Candidate) -> Tier | None:
        """A model outside the tiers: local when it is inside our walls, else by what it costs against the fast tier."""
        if candidate.tier is not None:
            return candidate.tier
        if candidate.sovereign:
            return Tier.LOCAL
        fast = next((c.price for c in self.roster().tiers.get(Tier.FAST, ()) if c.price is not None), None)
        if fast is None or candidate.price is None:
            return Tier.HIGH
        return Tier.FAST if candidate.price.output <= fast.output * 2 else Tier.HIGH

    # --- engines ---

    def target(self, exchange: Exchange, step: Step, decided: Decided) -> Target:
        candidate, outline, estimate = step.candidate, exchange.call.outline, decided.estimate
        provider = decided.config.settings.providers[candidate.provider]
        wanted = step.max_output if step.max_output is not None else outline.max_output
        window: int | None = None
        limit: int | None = int(wanted) if wanted is not None else None
        if candidate.family is Family.OLLAMA:
            room = min(int(wanted or 4_096), 8_192)
            pinned = provider.num_ctx
            need = int(estimate * 1.1) + room + 256
            if not exchange.native or _needs_window(exchange, need - room, pinned):
                window = pinned or self.learned.window(candidate.name, need, candidate.context)
            if limit is not None and window is not None:
                limit = min(limit, max(256, window - int(estimate)))
        elif candidate.max_output is not None and limit is not None:
            limit = min(limit, int(candidate.max_output))
        sealed = outline.sealed_by
        return Target(
            model=candidate.model,
            max_output=limit
            if (limit != outline.max_output or exchange.heard.family is not candidate.family)
            else None,
            num_ctx=window,
            thinks=candidate.thinks,
            vendor_history=sealed is None or sealed is candidate.family,
            include_usage=True,
            legacy_max_tokens="api.openai.com" not in provider.base_url,
        )

    def _without_down(self, roster: Roster) -> Roster:
        now = time.monotonic()
        down = {name for name, (until, _) in self._down.items() if until > now}
        if self._resting:
            self._resting = {name: until for name, until in self._resting.items() if until > now}
        if not down and not self._resting:
            return roster

        def marked(line: tuple[Candidate, ...]) -> tuple[Candidate, ...]:
            return tuple(
                replace(c, healthy=False) if c.provider in down or c.name in self._resting else c for c in line
            )

        return replace(roster, tiers={tier: marked(line) for tier, line in roster.tiers.items()})

    def noticed_failure(self, step: Step, error: TurnoutError, *, last: bool) -> None:
        """A provider that cannot be reached goes last for a while: 2 s, doubling to a minute while it stays away."""
        name = step.candidate.provider
        if isinstance(error, EngineStatusError) and error.answer_status in OVERLOADED:
            # What it asked for, and up to a fifth more, so that not everybody comes back at the same moment.
            asked = min(error.retry_after_s if error.retry_after_s is not None else 1.0, MOST_REST_S)
            self._resting[step.candidate.name] = time.monotonic() + max(0.0, asked) * random.uniform(1.0, 1.2)  # noqa: S311  no secret
        if isinstance(error, EngineStatusError) and error.answer_status in (401, 403):
            self.notice("key", f"{name} does not accept its key", error.message, "models")
        elif error.code in ("turnout_engine_unreachable", "turnout_keys"):
            _, count = self._down.get(name, (0.0, 0))
            self._down[name] = (time.monotonic() + min(60.0, 2.0 * 2**count), min(count + 1, 5))
            self.notice(
                "engine" if error.code != "turnout_keys" else "key", f"{name} cannot be used", error.said, "models"
            )
        elif not last:
            self.notice("fallback", f"{name} failed, trying the next", error.message, "calls")

    def lost(self, provider: str, why: str) -> None:
        """An engine that answered until now does not any more, and no call had to fail to learn it."""
        if provider not in self._down:
            self.notice("engine", f"{provider} is down", why, "models")

    def reached(self, provider: str) -> None:
        self._down.pop(provider, None)

    def began(self, call: Call, step: Step, seen: Seen) -> None:
        self._meters[call.id] = Meter(seen)
        self.running[call.id] = Running(
            id=call.id,
            client=call.client.name,
            model=step.candidate.name,
            tier=(step.tier or self.tier_of(step.candidate) or Tier.HIGH).value,
            started_ms=time.time_ns() // 1_000_000,
            session=call.session,
        )

    def under_way(self) -> tuple[Running, ...]:
        """Each with what has streamed so far."""
        return tuple(replace(one, output_tokens=self._meters[id_].tokens()) for id_, one in self.running.items())

    def learn(
        self, call: Call, candidate: Candidate, settled: Settled, seen: Seen, estimate: Tokens, *, exact: bool
    ) -> None:
        if seen.status == "ok":
            self.reached(candidate.provider)
        if seen.status == "ok" and not settled.estimated:
            self.learned.answered(call.client.name, candidate.name, settled.usage.produced)
            if exact and not settled.disputed:
                shape = shaped(estimate, call.outline)
                if self.edges.corrections.observe(candidate.name, shape, int(settled.usage.prompt)):
                    self.edges.counted(candidate.name)

    def count_output(self, text: str) -> Tokens:
        if not text:
            return Tokens(0)
        if len(text) > SAMPLED:
            # A count of this much would hold the loop; both ends stand for the whole.
            half = SAMPLED // 2
            counted = self.edges.count_now((text[:half], text[-half:]), "")
            return Tokens(counted * len(text) // SAMPLED if counted is not None else len(text) // 3)
        counted = self.edges.count_now((text,), "")
        return counted if counted is not None else Tokens(len(text) // 3 + 1)

    async def count_surely(self, text: str) -> Tokens:
        """The same, never by a bound: a stream is cut off for what this says."""
        if text and not self.edges.counts_exactly():
            await asyncio.to_thread(self.edges.count_slow, (text[:SAMPLED],), "")
        return self.count_output(text)

    # --- telling people ---

    def notice(self, kind: str, title: str, text: str, target: str = "") -> None:
        self._noticed += 1
        log.info("notice %d, %s: %s", self._noticed, kind, title)
        self.notices.append(Notice(self._noticed, time.time_ns() // 1_000_000, kind, title, text, target))
        self.tell()

    def refused_notice(self, call: Call, refusal: Refusal) -> None:
        kind = "loop" if isinstance(refusal, LoopRefusal) else "budget"
        last = self.notices[-1] if self.notices else None
        if last is None or last.kind != kind or last.text != refusal.said:
            self.notice(kind, f"{call.client.name} was stopped", refusal.said, f"sessions/{call.session}")


def shaped(estimate: Tokens, outline: Outline) -> Shape:
    """What was counted, taken apart again into what providers bill apart."""
    return Shape(max(0, estimate - IMAGE * outline.images), outline.turns, outline.tools, outline.images)


def refused_by(refusal: Refusal) -> str:
    """The row's `rule` for a call that never got a plan."""
    return refusal.rule or {"turnout_budget": "budget", "turnout_loop": "loop guard", "turnout_ledger": "ledger"}.get(
        refusal.code, "policy"
    )


EMBEDS = frozenset({Dialect.OPENAI_EMBEDDINGS, Dialect.OLLAMA_EMBED})


def _needs_window(exchange: Exchange, prompt: int, pinned: int | None) -> bool:
    """Whether a native Ollama request gets `num_ctx` from us: its own stands; without one the engine cuts in silence what
    is longer than its default. A provider's own `num_ctx` is for every call, for each other window reloads the model."""
    options = said(exchange.doc, "options")
    if isinstance(options, dict) and options.get("num_ctx") is not None:
        return False
    return pinned is not None or prompt > SMALLEST_WINDOW - ROOM
