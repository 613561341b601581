"""The small parts every page is made of. They show values and emit what was asked; they hold no rules and do no I/O."""

from collections.abc import Callable, Sequence
from functools import partial
from html import escape

from PySide6.QtCore import Property as QtProperty
from PySide6.QtCore import QEvent, QPropertyAnimation, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QHelpEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QWheelEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QBoxLayout,
    QButtonGroup,
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLayout,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QToolTip,
    QVBoxLayout,
    QWidget,
)

from turnout.desktop import theme
from turnout.desktop.theme import px

Part = QWidget | QLayout | int | None
"""What a row or column takes: a widget, a layout, a gap in px, or None for a stretch."""


def label(text: str = "", size: float = 13, weight: int = 400, tone: str = "", *, wrap: bool = False) -> QLabel:
    """Plain text, always: names and reasons come from outside (T22)."""
    made = QLabel()
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setText(text)
    made.setFont(theme.font(size, weight, -0.4 if size >= 18 else 0.0))
    made.setWordWrap(wrap)
    if tone:
        made.setProperty("tone", tone)
    if wrap:
        made.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
    return made


def retone(shown: QLabel, tone: str) -> None:
    if shown.property("tone") != tone:
        shown.setProperty("tone", tone)
        shown.style().unpolish(shown)
        shown.style().polish(shown)


class Elided(QLabel):
    """One line that ends in an ellipsis where room ends; the whole text as a plain tooltip and to screen readers."""

    def __init__(
        self, text: str = "", size: float = 13, weight: int = 400, tone: str = "", *, middle: bool = False
    ) -> None:
        super().__init__()
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setFont(theme.font(size, weight))
        self._mode = Qt.TextElideMode.ElideMiddle if middle else Qt.TextElideMode.ElideRight
        if tone:
            self.setProperty("tone", tone)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.setText(text)

    def setText(self, text: str) -> None:
        super().setText(text)
        self.setAccessibleName(text)

    def minimumSizeHint(self) -> QSize:
        return QSize(px(24), super().minimumSizeHint().height())

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip and not self.toolTip():
            cut = self.fontMetrics().horizontalAdvance(self.text()) > self.width()
            QToolTip.showText(event.globalPos(), plain(self.text()) if cut else "", self)
            return True
        return super().event(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setPen(self.palette().color(self.foregroundRole()))
        painter.setFont(self.font())
        shown = self.fontMetrics().elidedText(self.text(), self._mode, self.width())
        painter.drawText(self.rect(), int(self.alignment() | Qt.AlignmentFlag.AlignVCenter), shown)
        painter.end()


def pill(text: str = "", kind: str = "quiet") -> QLabel:
    made = label(text, 12, 500)
    made.setProperty("pill", kind)
    made.setFixedHeight(px(19))
    made.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
    return made


def repill(shown: QLabel, text: str, kind: str) -> None:
    shown.setText(text)
    if shown.property("pill") != kind:
        shown.setProperty("pill", kind)
        shown.style().unpolish(shown)
        shown.style().polish(shown)


def _fill(box: QBoxLayout, parts: Sequence[Part]) -> None:
    for part in parts:
        if part is None:
            box.addStretch(1)
        elif isinstance(part, int):
            box.addSpacing(px(part))
        elif isinstance(part, QLayout):
            box.addLayout(part)
        else:
            # What elides takes the room that is left; it asks for none itself.
            box.addWidget(part, 1 if isinstance(part, Elided) and isinstance(box, QHBoxLayout) else 0)


def row(*parts: Part, spacing: int = 8, margins: tuple[int, int, int, int] = (0, 0, 0, 0)) -> QHBoxLayout:
    box = QHBoxLayout()
    box.setSpacing(px(spacing))
    box.setContentsMargins(*(px(m) for m in margins))
    _fill(box, parts)
    return box


def column(*parts: Part, spacing: int = 4, margins: tuple[int, int, int, int] = (0, 0, 0, 0)) -> QVBoxLayout:
    box = QVBoxLayout()
    box.setSpacing(px(spacing))
    box.setContentsMargins(*(px(m) for m in margins))
    _fill(box, parts)
    return box


def holding(layout: QLayout, name: str = "clear") -> QWidget:
    made = QWidget()
    made.setObjectName(name)
    made.setLayout(layout)
    return made


def rule() -> QFrame:
    made = QFrame()
    made.setObjectName("rule")
    made.setFixedHeight(1)
    return made


class Card(QFrame):
    def __init__(self, *parts: Part, margins: tuple[int, int, int, int] = (18, 15, 18, 16), spacing: int = 6) -> None:
        super().__init__()
        self.setObjectName("card")
        self.box = column(*parts, spacing=spacing, margins=margins)
        self.setLayout(self.box)


class Glyph(QWidget):
    """A Lucide icon in a token's colour, redrawn with the theme; decoration, so nothing for a screen reader."""

    def __init__(self, name: str, color: str = "muted", size: int = 16) -> None:
        super().__init__()
        self._name, self._color, self._size = name, color, px(size)
        self.setFixedSize(self._size, self._size)

    def show_icon(self, name: str, color: str) -> None:
        self._name, self._color = name, color
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.drawPixmap(
            0, 0, theme.pixmap(self._name, theme.now().named(self._color), self._size, self.devicePixelRatioF())
        )
        painter.end()


class Dot(QWidget):
    """A small filled square (legend) or disc (state)."""

    def __init__(self, color: str, size: int = 8, *, round_: bool = False) -> None:
        super().__init__()
        self._color, self._round = color, round_
        self.setFixedSize(px(size), px(size))

    def set_color(self, color: str) -> None:
        if color != self._color:
            self._color = color
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color(self._color))
        radius = self.width() / 2 if self._round else px(2)
        painter.drawRoundedRect(QRectF(self.rect()), radius, radius)
        painter.end()


