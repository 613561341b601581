"""Ollama native: /api/chat, /api/generate, /api/embed. Tools have object arguments and often no ids; a stream is NDJSON with the
counts in its last line."""
