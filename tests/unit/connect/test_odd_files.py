"""Files as people really have them: comments, anchors, CRLF, a BOM, no last newline, one line, dotted keys, read-only.

Each is edited, keeps what was in it, and goes back byte for byte; and when its owner has added a line since, that line stays.
"""

import tomllib
from pathlib import Path

import pytest
import yaml

from turnout.calls.units import Json
from turnout.connect import jsonc
from turnout.connect.apply import apply, undo
from turnout.connect.clients import CLIENTS
from turnout.connect.merge import taken_back
from turnout.connect.place import Place
from turnout.connect.state import Stand, clients
from turnout.errors import BadRequestError

URL, TOKEN = "http://127.0.0.1:7717", "tn-canary"
FILES = {
    "claude-code": ".claude/settings.json",
    "codex": ".codex/config.toml",
    "continue": ".continue/config.yaml",
    "aider": ".aider.conf.yml",
    "gemini-cli": ".gemini/.env",
    "llm": ".config/io.datasette.llm/extra-openai-models.yaml",
    "shell": ".bashrc",
}
ODD = [
    ("claude-code", '{"x": {"A":"1",},}'),
    ("claude-code", '{\r\n\t"model": "opus"\r\n}'),
    ("claude-code", '\ufeff{\n  "a": 1\n}\n'),
    ("claude-code", "// start\n{\n  // only a comment\n}\n"),
    ("claude-code", '{"env": {} }'),
    ("claude-code", '{"env":/*c*/{/*d*/"A":/*e*/"1"/*f*/}/*g*/}'),
    ("claude-code", '{\n    "a": [\n        1\n    ] // x\n    ,\n    "b": 2\n}'),
    ("claude-code", '{"a": "\u2028 é"}'),
    ("codex", 'model = "x"'),
    ("codex", 'model = "x"\r\n[a]\r\nb = 1\r\n'),
    ("codex", '\ufeffmodel = "x"\n'),
    ("codex", "# just a comment"),
    ("codex", '[model_providers.turnout]\nname = "old"\nfoo = 1\n'),
    ("codex", 'model_providers = { corp = { name = "c" } }\n'),
    ("codex", 'model_providers.corp.name = "c"\nmodel="x"\n'),
    ("codex", 'model_provider = "corp" # mine\n[model_providers.corp]\nname = "c" # c\n'),
    ("codex", "a = [\n  1, # one\n]\n# of b\n[b]\n"),
    ("codex", 'model = """a\n[b]"""\n[[x]]\nc=1\n'),
    ("continue", "name: x\nmodels:\n  - &a\n    name: A\n    provider: openai\n  - <<: *a\n    name: B\n"),
    ("continue", '"models":\n  - name: A\n'),
    ("continue", "models:\r\n  - name: A # c\r\nrules:\r\n  - x\r\n"),
    ("continue", "\ufeffmodels:\n- name: A\n"),
    ("continue", "---\nname: x\n...\n"),
    ("continue", "{models: [{name: A}]}"),
    ("continue", "models: [{name: A}] # c\nname: x"),
    ("continue", "models: ~ # none yet\n"),
    ("continue", "models:   # c\n\n  # d\n  -   name: A\n"),
    ("continue", "x: |\n  models:\n  - a\n"),
    ("continue", "models: !!seq\n  - name: A\n"),
    ("aider", "model: opus   # mine\n"),
    ("aider", "{model: opus}\n"),
    ("aider", "---\nmodel: opus\n...\n"),
    ("aider", "model: >\n  opus\nx: 1\n"),
    ("aider", '"model": opus\r\nx: |\r\n  model: a\r\n'),
    ("gemini-cli", 'GEMINI_API_KEY="mine" # c\n'),
    ("gemini-cli", 'X=1\nexport GEMINI_API_KEY="a\nb"'),
    ("gemini-cli", "# GEMINI_API_KEY=old\r\nGEMINI_API_KEY_2=x\r\n"),
    ("llm", "  - model_id: a\n"),
    ("llm", "[{model_id: a}]\n"),
    ("llm", "---\n- model_id: a"),
    ("shell", "# x\r\n"),
    ("shell", "cat <<EOF\nx\nEOF"),
]
ids = [f"{name} {text[:24]!r}" for name, text in ODD]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    home = tmp_path / "my home"
    home.mkdir()
    return Place(home, {"SHELL": "/bin/bash"})


@pytest.fixture
def backups(tmp_path: Path) -> Path:
    return tmp_path / "backups"


def written(place: Place, name: str, text: str) -> Path:
    file = place.home / FILES[name]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text.encode())
    return file


def read(name: str, text: str) -> Json:
    text = text.removeprefix("\ufeff")
    if name == "codex":
        return tomllib.loads(text)
    return jsonc.read(text) if name == "claude-code" else yaml.safe_load(text)


def pruned(found: Json, like: Json) -> Json:
    """`found` without what is not in `like`."""
    if isinstance(found, dict) and isinstance(like, dict):
        return {key: pruned(found[key], like[key]) for key in like if key in found}
    if isinstance(found, list) and isinstance(like, list):
        return [one for one in found if one in like]
    return found


