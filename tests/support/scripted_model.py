"""A scripted GGUF: a real llama-architecture model whose next token depends only on the current one.

Embeddings are one-hot, attention and feed-forward are zero, so the output matrix is a table of transitions and a real engine
answers word for word what was put into it, at thousands of tokens a second on a CPU. The last marker of the prompt picks the
script: `<|s:text|>`, json, tool, tool2, think, code, refuse, uni, loop (endless), empty. Without a marker it speaks "text".
Alone: `python -m tests.support.scripted_model OUT.gguf`.
"""

import sys
from pathlib import Path

import gguf
import numpy as np

SCRIPTS: dict[str, tuple[str, ...]] = {
    "text": ("Routing", " is", " cheap", " when", " the", " local", " model", " answers."),
    "json": ('{"grade":', ' "LOW",', ' "score":', " 0.25}"),
    "tool": (
        "<tool_call>\n",
        '{"name":',
        ' "get_weather",',
        ' "arguments":',
        ' {"city":',
        ' "Paris"}',
        "}\n",
        "</tool_call>",
    ),
    "tool2": (
        "\n<tool_call>\n",
        '{"name": "get_weather", ',
        '"arguments": {"city": "Oslo"}}',
        "\n</tool_call>\n",
        '<tool_call>\n{"name": "get_time",',
        ' "arguments": {"tz":"UTC"}}',
        "\n</tool_call>",
    ),
    "think": ("<think>\n", "The", " user", " wants", " a", " short", " answer.", "\n</think>\n\n", "Forty", "-two."),
    "code": ("```python\n", "def", " route(req):\n", "    return", ' "local"\n', "```"),
    "refuse": (" I", " do", " not", " know."),
    "uni": ("Grüße", " \U0001f680", " 東京", " مرحبا!"),
}
LOOP = ("lorem", " ipsum", " dolor", " sit", " amet,", " consectetur", " adipiscing", " elit.")
NORMAL, UNKNOWN, CONTROL, BYTE = 1, 2, 3, 6
"""Token types, as llama.cpp numbers them."""

TEMPLATE = """
{%- if tools %}<|im_start|>system
You may call tools:
<tools>
{%- for t in tools %}
{{ t | tojson }}
{%- endfor %}
</tools>
Return <tool_call>
{"name": <function-name>, "arguments": <args-json-object>}
</tool_call><|im_end|>
{% endif -%}
{%- for m in messages -%}
{%- if m.role == 'assistant' -%}
<|im_start|>assistant
{% if m.reasoning_content %}<think>
{{ m.reasoning_content }}
</think>

{% endif %}{{ m.content or '' }}
{%- for tc in m.tool_calls or [] %}
{%- if tc.function %}{% set tc = tc.function %}{% endif %}
<tool_call>
{"name": "{{ tc.name }}", "arguments": {{ tc.arguments if tc.arguments is string else tc.arguments | tojson }}}
</tool_call>
{%- endfor %}<|im_end|>
{% elif m.role == 'tool' -%}
<|im_start|>user
<tool_response>
{{ m.content }}
</tool_response><|im_end|>
{% else -%}
<|im_start|>{{ m.role }}
{{ m.content }}{% if not loop.last %}<|im_end|>
{% endif %}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt and '<|s:' not in (messages[-1].content or '') -%}
{%- if enable_thinking is defined and not enable_thinking %}{% endif -%}
<|gen|>
{%- endif -%}""".removeprefix("\n")


class Vocabulary:
    """Tokens in order, and for each the one that follows it."""

    def __init__(self) -> None:
        self.tokens: list[bytes] = []
        self.types: list[int] = []
        self.scores: list[float] = []
        self.next: dict[int, int] = {}
        self._ids: dict[str, int] = {}

    def add(self, piece: str, kind: int, score: float = 0.0) -> int:
        """Byte tokens share no name with a text piece; every other piece is unique."""
        if kind != BYTE:
            if piece in self._ids:
                raise ValueError(f"the piece {piece!r} is in two scripts: a token has one successor")
            self._ids[piece] = len(self.tokens)
        self.tokens.append(piece.encode())
        self.types.append(kind)
        self.scores.append(score)
        return len(self.tokens) - 1

    def id(self, piece: str) -> int:
        return self._ids[piece]

    def chain(self, start: int, pieces: tuple[str, ...], end: int) -> int:
        """`start` is followed by the pieces and they by `end`; the last piece's token."""
        current = start
        for piece in pieces:
            # SentencePiece writes a space as U+2581. The score keeps the tokenizer from building pieces out of a prompt.
            self.next[current] = self.add(piece.replace(" ", "▁"), NORMAL, -1e6)
            current = self.next[current]
        self.next[current] = end
        return current


def vocabulary() -> Vocabulary:
    words = Vocabulary()
    words.add("<unk>", UNKNOWN)
    words.add("<s>", CONTROL)
    end = words.add("</s>", CONTROL)
    for value in range(256):
        words.add(f"<0x{value:02X}>", BYTE)
    markers = [f"<|s:{name}|>" for name in ("loop", "empty", *SCRIPTS)]
    for marker in ("<|im_start|>", "<|im_end|>", "<|gen|>", "<PRE>", "<SUF>", "<MID>", *markers):
        words.add(marker, CONTROL)
    for letter in [*(chr(code) for code in range(33, 127)), "▁"]:
        words.add(letter, NORMAL, -1.0)
    for name, pieces in SCRIPTS.items():
        words.chain(words.id(f"<|s:{name}|>"), pieces, end)
    words.next[words.id("<|s:empty|>")] = end
    loop = words.id("<|s:loop|>")
    last = words.chain(loop, LOOP, end)
    words.next[last] = words.next[loop]
    words.next[words.id("<|gen|>")] = words.next[words.id("<|s:text|>")]
    words.next[words.id("<MID>")] = words.next[words.id("<|s:code|>")]
    return words


def write_model(path: Path, context: int = 8192) -> None:
    """Some 2 MB."""
    words = vocabulary()
    size = len(words.tokens)
    width = (size + 127) // 128 * 128
    heads = 4
    otherwise = words.next[words.id("<|s:text|>")]
    embedding = np.zeros((size, width), np.float16)
    embedding[np.arange(size), np.arange(size)] = 1
    output = np.zeros((size, width), np.float16)
    for token in range(size):
        output[words.next.get(token, otherwise), token] = 8
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_name("scripted")
    writer.add_context_length(context)
    writer.add_embedding_length(width)
    writer.add_block_count(1)
    writer.add_feed_forward_length(32)
    writer.add_head_count(heads)
    writer.add_head_count_kv(1)
    writer.add_rope_dimension_count(width // heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(size)
    writer.add_file_type(1)
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(words.tokens)
    writer.add_token_scores(words.scores)
    writer.add_token_types(words.types)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(False)
    writer.add_add_space_prefix(False)
    writer.add_chat_template(TEMPLATE)
    zeros = {"attn_q": (width, width), "attn_k": (width // heads, width), "attn_v": (width // heads, width)}
    zeros |= {"attn_output": (width, width), "ffn_gate": (32, width), "ffn_up": (32, width), "ffn_down": (width, 32)}
    writer.add_tensor("token_embd.weight", embedding)
    for name, shape in zeros.items():
        writer.add_tensor(f"blk.0.{name}.weight", np.zeros(shape, np.float16))
    for name in ("blk.0.attn_norm", "blk.0.ffn_norm", "output_norm"):
        writer.add_tensor(f"{name}.weight", np.ones(width, np.float32))
    writer.add_tensor("output.weight", output)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    write_model(Path(sys.argv[1]))
