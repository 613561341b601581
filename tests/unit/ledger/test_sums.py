"""I22, I03: whatever happens in whatever order, every sum the ledger shows is the sum of its calls, to the nano."""

import asyncio
import shutil
import sqlite3
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tests.unit.ledger.made import AT_MS, held, settled

from turnout.calls.units import Status, Tier
from turnout.ledger.reader import Reader
from turnout.ledger.recover import recover
from turnout.ledger.writer import Writer

KEYS = ("day|client=a", "day|client=b", "ever|all")
_buckets = st.lists(st.sampled_from(KEYS), unique=True, max_size=3).map(tuple)
_nanos = st.integers(min_value=0, max_value=10**12)


class LedgerSums(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.loop = asyncio.new_event_loop()
        self.open: dict[int, tuple[int, tuple[str, ...]]] = {}
        self.ended: dict[int, tuple[int, tuple[str, ...], Status]] = {}
        self.next = 0
        self._start()

    def _start(self) -> None:
        self.writer = Writer(self.folder / "l.db", self.loop)
        self.reader = Reader(self.folder / "l.db")

    @rule(nanos=_nanos, buckets=_buckets)
    def hold(self, nanos: int, buckets: tuple[str, ...]) -> None:
        self.next += 1
        self._hold(self.next, nanos, buckets)

    @precondition(lambda self: self.open)
    @rule(data=st.data(), nanos=_nanos, buckets=_buckets)
    def next_step(self, data: st.DataObject, nanos: int, buckets: tuple[str, ...]) -> None:
        self._hold(data.draw(st.sampled_from(sorted(self.open))), nanos, buckets)

    def _hold(self, number: int, nanos: int, buckets: tuple[str, ...]) -> None:
        self.loop.run_until_complete(self.writer.held(held(number, hold=nanos, buckets=buckets)))
        self.open[number] = (nanos, buckets)

    @precondition(lambda self: self.open)
    @rule(data=st.data(), cost=_nanos, status=st.sampled_from([Status.SETTLED, Status.FAILED, Status.ABORTED]))
    def settle(self, data: st.DataObject, cost: int, status: Status) -> None:
        number = data.draw(st.sampled_from(sorted(self.open)))
        _, buckets = self.open.pop(number)
        self._settle(number, cost, buckets, status)
        self.ended[number] = (cost, buckets, status)

    @precondition(lambda self: self.ended)
    @rule(data=st.data(), cost=_nanos)
    def settle_again(self, data: st.DataObject, cost: int) -> None:
        self._settle(data.draw(st.sampled_from(sorted(self.ended))), cost, KEYS, Status.SETTLED)

    @rule(buckets=_buckets)
    def refuse(self, buckets: tuple[str, ...]) -> None:
        self.next += 1
        self._settle(self.next, 0, buckets, Status.REFUSED)
        self.ended[self.next] = (0, buckets, Status.REFUSED)

    def _settle(self, number: int, cost: int, buckets: tuple[str, ...], status: Status) -> None:
        tier, at_ms = list(Tier)[number % 3], AT_MS + number * 7_000_000
        self.writer.settle(settled(number, cost=cost, buckets=buckets, status=status, tier=tier, at_ms=at_ms))

    @rule()
    def restart(self) -> None:
        """What was under way is cut off: charged as held."""
        self.writer.close()
        self.reader.close()
        assert recover(self.folder / "l.db").charged == len(self.open)
        for number, (nanos, buckets) in self.open.items():
            self.ended[number] = (nanos, buckets, Status.ABORTED)
        self.open.clear()
        self._start()

    @invariant()
    def every_sum_is_the_sum_of_the_calls(self) -> None:
        self.loop.run_until_complete(self.writer.flush())
        total = sum(cost for cost, _, _ in self.ended.values())
        paid = [(cost, keys) for cost, keys, status in self.ended.values() if status is not Status.REFUSED]
        by_key = {key: sum(cost for cost, keys in paid if key in keys) for key in KEYS}
        with sqlite3.connect(self.folder / "l.db") as db:
            sums = [
                db.execute(f"SELECT coalesce(sum(cost),0) FROM {table}").fetchone()[0]
                for table in ("calls", "rollups", "days")
            ]
        db.close()
        assert sums == [total] * 3
        assert self.reader.totals().cost == total
        assert self.reader.totals().calls == len(self.ended)
        assert self.reader.open_holds() == len(self.open)
        spend = self.reader.bucket_spend()
        assert {key: spend.get(key, (0,))[0] for key in KEYS} == by_key
        known = self.writer.known()
        for key in KEYS:
            assert known.taken(key) == by_key[key] + sum(n for n, keys in self.open.values() if key in keys)

    def teardown(self) -> None:
        self.writer.close()
        self.reader.close()
        self.loop.close()
        shutil.rmtree(self.folder)


TestLedgerSums = LedgerSums.TestCase
TestLedgerSums.settings = settings(max_examples=12, stateful_step_count=20, deadline=None)
