"""Ollama's /api/generate: a raw prompt, with a suffix for fill-in-the-middle."""

from collections.abc import Iterable

from turnout.calls.outline import Outline
from turnout.calls.reply import Event
from turnout.calls.request import Image, Message, Part, Request, Role, Text, Written
from turnout.calls.units import Dialect, Json
from turnout.errors import TurnoutError
from turnout.wire import errors_json
from turnout.wire.dialect import ReplyContext, Target
from turnout.wire.fields import dump, flag_or, items_or, obj, obj_or, text_or
from turnout.wire.ollama.answer import read_whole, write_whole
from turnout.wire.ollama.request_reader import limit_of, read_common
from turnout.wire.ollama.request_writer import write_common
from turnout.wire.ollama.stream import Reader, Writer
from turnout.wire.outlining import Gatherer


class OllamaGenerate:
    stream_type = "application/x-ndjson"

    def outline(self, doc: Json, *, path_model: str = "", stream: bool | None = None) -> Outline:
        body = obj(doc)
        seen = Gatherer()
        system, suffix = text_or(body, "system"), text_or(body, "suffix")
        if system:
            seen.add_system(system)
        seen.begin()
        seen.add_human(text_or(body, "prompt"))
        if suffix:
            seen.add_text(suffix)
        seen.images = len(items_or(body, "images"))
        seen.look_beside(body, "prompt", "suffix", "system")
        think = body.get("think")
        return seen.outline(
            Dialect.OLLAMA_GENERATE,
            text_or(body, "model"),
            stream=flag_or(body, "stream") is not False,
            include_usage=True,
            max_output=limit_of(obj_or(body, "options")),
            thinking=think not in (None, False, ""),
            schema=body.get("format") not in (None, ""),
            extras={"suffix": "1"} if suffix or flag_or(body, "raw") else {},
        )

    def read_request(self, doc: Json, *, path_model: str = "", stream: bool | None = None) -> Request:
        """The prompt stands both as `prompt` and, for engines that only chat, as messages."""
        body = obj(doc)
        messages: list[Message] = []
        if text_or(body, "system"):
            messages.append(Message(Role.SYSTEM, (Text(text_or(body, "system")),)))
        parts: list[Part] = [Text(text_or(body, "prompt"))]
        parts += [Image("image/png", image) for image in items_or(body, "images") if isinstance(image, str)]
        messages.append(Message(Role.USER, tuple(parts)))
        return read_common(body, Dialect.OLLAMA_GENERATE, tuple(messages))

    def write_request(self, request: Request, target: Target) -> Written:
        dropped: list[str] = []
        body: dict[str, Json] = {"model": target.model, "prompt": request.prompt}
        if request.suffix:
            body["suffix"] = request.suffix
        system = "\n\n".join(
            part.text for m in request.messages if m.role is Role.SYSTEM for part in m.parts if isinstance(part, Text)
        )
        if system:
            body["system"] = system
        images: list[Json] = [p.data for m in request.messages for p in m.parts if isinstance(p, Image) and p.data]
        if images:
            body["images"] = images
        write_common(body, request, target, dropped)
        return Written(dump(body), tuple(dict.fromkeys(dropped)))

    def reply_reader(self) -> Reader:
        return Reader("response")

    def read_reply(self, doc: Json) -> list[Event]:
        return read_whole(doc, "response")

    def reply_writer(self, context: ReplyContext) -> Writer:
        return Writer(context, chat=False)

    def write_reply(self, events: Iterable[Event], context: ReplyContext) -> bytes:
        return write_whole(events, context, chat=False)

    def write_error(self, error: TurnoutError) -> bytes:
        return errors_json.ollama(error)
