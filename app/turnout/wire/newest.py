"""Values worth keeping between calls, the newest of them: bounded by the bytes they hold together. For one thread."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Newest(Generic[T]):
    """At most `limit` bytes in all, as whoever puts a value in measures it; what takes more than a quarter of that alone is not kept."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept: OrderedDict[Hashable, tuple[T, int]] = OrderedDict()
        self.size = 0

    def get(self, key: Hashable) -> T | None:
        found = self._kept.get(key)
        if found is None:
            return None
        self._kept.move_to_end(key)
        return found[0]

    def newest(self) -> list[T]:
        """The last put first."""
        return [value for value, _ in reversed(self._kept.values())]

    def put(self, key: Hashable, value: T, size: int) -> None:
        """In the place of what the key held before."""
        _, before = self._kept.pop(key, (value, 0))
        self.size -= before
        if size > self._limit // 4:
            return
        self._kept[key] = value, size
        self.size += size
        while self.size > self._limit:
            _, (_, oldest) = self._kept.popitem(last=False)
            self.size -= oldest
