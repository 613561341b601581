"""`connect` in a clean home: every client's file is edited, and put back byte for byte."""

import tomllib
from pathlib import Path

import pytest
import yaml

from turnout.connect import jsonc
from turnout.connect.apply import apply, undo, work_out
from turnout.connect.clients import CLIENTS
from turnout.connect.place import Place
from turnout.connect.state import Stand, clients
from turnout.errors import BadRequestError, NotFoundError

URL, TOKEN = "http://127.0.0.1:7717", "tn-canary"
POSSIBLE = [client for client in CLIENTS.values() if not client.impossible]
WITH_FILES = [c for c in POSSIBLE if not c.by_hand]

OWN = {
    # what a user may have in each file already
    ".claude/settings.json": '{\n  "env": {\n    "FOO": "1", // mine\n    "ANTHROPIC_BASE_URL": "https://corp.example"\n  },\n  "model": "opus"\n}\n',
    ".codex/config.toml": '# my codex\nmodel = "gpt-6.1-sol"   # the one\n\n[mcp_servers.docs]\ncommand = "docs"\n\n[model_providers.corp]\nname = "Corp"\n',
    ".config/opencode/opencode.json": '{"$schema": "https://opencode.ai/config.json", "theme": "dark", "model": "anthropic/x"}',
    ".gemini/.env": "GEMINI_API_KEY=mine\n# a comment\nOTHER=1\n",
    ".gemini/settings.json": '{\n\t"security": {"auth": {"selectedType": "oauth-personal"}},\n\t"ui": {}\n}\n',
    ".qwen/.env": "export OPENAI_API_KEY='mine'\nX=1",
    ".qwen/settings.json": "{}",
    ".continue/config.yaml": "name: Mine\nversion: 0.0.1\nschema: v1\n\nmodels:\n  - name: GPT  # mine\n    provider: openai\n    model: gpt-6\n\nrules:\n  - be kind\n",
    ".pi/agent/models.json": '{"providers": {"corp": {"baseUrl": "https://corp.example"}}}\n',
    ".cline/data/settings/providers.json": '{"version": 1, "lastUsedProvider": "cline", "providers": {"cline": {"settings": {}}}}',
    ".aider.conf.yml": "# aider\nmodel: opus   # mine\nauto-commits: false\n",
    ".config/io.datasette.llm/extra-openai-models.yaml": "- model_id: corp\n  model_name: corp\n",
    ".config/io.datasette.llm/keys.json": '{"openai": "sk-mine"}',
    ".config/crush/crushrc": "# my crush\nmodel add corp/x\n",
    ".config/zed/settings.json": '// Zed\n{\n  "theme": "One", // mine\n  "language_models": {\n    "openai": {"version": "1"},\n  },\n}\n',
    ".config/Code/User/settings.json": '{\r\n    "editor.fontSize": 14, // mine\r\n}\r\n',
    ".config/Code/User/chatLanguageModels.json": '[\n\t// mine\n\t{"vendor": "azure", "name": "Azure"},\n]\n',
    ".bashrc": "# ~/.bashrc\nalias ll='ls -l'",
}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    home = tmp_path / "home"
    home.mkdir()
    return Place(home, {"SHELL": "/bin/bash"})


@pytest.fixture
def backups(tmp_path: Path) -> Path:
    return tmp_path / "backups"


def lived_in(place: Place) -> None:
    for name, text in OWN.items():
        file = place.home / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode())
        file.chmod(0o644)


def snapshot(place: Place) -> dict[str, tuple[bytes, int]]:
    return {
        str(file.relative_to(place.home)): (file.read_bytes() if file.is_file() else b"", file.stat().st_mode & 0o777)
        for file in sorted(place.home.rglob("*"))
    }


@pytest.mark.parametrize("client", WITH_FILES, ids=lambda c: c.name)
@pytest.mark.parametrize("used", [False, True], ids=["clean home", "lived-in home"])
def test_apply_then_undo_leaves_every_byte_mode_and_folder_as_it_was(
    client: object, used: bool, place: Place, backups: Path
) -> None:
    chosen = next(c for c in WITH_FILES if c is client)
    if used:
        lived_in(place)
    before = snapshot(place)

    done = apply(chosen, place, URL, TOKEN, backups)
    during = snapshot(place)
    undo(chosen, place, backups)

    assert done.changed
    assert during != before
    assert snapshot(place) == before
    assert list(backups.iterdir()) == []


