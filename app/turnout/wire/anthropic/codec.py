"""Anthropic messages: its parts as one codec."""

from turnout.wire import errors_json
from turnout.wire.anthropic import answer, outline, request_reader, request_writer, stream
from turnout.wire.spoken import Spoken


def anthropic_messages() -> Spoken:
    return Spoken(
        outline.from_above,
        request_reader.read,
        request_writer.write,
        stream.Reader,
        answer.read,
        stream.Writer,
        answer.write,
        errors_json.anthropic,
    )
