"""Replies of /v1/responses: the stream's whole event grammar, read and written."""

from collections.abc import Iterable

import orjson

from turnout.calls.reply import (
    Began,
    Ended,
    Event,
    Failed,
    ForeignEvent,
    RefusalDelta,
    StopReason,
    TextDelta,
    ThinkingDelta,
    ThinkingSealed,
    ToolArguments,
    ToolBegan,
    ToolEnded,
    UsageSeen,
)
from turnout.calls.units import Dialect, Family, Json
from turnout.calls.usage import Usage
from turnout.wire import sse
from turnout.wire.dialect import ReplyContext
from turnout.wire.event_reader import EventReader
from turnout.wire.fields import dump, said, said_int, said_text
from turnout.wire.openai_responses.answer import Item, call_began, ended, response_json, used_by


class Reader(EventReader):
    def __init__(self) -> None:
        super().__init__()
        self._calls: dict[int, int] = {}
        self._fed: set[int] = set()
        self._began = False

    def _take(self, doc: Json) -> list[Event]:
        kind = said_text(doc, "type")
        if kind in ("response.output_text.delta", "response.refusal.delta"):
            delta = said_text(doc, "delta")
            return [TextDelta(delta) if "text" in kind else RefusalDelta(delta)]
        if kind in ("response.reasoning_summary_text.delta", "response.reasoning_text.delta"):
            return [ThinkingDelta(said_text(doc, "delta"))]
        if kind in ("response.function_call_arguments.delta", "response.custom_tool_call_input.delta"):
            index = self._calls.get(said_int(doc, "output_index"))
            if index is None:
                return []
            self._fed.add(index)
            return [ToolArguments(index, said_text(doc, "delta"))]
        return self._framing(kind, doc)

    def _framing(self, kind: str, doc: Json) -> list[Event]:
        item, number = said(doc, "item"), said_int(doc, "output_index")
        if kind == "response.created" and not self._began:
            self._began = True
            response = said(doc, "response")
            return [
                Began(said_text(response, "id"), said_text(response, "model"), max(0, said_int(response, "created_at")))
            ]
        if kind == "response.output_item.added" and said_text(item, "type") in ("function_call", "custom_tool_call"):
            index = len(self._calls)
            self._calls[number] = index
            return [call_began(index, item)]
        if kind == "response.reasoning_summary_part.added":
            # The parts of a summary are paragraphs.
            return [ThinkingDelta("\n\n")] if said_int(doc, "summary_index") > 0 else []
        if kind == "response.output_item.done":
            return self._item_done(item, number)
        if kind in ("response.completed", "response.incomplete"):
            return self._completed(said(doc, "response"))
        if kind in ("response.failed", "error"):
            error = said(doc, "response", "error") or said(doc, "error") or doc
            message = said_text(error, "message") or "the engine reported an error"
            return self._fail(message, said_text(error, "code") or "api_error")
        return []

    def _item_done(self, item: Json, number: int) -> list[Event]:
        kind = said_text(item, "type")
        if kind in ("function_call", "custom_tool_call"):
            found: list[Event] = []
            index = self._calls.get(number)
            if index is None:
                index = len(self._calls)
                self._calls[number] = index
                found.append(call_began(index, item))
            if index not in self._fed:
                found.append(
                    ToolArguments(index, said_text(item, "input" if kind == "custom_tool_call" else "arguments"))
                )
            return [*found, ToolEnded(index)]
        if kind == "reasoning" and said_text(item, "encrypted_content"):
            return [ThinkingSealed(said_text(item, "encrypted_content"), Family.OPENAI, id=said_text(item, "id"))]
        if kind not in ("message", "reasoning"):
            return [ForeignEvent(Dialect.OPENAI_RESPONSES, kind, item)]
        return []

    def _completed(self, response: Json) -> list[Event]:
        self._over = True
        found: list[Event] = []
        if said(response, "usage") is not None:
            found.append(UsageSeen(used_by(response)))
        return [*found, ended(response, called=bool(self._calls))]


