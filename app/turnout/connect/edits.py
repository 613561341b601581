"""What is changed in a client's file, as values, and each kind of file's way to take a change and to give it back.

`done(text)` makes the change; `undone(text, before)` takes it out of a text that was changed by others meanwhile, and puts
back what stood there before. On an untouched file nothing is undone: its backup is put back whole.
"""

import json
import re
from dataclasses import dataclass
from typing import Protocol

from turnout.calls.units import Json
from turnout.connect import jsonc
from turnout.errors import BadRequestError

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

    def done(self, text: str) -> str:
        for path, value in self.values:
            text = jsonc.put(text, path, value)
        return text

    def undone(self, text: str, before: str) -> str:
        for path, _ in self.values:
            there, old = jsonc.get(before, path)
            text = jsonc.put(text, path, old) if there else jsonc.drop(text, path)
        return text

    def holds(self, text: str) -> bool:
        found = [jsonc.get(text, path) for path, _ in self.values]
        return all(there and _covers(now, ours) for (there, now), (_, ours) in zip(found, self.values, strict=True))


def _covers(now: Json, ours: Json) -> bool:
    """What we wrote still stands; the user may have added to it (a model of their own under our provider)."""
    if isinstance(now, dict) and isinstance(ours, dict):
        return all(key in now and _covers(now[key], value) for key, value in ours.items())
    if isinstance(now, list) and isinstance(ours, list):
        return all(any(_covers(one, value) for one in now) for value in ours)
    return now == ours


@dataclass(frozen=True, slots=True)
class TomlEdit:
    """Values at paths of keys, in TOML."""

    values: tuple[tuple[tuple[str, ...], str | dict[str, str]], ...]

    def done(self, text: str) -> str:
        import tomlkit

        doc = _toml(text)
        for path, value in self.values:
            table = doc
            for key in path[:-1]:
                if key not in table:
                    table.add(key, tomlkit.table(is_super_table=True))
                table = table[key]
            table[path[-1]] = value
        return tomlkit.dumps(doc)

    def undone(self, text: str, before: str) -> str:
        import tomlkit

        doc, old = _toml(text), _toml(before)
        for path, _ in self.values:
            table, was = doc, old
            for key in path[:-1]:
                table = table.get(key, {})
                was = was.get(key, {}) if hasattr(was, "get") else {}
            if path[-1] in was:
                table[path[-1]] = was[path[-1]]
            elif path[-1] in table:
                del table[path[-1]]
            if len(path) > 1 and path[0] in doc and not doc[path[0]]:
                del doc[path[0]]
        return tomlkit.dumps(doc)

    def holds(self, text: str) -> bool:
        doc = _toml(text).unwrap()
        for path, value in self.values:
            found = doc
            for key in path:
                found = found.get(key) if isinstance(found, dict) else None
            if not _covers(found, value):  # type: ignore[arg-type]  # plain values, as tomllib would give them
                return False
        return True


def _toml(text: str):  # type: ignore[no-untyped-def]  # tomlkit's documents are dictionaries of its own items
    import tomlkit

    try:
        return tomlkit.parse(text)
    except Exception as error:
        raise BadRequestError(f"it is not valid TOML: {error}", hint="Mend the file by hand first.") from error


@dataclass(frozen=True, slots=True)
class Lines:
    """`KEY=value` or `key: value` lines; one that is there is replaced, others are added at the end."""

    values: tuple[tuple[str, str], ...]
    form: str = "{key}={value}"

    def done(self, text: str) -> str:
        newline = "\r\n" if "\r\n" in text else "\n"
        for key, value in self.values:
            line = self.form.format(key=key, value=value)
            found = self._find(text, key)
            if found is not None:
                text = text[: found.start()] + line + text[found.end() :]
            else:
                text += ("" if not text or text.endswith("\n") else newline) + line + newline
        return text

    def undone(self, text: str, before: str) -> str:
        for key, _ in self.values:
            found, old = self._find(text, key), self._find(before, key)
            if found is None:
                continue
            if old is not None:
                text = text[: found.start()] + old[0] + text[found.end() :]
            else:
                after = found.end() + (2 if text.startswith("\r\n", found.end()) else 1)
                text = text[: found.start()] + text[after:]
        return text

    def holds(self, text: str) -> bool:
        lines = [line.rstrip("\r") for line in text.split("\n")]
        return all(self.form.format(key=key, value=value) in lines for key, value in self.values)

    def _find(self, text: str, key: str) -> "re.Match[str] | None":
        """The last one counts: so it does for a shell and for YAML."""
        sign = ":" if ":" in self.form else "="
        found = list(re.finditer(rf"^(?:export[ \t]+)?{re.escape(key)}[ \t]*{sign}[^\r\n]*", text, re.MULTILINE))
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
class YamlItem:
    """One entry of a YAML list: under a top-level `key`, or, with an empty key, of a file that is a list itself."""

    key: str
    fields: tuple[tuple[str, Json], ...]
    head: tuple[str, ...] = ()
    """What a new file begins with."""

    def done(self, text: str) -> str:
        newline = "\r\n" if "\r\n" in text else "\n"
        text = _without_block(text)
        if not text.strip():
            text = "".join(line + newline for line in self.head)
        if not self.key:
            if re.search(r"^[^-#\s]", text, re.MULTILINE) and text.strip() not in ("", "[]"):
                raise BadRequestError("it is no list in block style", hint="Add the snippet by hand: `--print`.")
            text = "" if text.strip() == "[]" else text
            return text + ("" if not text or text.endswith("\n") else newline) + self._entry("", newline)
        found = re.search(rf"^{re.escape(self.key)}:[ \t]*(\[\][ \t]*)?(#[^\r\n]*)?\r?$", text, re.MULTILINE)
        if found is None:
            if re.search(rf"^{re.escape(self.key)}[ \t]*:", text, re.MULTILINE):
                raise BadRequestError(
                    f"{self.key} is not a list in block style", hint="Add the snippet by hand: `--print`."
                )
            text += "" if not text or text.endswith("\n") else newline
            return text + f"{self.key}:{newline}" + self._entry("  ", newline)
        if found[1]:
            text = text[: found.start(1)].rstrip(" \t") + re.sub(r"\A#", " #", text[found.end(1) :])
        at = text.find("\n", found.start())
        if at < 0:
            text, at = text + newline, len(text) + len(newline) - 1
        first = re.match(r"(?:[ \t]*(?:#[^\n]*)?\r?\n)*([ \t]*)- ", text[at + 1 :])
        indent = first[1] if first is not None else "  "
        return text[: at + 1] + self._entry(indent, newline) + text[at + 1 :]

    def _entry(self, indent: str, newline: str) -> str:
        rows = [f"{key}: {json.dumps(value)}" for key, value in self.fields]
        lines = [f"# {BEGIN}", f"- {rows[0]}", *(f"  {row}" for row in rows[1:]), f"# {END}"]
        return "".join(f"{indent}{line}{newline}" for line in lines)

    def undone(self, text: str, before: str) -> str:
        return _without_block(text)

    def holds(self, text: str) -> bool:
        return BEGIN in text and all(f"{key}: {json.dumps(value)}" in text for key, value in self.fields)


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
