"""What is said of an Ollama and of the models on it: pure, tested as values."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from turnout.control.messages import LocalModel, Node
from turnout.desktop import text
from turnout.desktop.text import tr

WINDOWS = (4_096, 8_192, 16_384, 32_768, 65_536, 131_072, 262_144)
"""Context lengths one can pin; powers of two as model cards name them."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a pull is."""

    words: str
    share: float
    """0..1; negative: not known yet."""


def windows(node: Node) -> list[tuple[str, int | None]]:
    """The choices of context length: none pinned first, the one in force always among them."""
    sizes = sorted({*WINDOWS, *([node.num_ctx] if node.num_ctx else [])})
    return [(tr("Automatic"), None), *((window(size), size) for size in sizes)]


def window(tokens: int) -> str:
    """Tokens of context as model cards say it: 32768 is 32K."""
    return f"{tokens // 1024}K" if tokens % 1024 == 0 else text.compact(tokens)


def headline(node: Node) -> str:
    """Where it listens and what it holds."""
    parts = [text.one_line(node.url, 80)]
    if node.version:
        parts.append(f"Ollama {text.one_line(node.version, 20)}")
    if node.state == "up":
        parts.append(text.plural(len(node.models), "{n} model", "{n} models"))
        disk = sum(model.size for model in node.models)
        if disk:
            parts.append(tr("{size} on disk").format(size=text.size(disk)))
    return " · ".join(parts)


def facts(model: LocalModel) -> str:
    parts = [text.one_line(part, 24) for part in (model.parameters, model.quantization) if part]
    if model.remote:
        parts.append(tr("runs in a cloud: not for private calls"))
    elif model.size:
        parts.append(text.size(model.size))
    if model.context:
        parts.append(tr("{n} context").format(n=window(model.context)))
    if model.embeds:
        parts.append(tr("embeddings only"))
    return " · ".join(parts)


def memory(model: LocalModel) -> str:
    """Where a loaded model lies: "18.6 GB, 75% on the GPU, 16K window"; empty while it is not loaded."""
    if not model.loaded:
        return ""
    parts = [text.size(model.memory)] if model.memory else []
    if model.memory:
        share = min(1.0, model.vram / model.memory)
        parts.append(
            tr("in RAM")
            if share == 0
            else tr("on the GPU")
            if share == 1
            else tr("{share} on the GPU").format(share=text.percent(share))
        )
    if model.window:
        parts.append(tr("{n} window").format(n=window(model.window)))
    return ", ".join(parts)


def progress(name: str, line: Mapping[str, Any]) -> Progress:
    """A line of a pull; the engine's words are shown as they are, on one plain line (T22)."""
    total, done = line.get("total"), line.get("completed")
    said = f"{text.one_line(name, 80)}: {text.one_line(str(line.get('status', '')), 80)}"
    if not isinstance(total, int) or total <= 0 or not isinstance(done, int):
        return Progress(said, -1.0)
    share = min(1.0, max(0.0, done / total))
    sizes = tr("{done} of {total}").format(done=text.size(done), total=text.size(total))
    return Progress(f"{said} · {sizes} · {text.percent(share)}", share)
