"""Anthropic messages: /v1/messages, also with ?beta=true."""
