"""The wordings and what fills their slots, read from `wordings.txt` and `slots.txt` beside this file."""

import re
from dataclasses import dataclass
from pathlib import Path

_ESCAPED = re.compile(r"\\(.)")
HERE = Path(__file__).parent
GRADES = ("LOW", "MEDIUM", "HIGH")


@dataclass(frozen=True, slots=True)
class Family:
    name: str
    grade: str
    wordings: tuple[str, ...]
    payloads: tuple[str, ...] = ()
    """Material laid beside the instruction; empty: the instruction stands alone."""
    bare: float = 0.0
    """How often the instruction comes without material all the same ("explain this")."""
    casual: bool = True
    """People say it in lower case, with please and slips."""
    share: float = 1.0


def families() -> list[Family]:
    found: list[Family] = []
    for block in _blocks("wordings.txt"):
        name, grade, *options = block[0].split()
        given = dict(option.split("=", 1) for option in options)
        if grade not in GRADES:
            raise ValueError(f"{name}: {grade} is no grade")
        found.append(
            Family(
                name.strip("[]"),
                grade,
                tuple(map(_plain, block[1:])),
                tuple(filter(None, given.get("payloads", "").split(","))),
                float(given.get("bare", 0)),
                given.get("casual") != "no",
                float(given.get("share", 1)),
            )
        )
    return found


def slots() -> dict[str, tuple[str, ...]]:
    return {block[0]: tuple(map(_plain, block[1:])) for block in _blocks("slots.txt")}


def _plain(line: str) -> str:
    return _ESCAPED.sub(lambda found: "\n" if found[1] == "n" else found[1], line)


def _blocks(file: str) -> list[list[str]]:
    """Runs of lines between empty lines, comments left out."""
    text = (HERE / file).read_text(encoding="utf-8")
    kept = "\n".join(line for line in text.splitlines() if not line.startswith(";;"))
    return [block.splitlines() for block in kept.strip("\n").split("\n\n") if block.strip()]
