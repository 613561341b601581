"""What the grader sees of an ask: dense features for calibration and audit, sparse keys for the grade.

The words of the *instruction* say what kind of work is asked; the payload under it (an article, a log, a file) is
mostly noise. So the few sentences that look like the request are found first, and only a bounded view of a long text
is read (head and tail): the cost of 200 KB is the cost of 2.4 KB plus a few counts at C speed. One pass over the
tokens; word classes come from one dict.
"""

import math
import re
from dataclasses import dataclass
from itertools import pairwise

from turnout.routing.lexicon import CLASS_NAMES, CLASSES, LEADS

_HEAD, _TAIL = 1_600, 800
_TOKENS = 520
_PICKED = 4
"""Sentences taken as the instruction."""
_LONG_SENTENCE = 48
"""Tokens; a longer one is payload more often than not."""

_TOKEN = re.compile(r"[a-z][a-z'_+#-]*|\d+|\n+|[^\sa-z\d]")
_CODE_LINE = re.compile(
    r"^[ \t]*(?:def |class |import |from \w+ import|return\b|const |let |var |func |fn |pub |public |private |static |"
    r"#include|SELECT |select |elif |else:|for \(|if \(|while \(|package |using |@\w+|</?\w+>|\}|//|/\*)|[;{}][ \t]*$",
    re.MULTILINE,
)
_OPTION_LINE = re.compile(r"^[ \t]*[(\[]?[A-Ea-e1-5][.):\]][ \t]*\S", re.MULTILINE)
_BULLET_LINE = re.compile(r"^[ \t]*(?:[-*•]|\d{1,2}[.)])[ \t]", re.MULTILINE)
_SPEAKER_LINE = re.compile(r"^[ \t]*#?[A-Z][\w.]{0,18}#?:[ \t]", re.MULTILINE)
_LATEX = re.compile(r"\\[a-zA-Z]+|\$[^$\n]{1,80}\$|[a-z0-9)]\^[a-z0-9({]")
_TRACE = re.compile(r"Traceback|Exception|\w+Error\b|error[:\[]|panic:|segfault|at \w+\.\w+\(|FAILED|stack ?trace")
_CAMEL = re.compile(r"[a-z]{2,}[A-Z][a-z]|[a-z]{2,}_[a-z]{2,}|\w\(\)")
_ARITHMETIC = re.compile(r"\d\s*[-+*/×÷=^]\s*\(?[\dx-z]|[=<>≤≥]")

CLASS_COUNT = len(CLASS_NAMES)
_SHAPE_NAMES = (
    "log_length",
    "length",
    "log_lines",
    "ends_asking",
    "ends_colon",
    "questions",
    "digits",
    "capitals",
    "under_60",
    "under_150",
    "over_1500",
    "over_5000",
    "word_length",
    "distinct_words",
    "fenced",
    "code_lines",
    "option_lines",
    "bullet_lines",
    "speaker_lines",
    "latex",
    "trace",
    "identifiers",
    "arithmetic",
    "quotes",
    "link",
    "other_script",
    "instruction_share",
    "instruction_words",
    "numbers_in_instruction",
)
FEATURE_NAMES: tuple[str, ...] = (*_SHAPE_NAMES, *(f"asks_{name}" for name in CLASS_NAMES))
"""In the order of `Features.dense`; a stored row is read by these names."""


@dataclass(frozen=True, slots=True)
class Features:
    dense: tuple[float, ...]
    """Of `FEATURE_NAMES`. No text can be read back from them."""
    keys: tuple[str, ...]
    """Sparse: words, pairs and classes of the instruction. Holds words of the prompt: never stored, logged or shown."""
    classes: tuple[int, ...]
    """Word classes of the instruction, by index into `CLASS_NAMES`."""


def view(text: str) -> str:
    """What is read of a text: all of a short one, head and tail of a long one."""
    return text if len(text) <= _HEAD + _TAIL else f"{text[:_HEAD]}\n{text[-_TAIL:]}"


def features(text: str) -> Features:
    seen = view(text)
    fenced = seen.count("```")
    prose = "\n".join(seen.split("```")[::2]) if fenced else seen
    tokens: list[str] = _TOKEN.findall(prose.lower())[:_TOKENS] if len(prose) > 40 or not fenced else []
    if not tokens:
        tokens = _TOKEN.findall(seen.lower())[:_TOKENS]
    picked, words = _instruction(tokens)
    counts = [0] * CLASS_COUNT
    numbers = 0
    for sentence in picked:
        for token in sentence:
            for index in CLASSES.get(token, ()):
                counts[index] += 1
            if token == "0":  # noqa: S105  a digit
                numbers += 1
    taken = sum(map(len, picked))
    code_lines = len(_CODE_LINE.findall(seen))
    shape = _shape(text, seen, tokens, words, fenced, code_lines)
    dense = (
        *shape,
        taken / (1 + words),
        math.log1p(taken),
        math.log1p(numbers),
        *(min(3.0, float(count)) for count in counts),
    )
    present = tuple(index for index, count in enumerate(counts) if count)
    return Features(dense, _keys(tokens, picked, present, _payload(dense)), present)


