"""Texts in parts that an outline does not take apart by name (a search's results, a file, what a tool of the vendor's own found).

Whatever a vendor calls them: they are billed as input, and may hold a secret.
"""

import base64

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
    """What a file in base64 says; empty: it is no text."""
    if media_type.startswith(_NO_TEXT_FILES):
        return ""
    try:
        return base64.b64decode(data, validate=True).decode()
    except ValueError:
        return ""
