"""The calls as a table of any length: a page of rows at a time, read in the ledger's lane, kept for a while.

Two parts: a *snapshot*, everything from the newest call at the time of the search downwards, whose rows never move;
and a *head* above it with what came in since. So an arriving call shifts no page, and scrolling is by offset.
First rows are shown before the count is known: over a million rows counting a filter takes far longer. Both look through a
stretch at a time, for two seconds; then they stop, say so, and go on when asked to. Where each stretch begins is kept, so that
a jump into the middle of what was found reads one stretch, not all above it.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QElapsedTimer, QModelIndex, QPersistentModelIndex, Qt, QTimer, Signal

from turnout.calls.record import CallRecord
from turnout.calls.units import USD_NANOS, Status
from turnout.desktop import text
from turnout.desktop.sources import Key, Ledger, Scan, Search, Tally, key_of
from turnout.desktop.tasks import Lane
from turnout.desktop.text import tr
from turnout.errors import TurnoutError

PAGE = 100
KEPT = 40
"""Pages in memory: 4,000 rows."""
HEAD = 400
"""New rows above the snapshot before the table is read anew."""
SCANNED = (5_000, 40_000, 100_000)
"""Calls that a search for words looks through at a time: first few, for who types waits; the last figure repeats."""
COUNTED = (100_000, 1_000_000)
"""Calls that counting looks through at a time: for words, and for what has an index."""
LONGEST_MS = 2_000
"""A search, or counting what it finds, stops after this, until somebody asks to go on."""
UNFINISHED = (Status.HELD, Status.RUNNING)

TIME, CLIENT, WHY, GRADE, TIER, MODEL, TOKENS, COST, TOOK = range(9)
RECORD = int(Qt.ItemDataRole.UserRole) + 1
Index = QModelIndex | QPersistentModelIndex


def titles() -> tuple[str, ...]:
    return (
        tr("Time"),
        tr("Client"),
        tr("Why"),
        tr("Grade"),
        tr("Tier"),
        tr("Model"),
        tr("Tokens"),
        tr("Cost"),
        tr("Took"),
    )


def cell(call: CallRecord, column: int) -> str:
    """What a cell says; outside text is cut to one line."""
    usage = call.usage
    if column == TIME:
        return text.stamp(call.at_ms)
    if column == CLIENT:
        return text.one_line(call.client or tr("unknown"))
    if column == WHY:
        return why(call)
    if column == GRADE:
        return text.grade(call.grade)
    if column == TIER:
        return text.status(call.status) if call.status is Status.REFUSED else text.tier(call.tier)
    if column == MODEL:
        return text.one_line(call.model or call.asked_model, 120)
    if column == TOKENS:
        return f"{text.number(usage.prompt)} → {text.number(usage.produced)}" if usage.prompt or usage.produced else "–"
    if column == COST:
        return cost(call)
    if call.status in UNFINISHED:
        return text.status(call.status)
    return text.duration(call.duration_ms)


def why(call: CallRecord) -> str:
    """The error, or the reason; the grade's own column says the grade already."""
    if call.status in (Status.FAILED, Status.REFUSED) and call.error:
        return text.one_line(call.error, 160)
    said = text.one_line(call.reason or call.rule, 160)
    return said.removeprefix(f"grade {call.grade.name}: ") if call.grade is not None else said


def cost(call: CallRecord) -> str:
    if call.status in UNFINISHED:
        return "–"
    if call.unpriced:
        return tr("unpriced")
    if call.cost == 0:
        return tr("Free") if call.tier is not None and call.status is Status.SETTLED else "–"
    return text.money(call.cost, 2 if call.cost >= USD_NANOS else 4)


