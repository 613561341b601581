"""The vendors' own Python clients, each behind the same two questions: their typed parsers judge every answer of ours."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import anthropic
import ollama
import openai
from google import genai
from google.genai import types as gemini

ASK = "What does app.py say?"
NAME = "read_file"
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"path": {"type": "string", "description": "Which file."}},
    "required": ["path"],
}


@dataclass(frozen=True, slots=True)
class Called:
    id: str
    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Turn:
    """An answer as the client's own types have it."""

    text: str
    calls: tuple[Called, ...] = ()
    stop: str = ""
    prompt: int = 0
    output: int = 0
    raw: Any = None
    """What the client would put into its history."""


class Client(Protocol):
    def ask(self, model: str, *, stream: bool, tools: bool = False) -> Turn:
        """One question, with the tool on offer or not."""
        ...

    def answer(self, model: str, turn: Turn, result: str, *, stream: bool) -> Turn:
        """The same question once more with `turn`'s tool calls, and the result of each."""
        ...


class OpenAIChat:
    def __init__(self, url: str, token: str) -> None:
        self.sdk = openai.OpenAI(
            base_url=f"{url}/v1", api_key=token, max_retries=0, http_client=openai.DefaultHttpxClient(trust_env=False)
        )

    def ask(self, model: str, *, stream: bool, tools: bool = False) -> Turn:
        return self._send(model, [{"role": "user", "content": ASK}], stream=stream, tools=tools)

    def answer(self, model: str, turn: Turn, result: str, *, stream: bool) -> Turn:
        calls = [
            {"id": c.id, "type": "function", "function": {"name": c.name, "arguments": json.dumps(c.arguments)}}
            for c in turn.calls
        ]
        history = [
            {"role": "user", "content": ASK},
            {"role": "assistant", "content": turn.text or None, "tool_calls": calls},
            *({"role": "tool", "tool_call_id": c.id, "content": result} for c in turn.calls),
        ]
        return self._send(model, history, stream=stream, tools=True)

    def _send(self, model: str, messages: list[Any], *, stream: bool, tools: bool) -> Turn:
        more: dict[str, Any] = {}
        if tools:
            more["tools"] = [{"type": "function", "function": {"name": NAME, "parameters": SCHEMA}}]
        if not stream:
            whole = self.sdk.chat.completions.create(model=model, messages=messages, **more)
        else:
            # The helper's own accumulator raises on deltas out of order.
            more["stream_options"] = {"include_usage": True}
            with self.sdk.chat.completions.stream(model=model, messages=messages, **more) as events:
                for _ in events:
                    pass
                whole = events.get_final_completion()
        choice, usage = whole.choices[0], whole.usage
        assert usage is not None
        calls = tuple(
            Called(c.id, c.function.name, json.loads(c.function.arguments))
            for c in choice.message.tool_calls or []
            if c.type == "function"
        )
        return Turn(
            choice.message.content or "", calls, choice.finish_reason, usage.prompt_tokens, usage.completion_tokens
        )


class OpenAIResponses:
    def __init__(self, url: str, token: str) -> None:
        self.sdk = openai.OpenAI(
            base_url=f"{url}/v1", api_key=token, max_retries=0, http_client=openai.DefaultHttpxClient(trust_env=False)
        )

    def ask(self, model: str, *, stream: bool, tools: bool = False) -> Turn:
        return self._send(model, [{"role": "user", "content": ASK}], stream=stream, tools=tools)

    def answer(self, model: str, turn: Turn, result: str, *, stream: bool) -> Turn:
        results = [{"type": "function_call_output", "call_id": c.id, "output": result} for c in turn.calls]
        return self._send(model, [{"role": "user", "content": ASK}, *turn.raw, *results], stream=stream, tools=True)

    def _send(self, model: str, given: list[Any], *, stream: bool, tools: bool) -> Turn:
        more: dict[str, Any] = {"store": False}
        if tools:
            more["tools"] = [{"type": "function", "name": NAME, "parameters": SCHEMA, "strict": False}]
        if not stream:
            whole: Any = self.sdk.responses.create(model=model, input=given, **more)
        else:
            with self.sdk.responses.stream(model=model, input=given, **more) as events:
                for _ in events:
                    pass
                whole = events.get_final_response()
        assert whole.usage is not None
        calls = tuple(
            Called(item.call_id, item.name, json.loads(item.arguments))
            for item in whole.output
            if item.type == "function_call"
        )
        history = [item.model_dump(exclude_none=True, exclude={"parsed_arguments"}) for item in whole.output]
        return Turn(
            whole.output_text, calls, whole.status, whole.usage.input_tokens, whole.usage.output_tokens, history
        )


