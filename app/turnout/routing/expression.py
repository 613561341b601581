"""`when` expressions: and / or / not over signal names, parentheses, true and false. Read, written, and compared.

    either  := both ("or" both)*
    both    := single ("and" single)*
    single  := "not" single | "(" either ")" | name | "true" | "false"

Names are letters, digits, `_` and `-`, beginning with a letter or `_`. Words are lower case: `AND` is a name like any other,
so that a slip is told with its place and never understood by chance.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from turnout.routing.rules import And, Expression, Name, Not, Or

TRUE = Name("true")
FALSE = Name("false")
RESERVED = frozenset({"and", "or", "not", "true", "false"})
LONGEST = 4_000
DEEPEST = 64
"""Parentheses and `not` within each other; the reader and all that walks the tree recurse this deep."""

_TOKEN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*|[()]")


class ExpressionError(ValueError):
    """`column` is 1-based, within the expression's own text."""

    def __init__(self, message: str, column: int) -> None:
        super().__init__(message)
        self.message = message
        self.column = column


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    column: int


@dataclass(frozen=True, slots=True)
class Parsed:
    of: Expression
    names: tuple[tuple[str, int], ...]
    """Every signal that is named, with its column, in order."""


def parse(text: str) -> Parsed:
    """Raises ExpressionError at the first thing that does not fit."""
    if len(text) > LONGEST:
        raise ExpressionError(f"the expression has {len(text)} characters, {LONGEST} are allowed", 1)
    return _Parser(list(_tokens(text)), len(text) + 1).whole()


def _tokens(text: str) -> Iterator[_Token]:
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        found = _TOKEN.match(text, at)
        if found is None:
            raise ExpressionError(
                f"unexpected {text[at]!r}; only signal names, and, or, not, true, false and ( ) stand here", at + 1
            )
        yield _Token(found.group(), at + 1)
        at = found.end()


class _Parser:
    def __init__(self, tokens: list[_Token], end: int) -> None:
        self._tokens, self._end, self._at, self._depth = tokens, end, 0, 0
        self._names: list[tuple[str, int]] = []

    def whole(self) -> Parsed:
        if not self._tokens:
            raise ExpressionError("the expression is empty; write true for always", 1)
        of = self._either()
        token = self._peek()
        if token is not None:
            said = "a ) without its (" if token.text == ")" else f"{token.text!r} follows without and / or before it"
            raise ExpressionError(said, token.column)
        return Parsed(of, tuple(self._names))

    def _peek(self) -> _Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _either(self) -> Expression:
        parts = self._joined("or", self._both)
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _both(self) -> Expression:
        parts = self._joined("and", self._single)
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _joined(self, word: str, part: Callable[[], Expression]) -> list[Expression]:
        parts = [part()]
        while (token := self._peek()) is not None and token.text == word:
            self._at += 1
            parts.append(part())
        return parts

    def _single(self) -> Expression:
        token = self._peek()
        if token is None:
            raise ExpressionError("the expression ends where a signal name is expected", self._end)
        self._at += 1
        self._depth += 1
        if self._depth > DEEPEST:
            raise ExpressionError(f"nested more than {DEEPEST} deep", token.column)
        found = self._inner(token)
        self._depth -= 1
        return found

    def _inner(self, token: _Token) -> Expression:
        if token.text == "not":
            return Not(self._single())
        if token.text == "(":
            of = self._either()
            close = self._peek()
            if close is None or close.text != ")":
                raise ExpressionError("this ( is never closed", token.column)
            self._at += 1
            return of
        if token.text in (")", "and", "or"):
            raise ExpressionError(f"{token.text!r} stands where a signal name is expected", token.column)
        if token.text not in ("true", "false"):
            self._names.append((token.text, token.column))
        return Name(token.text)


def written(of: Expression) -> str:
    """The expression as text that `parse` reads back to an equal one."""
    if isinstance(of, Name):
        return of.name
    if isinstance(of, Not):
        inner = written(of.of)
        return f"not ({inner})" if isinstance(of.of, And | Or) else f"not {inner}"
    word = " and " if isinstance(of, And) else " or "
    return word.join(f"({written(part)})" if isinstance(part, And | Or) else written(part) for part in of.parts)


def names(of: Expression) -> frozenset[str]:
    """The signals it reads; `true` and `false` are none."""
    if isinstance(of, Name):
        return frozenset() if of.name in ("true", "false") else frozenset({of.name})
    if isinstance(of, Not):
        return names(of.of)
    return frozenset().union(*(names(part) for part in of.parts))


def holds(of: Expression, true_names: frozenset[str]) -> bool:
    """Its value when exactly these signals are true."""
    if isinstance(of, Name):
        return of.name == "true" or of.name in true_names
    if isinstance(of, Not):
        return not holds(of.of, true_names)
    if isinstance(of, And):
        return all(holds(part, true_names) for part in of.parts)
    return any(holds(part, true_names) for part in of.parts)


_COMPARED_NAMES = 8
"""2^8 rows of a truth table; rule files of 50 rules are compared in some 30 ms."""


def always(of: Expression) -> bool:
    return _everywhere(of, lambda row: holds(of, row))


def never(of: Expression) -> bool:
    return _everywhere(of, lambda row: not holds(of, row))


def covered(of: Expression, earlier: Iterable[Expression]) -> bool:
    """Whether some of the earlier ones is true wherever this one is. With too many names to be sure: False."""
    mine = names(of)
    related = [one for one in earlier if len(names(one) | mine) <= _COMPARED_NAMES]
    every = mine.union(*(names(one) for one in related))
    if len(every) > _COMPARED_NAMES:
        related = [one for one in related if names(one) <= mine]
        every = mine
    if not related or len(every) > _COMPARED_NAMES:
        return False
    return all(any(holds(one, row) for one in related) for row in _rows(every) if holds(of, row))


def _everywhere(of: Expression, test: Callable[[frozenset[str]], bool]) -> bool:
    mine = names(of)
    return len(mine) <= _COMPARED_NAMES and all(test(row) for row in _rows(mine))


def _rows(of: Iterable[str]) -> Iterator[frozenset[str]]:
    listed = sorted(of)
    for bits in range(1 << len(listed)):
        yield frozenset(name for at, name in enumerate(listed) if bits >> at & 1)
