"""Looks for known vulnerabilities in what is locked, and checks the bill of materials: `python3 packaging/audit.py`. Standard library only.

Its tools (pip-audit, cyclonedx-bom) are pinned by hash in `audit.lock` and live in an environment of their own under `build/`.
Exit codes: 0 all was looked at and nothing found; 1 something is known; 2 not all could be looked at (no network, a mirror without
the advisories): that is no clean bill of health, and is said.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from environment import ROOT, prepare, python, say

CHECK = """
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
wrong = JsonStrictValidator(SchemaVersion.V1_6).validate_str(open(sys.argv[1], encoding="utf-8").read())
sys.exit(str(wrong) if wrong else 0)
"""


def main() -> int:
    inside = prepare("audit")
    code = materials(inside)
    for lock in ("requirements.lock", "requirements-dev.lock", "packaging/build.lock"):
        code = max(code, advisories(inside, lock))
    return code


def materials(inside: Path) -> int:
    """The bill is valid CycloneDX and names what cyclonedx-bom finds in the same lock."""
    version = version_of((ROOT / "app" / "turnout" / "__init__.py").read_text(encoding="utf-8"))
    # tomllib came with 3.11; whoever started us may be older.
    program = f"import sys; sys.path.insert(0, {str(ROOT / 'packaging')!r}); import sbom; print(sbom.bill({version!r}), end='')"
    own = subprocess.run([python(), "-c", program], capture_output=True, text=True)
    if own.returncode:
        say("the bill of materials cannot be written: " + own.stderr.strip().splitlines()[-1])
        return 1
    path = ROOT / "dist" / f"turnout-{version}.cdx.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(own.stdout, encoding="utf-8")
    checked = subprocess.run([str(inside), "-c", CHECK, str(path)], capture_output=True, text=True)
    if checked.returncode:
        say(f"{path.name} is no valid CycloneDX: {checked.stderr.strip()[:400]}")
        return 1
    command = [str(inside), "-m", "cyclonedx_py", "requirements", "--of", "JSON", "-o", "-", str(ROOT / "requirements.lock")]
    theirs = subprocess.run(command, capture_output=True, text=True)
    if theirs.returncode:
        say("cyclonedx-py cannot read the lock: " + theirs.stderr.strip()[-400:])
        return 1
    if purls(own.stdout) != purls(theirs.stdout):
        say(f"the bill and the lock differ: {sorted(purls(own.stdout) ^ purls(theirs.stdout))}")
        return 1
    say(f"{path.relative_to(ROOT)}: {len(purls(own.stdout))} packages, valid, the same as cyclonedx-bom finds")
    return 0


def purls(bill: str) -> set[str]:
    return {one["purl"] for one in json.loads(bill)["components"]}


def version_of(source: str) -> str:
    return next(line for line in source.splitlines() if line.startswith("__version__")).split('"')[1]


def advisories(inside: Path, lock: str) -> int:
    command = [str(inside), "-m", "pip_audit", "-r", str(ROOT / lock), "--require-hashes", "--disable-pip"]
    command += ["--progress-spinner", "off", "--timeout", "20", "-f", "json"]
    done = subprocess.run(command, capture_output=True, text=True)
    text, code = verdict(lock, done.stdout, done.stderr)
    say(text)
    return code


def verdict(lock: str, out: str, error: str) -> tuple[str, int]:
    """What to say of pip-audit's answer, and the exit code. It calls a package that it could not look up no problem; we don't."""
    try:
        packages = json.loads(out)["dependencies"]
    except (ValueError, KeyError, TypeError):
        last = (error.strip().splitlines() or ["it said nothing"])[-1]
        return f"{lock}: NOT AUDITED, the advisories cannot be reached ({last[:200]})", 2
    known = [f"{one['name']} {one['version']}: {flaw['id']}" for one in packages for flaw in one.get("vulns", ())]
    skipped = [one["name"] for one in packages if "skip_reason" in one]
    looked = len(packages) - len(skipped)
    lines = [f"{lock}: {looked} of {len(packages)} packages looked up, {len(known)} vulnerabilities known"]
    lines += ["  " + one for one in known]
    if skipped:
        lines.append(f"  NOT AUDITED: {', '.join(skipped[:8])}" + (f" and {len(skipped) - 8} more" if len(skipped) > 8 else ""))
        lines.append("  the index that answered has no advisories for them: ask again with the public one in reach")
    return "\n".join(lines), 1 if known else 2 if skipped or not packages else 0


if __name__ == "__main__":
    sys.exit(main())
