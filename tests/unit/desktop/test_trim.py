"""What the tray hands back to the system when it is quiet: clean pages of files, and nothing else."""

import subprocess
import sys

import pytest

from turnout.desktop.trim import clean_parts


def mapping(start: int, pages: int, rights: str, path: str, resident_kb: int, anonymous_kb: int = 0) -> str:
    return (
        f"{start:x}-{start + pages * 4096:x} {rights} 00002000 fe:00 247278    {path}\n"
        f"Size: {pages * 4} kB\nRss:  {resident_kb} kB\nPss: 0 kB\nAnonymous:  {anonymous_kb} kB\nVmFlags: rd mr mw me \n"
    )


def test_a_clean_read_only_part_of_a_file_is_found_with_its_size() -> None:
    code = mapping(0x7F0000000000, 512, "r-xp", "/usr/lib/libQt6Gui.so.6", 1_400)
    constants = mapping(0x7F1000000000, 256, "r--p", "/usr/lib/with a blank.so", 100)

    assert clean_parts(code + constants) == [
        (0x7F0000000000, 512 * 4096, 1_400 * 1024),
        (0x7F1000000000, 256 * 4096, 100 * 1024),
    ]


@pytest.mark.parametrize(
    "kept",
    [
        mapping(0x7F0000000000, 512, "rw-p", "/usr/lib/libQt6Gui.so.6", 1_400),
        mapping(0x7F0000000000, 512, "r--p", "/usr/lib/libQt6Gui.so.6", 1_400, anonymous_kb=4),  # relocated, then made read-only
        mapping(0x7F0000000000, 512, "rw-p", "", 1_400, anonymous_kb=1_400),
        mapping(0x7F0000000000, 512, "r-xp", "", 1_400),
        mapping(0x7F0000000000, 512, "rw-p", "[heap]", 1_400, anonymous_kb=1_400),
        mapping(0x7F0000000000, 2, "r-xp", "[vdso]", 1_400),
        mapping(0x7F0000000000, 512, "r-xp", "/usr/lib/libQt6Gui.so.6", 8),  # nothing to win
    ],
    ids=["written", "relocated", "heap", "made", "brk", "kernel", "small"],
)
def test_what_was_ever_written_or_stands_in_no_file_is_kept(kept: str) -> None:
    assert clean_parts(kept) == []


@pytest.mark.skipif(sys.platform != "linux", reason="Linux keeps these pages and takes them back")
def test_a_process_that_gave_pages_back_is_smaller_and_works_on() -> None:
    program = """
import re
from PySide6.QtWidgets import QApplication, QLabel
from turnout.desktop.trim import give_back

def resident():
    return int(re.search(r"^Rss: +(\\d+)", open("/proc/self/smaps_rollup").read(), re.M)[1]) * 1024

application = QApplication([])
label = QLabel("before")
label.grab()
before = resident()
given = give_back()
after = resident()
label.setText("after")
assert not label.grab().isNull()
assert given > 10e6, given
assert before - after > 5e6, (before, after)
"""

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
