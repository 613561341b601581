"""The local engines' own models, over real sockets: pulled, removed, warmed up, on one Ollama or several."""

import json
import threading
from collections.abc import Callable
from functools import partial

import pytest
from tests.support.engine import Engine
from tests.support.fixtures import Serve
from tests.support.proxy import Turnout
from tests.support.script import Doc, Script, dumped

from turnout.errors import ControlError

NDJSON = "application/x-ndjson"
LAYER = {"status": "pulling 6a0746a1ec1a", "digest": "sha256:6a07", "total": 4_000, "completed": 1_000}


def ollamas(**urls: str) -> str:
    """turnout.toml with an Ollama for each name."""
    tables = [
        f'[providers.{name}]\ndialect = "ollama"\nbase_url = "{url}"\nkey = "none"\nsovereign = true\n'
        for name, url in urls.items()
    ]
    return "\n".join([*tables, f'[tiers]\nlocal = ["{next(iter(urls))}/scripted"]\n'])


def lines(*docs: Doc) -> bytes:
    return b"".join(dumped(doc) + b"\n" for doc in docs)


def progress(body: bytes, **more: object) -> Script:
    return Script(body=body, kind=NDJSON, **more)  # type: ignore[arg-type]  # handed on as they came


def refusal(work: Callable[[], object]) -> ControlError:
    with pytest.raises(ControlError) as caught:
        work()
    return caught.value


def sent(engine: Engine, path: str) -> Doc:
    return next(heard.doc for heard in reversed(engine.heard) if heard.path == path)


def memory(engine: Engine, **figures: object) -> None:
    row = {"name": "scripted", "model": "scripted", "size": 20_000_000_000, "size_vram": 15_000_000_000}
    engine.running = dumped(
        {"models": [row | {"context_length": 16_384, "expires_at": "2026-11-24T03:24:58Z"} | figures]}
    )


def test_a_pull_tells_how_far_it_is_and_that_the_model_is_whole(serve: Serve, engine: Engine) -> None:
    proxy = serve(settings=ollamas(local=engine.url))
    engine.say(
        progress(lines({"status": "pulling manifest"}, LAYER, LAYER | {"completed": 4_000}, {"status": "success"}))
    )
    told = list(proxy.control.models_pull("qwen3:8b"))
    assert {"status": "pulling manifest"} in told
    assert {"status": LAYER["status"], "completed": 1_000, "total": 4_000} in told
    assert told[-1] == {"status": "success"}
    assert sent(engine, "/api/pull")["model"] == "qwen3:8b"


def test_an_error_line_in_mid_pull_is_the_engines_own_words(serve: Serve, engine: Engine) -> None:
    """As Ollama writes it: status 200, then a line with `error`."""
    proxy = serve(settings=ollamas(local=engine.url))
    engine.say(progress(lines({"status": "pulling manifest"}, {"error": "pull model manifest: file does not exist"})))
    error = refusal(lambda: list(proxy.control.models_pull("no-such-model")))
    assert "local: pull model manifest: file does not exist" in error.message

    engine.say(Script(status=400, body=b'{"error":"invalid model name"}'))
    assert "invalid model name" in refusal(lambda: list(proxy.control.models_pull("UPPER/../x"))).message


def test_an_engine_that_is_gone_in_mid_pull_is_an_error_and_no_end(serve: Serve, engine: Engine) -> None:
    proxy = serve(settings=ollamas(local=engine.url))
    for reset in (False, True):
        engine.say(progress(lines({"status": "pulling manifest"}, *[LAYER] * 20), cut_after=60, reset=reset))
        error = refusal(lambda: list(proxy.control.models_pull("qwen3:8b")))
        assert "broke off" in error.message
        assert "kept" in error.hint
    # Nor is an end without the word.
    engine.say(progress(lines({"status": "pulling manifest"}, LAYER)))
    assert "whole" in refusal(lambda: list(proxy.control.models_pull("qwen3:8b"))).message


def test_a_pull_that_is_cancelled_ends_the_engines_download(serve: Serve, engine: Engine) -> None:
    proxy = serve(settings=ollamas(local=engine.url))
    next(one for one in proxy.control.events() if one.engines[0].state == "up")
    kept = engine.open  # the listing's
    engine.say(progress(lines(LAYER, LAYER), hold_after=1))
    pulled = proxy.control.models_pull("qwen3:8b")
    assert LAYER["status"] in (line["status"] for line in pulled)
    pulled.close()  # type: ignore[attr-defined]  # an Iterator that is a generator
    engine.wait_closed(still_open=kept)
    assert proxy.control.status().pid == proxy.process.pid


def test_an_engine_that_does_not_run_is_named_with_what_to_do(serve: Serve, engine: Engine) -> None:
    engine.stop()
    proxy = serve(settings=ollamas(local=engine.url))
    error = refusal(lambda: list(proxy.control.models_pull("qwen3:8b")))
    assert "local" in error.message
    assert "cannot be reached" in error.message
    assert "Ollama runs" in error.hint