class Button(QPushButton):
    """`look`: plain | main | danger | bare | link. The icon follows the theme; `name` is what a screen reader says."""

    def __init__(
        self,
        text: str = "",
        icon: str = "",
        look: str = "plain",
        *,
        name: str = "",
        tip: str = "",
        pressed: Callable[[], None] | None = None,
    ) -> None:
        super().__init__()
        self._gap = bool(icon)
        self.setText(text)
        self.setProperty("look", look)
        self._icon = icon
        self.setFont(theme.font(12.5, 500))
        self.setAccessibleName(name or text)
        self.setToolTip(plain(tip or ("" if text else name)))
        self.setCursor(Qt.CursorShape.PointingHandCursor if look == "link" else Qt.CursorShape.ArrowCursor)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        if pressed is not None:
            self.clicked.connect(lambda: pressed())
        theme.look().changed.connect(self.restyle)
        self.restyle()

    def setText(self, text: str) -> None:
        """Never a mnemonic: `&` is a sign like any other."""
        super().setText(("\u2009 " if self._gap and text else "") + text.replace("&", "&&"))

    def set_icon(self, icon: str) -> None:
        self._icon = icon
        self.restyle()

    def restyle(self) -> None:
        if self._icon:
            t, look = theme.now(), self.property("look")
            color = {"main": "#FFFFFF", "danger": t.bad, "link": t.accent}.get(str(look), t.muted)
            self.setIcon(theme.icon(self._icon, color, px(15)))
            self.setIconSize(QSize(px(15), px(15)))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.click()
            return
        super().keyPressEvent(event)


