"""OpenAI's older /v1/completions: a raw prompt, with a suffix for fill-in-the-middle (editors complete code with it)."""

from collections.abc import Iterable

from turnout.calls.outline import Outline
from turnout.calls.reply import Began, Ended, Event, Failed, RefusalDelta, StopReason, TextDelta, UsageSeen
from turnout.calls.request import Message, Request, Role, Text, Written
from turnout.calls.units import Dialect, Json, Tokens
from turnout.calls.usage import Usage
from turnout.errors import BadRequestError, TurnoutError
from turnout.wire import errors_json, sse
from turnout.wire.blocks import gathered
from turnout.wire.dialect import ReplyContext, Target
from turnout.wire.embedding import inputs_of
from turnout.wire.fields import (
    dump,
    flag_or,
    integer_or,
    number_or,
    obj,
    positive_or,
    said,
    said_int,
    said_items,
    said_text,
    strings_or,
    text_or,
    tokens_or,
)
from turnout.wire.openai_chat.answer import FINISHES, STOPS, usage_json, usage_of
from turnout.wire.openai_chat.stream import ChunkReader
from turnout.wire.outlining import Gatherer
from turnout.wire.parts import sampling, unsaid

_KNOWN = frozenset(
    [
        "model",
        "prompt",
        "suffix",
        "stream",
        "stream_options",
        "max_tokens",
        "temperature",
        "top_p",
        "seed",
        "frequency_penalty",
        "presence_penalty",
        "stop",
        "user",
    ]
)


def _prompts(body: dict[str, Json]) -> tuple[str, ...]:
    """To be counted; token ids, which only this dialect's own engines take, count as a word each."""
    if isinstance(body.get("prompt"), list) and body["prompt"]:
        return tuple(one if isinstance(one, str) else " a" * len(one) for one in inputs_of(body["prompt"], "prompt"))
    return (text_or(body, "prompt"),)


def _prompt(body: dict[str, Json]) -> str:
    prompt = body.get("prompt", "")
    if isinstance(prompt, list) and len(prompt) == 1:
        prompt = prompt[0]
    if not isinstance(prompt, str):
        raise BadRequestError("must be one string", path="prompt", hint="Send one prompt a request.")
    return prompt


class OpenAICompletions:
    stream_type = "text/event-stream"

    def outline(self, doc: Json, *, path_model: str = "", stream: bool | None = None) -> Outline:
        body = obj(doc)
        seen = Gatherer()
        seen.begin()
        prompts = _prompts(body)
        for one in prompts:
            seen.add_human(one)
        seen.look_beside(body, "prompt", "suffix")
        suffix = text_or(body, "suffix")
        if suffix:
            seen.add_text(suffix)
        return seen.outline(
            Dialect.OPENAI_COMPLETIONS,
            text_or(body, "model"),
            stream=bool(flag_or(body, "stream")),
            include_usage=said(body.get("stream_options"), "include_usage") is True,
            max_output=positive_or(body, "max_tokens") or 16,
            choices=max(positive_or(body, "n") or 1, positive_or(body, "best_of") or 1) * max(1, len(prompts)),
            extras={"suffix": "1"} if suffix else {},
        )

    def read_request(self, doc: Json, *, path_model: str = "", stream: bool | None = None) -> Request:
        body = obj(doc)
        prompt = _prompt(body)
        return Request(
            dialect=Dialect.OPENAI_COMPLETIONS,
            model=text_or(body, "model"),
            messages=(Message(Role.USER, (Text(prompt),)),),
            stream=bool(flag_or(body, "stream")),
            include_usage=said(body.get("stream_options"), "include_usage") is True,
            max_output=tokens_or(body, "max_tokens") or Tokens(16),
            temperature=number_or(body, "temperature"),
            top_p=number_or(body, "top_p"),
            seed=integer_or(body, "seed"),
            frequency_penalty=number_or(body, "frequency_penalty"),
            presence_penalty=number_or(body, "presence_penalty"),
            stop=strings_or(body, "stop"),
            user=text_or(body, "user"),
            prompt=prompt,
            suffix=text_or(body, "suffix") or None,
            extras={key: value for key, value in body.items() if key not in _KNOWN},
        )

    def write_request(self, request: Request, target: Target) -> Written:
        body: dict[str, Json] = {"model": target.model, "prompt": request.prompt}
        if request.suffix:
            body["suffix"] = request.suffix
        limit = target.limit(request)
        if limit is not None:
            body["max_tokens"] = limit
        body |= sampling(request, ("temperature", "top_p", "seed", "frequency_penalty", "presence_penalty"))
        if request.stop:
            body["stop"] = list(request.stop)
        if request.stream:
            body["stream"] = True
            body["stream_options"] = {"include_usage": True}
        same = request.dialect is Dialect.OPENAI_COMPLETIONS
        if same:
            body |= request.extras
        return Written(dump(body), () if same else tuple(dict.fromkeys(_lost(request))))

    def reply_reader(self) -> "Reader":
        return Reader()

    def read_reply(self, doc: Json) -> list[Event]:
        choice = next(iter(said_items(doc, "choices")), None)
        if choice is None:
            return [Failed(said_text(doc, "error", "message") or "the engine's answer holds no choices[0]")]
        found: list[Event] = [Began(said_text(doc, "id"), said_text(doc, "model"), max(0, said_int(doc, "created")))]
        if said_text(choice, "text"):
            found.append(TextDelta(said_text(choice, "text")))
        if said(doc, "usage") is not None:
            found.append(UsageSeen(usage_of(said(doc, "usage"))))
        return [*found, Ended(STOPS.get(said_text(choice, "finish_reason"), StopReason.END))]

    def reply_writer(self, context: ReplyContext) -> "Writer":
        return Writer(context)

    def write_reply(self, events: Iterable[Event], context: ReplyContext) -> bytes:
        whole = gathered(events)
        words, finish = whole.words("text", "refusal"), FINISHES[whole.ended.reason]
        return dump(
            {
                "id": f"cmpl-{context.call_id}",
                "object": "text_completion",
                "created": context.now_s,
                "model": context.model,
                "choices": [{"index": 0, "text": words, "logprobs": None, "finish_reason": finish}],
                "usage": usage_json(whole.usage.usage),
            }
        )

    def write_error(self, error: TurnoutError) -> bytes:
        return errors_json.openai(error)