def test_a_model_is_removed_and_one_that_is_not_there_is_said(serve: Serve, engine: Engine) -> None:
    proxy = serve(settings=ollamas(local=engine.url))
    engine.say(Script(body=b""))
    assert proxy.control.models_remove("scripted") == {"name": "scripted", "provider": "local"}
    assert sent(engine, "/api/delete") == {"model": "scripted"}
    engine.say(Script(status=404, body=b'{"error":"model \'x\' not found"}'))
    assert "model 'x' not found" in refusal(lambda: proxy.control.models_remove("x")).message

    # The command line does the same.
    engine.say(progress(lines({"status": "success"})))
    assert json.loads(proxy.cli("models", "pull", "qwen3:8b", "--json")) == {"name": "qwen3:8b", "status": "success"}
    engine.say(Script(body=b""))
    assert json.loads(proxy.cli("models", "remove", "scripted", "--json"))["name"] == "scripted"


def test_a_model_is_warmed_up_with_the_window_its_next_call_asks_for(serve: Serve, engine: Engine) -> None:
    proxy = serve(settings=ollamas(local=engine.url))
    proxy.control.nodes()
    engine.say(Script(body=b'{"model":"scripted","response":"","done":true,"done_reason":"load"}').once())
    window = proxy.control.models_load("scripted")["window"]
    warmed = sent(engine, "/api/generate")
    assert warmed["options"]["num_ctx"] == window
    assert "prompt" not in warmed or not warmed["prompt"]
    proxy.chat("Say hello.", model="local")
    assert sent(engine, "/api/chat")["options"]["num_ctx"] == window

    engine.say(Script(body=b'{"model":"scripted","response":"","done":true,"done_reason":"unload"}'))
    proxy.control.models_load("scripted", on=False)
    assert sent(engine, "/api/generate")["keep_alive"] == 0


def test_a_node_says_what_it_holds_in_memory_and_how_much_of_it_on_the_graphics_card(
    serve: Serve, engine: Engine
) -> None:
    memory(engine)
    proxy = serve(settings=ollamas(local=engine.url))
    node = proxy.control.nodes()[0]
    assert (node.provider, node.state, node.version) == ("local", "up", "0.32.15")
    first = node.models[0]
    assert (first.name, first.loaded) == ("scripted", True)
    assert (first.memory, first.vram, first.window) == (20_000_000_000, 15_000_000_000, 16_384)


def test_of_several_nodes_each_has_its_own_health_and_models(serve: Serve, engine: Engine) -> None:
    with Engine(models=("big",)) as other, Engine() as gone:
        gone.stop()
        proxy = serve(settings=ollamas(local=engine.url, attic=other.url, cellar=gone.url))
        nodes = {node.provider: node for node in proxy.control.nodes()}
        assert {name: node.state for name, node in nodes.items()} == {"local": "up", "attic": "up", "cellar": "down"}
        assert [model.name for model in nodes["attic"].models] == ["big"]
        other.say(progress(lines({"status": "success"})))
        list(proxy.control.models_pull("qwen3:8b", "attic"))
        other.say(Script(body=b""))
        assert proxy.control.models_remove("big")["provider"] == "attic"  # whoever has it
        assert not any(heard.path in ("/api/pull", "/api/delete") for heard in engine.heard)


def test_t12_a_node_gets_no_key_of_the_environment_and_no_redirect_is_followed(serve: Serve, engine: Engine) -> None:
    with Engine() as elsewhere:
        secret = {"OLLAMA_API_KEY": "sk-of-the-environment", "HTTP_PROXY": elsewhere.url, "http_proxy": elsewhere.url}
        proxy: Turnout = serve(settings=ollamas(local=engine.url), environment=secret)
        away = f"HTTP/1.1 307 X\r\nlocation: {elsewhere.url}/api/pull\r\ncontent-length: 0\r\n\r\n"
        engine.say(Script(raw=away.encode()))
        refusal(lambda: list(proxy.control.models_pull("qwen3:8b")))
        assert elsewhere.heard == []
        assert not any("sk-of-the" in value for heard in engine.heard for _, value in heard.headers)


def test_a_name_that_is_none_is_refused_before_anybody_is_asked(serve: Serve, engine: Engine) -> None:
    proxy = serve(settings=ollamas(local=engine.url))

    def pull(name: str) -> list[Doc]:
        return list(proxy.control.models_pull(name))

    for name in ("", "   ", "a\nb", "x" * 400):
        assert "no name of a model" in refusal(partial(pull, name)).message
    assert engine.calls == []


def test_calls_go_on_while_a_pull_is_under_way(serve: Serve, engine: Engine) -> None:
    proxy = serve(settings=ollamas(local=engine.url))
    assert proxy.token
    engine.choose = lambda heard: (
        progress(lines(LAYER, {"status": "success"}), hold_after=1) if heard.path == "/api/pull" else Script()
    )
    told: list[Doc] = []
    pulling = threading.Thread(target=lambda: told.extend(proxy.control.models_pull("qwen3:8b")))
    pulling.start()
    engine.wait_calls(1)
    assert proxy.chat("Say hello.", model="local").status == 200
    engine.release()
    pulling.join(20)
    assert told[-1] == {"status": "success"}
