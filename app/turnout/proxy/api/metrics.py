"""Prometheus text of the live state. Names follow its conventions: base units, `_total` for counters."""

from collections.abc import Iterable, Mapping

from turnout.proxy.now import now_ms
from turnout.proxy.state import State

Samples = Iterable[tuple[Mapping[str, str], str]]


def metrics(state: State) -> bytes:
    counts, books, learned = state.tally.counts, state.books, state.edges.corrections.models
    limits = {budget.name: budget.limit for budget in state.config.rules.budgets if budget.unit == "usd"}
    buckets = [(key, key.partition("|")[0]) for key in sorted({*books.settled, *books.held}) if "|usd|" in key]
    families = (
        _family("turnout_calls_in_flight", "gauge", "Calls under way.", _one(len(state.running))),
        _family("turnout_open_holds", "gauge", "Holds not settled yet.", _one(len(books.open))),
        _family(
            "turnout_spend_usd_total",
            "counter",
            "Dollars spent since the start, by tier.",
            [({"tier": tier}, _usd(nanos)) for tier, nanos in sorted(counts.spent.items())],
        ),
        _family(
            "turnout_saved_usd",
            "gauge",
            "Dollars saved since midnight against the models asked for; below zero when more was paid.",
            _one(_usd(state.tally.today(now_ms()).saved)),
        ),
        _family(
            "turnout_calls_total",
            "counter",
            "Calls since the start, by tier and status.",
            [({"tier": tier, "status": status}, str(n)) for (tier, status), n in sorted(counts.calls.items())],
        ),
        _family(
            "turnout_tokens_total",
            "counter",
            "Tokens since the start, by kind.",
            [({"kind": kind}, str(n)) for kind, n in sorted(counts.tokens.items())],
        ),
        _family(
            "turnout_intent_cache_hits_total",
            "counter",
            "Grades that came from the intent cache.",
            _one(state.intents.hits),
        ),
        _family(
            "turnout_intent_cache_misses_total", "counter", "Grades that had to be made.", _one(state.intents.misses)
        ),
        _family(
            "turnout_estimate_error_ratio",
            "gauge",
            "Mean distance of the prompt estimate from what the provider billed, by model.",
            [({"model": name}, f"{one.error:.6f}") for name, one in sorted(learned.items())],
        ),
        _family(
            "turnout_budget_used_usd",
            "gauge",
            "Dollars settled and held, by budget bucket.",
            [({"bucket": key}, _usd(books.used(key))) for key, _ in buckets],
        ),
        _family(
            "turnout_budget_limit_usd",
            "gauge",
            "Dollars a budget bucket may use, what was added by hand included.",
            [({"bucket": key}, _usd(limits[name] + books.added.get(key, 0))) for key, name in buckets if name in limits],
        ),
    )
    return "".join(families).encode()


def _family(name: str, kind: str, told: str, samples: Samples) -> str:
    lines = [f"# HELP {name} {told}\n", f"# TYPE {name} {kind}\n"]
    for labels, value in samples:
        inside = ",".join(f'{key}="{_label(text)}"' for key, text in labels.items())
        lines.append(f"{name}{{{inside}}} {value}\n" if inside else f"{name} {value}\n")
    return "".join(lines)


def _one(value: int | str) -> Samples:
    return [({}, str(value))]


def _usd(nanos: int) -> str:
    """Whole nanos, without a detour over a float."""
    sign, whole = ("-" if nanos < 0 else ""), abs(int(nanos))
    return f"{sign}{whole // 1_000_000_000}.{whole % 1_000_000_000:09d}"


def _label(text: str) -> str:
    # Half a surrogate cannot be written as UTF-8; a model's name may hold one.
    clean = text.encode("utf-8", "replace").decode()
    return clean.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
