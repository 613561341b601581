"""`rules`: where they are, whether they are right, what they would do."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from turnout.cli.options import AsJson
from turnout.cli.output import USAGE, complain, dollars, say, say_json, table

if TYPE_CHECKING:
    from turnout.calls.client import Call
    from turnout.calls.units import Json
    from turnout.cli.world import World
    from turnout.errors import SettingsError
    from turnout.routing.explain import Explanation
    from turnout.routing.facts import Facts
    from turnout.routing.plan import Need
    from turnout.routing.replay import Line, ReplayReport

group = typer.Typer(help="The rules: where they are, whether they are right, what they would do.", no_args_is_help=True)
BIGGEST = 64 * 1024 * 1024


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="rules")


@group.command("path")
def path(as_json: AsJson = False) -> None:
    """Where rules.toml is."""
    from turnout.cli.reach import own_paths

    where = own_paths()
    if as_json:
        say_json({"rules": str(where.rules), "settings": str(where.settings), "exists": where.rules.exists()})
    else:
        say(str(where.rules))


def read_text(file: Path) -> str:
    """A regular file of text, not a device; raises SettingsError (T24, T26)."""
    from turnout.errors import SettingsError

    try:
        if not file.is_file():
            raise SettingsError("there is no such file", file=str(file), hint="Check the path.")
        if file.stat().st_size > BIGGEST:
            raise SettingsError("the file is larger than 64 MiB", file=str(file), hint="That is no file of ours.")
        return file.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else "it is not UTF-8 text"
        raise SettingsError(f"cannot be read: {why}", file=str(file), hint="Check the path.") from None


@group.command("check")
def check(file: Annotated[Path | None, typer.Argument()] = None, as_json: AsJson = False) -> None:
    """Every error and warning with line and column; then the probes in the file are run."""
    from turnout.cli.options import local_now
    from turnout.cli.world import world
    from turnout.errors import SettingsError
    from turnout.proxy.plus import lacking
    from turnout.routing.explain import failed, run_probes
    from turnout.routing.rulefile import check_rules
    from turnout.routing.secrets import SecretScanner

    here = world()
    text = read_text(file) if file is not None else here.rules_text
    name = str(file or here.paths.rules)
    try:
        named = list(here.roster.named)
    except SettingsError:
        # A broken turnout.toml is doctor's business; the rules can be judged without it.
        named = []
    checked = check_rules(text, named, name)
    errors, warnings = list(checked.errors), list(checked.warnings)
    lack = lacking(checked.rules.grades.plus) if checked.rules is not None else None
    if lack is not None:
        warnings.append(lack)
    probes: tuple[str, ...] = ()
    if checked.rules is not None and checked.rules.probes:
        grades = checked.rules.grades
        grader, scanner = here.grader_by(grades), SecretScanner()
        results = run_probes(
            checked.rules,
            local_now(),
            lambda ask: grader.grade(ask, safety=grades.safety, confidence=grades.confidence),
            scan=lambda ask: scanner.scan([ask]),
        )
        probes = failed(results)
    good = not errors and not probes
    if as_json:
        say_json(
            {
                "file": name,
                "ok": good,
                "errors": [_problem(one) for one in errors],
                "warnings": [_problem(one) for one in warnings],
                "probes_failed": list(probes),
            }
        )
    else:
        for one in errors:
            complain(one.message, one.hint)
        for one in warnings:
            complain(f"warning: {one.message}", one.hint)
        for line in probes:
            complain(f"{name}: {line}")
        if good and checked.rules is not None:
            rules = checked.rules
            say(
                f"{name}: {len(rules.rules)} rules, {len(rules.signals)} signals, {len(rules.budgets)} budgets, "
                f"{len(rules.probes)} probes: all good."
            )
    if not good:
        raise typer.Exit(USAGE)


def _problem(error: "SettingsError") -> "dict[str, object]":
    return {"line": error.line, "column": error.column, "message": error.bare, "hint": error.hint}


@group.command("explain")
def explain(
    text: Annotated[str, typer.Argument(help="What a person would ask; - reads it from standard input.")] = "",
    request: Annotated[Path | None, typer.Option("--request", help="A request's JSON body, or a capture.")] = None,
    client: Annotated[str, typer.Option("--client", help="As if this client had asked.")] = "explain",
    rules: Annotated[Path | None, typer.Option("--rules", help="Other rules than those in force.")] = None,
    as_json: AsJson = False,
) -> None:
    """Which rule decides, why, and which models would be tried. The same decision as the proxy's."""
    from turnout.cli.world import world
    from turnout.errors import BadRequestError
    from turnout.routing import explain as explaining

    if bool(text) == (request is not None):
        raise BadRequestError("say a TEXT or --request FILE.json, one of them", hint='`turnout rules explain "fix it"`')
    here = world()
    if rules is not None:
        here.rules_text = read_text(rules)
    if text == "-":
        text = sys.stdin.read(BIGGEST)
    call = _call_of(client, here, text) if request is None else _captured(client, here, read_text(request))
    facts = _facts(here)
    shown = explaining.explain(call, facts, lambda need, known: _fetched(here, call, need, known))
    if as_json:
        say_json(_explained(shown))
    else:
        say(*shown.lines)


