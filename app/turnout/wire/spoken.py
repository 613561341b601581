"""A codec made of functions: a dialect whose whole request stands in its body, and whose answers are server-sent events."""

from collections.abc import Callable, Iterable

from turnout.calls.outline import Outline
from turnout.calls.reply import Event
from turnout.calls.request import Request, Written
from turnout.calls.units import Json
from turnout.calls.values import frozen
from turnout.errors import TurnoutError
from turnout.wire.dialect import ReplyContext, ReplyReader, ReplyWriter, Target


@frozen
class Spoken:
    """See `dialect.Codec` for what each one promises."""

    from_above: Callable[[Json], Outline]
    read_body: Callable[[Json], Request]
    write_request: Callable[[Request, Target], Written]
    reply_reader: Callable[[], ReplyReader]
    read_reply: Callable[[Json], list[Event]]
    reply_writer: Callable[[ReplyContext], ReplyWriter]
    write_reply: Callable[[Iterable[Event], ReplyContext], bytes]
    write_error: Callable[[TurnoutError], bytes]
    stream_type: str = "text/event-stream"

    def outline(self, doc: Json, *, path_model: str = "", stream: bool | None = None) -> Outline:
        return self.from_above(doc)

    def read_request(self, doc: Json, *, path_model: str = "", stream: bool | None = None) -> Request:
        return self.read_body(doc)
