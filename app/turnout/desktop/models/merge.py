"""Two edits of one text brought together line by line, as version control does it; None where they touch each other."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class _Edit:
    """Lines `start` to `end` of the base become `lines`."""

    start: int
    end: int
    lines: tuple[str, ...]


def merged(base: str, mine: str, theirs: str) -> str | None:
    """`base` with both edits; edits of neighbouring lines count as touching, for order would be a guess."""
    if mine == theirs or theirs == base:
        return mine
    if mine == base:
        return theirs
    lines = _lines(base)
    ours, others = _edits(lines, _lines(mine)), _edits(lines, _lines(theirs))
    both = sorted({*ours, *others}, key=lambda edit: (edit.start, edit.end))
    for before, after in pairwise(both):
        if after.start <= before.end and (before in ours) != (after in ours):
            return None
        if after.start < before.end:
            return None
    made, at = [], 0
    for edit in both:
        made += lines[at : edit.start]
        made += edit.lines
        at = edit.end
    return "".join(made + lines[at:])


def _edits(base: Sequence[str], text: Sequence[str]) -> list[_Edit]:
    matcher = SequenceMatcher(None, base, text, autojunk=False)
    return [_Edit(i1, i2, tuple(text[j1:j2])) for what, i1, i2, j1, j2 in matcher.get_opcodes() if what != "equal"]


def _lines(text: str) -> list[str]:
    return re.findall(r"[^\n]*\n|[^\n]+", text)
