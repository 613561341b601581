"""A made-up but real home for screenshots, desk tests and benchmarks: settings, rules, and a ledger by its own writer.

    python packaging/sample_home.py HOME [--days 120] [--calls 6000] [--seed 7]

Prices are plausible list prices of the day, not the catalogue's; nothing here ships in the product.
"""

import argparse
import asyncio
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from turnout.calls.record import Attempt, CallRecord
from turnout.calls.units import Grade, Nanos, Status, Tier, Tokens
from turnout.calls.usage import FREE, Price, Usage, cost
from turnout.catalog.own import energy
from turnout.ledger.writer import Writer
from turnout.routing.rulefile import read_rules
from turnout.routing.signals import fingerprint

SETTINGS = """\
# What this machine has: providers, and which of their models stand on which tier.

[providers.anthropic]
dialect = "anthropic"
base_url = "https://api.anthropic.com"

[providers.openai]
dialect = "openai"
base_url = "https://api.openai.com/v1"

[providers.local]
dialect = "ollama"
base_url = "{local}"
key = "none"                          # no key needed
sovereign = true                      # inside our walls: what `private` rules may use

[tiers]                               # candidates in order; the next one when the first cannot serve
high  = ["anthropic/claude-opus-5-5", "openai/gpt-6.1-sol"]
fast  = ["anthropic/claude-haiku-5-5", "openai/gpt-5-mini"]
local = ["local/qwen3-coder:30b"]

[prices."local/*"]                    # what our own machine costs
watts = 320
usd_per_kwh = 0.30
hardware_usd = 2400
hardware_months = 36
"""
RULES = """\
# How calls are routed: the first rule that fits decides.

[grade]
abstain = "fast"                      # below the confidence
confidence = 0.45

[signals]
secret = { kind = "secret" }
big = { kind = "tokens", gte = 60000 }
loop = { kind = "tool-loop" }
title = { kind = "housekeeping" }
mobile = { kind = "match", field = "last_ask", regex = "(?i)swift|kotlin" }

# What looks like a key or a password stays inside our walls.
[[rule]]
name = "secrets stay home"
when = "secret"
route = "local"
private = true

[[rule]]
name = "titles are cheap"
when = "title"
route = "local"

# Moving a running conversation would cost its cache.
[[rule]]
name = "a tool loop keeps its model"
when = "loop"
route = "pinned"

[[rule]]
name = "huge prompts to the fast tier"
when = "big and not mobile"
route = "fast"
mode = "observe"                      # only noted: see what it would do first

[[rule]]
name = "everything else by grade"
when = "true"
route = "grade"
max_usd_per_call = 0.50
on_failure = ["next", "up"]

[[budget]]
name = "a day's work"
scope = { client = "each" }
usd = 5.00
per = "day"
on_exceed = "ask"

[[budget]]
name = "platform's month"
scope = { department = "platform" }
usd = 150.00
per = "month"
on_exceed = "downgrade"

[[loop]]
scope = { session = "each" }
turns = 200
same_request = 4
usd = 3.00
on_exceed = "ask"

[[probe]]
ask = "rename this variable to total"
expect = "local"
"""
TOLD = {
    f"def.{name}": fingerprint(signal)
    for name, signal in read_rules(RULES).signals.items()
    if name in ("secret", "mobile")
}
"""What a row says of the signals that read its text, so that a replay may believe them."""


def _price(uncached: float, output: float) -> Price:
    per = lambda usd: round(usd * 1_000_000_000)  # noqa: E731
    return Price(per(uncached), per(uncached * 0.1), per(uncached * 1.25), per(uncached * 2), per(output), per(output))


@dataclass(frozen=True, slots=True)
class Model:
    provider: str
    name: str
    tier: Tier
    price: Price
    first_ms: int
    per_s: int


