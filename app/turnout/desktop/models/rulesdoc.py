"""rules.toml as a text that the form edits: rules move and change as blocks of lines, everything else stays to the byte.

A rule's block starts with the comments right above its `[[rule]]` and ends before the next block. Moving tables inside a
TOML library would leave the comments behind, with the rule before.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import InlineTable, Table

Value = str | float | int | bool | list[str]
_HEADER = re.compile(r"^\s*\[")
_RULE = re.compile(r"^\s*\[\[\s*rule\s*\]\]")
_BUDGET = re.compile(r"^\s*\[\[\s*budget\s*\]\]")
_PART = re.compile(r"^\s*\[{1,2}\s*(?:rule|budget)\s*\.")
"""`[budget.scope]`: a part of the entry above it."""
_SIGNALS = re.compile(r"^\s*\[\s*signals\s*\]")


@dataclass(frozen=True, slots=True)
class RuleRow:
    """One rule as the list and the form show it; texts as they stand in the file."""

    name: str
    when: str = "true"
    route: str = "grade"
    private: bool = False
    max_usd: str = ""
    on_failure: tuple[str, ...] = ()
    observe: bool = False
    line: int = 0
    """1-based, of `[[rule]]`."""
    end: int = 0
    """Of the first line behind it."""


@dataclass(frozen=True, slots=True)
class SignalRow:
    name: str
    definition: str
    """As TOML: `{ kind = "secret" }`."""


@dataclass(frozen=True, slots=True)
class _Block:
    start: int
    header: int
    """Index of the header's line; -1 for what stands before the first header."""
    end: int


@lru_cache(8)
def rules(text: str) -> Sequence[RuleRow]:
    """In order; a file that is no TOML has none. Kept, for a page asks several times about one text."""
    lines = _lines(text)
    rows = []
    for block in _rule_blocks(lines):
        table = _table("".join(lines[block.header : block.end]))
        if table is None:
            rows.append(RuleRow("?", line=block.header + 1, end=block.end + 1))
            continue
        rows.append(
            RuleRow(
                name=str(table.get("name", "")),
                when=str(table.get("when", "")),
                route=str(table.get("route", "")),
                private=table.get("private") is True or str(table.get("private")) == "True",
                max_usd=str(table.get("max_usd_per_call", "")),
                on_failure=_texts(table.get("on_failure")),
                observe=str(table.get("mode", "enforce")) == "observe",
                line=block.header + 1,
                end=block.end + 1,
            )
        )
    return rows


def rule_at(text: str, line: int) -> int:
    """The index of the rule that holds a line, 1-based; -1 where none does."""
    return next((n for n, row in enumerate(rules(text)) if row.line <= line < row.end), -1)


def moved(text: str, start: int, end: int) -> str:
    """The rule at `start` stands at `end` afterwards; other blocks keep their places."""
    lines = _lines(text)
    blocks = _rule_blocks(lines)
    if start == end or not (0 <= start < len(blocks) and 0 <= end < len(blocks)):
        return text
    bodies = ["".join(lines[block.start : block.end]) for block in blocks]
    bodies.insert(end, bodies.pop(start))
    made, at = [], 0
    for block, body in zip(blocks, bodies, strict=True):
        made.append("".join(lines[at : block.start]))
        made.append(body if body.endswith("\n\n") or block is blocks[-1] else body.rstrip("\n") + "\n\n")
        at = block.end
    made.append("".join(lines[at:]))
    return _ended("".join(made))


def changed(text: str, index: int, fields: Mapping[str, Value | None]) -> str:
    """Sets keys of one rule; None takes a key away. Comments in its block stay."""
    lines = _lines(text)
    blocks = _rule_blocks(lines)
    if not 0 <= index < len(blocks):
        return text
    block = blocks[index]
    body = "".join(lines[block.header : block.end])
    try:
        doc = tomlkit.parse(body)
    except TOMLKitError:
        return text
    _set(doc["rule"][0], fields)
    return _ended(
        "".join(lines[: block.start])
        + "".join(lines[block.start : block.header])
        + tomlkit.dumps(doc)
        + "".join(lines[block.end :])
    )


