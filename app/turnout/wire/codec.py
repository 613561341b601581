"""The table from a dialect to its codec. Each is made once, when it is first used."""

from collections.abc import Callable
from functools import cache

from turnout.calls.units import Dialect
from turnout.wire.anthropic_messages import AnthropicMessages
from turnout.wire.dialect import Codec
from turnout.wire.gemini import Gemini
from turnout.wire.ollama import OllamaChat
from turnout.wire.ollama_embed import OllamaEmbed
from turnout.wire.ollama_generate import OllamaGenerate
from turnout.wire.openai_chat import OpenAIChat
from turnout.wire.openai_completions import OpenAICompletions
from turnout.wire.openai_embeddings import OpenAIEmbeddings
from turnout.wire.openai_responses import OpenAIResponses

_MADE: dict[Dialect, Callable[[], Codec]] = {
    Dialect.OPENAI_CHAT: OpenAIChat,
    Dialect.OPENAI_RESPONSES: OpenAIResponses,
    Dialect.OPENAI_COMPLETIONS: OpenAICompletions,
    Dialect.OPENAI_EMBEDDINGS: OpenAIEmbeddings,
    Dialect.ANTHROPIC: AnthropicMessages,
    Dialect.OLLAMA_CHAT: OllamaChat,
    Dialect.OLLAMA_GENERATE: OllamaGenerate,
    Dialect.OLLAMA_EMBED: OllamaEmbed,
    Dialect.GEMINI: Gemini,
}


@cache
def codec(dialect: Dialect) -> Codec:
    return _MADE[dialect]()