def _shape(text: str, seen: str, tokens: list[str], words: int, fenced: int, code_lines: int) -> tuple[float, ...]:
    length, size = len(text), 1 + len(seen)
    stripped = text[-80:].rstrip()
    return (
        math.log1p(length),
        min(length, 24_000) / 2_000,
        math.log1p(text.count("\n")),
        float(stripped.endswith(("?", "？"))),
        float(stripped.endswith((":", "："))),
        min(3.0, float(seen.count("?"))),
        sum(map(seen.count, "0123456789")) / size,
        sum(map(str.isupper, seen[:400])) / (1 + min(len(seen), 400)),
        float(length < 60),
        float(length < 150),
        float(length > 1_500),
        float(length > 5_000),
        sum(map(len, tokens)) / (1 + len(tokens)) / 5,
        len(set(tokens)) / (1 + len(tokens)),
        min(2.0, fenced / 2),
        min(4.0, math.log1p(code_lines)),
        min(3.0, math.log1p(len(_OPTION_LINE.findall(seen)))),
        min(3.0, math.log1p(len(_BULLET_LINE.findall(seen)))),
        min(3.0, math.log1p(len(_SPEAKER_LINE.findall(seen)))),
        min(3.0, math.log1p(len(_LATEX.findall(seen)))),
        min(3.0, math.log1p(len(_TRACE.findall(seen)))),
        min(3.0, math.log1p(len(_CAMEL.findall(seen)))),
        min(3.0, math.log1p(len(_ARITHMETIC.findall(seen)))),
        min(3.0, math.log1p(seen.count('"') // 2)),
        float("://" in seen),
        _other_script(seen),
    )


def _other_script(seen: str) -> float:
    """The share of characters beyond Latin: their words are one sign each."""
    sample = seen[:200]
    return 0.0 if sample.isascii() else sum(sign > "\u02ff" for sign in sample) / len(sample)


def _instruction(tokens: list[str]) -> tuple[list[list[str]], int]:
    """The few sentences that look like the request, in order, numbers as "0"; and how many tokens there were."""
    sentences: list[list[str]] = []
    marks: list[str] = []
    current: list[str] = []
    for token in tokens:
        if token in _STOPS or token[0] == "\n":
            if current:
                sentences.append(current)
                marks.append(token)
                current = []
        else:
            current.append("0" if token.isdigit() else token)
    if current:
        sentences.append(current)
        marks.append("")
    words = sum(map(len, sentences))
    if len(sentences) <= _PICKED:
        return sentences, words
    last = len(sentences) - 1
    ranked: list[tuple[float, int]] = []
    for index, sentence in enumerate(sentences):
        rank = 0.0
        if sentence[0] in LEADS:
            rank += 2
        elif not LEADS.isdisjoint(sentence[1:4]):
            rank += 0.5
        mark = marks[index]
        if mark == "?":
            rank += 1.5
        elif mark == ":":
            rank += 0.7
        if index in (0, last):
            rank += 1.3
        elif index in (1, last - 1):
            rank += 0.4
        if len(sentence) > _LONG_SENTENCE:
            rank -= 0.8
        elif len(sentence) < 2:
            rank -= 0.5
        ranked.append((-rank, index))
    ranked.sort()
    return [sentences[index][:_LONG_SENTENCE] for index in sorted(index for _, index in ranked[:_PICKED])], words


_STOPS = frozenset(".?!:。？！：；")


def _payload(dense: tuple[float, ...]) -> str:
    """What stands beside the instruction, in one letter: code, options, dialogue, formulas, long text or nothing."""
    if dense[15] > 1.2 or dense[14]:
        return "c"
    if dense[16] > 1.0:
        return "o"
    if dense[18] > 1.2:
        return "d"
    if dense[19] > 0.6:
        return "m"
    if dense[26] < 0.35:
        return "l"
    return "s"


def _keys(tokens: list[str], picked: list[list[str]], classes: tuple[int, ...], payload: str) -> tuple[str, ...]:
    keys: set[str] = {"p" + payload}
    for sentence in picked:
        keys.update(sentence)
        keys.update(map(" ".join, pairwise(sentence)))
    if picked:
        first, last = picked[0], picked[-1]
        keys.add("1 " + first[0])
        keys.add("1 " + " ".join(first[:2]))
        keys.add("1 " + " ".join(first[:3]))
        keys.add("9 " + last[-1])
    for position, one in enumerate(classes):
        keys.add(f"C{one}{payload}")
        for other in classes[position + 1 :]:
            keys.add(f"C{one}+{other}")
    keys.update(["w " + token for token in tokens if len(token) > 2 and token[0] != "\n"])
    return tuple(keys)
