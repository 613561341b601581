"""What is said of an Ollama and its models, as values."""

from turnout.control.messages import LocalModel, Node
from turnout.desktop.models.nodes import facts, headline, memory, progress, window, windows

NODE = Node("local", "http://127.0.0.1:11434", "up", version="0.32.15")
MODEL = LocalModel("qwen3-coder:30b", 18_600_000_000, "30.5B", "Q4_K_M", 262_144)


def test_a_node_says_where_it_is_and_what_it_holds() -> None:
    node = Node("local", NODE.url, "up", version="0.32.15", models=(MODEL,))
    assert headline(node) == "http://127.0.0.1:11434 · Ollama 0.32.15 · 1 model · 18.6 GB on disk"


def test_a_node_that_is_down_claims_nothing_of_its_disk() -> None:
    assert headline(Node("local", NODE.url, "down", models=(MODEL,))) == "http://127.0.0.1:11434"


def test_a_models_facts_are_its_size_kind_and_window() -> None:
    assert facts(MODEL) == "30.5B · Q4_K_M · 18.6 GB · 256K context"


def test_a_name_that_forwards_to_a_cloud_is_said() -> None:
    assert "runs in a cloud" in facts(LocalModel("gpt-oss:120b-cloud", 380, remote=True))


def test_memory_is_split_between_graphics_card_and_ram() -> None:
    loaded = LocalModel("m", loaded=True, memory=20_000_000_000, vram=15_000_000_000, window=16_384)
    assert memory(loaded) == "20.0 GB, 75% on the GPU, 16K window"
    assert memory(LocalModel("m", loaded=True, memory=1_000, vram=0)) == "1.0 kB, in RAM"
    assert memory(LocalModel("m", loaded=True, memory=1_000, vram=1_000)) == "1.0 kB, on the GPU"
    assert memory(MODEL) == ""


def test_a_pinned_window_of_any_size_is_among_the_choices() -> None:
    node = Node("local", NODE.url, "up", num_ctx=40_000)
    assert windows(node)[0] == ("Automatic", None)
    assert ("40.0K", 40_000) in windows(node)
    assert window(32_768) == "32K"


def test_progress_is_a_share_only_where_the_engine_tells_one() -> None:
    assert progress("m", {"status": "pulling manifest"}).share == -1.0
    told = progress("m", {"status": "pulling 6a07", "completed": 1_000_000, "total": 4_000_000})
    assert (told.words, told.share) == ("m: pulling 6a07 · 1.0 MB of 4.0 MB · 25%", 0.25)
    assert progress("m", {"status": "x", "completed": 9, "total": 4}).share == 1.0
    assert progress("m", {"status": "x", "completed": "1", "total": 0}).share == -1.0


def test_t22_the_engines_words_stay_one_plain_line() -> None:
    told = progress("<img src=x>\n", {"status": "a\nb\x1b[31m" + "c" * 500})
    assert "\n" not in told.words
    assert len(told.words) < 200
