"""Light or dark, and whether things shall move, as the desktop's settings portal says it, at the start and live.

Qt's GTK theme hears of changes but starts with GTK's own setting, so an app started on a dark desktop came up light;
without a GTK or KDE theme Qt says "unknown" throughout. One question over the bus costs 13 ms and mends both.
"""

import sys
from typing import Any

from PySide6.QtCore import SLOT, QObject, Signal, Slot

SERVICE, PATH = "org.freedesktop.portal.Desktop", "/org/freedesktop/portal/desktop"
INTERFACE = "org.freedesktop.portal.Settings"
SPACE, KEY = "org.freedesktop.appearance", "color-scheme"
WAIT_MS = 250
"""A portal that has to be started first may take longer: its signal comes later, nobody waits for it."""
SCHEMES = {1: True, 2: False}
"""0 is "no preference"."""
STILL = ((SPACE, "reduced-motion", 1), ("org.gnome.desktop.interface", "enable-animations", 0))
"""Where a wish for less motion stands, and the value that says it: the portal's own key is young, GNOME's is everywhere."""


class Portal(QObject):
    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.dark: bool | None = None
        """None: it has no opinion, or there is none."""
        self.still = False
        """The desktop asks for less motion."""
        if not sys.platform.startswith("linux"):
            return
        from PySide6.QtDBus import QDBus, QDBusConnection, QDBusMessage

        bus = QDBusConnection.sessionBus()
        if not bus.isConnected():
            return
        slot: Any = SLOT("told(QDBusMessage)")  # a str, whatever the stubs say
        bus.connect("", PATH, INTERFACE, "SettingChanged", self, slot)

        def read(space: str, key: str) -> int | None:
            question = QDBusMessage.createMethodCall(SERVICE, PATH, INTERFACE, "Read")
            question.setArguments([space, key])
            answer = bus.call(question, QDBus.CallMode.Block, WAIT_MS)
            return _number(answer.arguments()[:1]) if answer.type() is QDBusMessage.MessageType.ReplyMessage else None

        scheme = read(SPACE, KEY)
        if scheme is not None:  # or nobody is there, and asking on would only wait again
            self.dark = SCHEMES.get(scheme)
            self.still = any(read(space, key) == value for space, key, value in STILL)

    @Slot("QDBusMessage")
    def told(self, message: object) -> None:
        from PySide6.QtDBus import QDBusMessage

        arguments: list[object] = message.arguments() if isinstance(message, QDBusMessage) else []
        if arguments[:2] == [SPACE, KEY]:
            self.dark = SCHEMES.get(_number(arguments[2:3]))
            self.changed.emit()
        for space, key, value in STILL:
            if arguments[:2] == [space, key]:
                self.still = _number(arguments[2:3]) == value


def _number(arguments: list[object]) -> int:
    """What lies in a variant, and the portal's old `Read` packs it twice."""
    value = arguments[0] if arguments else 0
    while hasattr(value, "variant"):
        value = value.variant()
    return value if isinstance(value, int) else 0
