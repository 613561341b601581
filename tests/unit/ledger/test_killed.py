import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.unit.ledger.made import DAY

from turnout.ledger.callfilter import CallFilter
from turnout.ledger.reader import Reader
from turnout.ledger.recover import recover

KILLS = int(os.environ.get("TURNOUT_KILLS", "12"))
"""300 in the long run, as the invariant asks."""
ROOT = Path(__file__).parents[3]


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
@pytest.mark.timeout(900)
def test_i01_whatever_moment_the_writer_is_killed_at_nothing_billed_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    dice = random.Random(7)
    billed: set[str] = set()
    for kill in range(KILLS):
        child = subprocess.Popen(
            [sys.executable, "-m", "tests.unit.ledger.killed_writer", str(path), str(kill * 100_000)],
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": "app"},
            text=True,
        )
        assert child.stdout is not None
        first = child.stdout.readline()
        time.sleep(dice.uniform(0, 0.05))
        child.send_signal(signal.SIGKILL)
        rest = child.stdout.read()
        child.wait()
        child.stdout.close()
        lines = (first + rest).split("\n")[:-1]
        billed |= {f"{int(line.split()[1]):020d}" for line in lines}
        recover(path)
        reader = Reader(path)
        assert reader.open_holds() == 0
        reader.close()
    reader = Reader(path)
    rows = {record.id: record.cost for record in reader.calls(10_000_000, where=CallFilter())}
    assert len(billed) >= KILLS
    assert billed <= rows.keys()
    assert all(rows[call] >= 4_000_000 for call in billed)
    assert sum(rows.values()) == reader.totals().cost == reader.bucket_spend()[DAY][0]
    assert reader.totals().calls == len(rows)
