"""The clients we know: how each is found, which of its files say where it calls, and what to write there.

What they read was seen on the wire or in their documentation in November 2026. A client that sends no key gets its token in
the path (`/c/TOKEN`). Where the choice of model is the user's, it stays: whatever name a client asks for, the rules decide.
"""

import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from turnout.calls.units import Json
from turnout.connect import shell
from turnout.connect.edits import Block, Edit, JsonEdit, JsonItem, Lines, Whole
from turnout.connect.place import Place
from turnout.connect.tomledit import TomlEdit
from turnout.connect.yamledit import YamlItem, YamlKeys

WINDOW, OUTPUT = 200_000, 32_000
"""What clients are told of `auto`: the smallest window of the usual cloud models, so that none packs too much."""


@dataclass(frozen=True, slots=True)
class FileEdit:
    path: Path
    edit: Edit


@dataclass(frozen=True, slots=True)
class Setup:
    """What to do for one client, with its token filled in."""

    files: tuple[FileEdit, ...] = ()
    steps: tuple[str, ...] = ()
    """What a person does by hand, with the values to paste."""


@dataclass(frozen=True, slots=True)
class Client:
    name: str
    title: str
    present: Callable[[Place], bool]
    setup: Callable[[Place, str, str], Setup]
    """Place, URL without a trailing slash, token."""
    impossible: str = ""
    """Why this client can never be pointed here."""
    by_hand: bool = field(default=False)
    """It keeps no file that we could edit."""


def _claude_code(place: Place, url: str, token: str) -> Setup:
    folder = place.named("CLAUDE_CONFIG_DIR") or place.home / ".claude"
    env = {"ANTHROPIC_BASE_URL": url, "ANTHROPIC_AUTH_TOKEN": token}
    values: list[tuple[tuple[str, ...], Json]] = [(("env", key), value) for key, value in env.items()]
    # Of a model name that it does not know, `auto` for one, it thinks that a million tokens fit (2.1.331); others keep theirs.
    window: tuple[tuple[str, ...], Json] = (("env", "CLAUDE_CODE_MAX_CONTEXT_TOKENS"), str(WINDOW))
    return Setup(
        (FileEdit(folder / "settings.json", JsonEdit(tuple(values), besides=(window,))),), ("Start `claude` anew.",)
    )


def _codex(place: Place, url: str, token: str) -> Setup:
    folder = place.named("CODEX_HOME") or place.home / ".codex"
    provider = {
        "name": "Turnout",
        "base_url": f"{url}/v1",
        "wire_api": "responses",
        "experimental_bearer_token": token,
    }
    edit = TomlEdit(((("model_provider",), "turnout"), (("model_providers", "turnout"), provider)))
    return Setup(
        (FileEdit(folder / "config.toml", edit),),
        ("Start `codex` anew. A profile with a model_provider of its own goes before this one.",),
    )


def _models() -> dict[str, Json]:
    limit: Json = {"context": WINDOW, "output": OUTPUT}
    return {
        name: {"name": f"Turnout {name}", "tool_call": True, "limit": limit}
        for name in ("auto", "high", "fast", "local")
    }


def _opencode(place: Place, url: str, token: str) -> Setup:
    # Read one over the other in this order (1.18.33): ~/.config/opencode, OPENCODE_CONFIG, OPENCODE_CONFIG_DIR; and in a
    # folder config.json, opencode.json, opencode.jsonc. The last one that is there is where a value is sure to count.
    folder = place.named("OPENCODE_CONFIG_DIR")
    file = None if folder is not None else place.named("OPENCODE_CONFIG")
    folder = folder or place.config / "opencode"
    names = ("opencode.jsonc", "opencode.json", "config.json")
    file = file or next((one for name in names if (one := folder / name).exists()), folder / "opencode.json")
    provider: Json = {
        "npm": "@ai-sdk/openai-compatible",
        "name": "Turnout",
        "options": {"baseURL": f"{url}/v1", "apiKey": token},
        "models": _models(),
    }
    values: tuple[tuple[tuple[str, ...], Json], ...] = (
        (("provider", "turnout"), provider),
        (("model",), "turnout/auto"),
        (("small_model",), "turnout/auto"),
    )
    return Setup((FileEdit(file, JsonEdit(values)),), ("Start `opencode` anew.",))


