"""Edits in YAML: PyYAML says where things stand, the text is changed there and nowhere else, and is read again before it is kept.

So comments, anchors, quotes and the order of keys survive, and a file that we would spoil is left alone.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from turnout.calls.units import Json
from turnout.connect.covers import covers
from turnout.errors import BadRequestError

BEGIN, END = "turnout: begin", "turnout: end"
Node = Any
"""PyYAML's nodes have no types: `value` is text, a list of nodes or a list of pairs of nodes."""
Fields = tuple[tuple[str, Json], ...]


@dataclass(frozen=True, slots=True)
class YamlItem:
    """One entry of a YAML list: under a top-level `key`, or, with an empty key, of a file that is a list itself."""

    key: str
    fields: Fields
    head: tuple[str, ...] = ()
    """What a new file begins with."""
    same: str = ""
    """The field by which our entry is known again, however its file was written anew and whatever was changed in it."""

    def done(self, text: str) -> str:
        if not text.strip("\ufeff \t\r\n"):
            text += "".join(line + _newline(text) for line in self.head)
        return _safely(text, self._added, self._wanted)

    def _wanted(self, doc: Json) -> Json:
        ours = dict(self.fields)
        if not self.key:
            return [*(doc if isinstance(doc, list) else []), ours]
        top = dict(doc) if isinstance(doc, dict) else {}
        there = top.get(self.key)
        return {**top, self.key: [ours, *(there if isinstance(there, list) else [])]}

    def _added(self, text: str, root: Node) -> str:
        newline = _newline(text)
        if not self.key:
            return self._added_to_list(text, root, newline)
        if root is None:
            return _ended(text, newline) + f"{self.key}:{newline}" + self._entry("  ", newline)
        pair = _pair(root, self.key)
        if pair is None and not root.flow_style:
            at = root.end_mark.index
            top = _ended(text[:at], newline)
            return f"{top}{self.key}:{newline}" + self._entry("  ", newline) + text[at:]
        if pair is None:
            return _into_flow(text, root, f"{json.dumps(self.key)}: [{json.dumps(dict(self.fields))}]")
        value = pair[1]
        if _is_null(value):
            at, end = value.start_mark.index, value.end_mark.index
            rest = text[end:]
            line, _, after = rest.partition("\n")
            return text[:at].rstrip(" \t") + line.rstrip("\r") + newline + self._entry("  ", newline) + after
        if value.flow_style:
            return _into_flow(text, value, json.dumps(dict(self.fields)))
        at, indent = _line_of(text, _dash(text, value.value[0].start_mark.index))
        return text[:at] + self._entry(indent, newline) + text[at:]

    def _added_to_list(self, text: str, root: Node, newline: str) -> str:
        if root is None:
            return _ended(text, newline) + self._entry("", newline)
        if root.flow_style:
            return _into_flow(text, root, json.dumps(dict(self.fields)), last=True)
        at = root.end_mark.index
        indent = _line_of(text, _dash(text, root.value[0].start_mark.index))[1]
        return _ended(text[:at], newline) + self._entry(indent, newline) + text[at:]

    def _entry(self, indent: str, newline: str) -> str:
        rows = [f"{key}: {json.dumps(value)}" for key, value in self.fields]
        lines = [f"# {BEGIN}", f"- {rows[0]}", *(f"  {row}" for row in rows[1:]), f"# {END}"]
        return "".join(f"{indent}{line}{newline}" for line in lines)

    def undone(self, text: str, before: str) -> str:
        """A client that writes its file anew drops our marks and changes quotes: the entry is known by its fields."""
        bom = text[: text.startswith("\ufeff")]
        text = _without_marks(text[len(bom) :])
        root = _root(text)
        pair = _pair(root, self.key) if self.key and root is not None else None
        listed: Node = pair[1] if pair is not None else root if not self.key else None
        items = listed.value if listed is not None and isinstance(listed.value, list) else []
        own = _plain(_root(before))
        own = own.get(self.key) if isinstance(own, dict) else own
        theirs = own if isinstance(own, list) else []
        ours = [number for number, item in enumerate(items) if self._is_ours(item) and _plain(item) not in theirs]
        for number in reversed(ours):
            if len(items) == 1 and pair is not None and _pair(_root(before), self.key) is None:
                start, end = pair[0].start_mark.index, listed.end_mark.index
            else:
                start, end = _span(text, listed, number)
            text = text[:start] + text[end:]
        return bom + text

    def _is_ours(self, item: Node) -> bool:
        found = _plain(item)
        return isinstance(found, dict) and found.get(self.same) == dict(self.fields).get(self.same)

    def holds(self, text: str) -> bool:
        doc = _plain(_root(text))
        listed = doc.get(self.key) if self.key and isinstance(doc, dict) else doc
        return isinstance(listed, list) and any(covers(one, dict(self.fields)) for one in listed)


@dataclass(frozen=True, slots=True)
class YamlKeys:
    """Plain values of top-level keys."""

    values: tuple[tuple[str, str], ...]

    def done(self, text: str) -> str:
        for key, value in self.values:
            text = _safely(text, lambda t, r, k=key, v=value: _set(t, r, k, v), lambda d, k=key, v=value: _put(d, k, v))  # type: ignore[misc]
        return text

    def undone(self, text: str, before: str) -> str:
        bom = text[: text.startswith("\ufeff")]
        text, old = text[len(bom) :], before.removeprefix("\ufeff")
        for key, _ in self.values:
            pair, was = _pair(_root(text), key), _pair(_root(old), key)
            if pair is None:
                continue
            start, end = pair[1].start_mark.index, pair[1].end_mark.index
            if was is not None:
                text = text[:start] + old[was[1].start_mark.index : was[1].end_mark.index] + text[end:]
            else:
                start = _line_of(text, pair[0].start_mark.index)[0]
                below = text.find("\n", end)
                text = text[:start] + (text[below + 1 :] if below >= 0 else "")
        return bom + text

    def holds(self, text: str) -> bool:
        doc = _plain(_root(text))
        return isinstance(doc, dict) and all(doc.get(key) == value for key, value in self.values)


