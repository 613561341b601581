"""`models`: what can be asked for, and what the local engine keeps on disk. All through the proxy: only it talks to engines."""

import contextlib
import sys
from typing import TYPE_CHECKING

import typer

from turnout.cli.options import AsJson
from turnout.cli.output import say, say_json, table

if TYPE_CHECKING:
    from turnout.cli.owned import Owned

group = typer.Typer(help="Models: of the tiers, of providers, of the local engine.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="models")


@group.command("list")
def listed(as_json: AsJson = False) -> None:
    """Every model that can be asked for. Without a running proxy: those that turnout.toml names."""
    from turnout.cli.reach import own_paths, running
    from turnout.control.client import ControlClient

    runtime = running(own_paths())
    rows = ControlClient(runtime).models() if runtime is not None else _configured()
    machines = _machines()
    if as_json:
        say_json({"models": rows, "live": runtime is not None, "owned": [one.doc() for one in machines]})
        return
    if not rows:
        say("No model yet. `turnout key set anthropic` adds a cloud provider; Ollama is found by itself.")
        return
    head = ("model", "tier", "state", "context", "$ in / M", "$ out / M", "estimate off", "price from")
    cells = [
        [
            str(row.get("name", "")),
            str(row.get("tier") or ""),
            _state(row, live=runtime is not None),
            str(row.get("context") or ""),
            str(row.get("input_usd_per_million") or ""),
            str(row.get("output_usd_per_million") or ""),
            _off(row),
            str(row.get("price_source") or ""),
        ]
        for row in rows
    ]
    say(*table(head, cells, right=(3, 4, 5, 6)))
    say(*(line for one in machines for line in one.lines()))


def _state(row: "dict[str, object]", *, live: bool) -> str:
    if not live:
        return "not asked"
    return "loaded" if row.get("warm") else "up" if row.get("healthy", True) else "down"


def _off(row: "dict[str, object]") -> str:
    """How far the estimate of a prompt is from what the provider bills."""
    error, calls = row.get("estimate_error"), row.get("estimate_calls")
    return f"{error:.1%} of {calls}" if isinstance(error, float) else ""


def _machines() -> "list[Owned]":
    """Owned hardware over the time that the ledger covers; none where that cannot be read."""
    import time

    from turnout.cli.owned import owned
    from turnout.cli.reach import own_paths
    from turnout.errors import LedgerError
    from turnout.ledger.reader import Reader

    reader = Reader(own_paths().ledger)
    try:
        return owned(reader, 0, time.time_ns() // 1_000_000)
    except LedgerError:
        return []
    finally:
        reader.close()


def _configured() -> "list[dict[str, object]]":
    from turnout.cli.world import world
    from turnout.counting.corrections import Corrections
    from turnout.errors import LedgerError
    from turnout.ledger.rows import usd
    from turnout.proxy.api.admin import counting_row

    here = world()
    corrections = Corrections()
    with contextlib.suppress(LedgerError):
        for name, doc in here.kept("counting").items():
            corrections.load(name, doc)
    rows: list[dict[str, object]] = []
    for one in {c.name: c for line in here.roster.tiers.values() for c in line}.values():
        price = one.price
        rows.append(
            {
                "name": one.name,
                "provider": one.provider,
                "model": one.model,
                "tier": one.tier.value if one.tier is not None else None,
                "sovereign": one.sovereign,
                "healthy": None,
                "warm": None,
                "context": int(one.context) if one.context is not None else None,
                "input_usd_per_million": usd(price.uncached) if price is not None else None,
                "output_usd_per_million": usd(price.output) if price is not None else None,
                "price_source": price.source if price is not None else "unpriced",
                **counting_row(corrections.models.get(one.name)),
            }
        )
    return rows


@group.command("pull")
def pull(name: str, as_json: AsJson = False) -> None:
    """Has the local engine fetch a model; shows how far it is."""
    from turnout.cli.reach import control, own_paths

    last = ""
    shows = sys.stderr.isatty() and not as_json
    for line in control(own_paths()).models_pull(name):
        last = str(line.get("status", ""))
        total, done = line.get("total"), line.get("completed")
        if shows:
            share = f" {done / total:.0%}" if isinstance(total, int) and total and isinstance(done, int) else ""
            sys.stderr.write(f"\r\x1b[K{''.join(c for c in last if c.isprintable())[:60]}{share}")
            sys.stderr.flush()
    if shows:
        sys.stderr.write("\r\x1b[K")
    if as_json:
        say_json({"name": name, "status": last})
    else:
        say(f"{name}: {last or 'done'}.")


@group.command("remove")
def remove(name: str, as_json: AsJson = False) -> None:
    """Has the local engine delete a model from its disk."""
    from turnout.cli.reach import control, own_paths

    answer = control(own_paths()).models_remove(name)
    if as_json:
        say_json({"name": name, **answer})
    else:
        say(f"{name} is removed from the local engine.")
