"""Texts of a request that an outline does not count: names, links, metadata, files, what two parts make together. Pure.

They are looked through for secrets and nothing else, so it does no harm that some stand in what is counted too, in another form.
"""

from collections.abc import Collection
from itertools import pairwise

from turnout.calls.units import Json
from turnout.wire.fields import dump_text, said_text
from turnout.wire.parts import split_data_url
from turnout.wire.words import text_of_file

_SHORTEST = 10
"""Characters of a secret, or of a name and a secret, at the least."""
_LONG_NAME = 16
"""Characters of a member's name from which on it may be a value (`{"ghp_...": true}`)."""
_SEAM = 200
"""Characters to both sides of where two parts meet."""
_HEAD = 200
"""Characters within which a data URL says how it is encoded."""
_OPAQUE = frozenset(("type", "role", "images", "signature", "thoughtSignature", "thought_signature"))
"""Fixed words, pictures, and what only a vendor can have made."""
FILES = frozenset(("data", "file_data", "fileData"))
_FOR_THE_VENDOR = frozenset(("authorization", "authorization_token", "headers"))
_HOLDING = (str, dict, list)
_COUNTED_AS_JSON = frozenset(("input", "arguments", "args", "response"))


def texts_beside(value: Json, known: Collection[str] = (), name: str = "", media_type: str = "") -> list[str]:
    """Every text inside that is not `known`, after the name of its member: `{"password": ...}` is a secret by its name alone."""
    if isinstance(value, str):
        return _of_text(value, known, name, media_type)
    if isinstance(value, list):
        held = [text for one in value if type(one) in _HOLDING for text in texts_beside(one, known, name)]
        return held + seams(value)
    if not isinstance(value, dict) or (name in _COUNTED_AS_JSON and dump_text(value) in known):
        return []
    media_type = said_text(value, "media_type") or said_text(value, "mimeType") or said_text(value, "mime_type")
    found = [key for key in value if len(key) >= _LONG_NAME]
    for key, one in unkeyed(value).items():
        found += texts_beside(one, known, key, media_type)
    return found


def unkeyed(value: dict[str, Json]) -> dict[str, Json]:
    """Of a server that the vendor is to call (MCP) all but its key: that is handed over on purpose, and nobody else could use it."""
    if "url" not in value and "server_url" not in value:
        return value
    return {name: one for name, one in value.items() if name not in _FOR_THE_VENDOR}


def _of_text(value: str, known: Collection[str], name: str, media_type: str) -> list[str]:
    if len(value) < _SHORTEST or value in known or name in _OPAQUE or name.startswith("encrypted"):
        return []
    plain = f'{name}="{value}"'
    if value.startswith("data:"):
        if ";base64," not in value[:_HEAD]:
            return [plain]
        found = [text_of_file(*reversed(split_data_url(value)))]
    elif name in FILES:
        found = [text_of_file(value, media_type), plain if " " in value else ""]
    else:
        found = [plain]
    return [text for text in found if text and text not in known]


def seams(parts: list[Json]) -> list[str]:
    """Where one text goes on in the next: engines put them together again."""
    if len(parts) < 2:
        return []
    texts = [one if isinstance(one, str) else said_text(one, "text") for one in parts]
    return [
        before[-_SEAM:] + after[:_SEAM]
        for before, after in pairwise(texts)
        if before and after and not (before[-1].isspace() or after[0].isspace())
    ]
