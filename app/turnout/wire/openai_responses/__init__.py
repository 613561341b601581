"""OpenAI responses: /v1/responses. Codex speaks only this; without `response.completed` it sends every turn again."""
