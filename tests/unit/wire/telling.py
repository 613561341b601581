"""A request of one dialect as another engine is sent it."""

import json

from tests.support.script import Doc

from turnout.calls.units import Dialect
from turnout.wire.codec import codec
from turnout.wire.dialect import Target

CHAT, RESPONSES, ANTHROPIC = Dialect.OPENAI_CHAT, Dialect.OPENAI_RESPONSES, Dialect.ANTHROPIC
OLLAMA, GEMINI = Dialect.OLLAMA_CHAT, Dialect.GEMINI
ASK = {"role": "user", "content": "hi"}


def told(client: Dialect, body: Doc, engine: Dialect, model: str = "m") -> tuple[Doc, tuple[str, ...]]:
    """What the engine is sent, and the names of what is not."""
    request = codec(client).read_request(body, path_model="m", stream=False)
    written = codec(engine).write_request(request, Target(model=model, vendor_history=client is engine))
    doc = json.loads(written.body)
    assert isinstance(doc, dict)
    return doc, written.dropped


def chat(**more: object) -> Doc:
    return {"model": "m", "messages": [ASK], **more}


def names(engine: Dialect, doc: Doc) -> tuple[str, ...]:
    if engine is GEMINI:
        return tuple(one["name"] for one in doc["tools"][0]["functionDeclarations"])
    return tuple(one.get("function", one)["name"] for one in doc["tools"])


FUNCTIONS = [{"type": "function", "function": {"name": name}} for name in "abc"]
