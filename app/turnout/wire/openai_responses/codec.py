"""OpenAI responses: its parts as one codec."""

from turnout.wire import errors_json
from turnout.wire.openai_responses import answer, outline, request_reader, request_writer, stream
from turnout.wire.spoken import Spoken


def openai_responses() -> Spoken:
    return Spoken(
        outline.from_above,
        request_reader.read,
        request_writer.write,
        stream.Reader,
        answer.read,
        stream.Writer,
        stream.write,
        errors_json.openai,
    )
