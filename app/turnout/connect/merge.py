"""Taking our change out of a text that others have changed since, line by line, as a patch is taken back."""

from difflib import SequenceMatcher


def taken_back(before: str, ours: str, now: str) -> str | None:
    """`now` without what made `ours` of `before`; None where others changed the very lines that we had changed."""
    old, mid, new = (text.splitlines(keepends=True) for text in (before, ours, now))
    unchanged: dict[int, int] = {}
    for block in SequenceMatcher(None, mid, new, autojunk=False).get_matching_blocks():
        unchanged |= {block.a + offset: block.b + offset for offset in range(block.size)}
    lines = list(new)
    for tag, start, end, old_start, old_end in reversed(SequenceMatcher(None, mid, old, autojunk=False).get_opcodes()):
        if tag == "equal":
            continue
        at = _place(unchanged, start, end)
        if at is None:
            return None
        back = old[old_start:old_end]
        if back and not back[-1].endswith("\n") and at + end - start < len(lines):
            back[-1] += "\r\n" if "\r\n" in now else "\n"
        lines[at : at + end - start] = back
    return "".join(lines)


def _place(unchanged: dict[int, int], start: int, end: int) -> int | None:
    """Where lines `start` up to `end` of ours stand now; None: not together, or not all."""
    if start == end:
        above = unchanged.get(start - 1, -1) if start else -1
        return None if start and above < 0 else above + 1
    places = [unchanged.get(line) for line in range(start, end)]
    first = places[0]
    return first if first is not None and places == list(range(first, first + end - start)) else None
