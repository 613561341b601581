"""Charts with an axis, whose values are pointed at one by one: bars by the day, and what is left of a budget.

Pointer and arrow keys do the same: a card shows the value, and the description that a screen reader reads follows.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QFocusEvent, QKeyEvent, QMouseEvent, QPainter, QPainterPath, QPaintEvent, QPen

from turnout.desktop import theme
from turnout.desktop.charts import Chart, Series, Stack
from turnout.desktop.theme import px

LEFT, RIGHT, CENTER = Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignRight, Qt.AlignmentFlag.AlignCenter
VCENTER, TOP = Qt.AlignmentFlag.AlignVCenter, Qt.AlignmentFlag.AlignTop


def nice_top(value: float) -> float:
    """The smallest round number that holds `value` and divides by four into round steps; 1.0 for nothing."""
    if value <= 0:
        return 1.0
    power = 1.0
    while power * 10 <= value:
        power *= 10
    while power > value:
        power /= 10
    return next(
        (m * power for m in (1, 1.2, 1.6, 2, 2.4, 3, 4, 5, 6, 8, 10) if m * power >= value * (1 - 1e-9)), 10 * power
    )


class Pointed(Chart):
    """A chart whose values are pointed at one by one, by pointer or arrow keys; one shows in a card and is read out."""

    picked = Signal(int)
    """A value was pressed, or Return on it."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.hot = -1
        self._summary = ""
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def count(self) -> int:
        raise NotImplementedError

    def said(self, index: int) -> str:
        """One value for a screen reader."""
        raise NotImplementedError

    def at(self, x: float) -> int:
        """Which value lies there; -1: none."""
        raise NotImplementedError

    def summarise(self, summary: str) -> None:
        """After new values: the whole, or the one that is pointed at."""
        self.hot = min(self.hot, self.count() - 1)
        self._summary = summary
        self.setAccessibleDescription(summary if self.hot < 0 else self.said(self.hot))
        self.update()

    def set_hot(self, index: int) -> None:
        if index == self.hot:
            return
        self.hot = index
        self.setAccessibleDescription(self.said(index) if index >= 0 else self._summary)
        self.update()

    def plot(self) -> QRectF:
        left = px(46)
        return QRectF(left, px(10), max(10, self.width() - left - px(8)), max(10, self.height() - px(36)))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self.set_hot(self.at(event.position().x()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        index = self.at(event.position().x())
        if index >= 0:
            self.picked.emit(index)

    def leaveEvent(self, event: QEvent) -> None:
        self.set_hot(-1)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self.set_hot(-1)
        super().focusOutEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        count = self.count()
        key = event.key()
        if count and key in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            step = 1 if key == Qt.Key.Key_Right else -1
            start = self.hot if self.hot >= 0 else (-1 if step > 0 else count)
            self.set_hot(min(count - 1, max(0, start + step)))
        elif count and key in (Qt.Key.Key_Home, Qt.Key.Key_End):
            self.set_hot(0 if key == Qt.Key.Key_Home else count - 1)
        elif key == Qt.Key.Key_Escape and self.hot >= 0:
            self.set_hot(-1)
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.hot >= 0:
            self.picked.emit(self.hot)
        else:
            super().keyPressEvent(event)

    def grid(self, p: QPainter, r: QRectF, axis: Sequence[str]) -> None:
        """Lines across at even heights, the bottom one solid, each with what it stands for."""
        t = theme.now()
        p.setFont(theme.font(11))
        for i in range(5):
            y = r.bottom() - r.height() * i / 4
            p.setPen(QPen(QColor(t.border), 1, Qt.PenStyle.SolidLine if i == 0 else Qt.PenStyle.DotLine))
            p.drawLine(QPointF(r.left(), round(y) + 0.5), QPointF(r.right(), round(y) + 0.5))
            if axis:
                p.setPen(QColor(t.faint))
                p.drawText(QRectF(0, y - px(9), r.left() - px(10), px(18)), RIGHT | VCENTER, axis[i])

    def ring(self, p: QPainter) -> None:
        """Around the chart while the keyboard is on it and points at nothing yet."""
        if self.hasFocus() and self.hot < 0:
            p.setPen(QPen(QColor(theme.now().accent), 1))
            p.setBrush(Qt.BrushStyle.NoBrush)
            p.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), px(6), px(6))

    def card(self, p: QPainter, x: float, title: str, total: str, lines: Sequence[tuple[str, str, str]] = ()) -> None:
        """Beside `x`, in front of all else; `lines` are colour, name and figure."""
        t, r, line = theme.now(), self.plot(), px(18)
        box = QRectF(0, 0, px(176), px(38) + line * len(lines))
        right = x + px(14) + box.width() < self.width()
        box.moveTopLeft(QPointF(x + px(14) if right else x - px(14) - box.width(), r.top() + px(2)))
        for spread in (3, 2, 1):
            p.setPen(Qt.PenStyle.NoPen)
            p.setBrush(QColor(0, 0, 0, 10 if not t.dark else 40))
            p.drawRoundedRect(box.adjusted(-spread, -spread + 2, spread, spread + 2), px(9), px(9))
        p.setPen(QPen(QColor(t.strong), 1))
        p.setBrush(QColor(t.raised))
        p.drawRoundedRect(box, px(8), px(8))
        inside = box.adjusted(px(12), px(9), -px(12), 0)
        p.setFont(theme.font(12, 600))
        p.setPen(QColor(t.text))
        p.drawText(inside, LEFT | TOP, title)
        p.drawText(inside, RIGHT | TOP, total)
        p.setFont(theme.font(12))
        for n, (color, name, figure) in enumerate(lines):
            y = box.top() + px(32) + n * line
            p.setPen(Qt.PenStyle.NoPen)
            p.setBrush(QColor(t.named(color)))
            p.drawRoundedRect(QRectF(inside.left(), y + px(4), px(8), px(8)), 2, 2)
            p.setPen(QColor(t.muted))
            p.drawText(QRectF(inside.left() + px(16), y, px(90), px(16)), VCENTER | LEFT, name)
            p.setPen(QColor(t.text))
            p.drawText(QRectF(inside.left(), y, inside.width(), px(16)), RIGHT | VCENTER, figure)


