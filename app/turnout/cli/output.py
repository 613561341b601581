"""What commands print: plain text in columns, or one JSON object. Nothing here knows what it prints."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from turnout.errors import (
    BadRequestError,
    ControlError,
    MethodError,
    Refusal,
    SettingsError,
    TurnoutError,
)

DONE, FAILED, USAGE, REFUSED, UNREACHABLE = 0, 1, 2, 3, 4
_BAD_INPUT = {"turnout_bad_request", "turnout_settings", "turnout_too_large", "turnout_method"}
_REFUSALS = {"turnout_budget", "turnout_loop", "turnout_policy", "turnout_ledger"}


def exit_code(error: TurnoutError) -> int:
    if isinstance(error, ControlError):
        if not error.refused:
            return UNREACHABLE
        return USAGE if error.answer_code in _BAD_INPUT else REFUSED if error.answer_code in _REFUSALS else FAILED
    if isinstance(error, SettingsError | BadRequestError | MethodError):
        return USAGE
    return REFUSED if isinstance(error, Refusal) else FAILED


def complain(message: str, hint: str = "") -> None:
    print(f"turnout: {message}", file=sys.stderr)
    if hint:
        print(f"  {hint}", file=sys.stderr)


def say(*lines: str) -> None:
    for line in lines:
        print(_plain(line))


def say_json(doc: Mapping[str, object]) -> None:
    print(json.dumps(doc, ensure_ascii=not _is_utf8()))


def _is_utf8() -> bool:
    return (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"


def _plain(text: str) -> str:
    """Control characters in names of clients and models never reach a terminal: they could repaint it."""
    clean = "".join(c if c.isprintable() or c == "\t" else "?" for c in text)
    return clean if _is_utf8() else clean.encode("ascii", "replace").decode()


def table(head: Sequence[str], rows: Iterable[Sequence[str]], right: Iterable[int] = ()) -> list[str]:
    """Columns under their heads, those numbered in `right` flush right."""
    lines = [[str(cell) for cell in row] for row in (head, *rows)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(head))]
    flush = set(right)
    return [
        "  ".join(
            cell.rjust(widths[at]) if at in flush else cell.ljust(widths[at]) for at, cell in enumerate(line)
        ).rstrip()
        for line in lines
    ]


def rfc3339(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at_ms % 1000:03d}Z"


def clock(at_ms: int) -> str:
    """For people: the machine's own time."""
    return datetime.fromtimestamp(at_ms / 1000).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def dollars(text: str) -> str:
    """A decimal string for people: two digits, or the first two that say something."""
    value = float(text or 0)
    if value == 0:
        return "$0.00"
    digits = next((digits for least, digits in ((0.1, 2), (0.001, 4), (0.00001, 6)) if abs(value) >= least), 9)
    return f"-${-value:.{digits}f}" if value < 0 else f"${value:.{digits}f}"


def short(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"
