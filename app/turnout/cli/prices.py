"""`prices`: what a token costs where, and prices of one's own."""

import fnmatch
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from turnout.cli.options import AsJson
from turnout.cli.output import say, say_json, table

if TYPE_CHECKING:
    from turnout.catalog.prices import PriceTable
    from turnout.cli.world import World

group = typer.Typer(
    help="What a token costs where; the table is shipped, and nothing is fetched by itself.", no_args_is_help=True
)
BIGGEST = 16 * 1024 * 1024


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="prices")


@group.command("list")
def listed(
    pattern: Annotated[str, typer.Argument(help="Part of a name, or a glob like openai/gpt-5*.")] = "",
    every: Annotated[bool, typer.Option("--all", help="All models of the table, not only your providers'.")] = False,
    as_json: AsJson = False,
) -> None:
    """Dollars per million tokens, with where each price is from."""
    from turnout.cli.world import world

    here = world()
    table_ = here.prices.table
    held = [name for name in table_.held() if _wanted(name, pattern)]
    rows = [row for row in _rows(here, every=every) if _wanted(row["model"], pattern)]
    if as_json:
        say_json({"prices": rows, "source": table_.source, "date": table_.date, "held": held})
        return
    names = ("input_usd", "cache_read_usd", "cache_write_5m_usd", "cache_write_1h_usd", "output_usd")
    head = ("model", "in", "cache read", "write 5m", "write 1h", "out", "from")
    say(
        *table(head, [[row["model"], *(row[name] for name in names), row["source"]] for row in rows], right=range(1, 6))
    )
    if not rows:
        say("No price fits. `turnout prices list --all` shows the whole table.")
    if held:
        say(
            f"{len(held)} new prices wait for `turnout prices approve`, and the dearer counts until then: {', '.join(held)}."
        )
    if table_.problem:
        say(table_.problem)


def _wanted(name: str, pattern: str) -> bool:
    if not pattern:
        return True
    return fnmatch.fnmatch(name, pattern) if any(c in pattern for c in "*?[") else pattern.lower() in name.lower()


def _rows(here: "World", *, every: bool) -> "list[dict[str, str]]":
    from datetime import UTC, datetime

    from turnout.ledger.rows import usd

    found = {}
    table_, today = here.prices.table, datetime.now(UTC).date()
    for provider in here.settings.providers.values():
        if provider.sovereign:
            continue
        for model in table_.models(provider.name, provider.base_url, provider.family):
            price = here.prices.price(provider, model.id)
            if price is not None:
                found[f"{provider.name}/{model.id}"] = price
    for line in here.roster.tiers.values():
        found |= {one.name: one.price for one in line if one.price is not None}
    if every:
        found = {name: price for name, price in _whole(table_, today)} | found
    return [
        {
            "model": name,
            "input_usd": usd(price.uncached),
            "cache_read_usd": usd(price.cache_read),
            "cache_write_5m_usd": usd(price.cache_write_5m),
            "cache_write_1h_usd": usd(price.cache_write_1h),
            "output_usd": usd(price.output),
            "reasoning_usd": usd(price.reasoning),
            "source": price.source,
        }
        for name, price in sorted(found.items())
    ]


def _whole(of: "PriceTable", today: Any) -> "list[tuple[str, Any]]":
    from turnout.calls.units import Family

    return [(f"{name}/{one.id}", one.at(today)) for name in of.makers() for one in of.models(name, "", Family.OPENAI)]


@group.command("set")
def set_price(
    model: Annotated[str, typer.Argument(help="provider/model; globs allowed.")],
    input_usd: Annotated[str, typer.Option("--input", metavar="USD", help="Per million tokens.")] = "",
    output_usd: Annotated[str, typer.Option("--output", metavar="USD")] = "",
    cache_read_usd: Annotated[str, typer.Option("--cache-read", metavar="USD")] = "",
    cache_write_5m_usd: Annotated[str, typer.Option("--cache-write-5m", metavar="USD")] = "",
    cache_write_1h_usd: Annotated[str, typer.Option("--cache-write-1h", metavar="USD")] = "",
    clear: Annotated[bool, typer.Option("--clear", help="Back to the table's price.")] = False,
    as_json: AsJson = False,
) -> None:
    """A price of your own, in turnout.toml; it goes before the table's."""
    from turnout.cli.reach import own_paths
    from turnout.errors import BadRequestError
    from turnout.settings.files import edit_settings

    given = {
        "input_usd": input_usd,
        "output_usd": output_usd,
        "cache_read_usd": cache_read_usd,
        "cache_write_5m_usd": cache_write_5m_usd,
        "cache_write_1h_usd": cache_write_1h_usd,
    }
    figures = {key: _amount(text) for key, text in given.items() if text}
    if bool(figures) == clear:
        raise BadRequestError(
            "say what it costs, or --clear", hint="`turnout prices set openai/x --input 2 --output 8`"
        )
    if "/" not in model:
        raise BadRequestError(f"{model[:60]!r} must be provider/model", hint="Globs are allowed: local/*.")

    def change(doc: Any) -> None:
        import tomlkit
        from tomlkit.items import Float, Integer

        if "prices" not in doc:
            doc.add("prices", tomlkit.table(is_super_table=True))
        if clear:
            doc["prices"].pop(model, None)
            return
        if model not in doc["prices"]:
            doc["prices"].add(model, tomlkit.table())
        for key, amount in figures.items():
            # The text as it was typed: a float would not say 0.1 exactly.
            item: Float | Integer = tomlkit.value(amount)  # type: ignore[assignment]  # an amount is a number
            doc["prices"][model][key] = item

    edit_settings(own_paths().settings, change)
    _reload()
    if as_json:
        say_json({"model": model, **figures})
    else:
        say(f"{model}: back to the table's price." if clear else f"{model}: your price is in force.")


