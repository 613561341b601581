"""The real clients: how each is started headless for one turn, and what its user writes beside what `connect` wrote."""

import json
import re
import shlex
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.clients.scene import TRACKS, Case, Turn

Argv = list[str]
SDK_TURN, JS_TURN = (Path(__file__).with_name(f"sdk_turn.{ending}") for ending in ("py", "mjs"))


@dataclass(frozen=True, slots=True)
class Program:
    name: str
    client: str
    """Its name for `turnout connect`, and the client in the ledger."""
    command: Callable[[Case], Argv]
    package: str = ""
    """Its entry in pins.toml, where that is not its name."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """What keeps it from calling home or updating itself in mid-run."""
    prepare: "Callable[[Path, Mapping[str, str]], Mapping[str, str]] | None" = None
    """What its user writes beside what `connect` wrote (models by name, another wire): from home and environment; gives
    what changes in the environment."""
    streams: bool = True
    no_tools: str = ""
    """Why there is no tool turn."""
    says_session: bool = False
    """It sends a session id of its own."""
    subagents: bool = False
    """It can start a subagent, and says whose it is."""
    unknown: bool = False
    """`connect` does not know it: it gets a token from `turnout client add`, in TURNOUT_URL and TURNOUT_TOKEN."""


Kept = Mapping[str, str]


def _claude(case: Case) -> Argv:
    return ["claude", "-p", case.prompt, "--model", case.model, "--allowedTools", "Bash"]


def _codex(case: Case) -> Argv:
    flags = ["--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox"]
    return ["codex", "exec", *flags, "-m", case.model, case.prompt]


def _opencode(case: Case) -> Argv:
    return ["opencode", "run", "-m", f"turnout/{case.model}", case.prompt]


def _opencode_models(home: Path, _: Kept) -> Kept:
    file = home / ".config/opencode/opencode.json"
    doc = json.loads(file.read_text())
    models = doc["provider"]["turnout"]["models"]
    for track in TRACKS:
        models[track.model] = models["auto"]
    file.write_text(json.dumps(doc))
    return {}


def _opencode_by(package: str) -> Callable[[Path, Kept], Kept]:
    """The same provider through another of opencode's packages: another wire."""

    def prepare(home: Path, environment: Kept) -> Kept:
        file = home / ".config/opencode/opencode.json"
        file.write_text(file.read_text().replace("@ai-sdk/openai-compatible", package))
        return _opencode_models(home, environment)

    return prepare


def _gemini(case: Case) -> Argv:
    named = ["-m", case.model] if case.named else []
    return ["gemini", *named, "--yolo", "--skip-trust", "-p", case.prompt]


def _qwen(case: Case) -> Argv:
    named = ["-m", case.model] if case.named else []
    return ["qwen", *named, "--yolo", "-p", case.prompt]


def _continue(case: Case) -> Argv:
    config = ["--config", f".continue-{case.track.name}.yaml"] if case.named else []
    return ["cn", *config, "--auto", "-p", case.prompt]


def _continue_models(home: Path, _: Kept) -> Kept:
    text = (home / ".continue/config.yaml").read_text()
    for track in TRACKS:
        (home / f".continue-{track.name}.yaml").write_text(text.replace('"auto"', f'"{track.model}"'))
    return {}


def _continue_by(provider: str, base: str) -> Callable[[Path, Kept], Kept]:
    def prepare(home: Path, environment: Kept) -> Kept:
        file = home / ".continue/config.yaml"
        text = file.read_text()
        url, token = (re.search(rf'{key}: "([^"]+)"', text)[1] for key in ("apiBase", "apiKey"))  # type: ignore[index]
        text = text.replace('provider: "openai"', f'provider: "{provider}"')
        file.write_text(text.replace(url, base.format(url=url.removesuffix("/v1"), token=token)))
        return _continue_models(home, environment)

    return prepare


def _copilot(case: Case) -> Argv:
    return ["copilot", "-p", case.prompt, "--allow-all-tools", "--model", case.model]


def _copilot_by(**given: str) -> Callable[[Path, Kept], Kept]:
    def prepare(_: Path, environment: Kept) -> Kept:
        base = environment["COPILOT_PROVIDER_BASE_URL"]
        if given.get("COPILOT_PROVIDER_TYPE") == "anthropic":
            base = base.removesuffix("/v1")
        return {**given, "COPILOT_PROVIDER_BASE_URL": base}

    return prepare


def _cline(case: Case) -> Argv:
    return ["cline", "--auto-approve", "true", "-m", case.model, case.prompt]