OPUS = Model("anthropic", "claude-opus-5-5", Tier.HIGH, _price(5, 25), 1400, 70)
SOL = Model("openai", "gpt-6.1-sol", Tier.HIGH, _price(4, 20), 1900, 80)
HAIKU = Model("anthropic", "claude-haiku-5-5", Tier.FAST, _price(1, 5), 480, 150)
MINI = Model("openai", "gpt-5-mini", Tier.FAST, _price(0.25, 2), 620, 120)
QWEN = Model("local", "qwen3-coder:30b", Tier.LOCAL, FREE, 240, 42)
MODELS = {Tier.HIGH: (OPUS, SOL), Tier.FAST: (HAIKU, MINI), Tier.LOCAL: (QWEN,)}
TIER_OF = {
    Grade.LOW: ((Tier.LOCAL, 88), (Tier.FAST, 12)),
    Grade.MEDIUM: ((Tier.FAST, 72), (Tier.LOCAL, 22), (Tier.HIGH, 6)),
    Grade.HIGH: ((Tier.HIGH, 90), (Tier.FAST, 10)),
}
CLIENTS = (
    ("claude-code", "ada", "platform", "turnout", "anthropic", 34),
    ("cursor", "ada", "platform", "billing-api", "openai_chat", 16),
    ("codex", "grace", "platform", "billing-api", "openai_responses", 15),
    ("vscode-copilot", "linus", "mobile", "ios-app", "openai_chat", 14),
    ("aider", "grace", "platform", "infra", "openai_chat", 8),
    ("zed", "barbara", "data", "warehouse", "openai_chat", 8),
    ("nightly-eval", "ci", "data", "evals", "openai_chat", 5),
)
WHY = {
    Grade.LOW: (
        "everything else by grade",
        ("grade LOW: rename", "grade LOW: short question", "grade LOW: completion", "grade LOW: doc text"),
    ),
    Grade.MEDIUM: (
        "everything else by grade",
        ("grade MEDIUM: asks for a test", "grade MEDIUM: explains code", "grade MEDIUM: small change"),
    ),
    Grade.HIGH: (
        "everything else by grade",
        ("grade HIGH: asks for a design", "grade HIGH: bug across files", "grade HIGH: long constraints"),
    ),
}


def records(days: int, count: int, seed: int, now: datetime) -> Iterator[CallRecord]:
    """Oldest first; busier on working days and in office hours."""
    dice = random.Random(seed)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    weights = [
        (0.22 if (midnight - timedelta(days=n)).weekday() >= 5 else 1.0) * dice.uniform(0.6, 1.4) for n in range(days)
    ]
    for n in range(days - 1, -1, -1):
        day = midnight - timedelta(days=n)
        moments = sorted(
            day + timedelta(hours=min(23.9, max(0.1, dice.gauss(14, 3.2))))
            for _ in range(round(count * weights[n] / sum(weights)))
        )
        for moment in moments:
            if moment < now:
                yield _record(dice, int(moment.timestamp() * 1000))