def _gemini(place: Place, url: str, token: str) -> Setup:
    folder = (place.named("GEMINI_CLI_HOME") or place.home) / ".gemini"
    # A GEMINI_API_KEY that the user's shell exports goes before this one: the token in the path is what counts then.
    env = Lines((("GOOGLE_GEMINI_BASE_URL", f"{url}/c/{token}"), ("GEMINI_API_KEY", token)))
    auth = JsonEdit(((("security", "auth", "selectedType"), "gemini-api-key"),))
    return Setup(
        (FileEdit(folder / ".env", env), FileEdit(folder / "settings.json", auth)),
        ("Start `gemini` anew. A .env of a project goes before ~/.gemini/.env.",),
    )


def _qwen(place: Place, url: str, token: str) -> Setup:
    folder = place.named("QWEN_HOME") or place.home / ".qwen"
    # An OPENAI_API_KEY that the user's shell exports goes before this one: the token in the path is what counts then.
    base = f"{url}/c/{token}/v1"
    env = Lines((("OPENAI_BASE_URL", base), ("OPENAI_API_KEY", token), ("OPENAI_MODEL", "auto")))
    auth = JsonEdit(((("security", "auth", "selectedType"), "openai"),))
    return Setup(
        (FileEdit(folder / ".env", env), FileEdit(folder / "settings.json", auth)),
        ("Start `qwen` anew. A .env of a project goes before ~/.qwen/.env.",),
    )


def _continue(place: Place, url: str, token: str) -> Setup:
    folder = place.named("CONTINUE_GLOBAL_DIR") or place.home / ".continue"
    fields: tuple[tuple[str, Json], ...] = (
        ("name", "Turnout"),
        ("provider", "openai"),
        ("model", "auto"),
        ("apiBase", f"{url}/v1"),
        ("apiKey", token),
        ("roles", ["chat", "edit", "apply", "summarize"]),
        ("capabilities", ["tool_use"]),
    )
    old = folder / "config.json"
    if old.exists() and not (folder / "config.yaml").exists():
        # Its older form, which the editors' plugins read as long as there is no config.yaml: one of ours would hide all of it.
        model: dict[str, Json] = {
            "title": "Turnout",
            "provider": "openai",
            "model": "auto",
            "apiBase": f"{url}/v1",
            "apiKey": token,
            "capabilities": {"tools": True},
        }
        steps = (
            "Choose the model `Turnout` in Continue.",
            "Its command line, `cn`, reads config.yaml only: make that of your config.json, then connect anew.",
        )
        return Setup((FileEdit(old, JsonItem(model, "title", ("models",))),), steps)
    head = ("name: Local Assistant", "version: 1.0.0", "schema: v1")
    # Continue's command line writes the file anew when it finds keys of vendors: without our marks, in quotes of its own.
    item = YamlItem("models", fields, head, same="name")
    return Setup((FileEdit(folder / "config.yaml", item),), ("Choose the model `Turnout` in Continue.",))


def _copilot_cli(place: Place, url: str, token: str) -> Setup:
    env = {
        "COPILOT_PROVIDER_BASE_URL": f"{url}/v1",
        "COPILOT_PROVIDER_TYPE": "openai",
        "COPILOT_PROVIDER_API_KEY": token,
        "COPILOT_MODEL": "auto",
        "COPILOT_OFFLINE": "true",
    }
    return Setup(
        steps=(
            "Copilot CLI reads this from the environment only. Add to your shell's start file:",
            *shell.lines(env, "sh"),
        )
    )


def _cline(place: Place, url: str, token: str) -> Setup:
    """Its command line's own file, as `cline auth` writes it (3.0.65); the editor's extension keeps its own."""
    data = place.named("CLINE_DATA_DIR") or (place.named("CLINE_DIR") or place.home / ".cline") / "data"
    file = place.named("CLINE_PROVIDER_SETTINGS_PATH") or data / "settings" / "providers.json"
    name = "openai-compatible"
    provider = ("providers", name)
    edit = JsonEdit(
        (
            (("lastUsedProvider",), name),
            ((*provider, "settings", "provider"), name),
            ((*provider, "settings", "apiKey"), token),
            ((*provider, "settings", "baseUrl"), f"{url}/v1"),
        ),
        besides=(
            (("version",), 1),
            ((*provider, "settings", "model"), "auto"),
            ((*provider, "updatedAt"), "2026-01-01T00:00:00.000Z"),
            ((*provider, "tokenSource"), "manual"),
        ),
    )
    steps = (
        "Start `cline` anew.",
        "In the editor: Cline > settings > API provider `OpenAI Compatible`, and paste",
        f"Base URL {url}/v1   API key {token}   Model ID auto",
    )
    return Setup((FileEdit(file, edit),), steps)


