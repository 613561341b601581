"""Request bodies, bounded: plain, gzip, deflate or zstd, never more than the cap in memory (T14, T16)."""

import zlib

from turnout.errors import BadRequestError, TooLargeError, TurnoutError, UnsupportedMediaError
from turnout.proxy.door.answer import Receive


class LeftError(TurnoutError):
    """The client hung up before its body was here."""

    status = 499
    code = "turnout_client_left"


async def read_body(receive: Receive, length: bytes, encoding: bytes, limit: int) -> bytes:
    """`length` and `encoding` as the headers have them. Raises TooLargeError, UnsupportedMediaError, BadRequestError or LeftError."""
    if length.isdigit() and int(length) > limit:
        raise _too_large(limit)
    message = await receive()
    body: bytes = message.get("body", b"")
    if message.get("more_body"):
        parts, size = [body], len(body)
        while message.get("more_body") and size <= limit:
            message = await receive()
            parts.append(message.get("body", b""))
            size += len(parts[-1])
        body = b"".join(parts)
    if message["type"] == "http.disconnect":
        raise LeftError("The client left before its request was complete.")
    if len(body) > limit:
        raise _too_large(limit)
    return body if not encoding or encoding == b"identity" else decoded(body, encoding, limit)


def _too_large(limit: int) -> TooLargeError:
    return TooLargeError(
        f"The body is larger than {limit // 1_000_000} MB.",
        hint="Raise `max_body_mb` under [server] in turnout.toml, or send less.",
    )


def decoded(body: bytes, encoding: bytes, limit: int) -> bytes:
    """Stops at the cap: 300 MB packed into 300 KB never come to stand in memory."""
    if encoding in (b"gzip", b"x-gzip", b"deflate"):
        return _inflated(body, 31 if encoding != b"deflate" else 15, limit)
    if encoding == b"zstd":
        import zstandard

        try:
            reader = zstandard.ZstdDecompressor(max_window_size=8 * 1024 * 1024).stream_reader(body)
            out: bytes = reader.read(limit + 1)
        except zstandard.ZstdError as error:
            raise BadRequestError("The body is not valid zstd.", hint="Send it plain.") from error
        if len(out) > limit:
            raise _too_large(limit)
        return out
    raise UnsupportedMediaError(
        f"Content-Encoding {encoding.decode('latin-1')[:40]!r} is not served here.",
        hint="Send gzip, deflate, zstd or plain.",
    )


def _inflated(body: bytes, window: int, limit: int) -> bytes:
    unpacker = zlib.decompressobj(window)
    try:
        out = unpacker.decompress(body, limit + 1)
    except zlib.error as error:
        raise BadRequestError("The body is not valid gzip or deflate.", hint="Send it plain.") from error
    if len(out) > limit or unpacker.unconsumed_tail:
        raise _too_large(limit)
    if not unpacker.eof:
        raise BadRequestError("The compressed body is cut off.", hint="Send it again, whole.")
    return out
