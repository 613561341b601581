"""Prometheus text of the live state. Names follow its conventions: base units, `_total` for counters."""

from turnout.proxy.state import State


def _label(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")


def metrics(state: State) -> bytes:
    lines = [
        "# HELP turnout_calls_in_flight Calls under way.",
        "# TYPE turnout_calls_in_flight gauge",
        f"turnout_calls_in_flight {len(state.running)}",
        "# HELP turnout_open_holds Holds not settled yet.",
        "# TYPE turnout_open_holds gauge",
        f"turnout_open_holds {len(state.books.open)}",
        "# HELP turnout_spend_usd_total Dollars spent since the start, by tier.",
        "# TYPE turnout_spend_usd_total counter",
        *(
            f'turnout_spend_usd_total{{tier="{_label(t)}"}} {n / 1e9:.9f}'
            for t, n in sorted(state.counts.spent.items())
        ),
        "# HELP turnout_calls_total Calls since the start, by tier and status.",
        "# TYPE turnout_calls_total counter",
        *(
            f'turnout_calls_total{{tier="{_label(t)}",status="{_label(s)}"}} {n}'
            for (t, s), n in sorted(state.counts.calls.items())
        ),
        "# HELP turnout_tokens_total Tokens since the start, by kind.",
        "# TYPE turnout_tokens_total counter",
        *(f'turnout_tokens_total{{kind="{kind}"}} {n}' for kind, n in sorted(state.counts.tokens.items())),
        "# HELP turnout_intent_cache_hits_total Grades that came from the intent cache.",
        "# TYPE turnout_intent_cache_hits_total counter",
        f"turnout_intent_cache_hits_total {state.intents.hits}",
        "# HELP turnout_intent_cache_misses_total Grades that had to be made.",
        "# TYPE turnout_intent_cache_misses_total counter",
        f"turnout_intent_cache_misses_total {state.intents.misses}",
        "# HELP turnout_budget_used_usd Dollars settled and held, by budget bucket.",
        "# TYPE turnout_budget_used_usd gauge",
        *(
            f'turnout_budget_used_usd{{bucket="{_label(key)}"}} {state.books.used(key) / 1e9:.9f}'
            for key in sorted({*state.books.settled, *state.books.held})
            if "|usd|" in key
        ),
    ]
    return ("\n".join(lines) + "\n").encode()
