"""Ollama's /api/embed, and the older /api/embeddings whose `prompt` and `embedding` are single."""

from collections.abc import Iterable

from turnout.calls.outline import Outline
from turnout.calls.reply import Began, Embedded, Ended, Event, Failed, StopReason, UsageSeen
from turnout.calls.request import Request, Written
from turnout.calls.units import Dialect, Json
from turnout.calls.usage import Usage
from turnout.errors import BadRequestError, TurnoutError
from turnout.wire import errors_json
from turnout.wire.dialect import ReplyContext, Target
from turnout.wire.embedding import NoStream, inputs_of, outline_of, vector_of, vectors
from turnout.wire.fields import dump, obj, positive_or, said_int, said_items, said_text, text_or
from turnout.wire.ollama.answer import timed


class OllamaEmbed:
    stream_type = "application/json"

    def outline(self, doc: Json, *, path_model: str = "", stream: bool | None = None) -> Outline:
        body = obj(doc)
        return outline_of(Dialect.OLLAMA_EMBED, body, _inputs(body))

    def read_request(self, doc: Json, *, path_model: str = "", stream: bool | None = None) -> Request:
        body = obj(doc)
        known = ("model", "input", "prompt", "dimensions")
        return Request(
            dialect=Dialect.OLLAMA_EMBED,
            model=text_or(body, "model"),
            messages=(),
            inputs=_inputs(body),
            dimensions=positive_or(body, "dimensions"),
            extras={key: value for key, value in body.items() if key not in known}
            | ({"prompt": True} if "input" not in body else {}),
        )

    def write_request(self, request: Request, target: Target) -> Written:
        inputs: list[Json] = []
        for i, one in enumerate(request.inputs):
            if not isinstance(one, str):
                raise BadRequestError("token ids cannot be sent to this engine", path=f"input[{i}]", hint="Send texts.")
            inputs.append(one)
        body: dict[str, Json] = {"model": target.model, "input": inputs, "truncate": False}
        if request.dimensions is not None:
            body["dimensions"] = request.dimensions
        return Written(dump(body))

    def reply_reader(self) -> NoStream:
        return NoStream()

    def read_reply(self, doc: Json) -> list[Event]:
        found: list[Event] = [Began(model=said_text(doc, "model"))]
        single = vector_of(doc.get("embedding")) if isinstance(doc, dict) else None
        many = [vector_of(one) for one in said_items(doc, "embeddings")] or ([single] if single is not None else [])
        for i, vector in enumerate(many):
            if vector is None:
                return [Failed("the engine's answer holds an embedding that is none")]
            found.append(Embedded(i, vector))
        if len(found) == 1:
            return [Failed(said_text(doc, "error") or "the engine's answer holds no embeddings")]
        usage = [timed(doc)] if said_int(doc, "prompt_eval_count") else []
        return [*found, *usage, Ended(StopReason.END)]

    def reply_writer(self, context: ReplyContext) -> NoStream:
        return NoStream()

    def write_reply(self, events: Iterable[Event], context: ReplyContext) -> bytes:
        run = list(events)
        found: list[Json] = [list(vector) for vector in vectors(run)]
        if context.request is not None and context.request.extras.get("prompt"):
            return dump({"embedding": found[0] if found else []})
        usage = next((event.usage for event in run if isinstance(event, UsageSeen)), Usage())
        return dump(
            {
                "model": context.model,
                "embeddings": found,
                "total_duration": 0,
                "load_duration": 0,
                "prompt_eval_count": usage.prompt,
            }
        )

    def write_error(self, error: TurnoutError) -> bytes:
        return errors_json.ollama(error)


def _inputs(body: dict[str, Json]) -> tuple[str | tuple[int, ...], ...]:
    if "input" in body:
        return inputs_of(body["input"], "input")
    return (text_or(body, "prompt"),)
