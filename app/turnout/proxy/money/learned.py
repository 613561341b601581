"""What calls teach: how long answers get (for holds and likely cost), and which window each local model is pinned to."""

from bisect import bisect_left, insort
from collections import OrderedDict, deque
from collections.abc import Callable

from turnout.calls.units import Tokens

SMALLEST_WINDOW = 4_096
"""Ollama's own, where nobody names one and there is little video memory; whatever the model was trained for."""
ROOM = 1_024
"""Of it that an answer may need."""
_KEPT = 2_000
_SAMPLES = 64
_UNKNOWN = Tokens(1_000), Tokens(8_192)
_LEAST, _MOST = Tokens(4_096), Tokens(32_768)
WINDOWS = (8_192, 16_384, 32_768, 65_536, 131_072, 262_144)


class Learned:
    """p95 and ceiling of output per client and model, from the last 64 answers; a window per local model that only grows."""

    def __init__(self) -> None:
        self._outputs: OrderedDict[tuple[str, str], deque[int]] = OrderedDict()
        self._ordered: dict[str, list[int]] = {}
        """Client -> what is kept of all its models, in order: an answer finds its place there, and nothing is sorted on a call."""
        self._windows: dict[str, int] = {}
        self._kept: OrderedDict[tuple[str, str], Tokens] = OrderedDict()
        """(client, model) -> the last prompt to which the vendor added what it keeps."""

    def answered(self, client: str, model: str, output: int) -> None:
        if output <= 0:
            return
        key = (client, model)
        kept = self._outputs.get(key)
        if kept is None:
            kept = self._outputs[key] = deque()
            if len(self._outputs) > _KEPT:
                self._forget()
        else:
            self._outputs.move_to_end(key)
        ordered = self._ordered.get(client)
        if ordered is None:
            ordered = self._ordered[client] = []
        kept.append(output)
        insort(ordered, output)
        if len(kept) > _SAMPLES:
            del ordered[bisect_left(ordered, kept.popleft())]

    def _forget(self) -> None:
        """What nobody asked for the longest."""
        (client, _), kept = self._outputs.popitem(last=False)
        ordered = self._ordered[client]
        for output in kept:
            del ordered[bisect_left(ordered, output)]
        if not ordered:
            del self._ordered[client]

    def outputs(self, client: str) -> tuple[Tokens, Tokens]:
        """How long this client's answers get. Likely: p95, or 1,000 before there is anything to learn from. At most, held when the
        client sends no limit: twice the longest seen, between 4,096 and 32,768."""
        ordered = self._ordered.get(client)
        if ordered is None:
            return _UNKNOWN
        most = 2 * ordered[-1]
        ceiling = _LEAST if most < _LEAST else _MOST if most > _MOST else Tokens(most)
        return Tokens(ordered[len(ordered) * 95 // 100]), ceiling

    def continues(self, client: str, model: str, prompt: Tokens) -> None:
        """A call went on from what the vendor keeps (`Outline.extras`), and was billed for so long a prompt."""
        self._kept[client, model] = prompt
        self._kept.move_to_end((client, model))
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)

    def continued(self, client: str, expected: Callable[[str], Tokens]) -> Callable[[str], Tokens]:
        """What such a call of the client is held at by model: what it sends, and as much as the one before it was billed for."""
        return lambda model: Tokens(expected(model) + self._kept.get((client, model), 0))

    def window(self, model: str, need: int, trained: int | None) -> int:
        """`num_ctx` for a local model: every change reloads it and loses its prefix cache, so one size serves all clients
        and grows only when a prompt would not fit. Never past what the model was trained for."""
        size = next((w for w in WINDOWS if w >= need), WINDOWS[-1])
        size = max(size, self._windows.get(model, 0))
        if trained:
            size = min(size, trained)
        self._windows[model] = size
        return size
