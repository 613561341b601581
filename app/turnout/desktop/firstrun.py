"""How far the first run is. Which steps were left out is kept until it is finished; what is done, the machine itself says.

`state/welcomed` says that it is over, `state/welcome.json` that it has begun: the ledger that our own proxy makes meanwhile
must not end it when the window is closed in the middle.
"""

import json
from collections.abc import Iterable
from contextlib import suppress

from turnout.settings.paths import Paths

STEPS = ("engine", "key", "client")


class FirstRun:
    """Small files of our own: a look costs microseconds."""

    def __init__(self, places: Paths) -> None:
        self._ledger = places.ledger
        self._over = places.state / "welcomed"
        self._begun = places.state / "welcome.json"

    @property
    def due(self) -> bool:
        """It was begun and not finished, or nobody has been welcomed here and no call was made."""
        return not self._over.exists() and (self._begun.exists() or not self._ledger.exists())

    @property
    def begun(self) -> bool:
        return self._begun.exists() and not self._over.exists()

    def skipped(self) -> frozenset[str]:
        """Steps that were left out; none where the file is missing or nonsense."""
        try:
            doc = json.loads(self._begun.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return frozenset()
        found = doc.get("skipped") if isinstance(doc, dict) else None
        return frozenset(one for one in STEPS if isinstance(found, list) and one in found)

    def keep(self, skipped: Iterable[str]) -> None:
        with suppress(OSError):  # then the steps are all shown again
            self._begun.write_text(json.dumps({"skipped": sorted(skipped)}) + "\n", encoding="utf-8")

    def finish(self) -> None:
        with suppress(OSError):  # then the first steps are shown once more
            self._over.touch()
            self._begun.unlink(missing_ok=True)
