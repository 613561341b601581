"""Live state of the proxy, changed on the event loop only: settings and rules in force, money held, sessions.

`facts` is a frozen snapshot; between taking it and `hold` nothing is awaited, so two calls cannot spend the same credit.
"""

import asyncio
import logging
import time
from dataclasses import dataclass, replace

from turnout.calls.client import Call
from turnout.calls.record import CallRecord
from turnout.calls.units import Mode, Nanos, Status, Tier, Tokens
from turnout.calls.values import frozen
from turnout.control.messages import Running
from turnout.counting.corrections import Shape
from turnout.engines.engine import Engine
from turnout.errors import BudgetRefusal, LoopRefusal, NoEngineError, PolicyRefusal, Refusal
from turnout.proxy.asking import Asks
from turnout.proxy.attribution import Session
from turnout.proxy.door.answer import Answer
from turnout.proxy.exchange import Seen
from turnout.proxy.graders import Graders
from turnout.proxy.health import Health
from turnout.proxy.intents import Intents
from turnout.proxy.meter import Meter
from turnout.proxy.money.books import Books, Charge, taken
from turnout.proxy.money.estimates import Estimates, shaped
from turnout.proxy.money.learned import Learned
from turnout.proxy.money.settling import Settled
from turnout.proxy.money.standings import Standings
from turnout.proxy.money.thresholds import Thresholds
from turnout.proxy.money.totals import Tally
from turnout.proxy.money.worth import Worth
from turnout.proxy.notices import Notices
from turnout.proxy.now import now_ms
from turnout.proxy.outside import Config, Edges
from turnout.proxy.roster import Known, build
from turnout.proxy.sessions import Live, Sessions
from turnout.proxy.surplus import Surplus
from turnout.routing import budget as budgets
from turnout.routing import loops, threads
from turnout.routing.afford import rate
from turnout.routing.decide import decide
from turnout.routing.facts import Candidate, Facts, Grading, Memory, Roster, SecretVerdict, Standing
from turnout.routing.plan import Need, Plan, Step
from turnout.settings.model import Settings

log = logging.getLogger("turnout.state")
_NONE = Tokens(0)
_WENT = (Status.SETTLED, Status.ABORTED)
"""Ends of a call that is a turn of its session."""
SCANNED_HERE = 50_000
"""Characters that are scanned for secrets on the loop; more goes to a thread."""


@frozen
class Decided:
    """A plan with everything it was decided on; the pipeline holds and settles from it."""

    plan: Plan
    call: Call
    live: Live
    estimate: Tokens
    exact: bool
    """The estimate is a count, not a byte bound."""
    shape: Shape
    """The estimate, taken apart into what providers bill apart."""
    grading: Grading | None
    secret: SecretVerdict | None
    standings: tuple[Standing, ...]
    thread: str
    """Which of the session's conversations it is of (`threads.key`)."""
    config: "Config"
    """The version of settings and rules it was decided under, and is carried out under (I20)."""


