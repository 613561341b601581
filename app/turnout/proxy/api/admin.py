"""What the control API does to the live state, as methods."""

from collections.abc import Callable
from decimal import Decimal, InvalidOperation

from turnout import __version__
from turnout.calls.units import Json, Mode, Nanos
from turnout.control.messages import BudgetLine, Status, Stopped
from turnout.control.messages import Engine as EngineLine
from turnout.counting.corrections import Learned
from turnout.errors import BadRequestError, NotFoundError
from turnout.ledger.rows import rfc3339, usd
from turnout.ledger.writer import Writer
from turnout.proxy.keep import mode_json
from turnout.proxy.now import now_ms
from turnout.proxy.sessions import Live
from turnout.proxy.state import State
from turnout.routing.money import nanos_of

STOPPED_TOLD = 8
KEPT_KINDS = ("calibration", "connect", "shadow")
Doc = dict[str, Json]


class Admin:
    """Over the live state."""

    def __init__(self, state: State, writer: Writer, started_ms: int, url: str, pid: int) -> None:
        self._state, self._writer = state, writer
        self._started_ms, self.url, self._pid = started_ms, url, pid
        self.next_steps: tuple[str, ...] = ()
        self.on_kept: Callable[[str, Json], None] = lambda kind, value: None
        """Whoever has one of these things in use."""

    def status(self) -> Status:
        state = self._state
        budgets, today = self.budget_lines(), state.tally.today(now_ms())
        left = [int(Decimal(line.left) * 1_000_000_000) for line in budgets if line.unit == "usd"]
        return Status(
            version=__version__,
            pid=self._pid,
            url=self.url,
            started_ms=self._started_ms,
            mode=state.mode.value,
            paused_until_ms=state.paused_until_ms,
            in_flight=len(state.running),
            listeners=state.asks.listeners,
            open_holds=len(state.books.open),
            credit_usd=usd(min(left)) if left else "",
            spent_today_usd=usd(today.spent),
            saved_today_usd=usd(today.saved),
            baseline_today_usd=usd(today.baseline),
            all_fast_today_usd=usd(today.all_fast),
            rules_error=state.config.rules_error,
            settings_error=state.config.settings_error,
            ledger_error=self._writer.problem,
            serves_unrecorded=state.settings.serve_unrecorded,
            unwritten=self._writer.unwritten,
            ledger_adrift=self._writer.adrift,
            engines=self.engine_lines(),
            budgets=budgets,
            running=state.under_way(),
            waiting=state.asks.waiting,
            stopped=self._stopped(),
            notices=tuple(state.notices.kept)[-50:],
            intent_cache={"hits": state.intents.hits, "misses": state.intents.misses, "size": len(state.intents)},
            clients_seen=dict(state.clients_seen),
            next_steps=self.next_steps,
        )

    def engine_lines(self) -> tuple[EngineLine, ...]:
        found = []
        for name, provider in self._state.settings.providers.items():
            known = self._state.known.get(name)
            found.append(
                EngineLine(
                    provider=name,
                    state=known.state if known is not None else "unknown",
                    detail=known.detail if known is not None else "",
                    models=len(known.models) if known is not None else 0,
                    sovereign=provider.sovereign,
                )
            )
        return tuple(found)

    def budget_lines(self) -> tuple[BudgetLine, ...]:
        """Every bucket with something in it, by its key: `name|scope=who|unit|per|window`."""
        state = self._state
        known = {budget.name: budget for budget in state.config.rules.budgets}
        live = state.standings.live_windows()
        lines = []
        for key in sorted(state.books.keys):
            parts = key.split("|")
            budget = known.get(parts[0])
            if budget is None or len(parts) != 5 or (parts[2], parts[3]) != (budget.unit, budget.per):
                continue
            span = live.get(budget.per)
            if parts[4] != span.label if span is not None else budget.per == "session" and self._over(key, parts[4]):
                continue
            scope, _, who = parts[1].partition("=")
            limit = budget.limit + state.books.added.get(key, 0)
            lost = state.books.lost.get(key, 0)
            used, held = state.books.settled.get(key, 0) + lost, state.books.held.get(key, 0)

            def shown(value: int, unit: str = budget.unit) -> str:
                return usd(value) if unit == "usd" else str(value)

            lines.append(
                BudgetLine(
                    key=key,
                    budget=budget.name,
                    scope=scope,
                    who=who,
                    unit=budget.unit,
                    per=budget.per,
                    used=shown(used),
                    held=shown(held),
                    limit=shown(limit),
                    left=shown(max(0, limit - used - held)),
                    lost=usd(lost),
                    renews_at=rfc3339(round(span.renews.timestamp() * 1000)) if span and span.renews else "",
                    waiting=sum(1 for one in state.asks.waiting if one.key == key),
                )
            )
        return tuple(lines)

    def _over(self, key: str, label: str) -> bool:
        """Whether this session's own budget need not be shown any more: it has been silent for a day, and nothing is open."""
        live = self._state.sessions.find(label.removeprefix("session "))
        books = self._state.books
        # A kill may have lost the session's memory, never what it spent.
        last_ms = live.last_at_ms if live is not None else self._state.spent_at.get(key, 0)
        quiet = now_ms() - last_ms > 86_400_000
        return quiet and key not in books.held and key not in books.lost

    def set_mode(self, mode: str) -> Doc:
        try:
            self._state.mode = Mode(mode)
        except ValueError:
            raise BadRequestError(f"{mode[:20]!r} is no mode", hint="One of auto, local, cloud, passthrough.") from None
        return self._kept_mode()

    def pause(self, seconds: int | None) -> Doc:
        self._state.paused_until_ms = 0 if seconds is None else now_ms() + seconds * 1000
        return self._kept_mode()

    def resume(self) -> Doc:
        self._state.paused_until_ms = None
        return self._kept_mode()

    def _kept_mode(self) -> Doc:
        state = self._state
        self._writer.keep("state", "mode", mode_json(state.mode, state.paused_until_ms), now_ms())
        state.tell()
        return {"mode": state.mode.value, "paused_until_ms": state.paused_until_ms}

    def _stopped(self) -> tuple[Stopped, ...]:
        """Newest first; one that is left alone for an hour is nobody's business any more."""
        state, now = self._state, now_ms()
        asking = {one.session for one in state.asks.waiting}
        found = [
            Stopped(live.id, live.client, live.stopped or live.held_up, live.last_at_ms)
            for live in state.sessions.all()
            if (live.stopped or live.held_up) and live.id not in asking and now - live.last_at_ms < 3_600_000
        ]
        return tuple(sorted(found, key=lambda one: -one.at_ms)[:STOPPED_TOLD])

    def sessions(self) -> Doc:
        state = self._state
        waiting = {one.session for one in state.asks.waiting}
        recent = [
            live
            for live in state.sessions.all()
            if live.stopped or live.id in waiting or now_ms() - live.last_at_ms < 3_600_000
        ]
        return {
            "sessions": [
                {
                    "id": live.id,
                    "client": live.client,
                    "parent": live.parent,
                    "calls": live.calls,
                    "spent_usd": usd(live.spent),
                    "model": live.memory.model,
                    "private": live.memory.private,
                    "stopped": live.stopped or live.held_up,
                    "waiting": live.id in waiting,
                    "turns": live.loop.turns if live.loop is not None else 0,
                    "last_at": rfc3339(live.last_at_ms),
                }
                for live in sorted(recent, key=lambda live: -live.last_at_ms)
            ]
        }

    def session_allow(self, session: str, dollars: str, turns: int) -> Doc:
        """Without figures: as much again as the loop guard's own limit; of a budget that asked, a tenth, and enough for the call
        that it held up. Either way for this session only: `budget credit` raises a budget for everyone under it."""
        live = self._state.sessions.find(session)
        if live is None:
            raise NotFoundError(f"there is no live session {session[:80]!r}", hint="`turnout session list` shows them.")
        live.stopped = live.held_up = ""
        if dollars:
            live.allowed_usd = Nanos(live.allowed_usd + money(dollars))
        if turns or not dollars:
            live.allowed_turns += (
                turns or max((loop.turns or 0 for loop in self._state.config.rules.loops), default=0) or 200
            )
        if not dollars and not turns:
            most = max((loop.usd or 0 for loop in self._state.config.rules.loops), default=0)
            live.allowed_usd = Nanos(live.allowed_usd + (most or 3_000_000_000))
        raised = self._raise_budgets(live, dollars, turns)
        answered = self._state.asks.answer(session=session, allowed=True)
        self._state.edges.remember(live.id, live)
        self._state.tell()
        return {"session": session, "answered": answered, "raised": raised}

    def _raise_budgets(self, live: Live, dollars: str, turns: int) -> list[Json]:
        """The budgets that asked for this session: a call let go on without room in them would be refused all the same."""
        found: list[Json] = []
        books = self._state.books
        for key, lacking in live.short.items():
            budget = next((b for b in self._state.config.rules.budgets if key.startswith(f"{b.name}|")), None)
            if budget is None:
                continue
            # More than what is used by now: a provider that billed past its hold does not eat it up.
            limit = budget.limit + books.added.get(key, 0) + live.raised.get(key, 0)
            overdrawn = max(0, books.used(key) - limit)
            if dollars and budget.unit == "usd":
                more = overdrawn + int(money(dollars))
            elif turns and budget.unit == "calls":
                more = overdrawn + turns
            else:
                more = max(lacking, budget.limit // 10)
            live.raised[key] = live.raised.get(key, 0) + more
            found.append(key)
        live.short.clear()
        return found

    def session_stop(self, session: str) -> Doc:
        live = self._state.sessions.find(session)
        if live is None:
            raise NotFoundError(f"there is no live session {session[:80]!r}", hint="`turnout session list` shows them.")
        live.stopped = "stopped by hand"
        answered = self._state.asks.answer(session=session, allowed=False)
        self._state.edges.remember(live.id, live)
        self._state.tell()
        return {"session": session, "answered": answered}

    def credit(self, scope: str, dollars: str) -> Doc:
        """`scope` is a bucket's key, a budget's name, or `client:NAME`-like; all its present windows get the credit."""
        amount = money(dollars)
        units = {line.key: line.unit for line in self.budget_lines() if _meant(scope, line)}
        units |= {
            key: budget.unit for budget, key in self._state.standings.windows_for(scope, self._state.config.rules)
        }
        if not units:
            raise NotFoundError(f"no budget goes by {scope[:80]!r}", hint="`turnout budget list` shows the keys.")
        found = [key for key, unit in units.items() if unit == "usd"]
        if not found:
            raise BadRequestError(
                f"the budget of {scope[:80]!r} counts {next(iter(units.values()))}, not dollars",
                hint="Raise it in rules.toml, or let one session go on: `turnout session allow`.",
            )
        for key in found:
            self._state.books.added[key] = self._state.books.added.get(key, 0) + int(amount)
            self._writer.keep("credit", key, self._state.books.added[key], now_ms())
            self._state.asks.answer(key=key, allowed=True)
        self._state.tell()
        return {"keys": list(found), "usd": usd(amount)}

    def release(self, hold: str) -> Doc:
        """Gives an open hold back (its call, if it still runs, is settled as usual), or what a power cut left unknown in a
        bucket."""
        books = self._state.books
        lost = books.lost.pop(hold, 0)
        if lost:
            self._writer.release_lost(hold)
        elif not books.release(hold):
            raise NotFoundError(
                f"there is no open hold {hold[:80]!r}",
                hint="`turnout status` shows calls under way, `turnout budget list` what a power cut left unknown.",
            )
        self._state.tell()
        return {"hold": hold, "released_usd": usd(lost)} if lost else {"hold": hold}

    def keep(self, kind: str, key: str, value: Json) -> Doc:
        """What the CLI keeps beside the ledger; null drops it."""
        if kind not in KEPT_KINDS:
            raise BadRequestError(f"{kind[:40]!r} is not kept for others")
        if value is None:
            self._writer.drop(kind, key)
        else:
            self._writer.keep(kind, key, value, now_ms())
        self.on_kept(kind, value)
        return {"kind": kind, "key": key}

    def thumbs(self, call: str, *, up: bool) -> Doc:
        self._writer.keep("thumb", call, up, now_ms())
        return {"call": call, "up": up}

    def verdict(self, call: str, *, good: bool) -> Doc:
        self._writer.keep("verdict", call, good, now_ms())
        return {"call": call, "good": good}

    def models(self) -> Doc:
        state = self._state
        roster = state.roster()
        rows: list[Json] = []
        seen: set[str] = set()
        listed = [c for line in roster.tiers.values() for c in line] + list(roster.named.values())
        for one in listed:
            if one.name in seen:
                continue
            seen.add(one.name)
            price = one.price
            rows.append(
                {
                    "name": one.name,
                    "provider": one.provider,
                    "model": one.model,
                    "tier": one.tier.value if one.tier is not None else None,
                    "sovereign": one.sovereign,
                    "healthy": one.healthy,
                    "warm": one.warm,
                    "context": int(one.context) if one.context is not None else None,
                    "input_usd_per_million": usd(price.uncached) if price is not None else None,
                    "output_usd_per_million": usd(price.output) if price is not None else None,
                    "cache_read_usd_per_million": usd(price.cache_read) if price is not None else None,
                    "cache_write_usd_per_million": usd(price.cache_write_5m) if price is not None else None,
                    "price_source": price.source if price is not None else "unpriced",
                    **counting_row(state.edges.corrections.models.get(one.name)),
                }
            )
        return {"models": rows}


def counting_row(learned: Learned | None) -> Doc:
    """How far the estimate of a prompt is from what the provider bills, after so many calls."""
    return {
        "estimate_error": round(learned.error, 4) if learned is not None else None,
        "estimate_calls": learned.seen if learned is not None else 0,
    }


def _meant(scope: str, line: BudgetLine) -> bool:
    return scope in (line.key, line.budget, f"{line.scope}:{line.who}", f"{line.scope}={line.who}")


def money(text: str) -> Nanos:
    """Decimal dollars to nanos, exactly; raises BadRequestError on anything else than 0 to 1,000,000."""
    try:
        value = Decimal(text)
    except (InvalidOperation, TypeError):
        raise BadRequestError(f"{str(text)[:20]!r} is no amount of dollars", hint="Write it like 2.50.") from None
    if not value.is_finite() or not 0 <= value <= 1_000_000:
        raise BadRequestError("the amount must be between 0 and 1,000,000 dollars")
    try:
        return nanos_of(value)
    except ValueError as error:
        raise BadRequestError(f"{text[:20]!r} {error}", hint="Write it like 2.50.") from None
