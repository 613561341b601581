"""The models Turnout shows its clients, in each vendor's own listing shape.

IDEs that only know Ollama drop a model when one field is missing (Zed: name, modified_at, size, digest and the four
details; VS Code: capabilities and model_info["ARCH.context_length"]), so every field a strict parser reads is always there.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson

from turnout.calls.units import Json, Tier
from turnout.errors import NotFoundError
from turnout.proxy.roster import Known, Model
from turnout.routing.facts import Candidate, Roster

OLLAMA_VERSION = "0.32.15"
"""What /api/version says: codex --oss wants >= 0.13.4, VS Code >= 0.6.4; the transcripts we answer like are of this one."""
DEFAULT_CONTEXT = 131_072
VIRTUAL = ("auto", "high", "fast", "local")


@dataclass(frozen=True, slots=True)
class Shown:
    """One name in a listing."""

    name: str
    context: int
    max_output: int
    tools: bool
    images: bool
    thinks: bool
    family: str
    owner: str
    model: Model | None = None
    embeds: bool = False

    @property
    def digest(self) -> str:
        if self.model is not None and self.model.digest:
            return self.model.digest
        return hashlib.sha256(self.name.encode()).hexdigest()

    @property
    def capabilities(self) -> list[Json]:
        if self.embeds:
            return ["embedding"]
        said: list[Json] = ["completion"]
        said += ["tools"] if self.tools else []
        said += ["vision"] if self.images else []
        said += ["thinking"] if self.thinks else []
        if self.model is not None and "insert" in self.model.capabilities:
            said.append("insert")
        return said


def shown(roster: Roster, known: dict[str, Known]) -> list[Shown]:
    """The virtual names first, then every tier's candidates, then what local engines have beside them."""
    line = [virtual for name in VIRTUAL if (virtual := _virtual(name, roster)) is not None]
    seen: set[str] = set()
    candidates = [c for tier in Tier for c in roster.tiers.get(tier, ())]
    candidates += roster.named.values()
    for one in candidates:
        if one.name not in seen:
            seen.add(one.name)
            line.append(_of(one, one.name, known))
    return line


def _virtual(name: str, roster: Roster) -> Shown | None:
    if name == "auto":
        behind = [c for tier in Tier for c in roster.tiers.get(tier, ())]
    else:
        behind = list(roster.tiers.get(Tier(name), ()))
    if not behind:
        return None
    contexts = [c.context for c in behind if c.context]
    # The largest window: `context-fit` moves what is too long for one candidate to one that can hold it.
    context = max(contexts) if contexts else DEFAULT_CONTEXT
    return Shown(
        name,
        int(context),
        max((int(c.max_output) for c in behind if c.max_output), default=32_000),
        tools=any(c.tools for c in behind),
        images=any(c.images for c in behind),
        thinks=any(c.thinks for c in behind),
        family="turnout",
        owner="turnout",
    )


def _of(one: Candidate, name: str, known: dict[str, Known]) -> Shown:
    state = known.get(one.provider)
    model = state.models.get(one.model) if state is not None else None
    return Shown(
        name,
        int(one.context or DEFAULT_CONTEXT),
        int(one.max_output or 32_000),
        one.tools,
        one.images,
        one.thinks,
        family=(model.family if model is not None and model.family else one.family.value),
        owner=one.provider,
        model=model,
        embeds=model.embeds if model is not None else False,
    )


def find(line: list[Shown], name: str) -> Shown:
    """By shown name, by the model's own name, with or without `:latest`; raises NotFoundError as the vendors do."""
    plain = name.removesuffix(":latest")
    for one in line:
        own = one.name.partition("/")[2] or one.name
        if plain in (one.name.removesuffix(":latest"), own.removesuffix(":latest")):
            return one
    raise NotFoundError(f"model '{name}' not found", hint="`turnout models list` shows what there is.")


def openai_models(line: list[Shown], started_s: int) -> bytes:
    return orjson.dumps({"object": "list", "data": [_openai(one, started_s) for one in line]})


def openai_model(one: Shown, started_s: int) -> bytes:
    return orjson.dumps(_openai(one, started_s))


