"""The table from a dialect to its codec. Each is made once, when it is first used."""

from collections.abc import Callable
from functools import cache

from turnout.calls.units import Dialect
from turnout.wire.anthropic.codec import anthropic_messages
from turnout.wire.dialect import Codec
from turnout.wire.gemini.codec import Gemini
from turnout.wire.ollama.chat import OllamaChat
from turnout.wire.ollama.embed import OllamaEmbed
from turnout.wire.ollama.generate import OllamaGenerate
from turnout.wire.openai_chat.codec import openai_chat
from turnout.wire.openai_completions import OpenAICompletions
from turnout.wire.openai_embeddings import OpenAIEmbeddings
from turnout.wire.openai_responses.codec import openai_responses

_MADE: dict[Dialect, Callable[[], Codec]] = {
    Dialect.OPENAI_CHAT: openai_chat,
    Dialect.OPENAI_RESPONSES: openai_responses,
    Dialect.OPENAI_COMPLETIONS: OpenAICompletions,
    Dialect.OPENAI_EMBEDDINGS: OpenAIEmbeddings,
    Dialect.ANTHROPIC: anthropic_messages,
    Dialect.OLLAMA_CHAT: OllamaChat,
    Dialect.OLLAMA_GENERATE: OllamaGenerate,
    Dialect.OLLAMA_EMBED: OllamaEmbed,
    Dialect.GEMINI: Gemini,
}


@cache
def codec(dialect: Dialect) -> Codec:
    return _MADE[dialect]()
