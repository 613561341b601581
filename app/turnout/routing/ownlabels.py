"""Labels that a user's own calls carry by themselves: what was asked again, and what was left as it was.

Rows hold no text, but the same ask has the same features to the last digit, and where a call was not graded, the same
length on the same history. Within a session, an ask that stands again on
the same history was not answered well enough the first time: by a stronger tier, that one was needed; by the same one, it
probably was. An ask that the user simply went on from was answered. Only cheap tiers' answers tell anything, and only those
that came: an SDK's retry after an error says nothing of the model.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from turnout.calls.record import CallRecord
from turnout.calls.units import Status, Tier
from turnout.routing.calibration import INPUT_NAMES, Label

REGENERATED, ASKED_AGAIN, WENT_ON = 1.0, 0.8, 0.0
_RANK: Mapping[Tier | None, int] = {Tier.LOCAL: 0, Tier.FAST: 1, Tier.HIGH: 2}
_PER_UNHAPPY = 3
"""Going on is a weak sign and the commonest one: so many of them at most for each ask that was not answered well."""
_SOON_MS = 3_600_000
"""The same ask a day later is another day's work."""


@dataclass(frozen=True, slots=True)
class OwnLabels:
    labels: tuple[Label, ...]
    regenerated: int
    """Asked again of a stronger tier."""
    asked_again: int
    """Of the same tier, or a weaker one."""
    went_on: int


def own_labels(records: Iterable[CallRecord], but: frozenset[str] = frozenset()) -> OwnLabels:
    """`but`: calls that somebody judged already, whose word goes first. Newest labels first where there are too many."""
    sessions: dict[str, list[CallRecord]] = {}
    for record in sorted(records, key=lambda one: (one.at_ms, one.id)):
        if _tells(record):
            sessions.setdefault(record.session or record.id, []).append(record)
    unhappy: list[Label] = []
    content: list[tuple[int, Label]] = []
    regenerated = 0
    for rows in sessions.values():
        for at, row in enumerate(rows[:-1]):
            if row.id in but or row.tier is Tier.HIGH or len(row.features) != len(INPUT_NAMES):
                continue
            again = _again(row, rows[at + 1 :])
            if again is None:
                content.append((row.at_ms, Label(row.features, WENT_ON)))
                continue
            stronger = _RANK[again.tier] > _RANK[row.tier]
            regenerated += stronger
            unhappy.append(Label(row.features, REGENERATED if stronger else ASKED_AGAIN))
    content.sort(key=lambda one: -one[0])
    kept = [label for _, label in content[: _PER_UNHAPPY * len(unhappy)]]
    return OwnLabels((*unhappy, *kept), regenerated, len(unhappy) - regenerated, len(kept))


def _tells(record: CallRecord) -> bool:
    """An ask that was answered; a step of a tool loop carries the ask it works on, housekeeping is nobody's ask."""
    kept = record.signals
    if record.status is not Status.SETTLED or record.tier is None or "call.turns" not in kept:
        return False
    return not kept.get("call.tool_loop") and "call.housekeeping" not in kept


def _again(row: CallRecord, later: Sequence[CallRecord]) -> CallRecord | None:
    for one in later:
        if one.at_ms - row.at_ms > _SOON_MS:
            return None
        if _same_ask(row, one):
            return one
    return None


def _same_ask(one: CallRecord, other: CallRecord) -> bool:
    if any(one.signals.get(key) != other.signals.get(key) for key in ("call.turns", "call.ask_chars")):
        return False
    return not other.features or one.features == other.features