def _call_of(client: str, here: "World", text: str) -> "Call":
    from turnout.calls.outline import Outline
    from turnout.calls.units import Dialect

    outline = Outline(
        Dialect.OPENAI_CHAT, "auto", ask=text, asks=1, first_ask=text, turns=1, texts=(text,), stream=True
    )
    return _made(client, here, outline, {})


def _made(client: str, here: "World", outline: "object", headers: dict[str, str]) -> "Call":
    import time

    from turnout.calls.client import Call, Client
    from turnout.calls.outline import Outline
    from turnout.calls.units import Tier
    from turnout.proxy.attribution import session_of

    assert isinstance(outline, Outline)
    known = next((row for row in _clients(here) if row[0] == client), (client, "", ""))
    session = session_of(client, headers, outline)
    wanted = headers.get("x-turnout-tier", "")
    return Call(
        "explain",
        time.time_ns() // 1_000_000,
        Client(*known),
        here.settings.developer,
        headers.get("x-turnout-project", known[2]),
        outline,
        session.id,
        session_derived=session.derived,
        parent_session=session.parent,
        headers=headers,
        wanted_tier=Tier(wanted) if wanted in [tier.value for tier in Tier] else None,
        as_asked=headers.get("x-turnout-route") == "asked",
    )


def _clients(here: "World") -> list[tuple[str, str, str]]:
    """None where the ledger cannot be read: what a rule says of an ask can be told without it."""
    from turnout.errors import LedgerError
    from turnout.ledger.reader import Reader

    reader = Reader(here.paths.ledger)
    try:
        return [(row.name, row.department, row.project) for row in reader.clients()]
    except LedgerError:
        return []
    finally:
        reader.close()


def _captured(client: str, here: "World", text: str) -> "Call":
    """A capture {method, path, headers, body}, or a bare body, whose dialect is told by its shape."""
    from turnout.proxy.door.endpoints import asked
    from turnout.wire.codec import codec
    from turnout.wire.fields import load

    doc = load(text.encode())
    headers: dict[str, str] = {}
    path = ""
    if isinstance(doc, dict) and isinstance(doc.get("path"), str) and "body" in doc:
        path = str(doc["path"]).partition("?")[0]
        sent = doc.get("headers")
        if isinstance(sent, dict):
            hidden = ("authorization", "x-api-key", "x-goog-api-key", "cookie")
            headers = {str(k).lower(): str(v) for k, v in sent.items() if str(k).lower() not in hidden}
        doc = doc["body"]
        if isinstance(doc, str):
            doc = load(doc.encode())
    found = asked("POST", path or _path_of(doc))
    outline = codec(found.dialect).outline(doc, path_model=found.model, stream=found.stream)
    return _made(client, here, outline, headers)


def _path_of(doc: "Json") -> str:
    if not isinstance(doc, dict):
        return "/v1/chat/completions"
    if "contents" in doc:
        return "/v1beta/models/auto:streamGenerateContent"
    if "messages" not in doc:
        if "input" in doc:
            return "/v1/responses"
        return "/api/generate" if "options" in doc or "suffix" in doc else "/v1/completions"
    if "system" in doc or "anthropic_version" in doc or "thinking" in doc or "output_config" in doc:
        return "/v1/messages"
    return "/api/chat" if "options" in doc or "keep_alive" in doc else "/v1/chat/completions"


def _facts(here: "World") -> "Facts":
    import time
    from datetime import datetime

    from turnout.proxy.edges import Zone
    from turnout.routing.facts import Facts

    at_ms = time.time_ns() // 1_000_000
    return Facts(datetime.fromtimestamp(at_ms / 1000, Zone()()), at_ms, here.rules, here.roster)


def _fetched(here: "World", call: "Call", need: "Need", facts: "Facts") -> "Facts":
    from dataclasses import replace

    from turnout.routing.plan import Need

    if need is Need.TOKENS:
        from turnout.counting.counter import Counter

        return replace(facts, estimate=Counter().count_slow(call.outline.texts))
    if need is Need.SECRET:
        from turnout.routing.secrets import SecretScanner

        return replace(facts, secret=SecretScanner().scan(call.outline.said))
    grades = facts.rules.grades
    grading = here.grader_by(grades).grade(
        call.outline.ask, tools=call.outline.tools, safety=grades.safety, confidence=grades.confidence
    )
    return replace(facts, grading=grading)