def _set(text: str, root: Node, key: str, value: str) -> str:
    newline = _newline(text)
    line = f"{key}: {value}{newline}"
    if root is None:
        return _ended(text, newline) + line
    pair = _pair(root, key)
    if pair is None and root.flow_style:
        return _into_flow(text, root, f"{json.dumps(key)}: {json.dumps(value)}")
    if pair is None:
        at = root.end_mark.index
        return _ended(text[:at], newline) + line + text[at:]
    start, end = pair[1].start_mark.index, pair[1].end_mark.index
    written = json.dumps(value) if root.flow_style else value
    space = "" if text[:start].endswith((" ", "\t")) else " "
    return text[:start] + space + written + (newline if text[start:end].endswith("\n") else "") + text[end:]


def _put(doc: Json, key: str, value: str) -> Json:
    return {**(doc if isinstance(doc, dict) else {}), key: value}


# --- reading ---


def _root(text: str) -> Node:
    """None: nothing is in it but comments. Raises BadRequestError."""
    import yaml

    try:
        return yaml.compose(text.removeprefix("\ufeff"), Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        said = " ".join(str(error).split())
        raise BadRequestError(f"it is not valid YAML: {said[:200]}", hint="Mend the file by hand first.") from error


def _plain(node: Node) -> Json:
    """As a program would read it, but for tags, which stay apart: text, whatever it means, is compared as text."""
    import yaml

    if node is None or _is_null(node):
        return None
    if isinstance(node, yaml.MappingNode):
        return {str(key.value): _plain(value) for key, value in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [_plain(one) for one in node.value]
    if node.tag == "tag:yaml.org,2002:bool":
        return str(node.value).lower() in ("true", "yes", "on")
    return str(node.value)


def _is_null(node: Node) -> bool:
    return bool(node.tag == "tag:yaml.org,2002:null")


def _pair(root: Node, key: str) -> Node:
    """Key and value; None: there is none. The last one of that name counts."""
    pairs = root.value if root is not None and isinstance(root.value, list) else []
    return next((pair for pair in reversed(pairs) if isinstance(pair, tuple) and pair[0].value == key), None)


# --- writing ---


def _safely(text: str, make: Callable[[str, Node], str], wanted: Callable[[Json], Json]) -> str:
    """What `make` makes, when it reads as `wanted`; raises BadRequestError when it does not, or the file is of another shape."""
    bom = text[: text.startswith("\ufeff")]
    text = _without_block(text[len(bom) :])
    root = _root(text)
    try:
        made = make(text, root)
        good = _plain(_root(made)) == wanted(_plain(root))
    except (AttributeError, IndexError, TypeError, BadRequestError):
        # A mapping where a list should be, and whatever else has no place for it.
        good = False
    if not good:
        raise BadRequestError(
            "its YAML has no place where this fits without changing more", hint="Add the lines of `--print` by hand."
        )
    return bom + made


def _without_block(text: str) -> str:
    return re.sub(
        rf"^[ \t]*# {BEGIN}[^\n]*\n.*?^[ \t]*# {END}[^\n]*(?:\n|\Z)", "", text, flags=re.MULTILINE | re.DOTALL
    )


def _without_marks(text: str) -> str:
    return re.sub(rf"^[ \t]*# (?:{BEGIN}|{END})[^\n]*(?:\n|\Z)", "", text, flags=re.MULTILINE)


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _ended(text: str, newline: str) -> str:
    return text + ("" if not text or text.endswith("\n") else newline)


def _into_flow(text: str, node: Node, entry: str, *, last: bool = False) -> str:
    """Into `[...]` or `{...}`."""
    if last and node.value:
        at = node.value[-1].end_mark.index
        return f"{text[:at]}, {entry}{text[at:]}"
    at = min(place for mark in "[{" if (place := text.find(mark, node.start_mark.index)) >= 0) + 1
    return text[:at] + entry + (", " if node.value else "") + text[at:]


def _span(text: str, listed: Node, number: int) -> tuple[int, int]:
    """From where to where an entry of a list stands, with what parts it from the next."""
    items = listed.value
    last = number + 1 == len(items)
    if listed.flow_style:
        if last:
            return items[number - 1].end_mark.index if number else items[0].start_mark.index, items[
                number
            ].end_mark.index
        return items[number].start_mark.index, items[number + 1].start_mark.index
    start = _line_of(text, _dash(text, items[number].start_mark.index))[0]
    end = listed.end_mark.index if last else _line_of(text, _dash(text, items[number + 1].start_mark.index))[0]
    return start, end


def _dash(text: str, at: int) -> int:
    """Of the list's entry that begins there."""
    return text.rindex("-", 0, at)


def _line_of(text: str, at: int) -> tuple[int, str]:
    """Where its line begins, and with which white space."""
    start = text.rfind("\n", 0, at) + 1
    found = re.match(r"[ \t]*", text[start:])
    return start, found[0] if found is not None else ""
