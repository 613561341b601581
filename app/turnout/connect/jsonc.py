"""Editing JSON as text, so that comments, order, spacing and trailing commas of the file's owner survive.

A value is set or removed at a path of keys; everything outside the changed span stays byte for byte. Comments (`//`, `/* */`)
and trailing commas are accepted, as Zed, VS Code and opencode write them.
"""

import json
import re
from dataclasses import dataclass, field

from turnout.calls.units import Json
from turnout.errors import BadRequestError

_BLANK = re.compile(r"(?:[ \t\r\n\ufeff]|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"')
_ATOM = re.compile(r"true|false|null|-?[0-9][0-9.eE+\-]*")
DEEPEST = 64


@dataclass(slots=True)
class Node:
    """A value as it stands in the text, from `start` up to `end`."""

    start: int
    end: int = 0
    members: "dict[str, Member] | None" = None
    """Of an object; None for everything else."""
    value: Json = None
    items: "list[Node]" = field(default_factory=list)


@dataclass(slots=True)
class Member:
    start: int
    """Of its key."""
    node: Node


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def fail(self, what: str) -> BadRequestError:
        before = self.text[: self.at]
        line, column = before.count("\n") + 1, self.at - before.rfind("\n")
        return BadRequestError(f"line {line}, column {column}: {what}", hint="Mend the file by hand first.")

    def blank(self) -> None:
        found = _BLANK.match(self.text, self.at)
        assert found is not None
        self.at = found.end()

    def document(self) -> Node:
        self.blank()
        node = self.node(0)
        self.blank()
        if self.at != len(self.text):
            raise self.fail("something follows the document")
        return node

    def node(self, depth: int) -> Node:
        if depth > DEEPEST:
            raise self.fail("nested too deeply")
        char = self.text[self.at : self.at + 1]
        if char == "{":
            return self.object(depth)
        if char == "[":
            return self.array(depth)
        node = Node(self.at)
        if char == '"':
            node.value = self.string()
        else:
            found = _ATOM.match(self.text, self.at)
            if found is None:
                raise self.fail("a value is missing or is no JSON")
            self.at = found.end()
            try:
                node.value = json.loads(found[0])
            except ValueError:
                raise self.fail("this is no number") from None
        node.end = self.at
        return node

    def string(self) -> str:
        found = _STRING.match(self.text, self.at)
        if found is None:
            raise self.fail("a string is not closed")
        self.at = found.end()
        try:
            return str(json.loads(found[0]))
        except ValueError:
            raise self.fail("this string has a wrong escape") from None

    def object(self, depth: int) -> Node:
        node = Node(self.at)
        members: dict[str, Member] = {}
        self.at += 1
        while True:
            self.blank()
            if self.text[self.at : self.at + 1] == "}":
                break
            start = self.at
            if self.text[self.at : self.at + 1] != '"':
                raise self.fail("a key in double quotes is missing")
            key = self.string()
            self.blank()
            if self.text[self.at : self.at + 1] != ":":
                raise self.fail("a colon is missing")
            self.at += 1
            self.blank()
            members[key] = Member(start, self.node(depth + 1))
            self.blank()
            if self.text[self.at : self.at + 1] == ",":
                self.at += 1
            elif self.text[self.at : self.at + 1] != "}":
                raise self.fail("a comma or a closing brace is missing")
        self.at += 1
        node.end, node.members = self.at, members
        node.value = {key: member.node.value for key, member in members.items()}
        return node

    def array(self, depth: int) -> Node:
        node = Node(self.at)
        self.at += 1
        while True:
            self.blank()
            if self.text[self.at : self.at + 1] == "]":
                break
            node.items.append(self.node(depth + 1))
            self.blank()
            if self.text[self.at : self.at + 1] == ",":
                self.at += 1
            elif self.text[self.at : self.at + 1] != "]":
                raise self.fail("a comma or a closing bracket is missing")
        self.at += 1
        node.end = self.at
        node.value = [item.value for item in node.items]
        return node


def parse(text: str) -> Node:
    """Raises BadRequestError with line and column. An empty text is an empty object's place."""
    return _Parser(text).document()


def read(text: str) -> Json:
    return parse(text).value if text.strip("\ufeff \t\r\n") else {}


def get(text: str, path: tuple[str, ...]) -> tuple[bool, Json]:
    """Whether there is a value, and which."""
    value = read(text)
    for key in path:
        if not isinstance(value, dict) or key not in value:
            return False, None
        value = value[key]
    return True, value


def put(text: str, path: tuple[str, ...], value: Json) -> str:
    """The text with `value` at `path`; objects on the way are made. Raises BadRequestError when something else is there."""
    newline = "\r\n" if "\r\n" in text else "\n"
    if not text.strip("\ufeff \t\r\n"):
        text = text + "{}" + newline
    node = parse(text)
    unit = _unit(text)
    for depth, key in enumerate(path):
        if node.members is None and depth and text[node.start : node.end] == "null":
            nested = _nested(path[depth:], value)
            return (
                text[: node.start] + _rendered(nested, _indent_at(text, node.start), unit, newline) + text[node.end :]
            )
        if node.members is None:
            where = ".".join(path[:depth]) or "the document"
            raise BadRequestError(f"{where} is no object", hint="Mend the file by hand first.")
        member = node.members.get(key)
        if member is None:
            return _inserted(text, node, key, _nested(path[depth + 1 :], value), unit, newline)
        node = member.node
    rendered = _rendered(value, _indent_at(text, node.start), unit, newline)
    return text[: node.start] + rendered + text[node.end :]


def _nested(path: tuple[str, ...], value: Json) -> Json:
    for outer in reversed(path):
        value = {outer: value}
    return value


def drop(text: str, path: tuple[str, ...], keep: int = 0) -> str:
    """The text without the value at `path`, and without objects that become empty by that; unchanged when it is not there.

    The first `keep` objects on the way stay, empty or not.
    """
    node = parse(text)
    for key in path[:-1]:
        if node.members is None or key not in node.members:
            return text
        node = node.members[key].node
    if node.members is None or path[-1] not in node.members:
        return text
    if len(node.members) == 1 and len(path) - 1 > keep:
        return drop(text, path[:-1], keep)
    names = list(node.members)
    at = names.index(path[-1])
    member = node.members[path[-1]]
    if at + 1 < len(names):
        return text[: member.start] + text[node.members[names[at + 1]].start :]
    tail = text[member.node.end : node.end - 1]
    own = re.match(r"[ \t]*,", tail)
    tail = tail[own.end() :] if own is not None else tail
    if not at:
        inside = text[node.start + 1 : member.start].rstrip() + tail.rstrip()
        if inside.strip():
            # Comments: a brace on the line of one would be part of it.
            inside += ("\r\n" if "\r\n" in text else "\n") + _indent_at(text, node.start)
        return text[: node.start + 1] + inside + text[node.end - 1 :]
    before = node.members[names[at - 1]].node.end
    gap = text[before : member.start]
    if own is None:
        # In a file without trailing commas, the one before has none now either.
        comma = _comma_in(gap)
        gap = gap[:comma] + gap[comma + 1 :]
    return text[:before] + gap.rstrip() + tail + text[node.end - 1 :]


def add_item(text: str, item: Json, path: tuple[str, ...] = ()) -> str:
    """The text with one more item at the end of its list at `path`, which is made where there is none. Raises BadRequestError
    when something else is there."""
    newline = "\r\n" if "\r\n" in text else "\n"
    if path and not get(text, path)[0]:
        return put(text, path, [item])
    if not text.strip("\ufeff \t\r\n"):
        text = text + "[]" + newline
    node = _list(text, path)
    outer = _indent_at(text, node.start)
    unit = _unit(text)
    rendered = _rendered(item, outer + unit, unit, newline)
    if not node.items:
        inside = text[node.start + 1 : node.end - 1].rstrip()
        return (
            text[: node.start + 1] + inside + newline + outer + unit + rendered + newline + outer + text[node.end - 1 :]
        )
    last = node.items[-1].end
    comma = _comma_in(text[last : node.end - 1])
    gap = newline + outer + unit if "\n" in text[node.start : node.end] else " "
    if comma < 0:
        return text[:last] + "," + gap + rendered + text[last:]
    end = last + comma + 1
    return text[:end] + gap + rendered + "," + text[end:]


def drop_item(text: str, number: int, path: tuple[str, ...] = ()) -> str:
    """The text without that item of its list at `path`."""
    node = _list(text, path)
    item = node.items[number]
    if number + 1 < len(node.items):
        return text[: item.start] + text[node.items[number + 1].start :]
    start = node.items[number - 1].end if number else node.start + 1
    return text[:start] + text[item.end :]


def _list(text: str, path: tuple[str, ...]) -> Node:
    node = parse(text)
    for key in path:
        node = node.members[key].node if node.members is not None and key in node.members else node
    if not isinstance(node.value, list):
        raise BadRequestError(f"{'.'.join(path) or 'the document'} is no list", hint="Mend the file by hand first.")
    return node


def _inserted(text: str, node: Node, key: str, value: Json, unit: str, newline: str) -> str:
    assert node.members is not None
    outer = _indent_at(text, node.start)
    indent = outer + unit
    if node.members:
        first = next(iter(node.members.values()))
        if "\n" in text[node.start : first.start]:
            indent = _indent_at(text, first.start)
    entry = f"{json.dumps(key)}: {_rendered(value, indent, unit, newline)}"
    if not node.members:
        inside = text[node.start + 1 : node.end - 1].rstrip()
        return text[: node.start + 1] + inside + newline + indent + entry + newline + outer + text[node.end - 1 :]
    last = list(node.members.values())[-1].node.end
    tail = text[last : node.end - 1]
    comma = _comma_in(tail)
    on_one_line = "\n" not in text[node.start : node.end]
    gap = " " if on_one_line else newline + indent
    if comma < 0:
        return text[:last] + "," + gap + entry + text[last:]
    end = last + comma + 1
    return text[:end] + gap + entry + "," + text[end:]


def _comma_in(tail: str) -> int:
    """Where a trailing comma stands between the last member and the brace, comments apart; -1: there is none."""
    at = 0
    while at < len(tail):
        if tail.startswith("//", at):
            at = tail.find("\n", at)
            if at < 0:
                return -1
        elif tail.startswith("/*", at):
            at = tail.find("*/", at) + 2
        elif tail[at] == ",":
            return at
        else:
            at += 1
    return -1


def _indent_at(text: str, at: int) -> str:
    """The white space that the line of this place begins with."""
    line = text[text.rfind("\n", 0, at) + 1 : at]
    return line[: len(line) - len(line.lstrip(" \t"))]


def _unit(text: str) -> str:
    found = re.search(r"^([ \t]+)\S", text, re.MULTILINE)
    return found[1] if found and len(found[1]) <= 8 else "  "


def _rendered(value: Json, indent: str, unit: str, newline: str) -> str:
    rendered = json.dumps(value, indent=unit, ensure_ascii=False)
    return rendered.replace("\n", newline + indent)
