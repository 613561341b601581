"""Makes the Linux package: `python3 packaging/build.py`. Standard library only.

`dist/turnout-VERSION-linux-ARCH.tar.xz` holds one program (tray, proxy and command line) with the Python, the Qt and the libraries it
uses, `install.sh`, an entry for the desktop's menu, the bill of materials and every licence. It needs no Python and no root; it runs
where glibc is at least as new as on the machine that built it. The tools are pinned by hash in `build.lock`, in an environment of their
own under `build/`. Windows and macOS are not built: nobody could check them here.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from audit import version_of
from environment import ROOT, prepare, say

LINUX = ROOT / "packaging" / "linux"
WORK = ROOT / "build" / "package"
NOT_OURS = re.compile(r"^(libstdc\+\+|libgcc_s|libGL|libEGL|libGLX|libGLdispatch|libOpenGL|libdrm|libgbm|ld-linux)")
"""What every system has of its own; carrying an older copy breaks its graphics driver."""
ASKED_FOR_BY_NAME = ("libdbus-1.so", "libXcursor.so")
"""Qt loads them while it runs; no file says that it needs them."""
NOTICE = """Turnout {version} is MIT (LICENSE). This package carries other people's work; each licence lies in a folder here.

Qt {qt} and PySide {qt} (turnout/_internal/PySide6, turnout/_internal/shiboken6) are used under the GNU Lesser General Public License,
version 3 (LGPL-3, and GPL-3 which it refers to). They are plain shared libraries: put your own build of the same version in their
place and Turnout runs with it. Nothing of them was changed. Their sources: https://download.qt.io/official_releases/QtForPython/ and
https://download.qt.io/official_releases/qt/, folder {qt}.

