"""What calls teach: how long answers get (for holds and likely cost), and which window each local model is pinned to."""

from collections import OrderedDict

from turnout.calls.units import Tokens

_KEPT = 2_000
_SAMPLES = 64
WINDOWS = (8_192, 16_384, 32_768, 65_536, 131_072, 262_144)


class Learned:
    """p95 and ceiling of output per client and model, from the last 64 answers; a window per local model that only grows."""

    def __init__(self) -> None:
        self._outputs: OrderedDict[tuple[str, str], list[int]] = OrderedDict()
        self._windows: dict[str, int] = {}

    def answered(self, client: str, model: str, output: int) -> None:
        if output <= 0:
            return
        kept = self._outputs.setdefault((client, model), [])
        kept.append(output)
        if len(kept) > _SAMPLES:
            del kept[0]
        self._outputs.move_to_end((client, model))
        if len(self._outputs) > _KEPT:
            self._outputs.popitem(last=False)

    def likely_output(self, client: str, model: str = "") -> Tokens:
        """p95, or 1,000 before there is anything to learn from."""
        samples = self._of(client, model)
        if not samples:
            return Tokens(1_000)
        ordered = sorted(samples)
        return Tokens(ordered[min(len(ordered) - 1, (len(ordered) * 95) // 100)])

    def ceiling_output(self, client: str, model: str = "") -> Tokens:
        """Held when the client sends no limit: twice the longest seen, between 4,096 and 32,768."""
        samples = self._of(client, model)
        return Tokens(min(32_768, max(4_096, 2 * max(samples)))) if samples else Tokens(8_192)

    def _of(self, client: str, model: str) -> list[int]:
        if model:
            return self._outputs.get((client, model), [])
        return [n for (who, _), kept in self._outputs.items() if who == client for n in kept]

    def window(self, model: str, need: int, trained: int | None) -> int:
        """`num_ctx` for a local model: every change reloads it and loses its prefix cache, so one size serves all clients
        and grows only when a prompt would not fit. Never past what the model was trained for."""
        size = next((w for w in WINDOWS if w >= need), WINDOWS[-1])
        size = max(size, self._windows.get(model, 0))
        if trained:
            size = min(size, trained)
        self._windows[model] = size
        return size