class CallsModel(QAbstractTableModel):
    loaded = Signal()
    """First rows, the count or an error are there."""

    def __init__(self, lane: Lane[Ledger], slow: Lane[Ledger]) -> None:
        """`slow` counts: over a million rows that takes a second, which the table need not wait for."""
        super().__init__()
        self._lane, self._slow = lane, slow
        self._titles = titles()
        self.search = Search()
        self.problem = ""
        self.loading = True
        self.counted = False
        self.searching = False
        """Older calls are still being looked through; rows may be added below."""
        self.stopped = False
        """It took too long: older calls are neither searched nor counted until `go_on`."""
        self.reached_ms = 0
        """Down to where a search has looked; 0: nowhere yet, or to the end."""
        self._patient = False
        self._next: Callable[[], None] = lambda: None
        self._spent = QElapsedTimer()
        self._marks: list[tuple[int, int]] = []
        """Of each counted stretch, newest first: the number of its first row, and the moment before which it begins (0: now)."""
        self._ceiling: Key | None = None
        self._total = 0
        self._head: list[CallRecord] = []
        self._pages: OrderedDict[int, Sequence[CallRecord]] = OrderedDict()
        self._asked: set[int] = set()
        self._fetching: set[int] = set()
        """Pages on their way: asked for again, an answer would be dropped for the next one's sake, and so on while rows are repainted."""
        self._epoch = 0
        self._refreshing = False
        # Scrolling asks for pages row by row: one turn of the event loop gathers them.
        self._gather = QTimer(self)
        self._gather.setSingleShot(True)
        self._gather.setInterval(0)
        self._gather.timeout.connect(self._fetch)

    # -- asking

    def reload(self, search: Search | None = None) -> None:
        if search is not None:
            self.search = search
        self._epoch += 1
        self.loading = True
        self.searching = self.stopped = self._patient = False
        self.reached_ms = 0
        self._marks.clear()
        self._fetching.clear()
        self._spent.start()
        wanted, epoch = self.search, self._epoch
        if not wanted.everything:
            self._scan(0, 0, epoch)
            return

        def work(ledger: Ledger) -> tuple[Sequence[CallRecord], Sequence[CallRecord]]:
            rows = ledger.page(wanted, None, 0, PAGE)
            # A search need not look for the newest twice; only without one are calls under way shown.
            return rows, ledger.head(wanted, PAGE) if wanted.everything else ()

        self._lane.run(work, lambda got: self._first(*got, epoch), self._failed, key="calls-first", owner=self)

    def refresh(self) -> None:
        """The ledger changed: what is new above the snapshot."""
        if self._refreshing or self.loading or self.searching:
            return
        if self._ceiling is None and not self._head and self.search.everything:
            self.reload()
            return
        self._refreshing = True
        wanted, epoch = self.search, self._epoch
        self._lane.run(
            # What is new stands among the newest: to look further for it would be the whole search again.
            lambda ledger: (
                ledger.head(wanted, HEAD) if wanted.everything else ledger.scan(wanted, 0, SCANNED[0], HEAD).rows
            ),
            lambda got: self._refreshed(got, epoch),
            self._not_refreshed,
            owner=self,
        )

    def _scan(self, step: int, until_ms: int, epoch: int) -> None:
        """The text of calls has no index: through the ledger a stretch at a time, so that the first rows show at once, a newer
        search never waits for an older one, and a table that is full stops it."""
        wanted, rows = self.search, SCANNED[min(step, len(SCANNED) - 1)]
        lane = self._lane if step == 0 else self._slow
        lane.run(
            lambda ledger: ledger.scan(wanted, until_ms, rows, PAGE),
            lambda found: self._scanned(found, step, epoch),
            self._failed,
            key="calls-first" if step == 0 else "calls-count",
            owner=self,
        )

    def _scanned(self, found: Scan, step: int, epoch: int) -> None:
        if epoch != self._epoch:
            return
        if step == 0:
            full = len(found.rows) >= PAGE
            self._first(found.rows, (), epoch, whole=not full)
        else:
            full = self._add(found.rows)
        more = not full and found.until_ms > 0
        self.reached_ms = found.until_ms
        self.searching = more and self._may_go_on(lambda: self._scan(step + 1, found.until_ms, epoch))
        if full and step:
            self._ask_count(epoch)
        self.loaded.emit()

    def _add(self, rows: Sequence[CallRecord]) -> bool:
        """Into the only page there is, each at its place; whether that page is full now."""
        page = list(self._pages.get(0, ()))
        have = {call.id for call in page}
        if not page and rows:
            self._ceiling = key_of(rows[0])
        for call in rows:
            if call.id in have or len(page) >= PAGE:
                continue
            at = next((n for n, other in enumerate(page) if key_of(other) < key_of(call)), len(page))
            self.beginInsertRows(QModelIndex(), len(self._head) + at, len(self._head) + at)
            page.insert(at, call)
            self._pages[0], self._total = page, len(page)
            self.endInsertRows()
        return len(page) >= PAGE

    # -- answers

    def _first(
        self, rows: Sequence[CallRecord], head: Sequence[CallRecord], epoch: int, *, whole: bool = False
    ) -> None:
        """`whole`: there may be more rows than these, but then a scan adds them."""
        if epoch != self._epoch:
            return
        rows = rows[:PAGE]
        self.beginResetModel()
        self.problem, self.loading = "", False
        self._ceiling = key_of(rows[0]) if rows else None
        self._total = len(rows)
        self._pages.clear()
        self._asked.clear()
        if rows:
            self._pages[0] = rows
        self._head = self._above(head, frozenset())
        self.counted = whole or len(rows) < PAGE
        self.endResetModel()
        self.loaded.emit()
        if not self.counted:
            self._ask_count(epoch)

    def _ask_count(self, epoch: int) -> None:
        self.counted = False
        if not self.search.everything:
            self._marks.clear()
            self._tally(0, self.search.until_ms, epoch)
            return

        def counted(total: int) -> None:
            if epoch == self._epoch:
                self._grow(total)
                self._all_counted()

        self._slow.run(lambda ledger: ledger.count(), counted, self._failed, key="calls-count", owner=self)

    def _tally(self, before: int, until_ms: int, epoch: int) -> None:
        """`before`: how many were found above."""
        wanted, ceiling, rows = self.search, self._ceiling, COUNTED[0 if self.search.text else 1]
        self._marks.append((before, until_ms))
        self._slow.run(
            lambda ledger: ledger.tally(wanted, ceiling, until_ms, rows),
            lambda found: self._tallied(before, found, epoch),
            self._failed,
            key="calls-count",
            owner=self,
        )

    def _tallied(self, before: int, found: Tally, epoch: int) -> None:
        if epoch != self._epoch:
            return
        total = before + found.calls
        self._grow(total)
        self.reached_ms = found.until_ms
        if not found.until_ms:
            self._all_counted()
            return
        self._may_go_on(lambda: self._tally(total, found.until_ms, epoch))
        self.loaded.emit()

    def _may_go_on(self, step: Callable[[], None]) -> bool:
        """Whether it did: not after LONGEST_MS, until somebody asks."""
        if self._patient or self._spent.elapsed() < LONGEST_MS:
            step()
            return True
        self.stopped, self._next = True, step
        return False

    def go_on(self) -> None:
        """Looks through the rest, however long it takes."""
        if self.stopped:
            self.stopped, self._patient = False, True
            self.searching = self.counted  # all found so far is listed: what follows adds rows
            self._next()
            self.loaded.emit()

    def _above(self, rows: Sequence[CallRecord], before: frozenset[str]) -> list[CallRecord]:
        """Of the newest calls those that the snapshot does not hold: newer, under way, or there before."""
        ceiling = self._ceiling
        return [
            call
            for call in rows
            if ceiling is None or key_of(call) > ceiling or call.status in UNFINISHED or call.id in before
        ]

    def _grow(self, total: int) -> None:
        if total > self._total:
            last = self._total // PAGE
            if len(self._pages.get(last, ())) < PAGE:  # it ended where counting had come to
                self._pages.pop(last, None)
            self.beginInsertRows(QModelIndex(), len(self._head) + self._total, len(self._head) + total - 1)
            self._total = total
            self.endInsertRows()

    def _all_counted(self) -> None:
        self.counted = True
        self.reached_ms = 0
        self.loaded.emit()

    def _refreshed(self, newest: Sequence[CallRecord], epoch: int) -> None:
        self._refreshing = False
        if epoch != self._epoch:
            return
        head = self._above(newest, frozenset(call.id for call in self._head))
        extra = len(head) - len(self._head)
        if len(head) >= HEAD or extra < 0:  # too much came in, or retention took rows away under us
            self.reload()
            return
        if extra:
            self.beginInsertRows(QModelIndex(), 0, extra - 1)
            self._head = head
            self.endInsertRows()
        changed = extra > 0 or head != self._head
        self._head = head
        if head and changed:
            self.dataChanged.emit(self.index(0, 0), self.index(len(head) - 1, TOOK))
            self.loaded.emit()

    def _not_refreshed(self, _: TurnoutError) -> None:
        self._refreshing = False

    def _failed(self, error: TurnoutError) -> None:
        self.loading = False
        self.problem = error.said
        self.loaded.emit()

    # -- pages

    def _fetch(self) -> None:
        wanted = sorted(self._asked - set(self._pages))[-4:]
        self._asked.clear()
        while wanted:
            run = [wanted.pop(0)]
            while wanted and wanted[0] == run[-1] + 1:
                run.append(wanted.pop(0))
            self._fetch_pages(run)

    def _fetch_pages(self, numbers: Sequence[int]) -> None:
        """Neighbours together: each jump passes over all that is above it."""
        self._fetching.update(numbers)
        wanted, ceiling, epoch, first = self.search, self._ceiling, self._epoch, numbers[0] * PAGE
        skip, count = first, max(1, min(len(numbers) * PAGE, self._total - first))
        mark = next((one for one in reversed(self._marks) if one[0] <= first), None)
        above = self._pages.get(numbers[0] - 1, ())
        if len(above) == PAGE:
            ceiling, skip = key_of(above[-1]), 1
        elif mark is not None and mark[0]:
            skip = first - mark[0]
            wanted = replace(wanted, until_ms=mark[1])
        left = self._total - first - count
        from_below = wanted.everything and self.counted and left < skip

        def work(ledger: Ledger) -> Sequence[CallRecord]:
            return ledger.oldest(count, left) if from_below else ledger.page(wanted, ceiling, skip, count)

        self._lane.run(
            work,
            lambda rows: self._paged(numbers, rows, count, epoch),
            lambda error: self._not_paged(numbers, error, epoch),
            key=f"calls-page-{numbers[0]}",
            owner=self,
        )

    def _paged(self, numbers: Sequence[int], rows: Sequence[CallRecord], asked: int, epoch: int) -> None:
        if epoch != self._epoch:
            return
        self._fetching.difference_update(numbers)
        if asked < min(len(numbers) * PAGE, self._total - numbers[0] * PAGE):  # more was counted meanwhile
            self._fetch_pages(numbers)
            return
        for place, number in enumerate(numbers):
            self._pages[number] = rows[place * PAGE : (place + 1) * PAGE]
            while len(self._pages) > KEPT:
                self._pages.popitem(last=False)
            self._page_changed(number)

    def _not_paged(self, numbers: Sequence[int], error: TurnoutError, epoch: int) -> None:
        if epoch == self._epoch:
            self._fetching.difference_update(numbers)
            self._failed(error)

    def _page_changed(self, number: int) -> None:
        first = len(self._head) + number * PAGE
        last = min(first + PAGE, self.rowCount()) - 1
        if first <= last:
            self.dataChanged.emit(self.index(first, 0), self.index(last, TOOK))

    def record(self, row: int) -> CallRecord | None:
        """None: not here yet; it is being fetched and `dataChanged` will tell."""
        if row < len(self._head):
            return self._head[row]
        number, offset = divmod(row - len(self._head), PAGE)
        page = self._pages.get(number)
        if page is None:
            if number not in self._asked and number not in self._fetching:
                self._asked.add(number)
                self._gather.start()
            return None
        self._pages.move_to_end(number)
        return page[offset] if offset < len(page) else None

    def row_of(self, call_id: str) -> int:
        """-1 when the call is not among the rows in memory."""
        for row, call in enumerate(self._head):
            if call.id == call_id:
                return row
        for number, page in self._pages.items():
            for offset, call in enumerate(page):
                if call.id == call_id:
                    return len(self._head) + number * PAGE + offset
        return -1

    # -- Qt

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008  Qt's own signature
        return 0 if parent.isValid() else len(self._head) + self._total

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._titles)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation is Qt.Orientation.Horizontal:
            if role == Qt.ItemDataRole.DisplayRole:
                return self._titles[section]
            if role == Qt.ItemDataRole.TextAlignmentRole:
                side = Qt.AlignmentFlag.AlignRight if section >= TOKENS else Qt.AlignmentFlag.AlignLeft
                return int(side | Qt.AlignmentFlag.AlignVCenter)
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or role not in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole, RECORD):
            return None
        call = self.record(index.row())
        if role == RECORD:
            return call
        if call is None:
            return "" if role == Qt.ItemDataRole.DisplayRole else tr("Loading")
        said = cell(call, index.column())
        return said if role == Qt.ItemDataRole.DisplayRole else f"{self._titles[index.column()]}: {said}"
