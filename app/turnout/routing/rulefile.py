"""rules.toml read and judged: text in, a RuleSet or every error with its line, column and the nearest right name out.

A file is taken whole or not at all. Numbers are read as decimals, so a dollar amount never passes through a float.
"""

import hashlib
import re
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches

from turnout.calls.units import Tier, Tokens
from turnout.errors import SettingsError
from turnout.routing import expression
from turnout.routing.budget import PERIODS
from turnout.routing.checks import MOST, Table, nearest
from turnout.routing.firstrules import default_rules_text
from turnout.routing.kinds import KINDS, ArgError
from turnout.routing.limitfile import LimitTaking
from turnout.routing.places import Path, Place, Places, places
from turnout.routing.rules import Budget, Context, Expression, Grades, Probe, Rule, RuleSet, Signal
from turnout.routing.signals import compiled

__all__ = ["Checked", "check_rules", "default_rules_text", "read_rules", "rules_hash"]

ROUTES = ("high", "fast", "local", "grade", "pinned", "asked", "block")
ON_FAILURE = ("next", "up", "down", "refuse")
MODES = ("enforce", "observe")
_FIGURES = re.compile(r"\d+")
TIERS = tuple(tier.value for tier in Tier)
LONGEST = 1_000_000


@dataclass(frozen=True, slots=True)
class Checked:
    """What there is to say of a file. `rules` is None exactly where there are errors."""

    rules: RuleSet | None
    errors: tuple[SettingsError, ...] = ()
    warnings: tuple[SettingsError, ...] = ()


def read_rules(text: str, roster_names: Collection[str] = (), file: str = "rules.toml") -> RuleSet:
    """Raises SettingsError: the first of `check_rules`, with how many more there are."""
    checked = check_rules(text, roster_names, file)
    if checked.rules is not None:
        return checked.rules
    first, more = checked.errors[0], len(checked.errors) - 1
    if not more:
        raise first
    also = f"There {'is 1 more error' if more == 1 else f'are {more} more errors'}: `turnout rules check` lists all."
    raise SettingsError(
        first.bare, file=first.file, line=first.line, column=first.column, hint=f"{first.hint} {also}".strip()
    )


def check_rules(text: str, roster_names: Collection[str] = (), file: str = "rules.toml") -> Checked:
    """All errors and warnings, in the order of the file. `roster_names` (a roster's `named`): what `provider/model` may say;
    empty: not known here, so not judged."""
    try:
        raw = parsed(text, file)
    except SettingsError as error:
        return Checked(None, (error,))
    return _Reader(raw, _places(text), roster_names, file).read(rules_hash(text))


