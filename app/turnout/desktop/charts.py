"""Charts painted with QPainter: exact in both themes, nothing to load. Each says its content as text too.

A chart is a QLabel without text: Qt gives a bare widget the role "filler", which screen readers skip, and a label its
name and description. Left and right move through the values, and the description follows.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from PySide6.QtCore import QEasingCurve, QEvent, QPointF, QRectF, Qt, QVariantAnimation, Signal
from PySide6.QtGui import (
    QBrush,
    QColor,
    QFocusEvent,
    QKeyEvent,
    QLinearGradient,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget

from turnout.desktop import theme
from turnout.desktop.theme import px

LEFT, RIGHT, CENTER = Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignRight, Qt.AlignmentFlag.AlignCenter
VCENTER, TOP = Qt.AlignmentFlag.AlignVCenter, Qt.AlignmentFlag.AlignTop


@dataclass(frozen=True, slots=True)
class Series:
    """What a stack is made of, from below."""

    key: str
    name: str
    color: str
    """A token's name."""


@dataclass(frozen=True, slots=True)
class Stack:
    """One bar: values by series key, and the words for each."""

    title: str
    values: dict[str, float]
    said: dict[str, str]
    total: str
    short: str = ""
    """For the axis; empty: as the title."""


@dataclass(frozen=True, slots=True)
class Slice:
    name: str
    share: float
    color: str
    said: str = ""


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


