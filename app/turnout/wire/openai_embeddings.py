"""OpenAI embeddings: /v1/embeddings."""

from collections.abc import Iterable

from turnout.calls.outline import Outline
from turnout.calls.reply import Began, Embedded, Ended, Event, Failed, StopReason, UsageSeen
from turnout.calls.request import Request, Written
from turnout.calls.units import Dialect, Json, Tokens
from turnout.calls.usage import Usage
from turnout.errors import TurnoutError
from turnout.wire import errors_json
from turnout.wire.dialect import ReplyContext, Target
from turnout.wire.embedding import NoStream, inputs_of, outline_of, packed, vector_of, vectors
from turnout.wire.fields import dump, obj, positive_or, said, said_int, said_items, said_text, text_or


class OpenAIEmbeddings:
    stream_type = "application/json"

    def outline(self, doc: Json, *, path_model: str = "", stream: bool | None = None) -> Outline:
        body = obj(doc)
        return outline_of(Dialect.OPENAI_EMBEDDINGS, body, inputs_of(body.get("input"), "input"))

    def read_request(self, doc: Json, *, path_model: str = "", stream: bool | None = None) -> Request:
        body = obj(doc)
        return Request(
            dialect=Dialect.OPENAI_EMBEDDINGS,
            model=text_or(body, "model"),
            messages=(),
            inputs=inputs_of(body.get("input"), "input"),
            dimensions=positive_or(body, "dimensions"),
            base64=text_or(body, "encoding_format") == "base64",
            user=text_or(body, "user"),
        )

    def write_request(self, request: Request, target: Target) -> Written:
        inputs: list[Json] = [one if isinstance(one, str) else list(one) for one in request.inputs]
        body: dict[str, Json] = {"model": target.model, "input": inputs, "encoding_format": "float"}
        if request.dimensions is not None:
            body["dimensions"] = request.dimensions
        if request.user:
            body["user"] = request.user
        # `prompt` only says by which of Ollama's endpoints it came.
        return Written(dump(body), tuple(key for key in request.extras if key != "prompt"))

    def reply_reader(self) -> NoStream:
        return NoStream()

    def read_reply(self, doc: Json) -> list[Event]:
        found: list[Event] = [Began(model=said_text(doc, "model"))]
        for i, one in enumerate(said_items(doc, "data")):
            vector = vector_of(said(one, "embedding"))
            if vector is None:
                return [Failed("the engine's answer holds an embedding that is none")]
            found.append(Embedded(i, vector))
        if len(found) == 1:
            return [Failed(said_text(doc, "error", "message") or "the engine's answer holds no embeddings")]
        usage = UsageSeen(Usage(uncached=Tokens(said_int(doc, "usage", "prompt_tokens"))))
        return [*found, *([usage] if said(doc, "usage") is not None else []), Ended(StopReason.END)]

    def reply_writer(self, context: ReplyContext) -> NoStream:
        return NoStream()

    def write_reply(self, events: Iterable[Event], context: ReplyContext) -> bytes:
        run = list(events)
        as_text = context.request is not None and context.request.base64
        usage = next((event.usage for event in run if isinstance(event, UsageSeen)), Usage())
        data: list[Json] = [
            {"object": "embedding", "index": i, "embedding": packed(vector) if as_text else list(vector)}
            for i, vector in enumerate(vectors(run))
        ]
        counts: Json = {"prompt_tokens": usage.prompt, "total_tokens": usage.prompt}
        return dump({"object": "list", "data": data, "model": context.model, "usage": counts})

    def write_error(self, error: TurnoutError) -> bytes:
        return errors_json.openai(error)
