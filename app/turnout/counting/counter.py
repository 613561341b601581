"""Text to tokens behind one small class: tiktoken's o200k, its ranks shipped, every message counted once.

tiktoken itself would fetch its ranks from the network; here they come from `resources/`. A repeated message costs a dictionary
look-up: 0.04 ms for a 200 KB body of which one message is new, against 6-20 ms for counting all of it.
"""

import base64
import gzip
import threading
from collections import OrderedDict
from collections.abc import Sequence
from itertools import compress, repeat
from operator import is_
from sys import intern
from typing import TYPE_CHECKING

from turnout.calls.units import Tokens
from turnout.resources import resource

if TYPE_CHECKING:
    import tiktoken

NOW_LIMIT = 24_000
"""Characters of new text counted on the event loop (some 2 ms); more goes to a thread."""
_KEPT_CHARACTERS = 16_000_000
"""Some eighty conversations of 200 KB; in memory a text takes one to four bytes a character."""
_PIECE = 16_000
"""Longer texts are counted in pieces: one run of 200 KB without a break takes the tokenizer minutes, for it merges pairwise."""
_PATTERN = "|".join(
    (
        r"""[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?""",
        r"""[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?""",
        r"""\p{N}{1,3}""",
        r""" ?[^\s\p{L}\p{N}]+[\r\n/]*""",
        r"""\s*[\r\n]+""",
        r"""\s+(?!\S)""",
        r"""\s+""",
    )
)


def load_encoding() -> "tiktoken.Encoding":
    """o200k_base from the shipped ranks; some 0.4 s, no network."""
    import tiktoken

    with gzip.open(resource("encodings", "o200k_base.tiktoken.gz")) as file:
        ranks = {base64.b64decode(token): int(rank) for token, rank in (line.split() for line in file)}
    encoding = tiktoken.Encoding(
        name="o200k_base",
        pat_str=_PATTERN,
        mergeable_ranks=ranks,
        special_tokens={"<|endoftext|>": 199_999, "<|endofprompt|>": 200_018},
    )
    # It counts with the copies its compiled core has made; this one, 24 MB, it would keep only to be copied or pickled itself.
    ranks.clear()
    return encoding


class Counter:
    """Safe from any thread. The ranks are loaded by the first `count_slow`, or by `warm`."""

    def __init__(self) -> None:
        self._encoding: tiktoken.Encoding | None = None
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, int] = OrderedDict()
        self._characters = 0

    @property
    def ready(self) -> bool:
        return self._encoding is not None

    def warm(self) -> None:
        with self._lock:
            if self._encoding is None:
                self._encoding = load_encoding()

    def count_now(self, texts: Sequence[str]) -> Tokens | None:
        """None when that would take the caller too long: much new text, or the ranks are not loaded."""
        known, new = self._known(texts)
        if not new:
            return Tokens(known)
        if self._encoding is None or sum(map(len, new)) > NOW_LIMIT:
            return None
        return Tokens(known + self._count_new(new))

    def count_slow(self, texts: Sequence[str]) -> Tokens:
        """For a thread: tiktoken releases the GIL while it counts."""
        self.warm()
        known, new = self._known(texts)
        return Tokens(known + self._count_new(new))

    def _known(self, texts: Sequence[str]) -> tuple[int, list[str]]:
        """The tokens of what was counted before, and the texts that were not.

        One look-up each, for other threads count too; and no step in Python for each of a history's messages (2,285 instructions
        before, 60 after for 150 of them; call_bench --steps).
        """
        counts = list(map(self._kept.get, texts))
        if None not in counts:
            return sum(filter(None, counts)), []
        return sum(filter(None, counts)), list(compress(texts, map(is_, counts, repeat(None))))

    def _count_new(self, texts: Sequence[str]) -> int:
        encoding = self._encoding
        assert encoding is not None
        total = 0
        for text in texts:
            count = _count(encoding, text)
            total += count
            with self._lock:
                if text not in self._kept:
                    self._characters += len(text)
                self._kept[intern(text)] = count
                while self._characters > _KEPT_CHARACTERS:
                    old, _ = self._kept.popitem(last=False)
                    self._characters -= len(old)
        return total


def _count(encoding: "tiktoken.Encoding", text: str) -> int:
    """Pieces are cut at a blank where there is one near: a cut costs at most a token."""
    if len(text) <= _PIECE:
        return len(encoding.encode_ordinary(text)) if _breaks(text) else _unbroken(encoding, text)
    total, start = 0, 0
    while start < len(text):
        end = min(start + _PIECE, len(text))
        if end < len(text):
            blank = text.rfind(" ", start + _PIECE // 2, end)
            end = blank if blank > start else end
        piece = text[start:end]
        total += len(encoding.encode_ordinary(piece)) if _breaks(piece) else _unbroken(encoding, piece)
        start = end
    return total


def _breaks(text: str) -> bool:
    """False for long runs without a blank (base64, minified code, one letter): those are counted in short pieces."""
    return len(text) < 2_000 or len(text) < 400 * (text.count(" ") + text.count("\n") + 1)


def _unbroken(encoding: "tiktoken.Encoding", text: str) -> int:
    return sum(len(encoding.encode_ordinary(text[i : i + 1_000])) for i in range(0, len(text), 1_000))


def bytes_bound(texts: Sequence[str]) -> Tokens:
    """More tokens than any text has in practice: a third of its characters, all of those beyond ASCII."""
    total = 0
    for text in texts:
        total += len(text) // 3 + 1 if text.isascii() else len(text)
    return Tokens(total)
