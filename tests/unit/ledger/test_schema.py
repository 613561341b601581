import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlite_utils import Database
from tests.unit.ledger.made import settled

from turnout.errors import LedgerError
from turnout.ledger.entries import write_settled
from turnout.ledger.reader import Reader
from turnout.ledger.schema import STEPS, VERSION, NewerLedgerError, connect, migrations

_WRITE_OLD = """
INSERT INTO rollups VALUES (498750, 'high', 'openai', 'gpt-5', 'vim', 'ada', 'd', 'p', 3, 1, 0, 30, 90, 5, 0, 10, 1, 2, 4, 0),
  (498760, 'high', 'openai', 'gpt-5', 'vim', 'ada', 'd', 'p', 1, 0, 0, 12, 12, 5, 0, 10, 1, 2, 4, 0)
"""


def _old(path: Path) -> None:
    db = sqlite3.connect(path, isolation_level=None)
    migrations(STEPS[:1]).apply(Database(db))
    db.execute(_WRITE_OLD)
    db.close()
    path.chmod(0o600)


def test_a_new_ledger_has_the_version_that_this_code_reads(tmp_path: Path) -> None:
    db = connect(tmp_path / "ledger.db")
    assert db.execute("PRAGMA user_version").fetchone() == (VERSION,)
    assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert db.execute("PRAGMA auto_vacuum").fetchone() == (2,)
    db.close()


def test_i23_a_ledger_of_the_version_before_is_brought_up_to_date_with_its_sums(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    _old(path)
    connect(path).close()
    assert [(row.calls, row.cost) for row in Reader(path).spend("tier")] == [(4, 42)]
    assert sum(day.calls["high"] for day in Reader(path).series("tier")) == 4


def test_i23_a_migration_that_breaks_half_way_leaves_the_old_ledger(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    _old(path)
    db = sqlite3.connect(path, isolation_level=None)
    broken = (*STEPS[:1], (STEPS[1][0], STEPS[1][1] + "; SELECT * FROM nothing_of_the_kind"))
    with pytest.raises(sqlite3.OperationalError):
        migrations(broken).apply(Database(db))
    assert db.execute("PRAGMA user_version").fetchone() == (1,)
    assert not db.execute("SELECT 1 FROM sqlite_master WHERE name='days'").fetchall()
    db.close()
    connect(path).close()
    assert Reader(path).totals().cost == 42


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_i23_a_kill_at_any_moment_of_a_migration_loses_nothing(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from turnout.ledger.schema import connect\n"
        "import sqlite_utils; print('go', flush=True)\n"
        "connect(Path(sys.argv[1])).close()"
    )
    for number in range(8):
        path = tmp_path / str(number) / "ledger.db"
        path.parent.mkdir(mode=0o700)
        _old(path)
        child = subprocess.Popen(
            [sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": "app"}
        )
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(number * 0.002)
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        connect(path).close()
        assert Reader(path).totals().cost == 42


def test_i23_a_newer_ledger_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    db = connect(path)
    write_settled(db, settled(1))
    db.execute(f"PRAGMA user_version={VERSION + 1}")
    db.close()
    before = path.read_bytes()
    with pytest.raises(NewerLedgerError, match="newer Turnout"):
        connect(path)
    with pytest.raises(NewerLedgerError, match="newer Turnout"):
        Reader(path).calls()
    assert path.read_bytes() == before


def test_an_older_ledger_says_to_start_turnout_once(tmp_path: Path) -> None:
    _old(tmp_path / "ledger.db")
    with pytest.raises(LedgerError, match="older Turnout"):
        Reader(tmp_path / "ledger.db").totals()


def test_a_file_that_is_no_ledger_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_text("no database " * 100)
    (tmp_path / "ledger.db").chmod(0o600)
    with pytest.raises(LedgerError, match=r"ledger\.db cannot be used"):
        connect(tmp_path / "ledger.db")


def test_another_program_that_opens_and_closes_the_ledger_does_not_take_its_log_away(tmp_path: Path) -> None:
    """Two connections, as the writer has; a database browser comes and goes."""
    path = tmp_path / "ledger.db"
    count = "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); print(db.execute('SELECT count(*) FROM calls').fetchone()[0])"

    def counted_elsewhere() -> int:
        return int(subprocess.run((sys.executable, "-c", count, path), capture_output=True, check=True).stdout)

    first = connect(path)
    second = connect(path)
    for number, db in enumerate((first, second, first), 1):
        write_settled(db, settled(number))
        assert counted_elsewhere() == number
    assert path.with_name("ledger.db-wal").exists()
    second.close()
    first.close()
