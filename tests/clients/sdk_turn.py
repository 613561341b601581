"""One streamed turn with a Python SDK or framework, configured by the environment alone. Run by `tests/clients/run.py`.

`sdk_turn.py KIND MODEL text|tool PROMPT`, KIND one of TURNS; the answer's text goes to stdout.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

NAME, ABOUT = "read_note", "Reads a file."
SCHEMA: dict[str, Any] = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}


def read_note(path: str) -> str:
    """Reads a file.

    Args:
        path: where it is
    """
    text = Path(path).read_text()
    Path("ran.txt").write_text(text)
    return text


def openai(model: str, prompt: str, *, tool: bool) -> str:
    import openai as sdk

    client = sdk.OpenAI()
    messages: list[Any] = [{"role": "user", "content": prompt}]
    function = {"type": "function", "function": {"name": NAME, "description": ABOUT, "parameters": SCHEMA}}
    given: Any = {"tools": [function]} if tool else {}
    while True:
        text = ""
        calls: dict[int, list[str]] = {}
        options: Any = {"include_usage": True}
        for chunk in client.chat.completions.create(
            model=model, messages=messages, stream=True, stream_options=options, **given
        ):
            for choice in chunk.choices:
                text += choice.delta.content or ""
                for call in choice.delta.tool_calls or []:
                    kept = calls.setdefault(call.index, ["", "", ""])
                    kept[0] += call.id or ""
                    kept[1] += (call.function.name if call.function else "") or ""
                    kept[2] += (call.function.arguments if call.function else "") or ""
        if not calls:
            return text
        made = [{"id": i, "type": "function", "function": {"name": n, "arguments": a}} for i, n, a in calls.values()]
        messages.append({"role": "assistant", "content": text or None, "tool_calls": made})
        for id_, _, arguments in calls.values():
            content = read_note(**json.loads(arguments))
            messages.append({"role": "tool", "tool_call_id": id_, "content": content})


def responses(model: str, prompt: str, *, tool: bool) -> str:
    import openai as sdk

    client = sdk.OpenAI()
    items: list[Any] = [{"role": "user", "content": prompt}]
    function = {"type": "function", "name": NAME, "description": ABOUT, "parameters": SCHEMA, "strict": False}
    given: Any = {"tools": [function]} if tool else {}
    while True:
        with client.responses.stream(model=model, input=items, store=False, **given) as stream:
            for _ in stream:
                pass
            final = stream.get_final_response()
        calls = [item for item in final.output if item.type == "function_call"]
        if not calls:
            return final.output_text
        for call in calls:
            kept = {"type": "function_call", "call_id": call.call_id, "name": call.name, "arguments": call.arguments}
            output = read_note(**json.loads(call.arguments))
            items += [kept, {"type": "function_call_output", "call_id": call.call_id, "output": output}]


def anthropic(model: str, prompt: str, *, tool: bool) -> str:
    import anthropic as sdk

    client = sdk.Anthropic()
    messages: list[Any] = [{"role": "user", "content": prompt}]
    given: Any = {"tools": [{"name": NAME, "description": ABOUT, "input_schema": SCHEMA}]} if tool else {}
    while True:
        with client.messages.stream(model=model, max_tokens=1000, messages=messages, **given) as stream:
            final = stream.get_final_message()
        uses = [block for block in final.content if block.type == "tool_use"]
        if not uses:
            return "".join(block.text for block in final.content if block.type == "text")
        messages.append({"role": "assistant", "content": final.content})
        given_back = [
            {"type": "tool_result", "tool_use_id": use.id, "content": read_note(str(use.input["path"]))} for use in uses
        ]
        messages.append({"role": "user", "content": given_back})


def ollama(model: str, prompt: str, *, tool: bool) -> str:
    import ollama as sdk

    client = sdk.Client()
    messages: list[Any] = [{"role": "user", "content": prompt}]
    while True:
        text = ""
        calls: list[Any] = []
        for chunk in client.chat(model=model, messages=messages, tools=[read_note] if tool else None, stream=True):
            text += chunk.message.content or ""
            calls += chunk.message.tool_calls or []
        if not calls:
            return text
        messages.append({"role": "assistant", "content": text, "tool_calls": calls})
        for call in calls:
            content = read_note(**call.function.arguments)
            messages.append({"role": "tool", "tool_name": call.function.name, "content": content})


def gemini(model: str, prompt: str, *, tool: bool) -> str:
    from google import genai

    config: Any = {"tools": [read_note]} if tool else None
    client = genai.Client()
    chat = client.chats.create(model=model, config=config)
    return "".join(chunk.text or "" for chunk in chat.send_message_stream(prompt))


def agents(model: str, prompt: str, *, tool: bool) -> str:
    import asyncio

    import agents as sdk

    sdk.set_tracing_disabled(True)

    async def run() -> str:
        agent = sdk.Agent(name="Points", model=model, tools=[sdk.function_tool(read_note)] if tool else [])
        result = sdk.Runner.run_streamed(agent, prompt)
        async for _ in result.stream_events():
            pass
        return str(result.final_output)

    return asyncio.run(run())


def _litellm(prefix: str) -> Callable[..., str]:
    def turn(model: str, prompt: str, *, tool: bool) -> str:
        import litellm as sdk

        messages: list[Any] = [{"role": "user", "content": prompt}]
        function = {"type": "function", "function": {"name": NAME, "description": ABOUT, "parameters": SCHEMA}}
        given: Any = {"tools": [function]} if tool else {}
        while True:
            chunks = list(sdk.completion(model=f"{prefix}/{model}", messages=messages, stream=True, **given))
            said = sdk.stream_chunk_builder(chunks, messages=messages).choices[0].message
            if not said.tool_calls:
                return str(said.content)
            messages.append(said.model_dump())
            for call in said.tool_calls:
                content = read_note(**json.loads(call.function.arguments))
                messages.append({"role": "tool", "tool_call_id": call.id, "name": NAME, "content": content})

    return turn


def langchain(model: str, prompt: str, *, tool: bool) -> str:
    from langchain_core.messages import HumanMessage, ToolMessage
    from langchain_core.tools import tool as as_tool
    from langchain_openai import ChatOpenAI

    chat: Any = ChatOpenAI(model=model, stream_usage=True)
    if tool:
        chat = chat.bind_tools([as_tool(read_note)])
    messages: list[Any] = [HumanMessage(prompt)]
    while True:
        said: Any = None
        for chunk in chat.stream(messages):
            said = chunk if said is None else said + chunk
        if not said.tool_calls:
            return str(said.text)
        messages.append(said)
        messages += [ToolMessage(read_note(**call["args"]), tool_call_id=call["id"]) for call in said.tool_calls]


TURNS: dict[str, Callable[..., str]] = {
    "openai": openai,
    "responses": responses,
    "anthropic": anthropic,
    "ollama": ollama,
    "gemini": gemini,
    "agents": agents,
    "litellm": _litellm("openai"),
    "litellm_ollama": _litellm("ollama_chat"),
    "langchain": langchain,
}

if __name__ == "__main__":
    kind, model, turn, prompt = sys.argv[1:]
    print(TURNS[kind](model, prompt, tool=turn == "tool"))
