"""Every kind of signal and what it takes: the table that `rulefile` checks [signals] with.

Values come out normalised: a name list is a tuple of globs, a time span is minutes, a regex has been compiled once.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from functools import lru_cache

import re2

from turnout.calls.units import Grade, Housekeeping, Tier

COMPARISONS = ("gte", "lte", "gt", "lt")
FIELDS = ("last_ask", "system", "model", "client")
HEALTH = ("up", "down", "loading")
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LONGEST_REGEX = 2_000
REGEX_MEMORY = 4 << 20
"""Bytes RE2 may use for one pattern; `(x{500}){500}` and the like are refused at once instead of eating the process."""


class ArgError(ValueError):
    """`column` counts within the value's text, 1-based; 0: the whole value is meant. `said` is what is none of `choices`."""

    def __init__(self, message: str, *, column: int = 0, said: object = None, choices: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.message, self.column, self.said, self.choices = message, column, said, choices


@dataclass(frozen=True, slots=True)
class Kind:
    args: Mapping[str, Callable[[object], object]]
    one_of: tuple[str, ...] = ()
    """At least one of these must be there."""
    all_of: tuple[str, ...] = ()


def options() -> re2.Options:
    made = re2.Options()
    made.max_mem = REGEX_MEMORY
    made.log_errors = False
    made.never_capture = True
    return made


@lru_cache(maxsize=512)
def regex(pattern: str) -> re2._Regexp:
    """Compiled over UTF-8 bytes. Linear in the text, whatever the pattern (T23)."""
    return re2.compile(pattern.encode("utf-8", "surrogatepass"), options())


_GLOB_SPECIAL = re.compile(r"[*?]")


@lru_cache(maxsize=512)
def glob(patterns: tuple[str, ...]) -> Callable[[str], bool]:
    """`*` and `?` only: a set for plain names, two string tests for one `*`, a linear RE2 match for the rest."""
    plain = frozenset(pattern for pattern in patterns if not _GLOB_SPECIAL.search(pattern))
    wild = [pattern for pattern in patterns if pattern not in plain]
    if not wild:
        return plain.__contains__
    ends = tuple(
        (pattern.partition("*")[0], pattern.partition("*")[2])
        for pattern in wild
        if pattern.count("*") == 1 and "?" not in pattern
    )
    if len(ends) == len(wild) == 1 and not plain:
        ((begin, end),) = ends
        least = len(begin) + len(end)
        return lambda name: name.startswith(begin) and name.endswith(end) and len(name) >= least
    if len(ends) == len(wild):
        return lambda name: (
            name in plain
            or any(name.startswith(a) and name.endswith(z) and len(name) >= len(a) + len(z) for a, z in ends)
        )
    alternatives = "|".join("".join(_GLOBBED.get(c) or re.escape(c) for c in pattern) for pattern in wild)
    compiled = regex(f"(?s)^(?:{alternatives})$")
    return lambda name: name in plain or compiled.search(name.encode("utf-8", "surrogatepass")) is not None


_GLOBBED = {"*": ".*", "?": "."}


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ArgError("must be a whole number")
    if not 0 <= value <= 10**12:
        raise ArgError("must be between 0 and 10^12")
    return value


def _share(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ArgError("must be a number")
    if isinstance(value, Decimal) and not value.is_finite():
        raise ArgError("must be a number, not inf or nan")
    if not 0 <= value <= 100:
        raise ArgError("must be between 0 and 100; 0.8 is 80 %")
    return float(value)


def _probability(value: object) -> float:
    found = _share(value)
    if found > 1:
        raise ArgError("must be between 0 and 1")
    return found


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ArgError("must be a text")
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ArgError("must be true or false")
    return value


def _names(value: object) -> tuple[str, ...]:
    listed = value if isinstance(value, list) else [value]
    if not listed or not all(isinstance(one, str) and one for one in listed):
        raise ArgError("must be a name or a list of names")
    if len(listed) > 200 or sum(map(len, listed)) > 10_000:
        raise ArgError("names more than can be meant")
    return tuple(str(one) for one in listed)


def _choice(choices: tuple[str, ...]) -> Callable[[object], object]:
    def check(value: object) -> object:
        listed = _names(value)
        for one in listed:
            if one not in choices:
                raise ArgError(f"{one!r} is none of {', '.join(choices)}", said=one, choices=choices)
        return listed

    return check


def _one(choices: tuple[str, ...]) -> Callable[[object], object]:
    def check(value: object) -> object:
        if not isinstance(value, str) or value not in choices:
            raise ArgError(f"must be one of {', '.join(choices)}", said=value, choices=choices)
        return value

    return check


_GRADES = tuple(grade.value for grade in Grade)


def _grades(value: object) -> object:
    upper = [one.upper() if isinstance(one, str) else one for one in (value if isinstance(value, list) else [value])]
    return _choice(_GRADES)(upper)


def _grade(value: object) -> object:
    return _one(_GRADES)(value.upper() if isinstance(value, str) else value)


def _field(value: object) -> object:
    name = _text(value)
    if name in FIELDS:
        return name
    if not re.fullmatch(r"[A-Za-z0-9-]{1,64}", name):
        raise ArgError(f"{name!r} is neither {', '.join(FIELDS)} nor a header's name", said=name, choices=FIELDS)
    if get_close_matches(name.lower(), FIELDS, n=1, cutoff=0.8):
        # `lastask` would be the name of a header that no client sends, and the signal silently never true.
        raise ArgError(f"{name!r} is a slip of one of {', '.join(FIELDS)}", said=name, choices=FIELDS)
    return name.lower()


def _regex(value: object) -> object:
    pattern = _text(value)
    if len(pattern) > LONGEST_REGEX:
        raise ArgError(f"the regex has {len(pattern)} characters, {LONGEST_REGEX} are allowed")
    try:
        regex(pattern)
    except re2.error as error:
        said = error.args[0] if error.args else ""
        reason = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        raise ArgError(f"not an RE2 regex: {reason}{_instead(reason)}", column=_place(pattern, reason)) from None
    except UnicodeError:
        raise ArgError("the regex holds half a character (a lone surrogate)") from None
    return pattern


def _instead(reason: str) -> str:
    if "(?=" in reason or "(?!" in reason or "(?<" in reason:
        return " (lookahead and lookbehind are not known to RE2; use two signals with and / not)"
    if "invalid escape sequence" in reason:
        return " (back-references are not known to RE2)"
    return ""


def _place(pattern: str, reason: str) -> int:
    """RE2 names the piece it stumbled on, not where it stands."""
    piece = reason.rpartition(": ")[2]
    at = pattern.find(piece) if piece else -1
    return at + 1 if at >= 0 else 1


_SPAN = re.compile(r"([01]?\d|2[0-4]):([0-5]\d)\s*-\s*([01]?\d|2[0-4]):([0-5]\d)")


def _of_day(value: object) -> object:
    """Minutes after midnight; an end before the begin goes over midnight."""
    text = _text(value).strip()
    found = _SPAN.fullmatch(text)
    if found is None:
        raise ArgError('must be a span of the day like "09:00-18:00"')
    begin, end = int(found[1]) * 60 + int(found[2]), int(found[3]) * 60 + int(found[4])
    if begin > 1440 or end > 1440 or begin == end:
        raise ArgError('must be a span of the day like "09:00-18:00"')
    return begin, end


def _weekday(value: object) -> object:
    """ "mon-fri", "sat,sun" or a list; days as 0 (Monday) to 6."""
    found: set[int] = set()
    for piece in ",".join(_names(value)).lower().split(","):
        begin, dash, end = (
            part.strip()[:3] if part.strip()[:3] in DAYS else part.strip() for part in piece.partition("-")
        )
        for day in (begin, end) if dash else (begin,):
            if day not in DAYS:
                raise ArgError(f"{day!r} is no day; mon, tue, wed, thu, fri, sat, sun", said=day, choices=DAYS)
        first = DAYS.index(begin)
        length = (DAYS.index(end) - first) % 7 if dash else 0
        found.update((first + step) % 7 for step in range(length + 1))
    return tuple(sorted(found))


def _compared(check: Callable[[object], object]) -> dict[str, Callable[[object], object]]:
    return dict.fromkeys(COMPARISONS, check)


_LISTED: dict[str, Callable[[object], object]] = {"is": _names, "in": _names, "name": _names}
_NAMED = Kind(_LISTED, one_of=tuple(_LISTED))
_TIERS = tuple(tier.value for tier in Tier)
_HOUSEKEEPING = tuple(one.value for one in Housekeeping)

KINDS: Mapping[str, Kind] = {
    "tokens": Kind(_compared(_whole), one_of=COMPARISONS),
    "match": Kind({"field": _field, "regex": _regex}, all_of=("field", "regex")),
    "client": _NAMED,
    "model": _NAMED,
    "department": _NAMED,
    "developer": _NAMED,
    "project": _NAMED,
    "tools": Kind({**_compared(_whole), "name": _names, "is": _names, "in": _names}),
    "images": Kind(_compared(_whole)),
    "grade": Kind({"is": _grades, "in": _grades, "gte": _grade, "lte": _grade}, one_of=("is", "in", "gte", "lte")),
    "confidence": Kind(_compared(_probability), one_of=COMPARISONS),
    "budget": Kind({**_compared(_share), "used": _text}, one_of=COMPARISONS, all_of=("used",)),
    "time": Kind({"of_day": _of_day, "weekday": _weekday}, one_of=("of_day", "weekday")),
    "secret": Kind({}),
    "housekeeping": Kind({"is": _choice(_HOUSEKEEPING), "in": _choice(_HOUSEKEEPING)}),
    "tool-loop": Kind({}),
    "context-fit": Kind({"tier": _one(_TIERS), "model": _text}, one_of=("tier", "model")),
    "engine": Kind({"provider": _names, "health": _choice(HEALTH), "warm": _flag}, one_of=("health", "warm")),
    "thinking": Kind({}),
}