class Segments(QFrame):
    """A choice of a few, one always taken; arrow keys move it.

    It answers to `toggled`, not `clicked`: assistive technology toggles a button without clicking it.
    """

    chosen = Signal(str)

    def __init__(self, name: str, choices: Sequence[tuple[str, str]], value: str = "") -> None:
        super().__init__()
        self.setObjectName("segments")
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._group = QButtonGroup(self)
        self._buttons: dict[str, QPushButton] = {}
        self._quiet = False
        box = QHBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        for key, text in choices:
            button = QPushButton(text)
            button.setObjectName("segment")
            button.setCheckable(True)
            button.setFont(theme.font(12.5, 500))
            button.setAccessibleName(text)
            button.setAutoExclusive(True)  # a radio button to screen readers
            button.toggled.connect(partial(self._toggled, key))
            self._group.addButton(button)
            self._buttons[key] = button
            box.addWidget(button)
        self.set_value(value or choices[0][0])

    def set_value(self, key: str) -> None:
        """Without `chosen`: the value came from outside, nobody pressed."""
        if key in self._buttons:
            self._quiet = True
            self._buttons[key].setChecked(True)
            self._quiet = False

    def _toggled(self, key: str, on: bool) -> None:
        if on and not self._quiet:
            self.chosen.emit(key)

    def value(self) -> str:
        return next((key for key, button in self._buttons.items() if button.isChecked()), "")


class Switch(QAbstractButton):
    """On or off, at once. A checkable button, so that it is a check box to screen readers."""

    def __init__(self, name: str, on: bool = False) -> None:
        super().__init__()
        self.setCheckable(True)
        self.setAccessibleName(name)
        self.setFixedSize(px(34), px(20))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._at = 0.0
        self._slide = QPropertyAnimation(self, b"at", self)
        self._slide.setDuration(110)
        self.toggled.connect(self._move)
        self.setChecked(on)

    def _get_at(self) -> float:
        return self._at

    def _set_at(self, value: float) -> None:
        self._at = value
        self.update()

    at = QtProperty(float, _get_at, _set_at)

    def _move(self, on: bool) -> None:
        end = 1.0 if on else 0.0
        if not self.isVisible() or theme.reduced_motion():
            self._set_at(end)
            return
        self._slide.stop()
        self._slide.setStartValue(self._at)
        self._slide.setEndValue(end)
        self._slide.start()

    def set_quietly(self, on: bool) -> None:
        """Without `toggled`: the value came from outside, nobody pressed."""
        self.blockSignals(True)
        self.setChecked(on)
        self.blockSignals(False)
        self._set_at(1.0 if on else 0.0)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.click()
            return
        super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        t = theme.now()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        off, on = QColor(t.strong), QColor(t.fill)
        mixed = QColor(
            *(
                round(a * (1 - self._at) + b * self._at)
                for a, b in ((off.red(), on.red()), (off.green(), on.green()), (off.blue(), on.blue()))
            )
        )
        body = QRectF(self.rect()).adjusted(1, 1, -1, -1)
        painter.setPen(QPen(QColor(t.accent), 1.5) if self.hasFocus() else Qt.PenStyle.NoPen)
        painter.setBrush(mixed if self.isEnabled() else QColor(t.track))
        painter.drawRoundedRect(body, body.height() / 2, body.height() / 2)
        knob = body.height() - px(4)
        left = body.left() + px(2) + (body.width() - knob - px(4)) * self._at
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor("#FFFFFF"))
        painter.drawEllipse(QRectF(left, body.top() + px(2), knob, knob))
        painter.end()


