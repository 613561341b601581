"""What is changed in a client's file, as values, and each kind of file's way to take a change and to give it back.

`done(text)` makes the change; `undone(text, before)` takes it out of a text that was changed by others meanwhile, and puts
back what stood there before. On an untouched file nothing is undone: its backup is put back whole; and where others left our
lines alone, those are taken out as lines (`merge`). TOML and YAML have files of their own.
"""

import re
from dataclasses import dataclass
from typing import Protocol

from turnout.calls.units import Json
from turnout.connect import jsonc
from turnout.connect.covers import covers

BEGIN, END = "turnout: begin", "turnout: end"


class Edit(Protocol):
    def done(self, text: str) -> str: ...

    def undone(self, text: str, before: str) -> str: ...

    def holds(self, text: str) -> bool:
        """Whether what was changed still stands."""


@dataclass(frozen=True, slots=True)
class JsonEdit:
    """Values at paths of keys, in JSON with comments."""

    values: tuple[tuple[tuple[str, ...], Json], ...]
    besides: tuple[tuple[tuple[str, ...], Json], ...] = ()
    """What is needed too, set only where there is nothing yet; its owner may change it and still be connected."""

    def done(self, text: str) -> str:
        for path, value in self.values:
            text = jsonc.put(text, path, value)
        for path, value in self.besides:
            text = text if jsonc.get(text, path)[0] else jsonc.put(text, path, value)
        return text

    def undone(self, text: str, before: str) -> str:
        for path, _ in (*self.values, *self.besides):
            there, old = jsonc.get(before, path)
            text = jsonc.put(text, path, old) if there else jsonc.drop(text, path, _there(before, path))
        return text

    def holds(self, text: str) -> bool:
        found = [jsonc.get(text, path) for path, _ in self.values]
        return all(there and covers(now, ours) for (there, now), (_, ours) in zip(found, self.values, strict=True))


@dataclass(frozen=True, slots=True)
class JsonItem:
    """One item of a list, in JSON with comments: of the one at `path`, or of a file that is a list itself."""

    item: dict[str, Json]
    same: str
    """The key by which it is known again, whatever else was changed in it."""
    path: tuple[str, ...] = ()

    def done(self, text: str) -> str:
        for number in reversed(self._ours(text)):
            text = jsonc.drop_item(text, number, self.path)
        return jsonc.add_item(text, self.item, self.path)

    def undone(self, text: str, before: str) -> str:
        theirs, now = self._items(before), self._items(text)
        for number in reversed(self._ours(text)):
            if now[number] not in theirs:
                text = jsonc.drop_item(text, number, self.path)
        if self.path and not self._items(text) and not jsonc.get(before, self.path)[0]:
            text = jsonc.drop(text, self.path, _there(before, self.path))
        return text

    def holds(self, text: str) -> bool:
        return any(covers(one, self.item) for one in self._items(text))

    def _items(self, text: str) -> list[Json]:
        value = jsonc.get(text, self.path)[1] if self.path else jsonc.read(text)
        return value if isinstance(value, list) else []

    def _ours(self, text: str) -> list[int]:
        return [
            i
            for i, one in enumerate(self._items(text))
            if isinstance(one, dict) and one.get(self.same) == self.item[self.same]
        ]


def _there(before: str, path: tuple[str, ...]) -> int:
    """How many of the objects on the way were the owner's before us: those stay, even when they become empty."""
    return sum(jsonc.get(before, path[:depth])[0] for depth in range(1, len(path)))


@dataclass(frozen=True, slots=True)
class Lines:
    """`KEY=value` lines of a .env file; the value of one that is there is replaced, others are added at the end."""

    values: tuple[tuple[str, str], ...]

    def done(self, text: str) -> str:
        newline = "\r\n" if "\r\n" in text else "\n"
        for key, value in self.values:
            found = self._find(text, key)
            if found is not None:
                text = text[: found.start("value")] + value + text[found.end("value") :]
            else:
                text += ("" if not text or text.endswith("\n") else newline) + f"{key}={value}{newline}"
        return text

    def undone(self, text: str, before: str) -> str:
        for key, _ in self.values:
            found, old = self._find(text, key), self._find(before, key)
            if found is None:
                continue
            if old is not None:
                text = text[: found.start("value")] + old["value"] + text[found.end("value") :]
            else:
                below = text.find("\n", found.end())
                text = text[: found.start()] + (text[below + 1 :] if below >= 0 else "")
        return text

    def holds(self, text: str) -> bool:
        found = [(self._find(text, key), value) for key, value in self.values]
        return all(line is not None and line["value"] == value for line, value in found)

    def _find(self, text: str, key: str) -> "re.Match[str] | None":
        """The last one counts, as for dotenv; a quoted value may have several lines, and `#` ends one that is not quoted."""
        value = r"""(?P<value>"(?:\\.|[^"\\])*"|'[^']*'|`[^`]*`|[^\r\n#]*?(?=[ \t]*(?:[#\r\n]|\Z)))"""
        found = list(
            re.finditer(rf"^[ \t\ufeff]*(?:export[ \t]+)?{re.escape(key)}[ \t]*=[ \t]*{value}", text, re.MULTILINE)
        )
        return found[-1] if found else None


@dataclass(frozen=True, slots=True)
class Block:
    """Lines of ours between two marks, at the end of the file."""

    lines: tuple[str, ...]

    def done(self, text: str) -> str:
        newline = "\r\n" if "\r\n" in text else "\n"
        text = _without_block(text)
        body = newline.join((f"# {BEGIN}", *self.lines, f"# {END}")) + newline
        return text + ("" if not text or text.endswith("\n") else newline) + body

    def undone(self, text: str, before: str) -> str:
        return _without_block(text)

    def holds(self, text: str) -> bool:
        return all(line in text for line in self.lines) and BEGIN in text


def _without_block(text: str) -> str:
    return re.sub(
        rf"^[ \t]*# {BEGIN}[^\n]*\n.*?^[ \t]*# {END}[^\n]*(?:\n|\Z)", "", text, flags=re.MULTILINE | re.DOTALL
    )


@dataclass(frozen=True, slots=True)
class Whole:
    """A file that is ours alone."""

    text: str

    def done(self, text: str) -> str:
        return self.text

    def undone(self, text: str, before: str) -> str:
        return before

    def holds(self, text: str) -> bool:
        return text == self.text
