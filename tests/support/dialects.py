"""The scripted engine's tongues: a Script as the pieces of a stream or as one body, for each endpoint of four vendors.

Shapes are those of the vendors' APIs as recorded in the reference material; only what a client needs is in them.
"""

import base64
import struct
from collections.abc import Iterator
from typing import Any

from tests.support.script import Doc, Script, dumped, words

NOW_S = 1_764_000_000
AT = "2026-11-24T12:00:00.000000Z"


class NotServedError(Exception):
    """The engine has no such endpoint."""


def answers(path: str, doc: Doc, script: Script) -> tuple[str, list[bytes] | Iterator[bytes]]:
    """Content-Type and the body in pieces; raises NotServedError."""
    model = str(doc.get("model", ""))
    if path.endswith("/chat/completions"):
        return _chat(doc, model, script)
    if path.endswith("/responses"):
        return _responses(doc, model, script)
    if path.endswith("/completions"):
        return _completions(doc, model, script)
    if path.endswith("/embeddings") and not path.startswith("/api/"):
        return "application/json", [_embeddings(doc, model, script)]
    if path.endswith("/messages"):
        return _messages(doc, model, script)
    if path.endswith("/messages/count_tokens"):
        return "application/json", [dumped({"input_tokens": script.tokens.prompt})]
    if path in ("/api/chat", "/api/generate"):
        return _ollama(doc, model, script, generate=path.endswith("generate"))
    if path in ("/api/embed", "/api/embeddings"):
        return "application/json", [_ollama_embed(doc, model, script, legacy=path.endswith("embeddings"))]
    if ":generateContent" in path or ":streamGenerateContent" in path:
        return _gemini(path, script)
    raise NotServedError(path)


def limit(doc: Doc) -> int | None:
    """The most output that a request allows, in whatever dialect."""
    inside = (doc, doc.get("generationConfig"), doc.get("options"))
    names = ("max_tokens", "max_completion_tokens", "max_output_tokens", "maxOutputTokens", "num_predict")
    return next((int(one[name]) for one in inside if isinstance(one, dict) for name in names if one.get(name)), None)


def failure(path: str, script: Script) -> bytes:
    """The body of an error status, in the vendor's own shape."""
    if path.startswith("/api/"):
        return dumped({"error": script.error})
    if "/messages" in path:
        return dumped({"type": "error", "error": {"type": "api_error", "message": script.error}})
    if "enerateContent" in path:
        return dumped({"error": {"code": script.status, "message": script.error, "status": "UNAVAILABLE"}})
    return dumped({"error": {"message": script.error, "type": "server_error", "code": None}})


def sse(doc: object, event: str = "") -> bytes:
    return (f"event: {event}\n".encode() if event else b"") + b"data: " + dumped(doc) + b"\n\n"


def _usage(script: Script, reported: Doc) -> Any:
    return reported if script.usage == "as billed" else script.usage


def _endless(piece: bytes) -> Iterator[bytes]:
    while True:
        yield piece


# --- OpenAI ---


def _service(script: Script) -> Doc:
    return {"service_tier": script.service} if script.service else {}


def _openai_usage(script: Script) -> Any:
    tokens = script.tokens
    return _usage(
        script,
        {
            "prompt_tokens": tokens.prompt,
            "completion_tokens": tokens.output,
            "total_tokens": tokens.prompt + tokens.output,
            "prompt_tokens_details": {"cached_tokens": tokens.cached},
        },
    )