@dataclass(slots=True)
class UnderWay:
    """An attempt that is being answered: what `Running` is made from when somebody looks."""

    call: Call
    step: Step
    seen: Seen
    started_ms: int
    meter: Meter | None = None
    """From the first look on."""


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
        self.running: dict[str, UnderWay] = {}
        self.notices = Notices(self.tell)
        self.asks = Asks(self.notices, self.tell)
        self.thresholds = Thresholds(self.books, self.notices, edges.keep)
        self.health = Health(self.notices.say)
        self.standings = Standings(self.books, self.sessions, edges.zone)
        self.worth = Worth(self.roster, lambda: self.settings, edges.catalogue)
        self.estimates = Estimates(edges)
        self.clients_seen: dict[str, int] = {}
        self.tally = Tally(edges.zone)
        self.changed = asyncio.Event()
        self._engines: dict[str, Engine] = {}
        self._roster: Roster | None = None
        self._roster_day = 0
        self._states: dict[str, str] = {}
        self.surplus = Surplus()
        self._watch = loops.Watch()
        self.spent_at: dict[str, int] = {}
        """Budget bucket of a session -> when it was last spent from, as the ledger had it at the start."""

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
            self._states = {name: one.state for name, one in self.known.items()}
        self._roster = None
        self.tell()

    def learn_models(self, provider: str, known: Known) -> None:
        if self.known.get(provider) != known:
            self.known[provider] = known
            self._states = {name: one.state for name, one in self.known.items()}
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

    def attributed(self, call: Call, session: Session) -> tuple[Call, Live]:
        """The call in the session that it is really in: after a silence, or beside another client's of the same name."""
        live = self.sessions.named(session, call.client.name, now_ms())
        if call.session == live.id and call.parent_session == live.parent:
            return call, live
        return replace(call, session=live.id, parent_session=live.parent), live

    async def decided(self, call: Call, live: Live, answer: Answer) -> Decided:
        """Fetches what the rules turn out to need, decides, and waits for the user where a rule says `ask`.

        Call and session are what `attributed` said. Raises a Refusal, NoEngineError, or LeftError when the client did not wait. The return is synchronous with the last `facts`: hold before any await.
        """
        at_ms, client = now_ms(), call.client
        live.last_at_ms = at_ms
        live.developer, live.department, live.project = call.developer, client.department, call.project
        self.clients_seen[client.name] = at_ms
        known = live.loop if live.loop is not None else self._watch.heir(call, at_ms)
        loop = live.loop = loops.observe(known, call, at_ms, spent=live.spent)
        self._watch.note(live.id, loop)
        if loop.new:
            live.stopped = ""
        # Every hold needs the count, so what can be counted here at once is, and most calls are decided in one pass.
        exact = self.edges.counts_exactly()
        estimate = self.estimates.prompt_now(call)
        shape = shaped(estimate, call.outline)
        grading: Grading | None = None
        secret: SecretVerdict | None = None
        waited: set[str] = set()
        thread = threads.key(call.outline)
        facts: Facts | None = None
        while True:
            if facts is None:
                config = self.config
                facts = self.facts(call, live, thread, shape, estimate=estimate, grading=grading, secret=secret)
            try:
                outcome = decide(call, facts, self.standings.courses(facts.roster))
            except (BudgetRefusal, LoopRefusal) as stopped:
                self._refused(call, live, stopped, at_ms)
                raise
            except PolicyRefusal as walled:
                if walled.private and not live.memory.private:
                    # Refused for want of a local engine: private it stays, also when the next request is without the secret.
                    live.memory = replace(live.memory, private=True)
                    self.edges.remember(live.id, live)
                raise
            if isinstance(outcome, Plan):
                if not outcome.waits:
                    live.held_up = ""
                    counted = estimate or Tokens(0)
                    return Decided(
                        outcome, call, live, counted, exact, shape, grading, secret, facts.standings, thread, config
                    )
                refusal = outcome.refusal or BudgetRefusal(f"{outcome.waits.partition(chr(10))[0]} is used up.")
                if outcome.waits in waited:
                    self._refused(call, live, refusal, at_ms)
                    raise refusal
                waited.add(outcome.waits)
                self._missed(live, outcome, facts)
                await self._ask(call, live, outcome.waits, refusal, answer)
            elif outcome is Need.TOKENS:
                estimate, exact = await self.estimates.prompt(call), True
                shape = shaped(estimate, call.outline)
            elif outcome is Need.GRADE:
                graded = self.graders.at_once(call, config.rules, live.hash_of(call.outline.ask))
                if isinstance(graded, Grading):
                    grading, facts = graded, facts.knowing(graded, secret)
                    continue  # nothing was awaited, so it is the same moment still
                grading = await self.graders.later(graded, call, config.rules, self.roster())
            elif sum(map(len, call.outline.said)) <= SCANNED_HERE:
                secret = self._scanned(call)
                facts = facts.knowing(grading, secret)
                continue
            else:
                secret = await asyncio.to_thread(self._scanned, call)
            facts = None

    def facts(
        self,
        call: Call,
        live: Live,
        thread: str,
        shape: Shape,
        *,
        estimate: Tokens | None,
        grading: Grading | None,
        secret: SecretVerdict | None,
    ) -> Facts:
        at_ms, rules, roster = now_ms(), self.config.rules, self.roster()
        present = self.standings.present(at_ms, rules, roster)
        likely, ceiling = self.learned.outputs(call.client.name)
        ask_hash = live.hash_of(call.outline.ask) if live.memory.ask_hash else ""
        # By place: by name it takes three times as long.
        return Facts(
            present.now,
            at_ms,
            rules,
            self.health.marked(roster),
            self.mode_now(at_ms),
            threads.recall(live.memory, call.outline, thread),
            self.standings.budgets(call, live, present),
            self.standings.near(call, live, present),
            estimate,
            self.learned.continued(call.client.name, self.estimates.holding(shape))
            if "kept" in call.outline.extras
            else self.estimates.holding(shape),
            grading,
            secret,
            likely,
            ceiling,
            self._states,
            ask_hash,
        )

    def mode_now(self, now_ms: int) -> Mode:
        """Paused is pass-through for a while: calls go where they were meant to, budgets and `private` still hold."""
        until = self.paused_until_ms
        if until is not None and (until == 0 or now_ms < until):
            return Mode.PASSTHROUGH
        return self.mode

    def _refused(self, call: Call, live: Live, refusal: Refusal, now_ms: int) -> None:
        if live.loop is not None:
            live.loop = loops.refused(live.loop, now_ms)
            self._watch.note(live.id, live.loop)
        if isinstance(refusal, LoopRefusal) or live.short:
            live.held_up = refusal.message
        self.edges.remember(live.id, live)
        self.notices.refused(call, refusal)

    def _scanned(self, call: Call) -> SecretVerdict:
        try:
            return self.edges.scan(call.outline.said)
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
        """Comes back when the call may go on."""
        seconds = self._ask_seconds(waits.partition("\n")[0])
        allowed = await self.asks.allowed(call, live.id, waits, refusal, answer, seconds)
        if allowed is None:
            self._refused(call, live, refusal, now_ms())
        if not allowed:
            raise refusal

    def _ask_seconds(self, what: str) -> float:
        rules = self.config.rules
        for budget in rules.budgets:
            if budget.name == what:
                return budget.ask_timeout_s
        return rules.loops[0].ask_timeout_s if rules.loops else 45.0

    # --- money ---

    def hold(self, decided: Decided, step: Step, spent: Nanos, used: int) -> None:
        """Opens the hold of this step, or turns an earlier step's into it. `spent` and `used`: nanos and tokens of the steps before."""
        mine, amounts = step.buckets, taken(step.hold + spent, step.tokens + used)
        charges = [
            Charge(one.key, unit := one.budget.unit, amounts[unit]) for one in decided.standings if one.key in mine
        ]
        self.books.hold(decided.call.id, tuple(charges))
        self.tell()

    def can_hold(self, decided: Decided, step: Step, spent: Nanos, used: int) -> bool:
        """Whether a later step's own worst case still fits its budgets, this call's present hold given back."""
        wanted, mine, id_ = taken(step.hold + spent, step.tokens + used), step.buckets, decided.call.id
        return all(
            self.books.besides(id_, one.key) + wanted[one.budget.unit] <= one.limit
            for one in decided.standings
            if one.key in mine
        )

    def extend(self, decided: Decided, step: Step, spent: Nanos, used: int, more: int) -> Step | None:
        """The step with a hold for so much more output, if every budget has it left: one atomic step, like `hold`."""
        price = rate(step.candidate, self.roster(), decided.call.outline.service)
        each = 0
        if price is not None:
            each = price.at(step.tokens).dearest_output
        hold = Nanos(step.hold - (-each * more // 1_000_000))
        grown = replace(step, hold=hold, tokens=Tokens(step.tokens + more), output=Tokens(step.output + more))
        if not self.can_hold(decided, grown, spent, used):
            return None
        self.hold(decided, grown, spent, used)
        return grown

    def credit_left(self, decided: Decided, step: Step, spent: Nanos) -> Nanos | None:
        """Under the tightest dollar budget this call falls under, its own hold not counted but what it has cost by now; None:
        there is none."""
        left: int | None = None
        for one in decided.standings:
            if one.budget.unit == "usd" and one.key in step.buckets:
                rest = one.limit - self.books.besides(decided.call.id, one.key) - spent
                left = rest if left is None or rest < left else left
        return Nanos(max(0, left)) if left is not None else None

    def settled(self, call: Call, row: CallRecord, held: bool, decided: Decided | None, now_ms: int) -> None:
        """Exactly once per call; a call that never got a hold is only written down."""
        self.running.pop(call.id, None)
        if held:
            self.books.settle(call.id, taken(row.cost, row.usage.total))
        if decided is not None:
            ok = row.status in _WENT
            self._remember(decided, row, now_ms, ok=ok)
            self.thresholds.passed(decided.standings, row.buckets)
            if ok and row.grade is None and row.score is None and not row.note and _may_be_graded(call):
                self.edges.ungraded(row.id, call.outline.ask)
            live = decided.live
            if live.loop is not None:
                live.loop = loops.concluded(live.loop, call.body_hash, ok=ok, now_ms=now_ms)
        self.tally.add(row, now_ms)
        self.edges.settle(row)
        self.edges.told(row)
        self.tell()

    def learn(self, candidate: Candidate, settled: Settled, decided: Decided) -> Tokens | None:
        """From an attempt that was answered: its engine is there, how much such calls put out, how its provider counts. What that was
        expected to bill for the prompt; None: nothing was learned of it."""
        self.health.reached(candidate.provider)
        if settled.estimated:
            return None
        self.learned.answered(decided.call.client.name, candidate.name, settled.usage.produced)
        if "kept" in decided.call.outline.extras:
            self.learned.continues(decided.call.client.name, candidate.name, settled.usage.prompt)
            return None
        return (
            self.estimates.billed(candidate, settled, decided.shape) if decided.exact and not settled.disputed else None
        )

    def unread(self, row: CallRecord, now_ms: int) -> None:
        """A request that could not be read as a call is written down all the same: nothing was decided, held or sent."""
        self.tally.add(row, now_ms)
        self.edges.settle(row)
        self.edges.told(row)
        self.tell()

    def _remember(self, decided: Decided, row: CallRecord, now_ms: int, *, ok: bool) -> None:
        live, plan, outline = decided.live, decided.plan, decided.call.outline
        live.spent = Nanos(live.spent + row.cost)
        live.calls += 1
        if not ok:
            if plan.private and not live.memory.private:
                live.memory = replace(live.memory, private=True)
            return
        before = threads.recall(live.memory, outline, decided.thread)
        private = before.private or plan.private
        if outline.housekeeping is not None or not row.provider:
            # A side request is no turn of the conversation it is about, and warms no cache of it.
            if private != live.memory.private:
                live.memory = replace(live.memory, private=private)
            self.edges.remember(live.id, live)
            return
        usage = row.usage
        written = usage.cache_read + usage.cache_write_5m + usage.cache_write_1h
        prompt = Tokens(usage.uncached + written)
        # Only a grade is kept for "the same ask"; the hash of 1 KB takes 15 us, and that of an agent's 10 KB ten times as long.
        asked = plan.grade is not None and outline.ask
        warm = Tokens(written or (prompt if row.tier is not Tier.LOCAL else 0))
        counted = _NONE if row.estimated or not decided.exact else decided.estimate
        billed = _NONE if row.estimated else prompt
        # By place: by name it takes three times as long (4.2 us, 1.4 so).
        memory = Memory(
            f"{row.provider}/{row.model}",
            row.tier,
            plan.grade,
            live.hash_of(outline.ask) if asked else before.ask_hash,
            outline.sealed_by or before.sealed_by,
            private,
            plan.rule,
            now_ms,
            warm,
            counted,
            billed,
            3600 if usage.cache_write_1h else 300,
            before.calls + 1,
            decided.thread or before.thread,
            before.threads,
        )
        live.memory = threads.remember(live.memory, outline, memory, decided.thread)
        self.edges.remember(live.id, live)

    # --- calls under way ---

    def began(self, call: Call, step: Step, seen: Seen, now_ms: int) -> None:
        self.running[call.id] = UnderWay(call, step, seen, now_ms)

    def under_way(self) -> tuple[Running, ...]:
        """Each with what has streamed so far."""
        return tuple(map(self._running, self.running.values()))

    def _running(self, one: UnderWay) -> Running:
        meter = one.meter = one.meter or Meter(one.seen)
        candidate = one.step.candidate
        return Running(
            id=one.call.id,
            client=one.call.client.name,
            model=candidate.name,
            tier=(one.step.tier or self.worth.tier_of(candidate) or Tier.HIGH).value,
            started_ms=one.started_ms,
            session=one.call.session,
            output_tokens=meter.tokens(),
        )


def _may_be_graded(call: Call) -> bool:
    """It brought an ask of its own, not a step of a tool loop, a side request or a text to be made a vector of."""
    return bool(call.outline.ask) and call.outline.ask_is_last and loops.is_work(call)


def refused_by(refusal: Refusal) -> str:
    """The row's `rule` for a call that never got a plan."""
    return refusal.rule or {"turnout_budget": "budget", "turnout_loop": "loop guard", "turnout_ledger": "ledger"}.get(
        refusal.code, "policy"
    )
