"""The Linux package as a user has it: unpacked, installed, run on a desk, removed. Skipped until `packaging/build.py` has made one."""

import re
import stat
import subprocess
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from tests.support.desk import ROOT, App, Desk, free_port
from tests.support.engine import Engine
from tests.support.proxy import BY_MODEL, two_tiers
from tests.support.script import Script

from turnout import __version__

MADE = sorted((ROOT / "dist").glob(f"turnout-{__version__}-linux-*.tar.xz"))
pytestmark = pytest.mark.skipif(not MADE, reason="no package in dist/: `python3 packaging/build.py` makes it")


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("package")
    with tarfile.open(MADE[-1]) as archive:
        archive.extractall(folder, filter="data")
    return next(folder.iterdir())


@pytest.fixture(scope="module")
def prefix(unpacked: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    where = tmp_path_factory.mktemp("prefix") / "with a blank & more"
    run(unpacked / "install.sh", "--prefix", str(where))
    yield where
    run(unpacked / "install.sh", "--prefix", str(where), "--remove")
    assert [path for path in where.rglob("*") if not path.is_dir()] == []


def run(program: Path, *words: str, **environment: str) -> str:
    base = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"}
    done = subprocess.run([str(program), *words], env={**base, **environment}, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_command_works_without_any_python(prefix: Path, tmp_path: Path) -> None:
    command = prefix / "bin" / "turnout"
    home = str(tmp_path / "home")

    assert run(command, "--version", TURNOUT_HOME=home).strip() == __version__
    assert '"grade": ' in run(command, "grade", "fix the typo in this comment", "--json", TURNOUT_HOME=home)
    assert "all good" in run(command, "rules", "check", str(rules(tmp_path)), TURNOUT_HOME=home)


def rules(folder: Path) -> Path:
    made = folder / "rules.toml"
    made.write_text(BY_MODEL)
    return made


def test_the_menus_entry_and_icon_stand_where_desktops_look(prefix: Path) -> None:
    entry = (prefix / "share" / "applications" / "turnout.desktop").read_text()
    line = re.search(r"^Exec=(.*)$", entry, re.MULTILINE)

    assert line is not None
    assert line[1] == f'"{prefix}/bin/turnout" --window'
    assert "@" not in entry
    assert (prefix / "share/icons/hicolor/scalable/apps/turnout.svg").read_text().startswith("<svg")


def test_everybodys_licence_is_in_it(unpacked: Path) -> None:
    notice = (unpacked / "licences" / "NOTICE").read_text()
    libraries = list((unpacked / "turnout/_internal/PySide6/Qt/lib").glob("libQt6*.so.6"))

    assert "Lesser General Public License" in (unpacked / "licences/qt/LGPL-3").read_text().replace("LESSER GENERAL PUBLIC", "Lesser General Public")
    assert "put your own build" in " ".join(notice.split())
    # Qt's libraries are files of their own: whoever likes may replace them.
    assert {"libQt6Core.so.6", "libQt6Gui.so.6", "libQt6Widgets.so.6"} <= {one.name for one in libraries}
    assert not {one.name for one in libraries} & {"libQt6Network.so.6", "libQt6Qml.so.6", "libQt6Pdf.so.6"}
    assert (unpacked / "licences" / "python" / "LICENSE.txt").exists()
    assert len(list((unpacked / "licences" / "packages").iterdir())) > 30
    assert (unpacked / f"turnout-{__version__}.cdx.json").exists()


def test_nothing_in_it_can_be_written_by_others(unpacked: Path) -> None:
    open_ = [path for path in unpacked.rglob("*") if not path.is_symlink() and path.stat().st_mode & stat.S_IWOTH]

    assert open_ == []


def test_tray_proxy_and_keyring_work_and_an_idle_tray_is_small(
    desk: Desk, prefix: Path, engine: Engine, tmp_path: Path
) -> None:
    engine.default = Script(text="Done.")
    home = tmp_path / "home"
    (home / "state").mkdir(parents=True, mode=0o700)
    (home / "state" / "welcomed").touch()
    (home / "turnout.toml").write_text(f"[server]\nport = {free_port()}\n\n{two_tiers(engine.url, engine.url)}")
    (home / "rules.toml").write_text(BY_MODEL)
    with App(desk, home, command=[str(prefix / "bin" / "turnout")]) as app:
        app.up()
        app.until(lambda: desk.rig("tray"), "an icon in the tray")
        token = app.client("package")
        status, body = app.chat(token, "rename this variable")
        assert (status, b"Done." in body) == (200, True)

        app.turnout("key", "set", "anthropic", "--stdin", stdin="sk-ant-canary-0123456789")
        assert "anthropic" in app.turnout("key", "list")
        assert desk.run("secret-tool", "search", "--all", "service", "turnout")
        app.turnout("key", "remove", "anthropic")

        tray = psutil.Process(app.process.pid)
        app.until(lambda: time.time() - tray.create_time() > 20, "a tray that has settled")
        app.until(lambda: tray.memory_info().rss < 60e6, "an idle tray of less than 60 MB", timeout_s=90)
        assert Path(tray.exe()).resolve() == (prefix / "lib/turnout/turnout").resolve()
        mapped = {Path(one.path).name for one in tray.memory_maps()}
        assert not {name for name in mapped if name.startswith(("libgtk", "libQt6Network", "libcrypto"))}
        proxy = psutil.Process(app.control.status().pid)
        assert not {one.path for one in proxy.memory_maps() if "libQt6" in one.path}
        # Children find the system's libraries, not the package's.
        assert "LD_LIBRARY_PATH" not in proxy.environ()
        app.go()
        app.see("Overview", part=True)
