"""The reference material (captures, golden transcripts, data) that may lie beside the checkout."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2].parent / "shared"


def shared(path: str) -> Path:
    """A file or folder of the reference material; skips the test, with the reason, where it is not there."""
    found = ROOT / path
    if not found.exists():
        pytest.skip(f"reference material ../shared/{path} is not beside this checkout")
    return found