class Writer:
    """Every event carries `sequence_number`; every item is added, told and done before the response is."""

    def __init__(self, context: ReplyContext) -> None:
        self._context = context
        self._id = f"resp_{context.call_id}"
        self._model = context.model
        self._sequence = -1
        self._opened = False
        self._closed = False
        self._items: list[Item] = []
        self._now: Item | None = None
        self._usage = Usage()
        self._tier = ""

    def write(self, event: Event) -> bytes:
        if self._closed:
            return b""
        if isinstance(event, TextDelta | RefusalDelta):
            return self._text(event.text, refusal=isinstance(event, RefusalDelta)) if event.text else b""
        if isinstance(event, ThinkingDelta):
            return self._thinking(event.text) if event.text else b""
        if isinstance(event, ToolArguments):
            return self._arguments(event)
        if isinstance(event, ToolBegan):
            prefix = "ctc" if event.custom else "fc"
            item_id = event.item_id if event.item_id.startswith(prefix) else self._made(prefix)
            return self._begin(Item("tool", item_id, len(self._items), began=event))
        if isinstance(event, ToolEnded):
            return self._finish() if self._now is not None and self._now.kind == "tool" else b""
        if isinstance(event, ThinkingSealed):
            return self._sealed(event)
        if isinstance(event, Began):
            if event.id.startswith("resp_"):
                self._id = event.id
            self._model = event.model or self._model
            return self._open()
        if isinstance(event, UsageSeen):
            self._usage = event.usage
            return b""
        if isinstance(event, Ended):
            return self._end(event)
        if isinstance(event, Failed):
            out = self._open()
            self._closed = True
            error: Json = {
                "code": event.kind if event.kind != "api_error" else "server_error",
                "message": event.message,
            }
            return out + self._tell("response.failed", response=self._response("failed", error=error))
        return b""

    def ping(self) -> bytes:
        return sse.COMMENT

    def _made(self, prefix: str) -> str:
        return f"{prefix}_{self._context.call_id}_{len(self._items)}"

    def _tell(self, kind: str, **rest: Json) -> bytes:
        self._sequence += 1
        return sse.event(kind, orjson.dumps({"type": kind, "sequence_number": self._sequence, **rest}))

    def _response(self, status: str, *, error: Json = None, incomplete: Json = None) -> dict[str, Json]:
        return response_json(
            self._context,
            self._id,
            self._model,
            status,
            [item.written("completed") for item in self._items] if status != "in_progress" else [],
            self._usage if status in ("completed", "incomplete") else None,
            error=error,
            incomplete=incomplete,
            tier=self._tier,
        )

    def _open(self) -> bytes:
        if self._opened:
            return b""
        self._opened = True
        response = self._response("in_progress")
        return self._tell("response.created", response=response) + self._tell("response.in_progress", response=response)

    def _begin(self, item: Item) -> bytes:
        out = self._open() + self._finish()
        self._now = item
        self._items.append(item)
        out += self._tell("response.output_item.added", output_index=item.number, item=item.written("in_progress"))
        if item.kind == "text":
            out += self._tell(
                "response.content_part.added",
                item_id=item.id,
                output_index=item.number,
                content_index=0,
                part=item.part(empty=True),
            )
        elif item.kind == "thinking":
            part: Json = {"type": "summary_text", "text": ""}
            out += self._tell(
                "response.reasoning_summary_part.added",
                item_id=item.id,
                output_index=item.number,
                summary_index=0,
                part=part,
            )
        return out

    def _text(self, words: str, *, refusal: bool) -> bytes:
        out = b""
        now = self._now
        if now is None or now.kind != "text" or now.refusal is not refusal:
            out = self._begin(Item("text", self._made("msg"), len(self._items), refusal=refusal))
            now = self._items[-1]
        now.words.append(words)
        if refusal:
            return out + self._tell(
                "response.refusal.delta", item_id=now.id, output_index=now.number, content_index=0, delta=words
            )
        return out + self._tell(
            "response.output_text.delta",
            item_id=now.id,
            output_index=now.number,
            content_index=0,
            delta=words,
            logprobs=[],
        )

    def _thinking(self, words: str) -> bytes:
        out = b""
        now = self._now
        if now is None or now.kind != "thinking":
            out = self._begin(Item("thinking", self._made("rs"), len(self._items)))
            now = self._items[-1]
        now.words.append(words)
        return out + self._tell(
            "response.reasoning_summary_text.delta",
            item_id=now.id,
            output_index=now.number,
            summary_index=0,
            delta=words,
        )

    def _sealed(self, event: ThinkingSealed) -> bytes:
        if event.vendor is not Family.OPENAI:
            return b""
        out = b""
        if self._now is None or self._now.kind != "thinking":
            out = self._begin(Item("thinking", event.id or self._made("rs"), len(self._items)))
        self._items[-1].sealed = event.sealed
        return out

    def _arguments(self, event: ToolArguments) -> bytes:
        now = self._now
        if now is None or now.kind != "tool" or now.began is None or now.began.index != event.index:
            # Parallel calls whose arguments come interleaved: the earlier item is added to and told again when done.
            late = next(
                (item for item in self._items if item.began is not None and item.began.index == event.index), None
            )
            if late is None:
                return b""
            now = late
        now.words.append(event.fragment)
        custom = now.began is not None and now.began.custom
        kind = "response.custom_tool_call_input.delta" if custom else "response.function_call_arguments.delta"
        return self._tell(kind, item_id=now.id, output_index=now.number, delta=event.fragment)

    def _finish(self) -> bytes:
        now, self._now = self._now, None
        if now is None:
            return b""
        words = "".join(now.words)
        place: dict[str, Json] = {"item_id": now.id, "output_index": now.number}
        if now.kind == "text":
            kind = "response.refusal.done" if now.refusal else "response.output_text.done"
            said_: dict[str, Json] = {"refusal": words} if now.refusal else {"text": words, "logprobs": []}
            out = self._tell(kind, **place, content_index=0, **said_)
            out += self._tell("response.content_part.done", **place, content_index=0, part=now.part())
        elif now.kind == "thinking":
            out = self._tell("response.reasoning_summary_text.done", **place, summary_index=0, text=words)
            part: Json = {"type": "summary_text", "text": words}
            out += self._tell("response.reasoning_summary_part.done", **place, summary_index=0, part=part)
        elif now.began is not None and now.began.custom:
            out = self._tell("response.custom_tool_call_input.done", **place, input=words)
        else:
            name = now.began.name if now.began is not None else ""
            out = self._tell("response.function_call_arguments.done", **place, name=name, arguments=words or "{}")
        return out + self._tell("response.output_item.done", output_index=now.number, item=now.written("completed"))

    def _end(self, event: Ended) -> bytes:
        out = self._open() + self._finish()
        self._closed = True
        self._tier = event.service_tier
        if event.reason in (StopReason.LENGTH, StopReason.FILTER):
            why: Json = {"reason": "max_output_tokens" if event.reason is StopReason.LENGTH else "content_filter"}
            return out + self._tell("response.incomplete", response=self._response("incomplete", incomplete=why))
        return out + self._tell("response.completed", response=self._response("completed"))


def write(events: Iterable[Event], context: ReplyContext) -> bytes:
    """An unstreamed response: the stream's own last object."""
    writer = Writer(context)
    last = b""
    for event in events:
        if isinstance(event, Ended | Failed):
            last = writer.write(event)
        else:
            writer.write(event)
    doc: Json = orjson.loads(last.rstrip().rsplit(b"data: ", 1)[1]) if last else None
    response = said(doc, "response")
    return dump(response)
