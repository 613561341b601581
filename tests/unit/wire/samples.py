"""One rich request and reply per dialect, as a vendor's own client and server would write them."""

from typing import Any

from tests.support import dialects
from tests.support.script import Doc, Script, Tokens, ToolCall

from turnout.calls.units import Dialect

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
SCHEMA: Doc = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}
PATHS = {
    Dialect.OPENAI_CHAT: "/v1/chat/completions",
    Dialect.OPENAI_RESPONSES: "/v1/responses",
    Dialect.OPENAI_COMPLETIONS: "/v1/completions",
    Dialect.ANTHROPIC: "/v1/messages",
    Dialect.OLLAMA_CHAT: "/api/chat",
    Dialect.OLLAMA_GENERATE: "/api/generate",
    Dialect.GEMINI: "/v1beta/models/m:streamGenerateContent?alt=sse",
}
TALKS = (
    Dialect.OPENAI_CHAT,
    Dialect.OPENAI_RESPONSES,
    Dialect.ANTHROPIC,
    Dialect.OLLAMA_CHAT,
    Dialect.GEMINI,
)
RICH = Script(
    "Größe: 3 <b>\n\u2028 done",
    (ToolCall("read", {"path": "a/ü.py", "deep": {"x": [1, None, True]}}, "call_1"), ToolCall("ls", {}, "call_2")),
    thinking="let me see",
    tokens=Tokens(40, 9, 12),
)

