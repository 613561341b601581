"""Collects what the window says into a file for translators: `python packaging/strings.py resources/translations/turnout_de.ts`.

Qt's own collector files Python strings under the class they stand in; ours stand under one name, "turnout", whoever says
them. Translations that are in the file already are kept. `pyside6-lrelease FILE.ts` then makes the .qm that the app loads for
the desktop's language. Standard library only.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as Xml

ROOT = Path(__file__).resolve().parents[1]
DESKTOP = ROOT / "app" / "turnout" / "desktop"


def said(tree: ast.AST) -> Iterator[tuple[str | None, int]]:
    """The texts given to `tr` and `plural`, with their lines; None where one is no literal and nobody could translate it."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        for given in node.args[:1] if name == "tr" else node.args[1:3] if name == "plural" else ():
            yield (
                (given.value if isinstance(given, ast.Constant) and isinstance(given.value, str) else None),
                node.lineno,
            )


def strings() -> dict[str, str]:
    """Text -> where it is said first. Raises ValueError for a text that is no literal."""
    found: dict[str, str] = {}
    for path in sorted(DESKTOP.rglob("*.py")):
        if path.name == "text.py":  # where `tr` and `plural` themselves are
            tree: ast.AST = ast.parse(path.read_text(encoding="utf-8"))
            texts = [one for one in said(tree) if one[0] is not None]
        else:
            texts = list(said(ast.parse(path.read_text(encoding="utf-8"))))
        for text, line in texts:
            where = f"{path.relative_to(ROOT)}:{line}"
            if text is None:
                raise ValueError(f"{where}: tr() and plural() take literals")
            found.setdefault(text, where)
    return found


def write(target: Path) -> int:
    known = {}
    if target.exists():
        for message in Xml.parse(target).iter("message"):
            translation = message.find("translation")
            if translation is not None and translation.text:
                known[message.findtext("source", "")] = translation.text
    top = Xml.Element("TS", version="2.1", language=target.stem.partition("_")[2])
    context = Xml.SubElement(top, "context")
    Xml.SubElement(context, "name").text = "turnout"
    for text, where in strings().items():
        message = Xml.SubElement(context, "message")
        file, _, line = where.rpartition(":")
        Xml.SubElement(message, "location", filename=file, line=line)
        Xml.SubElement(message, "source").text = text
        translation = Xml.SubElement(message, "translation")
        if text in known:
            translation.text = known[text]
        else:
            translation.set("type", "unfinished")
    Xml.indent(top)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(
        '<?xml version="1.0" encoding="utf-8"?>\n<!DOCTYPE TS>\n' + Xml.tostring(top, "unicode") + "\n", "utf-8"
    )
    return len(strings())


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    print(f"{write(Path(sys.argv[1]))} texts in {sys.argv[1]}")
