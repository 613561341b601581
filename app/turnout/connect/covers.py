"""Whether what we wrote still stands in what is there now."""

from turnout.calls.units import Json


def covers(now: Json, ours: Json) -> bool:
    """The user may have added to it (a model of their own under our provider)."""
    if isinstance(now, dict) and isinstance(ours, dict):
        return all(key in now and covers(now[key], value) for key, value in ours.items())
    if isinstance(now, list) and isinstance(ours, list):
        return all(any(covers(one, value) for one in now) for value in ours)
    return now == ours
