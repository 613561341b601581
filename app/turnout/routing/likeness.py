"""Whether two asks say the same. An agent's nudge differs from its last one in a counter or a path; a person's new ask differs in words.

A sketch keeps the 64 smallest hashes of the ask's word pairs (letter triples for a few words): 256 bytes, no text. Up to 64
pairs the likeness is exact, above it a good estimate (Broder's bottom-k; standard error about 0.06 at 0.7).
"""

import re
from array import array
from dataclasses import dataclass
from itertools import pairwise
from zlib import crc32

KEPT = 64
LIKE = 0.7
"""Share of common shingles from which two asks count as the same. One changed word in a sentence of ten leaves 0.64, in 15 0.75."""
_LONGEST = 6_000
_WORD = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True, slots=True)
class Sketch:
    hashes: "array[int]"
    size: int
    """How many different shingles the ask had."""


def sketch(ask: str) -> Sketch:
    """Digits, punctuation and case do not count; of a very long ask the two ends do."""
    text = ask if len(ask) <= _LONGEST else ask[: _LONGEST // 2] + ask[-_LONGEST // 2 :]
    words = _WORD.findall(text.lower())
    if len(words) >= 8:
        shingles = {f"{one} {two}" for one, two in pairwise(words)}
    else:
        joined = " ".join(words)
        shingles = {joined[at : at + 3] for at in range(max(1, len(joined) - 2))} if joined else set()
    hashes = sorted({crc32(one.encode("utf-8", "surrogatepass")) for one in shingles})
    return Sketch(array("I", hashes[:KEPT]), len(hashes))


def likeness(one: Sketch, other: Sketch) -> float:
    """Jaccard, 0 to 1; two asks without a word are alike."""
    if not one.size and not other.size:
        return 1.0
    mine, theirs = set(one.hashes), set(other.hashes)
    union = sorted(mine | theirs)[:KEPT] if max(one.size, other.size) > KEPT else mine | theirs
    if not union:
        return 0.0
    return sum(1 for value in union if value in mine and value in theirs) / len(union)


def alike(one: Sketch, other: Sketch) -> bool:
    return likeness(one, other) >= LIKE
