"""What the grader sees of an ask: dense features for calibration and audit, sparse keys for the grade.

The words of the *instruction* say what kind of work is asked; the payload under it (an article, a log, a file) is
mostly noise. So the few sentences that look like the request are found first, and only a bounded view of a long text
is read (head and tail): the cost of 200 KB is the cost of 2.4 KB plus a few counts at C speed. One pass over the
tokens; word classes come from one dict.
"""

import math
import re
import string
from dataclasses import dataclass
from itertools import pairwise

from turnout.routing.lexicon import CLASS_NAMES, CLASSES, LEADS, WEAK_LEADS
from turnout.routing.tongues import english, english_signs

_HEAD, _TAIL = 1_600, 800
_TOKENS = 520
_SIGNS_READ = 480
_PICKED = 4
"""Sentences taken as the instruction."""
_CLOSE = 2.2
"""A sentence that looks less like a request than the best one by more than this is payload, taken or not."""
_LONG_SENTENCE = 48
"""Tokens; a longer one is payload more often than not."""

_LETTERS = "a-z\u00df-\u00f6\u00f8-\u024f\u0400-\u04ff"
"""Latin with its accents, and Cyrillic."""
_TOKEN = re.compile(rf"[{_LETTERS}][{_LETTERS}'_+#-]*|\d+|\n+|[^\s{_LETTERS}\d]")
_OPTION = re.compile(r"[(\[]?[A-Ea-e1-5][.):\]][ \t]*\S")
_NUMBERED = re.compile(r"\d{1,2}[.)][ \t]")
_SPEAKER = re.compile(r"#?[A-Z][\w.]{0,18}#?:[ \t]")
_LATEX = re.compile(r"\\[a-zA-Z]+|\$[^$\n]{1,80}\$|[a-z0-9)]\^[a-z0-9({]")
_CAPITALS = string.ascii_uppercase.encode()
_CAMEL = re.compile(r"[a-z][A-Z]")
_LINES = 150
_CODE_STARTS = (
    "def ", "class ", "import ", "from ", "return", "const ", "let ", "var ", "func ", "fn ", "pub ", "public ", "private ",
    "static ", "#include", "SELECT ", "select ", "elif ", "else:", "for (", "if (", "while (", "package ", "using ", "@", "</",
    "//", "/*", "#!", "async ", "export ", "try:", "except ", "} ",
)  # fmt: skip
_CODE_ENDS = (";", "{", "}", ");", "):", "},")
_CODE_BLOCK = math.log1p(3)
"""From three lines of code on, without a fence, what is left of the text is taken for the request."""
_CODE_SIGNS = frozenset("=()[]{}")
_TRACES = (
    "Traceback", "Exception", "Error", "error", "panic:", "segfault", "FAILED", "stack trace", "stacktrace", "failed with",
    "core dumped", "exit code",
)  # fmt: skip
_SIGNS = "=<>≤≥+*^×÷√"
_NEGATIONS = frozenset(
    ["not", "except", "no", "never", "without", "least", "none", "neither", "incorrect", "false", "nor", "cannot"]
)
_PERSONS = frozenset(
    ["he", "she", "his", "her", "they", "i", "you", "we", "my", "your", "their", "our", "him", "them", "me", "us"]
)

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
    "long_words",
    "sentence_length",
    "numbers",
    "longest_number",
    "numbers_in_words",
    "negations",
    "persons",
    "commas",
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
    lines, words_only = _lines(seen)
    if fenced:
        words_only = "\n".join(seen.split("```")[::2])
    elif lines[0] < _CODE_BLOCK:
        words_only = seen
    tokens = _tokens(words_only)
    if not tokens or (len(tokens) < 3 and fenced):
        tokens = _tokens(seen)
    sentences, marks = _sentences(tokens)
    picked = _instruction(sentences, marks)
    counts = [0] * CLASS_COUNT
    for sentence in picked:
        for token in sentence:
            if token in CLASSES:
                for index in CLASSES[token]:
                    counts[index] += 1
    taken = sum(map(len, picked))
    words = sum(map(len, sentences))
    formulas = _log(len(_LATEX.findall(seen))) if "\\" in seen or "$" in seen or "^" in seen else 0.0
    share = taken / (1 + words)
    dense = (
        *_shape(text, seen, fenced, lines, formulas),
        share,
        math.log1p(taken),
        math.log1p(sum(sentence.count("0") for sentence in picked)),
        *_texture(tokens, len(sentences)),
        *(float(count) if count < 3 else 3.0 for count in counts),
    )
    present = tuple(index for index, count in enumerate(counts) if count)
    payload = _payload(bool(fenced), lines, formulas, share)
    return Features(dense, _keys(tokens, picked, present, payload), present)


def _tokens(text: str) -> list[str]:
    lower = text.lower()
    if not lower.isascii():
        if len(lower) > _SIGNS_READ and len(lower.encode("utf-8", "replace")) > 1.8 * len(lower):
            # Chinese and Japanese: a sign is a token, so fewer are read, and of the tail as well.
            lower = f"{lower[: _SIGNS_READ // 2]}\n{lower[-_SIGNS_READ // 2 :]}"
        lower = english_signs(lower)
    return english(_TOKEN.findall(lower)[:_TOKENS])


def _log(count: int) -> float:
    return min(3.0, math.log1p(count))


