"""`mode`, `pause`, `resume`, `budget`, `session`: what the tray does, from a terminal."""

from typing import TYPE_CHECKING, Annotated

import typer

from turnout.cli.options import AsJson, seconds
from turnout.cli.output import clock, complain, dollars, rfc3339, say, say_json, short, table

if TYPE_CHECKING:
    from turnout.cli.shares import Share

budget = typer.Typer(help="Budgets as they stand: what is used, held and left.", no_args_is_help=True)
session = typer.Typer(help="Sessions that are live, stopped or waiting.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.command("mode")(mode)
    app.command("pause")(pause)
    app.command("resume")(resume)
    app.add_typer(budget, name="budget")
    app.add_typer(session, name="session")


def mode(
    to: Annotated[str, typer.Argument(metavar="[auto|local|cloud|passthrough]")] = "",
    as_json: AsJson = False,
) -> None:
    """Shows or sets the mode; it persists."""
    from turnout.calls.units import Mode
    from turnout.cli.reach import either, own_paths, running
    from turnout.errors import BadRequestError

    where = own_paths()
    if to:
        if to not in [one.value for one in Mode]:
            raise BadRequestError(f"{to[:20]!r} is no mode", hint="One of auto, local, cloud, passthrough.")
        now, paused = str(either(where).mode(to)["mode"]), None
    elif running(where) is not None:
        from turnout.cli.reach import control

        status = control(where).status()
        now, paused = status.mode, status.paused_until_ms
    else:
        now, paused = _kept_mode()
    if as_json:
        until = rfc3339(paused) if paused else None
        say_json({"mode": now, "paused": paused is not None, "paused_until": until})
    else:
        say(now + ("" if paused is None else " (paused)" if not paused else f" (paused until {clock(paused)})"))


def _kept_mode() -> tuple[str, int | None]:
    from turnout.cli.reach import own_paths
    from turnout.ledger.reader import Reader
    from turnout.proxy.keep import mode_of

    reader = Reader(own_paths().ledger)
    try:
        found, paused = mode_of(reader.kept("state").get("mode"))
    finally:
        reader.close()
    return found.value, paused


def pause(
    duration: Annotated[str, typer.Argument(help="30m, 2h...; left out: until `turnout resume`.")] = "",
    as_json: AsJson = False,
) -> None:
    """Pass-through for a while: calls get the model they ask for. Budgets and `private` rules still hold."""
    from turnout.cli.reach import control, own_paths

    span = seconds(duration) if duration else None
    until = control(own_paths()).pause(span).get("paused_until_ms")
    if as_json:
        say_json({"paused": True, "paused_until": rfc3339(until) if isinstance(until, int) and until else None})
    else:
        say(f"Paused for {duration}." if duration else "Paused until `turnout resume`.")


def resume(as_json: AsJson = False) -> None:
    """Rules route again."""
    from turnout.cli.reach import control, own_paths

    control(own_paths()).resume()
    if as_json:
        say_json({"paused": False, "paused_until": None})
    else:
        say("Rules route again.")


def amounts(row: dict[str, object]) -> dict[str, object]:
    """A bucket as `--json` shows it: dollars also under `used_usd`, `held_usd`, `left_usd` and `limit_usd`, as everywhere."""
    if row.get("unit") != "usd":
        return row
    return row | {f"{name}_usd": str(row.get(name, "0")) for name in ("used", "held", "left", "limit")}


@budget.command("list")
def budgets(as_json: AsJson = False) -> None:
    """Every budget window with something in it, and who used what share of it."""
    from turnout.cli.reach import control, own_paths
    from turnout.cli.shares import shares
    from turnout.ledger.reader import Reader

    where = own_paths()
    rows = control(where).budgets()
    reader = Reader(where.ledger)
    try:
        used = [shares(reader, row) for row in rows]
    finally:
        reader.close()
    if as_json:
        say_json(
            {
                "budgets": [
                    amounts(row) | {"shares": [one.doc() for one in who]} for row, who in zip(rows, used, strict=True)
                ]
            }
        )
        return
    if not rows:
        say("No budget was touched yet. Budgets stand in rules.toml: `turnout rules path`.")
        return

    head = ("budget", "of", "per", "used", "held", "left", "limit", "who", "waiting", "key")
    cells = [
        [
            str(row.get("budget", "")),
            f"{row.get('scope', '')} {row.get('who', '')}".strip(),
            str(row.get("per", "")),
            *(_amount(row, key) for key in ("used", "held", "left", "limit")),
            _told(who),
            str(row.get("waiting") or ""),
            str(row.get("key", "")),
        ]
        for row, who in zip(rows, used, strict=True)
    ]
    say(*table(head, cells, right=(3, 4, 5, 6)))


def _amount(row: dict[str, object], key: str) -> str:
    text = str(row.get(key, ""))
    return dollars(text) if row.get("unit") == "usd" else text


def _told(who: "list[Share]") -> str:
    said = [f"{short(one.name, 24)} {one.share:.0%}" for one in who[:4]]
    return ", ".join(said) + (f" and {len(who) - 4} more" if len(who) > 4 else "")


def _left(row: dict[str, object]) -> str:
    unit = "" if row.get("unit") == "usd" else f" {row.get('unit')}"
    return f"{row['key']}: {_amount(row, 'left')}{unit} left"


@budget.command("credit")
def credit(
    scope: Annotated[str, typer.Argument(help="A key or name of `budget list`, or client:NAME and the like.")],
    add: Annotated[str, typer.Option("--add", metavar="USD", help="Dollars to add; left out: only show.")] = "",
    as_json: AsJson = False,
) -> None:
    """Shows what is left of a budget, or raises it for its present window. A call that waits goes on."""
    from turnout.cli.reach import control, own_paths
    from turnout.errors import NotFoundError

    client = control(own_paths())
    if add:
        answer = client.credit(scope, add)
        if as_json:
            say_json(answer)
        else:
            raised = answer.get("keys")
            keys = raised if isinstance(raised, list) else []
            say(f"{dollars(add)} added to {scope}.", *(_left(row) for row in client.budgets() if row["key"] in keys))
        if stray := _stray(scope, set(client.status().clients_seen)):
            complain(stray)
        return
    names = ("key", "budget")
    rows = [
        row
        for row in client.budgets()
        if scope in [row.get(name) for name in names]
        or scope in (f"{row.get('scope')}:{row.get('who')}", f"{row.get('scope')}={row.get('who')}")
    ]
    if not rows:
        raise NotFoundError(f"nothing was spent under {scope[:80]!r} yet", hint="`turnout budget list` shows the keys.")
    if as_json:
        say_json({"budgets": [amounts(row) for row in rows]})
        return
    say(*(_left(row) for row in rows))


def _stray(scope: str, seen: set[str]) -> str:
    """What to say of credit for a client that there is not (one may still come); empty: there is. `seen`: those that called."""
    from turnout.cli.reach import own_paths
    from turnout.errors import SettingsError
    from turnout.ledger.reader import Reader
    from turnout.routing.checks import nearest
    from turnout.settings.files import read_settings

    kind, _, who = scope.partition(":")
    if kind != "client":
        return ""
    where, known = own_paths(), set(seen)
    reader = Reader(where.ledger)
    try:
        known |= {row.name for row in reader.clients()} | {one.name for one in read_settings(where.settings).clients}
    except SettingsError:
        return ""  # the credit is added; what is wrong with the file others tell
    finally:
        reader.close()
    if who in known:
        return ""
    return (
        f"no client goes by {who[:80]!r} yet: the credit waits for one that does. {nearest(who, sorted(known))}".strip()
    )


@budget.command("release")
def release(hold: str, as_json: AsJson = False) -> None:
    """Gives an open hold back."""
    from turnout.cli.reach import control, own_paths

    answer = control(own_paths()).hold_release(hold)
    if as_json:
        say_json(answer)
    else:
        say(f"The hold of {hold} is released.")


@session.command("list")
def sessions(as_json: AsJson = False) -> None:
    """Sessions of the last hour, and those that are stopped or wait."""
    from turnout.cli.reach import control, own_paths

    rows = control(own_paths()).sessions()
    if as_json:
        say_json({"sessions": rows})
        return
    if not rows:
        say("No session within the last hour.")
        return
    cells = []
    for row in rows:
        state = "waiting" if row.get("waiting") else _why_stopped(str(row.get("stopped") or "")) or "live"
        spent = dollars(str(row.get("spent_usd", "0")))
        cells.append(
            [
                str(row.get("id", "")),
                str(row.get("client", "")),
                str(row.get("turns", "")),
                spent,
                short(str(row.get("model", "")), 40),
                short(state, 70),
            ]
        )
    say(*table(("session", "client", "turns", "spent", "model", "state"), cells, right=(2, 3)))


def _why_stopped(said: str) -> str:
    """A refusal's sentence without what the column says already."""
    head, mark, rest = said.partition("The loop guard stopped ")
    if head or not mark:
        return said
    whom, _, why = rest.rstrip(".").partition(": ")
    return f"stopped: {why}" if whom == "this session" else f"stopped with {whom}: {why}"


@session.command("allow")
def allow(
    id_: Annotated[str, typer.Argument(metavar="ID")],
    usd: Annotated[str, typer.Option("--usd", help="This many dollars more.")] = "",
    turns: Annotated[int, typer.Option("--turns", min=0, help="This many turns more.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Lets a stopped or waiting session go on."""
    from turnout.cli.reach import control, own_paths
    from turnout.errors import BadRequestError

    if usd and turns:
        raise BadRequestError("--usd and --turns exclude each other", hint="Say one of them, or none for the default.")
    answer = control(own_paths()).session_allow(id_, usd=usd, turns=turns)
    if as_json:
        say_json(answer)
    else:
        more = (
            f" for {dollars(usd)} more"
            if usd
            else f" for {turns} turn{'' if turns == 1 else 's'} more"
            if turns
            else ""
        )
        say(f"{id_} may go on{more}{'; its limit in dollars stays' if turns else ''}.")


@session.command("stop")
def stop(id_: Annotated[str, typer.Argument(metavar="ID")], as_json: AsJson = False) -> None:
    """Refuses the session's further calls until it is allowed again, or a person asks something new."""
    from turnout.cli.reach import control, own_paths

    answer = control(own_paths()).session_stop(id_)
    if as_json:
        say_json(answer)
    else:
        say(f"{id_} is stopped.")
