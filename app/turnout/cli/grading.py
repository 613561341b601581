"""`grade` and `calibrate`: the grader by itself, on any text."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from turnout.cli.options import AsJson
from turnout.cli.output import say, say_json

if TYPE_CHECKING:
    from turnout.cli.world import World
    from turnout.routing.calibration import Label
    from turnout.routing.grade import Grader

NEWEST = 20_000
"""Calls looked at for what they tell by themselves."""
calibration = typer.Typer(help="Fits the grader to calls of your own.", invoke_without_command=True)


def register(app: typer.Typer) -> None:
    app.command("grade")(grade)
    app.add_typer(calibration, name="calibrate")


def grade(
    text: Annotated[str, typer.Argument(help="An ask.")] = "",
    jsonl: Annotated[
        bool, typer.Option("--jsonl", help='{"id","prompt"} lines in, a graded line out for each.')
    ] = False,
    as_json: AsJson = False,
) -> None:
    """LOW, MEDIUM or HIGH, and why. With --jsonl it reads standard input, line by line."""
    from turnout.cli.world import world
    from turnout.errors import BadRequestError, SettingsError

    if bool(text) == jsonl:
        raise BadRequestError("say a TEXT or --jsonl, one of them", hint='`turnout grade "rename this variable"`')
    here = world()
    try:
        grades = here.rules.grades
    except SettingsError:
        from turnout.routing.rules import Grades

        # Broken rules are `rules check`'s business: the grader works without them.
        grades = Grades()
    grader = here.grader_by(grades)
    if jsonl:
        _stream(grader, grades.safety, grades.confidence, grades.abstain)
        return
    answer = _answer(grader, {"id": None, "prompt": text}, grades.safety, grades.confidence, grades.abstain)
    if as_json:
        del answer["id"]
        say_json(answer)
    else:
        say(
            f"{answer['grade']}  score {answer['score']:.2f}  confidence {answer['confidence']:.2f}  {answer['reason']}"
        )


def _answer(
    grader: "Grader", row: "dict[str, object]", safety: float, confidence: float, abstain: str
) -> "dict[str, object]":
    from turnout.calls.units import Grade
    from turnout.routing.grade import answer

    stands_for = {"local": Grade.LOW, "fast": Grade.MEDIUM, "high": Grade.HIGH}.get(abstain, Grade.MEDIUM)
    return answer(grader, row, safety=safety, confidence=confidence, abstain=stands_for)


def _stream(grader: "Grader", safety: float, confidence: float, abstain: str) -> None:
    """One line out per line in, at once. A line that is no JSON object ends it: exit code 2, with its number."""
    from turnout.errors import BadRequestError

    out = sys.stdout
    for number, line in enumerate(sys.stdin.buffer, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        if not isinstance(row, dict):
            raise BadRequestError(f"line {number} is no JSON object", hint='Each line: {"id": ..., "prompt": "..."}')
        out.write(json.dumps(_answer(grader, row, safety, confidence, abstain)) + "\n")
        out.flush()


@calibration.callback()
def calibrate(
    context: typer.Context,
    labels: Annotated[Path | None, typer.Option("--labels", help='{"prompt", "strong_needed": 0..1} lines.')] = None,
    as_json: AsJson = False,
) -> None:
    """Fits difficulty to your own calls (thumbs, checks, what was asked again), or to labels from a file; shows before and after."""
    if context.invoked_subcommand is not None:
        return
    from turnout.cli.world import world
    from turnout.routing.calibration import compare, fit

    here = world()
    found, sources = (_from_file(here, labels), {"file": 0}) if labels is not None else _from_ledger(here)
    sources = {name: count or len(found) for name, count in sources.items() if count or name == "file"}
    fitted, change = fit(found), compare(found)
    _keep(fitted.to_json())
    if as_json:
        before, after = round(change.before, 4), round(change.after, 4)
        say_json(
            {"labels": fitted.labels, "version": fitted.version, "sources": sources, "before": before, "after": after}
        )
        return
    said = ", ".join(f"{count} by {name.replace('_', ' ')}" for name, count in sources.items())
    say(
        f"Calibrated on {fitted.labels} labels ({said}; version {fitted.version}).",
        f"How early the calls come that needed the strong model, 0.50 being chance: before {change.before:.2f}, after "
        f"{change.after:.2f} (each label judged by a fit that did not see it).",
        "`turnout calibrate undo` takes it back."
        if change.after > change.before
        else "It did not help on these labels: `turnout calibrate undo` takes it back.",
    )


@calibration.command("undo")
def undo(as_json: AsJson = False) -> None:
    """Back to the grader as it is shipped."""
    _keep(None)
    if as_json:
        say_json({"labels": 0, "version": None})
    else:
        say("The calibration is gone; the grader is as it was shipped.")


def _keep(fitted: str | None) -> None:
    from turnout.cli.reach import own_paths, running

    where = own_paths()
    runtime = running(where)
    if runtime is not None:
        from turnout.control.client import ControlClient

        ControlClient(runtime).keep("calibration", "now", fitted)
        return
    from turnout.proxy.offline import Offline

    if fitted is None:
        Offline(where).drop("calibration", "now")
    else:
        Offline(where).keep("calibration", "now", fitted)


def _from_file(here: "World", file: Path) -> "list[Label]":
    from turnout.cli.rules import read_text
    from turnout.errors import BadRequestError
    from turnout.routing.calibration import Label

    grader = here.grader.calibrated(None)
    found = []
    for number, line in enumerate(read_text(file).splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            prompt, need = row["prompt"], float(row["strong_needed"])
        except (ValueError, KeyError, TypeError, RecursionError):
            prompt, need = None, -1.0
        if not isinstance(prompt, str) or not 0 <= need <= 1:
            raise BadRequestError(
                f"{file.name}, line {number} is no label", hint='Each line: {"prompt": "...", "strong_needed": 0..1}'
            )
        row_features = grader.grade(prompt).features
        if row_features:
            found.append(Label(row_features, need))
    return found


def shadow_label(value: object) -> "Label | None":
    """A verdict as the side-by-side check keeps it; None for what is none."""
    from turnout.routing.calibration import INPUT_NAMES, Label

    if not isinstance(value, dict):
        return None
    features, need = value.get("features"), value.get("strong_needed")
    if not isinstance(features, list) or not isinstance(need, int | float) or not 0 <= need <= 1:
        return None
    numbers = tuple(float(one) for one in features if isinstance(one, int | float))
    return Label(numbers, float(need)) if len(numbers) == len(features) == len(INPUT_NAMES) else None


def _from_ledger(here: "World") -> "tuple[list[Label], dict[str, int]]":
    """Labels, and how many of each source: thumbs on the answers of the cheap tiers (on a dear one a thumb says nothing of
    what a cheap one had done), side-by-side checks, what the user said of a cheap answer to a dear call (`audit verdict`),
    and what the newest calls tell by themselves (`routing.ownlabels`)."""
    from turnout.calls.units import Tier
    from turnout.ledger.callfilter import CallFilter
    from turnout.ledger.reader import Reader
    from turnout.routing.calibration import Label
    from turnout.routing.ownlabels import own_labels

    reader = Reader(here.paths.ledger)
    try:
        thumbs = reader.kept("thumb")
        found = []
        for call, up in thumbs.items():
            record = reader.call(call)
            if record is None or not record.features or record.tier not in (Tier.FAST, Tier.LOCAL):
                continue
            found.append(Label(record.features, 0.0 if up else 1.0))
        by_thumb = len(found)
        found += [label for value in reader.kept("shadow").values() if (label := shadow_label(value)) is not None]
        by_shadow = len(found) - by_thumb
        verdicts = reader.kept("verdict")
        for call, good in verdicts.items():
            record = reader.call(call)
            if record is not None and record.features:
                found.append(Label(record.features, 0.0 if good else 1.0))
        by_verdict = len(found) - by_thumb - by_shadow
        own = own_labels(reader.calls(NEWEST, where=CallFilter()), frozenset((*thumbs, *verdicts)))
    finally:
        reader.close()
    counts = {
        "thumb": by_thumb,
        "side_by_side_check": by_shadow,
        "verdict": by_verdict,
        "regeneration_on_a_stronger_tier": own.regenerated,
        "asking_again": own.asked_again,
        "going_on": own.went_on,
    }
    return [*found, *own.labels], counts