def _pi(case: Case) -> Argv:
    return ["pi", "-p", "--provider", "turnout", "--model", case.model, case.prompt]


def _pi_models(home: Path, _: Kept) -> Kept:
    file = home / ".pi/agent/models.json"
    doc = json.loads(file.read_text())
    models = doc["providers"]["turnout"]["models"]
    auto = next(model for model in models if model["id"] == "auto")
    models += [{**auto, "id": track.model, "name": track.model} for track in TRACKS]
    file.write_text(json.dumps(doc))
    return {}


def _pi_by(api: str, suffix: str) -> Callable[[Path, Kept], Kept]:
    def prepare(home: Path, environment: Kept) -> Kept:
        file = home / ".pi/agent/models.json"
        text = file.read_text().replace("openai-completions", api)
        file.write_text(re.sub(r'(?<=[0-9])/v1"', f'{suffix}"', text))
        return _pi_models(home, environment)

    return prepare


def _aider(case: Case) -> Argv:
    flags = ["--no-git", "--yes-always", "--no-check-update", "--no-show-model-warnings", "--analytics-disable"]
    named = ["--model", f"openai/{case.model}"] if case.named else []
    return ["aider", *flags, *named, "--message", case.prompt]


def _aider_ollama(case: Case) -> Argv:
    return [*_aider(replace(case, named=False))[:-2], "--model", f"ollama_chat/{case.model}", "--message", case.prompt]


def _aider_on_ollama(home: Path, _: Kept) -> Kept:
    text = (home / ".aider.conf.yml").read_text()
    url, token = (re.search(rf"{key}: (\S+)", text)[1] for key in ("openai-api-base", "openai-api-key"))  # type: ignore[index]
    return {"OLLAMA_API_BASE": f"{url.removesuffix('/v1')}/c/{token}"}


def _codex_oss(case: Case) -> Argv:
    flags = [
        "--skip-git-repo-check",
        "--dangerously-bypass-approvals-and-sandbox",
        "--oss",
        "--local-provider",
        "ollama",
    ]
    # It pulls what /api/tags does not list: models stand there with their provider's name.
    model = f"{case.track.name}/{case.model}" if case.named else case.model
    return ["codex", "exec", *flags, "-m", model, case.prompt]


def _codex_on_ollama(home: Path, _: Kept) -> Kept:
    """It sends no key there: the token stands in the path."""
    provider = tomllib.loads((home / ".codex/config.toml").read_text())["model_providers"]["turnout"]
    url, token = provider["base_url"], provider["experimental_bearer_token"]
    return {"CODEX_OSS_BASE_URL": f"{url.removesuffix('/v1')}/c/{token}/v1"}


def _grok(case: Case) -> Argv:
    return ["grok", "-m", case.model, "-p", case.prompt]


def _grok_keys(_: Path, environment: Kept) -> Kept:
    return {"GROK_BASE_URL": f"{environment['TURNOUT_URL']}/v1", "GROK_API_KEY": environment["TURNOUT_TOKEN"]}


def _llm(case: Case) -> Argv:
    tools = ["--functions", _READ_NOTE] if case.turn is Turn.TOOL else []
    return ["llm", "-m", case.model if case.named else "turnout", *tools, case.prompt]


_READ_NOTE = """
def read_note(path: str) -> str:
    "Reads a file."
    text = open(path).read()
    open("ran.txt", "w").write(text)
    return text
"""


def _llm_models(home: Path, _: Kept) -> Kept:
    file = home / ".config/io.datasette.llm/extra-openai-models.yaml"
    text = file.read_text()
    entry = text[text.index("- model_id") : text.index("# turnout: end")]
    for track in TRACKS:
        text += entry.replace('"turnout"', f'"{track.model}"', 1).replace('"auto"', f'"{track.model}"')
    file.write_text(text)
    return {}


def _sdk(kind: str, program: str = "python", script: Path = SDK_TURN) -> Callable[[Case], Argv]:
    """In a new shell, as `connect shell` left it for its user."""

    def command(case: Case) -> Argv:
        turn = shlex.join(
            [program, str(script), kind, case.model, "tool" if case.turn is Turn.TOOL else "text", case.prompt]
        )
        return ["bash", "-c", f'. "$HOME/.bashrc" && exec {turn}']

    return command


_CLAUDE = {"DISABLE_AUTOUPDATER": "1"}
_OPENCODE = {"OPENCODE_DISABLE_AUTOUPDATE": "1"}
_COPILOT = {"COPILOT_AUTO_UPDATE": "false"}
_NO_TOOLS = "aider has no tools: it edits files by text"

