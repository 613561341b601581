"""`key`: cloud keys into the OS keyring, and nowhere else."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from turnout.cli.options import AsJson
from turnout.cli.output import complain, say, say_json, table

if TYPE_CHECKING:
    from turnout.keys.secret import Secret

group = typer.Typer(help="Cloud keys, in the operating system's keyring only.", no_args_is_help=True)
LONGEST = 4_096


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="key")


@group.command("set")
def set_key(
    provider: str,
    stdin: Annotated[bool, typer.Option("--stdin", help="Read the key from standard input.")] = False,
    as_json: AsJson = False,
) -> None:
    """Saves a provider's key, bound to the address it is sent to. A provider that is not set up yet is added.

    The key is never an argument: arguments are seen by every user of the machine.
    """
    from turnout.cli.reach import own_paths
    from turnout.keys.keyring import KeyRing
    from turnout.settings.files import read_settings
    from turnout.settings.presets import adopt, origin_of, resolve

    where = own_paths()
    origin = origin_of(resolve(read_settings(where.settings), provider).base_url)
    KeyRing().set(provider, origin, _read(provider, stdin=stdin))
    adopted = adopt(where.settings, provider)
    test = _told_proxy(provider)
    if as_json:
        say_json({"provider": provider, "origin": origin, "added": adopted.added, "test": test})
        return
    say(f"The key for {provider} is in the keyring, for {origin} alone.")
    if adopted.added:
        say(
            f"{provider} was added to {where.settings}" + (f": {', '.join(adopted.models)}." if adopted.models else ".")
        )
    if test:
        say(test)


def _read(provider: str, *, stdin: bool) -> "Secret":
    from turnout.errors import BadRequestError
    from turnout.keys.secret import Secret

    if stdin or not sys.stdin.isatty():
        text = sys.stdin.read(LONGEST + 1)
    else:
        import getpass

        text = getpass.getpass(f"Key for {provider} (not shown): ")
    text = text.strip()
    if not text:
        raise BadRequestError("no key was given", hint=f"Pipe it in: `turnout key set {provider} --stdin < FILE`.")
    if len(text) > LONGEST or any(not ("!" <= c <= "~") for c in text):
        raise BadRequestError(
            "that is no API key: it must be one line of printable characters without spaces",
            hint="Copy it again from the provider's console.",
        )
    return Secret(text)


def _told_proxy(provider: str) -> str:
    """The running proxy takes the key up at once and tries it; what it says."""
    from turnout.cli.reach import own_paths, running
    from turnout.control.client import ControlClient
    from turnout.errors import TurnoutError

    runtime = running(own_paths())
    if runtime is None:
        return ""
    client = ControlClient(runtime)
    try:
        client.reload()
        answer = client.key_test(provider)
    except TurnoutError as error:
        # The key is saved all the same; the test is a courtesy.
        return f"The running proxy could not try it: {error.message}"
    return str(answer.get("message") or ("It works." if answer.get("ok") else "The provider refuses it."))


@group.command("list")
def listed(as_json: AsJson = False) -> None:
    """Which providers have a key, and for which address; never the keys."""
    from turnout.cli.reach import own_paths
    from turnout.keys.keyring import KeyRing
    from turnout.settings.files import read_settings
    from turnout.settings.presets import origin_of

    settings = read_settings(own_paths().settings)
    saved = KeyRing().saved()
    rows: list[dict[str, object]] = []
    for name in sorted({*saved, *(p.name for p in settings.providers.values() if p.needs_key)}):
        provider = settings.providers.get(name)
        wanted = origin_of(provider.base_url) if provider is not None else ""
        origins = saved.get(name, [])
        state = (
            ("saved" if wanted in origins else "for another address" if origins and wanted else "missing")
            if wanted
            else "no such provider"
        )
        rows.append({"provider": name, "origin": wanted or (origins[0] if origins else ""), "state": state})
    if as_json:
        say_json({"keys": rows})
    elif rows:
        say(
            *table(
                ("provider", "address", "key"), [[str(r["provider"]), str(r["origin"]), str(r["state"])] for r in rows]
            )
        )
    else:
        say("No key is saved and no provider needs one. `turnout key set anthropic` adds both.")


@group.command("remove")
def remove(provider: str, as_json: AsJson = False) -> None:
    """Takes all of a provider's keys out of the keyring."""
    from turnout.cli.output import FAILED
    from turnout.cli.reach import own_paths, running
    from turnout.keys.keyring import KeyRing

    gone = KeyRing().remove(provider)
    if gone and running(own_paths()) is not None:
        _told_proxy(provider)
    if as_json:
        say_json({"provider": provider, "removed": gone})
    elif gone:
        say(f"The key for {provider} is out of the keyring.")
    if not gone:
        complain(f"no key is saved for {provider!r}.", "`turnout key list` shows which there are.")
        raise typer.Exit(FAILED)