OURS = {"env", "model_provider", "model", "turnout"}


@pytest.mark.parametrize(
    ("name", "text"), [one for one in ODD if one[0] not in ("gemini-cli", "shell")], ids=lambda v: ""
)
def test_an_edited_file_can_be_read_and_has_lost_nothing(name: str, text: str, place: Place, backups: Path) -> None:
    file = written(place, name, text)
    before = read(name, text)

    apply(CLIENTS[name], place, URL, TOKEN, backups)

    after = file.read_bytes().decode()
    now = pruned(read(name, after), before)
    if isinstance(before, dict) and isinstance(now, dict) and name != "continue":
        changed = {key for key in before if before[key] != now.get(key)}
        assert changed <= {"model", "model_provider", "model_providers", "env"}
    else:
        assert now == before or before in (None, {"models": None})
    assert after.count("\n") == after.count("\r\n") or "\r\n" not in text
    assert URL in after


@pytest.mark.parametrize(("name", "text"), ODD, ids=ids)
def test_it_stands_as_connected_and_goes_back_byte_for_byte(name: str, text: str, place: Place, backups: Path) -> None:
    file = written(place, name, text)

    apply(CLIENTS[name], place, URL, TOKEN, backups)
    stand = next(one for one in clients(backups, place, URL) if one.name == name)
    undo(CLIENTS[name], place, backups)

    assert (stand.stand, stand.detail) == (Stand.CONNECTED, "")
    assert file.read_bytes() == text.encode()


@pytest.mark.parametrize(("name", "text"), ODD, ids=ids)
def test_a_line_added_since_survives_the_undo(name: str, text: str, place: Place, backups: Path) -> None:
    file = written(place, name, text)
    newline = "\r\n" if "\r\n" in text else "\n"
    late = newline if name == "claude-code" else f"# a late thought{newline}"
    apply(CLIENTS[name], place, URL, TOKEN, backups)
    ours = file.read_bytes().decode()
    file.write_bytes((ours + ("" if ours.endswith("\n") or name == "claude-code" else newline) + late).encode())

    undo(CLIENTS[name], place, backups)

    ended = text if text.endswith("\n") or name == "claude-code" else text + newline
    assert file.read_bytes().decode() == ended + late


def test_a_read_only_file_is_left_alone(place: Place, backups: Path) -> None:
    file = written(place, "claude-code", "{}")
    file.chmod(0o444)

    with pytest.raises(BadRequestError, match="read-only"):
        apply(CLIENTS["claude-code"], place, URL, TOKEN, backups)

    assert file.read_text() == "{}"


def test_when_the_second_of_two_files_cannot_be_written_the_first_is_as_before(place: Place, backups: Path) -> None:
    file = written(place, "gemini-cli", "X=1\n")
    settings = file.with_name("settings.json")
    settings.mkdir()

    with pytest.raises(BadRequestError):
        apply(CLIENTS["gemini-cli"], place, URL, TOKEN, backups)

    assert file.read_text() == "X=1\n"


def test_a_yaml_file_that_its_client_wrote_anew_is_still_connected_and_loses_only_ours(
    place: Place, backups: Path
) -> None:
    """Continue's command line does that when the environment has a key of Anthropic's: no marks, no quotes, no comments."""
    file = written(place, "continue", "name: Mine\nversion: 1.0.0\nschema: v1\n")
    apply(CLIENTS["continue"], place, URL, TOKEN, backups)
    doc = yaml.safe_load(file.read_text())
    doc["models"].append({"name": "Claude", "provider": "anthropic"})
    file.write_text(yaml.safe_dump(doc, sort_keys=False))

    stand = next(one for one in clients(backups, place, URL) if one.name == "continue")
    undo(CLIENTS["continue"], place, backups)

    assert (stand.stand, "still points here" in stand.detail) == (Stand.CHANGED, True)
    left = yaml.safe_load(file.read_text())
    assert left["models"] == [{"name": "Claude", "provider": "anthropic"}]
    assert left["name"] == "Mine"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '[{"name": "A"}]',
        '[\n  {"name": "A"}, // a\n]\n',
        '\ufeff[\r\n\t{"name": "A"}\r\n]\r\n',
        "[ // none\n]",
    ],
)
def test_vs_codes_list_of_providers_takes_one_more_and_gives_it_back(text: str, place: Place, backups: Path) -> None:
    file = place.home / ".config/Code/User/chatLanguageModels.json"
    file.parent.mkdir(parents=True)
    file.write_bytes(text.encode())

    apply(CLIENTS["vscode"], place, URL, TOKEN, backups)
    applied = file.read_bytes().decode()
    file.write_bytes(applied.replace('"vendor": "ollama"', '"vendor":"ollama"').encode())
    undo(CLIENTS["vscode"], place, backups)

    listed = jsonc.read(applied)
    assert isinstance(listed, list)
    assert listed[-1] == {"vendor": "ollama", "name": "Turnout", "url": f"{URL}/c/{TOKEN}"}
    assert not file.exists() or jsonc.read(file.read_bytes().decode()) == (jsonc.read(text) or [])


