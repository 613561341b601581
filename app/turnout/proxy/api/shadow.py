"""The shadow check: some calls that a dear model answered are asked again of a cheap one, so that the user can compare.

Needs the texts of those calls (`[privacy] store_bodies = true`). Each is a call of our own: held, budgeted and written down
like any other, with its cost as overhead. It ends when the user's limit would be passed.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field, replace

import orjson

from turnout.calls.client import Call, Client
from turnout.calls.record import CallRecord
from turnout.calls.units import Dialect, Json, Nanos, Status, Tier
from turnout.calls.usage import FREE, Price, cost
from turnout.errors import BadRequestError, NotFoundError
from turnout.ledger.reader import Reader
from turnout.ledger.rows import usd
from turnout.ledger.writer import Writer
from turnout.proxy.api.lines import told_in_lines
from turnout.proxy.door.answer import Answer
from turnout.proxy.owncalls import OwnCalls, Told
from turnout.proxy.state import State
from turnout.proxy.texts import Texts
from turnout.routing.afford import rate
from turnout.routing.facts import Candidate
from turnout.wire.codec import codec

TIMEOUT_S = 180.0
BEAT_S = 1.0
_ASKED_AGAIN = frozenset(
    {Dialect.OPENAI_CHAT, Dialect.OPENAI_RESPONSES, Dialect.ANTHROPIC, Dialect.OLLAMA_CHAT, Dialect.GEMINI}
)
_RANK = {Tier.LOCAL: 0, Tier.FAST: 1, Tier.HIGH: 2}


@dataclass(frozen=True, slots=True)
class Compared:
    record: CallRecord
    ask: str
    answer: str
    told: Told
    cheap: CallRecord | None
    """The row of the cheap call; None: it never got one."""

    def json(self) -> dict[str, Json]:
        record, cheap = self.record, self.cheap
        return {
            "call": record.id,
            "model": f"{record.provider}/{record.model}",
            "tier": record.tier.value if record.tier is not None else None,
            "grade": record.grade.value if record.grade is not None else None,
            "ask": self.ask,
            "answer": self.answer,
            "cost_usd": usd(record.cost),
            "cheap_call": self.told.id,
            "cheap_model": self.told.model,
            "cheap_answer": self.told.text,
            "cheap_cost_usd": usd(cheap.cost if cheap is not None else 0),
            "ok": self.told.good,
            "error": "" if self.told.good else _why(self.told),
        }


@dataclass(frozen=True, slots=True)
class Plan:
    """What a check would ask again, and of whom."""

    target: Candidate
    candidates: int
    """Calls that could be asked again, the chosen ones among them."""
    chosen: tuple[tuple[CallRecord, Nanos], ...]
    """Each with what asking it again will cost at most, as far as one can tell."""

    def json(self) -> dict[str, Json]:
        return {
            "model": self.target.name,
            "candidates": self.candidates,
            "sample": len(self.chosen),
            "likely_usd": usd(sum(likely for _, likely in self.chosen)),
        }


@dataclass(slots=True)
class Done:
    plan: Plan
    limit: Nanos
    spent: int = 0
    stopped: bool = False
    """The next one would have passed the limit."""
    rows: list[Json] = field(default_factory=list)

    def json(self) -> dict[str, Json]:
        return {
            "model": self.plan.target.name,
            "candidates": self.plan.candidates,
            "compared": self.rows,
            "spent_usd": usd(self.spent),
            "limit_usd": usd(self.limit),
            "stopped_by_limit": self.stopped,
        }


class Shadows:
    def __init__(self, state: State, reader: Reader, writer: Writer, texts: Texts, own: OwnCalls) -> None:
        self._state, self._reader, self._writer, self._texts, self._own = state, reader, writer, texts, own

    def plan(self, *, last: int, sample: int, on: str) -> Plan:
        """Of the newest `last` calls with their texts kept, up to `sample` that a dearer tier than `on` answered. Asks nothing."""
        target = self._target(on)
        price = FREE if target.sovereign and target.price is None else rate(target, self._state.roster())
        if price is None:
            raise BadRequestError(f"{target.name} has no known price, so no limit could hold")
        found = self._candidates(last, target)
        chosen = _spread(found, sample)
        return Plan(target, len(found), tuple((record, self._likely(record, price)) for record in chosen))

    async def check(self, *, last: int, sample: int, limit: Nanos, on: str) -> dict[str, Json]:
        """All of the plan that fits the limit; the answer comes when the last one is there."""
        plan = self.plan(last=last, sample=sample, on=on)
        done = Done(plan, limit)
        async for _ in self._steps(done):
            pass
        return done.json()

    async def tell(self, answer: Answer, *, last: int, sample: int, limit: Nanos, on: str) -> None:
        """The same, as JSON lines: {"asking": CALL} and {"compared": {...}} for each, {} every second, the last {"done": {...}} or
        {"error"}. Who hangs up stops it: the call under way is given up, those before are in the ledger."""
        done = Done(self.plan(last=last, sample=sample, on=on), limit)

        async def asked() -> Json:
            beat = asyncio.create_task(_beat(answer))
            try:
                async with aclosing(self._steps(done)) as lines:
                    async for line in lines:
                        await answer.write(orjson.dumps(line) + b"\n")
            finally:
                beat.cancel()
            return {"done": done.json()}

        last_line = await told_in_lines(answer, asked)
        if last_line is None:
            return
        with suppress(OSError):
            await answer.finish(orjson.dumps(last_line) + b"\n")

    async def _steps(self, done: Done) -> AsyncGenerator[Json]:
        for record, likely in done.plan.chosen:
            if done.spent + likely > done.limit:
                done.stopped = True
                return
            yield {"asking": record.id, "likely_usd": usd(likely)}
            one = await self._compared(record, done.plan.target)
            if one is not None:
                done.spent += one.cheap.cost if one.cheap is not None else 0
                done.rows.append(one.json())
                yield {"compared": one.json(), "spent_usd": usd(done.spent)}

    def _target(self, on: str) -> Candidate:
        roster = self._state.roster()
        line = next((line for tier, line in roster.tiers.items() if tier.value == on), ())
        target = line[0] if line else roster.named.get(on)
        if target is None and on in {tier.value for tier in Tier}:
            raise NotFoundError(f"no model stands on tier {on}", hint="Put one there: [tiers] in turnout.toml.")
        if target is None:
            raise NotFoundError(f"there is no model {on[:80]!r}", hint="Name a tier or provider/model.")
        return target

    def _candidates(self, last: int, target: Candidate) -> list[CallRecord]:
        below = _RANK[target.tier or self._state.worth.tier_of(target) or Tier.FAST]
        found = []
        for id_ in self._reader.with_bodies(last):
            record = self._reader.call(id_)
            if (
                record is not None
                and record.status is Status.SETTLED
                and not record.own
                and record.tier is not None
                and _RANK[record.tier] > below
                and Dialect(record.dialect) in _ASKED_AGAIN
            ):
                found.append(record)
        if not found and not self._state.settings.privacy.store_bodies:
            raise BadRequestError(
                "no text of any call is kept, so none can be asked again",
                hint="Set store_bodies = true under [privacy] in turnout.toml, work for a while, and try again.",
            )
        return found

    def _likely(self, record: CallRecord, price: Price) -> Nanos:
        """A cheap model may think for longer: half as much output again, and no warm cache."""
        usage = record.usage
        output = replace(usage, output=type(usage.output)(usage.output * 3 // 2 + 200))
        cold = replace(output, uncached=usage.prompt, cache_read=type(usage.output)(0))
        cold = replace(cold, cache_write_5m=type(usage.output)(0), cache_write_1h=type(usage.output)(0))
        return cost(cold, price)

    async def _compared(self, record: CallRecord, target: Candidate) -> Compared | None:
        said = self._reader.said(record.id)
        doc = said.get("request")
        if not isinstance(doc, dict) or doc.get("previous_response_id"):
            return None
        dialect = Dialect(record.dialect)
        again = {key: value for key, value in doc.items() if key not in ("stream_options", "service_tier", "speed")}
        if dialect is not Dialect.GEMINI:
            again |= {"model": target.name, "stream": False}
        try:
            outline = codec(dialect).outline(again, path_model=target.name)
        except BadRequestError:
            return None
        call = Call(
            record.id,
            record.at_ms,
            Client(record.client, record.department, record.project),
            record.developer,
            record.project,
            outline,
            record.session,
        )
        told = await self._own.again(call, "shadow", again, dialect, target.name, timeout_s=TIMEOUT_S)
        await self._writer.flush()
        cheap = self._reader.call(told.id)
        answer = said.get("answer")
        self._texts.keep_shadow(record.id, record.client, record.at_ms, {"model": told.model, "text": told.text})
        return Compared(record, outline.ask, answer if isinstance(answer, str) else "", told, cheap)


async def _beat(answer: Answer) -> None:
    """So that a user who cancels is noticed while an engine thinks, on their side of the connection too."""
    while True:
        await asyncio.sleep(BEAT_S)
        await answer.keep_alive(b"{}\n")


def _spread(records: Sequence[CallRecord], most: int) -> list[CallRecord]:
    """Evenly over all of them, the newest among them: the same records give the same sample."""
    if len(records) <= most:
        return list(records)
    return [records[at * len(records) // most] for at in range(most)]


def _why(told: Told) -> str:
    return "no answer in time" if told.late else f"status {told.status}" if told.status != 200 else "an empty answer"
