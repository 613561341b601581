"""Taking checked values out of a TOML table: each error is kept with its place, and a default stands in so that reading goes on."""

from collections.abc import Collection, Sequence
from decimal import Decimal
from difflib import get_close_matches

from turnout.calls.units import Nanos
from turnout.errors import SettingsError
from turnout.routing.money import nanos_of
from turnout.routing.places import Path, Place, Places

Table = dict[str, object]
MOST = 500
"""Rules, signals or budgets in one file; more is a generated file gone wrong, and each costs time on every call."""


class Taking:
    """Numbers come as int or Decimal (`parse_float=Decimal`); a bool is never a number."""

    def __init__(self, raw: Table, at: Places, file: str) -> None:
        self.raw, self.at, self.file = raw, at, file
        self.errors: list[SettingsError] = []
        self.warnings: list[SettingsError] = []

    # --- telling ---

    def error(self, message: str, place: Place, hint: str = "") -> None:
        self.errors.append(SettingsError(message, file=self.file, line=place.line, column=place.column, hint=hint))

    def warn(self, message: str, place: Place, hint: str = "") -> None:
        self.warnings.append(SettingsError(message, file=self.file, line=place.line, column=place.column, hint=hint))

    def known(self, table: Table, path: Path, allowed: Collection[str], *, note: str = "") -> None:
        what = "key" if path else "table or key"
        for key in table:
            if key not in allowed:
                where = f"{note} in {_named(path)}" if path else ""
                self.error(f"unknown {what} {key!r}{where}", self.at.key(*path, key), nearest(key, allowed))

    # --- taking ---

    def table(self, key: str) -> Table:
        value = self.raw.get(key, {})
        if isinstance(value, dict):
            return value
        self.error(f"{key} must be a table, [{key}]", self.at.key(key))
        return {}

    def tables(self, key: str) -> list[tuple[Path, Table]]:
        value = self.raw.get(key, [])
        if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
            self.error(f"{key} must be written as [[{key}]], once for each", self.at.key(key))
            return []
        if len(value) > MOST:
            self.error(f"there are {len(value)} [[{key}]], {MOST} are allowed", self.at.key(key))
            return []
        return [((key, at), one) for at, one in enumerate(value)]

    def text(self, table: Table, path: Path, key: str, default: str) -> str:
        value = table.get(key, default)
        if isinstance(value, str) and (value or key not in table):
            return value
        self.error(f"{key} must be a text", self.at.value(*path, key))
        return default

    def choice(self, table: Table, path: Path, key: str, choices: Sequence[str], default: str) -> str:
        value = table.get(key, default)
        if isinstance(value, str) and value in choices:
            return value
        said = repr(value) if isinstance(value, str) else "this"
        self.error(f"{key}: {said} is none of {', '.join(choices)}", self.at.value(*path, key), nearest(value, choices))
        return default

    def flag(self, table: Table, path: Path, key: str, default: bool) -> bool:
        value = table.get(key, default)
        if isinstance(value, bool):
            return value
        self.error(f"{key} must be true or false", self.at.value(*path, key))
        return default

    def count(self, table: Table, path: Path, key: str, *, least: int = 1, most: int = 10**15) -> int | None:
        value = table.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int):
            self.error(f"{key} must be a whole number", self.at.value(*path, key))
            return None
        if not least <= value <= most:
            self.error(f"{key} is {_short(value)}; it must be between {least} and {most:,}", self.at.value(*path, key))
            return None
        return value

    def number(self, table: Table, path: Path, key: str, default: float, *, most: float) -> float:
        value = table.get(key)
        if value is None:
            return default
        if (
            isinstance(value, bool)
            or not isinstance(value, int | Decimal)
            or (isinstance(value, Decimal) and not value.is_finite())
        ):
            self.error(f"{key} must be a number", self.at.value(*path, key))
            return default
        if not 0 <= value <= Decimal(str(most)):
            self.error(f"{key} is {_short(value)}; it must be between 0 and {most:g}", self.at.value(*path, key))
            return default
        return float(value)

    def money(self, table: Table, path: Path, key: str, each: Nanos | None = None) -> Nanos | None:
        value = table.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            self.error(f"{key} must be a number of {'credits' if each else 'dollars'}", self.at.value(*path, key))
            return None
        try:
            if each is None:
                return nanos_of(value)
            # A credit is a hundredth of a dollar; two digits of the exponent move the point exactly.
            return nanos_of(Decimal(value).scaleb(-2) if Decimal(value).is_finite() else Decimal(value))
        except (ValueError, ArithmeticError) as error:
            said = str(error) if isinstance(error, ValueError) else "is beyond all measure"
            self.error(f"{key} {said}", self.at.value(*path, key))
            return None


def nearest(said: object, known: Collection[str]) -> str:
    """ "Did you mean ...?" with the closest of what there is; empty where nothing comes close."""
    if not isinstance(said, str) or not said:
        return ""
    pool = list(known)[:5_000]
    close = get_close_matches(said[:100].lower(), pool, n=1, cutoff=0.5)
    if close:
        return f"Did you mean {close[0]}?"
    return f"Known here: {', '.join(pool)}." if 0 < len(pool) <= 12 else ""


def _named(path: Path) -> str:
    if len(path) == 2 and isinstance(path[1], int):
        return f"[[{path[0]}]] number {path[1] + 1}"
    return f"[{'.'.join(str(part) for part in path)}]"


def _short(value: object) -> str:
    text = str(value) if not isinstance(value, int) or abs(value) < 10**30 else "a number of more than 30 digits"
    return text if len(text) <= 40 else f"{text[:40]}..."
