"""Fixtures every test may use, and how Hypothesis behaves on a machine that others load."""

from hypothesis import HealthCheck, settings

from tests.support.fixtures import engine, llama, scripted, serve

__all__ = ["engine", "llama", "scripted", "serve"]

# An example that took long says that somebody else had the processor, not that the code is slow: the benches measure that.
settings.register_profile("shared-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared-machine")