class Note(QFrame):
    """An inline message where others would open a dialog: what happened, and one thing to do about it, or two to choose from."""

    def __init__(
        self, text: str = "", kind: str = "info", action: str = "", pressed: Callable[[], None] | None = None
    ) -> None:
        super().__init__()
        self.setObjectName("note")
        self._glyph = Glyph("info")
        self._text = label("", 12.5, 450, wrap=True)
        self._text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self._action, self._other = Button("", look="link"), Button("", look="link")
        self._pressed: Callable[[], None] | None = None
        self._other_pressed: Callable[[], None] | None = None
        self._action.clicked.connect(lambda: self._press(self._pressed))
        self._other.clicked.connect(lambda: self._press(self._other_pressed))
        self.setLayout(row(self._glyph, self._text, self._action, self._other, spacing=9, margins=(12, 8, 10, 8)))
        self.say(text, kind, action, pressed)

    def say(self, text: str, kind: str = "info", action: str = "", pressed: Callable[[], None] | None = None) -> None:
        """Empty text hides the note."""
        self._pressed = pressed
        self._other.hide()
        self._text.setText(text)
        self.setAccessibleName(text)
        names = {
            "info": ("info", "accent"),
            "good": ("circle-check", "good"),
            "warn": ("triangle-alert", "warn"),
            "bad": ("circle-alert", "bad"),
        }
        self._glyph.show_icon(*names[kind])
        retone(self._text, {"info": "", "good": "good", "warn": "warn", "bad": "bad"}[kind])
        self.setProperty("kind", kind)
        self.style().unpolish(self)
        self.style().polish(self)
        self._action.setVisible(bool(action))
        self._action.setText(action)
        self._action.setAccessibleName(action)
        self.setVisible(bool(text))

    def ask(self, text: str, *choices: tuple[str, Callable[[], None]]) -> None:
        """A question with two answers."""
        (action, pressed), (other, other_pressed) = choices
        self.say(text, "warn", action, pressed)
        self._other_pressed = other_pressed
        self._other.setText(other)
        self._other.setAccessibleName(other)
        self._other.show()

    def text(self) -> str:
        return self._text.text()

    def _press(self, act: Callable[[], None] | None) -> None:
        if act is not None:
            act()


class Empty(QWidget):
    """What stands where there is nothing yet: a picture, a sentence, and the way on."""

    def __init__(
        self, icon: str, title: str, words: str = "", action: str = "", pressed: Callable[[], None] | None = None
    ) -> None:
        super().__init__()
        self.setObjectName("clear")
        self._title = label(title, 14, 600)
        self._words = label(words, 13, 400, "muted", wrap=True)
        for shown in (self._title, self._words):
            shown.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self._words.setFixedWidth(px(380))
        self._fit()
        self._glyph = Glyph(icon, "faint", 28)
        box = column(None, spacing=6, margins=(20, 20, 20, 20))
        box.addWidget(self._glyph, 0, Qt.AlignmentFlag.AlignHCenter)
        box.addSpacing(px(6))
        box.addWidget(self._title, 0, Qt.AlignmentFlag.AlignHCenter)
        box.addWidget(self._words, 0, Qt.AlignmentFlag.AlignHCenter)
        if action:
            box.addSpacing(px(8))
            box.addWidget(Button(action, pressed=pressed), 0, Qt.AlignmentFlag.AlignHCenter)
        box.addStretch(1)
        self.setLayout(box)

    def _fit(self) -> None:
        # An aligned widget in a box gets its hint's height, which knows nothing of wrapping.
        self._words.setFixedHeight(self._words.heightForWidth(px(380)) if self._words.text() else 0)

    def say(self, title: str, words: str, icon: str = "") -> None:
        self._title.setText(title)
        self._words.setText(words)
        self._fit()
        if icon:
            self._glyph.show_icon(icon, "faint")


GUTTER = 14
"""Pixels right of a scrolling column, of which a scroll bar takes ten."""


class Scroll(QScrollArea):
    """A column that scrolls up and down, never sideways. Its gutter is always there, so nothing shifts with the bar."""

    def __init__(self, inside: QWidget) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setWidget(inside)
        self.viewport().setAutoFillBackground(False)
        inside.setAutoFillBackground(False)
        self._inside = inside
        self.verticalScrollBar().rangeChanged.connect(self._gutter)
        self._gutter(0, 0)

    def _gutter(self, low: int, high: int) -> None:
        layout = self._inside.layout()
        if layout is not None:
            margins = layout.contentsMargins()
            right = max(0, GUTTER - (10 if high > low else 0))
            if margins.right() != right or not margins.bottom():
                layout.setContentsMargins(margins.left(), margins.top(), right, px(20))


