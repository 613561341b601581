"""`turnout doctor`: what it finds, and how it says to mend it."""

from pathlib import Path

from tests.unit.cli.shell import SETTINGS, Shell, write

from turnout.ledger.recover import recover


def test_doctor_finds_what_is_wrong_and_says_how_to_mend_it(home: Path, turnout: Shell) -> None:
    write(home / "turnout.toml", "[server]\nprot = 1\n")
    write(home / "rules.toml", "[[rule]]\n")

    said = turnout("doctor", "--json")

    assert said.code == 1
    bad = {check["check"]: check for check in said.doc["checks"] if check["state"] == "bad"}
    assert {"settings", "rules"} <= set(bad)
    assert all(check["fix"] for check in bad.values())


def test_doctor_says_once_that_a_file_cannot_be_read(home: Path, turnout: Shell) -> None:
    write(home / "turnout.toml", SETTINGS + "\nprot = 1\n")

    said = turnout("doctor")

    assert said.code == 1
    assert said.out.count("unknown key") == 1


def test_doctor_finds_a_damaged_ledger(settled_home: Path, turnout: Shell) -> None:
    ledger = settled_home / "data" / "ledger.db"
    for extra in ("-wal", "-shm"):
        ledger.with_name(ledger.name + extra).unlink(missing_ok=True)
    data = bytearray(ledger.read_bytes())
    data[4096:8192] = b"\xff" * 4096
    ledger.write_bytes(data)

    checks = turnout("doctor", "--json").doc["checks"]

    assert any(check["check"] == "ledger" and check["state"] == "bad" for check in checks)


def test_doctor_says_when_a_ledger_set_aside_took_every_token_with_it(settled_home: Path, turnout: Shell) -> None:
    ledger = settled_home / "data" / "ledger.db"
    for extra in ("-wal", "-shm"):
        ledger.with_name(ledger.name + extra).unlink(missing_ok=True)
    ledger.write_bytes(b"no database" * 1_000)
    recover(ledger)

    (aside,) = (one for one in turnout("doctor", "--json").doc["checks"] if "set aside" in one["detail"])

    assert "`turnout client add` makes new ones" in aside["fix"]


def test_doctor_names_half_of_a_machine_that_counts_as_nothing(home: Path, turnout: Shell) -> None:
    machine = '[prices."local/*"]\nwatts = 300\nhardware_usd = 2400\nhardware_months = 36\n'
    write(home / "turnout.toml", SETTINGS + "\n" + machine)

    notes = [one["detail"] for one in turnout("doctor", "--json").doc["checks"] if one["state"] == "note"]

    assert [one for one in notes if "without" in one] == [
        '[prices."local/*"] has watts without usd_per_kwh: it counts as nothing'
    ]


def test_t25_doctor_finds_a_file_that_others_can_change(settled_home: Path, turnout: Shell) -> None:
    (settled_home / "rules.toml").write_text("")
    (settled_home / "rules.toml").chmod(0o666)

    assert "chmod 600" in turnout("doctor").out


def test_doctor_finds_clients_here_but_not_connected_and_changed_since(home: Path, turnout: Shell) -> None:
    user = home.parent / "user"
    (user / ".claude").mkdir()
    assert "`turnout connect claude-code`" in turnout("doctor").out

    turnout("connect", "claude-code", "--apply")
    assert "Claude Code is connected" in turnout("doctor").out

    (user / ".claude" / "settings.json").write_text("{}")
    assert "was changed or is gone" in turnout("doctor").out


def test_doctor_finds_a_client_whose_token_is_gone_or_that_points_to_another_port(home: Path, turnout: Shell) -> None:
    turnout("connect", "claude-code", "--apply")
    turnout("client", "rotate", "claude-code")
    assert "its token is no longer valid" in turnout("doctor").out

    turnout("connect", "claude-code", "--apply")
    write(home / "turnout.toml", "[server]\nport = 7799\n" + SETTINGS)
    assert "Turnout is at http://127.0.0.1:7799" in turnout("doctor").out

    turnout("client", "remove", "claude-code")
    assert turnout("connect", "claude-code", "--undo").code == 0
    assert turnout("connect", "claude-code", "--undo").code == 1
    assert not (home.parent / "user" / ".claude").exists()


def test_doctor_names_a_model_of_the_tiers_that_has_no_price(home: Path, turnout: Shell) -> None:
    provider = '[providers.far]\ndialect = "ollama"\nbase_url = "https://ollama.example"\nkey = "none"\n'
    write(home / "turnout.toml", provider + '[tiers]\nhigh = ["far/glm"]\n')

    assert "turnout prices set far/glm" in turnout("doctor").out
