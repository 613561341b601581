"""What the tray knows of the proxy at one moment, as one value that the icon, the menu and the pages are made from."""

from dataclasses import dataclass
from enum import Enum

from turnout.control.messages import BudgetLine, Status
from turnout.desktop.text import nanos_of


class Health(Enum):
    STARTING = "starting"
    UP = "up"
    HUNG = "hung"
    """It runs but has not answered for some seconds."""
    DOWN = "down"
    """It ended; a restart is due, or nobody asked for one yet."""
    FAILED = "failed"
    """It ended again and again at once: we stopped trying and show why."""


@dataclass(frozen=True, slots=True)
class State:
    health: Health = Health.STARTING
    status: Status | None = None
    owned: bool = False
    """We started the proxy, so quitting stops it."""
    problem: str = ""
    """Why it is not up: the last line it said, or what starting it raised."""

    @property
    def credit(self) -> float | None:
        """What is left under the tightest dollar budget, as a share of its limit; None: there is none."""
        if self.status is None:
            return None
        shares = [
            share for line in self.status.budgets if (share := left_share(line)) is not None and line.unit != "calls"
        ]
        return min(shares, default=None)

    @property
    def warning(self) -> bool:
        """Whether the icon carries the mark that asks for a look."""
        status = self.status
        if status is None:
            return False
        broken = any(engine.state in ("down", "locked", "no key") for engine in status.engines)
        ledger = status.ledger_adrift or status.ledger_error
        return bool(status.waiting or status.rules_error or status.settings_error or ledger or broken)


def left_share(line: BudgetLine) -> float | None:
    limit = nanos_of(line.limit)
    if limit <= 0:
        return None
    return min(1.0, max(0.0, nanos_of(line.left) / limit))