def added(text: str, index: int, row: RuleRow) -> str:
    """A new rule that stands at `index`; at the end where that is past it."""
    body = f"[[rule]]\nname = {_quoted(row.name)}\nwhen = {_quoted(row.when)}\nroute = {_quoted(row.route)}\n\n"
    lines = _lines(text)
    blocks = _rule_blocks(lines)
    if not blocks:
        return _ended(text.rstrip("\n") + "\n\n" + body if text.strip() else body)
    at = blocks[index].start if index < len(blocks) else blocks[-1].end
    before = "".join(lines[:at])
    if before and not before.endswith("\n\n"):
        before = before.rstrip("\n") + "\n\n"
    return _ended(before + body + "".join(lines[at:]))


def removed(text: str, index: int) -> str:
    lines = _lines(text)
    blocks = _rule_blocks(lines)
    if not 0 <= index < len(blocks):
        return text
    block = blocks[index]
    return _ended("".join(lines[: block.start]) + "".join(lines[block.end :]))


@lru_cache(8)
def signals(text: str) -> Sequence[SignalRow]:
    """Of the `[signals]` table, in order."""
    try:
        table = tomlkit.parse(text).get("signals")
    except TOMLKitError:
        return ()
    if not isinstance(table, dict):
        return ()
    rows = []
    for name in table:
        item = table.item(name) if hasattr(table, "item") else table[name]
        rows.append(SignalRow(str(name), item.as_string().strip() if hasattr(item, "as_string") else str(item)))
    return rows


def with_signal(text: str, name: str, definition: str) -> str:
    """Sets one signal; an empty definition takes it away. Raises ValueError where the definition is no TOML value."""
    value = None
    if definition.strip():
        try:
            value = tomlkit.value(definition.strip())
        except TOMLKitError as error:
            raise ValueError(str(error)) from None
    lines = _lines(text)
    block = next((one for one in _blocks(lines) if one.header >= 0 and _SIGNALS.match(lines[one.header])), None)
    if block is None:
        if value is None:
            return text
        fresh = f"[signals]\n{_key(name)} = {definition.strip()}\n\n"
        first = next((one.start for one in _rule_blocks(lines)), len(lines))
        before = "".join(lines[:first])
        if before and not before.endswith("\n\n"):
            before = before.rstrip("\n") + "\n\n"
        return _ended(before + fresh + "".join(lines[first:]))
    doc = tomlkit.parse("".join(lines[block.header : block.end]))
    table = doc["signals"]
    assert isinstance(table, Table)
    if value is None:
        table.pop(name, None)
    elif name in table:
        table[name] = value
    else:
        _append(table, name, value)
    return _ended("".join(lines[: block.header]) + tomlkit.dumps(doc) + "".join(lines[block.end :]))


def fresh(text: str, name: str) -> tuple[int, RuleRow]:
    """Where a new rule had best stand, and how it begins: so that it hides no other, and none hides it.

    Behind all rules but a catch-all, and with a signal that no rule asks for alone yet.
    """
    rows = rules(text)
    at = next((n for n, row in enumerate(rows) if row.when.strip() == "true"), len(rows))
    taken = {row.when.strip() for row in rows}
    signal = next((one.name for one in signals(text) if one.name not in taken), "true")
    return at, RuleRow(unused_name(text, name), signal, "fast")


def unused_name(text: str, wanted: str) -> str:
    taken = {row.name for row in rules(text)}
    if wanted not in taken:
        return wanted
    number = 2
    while f"{wanted} {number}" in taken:
        number += 1
    return f"{wanted} {number}"


def with_budget(text: str, name: str, fields: Mapping[str, Value | None], scope: tuple[str, str] | None = None) -> str:
    """Changes the budget of that name, or adds one at the end of the budgets; `scope` is kind and who."""
    lines = _lines(text)
    blocks = [block for block in _blocks(lines) if block.header >= 0 and _BUDGET.match(lines[block.header])]
    for block in blocks:
        try:
            doc = tomlkit.parse("".join(lines[block.header : block.end]))
        except TOMLKitError:
            continue
        if str(doc["budget"][0].get("name", "")) == name:
            _set(doc["budget"][0], fields)
            if scope is not None:
                _set_scope(doc["budget"][0], scope)
            return _ended("".join(lines[: block.header]) + tomlkit.dumps(doc) + "".join(lines[block.end :]))
    fresh = tomlkit.table()
    fresh.append("name", name)
    if scope is not None:
        fresh.append("scope", _scope(scope))
    _set(fresh, fields)
    body = "[[budget]]\n" + fresh.as_string().rstrip("\n") + "\n\n"
    at = blocks[-1].end if blocks else len(lines)
    before = "".join(lines[:at])
    if before and not before.endswith("\n\n"):
        before = before.rstrip("\n") + "\n\n"
    return _ended(before + body + "".join(lines[at:]))


