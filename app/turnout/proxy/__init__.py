"""The headless program: server, guard, pipeline, state."""
