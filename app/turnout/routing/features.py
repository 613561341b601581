"""What the grader sees of an ask: dense features for calibration and audit, sparse keys for the grade.

The words of the *instruction* say what kind of work is asked; the payload under it (an article, a log, a file) is
mostly noise. So the few sentences that look like the request are found first, and only a bounded view of a long text
is read (head and tail): the cost of 200 KB is the cost of 2.4 KB plus a few counts at C speed. Sentences are cut by one
expression, distinct tokens counted once; word classes come from one dict.
"""

import math
import re
import string
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence, Set
from itertools import chain, combinations, pairwise, repeat
from operator import add

from turnout.calls.values import frozen
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
_TOKEN = re.compile(rf"[\S\n](?:(?<=[{_LETTERS}])[{_LETTERS}'_+#-]*|(?<=\d)\d*|(?<=\n)\n*|)")
"""A word, a number, line ends or else one sign: what it starts with, and on as far as that kind goes. With the kinds as
alternatives from the start each is tried at every blank as well, which takes a sixth longer."""
_STOPS = "\n.?!:。？！：；"
_SENTENCE = re.compile(rf"(([^ {_STOPS}]+) [^{_STOPS}]*)([{_STOPS}]?)")
"""In tokens that a space each follows: a sentence, its first word, and what it ended with, a line's end for one."""
_LEAD_RANKS = {**dict.fromkeys(WEAK_LEADS, 0.8), **dict.fromkeys(LEADS, 2.0)}
_MARK_RANKS = {"?": 1.5, ":": 0.7}
_LENGTH_RANKS = {1: -0.5, **dict.fromkeys(range(2, _LONG_SENTENCE + 1), 0.0)}
"""How much a sentence's first word, end and length make it look like a request; a longer one counts less."""
_OPTION = re.compile(r"[(\[]?[A-Ea-e1-5][.):\]][ \t]*\S")
_NUMBERED = re.compile(r"\d{1,2}[.)][ \t]")
_SPEAKER = re.compile(r"#?[A-Z][\w.]{0,18}#?:[ \t]")
_LATEX = re.compile(r"\\[a-zA-Z]+|\$[^$\n]{1,80}\$|[a-z0-9)]\^[a-z0-9({]")
_KINDS = bytes.maketrans(
    (string.ascii_uppercase + string.ascii_lowercase + string.digits + "=<>+*^").encode(),
    ("A" * 26 + "a" * 26 + "0" * 10 + "=" * 6).encode(),
)
"""Every capital an A, small letter an a, digit a 0 and sign of arithmetic an =."""
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
_RARE_SIGNS = "≤≥×÷√"
_NEGATIONS = frozenset(
    ["not", "except", "no", "never", "without", "least", "none", "neither", "incorrect", "false", "nor", "cannot"]
)
_PERSONS = frozenset(
    ["he", "she", "his", "her", "they", "i", "you", "we", "my", "your", "their", "our", "him", "them", "me", "us"]
)

CLASS_COUNT = len(CLASS_NAMES)
_FIRST_KEYS = [f"F{one}" for one in range(CLASS_COUNT)]
_LAST_KEYS = [f"L{one}" for one in range(CLASS_COUNT)]
_PAIR_KEYS = {(one, other): f"C{one}+{other}" for one, other in combinations(range(CLASS_COUNT), 2)}
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


@frozen
class Features:
    dense: tuple[float, ...]
    """Of `FEATURE_NAMES`. No text can be read back from them."""
    keys: Set[str]
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
    said = Counter(tokens)
    figures = set(filter(str.isdigit, said))
    picked, sentences, words = _instruction(tokens)
    if figures:
        picked = [_without(figures, sentence) for sentence in picked]
    asked = list(chain.from_iterable(picked))
    named = list(_classes(asked))
    present = tuple(sorted(set(named)))
    counts = [0.0] * CLASS_COUNT
    for index in present:
        counts[index] = min(3.0, float(named.count(index)))
    formulas = _log(len(_LATEX.findall(seen))) if "\\" in seen or "$" in seen or "^" in seen else 0.0
    share = len(asked) / (1 + words)
    dense = (
        *_shape(text, seen, fenced, lines, formulas),
        share,
        math.log1p(len(asked)),
        math.log1p(asked.count("0")),
        *_texture(said, figures, len(tokens), sentences),
        *counts,
    )
    payload = _payload(bool(fenced), lines, formulas, share)
    return Features(dense, _keys(said, picked, present, payload), present)


def _without(figures: set[str], sentence: list[str]) -> list[str]:
    """Every number as "0"."""
    if figures.isdisjoint(sentence):
        return sentence
    return ["0" if token in figures else token for token in sentence]


