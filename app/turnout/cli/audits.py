"""`audit`: of the last calls, how many truly needed the dear model - by their grades, and by asking a cheap one again."""

from typing import Annotated

import typer

from turnout.cli.options import AsJson
from turnout.cli.output import dollars, say, say_json, short

group = typer.Typer(
    help="Of the last calls, how many truly needed the dear model? Each re-priced at every tier.",
    invoke_without_command=True,
)
_WIDE = 100


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="audit")


@group.callback()
def audit(
    context: typer.Context,
    last: Annotated[int, typer.Option("--last", min=1, max=100_000)] = 100,
    as_json: AsJson = False,
) -> None:
    """Of the last calls, how many truly needed the dear model? Each graded again and priced at every tier."""
    if context.invoked_subcommand is not None:
        return
    from turnout.cli.auditing import audited
    from turnout.cli.world import world
    from turnout.ledger.reader import Reader

    here = world()
    reader = Reader(here.paths.ledger)
    try:
        found = audited(reader, last, here)
    finally:
        reader.close()
    if as_json:
        say_json(found.doc())
    else:
        say(*found.lines())


@group.command("shadow")
def shadow(
    last: Annotated[
        int, typer.Option("--last", min=1, max=10_000, help="Of these calls, those whose texts are kept.")
    ] = 100,
    sample: Annotated[int, typer.Option("--sample", min=1, max=100, help="How many to ask again.")] = 5,
    usd: Annotated[str, typer.Option("--usd", help="Stops before it would cost more.")] = "0.50",
    on: Annotated[str, typer.Option("--on", help="A tier, or provider/model.")] = "fast",
    as_json: AsJson = False,
) -> None:
    """Asks a sample of dear calls again of a cheap tier, and shows both answers side by side.

    Needs the texts of those calls: `store_bodies = true` under [privacy] in turnout.toml. What it costs is held and budgeted.
    """
    from turnout.cli.reach import control, own_paths

    doc = control(own_paths()).shadow(last=last, sample=sample, usd=usd, on=on)
    if as_json:
        say_json(doc)
        return
    rows = [row for row in doc["compared"] if isinstance(row, dict)]
    for row in rows:
        say(
            f"{row['call']}  {row['model']} ({row['tier']}, grade {row['grade'] or '-'}) {dollars(str(row['cost_usd']))}"
            f"  ->  {row['cheap_model'] or doc['model']} {dollars(str(row['cheap_cost_usd']))}",
            f"  asked: {short(' '.join(str(row['ask']).split()), _WIDE)}",
            *_side_by_side(str(row["answer"]), str(row["cheap_answer"]) if row["ok"] else f"({row['error']})"),
            "",
        )
    if not rows and doc["stopped_by_limit"]:
        say(
            f"Nothing was asked: the first of {doc['candidates']} calls may cost more than {dollars(str(doc['limit_usd']))} there."
        )
        return
    if not rows:
        say(f"None of the last {last} calls with their texts kept was answered by a dearer tier than {doc['model']}.")
        return
    said = (
        f"{len(rows)} of {doc['candidates']} calls asked again of {doc['model']} for {dollars(str(doc['spent_usd']))}"
    )
    say(said + (f"; stopped at the limit of {dollars(str(doc['limit_usd']))}." if doc["stopped_by_limit"] else "."))
    say(
        "Would the cheap answer have done? `turnout audit verdict CALL --good` (or --bad): the audit and calibrate go by it."
    )


def _side_by_side(left: str, right: str, most: int = 12) -> list[str]:
    import textwrap

    width = _WIDE // 2 - 2
    sides = [
        [line for part in text.strip().splitlines() or ["(nothing)"] for line in textwrap.wrap(part, width) or [""]]
        for text in (left, right)
    ]
    rows = max(map(len, sides))
    shown = [f"  {_at(sides[0], n):{width}} | {_at(sides[1], n)}".rstrip() for n in range(min(rows, most))]
    return [*shown, f"  ({rows - most} more lines; `turnout calls show CALL --texts`)"] if rows > most else shown


def _at(lines: list[str], number: int) -> str:
    return lines[number] if number < len(lines) else ""


@group.command("verdict")
def verdict(
    call: Annotated[str, typer.Argument(metavar="CALL")],
    good: Annotated[bool, typer.Option("--good/--bad", help="Whether the cheap answer would have done.")] = True,
    as_json: AsJson = False,
) -> None:
    """Your own judgement of a call: it goes before its grade in the audit, and `calibrate` learns from it."""
    from turnout.cli.reach import either, own_paths
    from turnout.errors import NotFoundError
    from turnout.ledger.reader import Reader

    where = own_paths()
    reader = Reader(where.ledger)
    try:
        record = reader.call(call)
    finally:
        reader.close()
    if record is None:
        raise NotFoundError(f"there is no call {call[:64]!r}", hint="`turnout calls` lists the last ones.")
    either(where).verdict(record.id, good=good)
    if as_json:
        say_json({"call": record.id, "good": good})
    else:
        say(f"{record.id}: {'a cheaper model would have done' if good else 'it needed the dear model'}.")
