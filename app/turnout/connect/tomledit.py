"""Values at paths of keys, in TOML: lines are added or replaced in the text, and what comes of it is read before it is kept.

tomlkit alone would do, were it not that it puts blank lines between tables, writes LF into CRLF files and, where tables are
made by dotted keys, moves what follows into the wrong one (0.13.3). It is asked where a table of ours is there already.
"""

import copy
import re
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from turnout.calls.units import Json
from turnout.connect.covers import covers
from turnout.errors import BadRequestError

Value = str | dict[str, str]
_HEADER = re.compile(r"^[ \t]*\[", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class TomlEdit:
    values: tuple[tuple[tuple[str, ...], Value], ...]

    def done(self, text: str) -> str:
        bom = text[: text.startswith("\ufeff")]
        text = text[len(bom) :]
        for path, value in self.values:
            text = _put(text, path, value)
        return bom + text

    def undone(self, text: str, before: str) -> str:
        """By tomlkit, when the lines of ours cannot simply be taken out."""
        import tomlkit

        bom = text[: text.startswith("\ufeff")]
        _read(text), _read(before)
        doc, old = tomlkit.parse(text[len(bom) :]), tomlkit.parse(before.removeprefix("\ufeff"))
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
        return bom + tomlkit.dumps(doc)

    def holds(self, text: str) -> bool:
        doc = _read(text)
        for path, value in self.values:
            found: Json = doc
            for key in path:
                found = found.get(key) if isinstance(found, dict) else None
            if not covers(found, value):  # type: ignore[arg-type]  # a dictionary of strings is JSON
                return False
        return True


def _read(text: str) -> dict[str, Json]:
    try:
        return tomllib.loads(text.removeprefix("\ufeff"))
    except ValueError as error:
        raise BadRequestError(f"it is not valid TOML: {error}", hint="Mend the file by hand first.") from error


def _put(text: str, path: tuple[str, ...], value: Value) -> str:
    """The first attempt that changes this value and no other."""
    wanted = _with(_read(text), path, value)
    attempts: list[Callable[[], Iterator[str]]] = [
        lambda: _as_lines(text, path, value),
        lambda: _kit(text, path, value),
    ]
    for attempt in attempts:
        for made in attempt():
            try:
                if tomllib.loads(made) == wanted:
                    return made
            except ValueError:
                continue
    raise BadRequestError(
        f"{'.'.join(path)} cannot be set there without changing more", hint="Add the lines of `--print` by hand."
    )


def _with(doc: dict[str, Json], path: tuple[str, ...], value: Value) -> dict[str, Json]:
    wanted = copy.deepcopy(doc)
    table = wanted
    for depth, key in enumerate(path[:-1], 1):
        inner = table.setdefault(key, {})
        if not isinstance(inner, dict):
            raise BadRequestError(f"{'.'.join(path[:depth])} is no table", hint="Mend the file by hand first.")
        table = inner
    table[path[-1]] = dict(value) if isinstance(value, dict) else value
    return wanted


def _as_lines(text: str, path: tuple[str, ...], value: Value) -> Iterator[str]:
    newline = "\r\n" if "\r\n" in text else "\n"
    ended = text if not text or text.endswith("\n") else text + newline
    if isinstance(value, dict):
        lines = [f"[{'.'.join(path)}]", *(f"{key} = {_quoted(one)}" for key, one in value.items())]
        yield ended + (newline if text.strip() else "") + newline.join(lines) + newline
        return
    if len(path) > 1:
        return
    for found in re.finditer(rf"^([ \t]*{path[0]}[ \t]*=[ \t]*)(\"[^\"\r\n]*\"|'[^'\r\n]*')", text, re.MULTILINE):
        yield text[: found.end(1)] + _quoted(value) + text[found.end() :]
    line = f"{path[0]} = {_quoted(value)}{newline}"
    header = _HEADER.search(text)
    if header is None:
        yield ended + line
    else:
        # Before the first table, above the comment that belongs to it; then, should that bracket be no header, at the top.
        above = re.search(r"(?:^[ \t]*(?:#[^\n]*)?\n)*\Z", text[: header.start()], re.MULTILINE)
        at = above.start() if above is not None else header.start()
        yield text[:at] + line + (newline if at == header.start() else "") + text[at:]
    yield line + text


def _kit(text: str, path: tuple[str, ...], value: Value) -> Iterator[str]:
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        doc = tomlkit.parse(text)
        table = doc
        for key in path[:-1]:
            if key not in table:
                table.add(key, tomlkit.table(is_super_table=True))
            table = table[key]
        table[path[-1]] = value
        made = tomlkit.dumps(doc)
    except (TOMLKitError, TypeError):
        return
    yield re.sub(r"(?<!\r)\n", "\r\n", made) if "\r\n" in text else made


def _quoted(text: str) -> str:
    """Names, URLs and tokens hold neither quotes nor control characters; whatever else there is, TOML reads as JSON."""
    import json

    return json.dumps(text, ensure_ascii=False)
