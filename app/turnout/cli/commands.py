"""All commands under one name, and what becomes of their errors."""

import errno
import os
import sys
from typing import Annotated

import typer

from turnout.cli import (
    audits,
    budgets,
    clients,
    connecting,
    exporting,
    grading,
    keyring,
    ledger,
    models,
    prices,
    rules,
    serving,
    spending,
)
from turnout.cli.output import FAILED, complain, exit_code, say
from turnout.errors import TurnoutError

app = typer.Typer(
    name="turnout",
    help="Routes every LLM call down the right track - high, fast or local - under hard budgets.",
    no_args_is_help=False,
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for module in (
    serving,
    clients,
    keyring,
    connecting,
    rules,
    ledger,
    audits,
    spending,
    exporting,
    budgets,
    grading,
    models,
    prices,
):
    module.register(app)


@app.callback(invoke_without_command=True)
def tray(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="The version, and nothing else.")] = False,
    window: Annotated[bool, typer.Option("--window", help="Open the window at once.")] = False,
) -> None:
    """Without a command: the tray and window; starts the proxy or attaches to a running one."""
    if context.invoked_subcommand is not None:
        return
    if version:
        from turnout import __version__

        say(__version__)
        return
    serving.desktop(window=window)


def run(args: list[str]) -> int:
    try:
        app(args, prog_name="turnout", standalone_mode=True)
    except SystemExit as left:
        return left.code if isinstance(left.code, int) else FAILED
    except KeyboardInterrupt:
        return 130
    except Exception as error:  # noqa: BLE001  boundary of the process: an error is a message and an exit code
        return ended(error)
    return 0


def ended(error: Exception) -> int:
    """Says what went wrong; the exit code."""
    if isinstance(error, TurnoutError):
        complain(error.message, error.hint)
        return exit_code(error)
    if isinstance(error, OSError):
        if error.errno == errno.EPIPE:
            # Whoever read us (`| head`) has enough; the interpreter's own flush at exit must not complain either.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return FAILED
        complain(f"{error.strerror or type(error).__name__}: {error.filename or ''}".rstrip(": "))
        return FAILED
    if os.environ.get("TURNOUT_DEBUG"):
        raise error
    complain(f"an error of Turnout's own ({type(error).__name__}).", "Set TURNOUT_DEBUG=1 to see where, and report it.")
    return FAILED
