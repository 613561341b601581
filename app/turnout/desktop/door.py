"""The way into the desktop: Qt is loaded here, and one thing that comes with it is undone.

PySide puts itself before every `import` of the process and reads the source of each module that is imported from then on, in case it
says `from __feature__ import ...`. Nothing here does; the sources stayed in memory: 4 MB of an idle tray.
"""

import builtins
from collections.abc import Callable


def enter() -> Callable[..., int]:
    """`turnout.desktop.app.run`; raises ImportError where Qt or a library of the desktop is missing."""
    import PySide6.QtCore  # noqa: F401

    plain = getattr(builtins, "__orig_import__", None)
    if plain is not None:
        builtins.__import__ = plain
    from turnout.desktop.app import run

    return run