def test_what_cline_changes_in_its_file_at_every_start_leaves_it_connected(place: Place, backups: Path) -> None:
    apply(CLIENTS["cline"], place, URL, TOKEN, backups)
    file = place.home / ".cline/data/settings/providers.json"
    text = file.read_text().replace("2026-01-01", "2026-11-25").replace('"model": "auto"', '"model": "fast"')
    file.write_text(text.replace("{", '{"modes": {},', 1))

    stand = next(one for one in clients(backups, place, URL) if one.name == "cline")
    undo(CLIENTS["cline"], place, backups)

    assert "still points here" in stand.detail
    assert jsonc.read(file.read_text()) == {"modes": {}}


def test_a_token_that_was_removed_or_rotated_is_told(place: Place, backups: Path) -> None:
    apply(CLIENTS["codex"], place, URL, TOKEN, backups)

    stand = next(one for one in clients(backups, place, URL, known=frozenset()) if one.name == "codex")

    assert (stand.stand, "token" in stand.detail) == (Stand.CHANGED, True)


def test_undo_finds_its_files_when_the_environment_names_another_folder_now(place: Place, tmp_path: Path) -> None:
    moved = Place(place.home, {"CODEX_HOME": str(tmp_path / "codex")})
    file = tmp_path / "codex" / "config.toml"
    apply(CLIENTS["codex"], moved, URL, TOKEN, tmp_path / "backups")
    file.write_text(file.read_text() + "# mine\n")

    undo(CLIENTS["codex"], place, tmp_path / "backups")

    assert file.read_text() == "# mine\n"


@pytest.mark.parametrize(
    ("variable", "name", "file"),
    [
        ("CLAUDE_CONFIG_DIR", "claude-code", "settings.json"),
        ("CODEX_HOME", "codex", "config.toml"),
        ("OPENCODE_CONFIG_DIR", "opencode", "opencode.json"),
        ("GEMINI_CLI_HOME", "gemini-cli", ".gemini/.env"),
        ("QWEN_HOME", "qwen-code", ".env"),
        ("CONTINUE_GLOBAL_DIR", "continue", "config.yaml"),
        ("CLINE_DIR", "cline", "data/settings/providers.json"),
        ("CLINE_DATA_DIR", "cline", "settings/providers.json"),
        ("PI_CODING_AGENT_DIR", "pi", "models.json"),
        ("CRUSH_GLOBAL_CONFIG", "crush", "crushrc"),
        ("LLM_USER_PATH", "llm", "extra-openai-models.yaml"),
    ],
)
def test_the_folder_that_a_client_takes_from_the_environment_is_ours_too(
    variable: str, name: str, file: str, place: Place, tmp_path: Path
) -> None:
    moved = Place(place.home, {variable: str(tmp_path / "else where")})

    assert CLIENTS[name].setup(moved, URL, TOKEN).files[0].path == tmp_path / "else where" / file


@pytest.mark.parametrize(
    ("shell", "platform", "start"),
    [
        ("/bin/bash", "linux", ".bashrc"),
        ("/bin/bash", "darwin", ".bash_profile"),
        ("/bin/zsh", "darwin", ".zshrc"),
        ("/usr/bin/fish", "linux", ".config/fish/conf.d/turnout.fish"),
        ("/bin/dash", "linux", ".profile"),
        ("", "win32", "Documents/PowerShell/profile.ps1"),
        ("/usr/bin/pwsh", "linux", ".config/powershell/profile.ps1"),
    ],
)
def test_each_shell_has_its_own_start_file(shell: str, platform: str, start: str, place: Place) -> None:
    setup = CLIENTS["shell"].setup(Place(place.home, {"SHELL": shell}, platform), URL, TOKEN)

    assert setup.files[-1].path == place.home / start


def test_a_shell_we_do_not_know_gets_the_values_to_paste(place: Place) -> None:
    setup = CLIENTS["shell"].setup(Place(place.home, {"SHELL": "/bin/tcsh"}), URL, TOKEN)

    assert not setup.files
    assert any(TOKEN in step for step in setup.steps)


@pytest.mark.parametrize(
    ("before", "ours", "now", "left"),
    [
        ("a\nb\n", "a\nX\nb\n", "a\nX\nb\nc\n", "a\nb\nc\n"),
        ("a\nb\n", "a\nX\n", "0\na\nX\n", "0\na\nb\n"),
        ("a", "a\nX\n", "a\nX\nz\n", "a\nz\n"),
        ("", "X\nY\n", "X\nY\nz\n", "z\n"),
        ("a\n", "X\na\n", "Z\na\n", None),
        ("a\n", "a\nX\nY\n", "a\nX\nmine\nY\n", None),
    ],
)
def test_our_lines_are_taken_back_unless_others_changed_them(
    before: str, ours: str, now: str, left: str | None
) -> None:
    assert taken_back(before, ours, now) == left
