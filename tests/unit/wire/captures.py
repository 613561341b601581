"""The captured requests of real clients, as (name, dialect, body, path model, stream)."""

import json
from dataclasses import dataclass
from pathlib import Path

from tests.support.shared import ROOT

from turnout.calls.units import Dialect, Json
from turnout.errors import TurnoutError
from turnout.proxy.door.endpoints import Endpoint, asked


@dataclass(frozen=True, slots=True)
class Capture:
    name: str
    dialect: Dialect
    body: Json
    model: str
    stream: bool | None


def captures() -> list[Capture]:
    """Empty where the reference material is not beside the checkout."""
    found = []
    for file in sorted((ROOT / "clients").glob("*/*.json")):
        found += _read(file)
    return found


def _read(file: Path) -> list[Capture]:
    doc = json.loads(file.read_text())
    if not isinstance(doc, dict) or doc.get("method") != "POST" or not isinstance(doc.get("body"), dict):
        return []
    try:
        place = asked("POST", doc["path"])
    except TurnoutError:
        return []
    if place.endpoint is not Endpoint.CALL:
        return []
    return [Capture(f"{file.parent.name}/{file.stem}", place.dialect, doc["body"], place.model, place.stream)]
