"""Texts in parts that an outline does not take apart by name (a search's results, a file, what a tool of the vendor's own found).

Whatever a vendor calls them: they are billed as input, and may hold a secret.
"""

import base64
import codecs

from turnout.calls.units import Json

_NO_TEXT = frozenset(
    (
        "type",
        "id",
        "call_id",
        "tool_use_id",
        "file_id",
        "role",
        "status",
        "cache_control",
        "signature",
        "data",
        "media_type",
        "mimeType",
        "mime_type",
    )
)
_STANDARD = str.maketrans("-_", "+/")
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_NO_TEXT_FILES = ("image/", "audio/", "video/", "application/pdf")


def texts_in(value: Json, name: str = "") -> list[str]:
    """Every text inside, however deep, but for the names of kinds, ids, and what is encoded. `name`: that of the member it is."""
    if name in _NO_TEXT or name.startswith("encrypted"):
        return []
    if isinstance(value, str):
        return [value] if value and not value.startswith("data:") else []
    if isinstance(value, list):
        return [text for one in value for text in texts_in(one, name)]
    if isinstance(value, dict):
        return [text for key, one in value.items() for text in texts_in(one, key)]
    return []


def text_of_file(data: str, media_type: str) -> str:
    """What a file in base64 (any alphabet, with line breaks or without) says; empty: it is no text."""
    if media_type.startswith(_NO_TEXT_FILES) and media_type != "image/svg+xml":
        return ""
    try:
        raw = base64.b64decode("".join(data.split()).translate(_STANDARD) + "==")
    except ValueError:
        return ""
    if raw.startswith(_UTF_16):
        return raw.decode("utf-16", "replace")
    if b"\0" in raw:
        # No text has one in its first lines; git tells texts so too.
        return ""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")