class StackedBars(Pointed):
    """Bars stacked by series; hover or arrow keys show one bar's figures in a card."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.series: Sequence[Series] = ()
        self.bars: Sequence[Stack] = ()
        self._axis: Sequence[str] = ()
        self._top = 1.0
        self.setMinimumHeight(px(140))

    def count(self) -> int:
        return len(self.bars)

    def set_bars(
        self,
        series: Sequence[Series],
        bars: Sequence[Stack],
        axis: Callable[[float], Callable[[float], str]],
        summary: str,
    ) -> None:
        """`axis` gets the top of the scale and answers what its lines are called."""
        self.series, self.bars = series, bars
        self._top = nice_top(max((sum(bar.values.values()) for bar in bars), default=0.0))
        called = axis(self._top)
        self._axis = [called(self._top * i / 4) for i in range(5)]
        self.summarise(summary)

    def said(self, index: int) -> str:
        bar = self.bars[index]
        return f"{bar.title}: {bar.total}. " + ", ".join(
            f"{series.name} {bar.said[series.key]}" for series in reversed(self.series) if series.key in bar.said
        )

    def at(self, x: float) -> int:
        r = self.plot()
        if not self.bars or not r.left() <= x < r.right():
            return -1
        return min(len(self.bars) - 1, int((x - r.left()) / r.width() * len(self.bars)))

    def paintEvent(self, event: QPaintEvent) -> None:
        p, r = self.begin(), self.plot()
        self.grid(p, r, self._axis)
        if self.bars:
            self._bars(p, r)
        self.ring(p)
        if 0 <= self.hot < len(self.bars):
            bar = self.bars[self.hot]
            shown = [(one.color, one.name, bar.said[one.key]) for one in reversed(self.series) if one.key in bar.said]
            self.card(p, r.left() + r.width() / len(self.bars) * (self.hot + 0.5), bar.title, bar.total, shown)
        p.end()

    def _bars(self, p: QPainter, r: QRectF) -> None:
        t = theme.now()
        step = r.width() / len(self.bars)
        width = max(1.0, min(px(26), step * 0.64 if step > 4 else step))
        every = max(1, -(-len(self.bars) * px(52) // max(1, int(r.width()))))
        gap = 1.0 if step > 6 else 0.0
        drawn = [(series.key, QColor(t.named(series.color))) for series in self.series]
        for i, bar in enumerate(self.bars):
            x = r.left() + step * i + (step - width) / 2
            if i == self.hot:
                p.fillRect(QRectF(r.left() + step * i, r.top(), step, r.height()), QColor(t.hover))
            total = sum(bar.values.values())
            height = total / self._top * r.height() * self.grow
            faded = 0.38 if 0 <= self.hot != i else 1.0
            if step <= 6:
                self._thin(p, bar, QRectF(x, r.top(), width, r.height()), drawn, faded)
            elif total > 0:
                corner = min(px(4), width / 3, height / 2)
                clip = QPainterPath()
                clip.addRoundedRect(QRectF(x, r.bottom() - height, width, height + corner), corner, corner)
                floor = QPainterPath()
                floor.addRect(QRectF(x - 1, r.top() - 2, width + 2, r.height() + 2))
                clip = clip.intersected(floor)
                y = r.bottom()
                for key, color in drawn:
                    h = bar.values.get(key, 0.0) / self._top * r.height() * self.grow
                    if h > 0:
                        part = QPainterPath()
                        part.addRect(QRectF(x, y - h, width, max(0.5, h - gap)))
                        color.setAlphaF(faded)
                        p.fillPath(clip.intersected(part), color)
                        y -= h
            if (len(self.bars) - 1 - i) % every == 0:
                p.setPen(QColor(t.text if i == self.hot else t.faint))
                middle = min(max(x + width / 2, px(24)), self.width() - px(24))
                p.drawText(QRectF(middle - px(40), r.bottom() + px(7), px(80), px(16)), CENTER, bar.short or bar.title)

    def _thin(self, p: QPainter, bar: Stack, room: QRectF, drawn: Sequence[tuple[str, QColor]], faded: float) -> None:
        """A year's bars are a few pixels wide: plain rectangles, as clipping paths cost 20 times as much."""
        y = room.bottom()
        for key, color in drawn:
            h = bar.values.get(key, 0.0) / self._top * room.height() * self.grow
            if h > 0:
                color.setAlphaF(faded)
                p.fillRect(QRectF(room.left(), y - h, room.width(), h), color)
                y -= h


