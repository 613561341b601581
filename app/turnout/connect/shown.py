"""What an edit adds to a file, fit for a screen: our own text, and of the user's only that there is some (`…`). Pure.

A whole configuration may stand on one line, its owner's keys in it; and a line of theirs is new when all it got was a comma.
"""

import re
from collections import Counter
from difflib import SequenceMatcher

GAP = "…"
_TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|\s+|[{}\[\]:,=]|[^\s{}\[\]:,="]+|"')
_FRAME = re.compile(r"[\s{}\[\]:,=]*")


def added(before: str, after: str) -> list[str]:
    """The lines that are ours, or hold ours, in order. What stood before is never in them, whole or in part of a token."""
    old, new = before.splitlines(), after.splitlines()
    found: list[str] = []
    for tag, start, end, new_start, new_end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag in ("insert", "replace"):
            found += _ours("\n".join(old[start:end]), "\n".join(new[new_start:new_end]))
    return found


def _ours(old: str, new: str) -> list[str]:
    if not old:
        return new.split("\n")
    theirs, mixed = _TOKEN.findall(old), _TOKEN.findall(new)
    left = Counter(token for token in theirs if not _FRAME.fullmatch(token))
    kept = [""] * len(mixed)
    for block in SequenceMatcher(None, theirs, mixed, autojunk=False).get_matching_blocks():
        for number in range(block.b, block.b + block.size):
            kept[number] = GAP
            left[mixed[number]] -= 1
    for number, token in enumerate(mixed):
        # Whatever the comparison took for new, but its owner wrote as well, stays unshown.
        if not kept[number] and left[token] > 0:
            kept[number] = GAP
            left[token] -= 1
    _with_keys(mixed, kept)
    shown = "".join(
        token if not kept[number] or (token.isspace() and "\n" in token) else GAP for number, token in enumerate(mixed)
    )
    lines = (re.sub(rf"(?:{GAP}\s*)+", GAP, line).rstrip() for line in shown.split("\n"))
    return [line for line in lines if line.strip() and not (GAP in line and _FRAME.fullmatch(line.replace(GAP, "")))]


def _with_keys(tokens: list[str], kept: list[str]) -> None:
    """A new value is shown behind its key, old or not."""
    for number, token in enumerate(tokens):
        if kept[number] or _FRAME.fullmatch(token):
            continue
        at = number - 1
        while at > 0 and (tokens[at].isspace() or tokens[at] in (":", "=")):
            at -= 1
        if (
            at < number - 1
            and any(mark in tokens[at:number] for mark in (":", "="))
            and not _FRAME.fullmatch(tokens[at])
        ):
            kept[at:number] = [""] * (number - at)