def _lost(request: Request) -> list[str]:
    """What a chat-like request asked for and a raw prompt cannot carry."""
    asked = {
        "system": any(message.role is Role.SYSTEM for message in request.messages),
        "images": any(not isinstance(part, Text) for message in request.messages for part in message.parts),
        "format": request.shape is not None,
        "thinking": request.reasoning is not None and request.reasoning.enabled is not False,
        "top_k": request.top_k is not None,
        "service_tier": bool(request.service_tier),
    }
    # A raw prompt is what this endpoint takes.
    return [*(name for name in unsaid(request) if name != "raw"), *(name for name, lost in asked.items() if lost)]


class Reader(ChunkReader):
    def _choice(self, choice: Json) -> list[Event]:
        finish = said_text(choice, "finish_reason")
        self._stop = STOPS.get(finish, StopReason.END) if finish else self._stop
        words = said_text(choice, "text")
        return [TextDelta(words)] if words else []


class Writer:
    def __init__(self, context: ReplyContext) -> None:
        self._context = context
        self._usage: Usage | None = None
        self._closed = False

    def write(self, event: Event) -> bytes:
        if self._closed:
            return b""
        if isinstance(event, TextDelta | RefusalDelta):
            return self._chunk([{"index": 0, "text": event.text, "logprobs": None, "finish_reason": None}])
        if isinstance(event, UsageSeen):
            self._usage = event.usage
        elif isinstance(event, Ended):
            self._closed = True
            out = self._chunk([{"index": 0, "text": "", "logprobs": None, "finish_reason": FINISHES[event.reason]}])
            if self._context.include_usage:
                out += self._chunk([], self._usage or Usage())
            return out + sse.DONE
        elif isinstance(event, Failed):
            self._closed = True
            return sse.data(dump({"error": errors_json.openai_object(event.message, event.status)})) + sse.DONE
        return b""

    def ping(self) -> bytes:
        return sse.COMMENT

    def _chunk(self, choices: list[Json], usage: Usage | None = None) -> bytes:
        doc: dict[str, Json] = {
            "id": f"cmpl-{self._context.call_id}",
            "object": "text_completion",
            "created": self._context.now_s,
            "model": self._context.model,
            "choices": choices,
        }
        if usage is not None:
            doc["usage"] = usage_json(usage)
        return sse.data(dump(doc))