class Search(QLineEdit):
    def __init__(self, hint: str, name: str, width: int = 260) -> None:
        super().__init__()
        self.setPlaceholderText(hint)
        self.setAccessibleName(name)
        self.setFont(theme.font(12.5))
        self.setFixedWidth(px(width))
        self.setClearButtonEnabled(False)
        self.setTextMargins(px(20), 0, 0, 0)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        painter = QPainter(self)
        size = px(14)
        painter.drawPixmap(
            px(10),
            (self.height() - size) // 2,
            theme.pixmap("search", theme.now().faint, size, self.devicePixelRatioF()),
        )
        painter.end()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and self.text():
            self.clear()
            return
        super().keyPressEvent(event)


class Combo(QComboBox):
    """With a chevron in the theme's own colour, and no change by a wheel that only meant to scroll the page."""

    def __init__(self, name: str = "") -> None:
        super().__init__()
        self.setFont(theme.font(13))
        if name:
            self.setAccessibleName(name)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        painter = QPainter(self)
        size = px(14)
        shape = theme.pixmap("chevron-down", theme.now().muted, size, self.devicePixelRatioF())
        painter.drawPixmap(self.width() - size - px(8), (self.height() - size) // 2, shape)
        painter.end()


class Field(QWidget):
    """A labelled input with a line for what is wrong with it, so that nothing jumps when it appears."""

    def __init__(self, title: str, inside: QWidget, hint: str = "") -> None:
        super().__init__()
        self.setObjectName("clear")
        caption = label(title, 12, 500, "muted")
        caption.setBuddy(inside)
        inside.setAccessibleName(inside.accessibleName() or title)
        inside.setFont(theme.font(13))
        self._hint = hint
        self._below = label(hint, 12, 400, "faint", wrap=True)
        self._below.setVisible(bool(hint))
        self.inside = inside
        self.setLayout(column(caption, inside, self._below, spacing=5))

    def wrong(self, message: str) -> None:
        """Empty: it is right again."""
        self._below.setText(message or self._hint)
        self._below.setVisible(bool(message or self._hint))
        retone(self._below, "bad" if message else "faint")
        self.inside.setProperty("wrong", "true" if message else "false")
        self.inside.style().unpolish(self.inside)
        self.inside.style().polish(self.inside)


class Pressable(QFrame):
    """A frame that acts as one button: rows in lists of cards."""

    pressed = Signal()

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self.rect().contains(event.position().toPoint()):
            self.pressed.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self.pressed.emit()
            return
        super().keyPressEvent(event)


def plain(text: str) -> str:
    """Tooltips guess at HTML; with its brackets escaped under a plain opening they show text as it is (T22)."""
    return f"<qt>{escape(text)}</qt>" if "<" in text else text


def clear(layout: QLayout) -> None:
    """Takes everything out of a layout and deletes it later."""
    while (item := layout.takeAt(0)) is not None:
        widget, inner = item.widget(), item.layout()
        if widget is not None:
            widget.hide()
            widget.deleteLater()
        elif inner is not None:
            clear(inner)


class Expander(QWidget):
    """A line that opens what is below it; the arrow turns, Return and Space press it."""

    def __init__(self, title: str, inside: QWidget) -> None:
        super().__init__()
        self.setObjectName("clear")
        self._button = Button(title, "chevron-right", "bare", pressed=self.toggle)
        self._inside = inside
        inside.hide()
        self.setLayout(column(row(self._button, None), inside, spacing=6))

    def toggle(self) -> None:
        on = self._inside.isHidden()
        self._inside.setVisible(on)
        self._button.set_icon("chevron-down" if on else "chevron-right")


def page_title(text: str) -> QLabel:
    return label(text, 20, 600)


def section(text: str) -> QLabel:
    return label(text, 14, 600)
