"""What vendors report, through the proxy, to the nano-dollar of their price lists: each sum is worked out beside its usage."""

from collections.abc import Iterator

import pytest
from tests.support.engine import Engine
from tests.support.proxy import BY_MODEL, Turnout
from tests.support.script import Doc, Script

SETTINGS = """
[providers.openai]
dialect = "openai"
base_url = "{url}/v1"
key = "none"
[providers.anthropic]
dialect = "anthropic"
base_url = "{url}"
key = "none"
[providers.gemini]
dialect = "gemini"
base_url = "{url}"
key = "none"
[tiers]
high = ["openai/gpt-5"]
"""


def anthropic(given: int, read: int, write_5m: int, write_1h: int, output: int) -> Doc:
    written = {"ephemeral_5m_input_tokens": write_5m, "ephemeral_1h_input_tokens": write_1h}
    return {
        "input_tokens": given,
        "cache_read_input_tokens": read,
        "cache_creation_input_tokens": write_5m + write_1h,
        "cache_creation": written,
        "output_tokens": output,
    }


def chat(prompt: int, cached: int, output: int, reasoning: int = 0) -> Doc:
    return {
        "prompt_tokens": prompt,
        "completion_tokens": output,
        "prompt_tokens_details": {"cached_tokens": cached},
        "completion_tokens_details": {"reasoning_tokens": reasoning},
    }


def responses(prompt: int, cached: int, output: int, reasoning: int) -> Doc:
    return {
        "input_tokens": prompt,
        "input_tokens_details": {"cached_tokens": cached},
        "output_tokens": output,
        "output_tokens_details": {"reasoning_tokens": reasoning},
    }


def gemini(prompt: int, cached: int, output: int, thoughts: int) -> Doc:
    return {
        "promptTokenCount": prompt,
        "cachedContentTokenCount": cached,
        "candidatesTokenCount": output,
        "thoughtsTokenCount": thoughts,
    }


OPUS, SONNET, HAIKU = "anthropic/claude-opus-4-5", "anthropic/claude-sonnet-4-5", "anthropic/claude-haiku-4-5"
PRO, FLASH = "gemini/gemini-2.5-pro", "gemini/gemini-2.5-flash"
CASES = [
    # 5,000,000 + 9,500,000 + 300 x 6,250 + 700 x 10,000 + 25,000,000
    (OPUS, "messages", anthropic(1_000, 19_000, 300, 700, 1_000), "", 48_375_000),
    # Up to 200,000 tokens of prompt at 3,000 and 15,000; past that all of it at 6,000 and 22,500.
    (SONNET, "messages", anthropic(200_000, 0, 0, 0, 10), "", 600_150_000),
    (SONNET, "messages", anthropic(200_001, 0, 0, 0, 10), "", 1_200_231_000),
    # What was read from a cache counts towards the 200,000: 600,000,000 + 60,000,000 + 7,500 + 225,000
    (SONNET, "messages", anthropic(100_000, 100_000, 1, 0, 10), "", 660_232_500),
    # 1,000 + 50,000 and three searches at a cent each
    (
        HAIKU,
        "messages",
        {"input_tokens": 1, "output_tokens": 10, "server_tool_use": {"web_search_requests": 3}},
        "",
        30_051_000,
    ),
    # 7,000 + 300 + 2,500 + 10,000 + 55,000
    (HAIKU, "messages", anthropic(7, 3, 2, 5, 11), "", 74_800),
    # 2,000 x 1,250 + 8,000 x 125 + 2,000 x 10,000, thinking among them
    ("openai/gpt-5", "chat", chat(10_000, 8_000, 2_000, 1_500), "", 23_500_000),
    ("openai/gpt-5", "chat", chat(10_000, 8_000, 2_000, 1_500), "flex", 11_750_000),
    ("openai/gpt-5", "responses", responses(10_000, 8_000, 2_000, 1_500), "priority", 47_000_000),
    ("openai/gpt-5-mini", "chat", chat(1, 0, 1), "", 2_250),
    # 100 + 2 x 25 + 400
    ("openai/gpt-4.1-nano", "chat", chat(3, 2, 1), "", 550),
    # Thoughts cost as output does and are not among the candidates' tokens.
    (PRO, "gemini", gemini(200_000, 0, 100, 900), "", 260_000_000),
    (PRO, "gemini", gemini(200_001, 0, 100, 900), "", 515_002_500),
    # 600 x 300 + 400 x 30 + 30 x 2,500
    (FLASH, "gemini", gemini(1_000, 400, 10, 20), "", 267_000),
]


@pytest.fixture(scope="module")
def running(scripted: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Turnout]:
    with Turnout(tmp_path_factory.mktemp("costs"), settings=SETTINGS.format(url=scripted.url), rules=BY_MODEL) as found:
        yield found


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(("model", "way", "usage", "service", "nanos"), CASES)
def test_a_call_costs_what_its_vendor_bills(
    scripted: Engine, running: Turnout, model: str, way: str, usage: Doc, service: str, nanos: int, stream: bool
) -> None:
    scripted.say(Script("ok", usage=usage, service=service))
    asked: Doc = {"model": model, "stream": stream} | ({"service_tier": service} if service else {})
    said = [{"role": "user", "content": "x"}]
    verb = "streamGenerateContent?alt=sse" if stream else "generateContent"
    target, doc = {
        "chat": ("/v1/chat/completions", {**asked, "messages": said, "max_tokens": 9}),
        "responses": ("/v1/responses", {**asked, "input": "x"}),
        "messages": ("/v1/messages", {**asked, "messages": said, "max_tokens": 9}),
        "gemini": (f"/v1beta/models/{model}:{verb}", {"contents": [{"role": "user", "parts": [{"text": "x"}]}]}),
    }[way]
    row = running.row(running.ask("POST", target, doc))
    assert ("3 searches of the web" in row.note) == ("server_tool_use" in usage)
    assert (row.cost, row.service, row.estimated) == (nanos, service, False)
