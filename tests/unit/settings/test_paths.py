"""Folders and files of our own: made so that nobody else can read them, refused where somebody else had a hand in them (T06, T25)."""

import os
from pathlib import Path

import pytest

from turnout.errors import SettingsError
from turnout.settings.paths import Paths

pytestmark = pytest.mark.skipif(os.name != "posix", reason="modes and owners of POSIX")


def of(home: Path) -> Paths:
    return Paths(home, home / "data", home / "state", home / "run")


def test_t06_new_folders_are_the_owners_alone_from_the_first_moment(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        of(tmp_path / "a" / "home").make()
    finally:
        os.umask(before)

    for folder in (tmp_path / "a/home", tmp_path / "a/home/data", tmp_path / "a/home/state", tmp_path / "a/home/run"):
        assert folder.stat().st_mode & 0o777 == 0o700


def test_t06_a_folder_that_others_could_read_is_closed(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o755)

    of(home).make()

    assert home.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o1777, 0o702])
@pytest.mark.parametrize("folder", ["", "data", "run"])
def test_t25_a_folder_in_which_others_could_have_put_things_is_refused_and_left_as_it_is(
    tmp_path: Path, mode: int, folder: str
) -> None:
    of(tmp_path / "home").make()
    place = tmp_path / "home" / folder
    (place / "something").write_text("planted")
    place.chmod(mode)

    with pytest.raises(SettingsError, match="others can write to") as told:
        of(tmp_path / "home").make()

    assert ("chmod 700" in told.value.hint) is not bool(mode & 0o1000)
    assert "et TURNOUT_HOME" in told.value.hint
    assert place.stat().st_mode & 0o7777 == mode


@pytest.mark.parametrize(
    "name", ["data/ledger.db", "data/ledger.db-wal", "state/turnout.log", "run/lock", "run/runtime.json"]
)
@pytest.mark.parametrize("planted", ["link", "dangling link", "folder", "pipe", "writable"])
def test_t25_a_file_that_is_not_plainly_ours_is_not_written_to(tmp_path: Path, name: str, planted: str) -> None:
    home = tmp_path / "home"
    of(home).make()
    place = home / name
    target = tmp_path / "target"
    if planted == "link":
        target.write_text("precious")
    if "link" in planted:
        place.symlink_to(target)
    elif planted == "folder":
        place.mkdir()
    elif planted == "pipe":
        os.mkfifo(place)
    else:
        place.write_text("")
        place.chmod(0o666)

    with pytest.raises(SettingsError, match="is a link, no plain file, or others can write to it"):
        of(home).make()

    assert not target.exists() or target.read_text() == "precious"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("name", ["", "data", "data/ledger.db", "run/runtime.json"])
def test_t25_what_belongs_to_another_user_is_refused(tmp_path: Path, name: str) -> None:
    home = tmp_path / "home"
    of(home).make()
    place = home / name
    if not place.exists():
        place.write_text("")
    os.chown(place, 65534, 65534)

    with pytest.raises(SettingsError):
        of(home).make()