def _classes(words: Iterable[str]) -> Iterator[int]:
    """The classes of each word in turn, as often as it stands there."""
    return chain.from_iterable(map(CLASSES.get, words, repeat(())))


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
    kinds = seen.encode("utf-8", "replace").translate(_KINDS)
    capitals = kinds[:400].count(b"A") if start.isascii() else sum(map(str.isupper, start))
    signs = kinds.count(b"=") if seen.isascii() else kinds.count(b"=") + sum(map(seen.count, _RARE_SIGNS))
    return (
        math.log1p(length),
        min(length, 24_000) / 2_000,
        math.log1p(text.count("\n")),
        float(stripped.endswith(("?", "？"))),
        float(stripped.endswith((":", "："))),
        min(3.0, float(seen.count("?"))),
        kinds.count(b"0") / size,
        capitals / (1 + len(start)),
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
        _log(kinds.count(b"aA") + seen.count("_") + seen.count("()")),
        _log(signs),
        _log(seen.count('"') // 2),
        float("://" in seen),
        _other_script(seen),
    )


def _distinct(seen: str) -> float:
    parts = seen.split()
    return len(set(parts)) / (1 + len(parts))


def _texture(said: Counter[str], figures: set[str], length: int, sentences: int) -> tuple[float, ...]:
    """What makes one question of a kind harder than another: rare words, long sentences, numbers, negations.

    `said`: how often each token stands in the text, `figures` among them; `length`: all of them.
    """
    size = 1 + length
    numbers = math.log1p(_often(said, figures))
    return (
        sum([count for token, count in said.items() if len(token) > 7]) / size,
        min(4.0, length / (1 + sentences) / 20),
        numbers,
        min(12.0, float(max(map(len, figures), default=0))) / 4,
        numbers * math.log1p(length) / 4,
        _log(_often(said, said.keys() & _NEGATIONS)),
        10 * _often(said, said.keys() & _PERSONS) / size,
        10 * said.get(",", 0) / size,
    )


def _often(said: Counter[str], tokens: Iterable[str]) -> int:
    """How often tokens that stand there do."""
    return sum(map(said.__getitem__, tokens))


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


def _instruction(tokens: list[str]) -> tuple[list[list[str]], int, int]:
    """The tokens of the few sentences that look like the request, in order; how many sentences and tokens of sentences there are."""
    found = _SENTENCE.findall(" ".join(tokens) + " ")
    if not found:
        return [], 0, 0
    bodies, firsts, marks = zip(*found, strict=True)
    lengths = list(map(str.count, bodies, repeat(" ")))
    if len(found) <= _PICKED:
        return list(map(str.split, bodies)), len(found), sum(lengths)
    ranks = _ranks(bodies, firsts, marks, lengths)
    best = sorted(range(len(ranks)), key=ranks.__getitem__, reverse=True)[:_PICKED]
    least = ranks[best[0]] - _CLOSE
    picked = [bodies[index].split()[:_LONG_SENTENCE] for index in sorted(best) if ranks[index] >= least]
    return picked, len(found), sum(lengths)


def _ranks(bodies: Sequence[str], firsts: Sequence[str], marks: Sequence[str], lengths: Sequence[int]) -> list[float]:
    """How much each of at least four sentences looks like a request: its text, first word, what it ended with, its tokens."""
    leads = list(map(_LEAD_RANKS.get, firsts, repeat(0.0)))
    for index, rank in enumerate(leads):
        if not rank and not LEADS.isdisjoint(bodies[index].split(" ", 4)[1:4]):
            leads[index] = 0.5
    ranks = list(map(add, leads, map(_MARK_RANKS.get, marks, repeat(0.0))))
    ranks[0] += 1.3
    ranks[1] += 0.4
    ranks[-2] += 0.4
    ranks[-1] += 1.3
    return list(map(add, ranks, map(_LENGTH_RANKS.get, lengths, repeat(-0.8))))


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


def _keys(said: Iterable[str], picked: list[list[str]], classes: tuple[int, ...], payload: str) -> set[str]:
    keys = {"w " + token for token in said if len(token) > 2 and token[0] != "\n"}
    keys.add("p" + payload)
    for sentence in picked:
        keys.update(sentence)
        keys.update(map(" ".join, pairwise(sentence)))
    if picked:
        first, last = picked[0], picked[-1]
        keys.update(("1 " + first[0], "1 " + " ".join(first[:2]), "1 " + " ".join(first[:3])))
        keys.update(("8 " + last[0], "8 " + " ".join(last[:2]), "9 " + last[-1], "9 " + " ".join(last[-2:])))
        keys.update(map(_FIRST_KEYS.__getitem__, _classes(first)))
        keys.update(map(_LAST_KEYS.__getitem__, _classes(last)))
    keys.update([f"C{one}{payload}" for one in classes])
    keys.update(map(_PAIR_KEYS.__getitem__, combinations(classes, 2)))
    return keys