def _chat(doc: Doc, model: str, script: Script) -> tuple[str, list[bytes] | Iterator[bytes]]:
    calls = [
        {
            "id": call.id,
            "type": "function",
            "function": {"name": call.name, "arguments": dumped(call.arguments).decode()},
        }
        for call in script.tools
    ]
    reason = "length" if script.short else "tool_calls" if calls else "stop"
    if not doc.get("stream"):
        message: Doc = {"role": "assistant", "content": script.text or None}
        if script.thinking:
            message["reasoning_content"] = script.thinking
        if calls:
            message["tool_calls"] = calls
        whole: Doc = {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": NOW_S,
            "model": model,
            "choices": [{"index": 0, "message": message, "finish_reason": reason}],
        }
        if script.usage is not None:
            whole["usage"] = _openai_usage(script)
        return "application/json", [dumped(whole | _service(script))]

    def chunk(delta: Doc, finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": NOW_S, "model": model}
        return sse({**head, **_service(script), "choices": [choice]})

    if script.endless:
        return "text/event-stream", _endless(chunk({"content": script.text}))
    pieces = [chunk({"role": "assistant", "content": ""})]
    pieces += [chunk({"reasoning_content": word}) for word in words(script.thinking) if word]
    pieces += [chunk({"content": word}) for word in words(script.text) if word]
    for index, call in enumerate(calls):
        function: Any = call["function"]
        text = function["arguments"]
        named = {**call, "index": index, "function": {"name": function["name"], "arguments": ""}}
        pieces.append(chunk({"tool_calls": [named]}))
        pieces += [
            chunk({"tool_calls": [{"index": index, "function": {"arguments": text[i : i + 7]}}]})
            for i in range(0, len(text), 7)
        ]
    pieces.append(chunk({}, reason))
    options = doc.get("stream_options")
    if isinstance(options, dict) and options.get("include_usage") and script.usage is not None:
        head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": NOW_S, "model": model}
        pieces.append(sse({**head, **_service(script), "choices": [], "usage": _openai_usage(script)}))
    if script.closing:
        pieces.append(b"data: [DONE]\n\n")
    else:
        # Neither the finishing reason nor [DONE]: what a runner that died leaves behind.
        pieces = [piece for piece in pieces if b'"finish_reason":null' in piece]
    return "text/event-stream", pieces


def _completions(doc: Doc, model: str, script: Script) -> tuple[str, list[bytes] | Iterator[bytes]]:
    head = {"id": "cmpl-1", "object": "text_completion", "created": NOW_S, "model": model}
    reason = "length" if script.short else "stop"
    if not doc.get("stream"):
        choice = {"index": 0, "text": script.text, "finish_reason": reason, "logprobs": None}
        return "application/json", [dumped({**head, "choices": [choice], "usage": _openai_usage(script)})]
    pieces = [
        sse({**head, "choices": [{"index": 0, "text": word, "finish_reason": None}]}) for word in words(script.text)
    ]
    pieces.append(sse({**head, "choices": [{"index": 0, "text": "", "finish_reason": reason}]}))
    options = doc.get("stream_options")
    if isinstance(options, dict) and options.get("include_usage") and script.usage is not None:
        pieces.append(sse({**head, "choices": [], "usage": _openai_usage(script)}))
    return "text/event-stream", [*pieces, *([b"data: [DONE]\n\n"] if script.closing else [])]


def _inputs(value: Any) -> list[Any]:
    if isinstance(value, list) and value and not isinstance(value[0], int):
        return value
    return [value]


def _embeddings(doc: Doc, model: str, script: Script) -> bytes:
    vector = [0.25, -0.5, 0.125, 1.0]
    packed = base64.b64encode(struct.pack("<4f", *vector)).decode()
    shown: Any = packed if doc.get("encoding_format") == "base64" else vector
    rows = [
        {"object": "embedding", "index": i, "embedding": shown} for i, _ in enumerate(_inputs(doc.get("input", "")))
    ]
    usage = _usage(script, {"prompt_tokens": script.tokens.prompt, "total_tokens": script.tokens.prompt})
    return dumped({"object": "list", "data": rows, "model": model, "usage": usage})


def _responses(doc: Doc, model: str, script: Script) -> tuple[str, list[bytes] | Iterator[bytes]]:
    tokens = script.tokens
    usage = _usage(
        script,
        {
            "input_tokens": tokens.prompt,
            "input_tokens_details": {"cached_tokens": tokens.cached},
            "output_tokens": tokens.output,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": tokens.prompt + tokens.output,
        },
    )
    items: list[Doc] = []
    if script.text:
        part = {"type": "output_text", "text": script.text, "annotations": []}
        items.append({"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [part]})
    for call in script.tools:
        items.append(
            {
                "type": "function_call",
                "id": f"fc_{call.id}",
                "call_id": call.id,
                "name": call.name,
                "arguments": dumped(call.arguments).decode(),
                "status": "completed",
            }
            | ({"namespace": call.namespace} if call.namespace else {})
        )
    whole: Doc = {
        "id": "resp_1",
        "object": "response",
        "created_at": NOW_S,
        "model": model,
        "status": "incomplete" if script.short else "completed",
        "incomplete_details": {"reason": "max_output_tokens"} if script.short else None,
        "output": items,
        "usage": usage,
        **_service(script),
    }
    if not doc.get("stream"):
        return "application/json", [dumped(whole)]
    number = iter(range(1_000_000))

    def event(kind: str, **rest: Any) -> bytes:
        return sse({"type": kind, "sequence_number": next(number), **rest}, kind)

    pieces = [event("response.created", response={**whole, "status": "in_progress", "output": [], "usage": None})]
    for index, item in enumerate(items):
        place = {"output_index": index, "item_id": item["id"]}
        if item["type"] == "message":
            part = item["content"][0]
            pieces.append(event("response.output_item.added", output_index=index, item={**item, "content": []}))
            pieces.append(event("response.content_part.added", content_index=0, part={**part, "text": ""}, **place))
            pieces += [
                event("response.output_text.delta", content_index=0, delta=word, **place) for word in words(script.text)
            ]
            pieces.append(event("response.output_text.done", content_index=0, text=script.text, **place))
            pieces.append(event("response.content_part.done", content_index=0, part=part, **place))
        else:
            pieces.append(event("response.output_item.added", output_index=index, item={**item, "arguments": ""}))
            pieces.append(event("response.function_call_arguments.delta", delta=item["arguments"], **place))
            pieces.append(event("response.function_call_arguments.done", arguments=item["arguments"], **place))
        pieces.append(event("response.output_item.done", output_index=index, item=item))
    if script.closing:
        pieces.append(event(f"response.{whole['status']}", response=whole))
    return "text/event-stream", pieces


# --- Anthropic ---


def _messages(doc: Doc, model: str, script: Script) -> tuple[str, list[bytes] | Iterator[bytes]]:
    tokens = script.tokens
    given: Doc = {"input_tokens": tokens.prompt - tokens.cached, "cache_read_input_tokens": tokens.cached}
    given |= {"speed": script.service} if script.service else {}
    usage = _usage(script, {**given, "cache_creation_input_tokens": 0, "output_tokens": tokens.output})
    blocks: list[Doc] = []
    if script.thinking:
        blocks.append({"type": "thinking", "thinking": script.thinking, "signature": "c2lnbmVk"})
    if script.text:
        blocks.append({"type": "text", "text": script.text})
    blocks += [
        {"type": "tool_use", "id": f"toolu_{call.id}", "name": call.name, "input": call.arguments}
        for call in script.tools
    ]
    reason = "max_tokens" if script.short else "tool_use" if script.tools else "end_turn"
    whole: Doc = {"id": "msg_1", "type": "message", "role": "assistant", "model": model, "content": blocks}
    whole |= {"stop_reason": reason, "stop_sequence": None}
    if usage is not None:
        whole["usage"] = usage
    if not doc.get("stream"):
        return "application/json", [dumped(whole)]
    begun = {**whole, "content": [], "stop_reason": None}
    if script.usage == "as billed":
        begun["usage"] = {**usage, "output_tokens": 1}
    pieces = [sse({"type": "message_start", "message": begun}, "message_start")]
    for index, block in enumerate(blocks):
        pieces += _block(index, block)
    if script.closing:
        delta: Doc = {"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": None}}
        if script.usage == "as billed":
            delta["usage"] = {"output_tokens": tokens.output}
        elif usage is not None:
            delta["usage"] = usage
        pieces.append(sse(delta, "message_delta"))
        pieces.append(sse({"type": "message_stop"}, "message_stop"))
    return "text/event-stream", pieces


def _block(index: int, block: Doc) -> list[bytes]:
    kind = block["type"]
    empties: dict[str, Doc] = {
        "text": {"text": ""},
        "thinking": {"thinking": "", "signature": ""},
        "tool_use": {"input": {}},
    }
    if kind == "text":
        deltas = [{"type": "text_delta", "text": word} for word in words(block["text"])]
    elif kind == "thinking":
        deltas = [{"type": "thinking_delta", "thinking": word} for word in words(block["thinking"])]
        deltas.append({"type": "signature_delta", "signature": block["signature"]})
    else:
        text = dumped(block["input"]).decode()
        deltas = [{"type": "input_json_delta", "partial_json": text[i : i + 7]} for i in range(0, len(text), 7)]
    start = {"type": "content_block_start", "index": index, "content_block": block | empties[kind]}
    return [
        sse(start, "content_block_start"),
        *(sse({"type": "content_block_delta", "index": index, "delta": d}, "content_block_delta") for d in deltas),
        sse({"type": "content_block_stop", "index": index}, "content_block_stop"),
    ]


# --- Ollama ---


def _ollama(doc: Doc, model: str, script: Script, *, generate: bool) -> tuple[str, list[bytes] | Iterator[bytes]]:
    head = {"model": model, "created_at": AT}

    def said(text: str, **more: Any) -> Doc:
        return {"response": text, **more} if generate else {"message": {"role": "assistant", "content": text, **more}}

    end: Doc = {
        "done": True,
        "done_reason": "length" if script.short else "stop",
        "total_duration": 900_000_000,
        "load_duration": 1_000_000,
    }
    if script.usage == "as billed":
        end |= {"prompt_eval_count": script.tokens.prompt, "prompt_eval_duration": 100_000_000}
        end |= {"eval_count": script.tokens.output, "eval_duration": 700_000_000}
    elif isinstance(script.usage, dict):
        end |= script.usage
    calls = [
        {"function": {"index": i, "name": call.name, "arguments": call.arguments}}
        for i, call in enumerate(script.tools)
    ]
    if doc.get("stream") is False:
        more: Doc = {"tool_calls": calls} if calls else {}
        if script.thinking:
            more["thinking"] = script.thinking
        return "application/json; charset=utf-8", [dumped({**head, **said(script.text, **more), **end})]

    def line(value: Doc) -> bytes:
        return dumped({**head, **value}) + b"\n"

    if script.endless:
        return "application/x-ndjson", _endless(line({**said(script.text), "done": False}))
    pieces = [line({**said("", thinking=word), "done": False}) for word in words(script.thinking) if word]
    pieces += [line({**said(word), "done": False}) for word in words(script.text) if word]
    pieces += [line({**said("", tool_calls=[call]), "done": False}) for call in calls]
    if script.closing:
        pieces.append(line({**said(""), **end}))
    return "application/x-ndjson", pieces


def _ollama_embed(doc: Doc, model: str, script: Script, *, legacy: bool) -> bytes:
    vector = [0.25, -0.5, 0.125, 1.0]
    if legacy:
        return dumped({"embedding": vector})
    rows = [vector for _ in _inputs(doc.get("input", ""))]
    return dumped({"model": model, "embeddings": rows, "prompt_eval_count": script.tokens.prompt})


WEIGHTS = {
    "qwen3-coder:30b": ("30.5B", "Q4_K_M", 18_556_701_140, 262_144),
    "qwen3:8b": ("8.2B", "Q4_K_M", 5_225_388_164, 40_960),
    "gemma3:12b": ("12.2B", "Q4_K_M", 8_149_190_253, 131_072),
}
"""Parameters, quantization, bytes and context of models by their real names; the others are as small as they are scripted."""


def tags(models: tuple[str, ...]) -> bytes:
    rows = []
    for name in models:
        parameters, quantization, size, context = WEIGHTS.get(name, ("1.1M", "F16", 2_000_000, 32_768))
        details: Doc = {"format": "gguf", "family": "llama", "parameter_size": parameters}
        details |= {"quantization_level": quantization, "parent_model": "", "families": ["llama"]}
        details |= {"context_length": context}
        row = {"name": name, "model": name, "modified_at": AT, "size": size, "digest": "ab" * 32}
        rows.append(row | {"details": details, "capabilities": ["completion", "tools", "thinking"]})
    return dumped({"models": rows})


def loaded(name: str, *, on_the_gpu: float = 1.0) -> bytes:
    """What /api/ps says while this model is in memory, that share of it on the graphics card."""
    size = WEIGHTS[name][2]
    row: Doc = {
        "name": name,
        "model": name,
        "size": size,
        "size_vram": int(size * on_the_gpu),
        "context_length": 32_768,
    }
    return dumped({"models": [row | {"digest": "ab" * 32, "details": {}, "expires_at": "2099-01-01T00:00:00Z"}]})


def show(model: str) -> bytes:
    info = {"general.architecture": "llama", "general.basename": model, "llama.context_length": 32768}
    return dumped({"model_info": info, "capabilities": ["completion", "tools"], "details": {"family": "llama"}})


# --- Gemini ---


def _gemini(path: str, script: Script) -> tuple[str, list[bytes] | Iterator[bytes]]:
    tokens = script.tokens
    usage = _usage(
        script,
        {
            "promptTokenCount": tokens.prompt,
            "candidatesTokenCount": tokens.output,
            "totalTokenCount": tokens.prompt + tokens.output,
            "cachedContentTokenCount": tokens.cached,
        },
    )
    model = path.rpartition("/")[2].partition(":")[0]
    calls = [{"functionCall": {"name": call.name, "args": call.arguments}} for call in script.tools]

    def doc(parts: list[Doc], *, last: bool = False) -> Doc:
        candidate: Doc = {"content": {"role": "model", "parts": parts}, "index": 0}
        found: Doc = {"candidates": [candidate], "modelVersion": model, "responseId": "r1"}
        if last and script.closing:
            candidate["finishReason"] = "MAX_TOKENS" if script.short else "STOP"
        if last and script.usage is not None:
            found["usageMetadata"] = usage
        return found

    if ":streamGenerateContent" not in path:
        parts: list[Doc] = [{"text": script.text}] if script.text else []
        return "application/json", [dumped(doc([*parts, *calls], last=True))]
    docs = [doc([{"text": word}]) for word in words(script.text) if word] + [doc([call]) for call in calls]
    docs.append(doc([{"text": ""}], last=True))
    if "alt=sse" in path:
        return "text/event-stream", [b"data: " + dumped(one) + b"\r\n\r\n" for one in docs]
    return "application/json", [b"[" + dumped(docs[0]), *(b",\r\n" + dumped(one) for one in docs[1:]), b"]"]
