"""The command line. Every command's module loads what it needs when it runs: starting up is what a user waits for most.

Exit codes: 0 done, 1 failed, 2 wrong usage or bad file, 3 refused by a budget or rule, 4 proxy not reachable.
"""

import sys


def main(args: list[str] | None = None) -> None:
    """Ends the process; an error is a message and a hint on stderr, never a traceback."""
    from turnout.cli.commands import run

    sys.exit(run(sys.argv[1:] if args is None else args))
