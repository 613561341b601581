"""Charts painted with QPainter: exact in both themes, nothing to load. Each says its content as text too.

A chart is a QLabel without text: Qt gives a bare widget the role "filler", which screen readers skip, and a label its
name and description. Those with an axis, whose values are pointed at one by one, are in `plots`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from PySide6.QtCore import QEasingCurve, QPointF, QRectF, Qt, QVariantAnimation
from PySide6.QtGui import (
    QBrush,
    QColor,
    QLinearGradient,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QLabel, QSizePolicy

from turnout.desktop import theme
from turnout.desktop.theme import px

CENTER = Qt.AlignmentFlag.AlignCenter


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
        self.grow = float(value) if isinstance(value, int | float) and not theme.look().still else 1.0
        if self.grow == 1.0 and self._animation is not None:
            self._animation.stop()
        self.update()

    def begin(self) -> QPainter:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        return painter


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