@pytest.mark.parametrize("client", WITH_FILES, ids=lambda c: c.name)
def test_applying_keeps_what_the_user_wrote_and_says_our_address(client: object, place: Place, backups: Path) -> None:
    chosen = next(c for c in WITH_FILES if c is client)
    lived_in(place)

    for file in apply(chosen, place, URL, TOKEN, backups).changed:
        text = file.read_text()
        own = OWN.get(str(file.relative_to(place.home)), "")
        for comment in (
            "// mine",
            "# my codex",
            "# the one",
            "# a comment",
            "# aider",
            "be kind",
            "// Zed",
            "# ~/.bashrc",
        ):
            assert (comment in text) == (comment in own)
    together = "".join(file.read_text() for file in apply(chosen, place, URL, TOKEN, backups).changed)
    assert URL in together
    assert TOKEN in together


@pytest.mark.parametrize("client", WITH_FILES, ids=lambda c: c.name)
def test_t06_a_file_with_a_token_in_it_is_the_owners_alone(client: object, place: Place, backups: Path) -> None:
    chosen = next(c for c in WITH_FILES if c is client)
    lived_in(place)

    for file in apply(chosen, place, URL, TOKEN, backups).changed:
        assert file.stat().st_mode & 0o077 == 0
    for file in backups.rglob("*"):
        assert file.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("client", WITH_FILES, ids=lambda c: c.name)
def test_applying_twice_is_as_good_as_once(client: object, place: Place, backups: Path) -> None:
    chosen = next(c for c in WITH_FILES if c is client)
    lived_in(place)
    before = snapshot(place)
    apply(chosen, place, URL, "tn-first", backups)
    once = snapshot(place)

    apply(chosen, place, URL, "tn-first", backups)

    assert snapshot(place) == once
    undo(chosen, place, backups)
    assert snapshot(place) == before


@pytest.mark.parametrize("client", POSSIBLE, ids=lambda c: c.name)
def test_every_client_says_what_comes_next(client: object, place: Place) -> None:
    chosen = next(c for c in POSSIBLE if c is client)

    assert chosen.setup(place, URL, TOKEN).steps