def _record(dice: random.Random, at_ms: int) -> CallRecord:
    client, developer, department, project, dialect, _ = dice.choices(CLIENTS, [c[5] for c in CLIENTS])[0]
    grade = dice.choices((Grade.LOW, Grade.MEDIUM, Grade.HIGH), (58, 29, 13))[0]
    tier = dice.choices(*zip(*TIER_OF[grade], strict=True))[0]
    model = dice.choice(MODELS[tier])
    asked = "auto" if dice.random() < 0.55 else dice.choice((OPUS, OPUS, SOL)).name
    loop = dice.random() < 0.3
    context = int(dice.lognormvariate(10.3, 0.9))
    cached = int(context * dice.uniform(0.6, 0.95)) if loop else 0
    usage = Usage(
        uncached=Tokens(max(40, context - cached)),
        cache_read=Tokens(cached),
        cache_write_5m=Tokens(int(context * 0.1) if model.provider == "anthropic" and not loop else 0),
        output=Tokens(int(dice.lognormvariate(5.6, 0.9))),
        reasoning=Tokens(int(dice.lognormvariate(6.0, 0.8)) if tier is Tier.HIGH else 0),
    )
    baseline = cost(usage, OPUS.price if asked in ("auto", OPUS.name) else SOL.price)
    first = int(model.first_ms * dice.lognormvariate(0, 0.35))
    took = first + int(usage.produced / model.per_s * 1000 * dice.uniform(0.8, 1.25))
    rule, reasons = WHY[grade]
    reason = dice.choice(reasons)
    if loop:
        rule, reason = "a tool loop keeps its model", f"pinned: a tool loop keeps its model ({model.name})"
    luck = dice.random()
    base = CallRecord(
        id=f"{at_ms:011x}{dice.getrandbits(52):013x}",
        at_ms=at_ms,
        client=client,
        developer=developer,
        department=department,
        project=project,
        session=f"{client}-{dice.randrange(16**6):06x}",
        dialect=dialect,
        asked_model=asked,
        provider=model.provider,
        model=model.name,
        tier=tier,
        grade=grade,
        score=round(
            min(0.99, max(0.01, dice.gauss({Grade.LOW: 0.14, Grade.MEDIUM: 0.5, Grade.HIGH: 0.84}[grade], 0.09))), 3
        ),
        confidence=round(dice.uniform(0.46, 0.98), 2),
        rule=rule,
        reason=reason,
        status=Status.SETTLED,
        usage=usage,
        cost=cost(usage, model.price),
        baseline=baseline,
        all_fast=cost(usage, HAIKU.price),
        first_byte_ms=first,
        duration_ms=took,
        queue_ms=dice.choice((0, 0, 0, 1, 2, 14)),
        stream=True,
        busy_ms=took if model is QWEN else 0,
        energy=energy(took / 1000, 320, 0.30) if model is QWEN else Nanos(0),
        graded_by="" if loop else "cache" if int(luck * 10_000) % 5 < 2 else "fast",
        switch="staying $0.069, switching $0.129" if loop and dice.random() < 0.3 else "",
        signals={
            "secret": False,
            "mobile": project == "ios-app",
            "loop": loop,
            "big": context >= 60_000,
            **TOLD,
            "call.turns": dice.randrange(1, 40),
            "call.tools": 12 if loop else 0,
            "call.tool_loop": loop,
        },
        buckets=_buckets(client, department, at_ms),
        attempts=(
            Attempt(
                model.provider,
                model.name,
                tier,
                "ok",
                cost=cost(usage, model.price),
                usage=usage,
                first_byte_ms=first,
                duration_ms=took,
            ),
        ),
    )
    if luck < 0.012:
        return _changed(
            base, status=Status.REFUSED, tier=None, provider="", model="", cost=Nanos(0), baseline=Nanos(0), all_fast=Nanos(0), usage=Usage(),
            first_byte_ms=None, duration_ms=2, attempts=(), code="turnout_budget", rule="a day's work",
            reason="budget: a day's work is used up", error="a day's work: $0.00 of $5.00 left, renews at midnight",
        )  # fmt: skip
    if luck < 0.03:
        other = MODELS[tier][-1] if MODELS[tier][-1] is not model else MODELS[tier][0]
        tries = (
            Attempt(
                other.provider,
                other.name,
                tier,
                "status_529",
                first_byte_ms=None,
                duration_ms=900,
                error="the provider is overloaded",
            ),
            *base.attempts,
        )
        return _changed(base, attempts=tries, reason=reason + "; second candidate after status 529")
    if luck < 0.036:
        return _changed(
            base, status=Status.FAILED, error="the engine cut the stream", code="turnout_upstream", estimated=True
        )
    return base


def _buckets(client: str, department: str, at_ms: int) -> tuple[str, ...]:
    day = datetime.fromtimestamp(at_ms / 1000).astimezone().strftime("%Y-%m-%d")
    mine = (f"a day's work|client={client}|usd|day|{day}",)
    return (
        (*mine, f"platform's month|department={department}|usd|month|{day[:7]}") if department == "platform" else mine
    )


def _changed(record: CallRecord, **fields: object) -> CallRecord:
    from dataclasses import replace

    return replace(record, **fields)  # type: ignore[arg-type]


def write(
    home: Path,
    days: int = 120,
    count: int = 6_000,
    seed: int = 7,
    now: datetime | None = None,
    local: str = "http://127.0.0.1:11434",
) -> None:
    """`local` is where the local engine listens."""
    ledger = home / "data" / "ledger.db"
    ledger.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    (home / "turnout.toml").write_text(SETTINGS.format(local=local), encoding="utf-8")
    (home / "rules.toml").write_text(RULES, encoding="utf-8")
    moment = now or datetime.now().astimezone()

    async def run() -> None:
        writer = Writer(ledger, asyncio.get_running_loop())
        for n, record in enumerate(records(days, count, seed, moment)):
            writer.settle(record)
            if n % 2_000 == 0:
                await writer.flush()
        await writer.flush()
        writer.close()

    asyncio.run(run())


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("home", type=Path)
    asked.add_argument("--days", type=int, default=120)
    asked.add_argument("--calls", type=int, default=6_000)
    asked.add_argument("--seed", type=int, default=7)
    given = asked.parse_args()
    began = time.perf_counter()
    write(given.home, given.days, given.calls, given.seed)
    print(f"{given.calls} calls over {given.days} days in {time.perf_counter() - began:.1f} s")


if __name__ == "__main__":
    main()