def rules_hash(text: str) -> str:
    """Short, of the very text: which version of the rules a ledger row was decided under."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()


_AT = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


def parsed(text: str, file: str) -> Table:
    if len(text) > LONGEST:
        raise SettingsError(
            f"the file has {len(text):,} characters, {LONGEST:,} are allowed", file=file, line=1, column=1
        )
    try:
        return tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        said = str(error)
        found = _AT.search(said)
        if found is not None and found[1]:
            line, column = int(found[1]), int(found[2])
        else:
            lines = text.split("\n")
            line, column = len(lines), len(lines[-1]) + 1
        raise SettingsError(
            f"not valid TOML: {_AT.sub('', said).rstrip('.')}",
            file=file,
            line=line,
            column=column,
            hint="Check quotes, brackets and = there.",
        ) from None
    except (ValueError, ArithmeticError, RecursionError):
        # Beyond the format itself: a number of thousands of digits, brackets thousands deep.
        raise SettingsError("a number or a nesting in it is beyond all measure", file=file, line=1, column=1) from None


def _places(text: str) -> Places:
    try:
        return places(text)
    except (ValueError, IndexError, RecursionError):
        return Places({}, {}, {})


class _Reader(LimitTaking):
    def __init__(self, raw: Table, at: Places, roster: Collection[str], file: str) -> None:
        super().__init__(raw, at, file)
        self.roster = roster

    def read(self, hash_: str) -> Checked:
        self.known(self.raw, (), TOP)
        grades = self._grade_table()
        signals = self._signals()
        rules = self._rules(signals)
        budgets = self.budgets()
        for signal in signals.values():
            self._names_something(signal, budgets)
        found = RuleSet(
            rules=rules,
            signals=signals,
            budgets=budgets,
            loops=self.loops(),
            grades=grades,
            context=self._context(),
            probes=self._probes(),
            hash=hash_,
        )
        self._reachable(rules)
        self.warnings.sort(key=_order)
        if self.errors:
            return Checked(None, tuple(sorted(self.errors, key=_order)), tuple(self.warnings))
        return Checked(found, (), tuple(self.warnings))

    # --- [grade] and [context] ---

    def _grade_table(self) -> Grades:
        table, path = self.table("grade"), ("grade",)
        self.known(table, path, ("abstain", "confidence", "safety", "llm", "llm_timeout_s", "plus"))
        default = Grades()
        abstain = self.choice(table, path, "abstain", TIERS, default.abstain)
        if abstain == "local":
            self.warn(
                'abstain = "local" sends what could not be graded to the weakest tier',
                self.at.value("grade", "abstain"),
            )
        return Grades(
            abstain=abstain,
            confidence=self.number(table, path, "confidence", default.confidence, most=1),
            safety=self.number(table, path, "safety", default.safety, most=10),
            llm=self._llm(table, path, default.llm),
            llm_timeout_s=self.number(table, path, "llm_timeout_s", default.llm_timeout_s, most=600),
            plus=self.flag(table, path, "plus", default.plus),
        )

    def _llm(self, table: Table, path: Path, default: str) -> str:
        said = self.text(table, path, "llm", default)
        place = self.at.value(*path, "llm")
        if "/" in said:
            self._model("llm", said, place)
        elif said not in ("off", "local"):
            self.error(f'llm: {said!r} is neither "off", "local" nor a model', place, nearest(said, ("off", "local")))
        return said

    def _model(self, what: str, name: str, place: Place) -> None:
        """A provider serves more models than the tiers list, so an unlisted name is no slip by itself: a near one is.

        Names that differ in figures alone are taken for sizes or versions of one model (`qwen3:8b`, `qwen3:14b`).
        """
        if not self.roster or name in self.roster:
            return
        providers = {one.partition("/")[0] for one in self.roster}
        if name.partition("/")[0] not in providers:
            self.error(f"{what}: no provider here has {name!r}", place, nearest(name, self.roster))
            return
        close = get_close_matches(name.lower(), self.roster, n=1, cutoff=0.8)
        if close and _FIGURES.sub("0", close[0]) != _FIGURES.sub("0", name):
            self.error(f"{what}: no provider here has {name!r}", place, nearest(name, self.roster))
        else:
            self.warn(f"{name!r} is in no tier; it is taken for a model of that provider", place)

    def _context(self) -> Context:
        table, path = self.table("context"), ("context",)
        self.known(table, path, ("compress", "reference"))
        default = Context()
        compress = self._inner(table, path, "compress", ("after_turns", "to", "mode"))
        reference = self._inner(table, path, "reference", ("over_tokens", "mode"))
        modes = ("off", "observe", "on")
        inner = (*path, "compress")
        to = compress.get("to", default.compress_to)
        if not isinstance(to, str) or not (to in TIERS or "/" in to):
            self.error("to must be a tier or provider/model", self.at.value(*inner, "to"), nearest(to, TIERS))
            to = default.compress_to
        for name, doc in (("compress", compress), ("reference", reference)):
            if doc.get("mode", "off") in ("observe", "on"):
                self.warn(f"{name} is not built in this version: calls go on as they are", self.at.value(*path, name, "mode"))
        return Context(
            compress_mode=self.choice(compress, inner, "mode", modes, default.compress_mode),
            compress_after_turns=self.count(compress, inner, "after_turns", most=100_000)
            or default.compress_after_turns,
            compress_to=to,
            reference_mode=self.choice(reference, (*path, "reference"), "mode", modes, default.reference_mode),
            reference_over=Tokens(
                self.count(reference, (*path, "reference"), "over_tokens", most=10**9) or default.reference_over
            ),
        )

    def _inner(self, table: Table, path: Path, key: str, allowed: Collection[str]) -> Table:
        value = table.get(key, {})
        if not isinstance(value, dict):
            self.error(f'{key} must be a table like {{ mode = "off" }}', self.at.value(*path, key))
            return {}
        self.known(value, (*path, key), allowed)
        return value

    # --- [signals] ---

    def _signals(self) -> Mapping[str, Signal]:
        table = self.table("signals")
        if len(table) > MOST:
            self.error(f"there are {len(table)} signals, {MOST} are allowed", self.at.key("signals"))
            return {}
        return {name: signal for name, value in table.items() if (signal := self._signal(name, value)) is not None}

    def _signal(self, name: str, value: object) -> Signal | None:
        path: Path = ("signals", name)
        before = len(self.errors)
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", name) or name in expression.RESERVED:
            self.error(
                f"{name!r} cannot be a signal's name; letters, digits, _ and -, no word of the language",
                self.at.key(*path),
            )
        if not isinstance(value, dict):
            self.error(f'signal {name} must be a table like {{ kind = "secret" }}', self.at.value(*path))
            return None
        kind = value.get("kind")
        if not isinstance(kind, str) or kind not in KINDS:
            said = (
                f"signal {name} has no kind"
                if kind is None
                else f"unknown kind {kind!r}"
                if isinstance(kind, str)
                else "kind must be a text"
            )
            self.error(said, self.at.value(*path, "kind"), nearest(kind, KINDS))
            return None
        spec = KINDS[kind]
        self.known(value, path, ("kind", *spec.args), note=f" for kind {kind}")
        args: dict[str, object] = {}
        for key, check in spec.args.items():
            if key in value:
                try:
                    args[key] = check(value[key])
                except ArgError as error:
                    place = self.at.inside((*path, key), error.column) if error.column else self.at.value(*path, key)
                    self.error(
                        f"{key} {error.message}" if error.message.startswith("must") else f"{key}: {error.message}",
                        place,
                        nearest(error.said, error.choices),
                    )
        missing = [key for key in spec.all_of if key not in value]
        if missing:
            self.error(f"signal {name} of kind {kind} needs {' and '.join(missing)}", self.at.key(*path))
        if spec.one_of and not any(key in value for key in spec.one_of):
            self.error(f"signal {name} of kind {kind} needs {' or '.join(spec.one_of)}", self.at.key(*path))
        if len(self.errors) > before:
            return None
        self._contradiction(name, args, path)
        try:
            return compiled(Signal(name, kind, args, self.at.key(*path).line))
        except Exception as error:  # noqa: BLE001  the boundary: RE2 may refuse a list of globs for its size
            self.error(f"signal {name} cannot be used: {type(error).__name__}", self.at.key(*path))
            return None

    def _contradiction(self, name: str, args: Mapping[str, object], path: Path) -> None:
        low = max((v for k in ("gte", "gt") if isinstance(v := args.get(k), int | float)), default=None)
        high = min((v for k in ("lte", "lt") if isinstance(v := args.get(k), int | float)), default=None)
        if low is not None and high is not None and low > high:
            self.error(f"signal {name} can never be true: its bounds exclude each other", self.at.key(*path))

    def _names_something(self, signal: Signal, budgets: Sequence[Budget]) -> None:
        """A slip in a name would make a signal that is silently never true."""
        path: Path = ("signals", signal.name)
        used, model = signal.args.get("used"), signal.args.get("model")
        if isinstance(used, str):
            names = [*PERIODS, *(one.name for one in budgets)]
            place = self.at.value(*path, "used")
            if used not in names:
                self.error(f"used: {used!r} is neither a period nor a budget's name", place, nearest(used, names))
            elif not any(used in (one.per, one.name) for one in budgets):
                self.warn(f"no [[budget]] is per {used}, so signal {signal.name} has nothing to read", place)
        if isinstance(model, str):
            self._model("model", model, self.at.value(*path, "model"))
        known = {name.partition("/")[0] for name in self.roster}
        providers = signal.args.get("provider")
        for one in providers if known and isinstance(providers, tuple) else ():
            if one not in known and not {"*", "?"} & set(one):
                place = self.at.value(*path, "provider")
                self.warn(f"provider: no model here is {one}'s", place, nearest(one, known))

    # --- [[rule]] ---

    def _rules(self, signals: Mapping[str, Signal]) -> tuple[Rule, ...]:
        found: list[Rule] = []
        named: dict[str, int] = {}
        written = self.raw.get("signals")
        known = set(signals) | set(written if isinstance(written, dict) else ())
        for path, table in self.tables("rule"):
            rule = self._rule(path, table, known)
            place = self.at.key(*path, "name")
            if rule.name in named:
                self.error(
                    f"there is a rule {rule.name!r} already, in line {named[rule.name]}",
                    place,
                    "Give each rule a name of its own.",
                )
            named.setdefault(rule.name, place.line)
            found.append(rule)
        return tuple(found)

    def _rule(self, path: Path, table: Table, known: Collection[str]) -> Rule:
        self.known(table, path, ("name", "when", "route", "private", "max_usd_per_call", "on_failure", "mode"))
        name = self.text(table, path, "name", f"rule {int(path[1]) + 1}")
        when, text = self._when(table, path, known)
        private = self.flag(table, path, "private", False)
        return Rule(
            name=name,
            when=when,
            route=self._route(table, path, private),
            private=private,
            max_usd_per_call=self.money(table, path, "max_usd_per_call"),
            on_failure=self._on_failure(table, path),
            observe=self.choice(table, path, "mode", MODES, "enforce") == "observe",
            line=self.at.key(*path).line,
            when_text=text,
        )

    def _when(self, table: Table, path: Path, known: Collection[str]) -> tuple[Expression, str]:
        where: Path = (*path, "when")
        text = table.get("when")
        if not isinstance(text, str):
            said = (
                'a rule needs `when`; write when = "true" for always'
                if text is None
                else 'when must be a text, like "secret and not loop"'
            )
            self.error(said, self.at.value(*where))
            return expression.FALSE, ""
        try:
            found = expression.parse(text)
        except expression.ExpressionError as error:
            self.error(f"when: {error.message}", self.at.inside(where, error.column))
            return expression.FALSE, text
        for name, column in found.names:
            if name not in known:
                hint = (
                    "Write and, or, not in small letters."
                    if name.lower() in expression.RESERVED
                    else nearest(name, known)
                )
                self.error(
                    f"when: there is no signal {name!r}",
                    self.at.inside(where, column),
                    hint or "Name it under [signals] first.",
                )
        return found.of, text

    def _route(self, table: Table, path: Path, private: bool) -> str:
        place = self.at.value(*path, "route")
        route = table.get("route")
        if not isinstance(route, str):
            self.error("a rule needs `route`: " + ", ".join((*ROUTES, "provider/model")), place)
            return "block"
        if route not in ROUTES:
            if "/" not in route:
                self.error(f"unknown route {route!r}", place, nearest(route, [*ROUTES, *self.roster]))
            else:
                self._model("impossible route", route, place)
        if private and route == "high":
            self.error(
                "impossible route: a private rule cannot go to tier high, which is a cloud's",
                place,
                'Write route = "local", or name the provider/model inside your walls.',
            )
        elif private and route == "fast":
            self.warn("a private rule to tier fast uses only the sovereign models in it", place)
        return route

    def _on_failure(self, table: Table, path: Path) -> tuple[str, ...]:
        value = table.get("on_failure", ["next"])
        listed = [value] if isinstance(value, str) else value
        place = self.at.value(*path, "on_failure")
        if not isinstance(listed, list) or not listed or not all(isinstance(one, str) for one in listed):
            self.error("on_failure must be a list of " + ", ".join(ON_FAILURE), place)
            return ("next",)
        found: list[str] = []
        for at, one in enumerate(listed):
            if one not in ON_FAILURE:
                self.error(
                    f"on_failure: {one!r} is none of {', '.join(ON_FAILURE)}",
                    self.at.value(*path, "on_failure", at),
                    nearest(one, ON_FAILURE),
                )
            elif one in found:
                self.error(f"on_failure names {one!r} twice", self.at.value(*path, "on_failure", at))
            else:
                found.append(one)
        if "refuse" in found and found[-1] != "refuse":
            self.error('on_failure: nothing comes after "refuse"', place)
        return tuple(found) or ("next",)

    def _reachable(self, rules: Sequence[Rule]) -> None:
        """A rule that an earlier one always hides is a slip, and a costly one: it is told, not skipped."""
        earlier: list[Rule] = []
        for at, rule in enumerate(rules):
            if not rule.when_text:
                continue
            place = self.at.value("rule", at, "when")
            if expression.never(rule.when):
                if rule.when == expression.FALSE:
                    self.warn(f'rule {rule.name!r} is switched off (when = "false")', place)
                else:
                    self.error(f"rule {rule.name!r} can never match: its expression contradicts itself", place)
                continue
            hiding = _hides(rule, earlier)
            if hiding:
                names = " and ".join(f"{one.name!r} (line {one.line})" for one in hiding)
                self.error(
                    f"unreachable: rule {rule.name!r} is hidden by {names}, which comes first and matches all it could",
                    place,
                    "Move it up, or make the earlier rule narrower.",
                )
            if not rule.observe:
                earlier.append(rule)

    # --- [[probe]] ---

    def _probes(self) -> tuple[Probe, ...]:
        found: list[Probe] = []
        for path, table in self.tables("probe"):
            self.known(table, path, ("ask", "expect"))
            if "ask" not in table or "expect" not in table:
                self.error("a probe needs ask and expect", self.at.key(*path))
                continue
            expect = self.text(table, path, "expect", "fast")
            if expect not in (*TIERS, "block") and "/" not in expect:
                self.error(
                    f"expect: {expect!r} is none of {', '.join(TIERS)}, block, provider/model",
                    self.at.value(*path, "expect"),
                    nearest(expect, (*TIERS, "block")),
                )
            found.append(Probe(self.text(table, path, "ask", "-"), expect, self.at.key(*path).line))
        return tuple(found)


TOP = ("grade", "signals", "rule", "budget", "loop", "context", "probe")


def _order(error: SettingsError) -> tuple[int, int]:
    return error.line, error.column


def _hides(rule: Rule, earlier: Sequence[Rule]) -> list[Rule]:
    alone = next((one for one in earlier if expression.covered(rule.when, (one.when,))), None)
    if alone is not None:
        return [alone]
    if expression.covered(rule.when, [one.when for one in earlier]):
        mine = expression.names(rule.when)
        return [one for one in earlier if expression.names(one.when) & mine][:4] or list(earlier[:4])
    return []
