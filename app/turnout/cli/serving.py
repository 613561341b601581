"""`serve`, `status`, `doctor`, `env`, and what `turnout` alone does."""

import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from turnout.cli.options import AsJson
from turnout.cli.output import FAILED, UNREACHABLE, clock, complain, dollars, say, say_json, table

if TYPE_CHECKING:
    from turnout.control.messages import Status


def register(app: typer.Typer) -> None:
    app.command("serve")(serve)
    app.command("status")(status)
    app.command("doctor")(doctor)
    app.command("env")(env)


def desktop(*, window: bool) -> None:
    """The tray where there is a screen; else the proxy alone, and says so."""
    from turnout.cli.reach import has_screen

    if not has_screen():
        complain("there is no screen (DISPLAY and WAYLAND_DISPLAY are not set): serving without the tray.")
        serve()
        return
    try:
        from turnout.desktop.door import enter

        run = enter()
    except ImportError as error:
        complain(f"the tray cannot start: {error}", "A library of the desktop is missing; serving without the tray.")
        serve()
        return
    raise typer.Exit(run(home=None, window=window))


def serve(
    port: Annotated[int, typer.Option("--port", min=-1, max=65_535, help="0 picks one.")] = -1,
    host: Annotated[str, typer.Option("--host", help="Off the loopback only if you know why.")] = "",
    parent_stdin: Annotated[bool, typer.Option("--parent-stdin", hidden=True)] = False,
) -> None:
    """The proxy alone, in the foreground. Prints one JSON line when it accepts calls."""
    from turnout.cli.reach import own_paths
    from turnout.proxy.server import serve as run

    code = run(own_paths(), port=port if port >= 0 else None, host=host or None, parent_stdin=parent_stdin)
    raise typer.Exit(code)


def status(as_json: AsJson = False) -> None:
    """What runs, with whom, and what it has cost today. Exit code 4 when nothing runs."""
    from turnout.cli.reach import control, own_paths, running

    where = own_paths()
    if running(where) is None:
        if as_json:
            say_json({"running": False})
        else:
            say("No proxy is running. Start it: `turnout serve`, or `turnout` for the tray.")
        raise typer.Exit(UNREACHABLE)
    found = control(where).status()
    if as_json:
        say_json(_status_json(found))
    else:
        say(*_status_lines(found))


def _status_json(found: "Status") -> "dict[str, object]":
    from turnout.cli.output import rfc3339
    from turnout.control.codec import status_json

    doc: dict[str, object] = {"running": True, **status_json(found)}
    doc["started_at"] = rfc3339(found.started_ms)
    doc["paused"] = found.paused_until_ms is not None
    doc["paused_until"] = rfc3339(found.paused_until_ms) if found.paused_until_ms else None
    for key in ("started_ms", "paused_until_ms"):
        del doc[key]
    doc["clients_seen"] = {name: rfc3339(at) for name, at in found.clients_seen.items()}
    doc["running_calls"] = [
        {
            "id": one.id,
            "client": one.client,
            "model": one.model,
            "tier": one.tier,
            "started_at": rfc3339(one.started_ms),
            "output_tokens": one.output_tokens,
            "session": one.session,
        }
        for one in found.running
    ]
    doc["running"] = True
    return doc


def _status_lines(found: "Status") -> list[str]:
    paused = found.paused_until_ms
    mode = found.mode + ("" if paused is None else ", paused" if not paused else f", paused until {clock(paused)}")
    # Without a priced fast tier nothing is known of it.
    all_fast = f", {dollars(found.all_fast_today_usd)} all fast" if found.all_fast_today_usd.strip("0.") else ""
    lines = [
        f"Turnout {found.version} at {found.url} (pid {found.pid}), since {clock(found.started_ms)}, mode {mode}",
        f"Today: {dollars(found.spent_today_usd)} spent, {dollars(found.saved_today_usd)} saved "
        f"({dollars(found.baseline_today_usd)} with the models asked for{all_fast})"
        + (f"; {dollars(found.credit_usd)} left under the tightest budget" if found.credit_usd else ""),
        f"{found.in_flight} calls under way, {found.open_holds} holds open",
    ]
    if found.engines:
        head = ("provider", "state", "models", "")
        cells = [[one.provider, one.state, str(one.models or ""), one.detail] for one in found.engines]
        lines += ["", *table(head, cells, right=(2,))]
    lines += [f"{one.client} waits for {one.what}: `turnout session allow {one.session}`" for one in found.waiting]
    if found.clients_seen:
        seen = sorted(found.clients_seen.items(), key=lambda item: -item[1])[:8]
        lines += ["", "Clients: " + ", ".join(f"{name} ({clock(at)})" for name, at in seen)]
    for error in (found.rules_error, found.settings_error):
        if error:
            lines += ["", f"Not in force: {error}"]
    lines += _ledger_lines(found)
    return lines + (["", *found.next_steps] if found.next_steps else [])


def _ledger_lines(found: "Status") -> list[str]:
    if found.ledger_adrift:
        return ["", "The ledger's file was deleted, moved or replaced under the running proxy: start it again."]
    if not found.ledger_error:
        return []
    waits = f"; {found.unwritten} ended calls wait in memory" if found.unwritten else ""
    return ["", f"The ledger cannot be written: {found.ledger_error}{waits}. `turnout doctor` says what to do."]


def doctor(as_json: AsJson = False) -> None:
    """What is wrong and how to mend it. Exit code 1 when something is."""
    from turnout.cli.checkup import State, examine

    found = examine()
    bad = [one for one in found if one.state is State.BAD]
    if as_json:
        checks = [{"check": one.name, "state": one.state.value, "detail": one.detail, "fix": one.fix} for one in found]
        say_json({"ok": not bad, "checks": checks})
    else:
        marks = {State.GOOD: "ok  ", State.NOTE: "note", State.BAD: "BAD "}
        for one in found:
            say(f"{marks[one.state]}  {one.name}: {one.detail}")
            if one.fix:
                say(f"      {one.fix}")
    if bad:
        raise typer.Exit(FAILED)


def env(
    client: Annotated[str, typer.Argument(help="Whose token; made when there is none.")] = "shell",
    shell: Annotated[str, typer.Option("--shell", metavar="sh|bash|zsh|fish|powershell|csh|nu")] = "",
    as_json: AsJson = False,
) -> None:
    """Shell lines that point SDKs and tools here: eval "$(turnout env)"."""
    from turnout.cli.reach import base_url, own_paths
    from turnout.cli.shelltoken import token_for
    from turnout.connect.shell import KINDS, kind_of, lines, variables
    from turnout.errors import BadRequestError

    try:
        kind = kind_of(shell or _shell())
    except KeyError:
        if shell:
            raise BadRequestError(f"{shell[:20]!r} is no shell we know", hint=f"One of {', '.join(KINDS)}.") from None
        kind = "sh"
    where = own_paths()
    set_ = variables(base_url(where), token_for(where, client))
    if as_json:
        say_json({"client": client, "env": set_})
        return
    for line in lines(set_, kind):
        print(line)
    if sys.stdout.isatty():
        complain(f"paste these, or run: {_how(kind)}")


def _shell() -> str:
    name = os.environ.get("SHELL", "").rpartition("/")[2]
    return name or ("powershell" if os.name == "nt" else "sh")


def _how(kind: str) -> str:
    return {
        "fish": "turnout env | source",
        "powershell": "turnout env --shell powershell | Invoke-Expression",
        "csh": "eval `turnout env --shell csh`",
        "nu": "turnout env --shell nu | save -f turnout.nu; source turnout.nu",
    }.get(kind, 'eval "$(turnout env)"')