def _openai(one: Shown, started_s: int) -> dict[str, Json]:
    return {
        "id": one.name,
        "object": "model",
        "created": started_s,
        "owned_by": one.owner,
        "context_length": one.context,
        "max_model_len": one.context,
    }


def anthropic_models(line: list[Shown], started_s: int, *, limit: int, after: str, before: str) -> bytes:
    """`limit`, `after_id` and `before_id` page as Anthropic's own listing does."""
    names = [one.name for one in line]
    if after in names:
        line = line[names.index(after) + 1 :]
    elif before in names:
        line = line[: names.index(before)]
    page = line[:limit]
    return orjson.dumps(
        {
            "data": [_anthropic(one, started_s) for one in page],
            "has_more": len(line) > len(page),
            "first_id": page[0].name if page else None,
            "last_id": page[-1].name if page else None,
        }
    )


def anthropic_model(one: Shown, started_s: int) -> bytes:
    return orjson.dumps(_anthropic(one, started_s))


def _anthropic(one: Shown, started_s: int) -> dict[str, Json]:
    return {
        "type": "model",
        "id": one.name,
        "display_name": one.name,
        "created_at": _utc(started_s),
        "max_input_tokens": one.context,
        "max_tokens": one.max_output,
    }


def gemini_models(line: list[Shown]) -> bytes:
    return orjson.dumps({"models": [_gemini(one) for one in line]})


def gemini_model(one: Shown) -> bytes:
    return orjson.dumps(_gemini(one))


def _gemini(one: Shown) -> dict[str, Json]:
    return {
        "name": f"models/{one.name}",
        "version": "001",
        "displayName": one.name,
        "inputTokenLimit": one.context,
        "outputTokenLimit": one.max_output,
        "supportedGenerationMethods": ["generateContent", "countTokens"],
    }


def _details(one: Shown) -> dict[str, Json]:
    model = one.model
    family = _architecture(one)
    return {
        "parent_model": "",
        "format": "gguf",
        "family": family,
        "families": [family],
        "parameter_size": (model.parameters if model is not None else "") or "unknown",
        "quantization_level": (model.quantization if model is not None else "") or "unknown",
        "context_length": one.context,
    }


def _architecture(one: Shown) -> str:
    """A word without dots: clients split `model_info` keys at the first one."""
    return "".join(c if c.isalnum() else "-" for c in one.family.lower()) or "turnout"


def tags(line: list[Shown], started_s: int) -> bytes:
    return orjson.dumps(
        {
            "models": [
                {
                    "name": one.name,
                    "model": one.name,
                    "modified_at": _modified(one, started_s),
                    "size": one.model.size if one.model is not None else 0,
                    "digest": one.digest,
                    "details": _details(one),
                    "capabilities": one.capabilities,
                }
                for one in line
            ]
        }
    )


def show(one: Shown, started_s: int) -> bytes:
    family = _architecture(one)
    insert = one.model is not None and "insert" in one.model.capabilities
    return orjson.dumps(
        {
            "license": "",
            "modelfile": f"FROM {one.name}\n",
            "parameters": f"num_ctx                        {one.context}",
            "template": "{{ .Prompt }}{{ .Suffix }}" if insert else "{{ .Prompt }}",
            "details": _details(one),
            "model_info": {
                "general.architecture": family,
                "general.basename": one.name,
                "general.file_type": 0,
                "general.parameter_count": 0,
                f"{family}.context_length": one.context,
                f"{family}.embedding_length": 0,
            },
            "capabilities": one.capabilities,
            "modified_at": _modified(one, started_s),
        }
    )


def ps(line: list[Shown], started_s: int) -> bytes:
    loaded = [one for one in line if one.model is not None and one.model.loaded]
    return orjson.dumps(
        {
            "models": [
                {
                    "name": one.name,
                    "model": one.name,
                    "size": one.model.size if one.model is not None else 0,
                    "digest": one.digest,
                    "details": _details(one),
                    "expires_at": _utc(started_s + 10 * 365 * 86_400),
                    "size_vram": 0,
                    "context_length": one.context,
                }
                for one in loaded
            ]
        }
    )


def _modified(one: Shown, started_s: int) -> str:
    return one.model.modified if one.model is not None and one.model.modified else _utc(started_s)


def _utc(at_s: int) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
