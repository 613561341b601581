"""`client`: who may call, each with a local token of its own, shown once."""

from typing import Annotated

import typer

from turnout.cli.options import AsJson
from turnout.cli.output import say, say_json, table

group = typer.Typer(help="Who may call: a local token each, shown once.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="client")


@group.command("add")
def add(
    name: str,
    department: Annotated[str, typer.Option("--department")] = "",
    project: Annotated[str, typer.Option("--project")] = "",
    as_json: AsJson = False,
) -> None:
    """Makes a client and shows its token, once."""
    from turnout.cli.reach import either, own_paths

    made = either(own_paths()).client_add(name, department, project)
    _show(str(made["name"]), str(made["token"]), as_json=as_json)


@group.command("rotate")
def rotate(name: str, as_json: AsJson = False) -> None:
    """Gives a client a new token; the old one stops working at once."""
    from turnout.cli.reach import either, own_paths

    made = either(own_paths()).client_rotate(name)
    _show(str(made["name"]), str(made["token"]), as_json=as_json)


@group.command("remove")
def remove(name: str, as_json: AsJson = False) -> None:
    """Its token stops working at once; its rows in the ledger stay."""
    from turnout.cli.reach import either, own_paths

    either(own_paths()).client_remove(name)
    if as_json:
        say_json({"name": name})
    else:
        say(f"{name} is removed; its calls stay in the ledger.")


@group.command("list")
def listed(as_json: AsJson = False) -> None:
    """Clients, never their tokens."""
    from turnout.cli.reach import either, own_paths

    rows = either(own_paths()).clients()
    if as_json:
        say_json({"clients": rows})
        return
    if not rows:
        say(
            "No client yet. `turnout connect` shows the tools on this machine; `turnout client add NAME` makes a token."
        )
        return
    names = ("name", "department", "project", "created_at", "last_seen")
    cells = [[str(row.get(key) or "") for key in names] for row in rows if isinstance(row, dict)]
    say(*table([key.replace("_", " ") for key in names], cells))


def _show(name: str, token: str, *, as_json: bool) -> None:
    if as_json:
        say_json({"name": name, "token": token})
        return
    say(
        f"{name}: {token}",
        "This token is shown once: Turnout keeps only its hash. Send it as the API key, or in the path:",
        "http://127.0.0.1:7717/c/TOKEN/v1",
    )