class Chart(QLabel):
    """`grow` runs from 0 to 1 when a chart first appears, unless the desktop asks for less motion."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setAccessibleName(name)
        self.grow = 1.0
        self._animation: QVariantAnimation | None = None
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def animate(self, ms: int = 380) -> None:
        if theme.reduced_motion() or not self.isVisible():
            self.grow = 1.0
            self.update()
            return
        if self._animation is None:
            self._animation = QVariantAnimation(self)
            self._animation.setStartValue(0.0)
            self._animation.setEndValue(1.0)
            self._animation.setEasingCurve(QEasingCurve.Type.OutCubic)
            self._animation.valueChanged.connect(self._step)
        self._animation.setDuration(ms)
        self._animation.start()

    def _step(self, value: object) -> None:
        self.grow = float(value) if isinstance(value, int | float) else 1.0
        self.update()

    def begin(self) -> QPainter:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        return painter


class StackedBars(Chart):
    """Bars stacked by series; hover or arrow keys show one bar's figures in a card."""

    picked = Signal(int)
    """A bar was pressed, or Return on it."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.series: Sequence[Series] = ()
        self.bars: Sequence[Stack] = ()
        self.hot = -1
        self._axis: Sequence[str] = ()
        self._top = 1.0
        self.setMinimumHeight(px(140))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

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
        self.hot = min(self.hot, len(bars) - 1)
        self._summary = summary
        self.setAccessibleDescription(summary if self.hot < 0 else self.said(self.hot))
        self.update()

    _summary = ""

    def said(self, index: int) -> str:
        bar = self.bars[index]
        return f"{bar.title}: {bar.total}. " + ", ".join(
            f"{series.name} {bar.said[series.key]}" for series in reversed(self.series) if series.key in bar.said
        )

    def set_hot(self, index: int) -> None:
        if index == self.hot:
            return
        self.hot = index
        self.setAccessibleDescription(self.said(index) if index >= 0 else self._summary)
        self.update()

    def plot(self) -> QRectF:
        left = px(46)
        return QRectF(left, px(10), max(10, self.width() - left - px(8)), max(10, self.height() - px(36)))

    def at(self, x: float) -> int:
        r = self.plot()
        if not self.bars or not r.left() <= x < r.right():
            return -1
        return min(len(self.bars) - 1, int((x - r.left()) / r.width() * len(self.bars)))

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
        count = len(self.bars)
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

    def paintEvent(self, event: QPaintEvent) -> None:
        p, t, r = self.begin(), theme.now(), self.plot()
        p.setFont(theme.font(11))
        for i in range(5):
            y = r.bottom() - r.height() * i / 4
            p.setPen(QPen(QColor(t.border), 1, Qt.PenStyle.SolidLine if i == 0 else Qt.PenStyle.DotLine))
            p.drawLine(QPointF(r.left(), round(y) + 0.5), QPointF(r.right(), round(y) + 0.5))
            if self._axis:
                p.setPen(QColor(t.faint))
                p.drawText(QRectF(0, y - px(9), r.left() - px(10), px(18)), RIGHT | VCENTER, self._axis[i])
        if self.bars:
            self._bars(p, r)
        if self.hasFocus() and self.hot < 0:
            p.setPen(QPen(QColor(t.accent), 1))
            p.setBrush(Qt.BrushStyle.NoBrush)
            p.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), px(6), px(6))
        if 0 <= self.hot < len(self.bars):
            self._card(p, r)
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

    def _card(self, p: QPainter, r: QRectF) -> None:
        t, bar = theme.now(), self.bars[self.hot]
        shown = [series for series in reversed(self.series) if series.key in bar.said]
        line = px(18)
        box = QRectF(0, 0, px(176), px(38) + line * len(shown))
        x = r.left() + r.width() / len(self.bars) * (self.hot + 0.5)
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
        p.drawText(inside, LEFT | TOP, bar.title)
        p.drawText(inside, RIGHT | TOP, bar.total)
        p.setFont(theme.font(12))
        for n, series in enumerate(shown):
            y = box.top() + px(32) + n * line
            p.setPen(Qt.PenStyle.NoPen)
            p.setBrush(QColor(t.named(series.color)))
            p.drawRoundedRect(QRectF(inside.left(), y + px(4), px(8), px(8)), 2, 2)
            p.setPen(QColor(t.muted))
            p.drawText(QRectF(inside.left() + px(16), y, px(90), px(16)), VCENTER | LEFT, series.name)
            p.setPen(QColor(t.text))
            p.drawText(QRectF(inside.left(), y, inside.width(), px(16)), RIGHT | VCENTER, bar.said[series.key])


class Donut(Chart):
    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.slices: Sequence[Slice] = ()
        self._big, self._small = "", ""
        self.setMinimumSize(px(128), px(128))

    def set_slices(self, slices: Sequence[Slice], big: str, small: str) -> None:
        self.slices, self._big, self._small = slices, big, small
        self.setAccessibleDescription(", ".join(f"{one.name} {one.said}" for one in slices) or big)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        p, t = self.begin(), theme.now()
        side = min(self.width(), self.height()) - 6
        ring = side * 0.115
        box = QRectF(
            (self.width() - side) / 2 + ring / 2, (self.height() - side) / 2 + ring / 2, side - ring, side - ring
        )
        shown = [one for one in self.slices if one.share > 0]
        if not shown:
            p.setPen(QPen(QColor(t.track), ring))
            p.drawEllipse(box)
        at, gap = 90.0, 2.6 if len(shown) > 1 else 0.0
        for one in shown:
            span = one.share * 360 * self.grow
            p.setPen(QPen(QColor(t.named(one.color)), ring, Qt.PenStyle.SolidLine, Qt.PenCapStyle.FlatCap))
            p.drawArc(box, round((at - gap / 2) * 16), -round(max(0.5, span - gap) * 16))
            at -= span
        p.setPen(QColor(t.text))
        p.setFont(theme.font(max(18, side * 0.165 / theme.scale()), 600, -0.5))
        p.drawText(box.adjusted(0, -side * 0.06, 0, -side * 0.06), CENTER, self._big)
        p.setPen(QColor(t.muted))
        p.setFont(theme.font(max(11, side * 0.075 / theme.scale())))
        p.drawText(box.adjusted(0, side * 0.17, 0, side * 0.17), CENTER, self._small)
        p.end()


class Gauge(Chart):
    """A half ring: what is left; the bead shows where the pace so far would end."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._left: float | None = None
        self._pace: float | None = None
        self.setFixedSize(px(100), px(54))

    def set_value(self, left: float | None, pace: float | None, said: str, description: str) -> None:
        """Shares of one; `left` None draws an empty track, `pace` is the share left when the window ends."""
        self._left, self._pace, self._said = left, pace, said
        self.setAccessibleDescription(description)
        self.update()

    _said = ""

    def paintEvent(self, event: QPaintEvent) -> None:
        p, t = self.begin(), theme.now()
        w = float(px(9))
        box = QRectF(w / 2 + 1, w / 2 + 1, self.width() - w - 2, (self.height() - w / 2 - 5) * 2 - w)
        p.setPen(QPen(QColor(t.track), w, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
        p.drawArc(box, 0, 180 * 16)
        if self._left is not None and self._left > 0:
            color = t.local if self._left > 0.25 else t.warn if self._left > 0.1 else t.bad
            p.setPen(QPen(QColor(color), w, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
            p.drawArc(box, 180 * 16, -round(180 * 16 * self._left * self.grow))
        if self._pace is not None:
            angle = math.pi * (1 - min(1.0, max(0.0, self._pace)))
            at = box.center() + QPointF(math.cos(angle), -math.sin(angle)) * (box.width() / 2)
            p.setPen(QPen(QColor(t.text), 1.5))
            p.setBrush(QColor(t.card))
            p.drawEllipse(at, w * 0.36, w * 0.36)
        p.setPen(QColor(t.text))
        p.setFont(theme.font(17, 600, -0.3))
        p.drawText(QRectF(0, self.height() - px(30), self.width(), px(28)), CENTER, self._said)
        p.end()


class Ring(Chart):
    """A small full ring for lists: how much of something is used."""

    def __init__(self, name: str, size: int = 18) -> None:
        super().__init__(name)
        self._share, self._color = 0.0, "accent"
        self.setFixedSize(px(size), px(size))

    def set_share(self, share: float, color: str, description: str = "") -> None:
        self._share, self._color = min(1.0, max(0.0, share)), color
        self.setAccessibleDescription(description)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        p, t = self.begin(), theme.now()
        w = max(2.0, self.width() * 0.14)
        box = QRectF(self.rect()).adjusted(w / 2, w / 2, -w / 2, -w / 2)
        p.setPen(QPen(QColor(t.track), w))
        p.drawEllipse(box)
        if self._share > 0:
            p.setPen(QPen(QColor(t.named(self._color)), w, Qt.PenStyle.SolidLine, Qt.PenCapStyle.FlatCap))
            p.drawArc(box, 90 * 16, -round(self._share * 360 * 16))
        p.end()


class Spark(Chart):
    """A line without axes: only the shape of the last while."""

    def __init__(self, name: str, color: str = "accent") -> None:
        super().__init__(name)
        self.values: Sequence[float] = ()
        self._color = color
        self.setMinimumWidth(px(40))
        self.setFixedHeight(px(38))

    def set_values(self, values: Sequence[float], description: str = "") -> None:
        self.values = values
        self.setAccessibleDescription(description)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        if len(self.values) < 2:
            return
        p = self.begin()
        low, n = min(0.0, *self.values), len(self.values) - 1
        span = (max(0.0, *self.values) - low) or 1.0
        points = [
            QPointF(
                1 + (self.width() - 2) * i / n,
                self.height() - 2 - (self.height() - 6) * (v - low) / span * self.grow,
            )
            for i, v in enumerate(self.values)
        ]
        line = QPainterPath(points[0])
        for a, b in pairwise(points):
            mid = (a.x() + b.x()) / 2
            line.cubicTo(QPointF(mid, a.y()), QPointF(mid, b.y()), b)
        area = QPainterPath(line)
        area.lineTo(points[-1].x(), self.height())
        area.lineTo(points[0].x(), self.height())
        fade = QLinearGradient(0, 0, 0, self.height())
        fade.setColorAt(0, theme.color(self._color, 0.22))
        fade.setColorAt(1, theme.color(self._color, 0.001))
        p.fillPath(area, QBrush(fade))
        p.setPen(
            QPen(
                theme.color(self._color), 1.6, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin
            )
        )
        p.drawPath(line)
        p.end()


class Meter(Chart):
    """A bar that fills: budgets, downloads, memory. `mark` draws a threshold."""

    def __init__(self, name: str, height: int = 6) -> None:
        super().__init__(name)
        self._parts: Sequence[tuple[float, str]] = ()
        self._mark: float | None = None
        self.setFixedHeight(px(height))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_parts(self, parts: Sequence[tuple[float, str]], description: str, mark: float | None = None) -> None:
        """Shares of one with their colour, from the left."""
        self._parts, self._mark = parts, mark
        self.setAccessibleDescription(description)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        p, t = self.begin(), theme.now()
        body = QRectF(self.rect())
        radius = body.height() / 2
        clip = QPainterPath()
        clip.addRoundedRect(body, radius, radius)
        p.fillPath(clip, QColor(t.track))
        p.setClipPath(clip)
        x = 0.0
        for share, color in self._parts:
            width = body.width() * min(1.0, max(0.0, share)) * self.grow
            if width > 0:
                p.fillRect(QRectF(x, 0, max(width, 2.0), body.height()), QColor(t.named(color)))
                x += width
        if self._mark is not None:
            p.fillRect(QRectF(body.width() * self._mark - 1, 0, 2, body.height()), QColor(t.card))
        p.end()


def legend(series: Sequence[Series]) -> list[QWidget]:
    from turnout.desktop.widgets import Dot, holding, label, row

    return [holding(row(Dot(one.color), label(one.name, 12, 400, "muted"), spacing=6)) for one in reversed(series)]
