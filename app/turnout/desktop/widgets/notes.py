"""What a page says inline: a note with the way out, and what stands where there is nothing yet."""

from collections.abc import Callable

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QSizePolicy, QWidget

from turnout.desktop.theme import px
from turnout.desktop.widgets.boxes import column, row
from turnout.desktop.widgets.buttons import Button
from turnout.desktop.widgets.marks import Glyph
from turnout.desktop.widgets.words import label, retone


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
        width = min(px(380), max(px(200), self.width() - px(40)))
        self._words.setFixedSize(width, self._words.heightForWidth(width) if self._words.text() else 0)

    def minimumSizeHint(self) -> QSize:
        return QSize(px(240), super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def say(self, title: str, words: str, icon: str = "") -> None:
        self._title.setText(title)
        self._words.setText(words)
        self._fit()
        if icon:
            self._glyph.show_icon(icon, "faint")
