"""Fixtures every test may use."""

from tests.support.fixtures import engine, llama, scripted, serve

__all__ = ["engine", "llama", "scripted", "serve"]