def _shape(
    text: str, seen: str, fenced: int, lines: tuple[float, float, float, float], formulas: float
) -> tuple[float, ...]:
    length, size = len(text), 1 + len(seen)
    stripped = text[-80:].rstrip()
    start = seen[:400]
    return (
        math.log1p(length),
        min(length, 24_000) / 2_000,
        math.log1p(text.count("\n")),
        float(stripped.endswith(("?", "？"))),
        float(stripped.endswith((":", "："))),
        min(3.0, float(seen.count("?"))),
        sum(map(seen.count, "0123456789")) / size,
        _capitals(start) / (1 + len(start)),
        float(length < 60),
        float(length < 150),
        float(length > 1_500),
        float(length > 5_000),
        size / (1 + seen.count(" ") + seen.count("\n")) / 6,
        _distinct(seen),
        min(2.0, fenced / 2),
        *lines,
        formulas,
        _log(sum(map(seen.count, _TRACES))),
        _log(len(_CAMEL.findall(seen)) + seen.count("_") + seen.count("()")),
        _log(sum(map(seen.count, _SIGNS))),
        _log(seen.count('"') // 2),
        float("://" in seen),
        _other_script(seen),
    )


def _capitals(text: str) -> int:
    if text.isascii():
        return len(text) - len(text.encode().translate(None, _CAPITALS))
    return sum(map(str.isupper, text))


def _distinct(seen: str) -> float:
    parts = seen.split()
    return len(set(parts)) / (1 + len(parts))


def _texture(tokens: list[str], sentences: int) -> tuple[float, ...]:
    """What makes one question of a kind harder than another: rare words, long sentences, numbers, negations."""
    size = 1 + len(tokens)
    figures = list(filter(str.isdigit, tokens))
    numbers = math.log1p(len(figures))
    return (
        sum(map((7).__lt__, map(len, tokens))) / size,
        min(4.0, len(tokens) / (1 + sentences) / 20),
        numbers,
        min(12.0, float(max(map(len, figures), default=0))) / 4,
        numbers * math.log1p(len(tokens)) / 4,
        _log(_among(_NEGATIONS, tokens)),
        10 * _among(_PERSONS, tokens) / size,
        10 * tokens.count(",") / size,
    )


def _among(words: frozenset[str], tokens: list[str]) -> int:
    """How many of the tokens are such words; most texts have none, and to say so takes half the time."""
    return 0 if words.isdisjoint(tokens) else sum(map(words.__contains__, tokens))


def _lines(seen: str) -> tuple[tuple[float, float, float, float], str]:
    """How many lines look like code, options, bullets and speech (logs, at most 4 and 3), and the lines without code."""
    code = options = bullets = speakers = 0
    words: list[str] = []
    for raw in seen.split("\n")[:_LINES]:
        line = raw.strip()
        if not line:
            continue
        if line.startswith(_CODE_STARTS) or line.endswith(_CODE_ENDS):
            code += 1
            continue
        if raw[0] in " \t" and not _CODE_SIGNS.isdisjoint(line):
            continue
        words.append(line)
        first = line[0]
        if first in "([ABCDEabcde12345" and _OPTION.match(line):
            options += 1
        if (first in "-*•" and line[1:2] == " ") or (first.isdigit() and _NUMBERED.match(line)):
            bullets += 1
        elif ":" in line[:22] and _SPEAKER.match(line):
            speakers += 1
    return (min(4.0, math.log1p(code)), _log(options), _log(bullets), _log(speakers)), "\n".join(words)


def _other_script(seen: str) -> float:
    """The share of characters beyond Latin: their words are one sign each."""
    sample = seen[:200]
    return 0.0 if sample.isascii() else sum(sign > "\u02ff" for sign in sample) / len(sample)


def _sentences(tokens: list[str]) -> tuple[list[list[str]], list[str]]:
    """Cut at full stops, questions, colons and line ends, numbers as "0"; and what each ended with."""
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
    return sentences, marks


def _instruction(sentences: list[list[str]], marks: list[str]) -> list[list[str]]:
    """The few sentences that look like the request, in order."""
    if len(sentences) <= _PICKED:
        return sentences
    last = len(sentences) - 1
    ranked: list[tuple[float, int]] = []
    for index, sentence in enumerate(sentences):
        rank = 0.0
        if sentence[0] in LEADS:
            rank += 2
        elif sentence[0] in WEAK_LEADS:
            rank += 0.8
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
    least = ranked[0][0] + _CLOSE
    return [
        sentences[index][:_LONG_SENTENCE]
        for index in sorted(index for rank, index in ranked[:_PICKED] if rank <= least)
    ]


_STOPS = frozenset(".?!:。？！：；")


def _payload(fenced: bool, lines: tuple[float, float, float, float], formulas: float, share: float) -> str:
    """What stands beside the instruction, in one letter: code, options, dialogue, formulas, long text or nothing."""
    code, options, _, speakers = lines
    if code > 1.2 or fenced:
        return "c"
    if options > 1.0:
        return "o"
    if speakers > 1.2:
        return "d"
    if formulas > 0.6:
        return "m"
    if share < 0.35:
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
        keys.add("8 " + last[0])
        keys.add("8 " + " ".join(last[:2]))
        keys.add("9 " + last[-1])
        keys.add("9 " + " ".join(last[-2:]))
        for name, sentence in (("F", first), ("L", last)):
            keys.update([f"{name}{one}" for token in sentence if token in CLASSES for one in CLASSES[token]])
    for position, one in enumerate(classes):
        keys.add(f"C{one}{payload}")
        for other in classes[position + 1 :]:
            keys.add(f"C{one}+{other}")
    keys.update(["w " + token for token in set(tokens) if len(token) > 2 and token[0] != "\n"])
    return tuple(keys)