def _pi(place: Place, url: str, token: str) -> Setup:
    folder = place.named("PI_CODING_AGENT_DIR") or place.home / ".pi" / "agent"
    provider: Json = {
        "baseUrl": f"{url}/v1",
        "api": "openai-completions",
        "apiKey": token,
        "models": [
            {"id": name, "name": f"Turnout {name}", "contextWindow": WINDOW, "maxTokens": OUTPUT}
            for name in ("auto", "high", "fast", "local")
        ],
    }
    edit = JsonEdit(((("providers", "turnout"), provider),))
    return Setup(
        (FileEdit(folder / "models.json", edit),),
        ("Start `pi --provider turnout --model auto`, or choose it with /model.",),
    )


def _aider(place: Place, url: str, token: str) -> Setup:
    values = (("model", "openai/auto"), ("openai-api-base", f"{url}/v1"), ("openai-api-key", token))
    return Setup(
        (FileEdit(place.home / ".aider.conf.yml", YamlKeys(values)),),
        ("Start `aider` anew. A .aider.conf.yml of a repository goes before the one at home.",),
    )


def _llm(place: Place, url: str, token: str) -> Setup:
    folder = place.named("LLM_USER_PATH") or place.application("io.datasette.llm", "io.datasette.llm")
    fields: tuple[tuple[str, Json], ...] = (
        ("model_id", "turnout"),
        ("model_name", "auto"),
        ("api_base", f"{url}/v1"),
        ("api_key_name", "turnout"),
        ("supports_tools", True),
    )
    return Setup(
        (
            FileEdit(folder / "extra-openai-models.yaml", YamlItem("", fields, same="model_id")),
            FileEdit(folder / "keys.json", JsonEdit(((("turnout",), token),))),
        ),
        ("Try `llm -m turnout 'hello'`.",),
    )


def _crush(place: Place, url: str, token: str) -> Setup:
    block = Block(
        (
            f"provider add turnout --type openai-compat --base-url {url}/v1 --api-key {token}",
            f"model add turnout/auto --context-window {WINDOW}",
        )
    )
    return Setup(
        (FileEdit((place.named("CRUSH_GLOBAL_CONFIG") or place.config / "crush") / "crushrc", block),),
        ("Start `crush` anew and choose turnout/auto.",),
    )


def _zed(place: Place, url: str, token: str) -> Setup:
    file = place.application("Zed", "zed") / "settings.json"
    if place.platform == "darwin":
        file = place.config / "zed" / "settings.json"
    edit = JsonEdit(((("language_models", "ollama", "api_url"), f"{url}/c/{token}"),))
    return Setup((FileEdit(file, edit),), ("In Zed's agent panel choose the model `auto` under Ollama.",))


def _vscode(place: Place, url: str, token: str) -> Setup:
    """Older versions read the address of Ollama from a setting, newer ones from a list of providers."""
    folder = place.application("Code", "Code") / "User"
    address = f"{url}/c/{token}"
    setting = JsonEdit(((("github.copilot.chat.byok.ollamaEndpoint",), address),))
    listed = JsonItem({"vendor": "ollama", "name": "Turnout", "url": address}, "name")
    steps = (
        "In Copilot Chat open the model picker > Manage Models and tick `auto` (under Turnout, or Ollama).",
        f"Should it ask for a URL, paste: {address}",
    )
    return Setup(
        (FileEdit(folder / "settings.json", setting), FileEdit(folder / "chatLanguageModels.json", listed)), steps
    )


def _jetbrains(place: Place, url: str, token: str) -> Setup:
    return Setup(
        steps=(
            "Settings > Tools > AI Assistant > Providers & API keys > OpenAI-compatible, and paste",
            f"URL {url}/v1",
            f"API key {token}",
            "Tick `Tool calling`, press `Test Connection`, then choose the model `auto`.",
        )
    )


def _xcode(place: Place, url: str, token: str) -> Setup:
    return Setup(
        steps=(
            "Xcode can send neither a key nor a path, so it gets a port of its own. Add to turnout.toml:",
            "[clients.xcode]",
            "port = 7718",
            "Every program of yours on this Mac can then call through that port as `xcode`.",
            "In Xcode: Settings > Intelligence > Add a Model Provider > Locally Hosted, port 7718.",
        )
    )


