"""The proxy as a client sees it, against the upstream asked directly and a bare relay, in one run: `python tests/bench/proxy_bench.py`.

Needs Go and the load generator of the reference material beside the checkout (`../shared/bench`); mock and load generator are
pinned to one core, Turnout to another. Everything is on: guard, token, loop guard, rules, a dollar budget, holds on disk,
prices, token counts, ledger. `--rules graded` grades every request; `--translate` speaks Anthropic to an OpenAI upstream;
`--only RE` picks scenarios, `--scale` stretches them. `bare` is `bare_relay.py`, pinned where Turnout is: how many times its cost a call
takes is told at the end, for the machine's own speed moves by half within minutes.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
BENCH = ROOT.parent / "shared" / "bench"
PORT = 7719
BARE_PORT = 7720
UPSTREAM = "127.0.0.1:9100"
ADDED = ("lat_p50_us", "ttft_p50_us", "chunk_delay_p50_us")
"""Figures of which what `direct` takes is taken off."""
RATES = ("rps", "chunks_per_s")
CPU = "gw_cpu_us_per_req"
SETTINGS = """
[server]
port = {port}
[providers.openai]
dialect = "openai"
base_url = "http://127.0.0.1:9100/v1"
key = "none"
[tiers]
high = ["openai/gpt-4o"]
fast = ["openai/gpt-4o-mini"]
local = []
"""
RULES = """
[signals]
small = {{ kind = "model", is = "*gpt-4o-mini" }}
[[rule]]
name = "small as asked"
when = "small"
route = "{route}"
[[rule]]
name = "all else"
when = "true"
route = "grade"
[[budget]]
name = "day"
scope = {{ client = "each" }}
usd = 100000
per = "day"
on_exceed = "refuse"
# The load generator sends one conversation for ever: the guard counts it, and must not end it.
[[loop]]
scope = {{ session = "each" }}
turns = 1000000000
usd = 1000000
"""


def turnout(home: Path, *args: str) -> str:
    environment = {**os.environ, "TURNOUT_HOME": str(home), "PYTHONPATH": str(ROOT / "app")}
    done = subprocess.run(
        [sys.executable, "-m", "turnout", *args], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout


def target(name: str, port: int, api: str, key: str, env: dict[str, str], command: list[str]) -> dict[str, object]:
    """One gateway, as the load generator's suite file has it; on a core of its own."""
    pinned = ["taskset", "-c", "0"] if shutil.which("taskset") else []
    return {
        "name": name,
        "base_url": f"http://127.0.0.1:{port}/v1",
        "api": api,
        "model": "openai/gpt-4o-mini",
        "key": key,
        "env": [f"{variable}={value}" for variable, value in env.items()],
        "spawn": " ".join([*pinned, sys.executable, *command]),
    }


def ratios(results: list[dict[str, Any]]) -> str:
    """Of the medians of all rounds: how many times what a bare relay adds or takes; of a rate, what share of a bare relay's."""
    values: dict[tuple[str, str, str], list[float]] = {}
    for run in results:
        for scenario in run.get("results") or []:
            for metric in (*ADDED, *RATES, CPU):
                if scenario.get(metric):
                    values.setdefault((run["target"], scenario["scenario"], metric), []).append(scenario[metric])
    found = {key: median(several) for key, several in values.items()}
    lines = ["| scenario | figure | direct | bare | Turnout | Turnout to bare |", "|---|---|---:|---:|---:|---:|"]
    for (name, scenario, metric), ours in found.items():
        bare = found.get(("bare", scenario, metric))
        if name != "turnout" or bare is None:
            continue
        asked = found.get(("direct", scenario, metric), 0.0)
        off = asked if metric in ADDED else 0.0
        ratio = (ours - off) / (bare - off) if bare > off else float("nan")
        lines.append(f"| {scenario} | {metric} | {asked:.0f} | {bare - off:.0f} | {ours - off:.0f} | {ratio:.2f} |")
    return "\n".join(lines)


def main() -> int:
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--rules", choices=("metered", "graded"), default="metered")
    reader.add_argument("--translate", action="store_true")
    reader.add_argument("--only", default="")
    reader.add_argument("--rounds", type=int, default=3)
    reader.add_argument("--scale", type=float, default=1)
    args = reader.parse_args()
    if not BENCH.is_dir() or shutil.which("go") is None:
        print(f"needs Go and {BENCH.name}/ of the reference material beside the checkout")
        return 2
    home = Path(tempfile.mkdtemp(prefix="proxy-bench-"))
    home.chmod(0o700)
    source = home / "bench"
    shutil.copytree(BENCH, source, ignore=shutil.ignore_patterns("llmbench", "logs"))
    subprocess.run(["go", "build", "-buildvcs=false", "-o", "llmbench", "."], cwd=source, check=True)
    (home / "turnout.toml").write_text(SETTINGS.format(port=PORT))
    (home / "rules.toml").write_text(RULES.format(route="asked" if args.rules == "metered" else "grade"))
    for name in ("turnout.toml", "rules.toml"):
        (home / name).chmod(0o600)
    token = next(word for word in turnout(home, "client", "add", "bench").split() if word.startswith("tn-"))
    api = "anthropic" if args.translate else "openai"
    app = {"PYTHONPATH": str(ROOT / "app")}
    relay = [str(Path(__file__).with_name("bare_relay.py")), str(BARE_PORT), f"http://{UPSTREAM}"]
    serve = ["-m", "turnout", "serve", "--port", str(PORT)]
    suite = {
        "mock": UPSTREAM,
        "rounds": args.rounds,
        "scale": args.scale,
        "only": args.only,
        "targets": [
            {"name": "direct", "base_url": f"http://{UPSTREAM}/v1", "api": api, "model": "gpt-4o-mini"},
            target("bare", BARE_PORT, api, "", app, relay),
            target("turnout", PORT, api, token, app | {"TURNOUT_HOME": str(home)}, serve),
        ],
    }
    (source / "suite.json").write_text(json.dumps(suite))
    pinned = ["taskset", "-c", "1"] if shutil.which("taskset") else []
    code = subprocess.run([*pinned, "./llmbench", "suite"], cwd=source, check=False).returncode
    if code == 0:
        code = subprocess.run(["./llmbench", "report", "results.json"], cwd=source, check=False).returncode
        print(
            f"\n### Turnout beside a bare relay, us and per second\n\n{ratios(json.loads((source / 'results.json').read_text()))}"
        )
    shutil.rmtree(home, ignore_errors=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
