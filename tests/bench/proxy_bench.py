"""The proxy as a client sees it, against the upstream asked directly, in one run: `python tests/bench/proxy_bench.py`.

Needs Go and the load generator of the reference material beside the checkout (`../shared/bench`); mock and load generator are
pinned to one core, Turnout to another. Everything is on: guard, token, loop guard, rules, a dollar budget, holds on disk,
prices, token counts, ledger. `--rules graded` grades every request; `--translate` speaks Anthropic to an OpenAI upstream;
`--only RE` picks scenarios, `--scale` stretches them.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BENCH = ROOT.parent / "shared" / "bench"
PORT = 7719
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


def main() -> int:
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--rules", choices=("metered", "graded"), default="metered")
    reader.add_argument("--translate", action="store_true")
    reader.add_argument("--only", default="")
    reader.add_argument("--rounds", default="3")
    reader.add_argument("--scale", default="1")
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
    pinned = ["taskset", "-c"] if shutil.which("taskset") else []
    serve = [*(pinned and [*pinned, "0"]), sys.executable, "-m", "turnout", "serve", "--port", str(PORT)]
    command = [
        *(pinned and [*pinned, "1"]),
        *("./llmbench", "run", "-name", "turnout", "-base-url", f"http://127.0.0.1:{PORT}/v1"),
        *("-model", "openai/gpt-4o-mini", "-key", token, "-spawn", " ".join(serve)),
        *("-env", f"TURNOUT_HOME={home}", "-env", f"PYTHONPATH={ROOT / 'app'}"),
        *("-rounds", args.rounds, "-scale", args.scale),
        *(("-only", args.only) if args.only else ()),
        *(("-api", "anthropic") if args.translate else ()),
    ]
    code = subprocess.run(command, cwd=source, check=False).returncode
    shutil.rmtree(home, ignore_errors=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
