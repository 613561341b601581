"""`spend`: sums over the ledger's roll-ups."""

from typing import TYPE_CHECKING, Annotated

import typer

from turnout.cli.options import AsJson, Since, Until, local_now, moment
from turnout.cli.output import dollars, say, say_json, short, table

if TYPE_CHECKING:
    from turnout.ledger.reader import SpendRow

BY = ("tier", "model", "client", "developer", "department", "project", "day", "provider")


def register(app: typer.Typer) -> None:
    app.command("spend")(spend)


def spend(
    by: Annotated[str, typer.Option("--by", metavar="|".join(BY[:-1]))] = "tier",
    since: Since = "",
    until: Until = "",
    as_json: AsJson = False,
) -> None:
    """What was spent and saved; whole hours, for it reads the roll-ups."""
    from turnout.cli.owned import owned
    from turnout.cli.reach import own_paths
    from turnout.errors import BadRequestError
    from turnout.ledger.reader import Reader
    from turnout.ledger.rows import usd

    if by not in BY:
        raise BadRequestError(f"spend goes by {', '.join(BY)}, not by {by[:20]!r}", hint="`turnout spend --by client`")
    now = local_now()
    from_ms, to_ms = moment(since, now), moment(until, now)
    reader = Reader(own_paths().ledger)
    try:
        rows = reader.spend(by, from_ms, to_ms)
        machines = owned(reader, from_ms, to_ms or int(now.timestamp() * 1000))
    finally:
        reader.close()
    estimated, unpriced = sum(row.estimated for row in rows), sum(row.unpriced for row in rows)
    graded, from_cache = sum(row.graded for row in rows), sum(row.from_cache for row in rows)
    total = sum(row.cost for row in rows)
    baseline, all_fast = sum(row.baseline for row in rows), sum(row.all_fast for row in rows)
    # Net: what grading and shadow comparisons cost has no baseline and counts against it, however the rows are grouped.
    saved = baseline - total if baseline else 0
    if as_json:
        from turnout.cli.output import rfc3339

        say_json(
            {
                "by": by,
                "since": rfc3339(from_ms) if from_ms else None,
                "until": rfc3339(to_ms) if to_ms else None,
                "total_usd": usd(total),
                "baseline_usd": usd(baseline),
                "all_fast_usd": usd(all_fast),
                "saved_usd": usd(saved),
                "calls": sum(row.calls for row in rows),
                "estimated_calls": estimated,
                "unpriced_calls": unpriced,
                "graded_calls": graded,
                "graded_from_cache": from_cache,
                "owned": [one.doc() for one in machines],
                "rows": [_row(by, row) for row in rows],
            }
        )
        return
    head = (by, "calls", "tokens in", "out", "cost", "saved", "share")
    cells = [
        [
            short(row.name, 60) or "(none)",
            str(row.calls),
            str(row.uncached + row.cache_read + row.cache_write),
            str(row.output + row.reasoning),
            dollars(usd(row.cost)),
            dollars(usd(_saved(row))),
            f"{row.cost / total:.0%}" if total else "",
        ]
        for row in rows
    ]
    say(
        *table(head, cells, right=(1, 2, 3, 4, 5, 6)),
        f"{dollars(usd(total))} paid; {dollars(usd(baseline))} with the models asked for, their cache reads included: "
        f"{dollars(usd(saved))} saved." + (f" All fast: {dollars(usd(all_fast))}." if all_fast else ""),
        f"{estimated} of these calls were counted here, not by their provider."
        if estimated
        else "All as measured by the providers.",
        *([f"{unpriced} went to models without a known price, at the dearest of their provider."] if unpriced else []),
        *([f"{from_cache / graded:.0%} of {graded:,} grades came from the intent cache."] if graded else []),
        *(line for one in machines for line in one.lines()),
    )


def _saved(row: "SpendRow") -> int:
    return row.baseline - row.cost if row.baseline else 0


def _row(by: str, row: "SpendRow") -> dict[str, object]:
    from turnout.ledger.rows import usd

    return {
        by: row.name,
        "name": row.name,
        "calls": row.calls,
        "refused": row.refused,
        "failed": row.failed,
        "cost_usd": usd(row.cost),
        "baseline_usd": usd(row.baseline),
        "saved_usd": usd(_saved(row)),
        "all_fast_usd": usd(row.all_fast),
        "energy_usd": usd(row.energy),
        "busy_ms": row.busy_ms,
        "estimated_calls": row.estimated,
        "unpriced_calls": row.unpriced,
        "graded_calls": row.graded,
        "graded_from_cache": row.from_cache,
        "tokens": {
            "uncached": row.uncached,
            "cache_read": row.cache_read,
            "cache_write": row.cache_write,
            "output": row.output,
            "reasoning": row.reasoning,
        },
    }