def _shell(place: Place, url: str, token: str) -> Setup:
    """The values in a file of ours (0600), and one line in the shell's start file."""
    name = "powershell" if place.platform == "win32" else Path(place.env.get("SHELL") or "sh").name
    set_ = shell.variables(url, token)
    again = ("Open a new terminal.",)
    if name in ("fish", "powershell", "pwsh"):
        kind = "fish" if name == "fish" else "powershell"
        lines = shell.lines(set_, kind)
        if kind == "fish":
            return Setup((_whole(place.config / "fish" / "conf.d" / "turnout.fish", lines),), again)
        folder = place.home / "Documents" if place.platform == "win32" else place.config
        profile = folder / ("PowerShell" if place.platform == "win32" else "powershell") / "profile.ps1"
        return Setup((FileEdit(profile, Block(tuple(lines))),), again)
    start = _start_file(place, name)
    if start is None:
        return Setup(
            steps=(f"{name} is a shell we do not know: set these in its start file.", *shell.lines(set_, "sh"))
        )
    file = place.config / "turnout-env.sh"
    quoted = shlex.quote(str(file))
    source = Block((f"[ -r {quoted} ] && . {quoted}",))
    return Setup((_whole(file, shell.lines(set_, "sh")), FileEdit(start, source)), again)


def _whole(file: Path, lines: list[str]) -> FileEdit:
    return FileEdit(file, Whole("\n".join(lines) + "\n"))


def _start_file(place: Place, name: str) -> Path | None:
    if name == "zsh":
        return (place.named("ZDOTDIR") or place.home) / ".zshrc"
    if name == "bash":
        # A Mac's terminals start login shells, which do not read .bashrc.
        return place.home / (".bash_profile" if place.platform == "darwin" else ".bashrc")
    return place.home / ".profile" if name in ("sh", "dash", "ash", "ksh") else None


def _nothing(place: Place, url: str, token: str) -> Setup:
    return Setup()


def _command(*names: str, folder: str = "") -> Callable[[Place], bool]:
    return lambda place: place.has(*names) or bool(folder and (place.home / folder).is_dir())


def _folder(mac: str, other: str) -> Callable[[Place], bool]:
    return lambda place: place.application(mac, other).is_dir()


_CURSOR = (
    "Cursor makes its model calls from its own servers, which cannot reach this machine "
    "(`Access to private networks is forbidden`): no setting here can change that."
)

CLIENTS = {
    client.name: client
    for client in (
        Client("claude-code", "Claude Code", _command("claude", folder=".claude"), _claude_code),
        Client("codex", "Codex", _command("codex", folder=".codex"), _codex),
        Client("opencode", "opencode", lambda p: p.has("opencode") or (p.config / "opencode").is_dir(), _opencode),
        Client("gemini-cli", "Gemini CLI", _command("gemini", folder=".gemini"), _gemini),
        Client("qwen-code", "Qwen Code", _command("qwen", folder=".qwen"), _qwen),
        Client("continue", "Continue", _command("cn", folder=".continue"), _continue),
        Client("copilot-cli", "Copilot CLI", _command("copilot", folder=".copilot"), _copilot_cli, by_hand=True),
        Client("cline", "Cline", _command("cline", folder=".cline"), _cline),
        Client("pi", "pi", _command("pi", folder=".pi"), _pi),
        Client("aider", "aider", _command("aider", folder=".aider"), _aider),
        Client("llm", "llm", _command("llm"), _llm),
        Client("crush", "crush", lambda p: p.has("crush") or (p.config / "crush").is_dir(), _crush),
        Client("zed", "Zed", lambda p: p.has("zed", "zeditor") or _folder("Zed", "zed")(p), _zed),
        Client("vscode", "VS Code (Copilot)", lambda p: p.has("code") or _folder("Code", "Code")(p), _vscode),
        Client("jetbrains", "JetBrains AI Assistant", _folder("JetBrains", "JetBrains"), _jetbrains, by_hand=True),
        Client("xcode", "Xcode", lambda p: p.platform == "darwin" and p.has("xcodebuild"), _xcode, by_hand=True),
        Client("cursor", "Cursor", lambda p: p.has("cursor") or _folder("Cursor", "Cursor")(p), _nothing, _CURSOR),
        Client("shell", "Shell (SDKs)", lambda p: False, _shell),
    )
}