def _amount(text: str) -> str:
    from turnout.errors import BadRequestError

    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal(-1)
    if not value.is_finite() or not 0 <= value <= 10_000:
        raise BadRequestError(f"{text[:20]!r} is no price", hint="Dollars per million tokens, 0 to 10,000.")
    return format(value, "f")


def _reload() -> None:
    from turnout.cli.reach import own_paths, running
    from turnout.control.client import ControlClient

    runtime = running(own_paths())
    if runtime is not None:
        ControlClient(runtime).reload()


@group.command("refresh")
def refresh(
    file: Annotated[Path | None, typer.Argument(help="A price table (prices.json.gz) from a newer release.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Take prices that fell to nothing or by half, too.")] = False,
    reset: Annotated[bool, typer.Option("--reset", help="Back to the shipped table.")] = False,
    as_json: AsJson = False,
) -> None:
    """Takes a newer table from a file after checking it. Nothing is fetched: Turnout contacts your providers alone.

    A price that fell to nothing or by more than half is held back: until `prices approve` the dearer of the two counts.
    """
    from datetime import UTC, datetime, timedelta

    from turnout.catalog.refresh import check_table, merged
    from turnout.catalog.tables import load_prices
    from turnout.cli.reach import own_paths
    from turnout.errors import BadRequestError, SettingsError
    from turnout.settings.atomic import replace_file

    kept = own_paths().prices
    if reset:
        kept.unlink(missing_ok=True)
        _reload()
        say_json({"source": load_prices().source}) if as_json else say("Back to the shipped table.")
        return
    if file is None:
        raise BadRequestError(
            "say which file", hint="A newer release ships one: resources/prices/prices.json.gz of its package."
        )
    data = _read_table(file)
    now = load_prices(kept)
    try:
        found, fell = check_table(data, now)
    except SettingsError as error:
        error.file = str(file)
        raise
    shipped, tomorrow = load_prices().date, (datetime.now(UTC).date() + timedelta(days=1)).isoformat()
    if not shipped <= found.date <= tomorrow:
        said = f"and the shipped ones of {shipped}" if found.date < shipped else "which has not come"
        raise SettingsError(f"its prices are of {found.date}, {said}", file=str(file), hint="Nothing was changed.")
    held = [] if yes else fell
    replace_file(kept, merged(found, now, held))
    _reload()
    if as_json:
        say_json({"source": found.source, "suspicious": fell, "held": held})
        return
    say(f"Prices are now those of {found.source}.")
    if held:
        names = ", ".join(held[:5]) + (f" and {len(held) - 5} more" if len(held) > 5 else "")
        say(
            f"{len(held)} fell to nothing or by more than half and wait for you: {names}.",
            "Until `turnout prices approve` the dearer of the old and the new price counts.",
        )


def _read_table(file: Path) -> bytes:
    from turnout.errors import SettingsError

    try:
        if not file.is_file() or file.stat().st_size > BIGGEST:
            raise SettingsError("there is no such file, or it is too large", file=str(file), hint="Check the path.")
        return file.read_bytes()
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"cannot be read ({type(error).__name__})", file=str(file), hint="Check the path."
        ) from None


@group.command("approve")
def approve(
    models: Annotated[list[str] | None, typer.Argument(help="As `prices list` names them held; left out: all.")] = None,
    as_json: AsJson = False,
) -> None:
    """Puts prices in force that a refresh held back because they fell to nothing or by more than half."""
    from turnout.catalog.refresh import approved
    from turnout.catalog.tables import load_prices
    from turnout.cli.reach import own_paths
    from turnout.errors import NotFoundError
    from turnout.settings.atomic import replace_file

    kept = own_paths().prices
    data, taken = approved(load_prices(kept), set(models) if models else None)
    if models and (missing := sorted(set(models) - set(taken))):
        raise NotFoundError(f"no price is held for {missing[0][:80]!r}", hint="`turnout prices list` shows them.")
    if taken:
        replace_file(kept, data)
        _reload()
    if as_json:
        say_json({"approved": taken})
    else:
        say(f"{len(taken)} prices are in force: {', '.join(taken)}." if taken else "No price waits for approval.")
