"""A real `turnout serve` before scripted engines of every upstream dialect, and what one case finds and leaves there."""

import json
import os
import secrets
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from pathlib import Path

from tests.clients import agent
from tests.support.engine import Engine, Heard
from tests.support.proxy import Turnout
from tests.support.script import Doc, Script


@dataclass(frozen=True, slots=True)
class Track:
    """One upstream: its name is the provider's, its model bears the name too."""

    name: str
    dialect: str
    path: str
    tier: str

    @property
    def model(self) -> str:
        return f"points-{self.name}"


TRACKS = (
    Track("chat", "openai", "/v1", "fast"),
    Track("responses", "openai", "/v1", "fast"),
    Track("anthropic", "anthropic", "", "high"),
    Track("gemini", "gemini", "", "high"),
    Track("ollama", "ollama", "", "local"),
)
SIDE, NAMED, LOOP = "side requests go cheap", "a model asked for by name", "a tool loop keeps its model"
RULES = f"""
[signals]
side  = {{ kind = "housekeeping" }}
named = {{ kind = "model", is = "*points-*" }}
loop  = {{ kind = "tool-loop" }}
@signals

[[rule]]
name = "{SIDE}"
when = "side"
route = "local"

[[rule]]
name = "{NAMED}"
when = "named"
route = "asked"

[[rule]]
name = "{LOOP}"
when = "loop"
route = "pinned"

@rules

[[rule]]
name = "the rest by grade"
when = "true"
route = "grade"
"""


def cost(track: "Track", prompt: int) -> Decimal:
    """Of one call, at $2 and $8 a million; the local engine's cost nothing."""
    return Decimal(0) if track.tier == "local" else Decimal(prompt * 2 + agent.OUTPUT * 8) / 1_000_000


class Turn(Enum):
    TEXT = "text"
    TOOL = "tool"
    AGENT = "agent"
    """The client starts a subagent."""


@dataclass(frozen=True, slots=True)
class Case:
    client: str
    track: Track
    named: bool
    turn: Turn
    id: str = field(default_factory=lambda: secrets.token_hex(4))
    secret: str = field(default_factory=lambda: secrets.token_hex(6))

    @property
    def model(self) -> str:
        return self.track.model if self.named else "auto"

    @property
    def prompt(self) -> str:
        mark = f"This is track-{self.track.name} case-{self.id}"
        if self.turn is Turn.TOOL:
            return f"{mark}-tool. Use your tool to read the file {agent.NOTE} and tell me what the note says."
        if self.turn is Turn.AGENT:
            return f"{mark}-agent. Let a subagent find out where the points lie."
        return f"{mark}. Tell me in one sentence where the points lie."

    @property
    def expected(self) -> str:
        return agent.proof(self.id, self.secret) if self.turn is Turn.TOOL else agent.sentence(self.id)

    def __str__(self) -> str:
        return f"{self.client:<22} {self.track.name:<10} {'named' if self.named else 'auto':<6} {self.turn.value}"


class Scene:
    """`with Scene(folder) as scene:`; the proxy's home is `folder/turnout`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.engines = {track.name: Engine(models=(track.model,)) for track in TRACKS}
        self._stack = ExitStack()

    def __enter__(self) -> "Scene":
        for name, engine in self.engines.items():
            engine.choose = agent.choose if name != "chat" else _without_responses
            self._stack.enter_context(engine)
        self.turnout = self._stack.enter_context(
            Turnout(self.folder / "turnout", settings=self._settings(), rules=_rules())
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _settings(self) -> str:
        lines = []
        for track in TRACKS:
            url = f"{self.engines[track.name].url}{track.path}"
            lines.append(f'[providers.{track.name}]\ndialect = "{track.dialect}"\nbase_url = "{url}"\nkey = "none"')
            if track.tier == "local":
                lines.append("sovereign = true")
            else:
                lines.append(f'[prices."{track.name}/*"]\ninput_usd = 2.00\noutput_usd = 8.00')
        lines.append("[tiers]")
        for tier in ("high", "fast", "local"):
            names = [f"{track.name}/{track.model}" for track in TRACKS if track.tier == tier]
            lines.append(f"{tier} = {json.dumps(names)}")
        return "\n".join(lines) + "\n"

    def cli(self, home: Path, *arguments: str, environment: dict[str, str] | None = None) -> str:
        """`turnout ...` as the owner of that home would run it."""
        done = subprocess.run(
            (sys.executable, "-m", "turnout", *arguments),
            env=self.turnout.environment() | {"HOME": str(home), "SHELL": "/bin/bash"} | (environment or {}),
            cwd=home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )
        if done.returncode:
            raise AssertionError(f"turnout {' '.join(arguments)} ended with {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def rows(self, client: str) -> list[Doc]:
        """Newest first, from `turnout calls --json`."""
        text = self.cli(self.folder, "calls", "--json", "--client", client, "--last", "400")
        found: list[Doc] = json.loads(text)["calls"]
        return found

    def heard(self, case: Case) -> list[tuple[str, Heard]]:
        """The model calls that belong to this case, with their tracks."""
        mark = f"case-{case.id}".encode()
        return [(name, one) for name, engine in self.engines.items() for one in engine.calls if mark in one.body]


def _without_responses(heard: Heard) -> Script:
    return Script(status=404, error="no such endpoint") if heard.path.endswith("/responses") else agent.choose(heard)


def _rules() -> str:
    signals = "\n".join(
        f'to_{track.name} = {{ kind = "match", field = "last_ask", regex = "track-{track.name}" }}' for track in TRACKS
    )
    rules = "\n".join(
        f'[[rule]]\nname = "{rule_of(track)}"\nwhen = "to_{track.name}"\nroute = "{track.name}/{track.model}"\n'
        for track in TRACKS
    )
    return RULES.replace("@signals", signals).replace("@rules", rules)


def rule_of(track: Track) -> str:
    return f"asks for {track.name} go there"


OWN_KEYS = {
    "OPENAI_API_KEY": "sk-own",
    "ANTHROPIC_API_KEY": "sk-ant-own",
    "GEMINI_API_KEY": "AIza-own",
    "GOOGLE_API_KEY": "AIza-own",
}
"""What a developer's shell exports already."""


def clean_environment(home: Path, binaries: Path) -> dict[str, str]:
    """A new user's: nothing of the tester's own but where programs are."""
    folders = [str(binaries), *os.environ.get("PATH", "").split(os.pathsep)]
    return {
        "HOME": str(home),
        "PATH": os.pathsep.join(folders),
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        "NO_COLOR": "1",
        "SHELL": "/bin/bash",
        "TMPDIR": str(home / "tmp"),
    }