python/    Python {python}                 packages/   {packages} Python packages      system/   {system} packages of {distribution}
"""


def main() -> int:
    if not sys.platform.startswith("linux"):
        say("only the Linux package can be built; for others run from source: python3 packaging/run.py")
        return 1
    python = str(prepare("build"))
    version = version_of((ROOT / "app" / "turnout" / "__init__.py").read_text(encoding="utf-8"))
    name = f"turnout-{version}-linux-{platform.machine()}"
    shutil.rmtree(WORK, ignore_errors=True)
    command = [python, "-m", "PyInstaller", "--noconfirm", "--log-level", "ERROR", "--distpath", str(WORK / name)]
    command += ["--workpath", str(WORK / "steps"), str(LINUX / "turnout.spec")]
    say("freezing (about a minute)")
    if subprocess.run(command, cwd=ROOT, env=dict(os.environ, PYTHONPATH=str(ROOT / "app"))).returncode != 0:
        return 1
    whole = WORK / name
    bundle = whole / "turnout"
    prune(bundle / "_internal")
    lacking = unresolved(bundle)
    if lacking:
        say("the program needs libraries that are neither in it nor on every system: " + ", ".join(lacking))
        return 1
    said = subprocess.run([str(bundle / "turnout"), "--version"], capture_output=True, text=True)
    if said.stdout.strip() != version:
        say(f"the program does not start: {(said.stdout + said.stderr).strip()[-400:]}")
        return 1
    for one in ("install.sh", "turnout.desktop", "turnout.svg"):
        shutil.copy(LINUX / one, whole / one)
    shutil.copy(ROOT / "LICENSE", whole / "LICENSE")
    program = f"import sys; sys.path.insert(0, {str(ROOT / 'packaging')!r}); import sbom; print(sbom.bill({version!r}), end='')"
    bill = subprocess.run([python, "-c", program], capture_output=True, text=True, check=True).stdout
    (whole / f"turnout-{version}.cdx.json").write_text(bill, encoding="utf-8")
    licences(whole, bundle, python, version)
    say("packing")
    path = ROOT / "dist" / f"{name}.tar.xz"
    path.parent.mkdir(exist_ok=True)
    # A higher preset packs tighter and takes many times as long.
    with tarfile.open(path, "w:xz", preset=2) as made:
        made.add(whole, name, filter=ownerless)
    unpacked = sum(file.stat().st_size for file in whole.rglob("*") if file.is_file() and not file.is_symlink())
    say(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1e6:.0f} MB, {unpacked / 1e6:.0f} MB unpacked")
    return 0


def prune(inside: Path) -> None:
    """Takes out the libraries that came for something that the spec left out (GTK, QtNetwork): nobody needs them any more."""

    def libraries() -> list[Path]:
        return [file for file in (*inside.glob("lib*.so*"), *inside.glob("PySide6/Qt/lib/lib*.so*"))]

    while True:
        files = [file for file in inside.rglob("*.so*") if file.is_file() and not file.is_symlink()]
        told = subprocess.run(["objdump", "-p", *map(str, files)], capture_output=True, text=True, check=True).stdout
        needed = set(re.findall(r"^ *NEEDED +(\S+)$", told, re.MULTILINE))
        loose = [one for one in libraries() if one.name not in needed and not one.name.startswith(ASKED_FOR_BY_NAME)]
        loose = [one for one in loose if not one.name.startswith("libpython")]  # the program itself loads it
        if not loose:
            return
        for one in loose:
            one.unlink()


def ownerless(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry


def unresolved(bundle: Path) -> list[str]:
    """Libraries that something in the bundle asks for and nobody has."""
    inside = {file.name for file in bundle.rglob("*.so*")}
    found: set[str] = set()
    for file in [bundle / "turnout", *bundle.rglob("*.so*")]:
        if file.is_symlink():
            continue
        told = subprocess.run(["ldd", str(file)], capture_output=True, text=True).stdout
        found |= set(re.findall(r"^\s*(\S+) => not found", told, re.MULTILINE))
    return sorted(one for one in found - inside if not NOT_OURS.match(one))


def licences(whole: Path, bundle: Path, python: str, version: str) -> None:
    """Everybody's licence beside the program; ends the process where one is not to be found."""
    folder = whole / "licences"
    program = (
        "import json, sys, sysconfig, importlib.metadata as m; from pathlib import Path; import PySide6, re\n"
        "print(json.dumps([PySide6.__version__, sys.version.split()[0], sysconfig.get_path('stdlib'), sysconfig.get_path('purelib')]))"
    )
    told = subprocess.run([python, "-c", program], capture_output=True, text=True, check=True).stdout
    qt, own, stdlib, site = re.findall(r'"([^"]+)"', told)
    packages = 0
    for info in sorted(Path(site).glob("*.dist-info")):
        texts = [
            one
            for one in info.rglob("*")
            if one.is_file() and re.match(r"(?i)(licen[sc]e|copying|notice)", one.name)
        ]
        for text in texts:
            where = folder / "packages" / info.name.removesuffix(".dist-info")
            where.mkdir(parents=True, exist_ok=True)
            shutil.copy(text, where / text.name)
        packages += bool(texts)
    (folder / "python").mkdir(parents=True)
    shutil.copy(Path(stdlib) / "LICENSE.txt", folder / "python" / "LICENSE.txt")
    for text in ("LGPL-3", "GPL-3"):
        (folder / "qt").mkdir(exist_ok=True)
        shutil.copy(Path("/usr/share/common-licenses") / text, folder / "qt" / text)
    system = 0
    for package, path in sorted(owners(bundle).items()):
        (folder / "system").mkdir(exist_ok=True)
        shutil.copy(path, folder / "system" / f"{package}.txt")
        system += 1
    release = Path("/etc/os-release").read_text(encoding="utf-8")
    distribution = (re.search(r'^PRETTY_NAME="(.*)"', release, re.MULTILINE) or [release, "the system"])[1]
    notice = NOTICE.format(
        version=version, qt=qt, python=own, packages=packages, system=system, distribution=distribution
    )
    (folder / "NOTICE").write_text(notice, encoding="utf-8")


def owners(bundle: Path) -> dict[str, Path]:
    """The distribution's packages whose libraries lie in the bundle -> where their licence stands."""
    found: dict[str, Path] = {}
    known = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=True).stdout
    places = dict(re.findall(r"^\s*(\S+) \([^)]*x86-64[^)]*\) => (\S+)$", known, re.MULTILINE)) or dict(
        re.findall(r"^\s*(\S+) \([^)]*\) => (\S+)$", known, re.MULTILINE)
    )
    for file in (bundle / "_internal").glob("*.so*"):
        place = places.get(file.name)
        if place is None or file.name.startswith("libpython"):
            continue  # Python's own
        for path in (place, os.path.realpath(place)):
            told = subprocess.run(["dpkg-query", "-S", path], capture_output=True, text=True).stdout
            package = told.split(":")[0]
            text = Path("/usr/share/doc") / package / "copyright"
            if package and text.exists():
                found[package] = text
                break
        else:
            say(f"nobody says under what licence {file.name} comes: build on Debian or Ubuntu")
            sys.exit(1)
    return found


if __name__ == "__main__":
    sys.exit(main())
