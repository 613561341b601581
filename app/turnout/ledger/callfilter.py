"""Which calls of the ledger: a filter, and the conditions it is in SQL."""

from dataclasses import dataclass

from turnout.calls.units import Status
from turnout.ledger.rows import Value

_UNUSUAL = frozenset(status.value for status in Status if status is not Status.SETTLED)


@dataclass(frozen=True, slots=True)
class CallFilter:
    """Empty fields do not filter; `text` looks into client, model, rule, reason, session and project."""

    text: str = ""
    tier: str = ""
    client: str = ""
    status: str = ""
    """One, or several with commas between."""
    session: str = ""
    model: str = ""
    since_ms: int = 0
    until_ms: int = 0

    def clauses(self) -> tuple[list[str], list[Value]]:
        """SQL conditions, all of which must hold, and the values of their marks in order."""
        clauses: list[str] = []
        values: list[Value] = []
        if self.status in _UNUSUAL:
            # A literal of our own, not a parameter: only so does SQLite see that the partial index holds them all.
            clauses.append(f"status = '{self.status}' AND status <> 'settled'")
        elif self.status:
            some = self.status.split(",")
            clauses.append(f"status IN ({','.join('?' * len(some))})")
            values += some
        for name in ("tier", "client", "session", "model"):
            if getattr(self, name):
                clauses.append(f"{name} = ?")
                values.append(getattr(self, name))
        if self.since_ms:
            clauses.append("at_ms >= ?")
            values.append(self.since_ms)
        if self.until_ms:
            clauses.append("at_ms < ?")
            values.append(self.until_ms)
        if self.text:
            like = "%" + self.text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
            names = ("client", "model", "asked_model", "rule", "reason", "session", "project", "id")
            clauses.append("(" + " OR ".join(f"{name} LIKE ? ESCAPE '\\'" for name in names) + ")")
            values += [like] * len(names)
        return clauses, values