def changed(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_what_a_client_wrote_meanwhile_survives_the_undo(place: Place, backups: Path) -> None:
    lived_in(place)
    client = CLIENTS["claude-code"]
    apply(client, place, URL, TOKEN, backups)
    file = place.home / ".claude/settings.json"
    changed(file, '"model": "opus"', '"model": "sonnet"')

    done = undo(client, place, backups)

    assert jsonc.read(file.read_text()) == {
        "env": {"FOO": "1", "ANTHROPIC_BASE_URL": "https://corp.example"},
        "model": "sonnet",
    }
    assert "// mine" in file.read_text()
    assert "changed since" in done.notes[0]


@pytest.mark.parametrize(
    ("name", "file", "own", "theirs"),
    [
        ("codex", ".codex/config.toml", 'model = "gpt-6.1-sol"', 'model = "gpt-5"'),
        ("gemini-cli", ".gemini/.env", "OTHER=1", "OTHER=2"),
        ("continue", ".continue/config.yaml", "be kind", "be brief"),
        ("aider", ".aider.conf.yml", "auto-commits: false", "auto-commits: true"),
        ("llm", ".config/io.datasette.llm/extra-openai-models.yaml", "model_name: corp", "model_name: other"),
        ("crush", ".config/crush/crushrc", "corp/x", "corp/y"),
        ("zed", ".config/zed/settings.json", '"One"', '"Two"'),
        ("shell", ".bashrc", "ls -l", "ls -la"),
    ],
)
def test_undo_takes_only_ours_out_of_a_changed_file(
    name: str, file: str, own: str, theirs: str, place: Place, backups: Path
) -> None:
    lived_in(place)
    apply(CLIENTS[name], place, URL, TOKEN, backups)
    changed(place.home / file, own, theirs)

    undo(CLIENTS[name], place, backups)

    assert (place.home / file).read_text().rstrip() == OWN[file].replace(own, theirs).rstrip()


def test_the_edited_files_mean_what_they_should(place: Place, backups: Path) -> None:
    lived_in(place)
    for client in WITH_FILES:
        apply(client, place, URL, TOKEN, backups)

    codex = tomllib.loads((place.home / ".codex/config.toml").read_text())
    assert (codex["model"], codex["model_provider"]) == ("gpt-6.1-sol", "turnout")
    assert codex["model_providers"]["turnout"]["base_url"] == f"{URL}/v1"
    assert codex["model_providers"]["corp"] == {"name": "Corp"}
    models = yaml.safe_load((place.home / ".continue/config.yaml").read_text())["models"]
    assert [model["name"] for model in models] == ["Turnout", "GPT"]
    assert models[0]["apiKey"] == TOKEN
    aider = yaml.safe_load((place.home / ".aider.conf.yml").read_text())
    assert aider == {
        "model": "openai/auto",
        "auto-commits": False,
        "openai-api-base": f"{URL}/v1",
        "openai-api-key": TOKEN,
    }
    extra = yaml.safe_load((place.home / ".config/io.datasette.llm/extra-openai-models.yaml").read_text())
    assert [one["model_id"] for one in extra] == ["corp", "turnout"]
    zed = jsonc.read((place.home / ".config/zed/settings.json").read_text())
    assert jsonc.get(
        (place.home / ".config/zed/settings.json").read_text(), ("language_models", "ollama", "api_url")
    ) == (
        True,
        f"{URL}/c/{TOKEN}",
    )
    assert isinstance(zed, dict)


@pytest.mark.parametrize(
    "text", ["models: []\n", "models: [] # none\n", "name: x\n", "models:\n", "models:\n- name: a\n", "models:"]
)
def test_every_block_shape_of_continues_list_takes_an_entry(text: str, place: Place, backups: Path) -> None:
    file = place.home / ".continue" / "config.yaml"
    file.parent.mkdir()
    file.write_text(text)

    apply(CLIENTS["continue"], place, URL, TOKEN, backups)

    assert yaml.safe_load(file.read_text())["models"][0]["apiKey"] == TOKEN
    undo(CLIENTS["continue"], place, backups)
    assert file.read_text() == text


@pytest.mark.parametrize(
    ("name", "file", "text"),
    [
        ("claude-code", ".claude/settings.json", "{broken"),
        ("claude-code", ".claude/settings.json", "[]"),
        ("codex", ".codex/config.toml", "= nonsense"),
        ("codex", ".codex/config.toml", "model_providers = 3\n"),
        ("continue", ".continue/config.yaml", "models: {a: b}\n"),
        ("continue", ".continue/config.yaml", "models: &m\n  - name: a\nother: *m\n"),
        ("continue", ".continue/config.yaml", 'name: "open\n'),
        ("aider", ".aider.conf.yml", "- a\n"),
        ("aider", ".aider.conf.yml", "model: &m opus\nweak-model: *m\n"),
        ("llm", ".config/io.datasette.llm/extra-openai-models.yaml", "not: a list\n"),
    ],
)
def test_a_file_we_cannot_edit_is_left_alone_and_named(
    name: str, file: str, text: str, place: Place, backups: Path
) -> None:
    path = place.home / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)

    with pytest.raises(BadRequestError, match=path.name):
        work_out(CLIENTS[name].setup(place, URL, TOKEN))

    assert path.read_text() == text


def test_bytes_that_are_no_text_are_left_alone(place: Place) -> None:
    path = place.home / ".claude" / "settings.json"
    path.parent.mkdir()
    path.write_bytes(b"\xff\xfe{")

    with pytest.raises(BadRequestError, match="UTF-8"):
        work_out(CLIENTS["claude-code"].setup(place, URL, TOKEN))


def test_a_linked_file_stays_a_link(place: Place, backups: Path) -> None:
    dotfiles = place.home / "dotfiles.json"
    dotfiles.write_text('{"model": "opus"}\n')
    file = place.home / ".claude" / "settings.json"
    file.parent.mkdir()
    file.symlink_to(dotfiles)

    apply(CLIENTS["claude-code"], place, URL, TOKEN, backups)
    assert file.is_symlink()
    assert URL in dotfiles.read_text()

    undo(CLIENTS["claude-code"], place, backups)
    assert file.is_symlink()
    assert dotfiles.read_text() == '{"model": "opus"}\n'


def test_a_files_owner_is_asked_before_following_it(place: Place) -> None:
    file = place.home / ".claude" / "settings.json"
    file.parent.mkdir()
    file.symlink_to("/dev/null")

    with pytest.raises(BadRequestError, match="no file of yours"):
        work_out(CLIENTS["claude-code"].setup(place, URL, TOKEN))


def test_folders_from_the_environment_are_used(place: Place, tmp_path: Path) -> None:
    moved = Place(place.home, {"CODEX_HOME": str(tmp_path / "cx"), "XDG_CONFIG_HOME": str(tmp_path / "xdg")})

    assert CLIENTS["codex"].setup(moved, URL, TOKEN).files[0].path == tmp_path / "cx" / "config.toml"
    assert CLIENTS["opencode"].setup(moved, URL, TOKEN).files[0].path == tmp_path / "xdg" / "opencode" / "opencode.json"
    assert CLIENTS["crush"].setup(moved, URL, TOKEN).files[0].path == tmp_path / "xdg" / "crush" / "crushrc"


