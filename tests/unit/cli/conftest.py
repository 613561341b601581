"""Fixtures of the command line's tests."""

from tests.unit.cli.shell import home, settled_home, turnout

__all__ = ["home", "settled_home", "turnout"]
