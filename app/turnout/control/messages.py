"""What the control API says, as values; JSON only in `control.codec`-like functions here.

All under `http://127.0.0.1:PORT/_control/v1/`, with `Authorization: Bearer CONTROL_TOKEN` of the runtime file.

    GET    status                          Status
    GET    events                          SSE: `event: status` with a Status, on change, at most 5 a second
    GET    clients                         {"clients": [{"name","department","project","created_at","last_seen"}]}
    POST   clients                         {"name","department","project"} -> {"name","token"}; the token is shown once
    POST   clients/NAME/rotate             -> {"name","token"}
    DELETE clients/NAME                    -> {"name"}
    PUT    mode                            {"mode": auto|local|cloud|passthrough}
    POST   pause                           {"seconds": N | null}   null: until resumed
    POST   resume
    POST   reload                          read settings and rules again now; {"rules": "ok" | error text}
    GET    sessions                        {"sessions": [...]} those live, stopped or waiting
    POST   sessions/ID/allow               {"usd": "1.00"} | {"turns": 50} | {}
    POST   sessions/ID/stop
    GET    budgets                         {"budgets": [BudgetLine...]}
    POST   budgets/credit                  {"scope": "client:NAME" | budget key, "usd": "5.00"}
    POST   holds/ID/release                an open hold's call, or a bucket's key: what a power cut left unknown in it
    GET    models                          {"models": [...]} by provider, with health, warm, price
    GET    nodes                           {"nodes": [{"provider","url","state","detail","version","num_ctx","models"}]}: each Ollama, asked now
    POST   models/pull                     {"name","provider"} -> JSON lines {"status","completed","total"}, the last {"status":"success"} or {"error"}
    DELETE models/NAME                     {"provider"}; this and the next two through the ollama client too
    POST   models/NAME/load                {"provider"} into memory, with the window that calls ask for
    POST   models/NAME/unload              {"provider"}
    POST   keep                            {"kind","key","value" | null}  small things beside the ledger: calibration/now, shadow/CALL
    POST   keys/test                       {"provider"} -> {"ok","message"}
    POST   shadow                          {"last","sample","usd","on"} -> {"model","compared":[...],"spent_usd","stopped_by_limit"}
    POST   shadow/plan                     {"last","sample","on"} -> {"model","candidates","sample","likely_usd"}: what it would ask, asking nothing
    POST   shadow/steps                    as shadow -> JSON lines {"asking"} and {"compared","spent_usd"} for each, {} meanwhile, the last {"done": as shadow's} or {"error"}
    POST   verdicts                        {"call","good": true|false}  would a cheaper tier's answer have done?
    POST   thumbs                          {"call","up": true|false}
    POST   elsewhere                       tokens by bucket -> {"tiers": [{"tier","model","cost_usd"}]}: their cost at each tier
    POST   compare                         {"prompt","tiers": ["local","high"]} -> {"grade","reason","features","sides": [...]}: asks both now
    POST   shutdown
    GET    openapi.json                    all of these as an OpenAPI document (`control.schema`), but for the streams
"""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class BudgetLine:
    """One budget bucket in use; amounts are decimal strings of dollars, or counts for calls and tokens."""

    key: str
    budget: str
    scope: str
    who: str
    unit: str
    per: str
    used: str
    held: str
    limit: str
    left: str
    lost: str = "0"
    """Dollars that a power cut left unknown: they count as used until they are released."""
    renews_at: str = ""
    waiting: int = 0


@dataclass(frozen=True, slots=True)
class Running:
    """A call in flight."""

    id: str
    client: str
    model: str
    tier: str
    started_ms: int
    output_tokens: int = 0
    session: str = ""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A call held back until the user raises its budget or lets its session go on (or time runs out)."""

    id: str
    client: str
    session: str
    what: str
    """The budget's or loop's name."""
    key: str
    until_ms: int


@dataclass(frozen=True, slots=True)
class Stopped:
    """A session whose last call the loop guard, a budget that asks, or the user stopped; it can be let go on."""

    session: str
    client: str
    why: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Engine:
    provider: str
    state: str
    """up | down | loading | no key | locked"""
    detail: str = ""
    models: int = 0
    sovereign: bool = False


@dataclass(frozen=True, slots=True)
class Notice:
    """Something the tray should tell: a threshold reached, a loop stopped, a fallback used, a key failing."""

    id: int
    at_ms: int
    kind: str
    """budget | loop | fallback | key | engine | rules"""
    title: str
    text: str
    target: str = ""
    """Where a click leads: budgets, calls/ID, models, rules."""


@dataclass(frozen=True, slots=True)
class Status:
    version: str
    pid: int
    url: str
    started_ms: int
    mode: str
    paused_until_ms: int | None = None
    """0: paused until resumed; None: not paused."""
    in_flight: int = 0
    listeners: int = 0
    """Who follows `events`: without anybody to ask, a budget that asks refuses at once."""
    open_holds: int = 0
    credit_usd: str = ""
    """What is left under the tightest budget; empty: no budget."""
    spent_today_usd: str = "0"
    saved_today_usd: str = "0"
    """Against `baseline_today_usd`, net of what grading and the like cost; below zero when more was paid."""
    baseline_today_usd: str = "0"
    """What the models asked for would have cost, with their cache reads."""
    all_fast_today_usd: str = "0"
    rules_error: str = ""
    settings_error: str = ""
    ledger_error: str = ""
    """Why the ledger cannot be written just now: paid calls are refused until it can, unless `serves_unrecorded`."""
    serves_unrecorded: bool = False
    """The user wants paid calls served then all the same (`[server] serve_unrecorded`)."""
    unwritten: int = 0
    """Ended calls that wait in memory for a ledger that cannot be written."""
    ledger_adrift: bool = False
    """The ledger's file was deleted, moved or replaced while the proxy runs: its calls are listed nowhere until it is started again."""
    engines: tuple[Engine, ...] = ()
    budgets: tuple[BudgetLine, ...] = ()
    running: tuple[Running, ...] = ()
    waiting: tuple[Waiting, ...] = ()
    stopped: tuple[Stopped, ...] = ()
    notices: tuple[Notice, ...] = ()
    intent_cache: dict[str, int] = field(default_factory=dict)
    """hits, misses, size."""
    clients_seen: dict[str, int] = field(default_factory=dict)
    """client -> Unix ms of its last call."""
    next_steps: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LocalModel:
    """A model on a node's disk. Sizes are bytes."""

    name: str
    size: int = 0
    parameters: str = ""
    quantization: str = ""
    context: int | None = None
    """What it was trained for."""
    remote: bool = False
    """A name that forwards to a cloud."""
    embeds: bool = False
    loaded: bool = False
    memory: int = 0
    """While loaded; `vram` of it on the graphics card, the rest in RAM."""
    vram: int = 0
    window: int = 0
    """Tokens of context it was loaded with."""
    until: str = ""
    """When the engine lets go of it (RFC 3339)."""


@dataclass(frozen=True, slots=True)
class Node:
    """One Ollama, as it says now."""

    provider: str
    url: str
    state: str
    """up | down | unknown, as in `Engine`."""
    detail: str = ""
    version: str = ""
    num_ctx: int | None = None
    """The window that turnout.toml pins; None: chosen from what calls need."""
    models: tuple[LocalModel, ...] = ()
