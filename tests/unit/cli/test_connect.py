"""`turnout connect`: printed, applied and undone."""

import json
from pathlib import Path

from tests.unit.cli.shell import Shell, write


def test_connect_prints_applies_and_undoes(home: Path, turnout: Shell) -> None:
    user = home.parent / "user"
    file = user / ".claude" / "settings.json"
    assert "ANTHROPIC_BASE_URL" in turnout("connect", "claude-code", "--print").out
    assert not file.exists()

    turnout("connect", "claude-code", "--apply")
    env = json.loads(file.read_text())["env"]
    assert env["ANTHROPIC_BASE_URL"] == "http://127.0.0.1:7717"
    assert [row["name"] for row in turnout("client", "list", "--json").doc["clients"]] == ["claude-code"]

    turnout("connect", "claude-code", "--undo")
    assert list(user.iterdir()) == []
    assert turnout("client", "list", "--json").doc["clients"] == []


def test_print_shows_nothing_of_a_file_on_one_line_but_ours(home: Path, turnout: Shell) -> None:
    file = home.parent / "user" / ".claude" / "settings.json"
    file.parent.mkdir()
    write(file, '{"env":{"MY_API_KEY":"sk-mine"},"model":"opus"}')

    for said in (turnout("connect", "claude-code", "--print"), turnout("connect", "claude-code", "--print", "--json")):
        assert "ANTHROPIC_BASE_URL" in said.out
        assert "sk-mine" not in said.out
        assert "MY_API_KEY" not in said.out


def test_print_shows_what_to_add_by_hand_where_a_file_cannot_be_edited(home: Path, turnout: Shell) -> None:
    file = home.parent / "user" / ".continue" / "config.yaml"
    file.parent.mkdir()
    write(file, "models: &m\n  - name: mine\nothers: *m\n")

    said = turnout("connect", "continue", "--print")

    assert said.code == 0
    assert "config.yaml" in said.err
    assert 'name: "Turnout"' in said.out


def test_connect_makes_no_token_for_a_file_it_cannot_edit(home: Path, turnout: Shell) -> None:
    file = home.parent / "user" / ".claude" / "settings.json"
    file.parent.mkdir()
    file.write_text("{broken")

    said = turnout("connect", "claude-code", "--apply")

    assert said.code == 2
    assert "settings.json" in said.err
    assert turnout("client", "list", "--json").doc["clients"] == []
