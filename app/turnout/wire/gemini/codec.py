"""Gemini: the dialect as one value, for the table of codecs."""

from collections.abc import Iterable

from turnout.calls.outline import Outline
from turnout.calls.reply import Event
from turnout.calls.request import Request, Written
from turnout.calls.units import Json
from turnout.errors import TurnoutError
from turnout.wire import errors_json
from turnout.wire.dialect import ReplyContext, Target
from turnout.wire.gemini import answer, outline, request_reader, request_writer, stream


class Gemini:
    stream_type = "text/event-stream"

    def outline(self, doc: Json, *, path_model: str = "", stream: bool | None = None) -> Outline:
        return outline.from_above(doc, path_model, stream=stream)

    def read_request(self, doc: Json, *, path_model: str = "", stream: bool | None = None) -> Request:
        return request_reader.read(doc, path_model, stream=stream)

    def write_request(self, request: Request, target: Target) -> Written:
        return request_writer.write(request, target)

    def reply_reader(self) -> stream.Reader:
        return stream.Reader()

    def read_reply(self, doc: Json) -> list[Event]:
        return stream.read(doc)

    def reply_writer(self, context: ReplyContext) -> stream.Writer:
        return stream.Writer(context)

    def write_reply(self, events: Iterable[Event], context: ReplyContext) -> bytes:
        return answer.write(events, context)

    def write_error(self, error: TurnoutError) -> bytes:
        return errors_json.gemini(error)
