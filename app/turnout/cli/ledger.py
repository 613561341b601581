"""`calls`, `context`: single calls, as the ledger has them. Works whether or not the proxy runs."""

from typing import TYPE_CHECKING, Annotated

import typer

from turnout.cli.options import AsJson
from turnout.cli.output import clock, dollars, say, say_json, short, table

if TYPE_CHECKING:
    from turnout.calls.record import CallRecord

calls = typer.Typer(help="The ledger, call by call.", invoke_without_command=True)
context = typer.Typer(help="What was compressed or attached.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(calls, name="calls")
    app.add_typer(context, name="context")


def _records(last: int, **where: str) -> "list[CallRecord]":
    from turnout.cli.reach import own_paths
    from turnout.ledger.callfilter import CallFilter
    from turnout.ledger.reader import Reader

    reader = Reader(own_paths().ledger)
    try:
        wanted = {key: value for key, value in where.items() if value}
        return reader.calls(last, where=CallFilter(**wanted) if wanted else None)  # type: ignore[arg-type]  # texts only
    finally:
        reader.close()


@calls.callback()
def listed(
    context: typer.Context,
    last: Annotated[int, typer.Option("--last", min=1, max=1_000_000)] = 20,
    client: Annotated[str, typer.Option("--client")] = "",
    session: Annotated[str, typer.Option("--session")] = "",
    tier: Annotated[str, typer.Option("--tier")] = "",
    status: Annotated[str, typer.Option("--status")] = "",
    as_json: AsJson = False,
) -> None:
    """The last calls, newest first."""
    if context.invoked_subcommand is not None:
        return
    from turnout.calls.units import Status, Tier
    from turnout.ledger.rows import row_json

    _known("tier", [tier], {one.value for one in Tier})
    _known("status", status.split(","), {one.value for one in Status})
    records = _records(last, client=client, session=session, tier=tier, status=status)
    if as_json:
        say_json({"calls": [row_json(record) for record in records]})
        return
    if not records:
        narrowed = client or session or tier or status
        say("No such call." if narrowed else "No call yet. Point a client here: `turnout connect`.")
        return
    head = ("at", "client", "model", "tier", "grade", "rule", "tokens in", "out", "cost", "status", "id")
    say(*table(head, [_row(record) for record in records], right=(6, 7, 8)))


def _known(what: str, said: list[str], all_: set[str]) -> None:
    """Raises BadRequestError for what is none of them."""
    from turnout.errors import BadRequestError

    for one in said:
        if one and one not in all_:
            raise BadRequestError(f"{one[:20]!r} is no {what}", hint=f"One of {', '.join(sorted(all_))}.")


def _row(record: "CallRecord") -> list[str]:
    from turnout.ledger.rows import usd

    model = f"{record.provider}/{record.model}" if record.model else record.asked_model
    price = "unpriced" if record.unpriced else dollars(usd(record.cost))
    return [
        clock(record.at_ms),
        short(record.client, 20),
        short(model, 40),
        record.tier.value if record.tier is not None else "",
        record.grade.value if record.grade is not None else "",
        short(record.note if record.own else record.rule, 32),
        str(record.usage.prompt),
        str(record.usage.produced),
        price + ("~" if record.estimated else ""),
        record.status.value,
        record.id,
    ]


@calls.command("show")
def show(
    id_: Annotated[str, typer.Argument(metavar="ID")],
    texts: Annotated[bool, typer.Option("--texts", help="What was said, where texts are kept (store_bodies).")] = False,
    as_json: AsJson = False,
) -> None:
    """One call with its attempts; the beginning of its id is enough."""
    from turnout.cli.reach import own_paths
    from turnout.errors import NotFoundError
    from turnout.ledger.reader import Reader
    from turnout.ledger.rows import row_json

    reader = Reader(own_paths().ledger)
    try:
        record = reader.call(id_)
        said = reader.said(record.id) if record is not None and texts else {}
    finally:
        reader.close()
    if record is None:
        raise NotFoundError(f"there is no call {id_[:64]!r}", hint="`turnout calls` lists the last ones.")
    doc = row_json(record)
    if as_json:
        say_json({**doc, "features": _named(record.features), **({"texts": said} if texts else {})})
        return
    attempts = doc.pop("attempt_rows", [])
    for key, value in doc.items():
        if value not in (None, "", [], {}, False):
            say(f"{key:16} {_shown(value)}")
    if isinstance(attempts, list):
        for number, one in enumerate(attempts, 1):
            say(f"attempt {number:<8} {_shown(one)}")
    for part, text in said.items():
        say("", f"--- {part} ---", *_readable(text))
    if texts and not said:
        say("", "No text of this call is kept: set store_bodies = true under [privacy] in turnout.toml.")


def _named(features: tuple[float, ...]) -> "dict[str, float]":
    """What the grader read from the ask, by name (by place, where an older version had other features): numbers, no text."""
    from turnout.routing.calibration import INPUT_NAMES

    names = INPUT_NAMES if len(features) == len(INPUT_NAMES) else tuple(map(str, range(len(features))))
    return dict(zip(names, features, strict=True))


def _readable(text: object) -> list[str]:
    import json

    return (text if isinstance(text, str) else json.dumps(text, indent=2, ensure_ascii=False)).splitlines()


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return "  ".join(f"{key}={one}" for key, one in value.items() if one not in (None, "", 0))
    return ", ".join(str(one) for one in value) if isinstance(value, list) else str(value)


@context.command("show")
def context_show(id_: Annotated[str, typer.Argument(metavar="CALL")], as_json: AsJson = False) -> None:
    """What was compressed or attached in a call. This version does neither: every context is the client's own."""
    from turnout.cli.reach import own_paths
    from turnout.errors import NotFoundError
    from turnout.ledger.reader import Reader

    reader = Reader(own_paths().ledger)
    try:
        record = reader.call(id_)
    finally:
        reader.close()
    if record is None:
        raise NotFoundError(f"there is no call {id_[:64]!r}", hint="`turnout calls` lists the last ones.")
    if as_json:
        say_json({"call": record.id, "changed": False})
    else:
        say(f"Nothing was compressed or attached in {record.id}.")