@dataclass(frozen=True, slots=True)
class Left:
    """What was left of something at one moment."""

    at: float
    """Share of the window, 0..1."""
    left: float
    title: str
    said: str


@dataclass(frozen=True, slots=True)
class Descent:
    """What is left over a window, from its whole to nothing."""

    points: Sequence[Left] = ()
    """Oldest first; the last one is now."""
    whole: float = 0.0
    """What there was at the beginning: the even pace goes from here to nothing at the end."""
    even: bool = True
    """Whether the window has an end that an even pace leads to."""
    ahead: tuple[float, float] | None = None
    """Where the pace so far leads from the last point: share of the window, and what is left there; None: no pace yet."""
    short: bool = False
    """It runs out before the window ends."""
    ticks: Sequence[tuple[float, str]] = ()


class BurnLine(Pointed):
    """What is left, the even pace and where the pace so far leads."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.shown = Descent()
        self._axis: Sequence[str] = ()
        self._top = 1.0
        self.setMinimumHeight(px(140))

    def count(self) -> int:
        return len(self.shown.points)

    def show_descent(self, shown: Descent, axis: Callable[[float], Callable[[float], str]], summary: str) -> None:
        """`axis` gets the top of the scale and answers what its lines are called."""
        self.shown = shown
        self._top = nice_top(max([shown.whole, *(one.left for one in shown.points)]))
        called = axis(self._top)
        self._axis = [called(self._top * i / 4) for i in range(5)]
        self.summarise(summary)

    def said(self, index: int) -> str:
        one = self.shown.points[index]
        return f"{one.title}: {one.said}"

    def at(self, x: float) -> int:
        r = self.plot()
        points = self.shown.points
        if not points or not r.left() <= x <= r.right():
            return -1
        share = (x - r.left()) / r.width()
        return min(range(len(points)), key=lambda n: abs(points[n].at - share))

    def _place(self, r: QRectF, at: float, left: float) -> QPointF:
        return QPointF(r.left() + r.width() * min(1.0, max(0.0, at)), r.bottom() - r.height() * left / self._top)

    def paintEvent(self, event: QPaintEvent) -> None:
        p, t, r = self.begin(), theme.now(), self.plot()
        shown = self.shown
        self.grid(p, r, self._axis)
        self._ticks(p, r)
        if shown.points:
            p.setBrush(Qt.BrushStyle.NoBrush)
            if shown.even:
                p.setPen(QPen(QColor(t.faint), 1.2, Qt.PenStyle.DashLine))
                p.drawLine(self._place(r, 0, shown.whole), self._place(r, 1, 0))
            self._lines(p, r, [self._place(r, one.at, one.left) for one in shown.points])
        self.ring(p)
        if 0 <= self.hot < len(shown.points):
            one = shown.points[self.hot]
            where = self._place(r, one.at, one.left)
            p.setPen(QPen(QColor(t.strong), 1))
            p.drawLine(QPointF(where.x(), r.top()), QPointF(where.x(), r.bottom()))
            self._bead(p, where, QColor(t.text))
            self.card(p, where.x(), one.title, one.said)
        p.end()

    def _lines(self, p: QPainter, r: QRectF, points: Sequence[QPointF]) -> None:
        t, shown = theme.now(), self.shown
        line = QPainterPath(points[0])
        for point in points[1:]:
            line.lineTo(point)
        area = QPainterPath(line)
        area.lineTo(points[-1].x(), r.bottom())
        area.lineTo(points[0].x(), r.bottom())
        p.fillPath(area, theme.color("accent", 0.10))
        p.setPen(QPen(QColor(t.accent), 1.8, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin))
        p.drawPath(line)
        if shown.ahead is not None:
            color = QColor(t.bad if shown.short else t.good)
            end = self._place(r, *shown.ahead)
            p.setPen(QPen(color, 1.6, Qt.PenStyle.DotLine))
            p.drawLine(points[-1], end)
            self._bead(p, end, color)
        self._bead(p, points[-1], QColor(t.accent))

    def _bead(self, p: QPainter, at: QPointF, color: QColor) -> None:
        p.setPen(QPen(color, 1.6))
        p.setBrush(QColor(theme.now().card))
        p.drawEllipse(at, px(3), px(3))
        p.setBrush(Qt.BrushStyle.NoBrush)

    def _ticks(self, p: QPainter, r: QRectF) -> None:
        p.setPen(QColor(theme.now().faint))
        for share, words in self.shown.ticks:
            middle = min(max(r.left() + r.width() * share, r.left() + px(10)), self.width() - px(24))
            p.drawText(QRectF(middle - px(40), r.bottom() + px(7), px(80), px(16)), CENTER, words)
