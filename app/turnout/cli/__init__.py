"""The command line. Every command's module loads what it needs when it runs: starting up is what a user waits for most.

Exit codes: 0 done, 1 failed, 2 wrong usage or bad file, 3 refused by a budget or rule, 4 proxy not reachable.
"""

import sys
from dataclasses import dataclass


def main(args: list[str] | None = None) -> None:
    """Ends the process; an error is a message and a hint on stderr, never a traceback."""
    given = sys.argv[1:] if args is None else args
    plain = _plain_serve(given)
    if plain is not None:
        from turnout.proxy.server import serve
        from turnout.settings.paths import paths

        sys.exit(serve(paths(), port=plain.port, host=plain.host, parent_stdin=plain.parent_stdin))
    if given in ([], ["--window"]):
        code = _plain_tray(window=bool(given))
        if code is not None:
            sys.exit(code)
    from turnout.cli.commands import run

    sys.exit(run(given))


def _plain_tray(*, window: bool) -> int | None:
    """The tray without the command line's modules: it stays for days, and they are 12 MB. None: there can be none here, and
    the command says why."""
    from turnout.cli.reach import has_screen

    if not has_screen():
        return None
    try:
        from turnout.desktop.door import enter

        run = enter()
    except ImportError:
        return None
    try:
        return run(home=None, window=window)
    except Exception as error:  # noqa: BLE001  boundary of the process, as in `commands.run`
        from turnout.cli.commands import ended

        return ended(error)


@dataclass
class _Serve:
    port: int | None = None
    host: str | None = None
    parent_stdin: bool = False


def _plain_serve(args: list[str]) -> _Serve | None:
    """`serve` with nothing unusual about it, which then lives without the command line's modules: 8 MB and 60 ms less.

    None: anything else; the real parser judges it.
    """
    if args[:1] != ["serve"]:
        return None
    found = _Serve()
    rest = iter([part for arg in args[1:] for part in (arg.split("=", 1) if arg.startswith("--") else [arg])])
    for arg in rest:
        if arg == "--parent-stdin":
            found.parent_stdin = True
            continue
        value = next(rest, "")
        if arg == "--port" and value.isascii() and value.isdigit() and len(value) <= 5 and int(value) <= 65_535:
            found.port = int(value)
        elif arg == "--host" and value and not value.startswith("-"):
            found.host = value
        else:
            return None
    return found
