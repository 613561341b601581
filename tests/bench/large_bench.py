"""The window over a ledger of ten million calls in a year (13 GB): opening, the far end, filters, a year in Overview. No proxy beside.

    python tests/bench/large_bench.py [--rows N] [--keep DIR]      in DIR the ledger is made once (some minutes) and used again

Ten million rows, 13.0 GB (made in 460 s), on two cores shared with a load of 15, Python 3.11; CPU of the whole process, and by the
clock in brackets, medians:

    Overview, a year of days, every card of it      349 ms (942), the questions off the UI thread
    Calls, first rows                                38 ms (106)
    scrolled to the end                              30 ms (89); 7 s from a cold disk by skipping all that is above
    scrolled to the middle                          634 ms (2,733): five million entries of the index are passed over
    filter, first rows: a client, a session          35 and 57 ms (123, 183)
    what is nowhere                                 it stops after 2 s, says how far back it looked, and goes on when asked
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "app"), str(ROOT), str(ROOT / "packaging")]

from tests.bench.desk_bench import qt, said, spin  # noqa: E402  the paths above come first

if TYPE_CHECKING:
    from turnout.desktop.models.calls import CallsModel


def large(rows: int, keep_in: Path | None, times: int) -> None:
    """Overview and Calls in the real window, without a proxy, over a ledger of a year."""
    keep = qt()
    from tests.bench.ledger_bench import fill

    from turnout.desktop.calltable import CallTable
    from turnout.desktop.desk import Desk as Shared
    from turnout.desktop.models.calls import RECORD
    from turnout.desktop.pages.calls import Calls
    from turnout.desktop.pages.overview import Overview
    from turnout.desktop.window import Window
    from turnout.ledger.schema import connect
    from turnout.settings.paths import paths

    with tempfile.TemporaryDirectory() as folder:
        where = keep_in or Path(folder)
        path = where / "data" / "ledger.db"
        if not path.exists():
            path.parent.mkdir(mode=0o700, exist_ok=True)
            fill(path, rows)
        connect(path).close()
        os.environ["TURNOUT_HOME"] = str(where)
        shared = Shared(paths())
        view = Window(shared, tray=True)
        view.show()
        overview = view.page("overview")
        assert isinstance(overview, Overview)
        asked: dict[str, list[float]] = {}
        worked: dict[str, list[float]] = {}

        def took(name: str, act: Callable[[], object], until: Callable[[], bool]) -> None:
            began, busy = time.perf_counter(), time.process_time()
            act()
            spin(until)
            asked.setdefault(name, []).append(time.perf_counter() - began)
            worked.setdefault(name, []).append(time.process_time() - busy)

        def year() -> None:
            overview._spend = None
            overview.ranges.usual.set_value("365")
            overview.refresh()

        for _ in range(times):
            took("Overview, a year", year, lambda: overview._spend is not None)
        view.go("calls")
        calls = view.page("calls")
        assert isinstance(calls, Calls)
        table, model = calls.table, calls.model
        assert isinstance(table, CallTable)

        def there(row: int) -> bool:
            return model.rowCount() > row and model.data(model.index(row, 0), RECORD) is not None

        def shows(row: int) -> Callable[[], bool]:
            return lambda: there(row)

        for _ in range(times):
            took("Calls, first rows", model.reload, lambda: not model.loading and there(0))
            spin(lambda: model.counted)
            last = model.rowCount() - 1
            took("scrolled to the end", table.scrollToBottom, shows(last))
            took("and to the middle", lambda last=last: table.scrollTo(model.index(last // 2, 0)), shows(last // 2))  # type: ignore[misc]
            for name, text in (("a client", "client3"), ("a session", "session77"), ("nowhere", "no such thing")):
                took(f"filter: {name}, first rows or none", partial(calls.seek.setText, text), settled(model, text))
                spin(lambda: not model.searching and (model.counted or model.stopped))
                print(f"{name}: {model.rowCount():,} rows, stopped {model.stopped}")
            calls.seek.setText("")
            spin(lambda: not model.loading and model.search.everything)
        for name, seconds in asked.items():
            said(f"{name}, by the clock", seconds)
            said(f"{'':{len(name)}}  CPU", worked[name])
        shared.end()
        from shiboken6 import delete

        delete(view)
    del keep


def settled(model: "CallsModel", text: str) -> Callable[[], bool]:
    """That search has rows, or is over."""
    return lambda: model.search.text == text and not model.loading and (bool(model.rowCount()) or not model.searching)


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--rows", type=int, default=10_000_000)
    asked.add_argument("--times", type=int, default=5)
    asked.add_argument("--keep", type=Path)
    given = asked.parse_args()
    large(given.rows, given.keep, given.times)


if __name__ == "__main__":
    main()
