"""`connect`: points a client's own configuration here, with a backup and a token of its own."""

from typing import TYPE_CHECKING, Annotated

import typer

from turnout.cli.options import AsJson
from turnout.cli.output import FAILED, complain, say, say_json, table

if TYPE_CHECKING:
    from turnout.connect.clients import Client
    from turnout.settings.paths import Paths


def register(app: typer.Typer) -> None:
    app.command("connect")(connect)


def connect(
    client: Annotated[str, typer.Argument(metavar="[CLIENT]")] = "",
    print_: Annotated[bool, typer.Option("--print", help="Show what would be written, change nothing.")] = False,
    apply: Annotated[bool, typer.Option("--apply", help="Edit the client's own file; a backup is kept.")] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Put the client's file back as it was.")] = False,
    as_json: AsJson = False,
) -> None:
    """Points a client here. Without a name: which clients are on this machine, and how they stand."""
    from turnout.cli.reach import base_url, own_paths
    from turnout.errors import BadRequestError

    where = own_paths()
    if sum((print_, apply, undo)) > 1:
        raise BadRequestError("--print, --apply and --undo exclude each other", hint="Say one of them.")
    if not client:
        if apply or undo:
            raise BadRequestError("say which client", hint="`turnout connect` lists them.")
        _list(where, base_url(where), as_json=as_json)
        return
    known = _known(client)
    if known.impossible:
        if as_json:
            say_json({"client": known.name, "possible": False, "reason": known.impossible})
        complain(known.impossible)
        raise typer.Exit(FAILED)
    if undo:
        _undo(known, where, as_json=as_json)
    elif apply:
        _apply(known, where, base_url(where), as_json=as_json)
    else:
        _print(known, base_url(where), as_json=as_json)


def _known(name: str) -> "Client":
    import difflib

    from turnout.connect.clients import CLIENTS
    from turnout.errors import BadRequestError

    found = CLIENTS.get(name)
    if found is not None:
        return found
    near = difflib.get_close_matches(name, CLIENTS, 1)
    raise BadRequestError(
        f"{name[:40]!r} is no client we know",
        hint=f"Did you mean {near[0]}?"
        if near
        else f"Known: {', '.join(CLIENTS)}. Any other takes the lines of `turnout env`.",
    )


def _list(where: "Paths", url: str, *, as_json: bool) -> None:
    from turnout.cli.checkup import known_tokens
    from turnout.connect.state import Stand, clients

    found = clients(where.backups, url=url, known=known_tokens(where))
    if as_json:
        rows = [
            {
                "name": one.name,
                "title": one.title,
                "state": one.stand.value,
                "detail": one.detail,
                "files": [str(file) for file in one.files],
                "by_hand": one.by_hand,
            }
            for one in found
        ]
        say_json({"url": url, "clients": rows})
        return
    words = {
        Stand.ABSENT: "not found",
        Stand.PRESENT: "not connected",
        Stand.CONNECTED: "connected",
        Stand.CHANGED: "changed since",
        Stand.IMPOSSIBLE: "cannot be",
    }
    say(*table(("client", "", "state", ""), [[one.name, one.title, words[one.stand], one.detail] for one in found]))
    say("", "`turnout connect CLIENT --print` shows what would be written, --apply writes it, --undo puts it back.")


def _print(client: "Client", url: str, *, as_json: bool) -> None:
    from turnout.connect.apply import work_out
    from turnout.connect.clients import Setup
    from turnout.connect.place import here
    from turnout.connect.shown import added
    from turnout.errors import BadRequestError

    setup = client.setup(here(), url, "TOKEN")
    files: list[object] = []
    for one in setup.files:
        fault, before = "", None
        try:
            (change,) = work_out(Setup((one,)))
            after, before = change.after, change.before
        except BadRequestError as error:
            # Then this is what its owner adds by hand.
            fault, after = f"{error.message} {error.hint}", one.edit.done("").encode()
        # The user's own settings, keys among them, are not for a screen.
        lines = added((before or b"").decode("utf-8", "replace"), after.decode())
        if as_json:
            files.append({"path": str(one.path), "adds": lines, "fault": fault})
            continue
        if fault:
            complain(fault)
        say(f"{one.path}:", *(f"  {line}" for line in lines), "")
    if as_json:
        say_json({"client": client.name, "files": files, "steps": list(setup.steps), "token": "TOKEN"})
        return
    say(*setup.steps)
    does = "shows this" if client.by_hand else "does it"
    say("", f"`turnout connect {client.name} --apply` {does} with a token of its own in TOKEN's place.")


def _apply(client: "Client", where: "Paths", url: str, *, as_json: bool) -> None:
    from turnout.cli.reach import either
    from turnout.connect.apply import apply, read_record, work_out
    from turnout.connect.place import here
    from turnout.errors import TurnoutError

    place = here()
    work_out(client.setup(place, url, "TOKEN"))  # what cannot be edited is told before a token is made
    door = either(where)
    had = read_record(where.backups, client.name) is not None
    known = any(isinstance(row, dict) and row.get("name") == client.name for row in door.clients())
    token = str((door.client_rotate(client.name) if known else door.client_add(client.name))["token"])
    try:
        done = apply(client, place, url, token, where.backups)
    except TurnoutError:
        if not (had or known):
            door.client_remove(client.name)
        raise
    if as_json:
        say_json(
            {
                "client": client.name,
                "files": [str(file) for file in done.changed],
                "steps": list(done.notes),
                "by_hand": client.by_hand,
            }
        )
        return
    if done.changed:
        say(f"{client.title} points to {url} now: {', '.join(map(str, done.changed))}")
    say(*done.notes)
    back = "makes its token invalid" if client.by_hand else "takes it back"
    say(f"`turnout connect {client.name} --undo` {back}.")


def _undo(client: "Client", where: "Paths", *, as_json: bool) -> None:
    from turnout.cli.reach import either
    from turnout.connect.apply import undo
    from turnout.connect.place import here

    done = undo(client, here(), where.backups)
    door = either(where)
    if any(isinstance(row, dict) and row.get("name") == client.name for row in door.clients()):
        door.client_remove(client.name)
    if as_json:
        say_json({"client": client.name, "files": [str(file) for file in done.changed], "notes": list(done.notes)})
        return
    if client.by_hand:
        say(f"{client.title}'s token is no longer valid: take out by hand what you set there.")
        return
    files = ", ".join(map(str, done.changed))
    say(f"{client.title} is as it was before" + (f": {files}." if files else "."), *done.notes)
