"""Notifications with buttons, over the session bus; where there is none, the tray's own bubble without buttons.

QSystemTrayIcon cannot show buttons, and PySide's QtDBus has no way to send the unsigned number that `Notify` begins
with. jeepney comes with the keyring (SecretStorage needs it) and is loaded with the first notification, not before.
"""

import os
import select
import sys
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal

from turnout.desktop.models.news import Letter
from turnout.desktop.text import tr

if TYPE_CHECKING:
    from jeepney.io.blocking import DBusConnection

KEPT = 64
"""Notifications whose buttons we still know."""
ANSWER_S = 5.0
ICON_PX = 64
IconData = tuple[int, int, int, bool, int, int, bytes]
"""Width, height, bytes a row, whether there is an alpha channel, bits of a sample, channels, RGBA."""


class Bubbles(QObject):
    pressed = Signal(str, str)
    """Intent and argument of what was pressed; a click on the text itself is `open` and the letter's place."""
    refused = Signal(object)
    """A Letter that no notification daemon took."""

    def __init__(self) -> None:
        super().__init__()
        self._queue: deque[Letter] = deque()
        self._thread: threading.Thread | None = None
        self._ending = False
        self._icon: IconData | None = None
        self._wake_read, self._wake_write = os.pipe()

    def show(self, letter: Letter) -> None:
        """On the UI thread, which alone may paint: the icon is made with the first letter."""
        if not sys.platform.startswith("linux") or not os.environ.get("DBUS_SESSION_BUS_ADDRESS"):
            self.refused.emit(letter)
            return
        if self._icon is None:
            self._icon = icon_data()
        self._queue.append(letter)
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name="notifications", daemon=True)
            self._thread.start()
        os.write(self._wake_write, b".")

    def end(self) -> None:
        self._ending = True
        os.write(self._wake_write, b".")
        if self._thread is not None:
            self._thread.join(1.0)
        if self._thread is None or not self._thread.is_alive():
            os.close(self._wake_read)
            os.close(self._wake_write)

    # -- the thread

    def _run(self) -> None:
        try:
            self._serve()
        except Exception:  # noqa: BLE001  boundary of the thread: whatever the bus does, a notification is only that
            with suppress(RuntimeError):
                while self._queue:
                    self.refused.emit(self._queue.popleft())

    def _serve(self) -> None:
        from jeepney.io.blocking import open_dbus_connection

        connection = open_dbus_connection(bus="SESSION")
        shown: dict[int, Letter] = {}
        try:
            daemon = _Daemon(connection, lambda words: self._acted(words, shown), self._icon)
            while not self._ending:
                while self._queue:
                    letter = self._queue.popleft()
                    number = daemon.notify(letter)
                    if not number:
                        self.refused.emit(letter)
                        continue
                    shown[number] = letter
                    while len(shown) > KEPT:
                        shown.pop(next(iter(shown)))
                select.select([connection.sock, self._wake_read], [], [])
                if select.select([self._wake_read], [], [], 0)[0]:
                    os.read(self._wake_read, 4_096)
                daemon.listen()
        finally:
            connection.close()

    def _acted(self, words: tuple[Any, ...], shown: dict[int, Letter]) -> None:
        number, key = words
        letter = shown.get(number)
        if letter is None:
            return
        action = next((one for one in letter.actions if one.intent == key), None)
        with suppress(RuntimeError):  # the application ended meanwhile
            if action is not None:
                self.pressed.emit(action.intent, action.argument)
            elif key == "default":
                self.pressed.emit("open", letter.place)


def icon_data() -> IconData:
    """The app's icon as `image-data` has it. Its pixels go along: no icon theme has one of our name."""
    from PySide6.QtGui import QImage

    from turnout.desktop import trayicon

    made = trayicon.picture(trayicon.Glyph(), ICON_PX).toImage().convertToFormat(QImage.Format.Format_RGBA8888)
    return (made.width(), made.height(), made.bytesPerLine(), True, 8, 4, bytes(made.constBits()))


class _Daemon:
    """org.freedesktop.Notifications, as far as we use it."""

    def __init__(
        self, connection: "DBusConnection", acted: Callable[[tuple[Any, ...]], None], icon: "IconData | None"
    ) -> None:
        from jeepney import DBusAddress, MatchRule, message_bus, new_method_call

        self._connection, self._acted, self._icon = connection, acted, icon
        self._call = new_method_call
        self._address = DBusAddress(
            "/org/freedesktop/Notifications", "org.freedesktop.Notifications", "org.freedesktop.Notifications"
        )
        rule = MatchRule(type="signal", interface="org.freedesktop.Notifications", member="ActionInvoked")
        self._ask(message_bus.AddMatch(rule))
        capable = self._ask(self._call(self._address, "GetCapabilities"))
        self._markup = bool(capable) and "body-markup" in capable[0]

    def notify(self, letter: Letter) -> int:
        """Its number; 0 when nobody took it."""
        from html import escape  # 1 MB of names of signs: not before there is something to say

        actions = ["default", tr("Open")]
        for one in letter.actions:
            actions += [one.intent, one.words]
        # Where a body may hold markup, text from outside must not (T22).
        body = escape(letter.text, quote=False) if self._markup else letter.text
        hints: dict[str, tuple[str, object]] = {
            "urgency": ("y", 2 if letter.actions else 1),
            "desktop-entry": ("s", "turnout"),
        }
        if self._icon is not None:
            hints["image-data"] = ("(iiibiiay)", self._icon)
        words = ("Turnout", 0, "", letter.title, body, actions, hints, -1)
        answer = self._ask(self._call(self._address, "Notify", "susssasa{sv}i", words))
        return int(answer[0]) if answer else 0

    def listen(self) -> None:
        """Everything that has come, without waiting for more."""
        while True:
            try:
                message = self._connection.receive(timeout=0.01)
            except TimeoutError:
                return
            self._heard(message)

    def _heard(self, message: Any) -> None:
        from jeepney import HeaderFields

        if message.header.fields.get(HeaderFields.member) == "ActionInvoked":
            self._acted(message.body)

    def _ask(self, message: Any) -> tuple[Any, ...]:
        """The answer's values; nothing when it is an error."""
        from jeepney import MessageType

        answer = self._connection.send_and_get_reply(message, timeout=ANSWER_S)
        return tuple(answer.body) if answer.header.message_type is MessageType.method_return else ()
