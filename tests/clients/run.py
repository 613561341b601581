"""Every real client against every upstream dialect, through a real `turnout serve`: text and tool turns, streamed.

    python tests/clients/run.py                              everything; installs the pinned clients first (some 3 GB)
    python tests/clients/run.py --only claude-code,codex --upstream anthropic,ollama
    python tests/clients/run.py --folder DIR --jobs 4        where clients are installed and kept; how many run at once

Each client is set up in a clean home by `turnout connect CLIENT --apply`, as a new user would, and after `--undo` nothing in
that home may point here any more. One line per case, and at the end `N passed, N failed, N skipped`; the exit code is 1 if one failed.
"""

import argparse
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "app")]

from tests.clients import agent  # noqa: E402  the path has to be set first: this file is run as a script
from tests.clients.programs import PROGRAMS, UNTRIED, Program  # noqa: E402
from tests.clients.scene import (  # noqa: E402
    LOOP,
    NAMED,
    OWN_KEYS,
    SIDE,
    TRACKS,
    Case,
    Scene,
    Track,
    Turn,
    clean_environment,
    cost,
    rule_of,
)
from tests.support.script import Doc  # noqa: E402

PINS = Path(__file__).with_name("pins.toml")
TURN_S = 150
"""A client that has not ended by then hangs: the slowest takes 20 s on two loaded cores."""


class Verdict(Enum):
    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(slots=True)
class Tally:
    by_client: dict[str, Counter[Verdict]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def add(self, client: str, case: str, verdict: Verdict, why: str = "") -> None:
        self.by_client.setdefault(client, Counter())[verdict] += 1
        line = f"{verdict.value:<8} {case}" + (f"  {why}" if why else "")
        if verdict is Verdict.FAILED:
            self.faults.append(line)
        print(line, flush=True)

    def total(self, verdict: Verdict) -> int:
        return sum(counts[verdict] for counts in self.by_client.values())


# --- installing ---


def install(package: str, folder: Path) -> Path:
    """Where its programs are; raises RuntimeError saying why it cannot be installed. A pinned version is installed once."""
    pins = tomllib.loads(PINS.read_text())
    npm = package in pins["npm"]
    pinned = pins["npm" if npm else "pypi"][package]
    specs = [pinned] if isinstance(pinned, str) else list(pinned)
    where = folder / ("npm" if npm else "py") / package
    done = where / ".installed"
    binaries = where / ("node_modules/.bin" if npm else "bin")
    if done.exists() and done.read_text() == "\n".join(specs):
        return binaries
    if npm:
        where.mkdir(parents=True, exist_ok=True)
        flags = ["--no-audit", "--no-fund", "--loglevel=error", "--prefix", str(where)]
        _run(["npm", "install", *flags, *specs], where)
    else:
        _run([sys.executable, "-m", "venv", str(where)], folder)
        _run([str(binaries / "pip"), "install", "-q", *specs], folder)
    done.write_text("\n".join(specs))
    return binaries


def _run(command: list[str], folder: Path) -> None:
    if shutil.which(command[0]) is None:
        raise RuntimeError(f"{command[0]} is not installed")
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=900)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise RuntimeError(f"{' '.join(command[:2])} ended with {done.returncode}: {last}")


# --- one client ---