REQUESTS: dict[Dialect, Doc] = {
    Dialect.OPENAI_CHAT: {
        "model": "m",
        "messages": [
            {"role": "system", "content": "be brief"},
            {"role": "developer", "content": [{"type": "text", "text": "really"}]},
            {
                "role": "user",
                "name": "ada",
                "content": [
                    {"type": "text", "text": "look"},
                    {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}", "detail": "low"}},
                    {
                        "type": "file",
                        "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="},
                    },
                ],
            },
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {"id": "call_1", "type": "function", "function": {"name": "read", "arguments": '{"path": "a"}'}},
                    {"id": "call_2", "type": "function", "function": {"name": "read", "arguments": '{"path": "b"}'}},
                ],
            },
            {"role": "tool", "tool_call_id": "call_1", "content": "one"},
            {"role": "tool", "tool_call_id": "call_2", "content": [{"type": "text", "text": "two"}]},
            {"role": "user", "content": "and now?"},
        ],
        "tools": [
            {
                "type": "function",
                "function": {"name": "read", "description": "reads", "parameters": SCHEMA, "strict": True},
            },
            {"type": "custom", "custom": {"name": "patch", "description": "free", "format": {"type": "text"}}},
        ],
        "tool_choice": {"type": "function", "function": {"name": "read"}},
        "parallel_tool_calls": False,
        "max_completion_tokens": 700,
        "temperature": 0.2,
        "top_p": 0.9,
        "seed": 7,
        "frequency_penalty": 0.1,
        "presence_penalty": 0.1,
        "stop": ["END", "STOP"],
        "response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA, "strict": True}},
        "reasoning_effort": "high",
        "service_tier": "flex",
        "logit_bias": {"1": 2},
        "n": 1,
        "stream": True,
        "stream_options": {"include_usage": True},
        "user": "u1",
        "metadata": {"a": "b"},
    },
    Dialect.OPENAI_RESPONSES: {
        "model": "m",
        "instructions": "be brief",
        "input": [
            {
                "type": "message",
                "role": "developer",
                "id": "msg_0",
                "content": [{"type": "input_text", "text": "really"}],
            },
            {
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "look"},
                    {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}", "detail": "auto"},
                    {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="},
                ],
            },
            {
                "type": "reasoning",
                "id": "rs_1",
                "summary": [{"type": "summary_text", "text": "hm"}],
                "encrypted_content": "ZW5jcnlwdGVk",
            },
            {
                "type": "function_call",
                "id": "fc_1",
                "call_id": "call_1",
                "name": "read",
                "namespace": "fs",
                "arguments": '{"path":"a"}',
            },
            {"type": "custom_tool_call", "id": "ctc_1", "call_id": "call_2", "name": "patch", "input": "*** Begin"},
            {
                "type": "function_call_output",
                "call_id": "call_1",
                "output": [
                    {"type": "input_text", "text": "one"},
                    {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}"},
                ],
            },
            {"type": "custom_tool_call_output", "call_id": "call_2", "output": "two"},
            {"type": "web_search_call", "id": "ws_1", "status": "completed"},
            {
                "type": "message",
                "role": "assistant",
                "content": [{"type": "output_text", "text": "so", "annotations": []}],
            },
            {"type": "message", "role": "user", "content": "and now?"},
        ],
        "tools": [
            {
                "type": "namespace",
                "name": "fs",
                "description": "files",
                "tools": [
                    {"type": "function", "name": "read", "description": "reads", "parameters": SCHEMA, "strict": False}
                ],
            },
            {
                "type": "custom",
                "name": "patch",
                "description": "free",
                "format": {"type": "grammar", "syntax": "lark", "definition": "x"},
            },
            {"type": "web_search"},
        ],
        "tool_choice": "required",
        "parallel_tool_calls": True,
        "max_output_tokens": 700,
        "temperature": 0.2,
        "top_p": 0.9,
        "text": {"format": {"type": "json_schema", "name": "a", "schema": SCHEMA, "strict": True}, "verbosity": "low"},
        "reasoning": {"effort": "high", "summary": "auto"},
        "service_tier": "flex",
        "store": False,
        "include": ["reasoning.encrypted_content"],
        "prompt_cache_key": "k",
        "client_metadata": {"a": "b"},
        "stream": True,
    },
    Dialect.ANTHROPIC: {
        "model": "m",
        "max_tokens": 32_000,
        "system": [{"type": "text", "text": "be brief", "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "look"},
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
                    {
                        "type": "document",
                        "title": "a.pdf",
                        "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="},
                    },
                ],
            },
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
                    {"type": "redacted_thinking", "data": "cmVk"},
                    {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}},
                    {"type": "text", "text": "I read"},
                    {"type": "tool_use", "id": "toolu_1", "name": "read", "input": {"path": "a"}},
                    {"type": "tool_use", "id": "toolu_2", "name": "read", "input": {"path": "b"}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {
                        "type": "tool_result",
                        "tool_use_id": "toolu_1",
                        "content": [
                            {"type": "text", "text": "one"},
                            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
                        ],
                    },
                    {
                        "type": "tool_result",
                        "tool_use_id": "toolu_2",
                        "content": "ENOENT",
                        "is_error": True,
                        "cache_control": {"type": "ephemeral"},
                    },
                    {"type": "text", "text": "and now?"},
                ],
            },
            {"role": "system", "content": "really"},
        ],
        "tools": [
            {"name": "read", "description": "reads", "input_schema": SCHEMA, "eager_input_streaming": True},
            {"type": "web_search_20250305", "name": "web_search", "max_uses": 3},
        ],
        "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
        "temperature": 1,
        "top_k": 5,
        "stop_sequences": ["END", "STOP"],
        "thinking": {"type": "enabled", "budget_tokens": 20_000},
        "output_config": {"effort": "high", "format": {"type": "json_schema", "schema": SCHEMA}},
        "context_management": {"edits": [{"type": "clear_thinking_20251015"}]},
        "service_tier": "standard_only",
        "metadata": {"user_id": '{"session_id": "s-1"}'},
        "stream": True,
    },
    Dialect.OLLAMA_CHAT: {
        "model": "m",
        "messages": [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": "look", "images": [PNG]},
            {
                "role": "assistant",
                "content": "",
                "thinking": "hm",
                "tool_calls": [
                    {"function": {"name": "read", "arguments": {"path": "a"}}},
                    {"function": {"name": "read", "arguments": {"path": "b"}}},
                ],
            },
            {"role": "tool", "content": "one", "tool_name": "read"},
            {"role": "tool", "content": "two", "tool_name": "read"},
            {"role": "user", "content": "and now?"},
        ],
        "tools": [{"type": "function", "function": {"name": "read", "description": "reads", "parameters": SCHEMA}}],
        "options": {
            "num_ctx": 8_192,
            "num_predict": 700,
            "temperature": 0.2,
            "top_p": 0.9,
            "top_k": 5,
            "seed": 7,
            "stop": ["END"],
        },
        "format": SCHEMA,
        "think": "high",
        "keep_alive": -1,
        "stream": True,
    },
    Dialect.GEMINI: {
        "systemInstruction": {"role": "user", "parts": [{"text": "be brief"}]},
        "contents": [
            {"role": "user", "parts": [{"text": "look"}, {"inlineData": {"mimeType": "image/png", "data": PNG}}]},
            {
                "role": "model",
                "parts": [
                    {"text": "hm", "thought": True},
                    {"functionCall": {"name": "read", "args": {"path": "a"}}, "thoughtSignature": "c2ln"},
                    {"functionCall": {"name": "read", "args": {"path": "b"}}},
                ],
            },
            {
                "role": "user",
                "parts": [
                    {"functionResponse": {"name": "read", "response": {"output": "one"}}},
                    {"functionResponse": {"name": "read", "response": {"error": "ENOENT"}}},
                    {"text": "and now?"},
                ],
            },
        ],
        "tools": [
            {
                "functionDeclarations": [
                    {
                        "name": "read",
                        "description": "reads",
                        "parameters": {"type": "OBJECT", "properties": {"path": {"type": "STRING"}}},
                    }
                ]
            },
            {"googleSearch": {}},
        ],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["read"]}},
        "generationConfig": {
            "maxOutputTokens": 700,
            "temperature": 0.2,
            "topP": 0.9,
            "topK": 5,
            "seed": 7,
            "stopSequences": ["END"],
            "responseMimeType": "application/json",
            "responseJsonSchema": SCHEMA,
            "thinkingConfig": {"thinkingBudget": 9_000, "includeThoughts": True},
        },
        "safetySettings": [],
    },
    Dialect.OPENAI_COMPLETIONS: {
        "model": "m",
        "prompt": "def f(",
        "suffix": "):",
        "max_tokens": 20,
        "temperature": 0.2,
        "stop": "\n",
        "logprobs": 1,
        "stream": True,
    },
    Dialect.OLLAMA_GENERATE: {
        "model": "m",
        "prompt": "def f(",
        "suffix": "):",
        "system": "be brief",
        "images": [PNG],
        "options": {"num_predict": 20},
        "stream": True,
    },
    Dialect.OPENAI_EMBEDDINGS: {
        "model": "m",
        "input": ["a", "b"],
        "dimensions": 3,
        "encoding_format": "base64",
        "user": "u",
    },
    Dialect.OLLAMA_EMBED: {"model": "m", "input": ["a", "b"], "truncate": True},
}


def stream(dialect: Dialect, script: Script = RICH) -> bytes:
    """A vendor's whole stream."""
    doc: dict[str, Any] = {"model": "m", "stream": True, "stream_options": {"include_usage": True}}
    return b"".join(dialects.answers(PATHS[dialect], doc, script)[1])


def whole(dialect: Dialect, script: Script = RICH) -> bytes:
    path = PATHS[dialect].replace("streamGenerateContent?alt=sse", "generateContent")
    return b"".join(dialects.answers(path, {"model": "m", "stream": False}, script)[1])
