"""The real clients: how each is started headless for one turn, and what its user writes beside what `connect` wrote."""

import json
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.clients.scene import TRACKS, Case, Turn

Argv = list[str]
SDK_TURN = Path(__file__).with_name("sdk_turn.py")


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
    add_models: Callable[[Path], None] | None = None
    """A client that only takes models which its own file lists: a user adds the named ones there, after `connect`."""
    no_tools: str = ""
    """Why there is no tool turn."""
    says_session: bool = False
    """It sends a session id of its own."""
    subagents: bool = False
    """It can start a subagent, and says whose it is."""


def _claude(case: Case) -> Argv:
    return ["claude", "-p", case.prompt, "--model", case.model, "--allowedTools", "Bash"]


def _codex(case: Case) -> Argv:
    flags = ["--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox"]
    return ["codex", "exec", *flags, "-m", case.model, case.prompt]


def _opencode(case: Case) -> Argv:
    return ["opencode", "run", "-m", f"turnout/{case.model}", case.prompt]


def _opencode_models(home: Path) -> None:
    file = home / ".config/opencode/opencode.json"
    doc = json.loads(file.read_text())
    models = doc["provider"]["turnout"]["models"]
    for track in TRACKS:
        models[track.model] = models["auto"]
    file.write_text(json.dumps(doc))


def _gemini(case: Case) -> Argv:
    named = ["-m", case.model] if case.named else []
    return ["gemini", *named, "--yolo", "--skip-trust", "-p", case.prompt]


def _qwen(case: Case) -> Argv:
    named = ["-m", case.model] if case.named else []
    return ["qwen", *named, "--yolo", "-p", case.prompt]


def _continue(case: Case) -> Argv:
    config = ["--config", f".continue-{case.track.name}.yaml"] if case.named else []
    return ["cn", *config, "--auto", "-p", case.prompt]


def _continue_models(home: Path) -> None:
    text = (home / ".continue/config.yaml").read_text()
    for track in TRACKS:
        (home / f".continue-{track.name}.yaml").write_text(text.replace('"auto"', f'"{track.model}"'))


def _copilot(case: Case) -> Argv:
    return ["copilot", "-p", case.prompt, "--allow-all-tools", "--model", case.model]


def _cline(case: Case) -> Argv:
    return ["cline", "--auto-approve", "true", "-P", "openai", "-m", case.model, case.prompt]


def _pi(case: Case) -> Argv:
    return ["pi", "-p", "--provider", "turnout", "--model", case.model, case.prompt]


def _pi_models(home: Path) -> None:
    file = home / ".pi/agent/models.json"
    doc = json.loads(file.read_text())
    models = doc["providers"]["turnout"]["models"]
    auto = next(model for model in models if model["id"] == "auto")
    models += [{**auto, "id": track.model, "name": track.model} for track in TRACKS]
    file.write_text(json.dumps(doc))


def _aider(case: Case) -> Argv:
    flags = ["--no-git", "--yes-always", "--no-check-update", "--no-show-model-warnings", "--analytics-disable"]
    named = ["--model", f"openai/{case.model}"] if case.named else []
    return ["aider", *flags, *named, "--message", case.prompt]


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


def _llm_models(home: Path) -> None:
    file = home / ".config/io.datasette.llm/extra-openai-models.yaml"
    text = file.read_text()
    entry = text[text.index("- model_id") : text.index("# turnout: end")]
    for track in TRACKS:
        text += entry.replace('"turnout"', f'"{track.model}"', 1).replace('"auto"', f'"{track.model}"')
    file.write_text(text)


def _sdk(kind: str) -> Callable[[Case], Argv]:
    """In a new shell, as `connect shell` left it for its user."""

    def command(case: Case) -> Argv:
        turn = shlex.join(
            ["python", str(SDK_TURN), kind, case.model, "tool" if case.turn is Turn.TOOL else "text", case.prompt]
        )
        return ["bash", "-c", f'. "$HOME/.bashrc" && exec {turn}']

    return command


PROGRAMS = (
    Program(
        "claude-code",
        "claude-code",
        _claude,
        environment={"DISABLE_AUTOUPDATER": "1"},
        says_session=True,
        subagents=True,
    ),
    Program("codex", "codex", _codex, says_session=True, subagents=True),
    Program(
        "opencode",
        "opencode",
        _opencode,
        environment={"OPENCODE_DISABLE_AUTOUPDATE": "1"},
        add_models=_opencode_models,
        says_session=True,
        subagents=True,
    ),
    Program("gemini-cli", "gemini-cli", _gemini, environment={"GEMINI_CLI_DISABLE_AUTOUPDATER": "1"}),
    Program("qwen-code", "qwen-code", _qwen),
    Program("continue", "continue", _continue, add_models=_continue_models),
    Program("copilot-cli", "copilot-cli", _copilot, environment={"COPILOT_AUTO_UPDATE": "false"}),
    Program("cline", "cline", _cline, environment={"CLINE_NO_AUTO_UPDATE": "1"}),
    Program("pi", "pi", _pi, add_models=_pi_models),
    Program("aider", "aider", _aider, no_tools="aider has no tools: it edits files by text"),
    Program("llm", "llm", _llm, add_models=_llm_models),
    Program("openai-sdk", "shell", _sdk("openai"), package="sdks"),
    Program("openai-sdk-responses", "shell", _sdk("responses"), package="sdks"),
    Program("anthropic-sdk", "shell", _sdk("anthropic"), package="sdks"),
    Program("ollama-sdk", "shell", _sdk("ollama"), package="sdks"),
    Program("google-genai-sdk", "shell", _sdk("gemini"), package="sdks"),
)
UNTRIED = {
    "crush": "its npm package downloads the program from a code host when it is installed",
    "zed": "no package on npm or PyPI",
    "vscode": "no package on npm or PyPI",
    "jetbrains": "no package on npm or PyPI; its setup is by hand",
    "xcode": "runs on a Mac only; its setup is by hand",
}
"""Clients that `connect` knows and this script cannot start."""