class Sitting:
    """One client in a home of its own."""

    def __init__(self, scene: Scene, program: Program, binaries: Path, home: Path, own: dict[str, str]) -> None:
        self.scene, self.program, self.home = scene, program, home
        home.mkdir(parents=True)
        (home / "tmp").mkdir()
        self.environment = clean_environment(home, binaries) | dict(program.environment) | own
        # Programs may share a client: what the one before has done is not this one's.
        self._seen = {str(row["id"]) for row in scene.rows(program.client)}
        self._sessions: dict[str, str] = {}
        self._connect()
        ours = self._mentions()
        if program.prepare is not None:
            self.environment |= program.prepare(home, self.environment)
        self._added = {file: count - ours[file] for file, count in self._mentions().items()}
        """Lines that the user wrote after `connect`, by hand: `--undo` leaves them."""

    def _mentions(self) -> dict[Path, int]:
        """How often each file that was connected says where Turnout is."""
        own = self.scene.turnout.url.encode()
        return {file: file.read_bytes().count(own) if file.exists() else 0 for file in self._written}

    def _connect(self) -> None:
        """By hand where the client keeps no file that could be edited: the steps are followed to the letter."""
        self._written: list[Path] = []
        if self.program.unknown:
            made = json.loads(self._turnout("client", "add", self.program.client, "--json"))
            self.environment |= {"TURNOUT_URL": self.scene.turnout.url, "TURNOUT_TOKEN": str(made["token"])}
            return
        done = json.loads(self._turnout("connect", self.program.client, "--apply", "--json"))
        self._written = [Path(file) for file in done["files"]]
        if not done["by_hand"]:
            return
        for step in done["steps"]:
            if step.startswith("export "):
                name, _, value = shlex.split(step)[1].partition("=")
                self.environment[name] = value
            elif step.split(" ")[0] == self.program.client:
                self._program(shlex.split(step), self.home, 60)

    def _turnout(self, *arguments: str) -> str:
        return self.scene.cli(self.home, *arguments)

    def play(self, case: Case) -> list[str]:
        """Faults; empty: the case passed."""
        folder = self.home / "work" / case.id
        folder.mkdir(parents=True)
        (folder / agent.NOTE).write_text(f"secret-{case.secret}\n")
        if case.named and self.program.client == "continue":
            config = f".continue-{case.track.name}.yaml"
            shutil.copy(self.home / config, folder / config)
        code, out, err = self._program(self.program.command(case), folder, TURN_S)
        (folder / "out.txt").write_text(f"{out}\n--- stderr\n{err}\n--- {code}\n")
        faults = []
        if code:
            faults.append(f"it ended with {code}: {(err.strip() or out.strip())[-300:]!r}")
        plain = " ".join(out.split())
        if case.expected not in plain:
            faults.append(f"the sentence is not in its output {plain[-200:]!r}")
        if case.turn is Turn.TOOL and not self._ran(folder, case):
            faults.append("its tool did not run")
        return faults + self._booked(case)

    def _ran(self, folder: Path, case: Case) -> bool:
        """A shell tool leaves a file; a read-only tool is proved by the secret in its result."""
        ran = folder / agent.RAN
        if ran.exists():
            return case.secret in ran.read_text()
        return any(f"secret-{case.secret}".encode() in one.body for _, one in self.scene.heard(case))

    def _program(self, command: list[str], folder: Path, limit_s: float) -> tuple[int, str, str]:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=self.environment | {"PWD": str(folder)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        try:
            out, err = process.communicate(timeout=limit_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            out, err = process.communicate()
            return 124, out, f"not done after {limit_s:g} s\n{err}"
        return process.returncode, out, err

    # --- the ledger ---

    def _booked(self, case: Case) -> list[str]:
        """Whether `turnout calls --json` tells of this case what happened."""
        rows = self._fresh_rows()
        heard = self.scene.heard(case)
        main = [row for row in rows if row["rule"] != SIDE]
        faults = []
        need = {Turn.TEXT: 1, Turn.TOOL: 2, Turn.AGENT: 3}[case.turn]
        if len(main) < need:
            faults.append(f"{len(main)} rows of its own in place of {need}")
        # A 404 for /responses is tried once a provider, and is no call of the client's.
        billed = [one for name, one in heard if not (name == "chat" and one.path.endswith("/responses"))]
        if len(rows) != len(billed):
            faults.append(f"{len(rows)} rows for {len(billed)} calls upstream")
        if (
            self.program.streams
            and sum(_streamed(one.doc, one.target) for name, one in heard if name == case.track.name) < need
        ):
            faults.append("not streamed")
        for row in main:
            faults += _faults(row, case)
        if sorted(_prompt(row) for row in rows) != sorted(agent.tokens(one).prompt for one in billed):
            faults.append(f"prompt tokens {[_prompt(row) for row in rows]}")
        for row in rows:
            if row["client"] != self.program.client or row["status"] != "settled" or not row["reason"]:
                faults.append(f"row {row['client']} {row['status']} {row['reason']!r}")
        faults += self._session_faults([row for row in rows if self.program.says_session or row in main], case)
        return list(dict.fromkeys(faults))

    def _session_faults(self, rows: list[Doc], case: Case) -> Iterator[str]:
        """One session, no other case's; a subagent's below it."""
        top = {str(row["session"]) for row in rows if not row["parent_session"]}
        below = {(str(row["session"]), str(row["parent_session"])) for row in rows if row["parent_session"]}
        if len(top) != 1 or "" in top:
            yield f"sessions {sorted(top)}"
        if bool(below) != (case.turn is Turn.AGENT) or any(parent not in top for _, parent in below):
            yield f"sessions below {sorted(below)}"
        for session in top:
            if self.program.says_session and session.startswith("s-"):
                yield f"session {session} is not the client's own"
            if self._sessions.setdefault(session, case.id) != case.id:
                yield f"session {session} is that of another case"

    def _fresh_rows(self) -> list[Doc]:
        """Those of this case: a client's cases run one after another. A row may close a moment after the client left."""
        until = time.monotonic() + 10
        while True:
            rows = [row for row in self.scene.rows(self.program.client) if row["id"] not in self._seen]
            if all(row["status"] not in ("held", "running") for row in rows) or time.monotonic() > until:
                self._seen |= {str(row["id"]) for row in rows}
                return rows
            time.sleep(0.1)

    def undo(self) -> list[str]:
        """The home was clean, so nothing of ours may be left; what the client itself wrote into its file may."""
        if self.program.unknown:
            return []
        listed = json.loads(self._turnout("connect", "--json"))["clients"]
        stand = next(row for row in listed if row["name"] == self.program.client)
        faults = [] if stand["state"] in ("connected", "changed") else [f"it stands as {stand['state']}"]
        if "is gone" in stand["detail"] and self.program.prepare is None:
            faults.append(stand["detail"])
        self._turnout("connect", self.program.client, "--undo", "--json")
        left = self._mentions()
        return faults + [f"{file.name} still points here" for file in left if left[file] > self._added[file]]


def _streamed(doc: Doc, target: str) -> bool:
    if "enerateContent" in target:
        return "streamGenerateContent" in target
    return doc.get("stream") is True or ("/api/" in target and doc.get("stream") is not False)


def _faults(row: Doc, case: Case) -> Iterator[str]:
    track = case.track
    rules = {NAMED} if case.named else {rule_of(track), LOOP}
    if row["rule"] not in rules:
        yield f"rule {row['rule']!r}"
    if (row["provider"], row["model"], row["tier"]) != (track.name, track.model, track.tier):
        yield f"{row['provider']}/{row['model']} in tier {row['tier']}"
    if row["tokens"]["output"] != agent.OUTPUT or row["estimated"]:
        yield f"output tokens {row['tokens']['output']}, estimated {row['estimated']}"
    due = cost(track, _prompt(row))
    if Decimal(str(row["cost_usd"])) != due:
        yield f"cost {row['cost_usd']} in place of {due}"


def _prompt(row: Doc) -> int:
    tokens = row["tokens"]
    return int(tokens["uncached"]) + int(tokens["cache_read"])


# --- all of it ---


def sit(scene: Scene, program: Program, cases: list[Case], folder: Path, tally: Tally, own: dict[str, str]) -> None:
    try:
        binaries = install(program.package or program.name, folder)
    except (RuntimeError, subprocess.TimeoutExpired) as error:
        for case in cases:
            tally.add(program.name, str(case), Verdict.SKIPPED, f"not installed: {error}")
        return
    try:
        sitting = Sitting(scene, program, binaries, scene.folder / "homes" / f"a home of {program.name}", own)
    except (AssertionError, OSError, KeyError, ValueError) as error:
        tally.add(program.name, f"{program.name:<22} connect", Verdict.FAILED, str(error))
        return
    for case in cases:
        why = _left_out(program, case)
        if why:
            tally.add(program.name, str(case), Verdict.SKIPPED, why)
            continue
        try:
            faults = sitting.play(case)
        except (AssertionError, OSError, ValueError) as error:
            faults = [f"{type(error).__name__}: {error}"]
        tally.add(program.name, str(case), Verdict.FAILED if faults else Verdict.PASSED, "; ".join(faults))
    try:
        faults = sitting.undo()
    except (AssertionError, OSError, ValueError) as error:
        faults = [f"{type(error).__name__}: {error}"]
    verdict = Verdict.FAILED if faults else Verdict.PASSED
    tally.add(program.name, f"{program.name:<22} connect, then undo", verdict, "; ".join(faults))


def cases_of(program: Program, tracks: list[Track]) -> list[Case]:
    made = [
        Case(program.name, track, named, turn)
        for track in tracks
        for named in (False, True)
        for turn in (Turn.TEXT, Turn.TOOL)
    ]
    return made + [Case(program.name, track, True, Turn.AGENT) for track in tracks if program.subagents]


def _left_out(program: Program, case: Case) -> str:
    return program.no_tools if case.turn is Turn.TOOL else ""


def main() -> int:
    names = ", ".join(program.name for program in PROGRAMS)
    parser = argparse.ArgumentParser(
        description="Real clients against every upstream dialect.", epilog=f"Clients: {names}"
    )
    parser.add_argument("--only", default="", help="clients, separated by commas")
    parser.add_argument("--upstream", default="", help=", ".join(track.name for track in TRACKS))
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "turnout-clients")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 2)
    parser.add_argument("--own-keys", action="store_true", help="the user's shell exports keys of vendors already")
    parser.add_argument("--keep", action="store_true", help="keep homes, outputs and the ledger of this run")
    given = parser.parse_args()
    only, upstream = _list(given.only), _list(given.upstream)
    known = {program.name for program in PROGRAMS} | set(UNTRIED)
    unknown = [name for name in only if name not in known] + [n for n in upstream if n not in {t.name for t in TRACKS}]
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}")
    tracks = [track for track in TRACKS if not upstream or track.name in upstream]
    tally = Tally()
    given.folder.mkdir(parents=True, exist_ok=True)
    run = Path(tempfile.mkdtemp(prefix="run-", dir=given.folder))
    # Programs that share a client share its token and its rows: they sit one after another.
    groups: dict[str, list[Program]] = {}
    for program in PROGRAMS:
        if not only or program.name in only:
            groups.setdefault(program.client, []).append(program)

    def play(programs: list[Program]) -> None:
        for program in programs:
            cases = cases_of(program, tracks)
            sit(scene, program, cases, given.folder, tally, OWN_KEYS if given.own_keys else {})

    with Scene(run) as scene, ThreadPoolExecutor(max(1, given.jobs)) as pool:
        for future in [pool.submit(play, programs) for programs in groups.values()]:
            future.result()
    for name, why in UNTRIED.items():
        if not only or name in only:
            tally.add(name, name, Verdict.SKIPPED, why)
    _report(tally)
    if given.keep:
        print(f"kept: {run}")
    else:
        shutil.rmtree(run, ignore_errors=True)
    return 1 if tally.faults else 0


def _list(text: str) -> list[str]:
    return [one.strip() for one in text.split(",") if one.strip()]


def _report(tally: Tally) -> None:
    print()
    for name, counts in tally.by_client.items():
        print(f"{name:<22}" + ", ".join(f"{counts[one]} {one.value}" for one in Verdict if counts[one]))
    if tally.faults:
        print("\n" + "\n".join(tally.faults))
    print("\n" + ", ".join(f"{tally.total(one)} {one.value}" for one in Verdict))


if __name__ == "__main__":
    sys.exit(main())
