"""How much of an answer has streamed so far, for whoever watches: an estimate that costs nothing until it is asked for.

The fast lane passes bytes on unread, so what was said is found in them by the fields that carry it, chunk by chunk since the
last look; the settled row has the provider's own figures.
"""

import re

from turnout.proxy.exchange import Seen

_SAID = re.compile(
    rb'"(?:content|text|thinking|delta|arguments|partial_json|response|reasoning(?:_content)?)":\s?"((?:[^"\\]|\\.)*)"'
)
LETTERS_A_TOKEN = 4


class Meter:
    __slots__ = ("_at", "_letters", "_seen")

    def __init__(self, seen: Seen) -> None:
        self._seen = seen
        self._at = 0
        """Chunks that were counted."""
        self._letters = 0

    def tokens(self) -> int:
        seen = self._seen
        if seen.raw:
            for chunk in seen.raw[self._at :]:
                self._letters += sum(map(len, _SAID.findall(chunk)))
            self._at = len(seen.raw)
            # Of a very long stream only the beginning is kept; the rest is taken to be like it.
            letters = self._letters * max(seen.size, seen.raw_size) // max(1, seen.raw_size)
        else:
            self._letters += sum(map(len, seen.text[self._at :]))
            self._at = len(seen.text)
            letters = self._letters
        return -(-letters // LETTERS_A_TOKEN)
