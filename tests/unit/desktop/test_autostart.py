"""Start at login: a real file that a session manager reads."""

import configparser
import subprocess
import sys
from pathlib import Path

import pytest

from turnout.desktop import autostart

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="XDG autostart is Linux's")


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "config"


def entry() -> configparser.SectionProxy:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # keys of a desktop entry are case-sensitive
    parser.read(autostart.entry(), encoding="utf-8")
    return parser["Desktop Entry"]


def words_of(line: str) -> list[str]:
    """As the specification reads Exec: the file's own escapes first, then quotes, then field codes."""
    text, words, word, quoted, i = line.replace("\\\\", "\\"), [], "", False, 0
    while i < len(text):
        c = text[i]
        if c == "\\" and quoted:
            i += 1
            word += text[i]
        elif c == '"':
            quoted = not quoted
        elif c == " " and not quoted:
            words.append(word)
            word = ""
        else:
            word += c
        i += 1
    return [one.replace("%%", "%") for one in [*words, word]]


def test_it_is_off_until_it_is_switched_on_and_off_again_after(config: Path) -> None:
    assert not autostart.enabled()
    autostart.enable()
    assert autostart.entry() == config / "autostart" / "turnout.desktop"
    assert autostart.enabled()
    autostart.disable()
    assert not autostart.enabled()
    autostart.disable()  # twice is no error


@pytest.mark.parametrize(
    "home", ["/home/ada/.turnout", '/tmp/a "quoted" $HOME `x` back\\slash', "/tmp/100 % mine", "/tmp/it's"]
)
def test_the_command_survives_whatever_stands_in_the_path(home: str) -> None:
    autostart.enable(Path(home))
    assert words_of(entry()["Exec"]) == ["env", f"TURNOUT_HOME={home}", sys.executable, "-m", "turnout"]


def test_its_icon_is_a_file_that_is_there() -> None:
    autostart.enable()
    assert Path(entry()["Icon"]).is_file()


@pytest.mark.parametrize("line", ["Hidden=true", "X-GNOME-Autostart-enabled=false"])
def test_switched_off_in_the_desktops_own_settings_is_off(line: str) -> None:
    autostart.enable()
    autostart.entry().write_text(autostart.entry().read_text().replace("X-GNOME-Autostart-enabled=true", line))
    assert not autostart.enabled()


def test_what_it_starts_is_this_turnout(tmp_path: Path) -> None:
    autostart.enable(tmp_path)
    command = words_of(entry()["Exec"])
    done = subprocess.run([*command, "--version"], capture_output=True, text=True, timeout=60, cwd="/")
    assert "0." in done.stdout + done.stderr