def without_budget(text: str, name: str) -> str:
    lines = _lines(text)
    for block in _blocks(lines):
        if block.header >= 0 and _BUDGET.match(lines[block.header]):
            try:
                doc = tomlkit.parse("".join(lines[block.header : block.end]))
            except TOMLKitError:
                continue
            if str(doc["budget"][0].get("name", "")) == name:
                return _ended("".join(lines[: block.start]) + "".join(lines[block.end :]))
    return text


def _set_scope(budget: Table, scope: tuple[str, str]) -> None:
    """In the form that it has: a table of its own, `[budget.scope]`, keeps its place and its comments."""
    have = budget.get("scope")
    if not isinstance(have, Table):
        budget["scope"] = _scope(scope)
        return
    kind, who = scope
    for other in [key for key in have if key != kind]:
        have.pop(other)
    _set(have, {kind: who})


def _scope(scope: tuple[str, str]) -> InlineTable:
    made = tomlkit.inline_table()
    made.append(*scope)
    return made


def _set(table: object, fields: Mapping[str, Value | None]) -> None:
    assert isinstance(table, Table)
    for key, value in fields.items():
        if value is None:
            table.pop(key, None)
        elif key not in table:
            _append(table, key, value)
        elif table[key] != value:
            table[key] = value


def _append(table: Table, key: str, value: object) -> None:
    """Before the blank lines and comments at the block's end, which belong to what follows."""
    tail = []
    body = table.value.body
    while body and body[-1][0] is None:
        tail.append(body.pop())
    table.append(key, value)
    table.value.body.extend(reversed(tail))


def _texts(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    return tuple(str(one) for one in value) if isinstance(value, list) else ()


def _lines(text: str) -> list[str]:
    """Ended by line feeds alone, as TOML's are: a name may hold what Unicode too calls the end of a line."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def _table(body: str) -> Mapping[str, object] | None:
    try:
        found = tomllib.loads(body).get("rule")
    except tomllib.TOMLDecodeError:
        return None
    return found[0] if isinstance(found, list) and found and isinstance(found[0], dict) else None


def _rule_blocks(lines: Sequence[str]) -> list[_Block]:
    return [block for block in _blocks(lines) if block.header >= 0 and _RULE.match(lines[block.header])]


def _blocks(lines: Sequence[str]) -> list[_Block]:
    """By headers that stand outside multi-line strings; comments right above a header belong to it."""
    headers = []
    inside = ""
    for number, line in enumerate(lines):
        if not inside and _HEADER.match(line) and not _PART.match(line):
            headers.append(number)
        inside = _quote_after(line, inside)
    if not headers:
        return []
    starts = []
    for number in headers:
        start = number
        while start > 0 and lines[start - 1].lstrip().startswith("#"):
            start -= 1
        # A comment that opens the file speaks of the file, not of the first block.
        starts.append(number if start == 0 and number > 0 and headers[0] == number else start)
    ends = [*starts[1:], len(lines)][: len(starts)]  # a file without any header has no block
    return [_Block(start, header, end) for start, header, end in zip(starts, headers, ends, strict=True)]


def _quote_after(line: str, inside: str) -> str:
    """Which multi-line quote is open after this line."""
    at = 0
    while at < len(line):
        if inside:
            found = line.find(inside, at)
            if found < 0:
                return inside
            at, inside = found + 3, ""
            continue
        if line[at] == "#":
            return ""
        triple = line[at : at + 3]
        if triple in ('"""', "'''"):
            inside, at = triple, at + 3
        elif line[at] in "\"'":
            at = _string_end(line, at)
        else:
            at += 1
    return inside


def _string_end(line: str, at: int) -> int:
    quote = line[at]
    at += 1
    while at < len(line) and line[at] != quote:
        at += 2 if line[at] == "\\" and quote == '"' else 1
    return at + 1


def _quoted(text: str) -> str:
    return tomlkit.string(text).as_string()


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _quoted(name)


def _ended(text: str) -> str:
    return text.rstrip("\n") + "\n" if text.strip() else text