AGENTS = (
    Program("claude-code", "claude-code", _claude, environment=_CLAUDE, says_session=True, subagents=True),
    Program("codex", "codex", _codex, says_session=True, subagents=True),
    Program("codex-oss", "codex", _codex_oss, package="codex", prepare=_codex_on_ollama, says_session=True),
    Program(
        "opencode",
        "opencode",
        _opencode,
        environment=_OPENCODE,
        prepare=_opencode_models,
        says_session=True,
        subagents=True,
    ),
    Program(
        "opencode-anthropic",
        "opencode",
        _opencode,
        package="opencode",
        environment=_OPENCODE,
        prepare=_opencode_by("@ai-sdk/anthropic"),
        says_session=True,
    ),
    Program(
        "opencode-responses",
        "opencode",
        _opencode,
        package="opencode",
        environment=_OPENCODE,
        prepare=_opencode_by("@ai-sdk/openai"),
        says_session=True,
    ),
    Program("gemini-cli", "gemini-cli", _gemini, environment={"GEMINI_CLI_DISABLE_AUTOUPDATER": "1"}),
    Program("qwen-code", "qwen-code", _qwen),
    Program("continue", "continue", _continue, prepare=_continue_models),
    Program(
        "continue-anthropic",
        "continue",
        _continue,
        package="continue",
        prepare=_continue_by("anthropic", "{url}/v1"),
    ),
    Program(
        "continue-ollama",
        "continue",
        _continue,
        package="continue",
        prepare=_continue_by("ollama", "{url}/c/{token}"),
    ),
    Program("copilot-cli", "copilot-cli", _copilot, environment=_COPILOT, subagents=True),
    Program(
        "copilot-cli-anthropic",
        "copilot-cli",
        _copilot,
        package="copilot-cli",
        environment=_COPILOT,
        prepare=_copilot_by(COPILOT_PROVIDER_TYPE="anthropic"),
    ),
    Program(
        "copilot-cli-responses",
        "copilot-cli",
        _copilot,
        package="copilot-cli",
        environment=_COPILOT,
        prepare=_copilot_by(COPILOT_PROVIDER_WIRE_API="responses"),
    ),
    Program("cline", "cline", _cline, environment={"CLINE_NO_AUTO_UPDATE": "1"}),
    Program("pi", "pi", _pi, prepare=_pi_models),
    Program("pi-anthropic", "pi", _pi, package="pi", prepare=_pi_by("anthropic-messages", "")),
    Program("pi-responses", "pi", _pi, package="pi", prepare=_pi_by("openai-responses", "/v1")),
    Program("grok-cli", "grok-cli", _grok, prepare=_grok_keys, streams=False, unknown=True),
    Program("aider", "aider", _aider, no_tools=_NO_TOOLS),
    Program("aider-ollama", "aider", _aider_ollama, package="aider", prepare=_aider_on_ollama, no_tools=_NO_TOOLS),
    Program("llm", "llm", _llm, prepare=_llm_models),
)
KITS = (
    *(
        Program(f"{name}-py", "shell", _sdk(kind), package="sdks")
        for name, kind in (
            ("openai", "openai"),
            ("openai-responses", "responses"),
            ("anthropic", "anthropic"),
            ("ollama", "ollama"),
            ("google-genai", "gemini"),
        )
    ),
    *(
        Program(name, "shell", _sdk(kind), package="frameworks")
        for name, kind in (
            ("openai-agents", "agents"),
            ("litellm", "litellm"),
            ("litellm-ollama", "litellm_ollama"),
            ("langchain-openai", "langchain"),
        )
    ),
    *(
        Program(name, "shell", _sdk(kind, "node", JS_TURN), package="js-sdks")
        for name, kind in (
            ("openai-js", "openai"),
            ("openai-responses-js", "responses"),
            ("anthropic-js", "anthropic"),
            ("ollama-js", "ollama"),
            ("google-genai-js", "gemini"),
            ("ai-sdk-compatible", "ai-compatible"),
            ("ai-sdk-chat", "ai-chat"),
            ("ai-sdk-responses", "ai-responses"),
            ("ai-sdk-anthropic", "ai-anthropic"),
        )
    ),
)
PROGRAMS = (*AGENTS, *KITS)
UNTRIED = {
    "crush": "its npm package downloads the program from a code host when it is installed",
    "zed": "no package on npm or PyPI",
    "vscode": "no package on npm or PyPI",
    "jetbrains": "no package on npm or PyPI; its setup is by hand",
    "xcode": "runs on a Mac only; its setup is by hand",
}
"""Clients that `connect` knows and this script cannot start."""