class Anthropic:
    def __init__(self, url: str, token: str) -> None:
        self.sdk = anthropic.Anthropic(
            base_url=url, api_key=token, max_retries=0, http_client=anthropic.DefaultHttpxClient(trust_env=False)
        )

    def ask(self, model: str, *, stream: bool, tools: bool = False) -> Turn:
        return self._send(model, [{"role": "user", "content": ASK}], stream=stream, tools=tools)

    def answer(self, model: str, turn: Turn, result: str, *, stream: bool) -> Turn:
        results = [{"type": "tool_result", "tool_use_id": c.id, "content": result} for c in turn.calls]
        history = [
            {"role": "user", "content": ASK},
            {"role": "assistant", "content": turn.raw},
            {"role": "user", "content": results},
        ]
        return self._send(model, history, stream=stream, tools=True)

    def _send(self, model: str, messages: list[Any], *, stream: bool, tools: bool) -> Turn:
        more: dict[str, Any] = {"tools": [{"name": NAME, "input_schema": SCHEMA}]} if tools else {}
        if not stream:
            whole: Any = self.sdk.messages.create(model=model, max_tokens=512, messages=messages, **more)
        else:
            with self.sdk.messages.stream(model=model, max_tokens=512, messages=messages, **more) as events:
                for _ in events:
                    pass
                whole = events.get_final_message()
        text = "".join(block.text for block in whole.content if block.type == "text")
        calls = tuple(Called(block.id, block.name, block.input) for block in whole.content if block.type == "tool_use")
        usage = whole.usage
        prompt = usage.input_tokens + (usage.cache_read_input_tokens or 0) + (usage.cache_creation_input_tokens or 0)
        history = [_sendable(block) for block in whole.content]
        return Turn(text, calls, whole.stop_reason or "", prompt, usage.output_tokens, history)


def _sendable(block: Any) -> dict[str, Any]:
    if block.type == "tool_use":
        return {"type": "tool_use", "id": block.id, "name": block.name, "input": block.input}
    if block.type == "thinking":
        return {"type": "thinking", "thinking": block.thinking, "signature": block.signature}
    return {"type": "text", "text": block.text}


class Ollama:
    def __init__(self, url: str, token: str) -> None:
        self.sdk = ollama.Client(url, headers={"authorization": f"Bearer {token}"}, trust_env=False, timeout=30)

    def ask(self, model: str, *, stream: bool, tools: bool = False) -> Turn:
        return self._send(model, [{"role": "user", "content": ASK}], stream=stream, tools=tools)

    def answer(self, model: str, turn: Turn, result: str, *, stream: bool) -> Turn:
        calls = [{"function": {"name": c.name, "arguments": c.arguments}} for c in turn.calls]
        history = [
            {"role": "user", "content": ASK},
            {"role": "assistant", "content": turn.text, "tool_calls": calls},
            *({"role": "tool", "tool_name": c.name, "content": result} for c in turn.calls),
        ]
        return self._send(model, history, stream=stream, tools=True)

    def _send(self, model: str, messages: list[Any], *, stream: bool, tools: bool) -> Turn:
        offered = [{"type": "function", "function": {"name": NAME, "parameters": SCHEMA}}] if tools else None
        parts: Iterable[ollama.ChatResponse]
        if stream:
            parts = self.sdk.chat(model=model, messages=messages, tools=offered, stream=True)
        else:
            parts = [self.sdk.chat(model=model, messages=messages, tools=offered)]
        seen = list(parts)
        calls = tuple(
            Called("", call.function.name, dict(call.function.arguments))
            for part in seen
            for call in part.message.tool_calls or []
        )
        last = seen[-1]
        assert last.done
        text = "".join(part.message.content or "" for part in seen)
        return Turn(text, calls, last.done_reason or "", last.prompt_eval_count or 0, last.eval_count or 0)


class Gemini:
    def __init__(self, url: str, token: str) -> None:
        options = gemini.HttpOptions(base_url=url, client_args={"trust_env": False}, timeout=30_000)
        self.sdk = genai.Client(api_key=token, http_options=options)

    def ask(self, model: str, *, stream: bool, tools: bool = False) -> Turn:
        return self._send(model, [gemini.UserContent(ASK)], stream=stream, tools=tools)

    def answer(self, model: str, turn: Turn, result: str, *, stream: bool) -> Turn:
        results = [gemini.Part.from_function_response(name=c.name, response={"result": result}) for c in turn.calls]
        history = [gemini.UserContent(ASK), turn.raw, gemini.Content(role="user", parts=results)]
        return self._send(model, history, stream=stream, tools=True)

    def _send(self, model: str, contents: list[Any], *, stream: bool, tools: bool) -> Turn:
        declared = gemini.FunctionDeclaration(name=NAME, parameters_json_schema=SCHEMA)
        config = gemini.GenerateContentConfig(
            tools=[gemini.Tool(function_declarations=[declared])] if tools else None,
            automatic_function_calling=gemini.AutomaticFunctionCallingConfig(disable=True),
        )
        if stream:
            seen = list(self.sdk.models.generate_content_stream(model=model, contents=contents, config=config))
        else:
            seen = [self.sdk.models.generate_content(model=model, contents=contents, config=config)]
        found = [part for one in seen for c in one.candidates or [] if c.content for part in c.content.parts or []]
        calls = tuple(
            Called(part.function_call.id or "", part.function_call.name or "", dict(part.function_call.args or {}))
            for part in found
            if part.function_call
        )
        reasons = [c.finish_reason.value for one in seen for c in one.candidates or [] if c.finish_reason]
        usage = seen[-1].usage_metadata
        assert usage is not None
        return Turn(
            "".join(part.text or "" for part in found),
            calls,
            reasons[-1],
            usage.prompt_token_count or 0,
            usage.candidates_token_count or 0,
            gemini.Content(role="model", parts=found),
        )


CLIENTS: dict[str, Callable[[str, str], Client]] = {
    "openai_chat": OpenAIChat,
    "openai_responses": OpenAIResponses,
    "anthropic": Anthropic,
    "ollama": Ollama,
    "gemini": Gemini,
}
"""By the name of the dialect that they speak."""
