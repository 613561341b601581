"""Control messages <-> JSON. Unknown keys of a newer proxy are ignored, missing ones of an older take their defaults."""

from dataclasses import MISSING, asdict, fields
from typing import Any, TypeVar

from turnout.control.messages import BudgetLine, Engine, LocalModel, Node, Notice, Running, Status, Stopped, Waiting

T = TypeVar("T")
_LISTS: dict[str, type] = {
    "engines": Engine,
    "budgets": BudgetLine,
    "running": Running,
    "waiting": Waiting,
    "stopped": Stopped,
    "notices": Notice,
}


def status_json(status: Status) -> dict[str, Any]:
    return asdict(status)


def status_of(doc: dict[str, Any]) -> Status:
    given = {key: value for key, value in doc.items() if key not in _LISTS}
    for key, kind in _LISTS.items():
        rows = doc.get(key)
        given[key] = tuple(made(kind, one) for one in rows if isinstance(one, dict)) if isinstance(rows, list) else ()
    given["next_steps"] = tuple(doc.get("next_steps") or ())
    return made(Status, given)


def nodes_of(doc: dict[str, Any]) -> list[Node]:
    rows = [row for row in doc.get("nodes") or () if isinstance(row, dict)]
    return [
        made(Node, row | {"models": tuple(made(LocalModel, one) for one in row.get("models") or ())}) for row in rows
    ]


def made(kind: type[T], doc: dict[str, Any]) -> T:
    known = {}
    for field in fields(kind):  # type: ignore[arg-type]  # every kind here is a dataclass
        if field.name in doc:
            known[field.name] = doc[field.name]
        elif field.default is MISSING and field.default_factory is MISSING:
            known[field.name] = 0 if field.type in ("int", int) else ""
    return kind(**known)
