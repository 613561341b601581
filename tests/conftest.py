"""Fixtures every test may use."""

from tests.support.fixtures import engine, llama, serve

__all__ = ["engine", "llama", "serve"]