def test_undo_of_nothing_says_so(place: Place, backups: Path) -> None:
    with pytest.raises(NotFoundError):
        undo(CLIENTS["codex"], place, backups)


def stand(place: Place, backups: Path, name: str, url: str = "") -> tuple[Stand, str]:
    found = next(one for one in clients(backups, place, url) if one.name == name)
    return found.stand, found.detail


def test_the_state_tells_absent_present_connected_and_changed(place: Place, backups: Path) -> None:
    assert stand(place, backups, "codex")[0] is Stand.ABSENT
    lived_in(place)
    assert stand(place, backups, "codex")[0] is Stand.PRESENT
    apply(CLIENTS["codex"], place, URL, TOKEN, backups)
    assert stand(place, backups, "codex", URL) == (Stand.CONNECTED, "")
    file = place.home / ".codex/config.toml"
    changed(file, "# the one", "# the other one")
    assert stand(place, backups, "codex")[0] is Stand.CHANGED
    assert "still points here" in stand(place, backups, "codex")[1]
    changed(file, URL, "https://elsewhere.example")
    assert "was changed or is gone" in stand(place, backups, "codex")[1]
    file.unlink()
    assert "(deleted)" in stand(place, backups, "codex")[1]


def test_the_state_tells_that_turnout_moved(place: Place, backups: Path) -> None:
    apply(CLIENTS["codex"], place, URL, TOKEN, backups)

    assert "http://127.0.0.1:9999" in stand(place, backups, "codex", "http://127.0.0.1:9999")[1]


def test_cursor_says_why_not(place: Place, backups: Path) -> None:
    (place.config / "Cursor").mkdir(parents=True)

    found, detail = stand(place, backups, "cursor")

    assert found is Stand.IMPOSSIBLE
    assert "its own servers" in detail


# --- Continue's older form ---


@pytest.mark.parametrize(
    "text",
    [
        '{\n  "models": [\n    {"title": "GPT", "provider": "openai", "apiKey": "sk-mine"} // mine\n  ],\n  "slashCommands": []\n}\n',
        '{"models": [{"title": "GPT", "apiKey": "sk-mine"}], "x": 1}',
        '{"models": []}',
        '{"tabAutocompleteModel": {"title": "Star"}}\n',
    ],
)
def test_an_older_continue_keeps_its_config_json_and_gets_a_model_in_it(text: str, place: Place, backups: Path) -> None:
    file = place.home / ".continue" / "config.json"
    file.parent.mkdir()
    file.write_text(text)
    continue_ = CLIENTS["continue"]
    mine = jsonc.read(text)

    done = apply(continue_, place, URL, TOKEN, backups)

    now = jsonc.read(file.read_text())
    assert isinstance(now, dict)
    assert isinstance(mine, dict)
    models, theirs = now["models"], mine.get("models", [])
    assert isinstance(models, list)
    assert isinstance(theirs, list)
    assert models[:-1] == theirs
    assert {**now, "models": theirs} == {**mine, "models": theirs}
    ours = models[-1]
    assert isinstance(ours, dict)
    assert (ours["title"], ours["apiBase"], ours["apiKey"]) == ("Turnout", f"{URL}/v1", TOKEN)
    assert not (file.parent / "config.yaml").exists()
    assert "config.yaml" in "".join(done.notes)

    # Changed since by its owner: ours goes, theirs stays.
    file.write_text(file.read_text().replace("{", '{"added": true, ', 1))
    undo(continue_, place, backups)
    assert jsonc.read(file.read_text()) == {"added": True, **mine}


def test_a_continue_that_moved_on_to_yaml_is_told_to_be_connected_anew(place: Place, backups: Path) -> None:
    file = place.home / ".continue" / "config.json"
    file.parent.mkdir()
    file.write_text('{"models": []}')
    apply(CLIENTS["continue"], place, URL, TOKEN, backups)
    (file.parent / "config.yaml").write_text("name: mine\n")

    (state,) = (one for one in clients(backups, place) if one.name == "continue")
    assert state.stand is Stand.CHANGED
    assert "reads another file now" in state.detail

    apply(CLIENTS["continue"], place, URL, TOKEN, backups)
    assert file.read_text() == '{"models": []}'
    assert TOKEN in (file.parent / "config.yaml").read_text()
