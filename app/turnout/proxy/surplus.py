"""Attempts beyond one a call, in proportion: in a storm of 429 and 529 a second try for every call would double it (I08).

A fifth of the calls of the last minute may be tried once more, and ten in any case: what is one call's fallback while all is
well must not become everybody's when nothing is.
"""

from collections import deque

WITHIN_S = 60.0
SHARE = 5
LEAST = 10


class Surplus:
    def __init__(self) -> None:
        self._seconds: deque[list[int]] = deque()
        """[second, calls offered in it, attempts beyond them]"""
        self._present = [-1, 0, 0]

    def offered(self, now_s: float) -> None:
        present = self._present
        if present[0] != int(now_s):
            present = self._begun(int(now_s))
        present[1] += 1

    def take(self, now_s: float) -> bool:
        """Whether one more attempt may be made; it counts then."""
        present = self._present if self._present[0] == int(now_s) else self._begun(int(now_s))
        calls = sum(one[1] for one in self._seconds)
        if sum(one[2] for one in self._seconds) >= max(LEAST, calls // SHARE):
            return False
        present[2] += 1
        return True

    def _begun(self, second: int) -> list[int]:
        """A second, and what is too old by then gone."""
        while self._seconds and self._seconds[0][0] <= second - WITHIN_S:
            self._seconds.popleft()
        self._present = [second, 0, 0]
        self._seconds.append(self._present)
        return self._present
