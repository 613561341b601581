"""The one place that knows where shipped files lie: `resources/` in a checkout, `turnout/_resources` in an install."""

from pathlib import Path


def resource(*parts: str) -> Path:
    """The path of a shipped file; raises FileNotFoundError with the name when it is not there."""
    package = Path(__file__).parent
    for root in (package / "_resources", package.parents[1] / "resources"):
        path = root.joinpath(*parts)
        if path.exists():
            return path
    raise FileNotFoundError(f"shipped file {'/'.join(parts)} is missing: install Turnout again")
