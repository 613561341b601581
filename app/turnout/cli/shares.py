"""Who used what share of a budget: its window's spend by developer, or by client where one developer made it all."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from turnout.calls.units import Nanos
from turnout.ledger.rows import usd

if TYPE_CHECKING:
    from turnout.ledger.reader import Reader

_SPLIT = {
    "client": ("developer", "project"),
    "developer": ("client", "project"),
    "department": ("developer", "client"),
    "project": ("developer", "client"),
    "tier": ("developer", "client"),
    "model": ("developer", "client"),
    "all": ("developer", "client"),
}
"""By what a scope is split: by the first that tells more than one apart, else the last."""


@dataclass(frozen=True, slots=True)
class Share:
    by: str
    name: str
    cost: Nanos
    share: float
    """Of what was spent in the window, 0..1."""

    def doc(self) -> dict[str, object]:
        return {"by": self.by, "name": self.name, "cost_usd": usd(self.cost), "share": round(self.share, 4)}


def shares(reader: "Reader", line: Mapping[str, object]) -> list[Share]:
    """Of a row of `budgets`, dearest first; empty for a session's (it is one conversation) and where nothing was spent."""
    scope, who = str(line.get("scope", "")), str(line.get("who", ""))
    since_ms = begun(str(line.get("key", "")).rpartition("|")[2])
    if scope not in _SPLIT or since_ms is None:
        return []
    only = None if scope == "all" else ("provider/model" if scope == "model" else scope, who)
    for by in _SPLIT[scope]:
        rows = [row for row in reader.spend(by, since_ms, only=only) if row.cost > 0]
        if len(rows) > 1 or by == _SPLIT[scope][-1]:
            total = sum(row.cost for row in rows)
            return [Share(by, row.name or "(none)", row.cost, row.cost / total) for row in rows]
    return []


def begun(label: str) -> int | None:
    """Unix milliseconds at which a window with this label begins; None for a session's own, which no clock begins."""
    if label == "ever":
        return 0
    for form in ("%Y-%m-%d", "week %Y-%m-%d", "%Y-%m", "%Y-%m-%dT%H:%M%z"):
        try:
            at = datetime.strptime(label, form)  # noqa: DTZ007  a day is the machine's own
        except ValueError:
            continue
        return round((at if at.tzinfo is not None else at.astimezone()).timestamp() * 1000)
    return None
