"""What is pressed, switched or chosen."""

from collections.abc import Callable, Sequence
from functools import partial

from PySide6.QtCore import Property as QtProperty
from PySide6.QtCore import QPropertyAnimation, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QButtonGroup, QFrame, QHBoxLayout, QPushButton, QSizePolicy, QWidget

from turnout.desktop import theme
from turnout.desktop.theme import px
from turnout.desktop.widgets.boxes import column, row
from turnout.desktop.widgets.words import plain


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
        self.setFixedSize(px(40), px(26))
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
        ring = QRectF(self.rect()).adjusted(1, 1, -1, -1)
        if self.hasFocus():  # with a gap: on the accent a ring of the accent would not be seen
            painter.setPen(QPen(QColor(t.accent), 1.5))
            painter.drawRoundedRect(ring, ring.height() / 2, ring.height() / 2)
        body = ring.adjusted(px(3) - 1, px(3) - 1, 1 - px(3), 1 - px(3))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(mixed if self.isEnabled() else QColor(t.track))
        painter.drawRoundedRect(body, body.height() / 2, body.height() / 2)
        knob = body.height() - px(4)
        left = body.left() + px(2) + (body.width() - knob - px(4)) * self._at
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor("#FFFFFF"))
        painter.drawEllipse(QRectF(left, body.top() + px(2), knob, knob))
        painter.end()


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
