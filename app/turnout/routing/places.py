"""Where each key and value of a TOML text stands. `tomllib` reads the values, this finds their lines and columns.

Works on text that `tomllib` has accepted: it need not judge, only walk. (The path of a value is its keys and indices:
`("signals", "big", "gte")`, `("rule", 0, "when")`.)
"""

from dataclasses import dataclass

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """1-based, columns in characters."""

    line: int = 1
    column: int = 1


NOWHERE = Place(1, 1)


@dataclass(frozen=True, slots=True)
class Places:
    keys: dict[Path, Place]
    values: dict[Path, Place]
    plain: dict[Path, str]
    """The text between the quotes of one-line strings without escapes: columns inside them can be told exactly."""

    def key(self, *path: str | int) -> Place:
        return self._nearest(self.keys, path)

    def value(self, *path: str | int) -> Place:
        return self.values.get(path) or self._nearest(self.keys, path)

    def inside(self, path: Path, column: int) -> Place:
        """The place of the `column`th character (1-based) of a string value."""
        start = self.values.get(path)
        if start is None or path not in self.plain:
            return self.value(*path)
        return Place(start.line, start.column + column)

    def _nearest(self, of: dict[Path, Place], path: Path) -> Place:
        for length in range(len(path), 0, -1):
            found = of.get(path[:length]) or self.values.get(path[:length])
            if found is not None:
                return found
        return NOWHERE


def places(text: str) -> Places:
    walker = _Walker(text)
    walker.document()
    return Places(walker.keys, walker.values, walker.plain)


_BARE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")


class _Walker:
    def __init__(self, text: str) -> None:
        self._text = text.replace("\r\n", "\n")
        self._at = 0
        self._line = 1
        self._line_start = 0
        self._counts: dict[Path, int] = {}
        self.keys: dict[Path, Place] = {}
        self.values: dict[Path, Place] = {}
        self.plain: dict[Path, str] = {}

    def document(self) -> None:
        table: Path = ()
        while True:
            self._blank()
            if self._at >= len(self._text):
                return
            if self._text.startswith("[[", self._at):
                table = self._header(2)
            elif self._text[self._at] == "[":
                table = self._header(1)
            else:
                self._pair(table)

    def _here(self) -> Place:
        return Place(self._line, self._at - self._line_start + 1)

    def _step(self, count: int = 1) -> None:
        for _ in range(count):
            if self._text[self._at : self._at + 1] == "\n":
                self._line += 1
                self._line_start = self._at + 1
            self._at += 1

    def _blank(self) -> None:
        """Over white space, line ends and comments."""
        while self._at < len(self._text):
            character = self._text[self._at]
            if character == "#":
                end = self._text.find("\n", self._at)
                self._at = len(self._text) if end < 0 else end
            elif character in " \t\n\r":
                self._step()
            else:
                return

    def _spaces(self) -> None:
        while self._text[self._at : self._at + 1] in (" ", "\t"):
            self._at += 1

    def _resolved(self, keys: list[str]) -> Path:
        """A dotted name as a path: an array of tables stands for its newest element."""
        path: Path = ()
        for key in keys:
            path = (*path, key)
            if path in self._counts:
                path = (*path, self._counts[path] - 1)
        return path

    def _header(self, brackets: int) -> Path:
        place = self._here()
        self._at += brackets
        keys = [key for key, _ in self._dotted()]
        self._spaces()
        self._at += brackets
        if brackets == 2:
            array = (*self._resolved(keys[:-1]), keys[-1])
            self._counts[array] = self._counts.get(array, 0) + 1
            path: Path = (*array, self._counts[array] - 1)
            self.keys.setdefault(array, place)
        else:
            path = self._resolved(keys)
        self.keys.setdefault(path, place)
        for length in range(1, len(path)):
            self.keys.setdefault(path[:length], place)
        return path

    def _dotted(self) -> list[tuple[str, Place]]:
        keys: list[tuple[str, Place]] = []
        while True:
            self._spaces()
            place = self._here()
            character = self._text[self._at]
            if character in "\"'":
                keys.append((self._string(), place))
            else:
                begin = self._at
                while self._at < len(self._text) and self._text[self._at] in _BARE:
                    self._at += 1
                if begin == self._at:
                    raise ValueError("not a key")
                keys.append((self._text[begin : self._at], place))
            self._spaces()
            if self._text[self._at : self._at + 1] != ".":
                return keys
            self._at += 1

    def _pair(self, table: Path) -> None:
        path = table
        for key, place in self._dotted():
            path = (*path, key)
            self.keys.setdefault(path, place)
        self._at += 1
        self._spaces()
        self._value(path)

    def _value(self, path: Path) -> None:
        self.values[path] = self._here()
        character = self._text[self._at]
        if character in "\"'":
            begin, line = self._at, self._line
            value = self._string()
            if (
                line == self._line
                and self._text[begin + 1 : self._at - 1] == value
                and not self._text.startswith(('"""', "'''"), begin)
            ):
                self.plain[path] = value
        elif character == "[":
            self._at += 1
            index = 0
            while True:
                self._blank()
                if self._text[self._at] == "]":
                    self._at += 1
                    return
                if self._text[self._at] == ",":
                    self._at += 1
                    continue
                self._value((*path, index))
                index += 1
        elif character == "{":
            self._at += 1
            while True:
                self._blank()
                if self._text[self._at] == "}":
                    self._at += 1
                    return
                if self._text[self._at] == ",":
                    self._at += 1
                    continue
                self._pair(path)
        else:
            while self._at < len(self._text) and self._text[self._at] not in ",]}\n#":
                self._at += 1

    def _string(self) -> str:
        """Over a string; its text as written, without the quotes (escapes stay as they are)."""
        quote = self._text[self._at]
        if self._text.startswith(quote * 3, self._at):
            begin = self._at + 3
            end = begin
            while not self._text.startswith(quote * 3, end):
                end += 2 if quote == '"' and self._text[end] == "\\" else 1
                if end >= len(self._text):
                    raise ValueError("an unclosed string")
            while self._text.startswith(quote, end + 3):
                end += 1
            self._step(end + 3 - self._at)
            return self._text[begin:end]
        begin = end = self._at + 1
        while self._text[end] != quote:
            end += 2 if quote == '"' and self._text[end] == "\\" else 1
        self._at = end + 1
        return self._text[begin:end]