def _explained(shown: "Explanation") -> "dict[str, object]":
    plan = shown.plan
    return {
        "rules": [
            {
                "name": one.name,
                "line": one.line,
                "when": one.when,
                "route": one.route,
                "outcome": one.outcome,
                "signals": dict(one.signals),
            }
            for one in shown.reached
        ],
        "rule": plan.rule if plan is not None else None,
        "reason": plan.why(plan.steps[0]) if plan is not None else None,
        "steps": [
            {"model": step.candidate.name, "tier": step.tier.value if step.tier is not None else None}
            for step in (plan.steps if plan is not None else ())
        ],
        "private": plan.private if plan is not None else False,
        "observed": plan.observed if plan is not None else "",
        "refusal": None
        if shown.refusal is None
        else {"code": shown.refusal.code, "message": shown.refusal.message, "hint": shown.refusal.hint},
        "signals": dict(shown.signals or {}),
    }


@group.command("replay")
def replay(
    last: Annotated[int, typer.Option("--last", min=1, max=1_000_000)] = 1_000,
    rules: Annotated[Path | None, typer.Option("--rules", help="The rules to try; left out: those in force.")] = None,
    as_json: AsJson = False,
) -> None:
    """What rules would have done to past calls, next to a random routing of the same cost."""
    from turnout.calls.units import Tier
    from turnout.cli.world import world
    from turnout.ledger.callfilter import CallFilter
    from turnout.ledger.reader import Reader
    from turnout.proxy.edges import Zone
    from turnout.routing.replay import replay as replayed

    here = world()
    if rules is not None:
        here.rules_text = read_text(rules)
    reader = Reader(here.paths.ledger)
    try:
        records = reader.calls(last, where=CallFilter())
        thumbs = reader.kept("thumb")
    finally:
        reader.close()
    labels = {call: 0.0 if up else 1.0 for call, up in thumbs.items() if isinstance(up, bool)}
    tiers = {record.id: record.tier for record in records}
    # A thumb speaks of the tier it was given for: up on a cheap one says that the dear one was not needed.
    labels = {call: need for call, need in labels.items() if tiers.get(call) in (Tier.FAST, Tier.LOCAL)}
    report = replayed(records, here.rules, here.roster, zone=Zone()(), labels=labels)
    if as_json:
        say_json(_report(report))
        return
    say(*_report_lines(report))


def _report_lines(report: "ReplayReport") -> list[str]:
    lines = [f"{report.calls} calls, {report.replayed} replayed, {len(report.changed)} would have gone elsewhere."]
    lines += [f"  not known: {count} ({why})" for why, count in report.unknown.items()]
    if report.refused:
        lines.append(f"  refused: {report.refused}")
    head = ("", "high", "fast", "local", "cost", "need met")
    cells = []
    for line in report.lines:
        mix = {tier.value: n for tier, n in line.mix.items()}
        cells.append(
            [
                line.name,
                *(f"{mix.get(tier, 0):.0f}" for tier in ("high", "fast", "local")),
                dollars(_usd(line.cost)),
                f"{line.met:.1%}" if line.met is not None else "-",
            ]
        )
    return [*lines, *table(head, cells, right=(1, 2, 3, 4, 5)), report.verdict]


def _usd(nanos: int) -> str:
    from turnout.ledger.rows import usd

    return usd(nanos)


def _line(line: "Line") -> "dict[str, object]":
    mix = {tier.value: count for tier, count in line.mix.items()}
    return {"name": line.name, "mix": mix, "cost_usd": _usd(line.cost), "met": line.met}


def _report(report: "ReplayReport") -> "dict[str, object]":
    return {
        "calls": report.calls,
        "replayed": report.replayed,
        "unknown": dict(report.unknown),
        "refused": report.refused,
        "unpriced": report.unpriced,
        "changed": [
            {key: value for key, value in asdict(change).items() if not key.startswith("cost_")}
            | {"cost_before_usd": _usd(change.cost_before), "cost_after_usd": _usd(change.cost_after)}
            for change in report.changed
        ],
        "lines": [_line(line) for line in report.lines],
        "difference": report.difference,
        "interval": list(report.interval) if report.interval is not None else None,
        "beats_shuffle": report.beats_shuffle,
        "measured_by": report.measured_by,
        "measured": report.measured,
        "verdict": report.verdict,
    }
