"""The decision, pure: no I/O, no clock, no randomness. Production, preview, explain and replay run the same `decide`."""
