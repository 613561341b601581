"""What the window says can be translated: collected whole, and a translation takes effect."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

from PySide6.QtCore import QCoreApplication, QTranslator
from pytestqt.qtbot import QtBot

from turnout.desktop import text

ROOT = Path(__file__).resolve().parents[3]


def collector() -> ModuleType:
    spec = importlib.util.spec_from_file_location("strings", ROOT / "packaging" / "strings.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_translation_of_the_collected_strings_takes_effect(tmp_path: Path, qtbot: QtBot) -> None:
    file = tmp_path / "turnout_de.ts"
    assert collector().write(file) > 500
    said = file.read_text("utf-8")
    for source, translation in (("Overview", "Übersicht"), ("{n} calls", "{n} Aufrufe")):
        before = f'<source>{source}</source>\n      <translation type="unfinished" />'
        assert before in said
        said = said.replace(before, f"<source>{source}</source>\n      <translation>{translation}</translation>")
    file.write_text(said, "utf-8")
    collector().write(file)  # collecting again keeps what was translated
    release = Path(sys.executable).with_name("pyside6-lrelease")
    subprocess.run([release, file, "-qm", file.with_suffix(".qm")], check=True, capture_output=True)
    translator = QTranslator()
    assert translator.load(str(file.with_suffix(".qm")))
    application = QCoreApplication.instance()
    assert application is not None
    application.installTranslator(translator)
    try:
        assert text.tr("Overview") == "Übersicht"
        assert text.plural(3, "{n} call", "{n} calls") == "3 Aufrufe"
    finally:
        application.removeTranslator(translator)
