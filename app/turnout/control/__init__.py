"""Talking to a running proxy: messages, the runtime file, a small client."""
