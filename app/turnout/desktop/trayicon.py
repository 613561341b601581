"""The tray's icon, drawn from state: which track is open, how much credit is left, whether something is wrong.

A track comes in from below and forks: to the left home (local), to the right away (cloud). The open branch is drawn
full, the shut one faint; Auto opens both, Pass-through is one straight line. Around it the credit ring; at the lower
right a dot when something wants a look. No proxy: the whole thing faint, with a stroke through it.

Where the panel's colour cannot be known (on Linux it follows no theme that we can ask), the fork stands on a dark disc
of its own and reads on light and dark alike; else it is drawn in ink or in white without one.
"""

from dataclasses import dataclass
from functools import lru_cache

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPainterPath, QPen, QPixmap

from turnout.desktop.state import Health, State

SIZES = (16, 22, 24, 32, 44, 48, 64, 96)
"""16 to 48 px, and each at 2x."""


@dataclass(frozen=True, slots=True)
class Glyph:
    """All the icon depends on: equal glyphs are the same picture."""

    track: str = "auto"
    """auto | local | cloud | passthrough | paused"""
    credit: int | None = None
    """Sixteenths of the ring that are left; None: no ring, only its track."""
    warning: bool = False
    down: bool = False
    panel: str = "any"
    """light | dark | any"""


def glyph(state: State, panel: str) -> Glyph:
    status = state.status
    if status is None or state.health is not Health.UP:
        return Glyph(down=state.health is not Health.STARTING, track="paused", panel=panel)
    track = status.mode if status.paused_until_ms is None else "paused"
    credit = state.credit
    sixteenths = None if credit is None else max(0 if credit == 0 else 1, round(credit * 16))
    return Glyph(track, sixteenths, state.warning, False, panel)


@lru_cache(32)
def icon(what: Glyph) -> QIcon:
    made = QIcon()
    for size in SIZES:
        made.addPixmap(picture(what, size))
    return made


def picture(what: Glyph, size: int) -> QPixmap:
    made = QPixmap(size, size)
    made.fill(Qt.GlobalColor.transparent)
    painter = QPainter(made)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    _draw(painter, what, float(size))
    painter.end()
    return made


def _draw(p: QPainter, what: Glyph, s: float) -> None:
    light = what.panel == "light"
    ink = QColor("#1B1F27" if light else "#F4F6FA")
    shut = QColor(ink)
    shut.setAlphaF(0.30)
    if what.down:
        ink.setAlphaF(0.45)
    # Below 20 px the ring would leave too little room for the fork: it becomes thinner, never dropped.
    ring = max(1.5, round(s * 0.17) / 2)
    box = QRectF(ring / 2, ring / 2, s - ring, s - ring)
    if what.panel == "any":
        p.setPen(Qt.PenStyle.NoPen)
        p.setBrush(QColor("#20242C"))
        p.drawEllipse(box)
    p.setBrush(Qt.BrushStyle.NoBrush)
    faint = QColor(ink)
    faint.setAlphaF(0.16 if what.credit is not None else 0.30)
    p.setPen(QPen(faint, ring))
    p.drawEllipse(box)
    if what.credit is not None and not what.down:
        left = what.credit / 16
        color = QColor(("#0E9468" if light else "#34D1A0") if left > 0.25 else "#E8A33A" if left > 0.1 else "#E5484D")
        p.setPen(QPen(color, ring, Qt.PenStyle.SolidLine, Qt.PenCapStyle.FlatCap))
        p.drawArc(box, 90 * 16, -round(left * 360 * 16))
    _fork(p, what, s, ink, shut)
    if what.down:
        p.setPen(QPen(QColor("#E5484D"), max(1.6, s * 0.095), Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
        p.drawLine(QPointF(s * 0.26, s * 0.74), QPointF(s * 0.74, s * 0.26))
    elif what.warning:
        dot = max(5.0, s * 0.30)
        where = QRectF(s - dot - 0.5, s - dot - 0.5, dot, dot)
        p.setCompositionMode(QPainter.CompositionMode.CompositionMode_Clear)
        p.setPen(Qt.PenStyle.NoPen)
        p.setBrush(Qt.GlobalColor.black)
        p.drawEllipse(where.adjusted(-s * 0.05, -s * 0.05, s * 0.05, s * 0.05))
        p.setCompositionMode(QPainter.CompositionMode.CompositionMode_SourceOver)
        p.setBrush(QColor("#F0A020"))
        p.drawEllipse(where)


def _fork(p: QPainter, what: Glyph, s: float, ink: QColor, shut: QColor) -> None:
    # An even number of pixels about a centre that lies between two of them: no grey edge along the stem at any size.
    width = max(2.0, 2.0 * round(s * 0.0525))

    def pen(color: QColor) -> QPen:
        return QPen(color, width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin)

    foot, top, split = QPointF(s * 0.5, s * 0.76), s * 0.27, QPointF(s * 0.5, s * 0.60)
    if what.track == "passthrough":
        p.setPen(pen(ink))
        p.drawLine(foot, QPointF(s * 0.5, s * 0.24))
        return
    branches = {
        "local": (s * 0.30, what.track in ("auto", "local")),
        "cloud": (s * 0.70, what.track in ("auto", "cloud")),
    }
    # Shut branches first, so that the open one lies over them at the points.
    for x, is_open in sorted(branches.values(), key=lambda branch: branch[1]):
        path = QPainterPath(foot)
        path.lineTo(split)
        path.cubicTo(QPointF(s * 0.5, s * 0.42), QPointF(x, s * 0.50), QPointF(x, top))
        p.setPen(pen(ink if is_open else shut))
        p.drawPath(path)
    if what.track == "paused":
        p.setPen(pen(ink))
        p.drawLine(foot, split)
