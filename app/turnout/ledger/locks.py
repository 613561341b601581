"""Who holds the ledger's write lock, as Linux tells it: asked, not taken, so nothing changes.

Never in a process that has the ledger open: the system drops all of a process's locks on a file when it closes one handle of it.
"""

import sys
from pathlib import Path

WAL_WRITE_LOCK = 120
"""The byte of the `-shm` file that SQLite's writer locks in WAL mode (walformat, 2.3.1)."""


def writer_of(ledger: Path) -> int | None:
    """Its process id, 0 for one that we cannot see; None: nobody else writes, or this system does not tell."""
    if sys.platform != "linux":
        return None
    import fcntl
    import struct

    # struct flock: type, whence, start, length, pid.
    asked = struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, WAL_WRITE_LOCK, 1, 0)
    try:
        with ledger.with_name(ledger.name + "-shm").open("rb") as shared:
            kind, _, _, _, pid = struct.unpack("hhqqi4x", fcntl.fcntl(shared, fcntl.F_GETLK, asked))
    except OSError:
        return None
    return None if kind == fcntl.F_UNLCK else int(pid)
