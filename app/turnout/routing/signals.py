"""Signals of a call, lazily: one is computed when a rule that is reached reads it, once, and its value is kept.

A test answers True, False, or what is missing: a `Need` the pipeline can fetch, or UNTOLD (in a replay, where no text is
kept). `and` and `or` stop at the first part that settles them, left to right, so a cheap signal in front spares a dear one.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from enum import Enum
from functools import lru_cache
from zlib import crc32

from turnout.calls.client import Call
from turnout.calls.units import Grade, Tier, Tokens
from turnout.routing import conversation, kinds
from turnout.routing.facts import Candidate, Facts
from turnout.routing.plan import Need
from turnout.routing.rules import And, Expression, Name, Not, Signal


class Gap(Enum):
    UNTOLD = "untold"
    """The ledger keeps no text, and this reads text (or something else that was not written down)."""


UNTOLD = Gap.UNTOLD
Truth = bool | Need | Gap
Value = str | float | int | bool
Test = Callable[["Reading"], Truth]


class Reading:
    """One call's signals as far as they were read."""

    __slots__ = ("_encoded", "call", "facts", "known_grade", "reached", "recorded", "shown", "values")

    def __init__(
        self,
        call: Call,
        facts: Facts,
        *,
        recorded: Mapping[str, Value] | None = None,
        reached: list[tuple[str, Truth]] | None = None,
        known_grade: "conversation.Graded | None" = None,
    ) -> None:
        """`recorded`: what a ledger row kept; None: this is a live call. `known_grade`: what such a row says of the grade, which is
        not made again. `reached` takes up the rules in the order they are looked at, with what their expressions came to."""
        self.call, self.facts = call, facts
        self.values: dict[str, bool] = {}
        self.shown: dict[str, Value] = {}
        """What is to be written down beside them: marks of definitions, shares of budgets."""
        self.recorded, self.reached, self.known_grade = recorded, reached, known_grade
        self._encoded: dict[str, bytes] = {}

    @property
    def by_face(self) -> bool:
        """Nothing was read so far but who calls and what model that asks for."""
        signals = self.facts.rules.signals
        return all(signals[name].kind in FACE_KINDS for name in self.values)

    def truth(self, of: Expression) -> Truth:
        if type(of) is Name:
            known = self.values.get(of.name)
            return known if known is not None else self.computed(of.name)
        if type(of) is Not:
            inner = self.truth(of.of)
            return inner if not isinstance(inner, bool) else not inner
        settles = type(of) is not And
        missing: Truth | None = None
        for part in of.parts:  # type: ignore[union-attr]  # what is left is And or Or
            value = self.truth(part)
            if value is settles:
                return settles
            if not isinstance(value, bool):
                if self.recorded is None:
                    return value
                missing = value
        return missing if missing is not None else not settles

    def computed(self, name: str) -> Truth:
        """A signal that was not read yet."""
        signal = self.facts.rules.signals.get(name)
        if signal is None:
            return _ALWAYS[name]
        if self.recorded is not None:
            value = self._replayed(signal)
        else:
            value = (signal.test or test_of(signal))(self)
        if value is True or value is False:
            self.values[name] = value
            if signal.mark:
                self.shown["def." + name] = signal.mark
        return value

    def _replayed(self, signal: Signal) -> Truth:
        """A signal that reads what no row keeps is known only where the very same one was written down."""
        assert self.recorded is not None
        if _in_row(signal, self.recorded):
            value = test_of(signal)(self)
            return value if isinstance(value, bool) else UNTOLD
        kept = self.recorded.get(signal.name)
        if isinstance(kept, bool) and self.recorded.get(f"def.{signal.name}") == fingerprint(signal):
            return kept
        return UNTOLD

    def graded(self) -> "conversation.Graded | Need":
        if self.known_grade is None:
            if self.recorded is not None:
                return Need.GRADE
            found = conversation.graded(self.call, self.facts)
            if isinstance(found, Need):
                return found
            self.known_grade = found
        return self.known_grade

    def encoded(self, name: str) -> bytes:
        """The text a `match` looks at, as RE2 wants it; made once however many rules read it."""
        found = self._encoded.get(name)
        if found is None:
            found = self._encoded[name] = self._text(name).encode("utf-8", "surrogatepass")
        return found

    def _text(self, name: str) -> str:
        outline = self.call.outline
        if name == "last_ask":
            return outline.ask
        if name == "system":
            return outline.system
        if name == "model":
            return outline.model
        if name == "client":
            return self.call.client.name
        return self.call.headers.get(name, "")


_ALWAYS = {"true": True, "false": False}
FACE_KINDS = frozenset({"client", "department", "developer", "project", "model"})
"""Kinds that read nothing but who calls and what model that asks for."""
TEXT_KINDS = frozenset({"match", "secret", "budget", "engine", "context-fit"})
"""Kinds whose value a row keeps by name, because what they read is not in the row."""


_SHAPE_KINDS = frozenset({"tools", "images", "tool-loop", "housekeeping", "thinking"})
"""Kinds that read what a row keeps under `call.*` (`raw_facts`), where it has any of that."""


def _in_row(signal: Signal, recorded: Mapping[str, Value]) -> bool:
    """Whether a row has what this signal reads."""
    if signal.kind == "match":
        return signal.args["field"] in ("model", "client")
    if signal.kind in TEXT_KINDS:
        return False
    if signal.kind == "tools" and _listed(signal.args):
        return False
    return signal.kind not in _SHAPE_KINDS or "call.turns" in recorded


def fingerprint(signal: Signal) -> str:
    """Of a signal's definition: a recorded value speaks only for the very same one."""
    text = f"{signal.kind} " + " ".join(f"{key}={value!r}" for key, value in sorted(signal.args.items()))
    return f"{crc32(text.encode('utf-8', 'surrogatepass')):08x}"


def compiled(signal: Signal) -> Signal:
    """The signal with its test made, and its mark where a replay needs one. Raises what RE2 raises."""
    mark = fingerprint(signal) if signal.kind in TEXT_KINDS else ""
    return replace(signal, test=_test(signal.kind, tuple(signal.args.items())), mark=mark)


def test_of(signal: Signal) -> Test:
    made: Test = signal.test or _test(signal.kind, tuple(signal.args.items()))
    return made


@lru_cache(maxsize=4096)
def _test(kind: str, items: tuple[tuple[str, object], ...]) -> Test:
    return _MAKERS[kind](dict(items))


Args = Mapping[str, object]


def _compare(args: Args) -> Callable[[float], bool]:
    bounds = [(name, args[name]) for name in kinds.COMPARISONS if name in args]
    tests = [_BOUNDS[name](bound) for name, bound in bounds if isinstance(bound, int | float)]
    if len(tests) == 1:
        return tests[0]
    return lambda value: all(test(value) for test in tests)


_BOUNDS: Mapping[str, Callable[[float], Callable[[float], bool]]] = {
    "gte": lambda bound: lambda value: value >= bound,
    "lte": lambda bound: lambda value: value <= bound,
    "gt": lambda bound: lambda value: value > bound,
    "lt": lambda bound: lambda value: value < bound,
}


def _listed(args: Args, *keys: str) -> tuple[str, ...]:
    found: list[str] = []
    for key in keys or ("is", "in", "name"):
        value = args.get(key, ())
        if isinstance(value, tuple):
            found.extend(value)
    return tuple(found)


def _tokens(args: Args) -> Test:
    fits = _compare(args)

    def test(reading: Reading) -> Truth:
        estimate = reading.facts.estimate
        return Need.TOKENS if estimate is None else fits(estimate)

    return test


def _match(args: Args) -> Test:
    name, pattern = str(args["field"]), kinds.regex(str(args["regex"]))
    return lambda reading: pattern.search(reading.encoded(name)) is not None


def _named(get: Callable[[Call], str]) -> Callable[[Args], Test]:
    def make(args: Args) -> Test:
        matches = kinds.glob(_listed(args))
        return lambda reading: matches(get(reading.call))

    return make


def _tools(args: Args) -> Test:
    names = _listed(args)
    bounded = any(key in args for key in kinds.COMPARISONS)
    fits = _compare(args) if bounded else (lambda count: count >= 1)
    if not names:
        return lambda reading: fits(reading.call.outline.tools)
    matches = kinds.glob(names)
    return lambda reading: (
        any(matches(name) for name in reading.call.outline.tool_names)
        if not bounded
        else any(matches(name) for name in reading.call.outline.tool_names) and fits(reading.call.outline.tools)
    )


def _images(args: Args) -> Test:
    fits = _compare(args) if args else (lambda count: count >= 1)
    return lambda reading: fits(reading.call.outline.images)


def _grade(args: Args) -> Test:
    order = conversation.GRADES
    wanted = {Grade(name) for name in _listed(args, "is", "in")}
    least = order.index(Grade(str(args["gte"]))) if "gte" in args else 0
    most = order.index(Grade(str(args["lte"]))) if "lte" in args else len(order) - 1
    if wanted:
        chosen = frozenset(grade for grade in wanted if least <= order.index(grade) <= most)
    else:
        chosen = frozenset(order[least : most + 1])

    def test(reading: Reading) -> Truth:
        found = reading.graded()
        return found if isinstance(found, Need) else found.grade in chosen

    return test


def _confidence(args: Args) -> Test:
    fits = _compare(args)

    def test(reading: Reading) -> Truth:
        found = reading.graded()
        if isinstance(found, Need):
            return found
        if found.confidence is not None:
            return fits(found.confidence)
        return fits(1.0 if found.grade is not None else 0.0)

    return test


def _budget(args: Args) -> Test:
    fits, used = _compare(args), str(args["used"])

    def test(reading: Reading) -> Truth:
        share = 0.0
        for standing in reading.facts.standings:
            if used in (standing.budget.per, standing.budget.name):
                share = max(share, standing.used / standing.limit if standing.limit else 1.0)
        reading.shown[f"used.{used}"] = round(share, 4)
        return fits(share)

    return test


def _time(args: Args) -> Test:
    span, days = args.get("of_day"), args.get("weekday")

    def test(reading: Reading) -> Truth:
        now = reading.facts.now
        minute, weekday = now.hour * 60 + now.minute, now.weekday()
        if isinstance(span, tuple):
            begin, end = span
            inside = begin <= minute < end if begin < end else (minute >= begin or minute < end)
            if not inside:
                return False
            if begin > end and minute < end:
                # The small hours belong to the evening they began in.
                weekday = (weekday - 1) % 7
        return weekday in days if isinstance(days, tuple) else True

    return test


def _secret(_: Args) -> Test:
    def test(reading: Reading) -> Truth:
        verdict = reading.facts.secret
        if verdict is None:
            return Need.SECRET
        if verdict.failed:
            reading.shown["secret.failed"] = True
        elif verdict.kinds:
            reading.shown["secret.kinds"] = ", ".join(verdict.kinds[:8])
        return verdict.found or verdict.failed

    return test


def _housekeeping(args: Args) -> Test:
    wanted = frozenset(_listed(args, "is", "in"))

    def test(reading: Reading) -> Truth:
        kind = reading.call.outline.housekeeping
        return kind is not None and (not wanted or kind.value in wanted)

    return test


def _tool_loop(_: Args) -> Test:
    return lambda reading: conversation.in_tool_loop(reading.call.outline)


def _thinking(_: Args) -> Test:
    return lambda reading: reading.call.outline.thinking


def fits_window(candidate: Candidate, call: Call, facts: Facts) -> bool | Need:
    """Prompt and likely output within the model's window; a window that is not known fits."""
    if candidate.context is None:
        return True
    if facts.estimate is None:
        return Need.TOKENS
    wanted = facts.likely_output
    if call.outline.max_output is not None:
        wanted = Tokens(min(wanted, call.outline.max_output))
    return facts.estimate + wanted <= candidate.context


def _context_fit(args: Args) -> Test:
    def test(reading: Reading) -> Truth:
        roster = reading.facts.roster
        if "model" in args:
            named = roster.named.get(str(args["model"]))
            line: tuple[Candidate, ...] = () if named is None else (named,)
        else:
            line = tuple(roster.tiers.get(Tier(str(args["tier"])), ()))
        for candidate in line:
            fits = fits_window(candidate, reading.call, reading.facts)
            if fits is not False:
                return fits
        return False

    return test


def _engine(args: Args) -> Test:
    providers = kinds.glob(_listed(args, "provider")) if "provider" in args else (lambda _: True)
    health, warm = frozenset(_listed(args, "health")), args.get("warm")

    def test(reading: Reading) -> Truth:
        facts = reading.facts
        if health:
            states = [state for name, state in facts.engine_health.items() if providers(name)]
            # An engine nobody has heard of is not up.
            known = any(state in health or (state not in kinds.HEALTH and "down" in health) for state in states)
            if not (known or (not states and "down" in health)):
                return False
        if warm is None:
            return True
        line = (one for tier in facts.roster.tiers.values() for one in tier if providers(one.provider))
        return any(one.warm for one in line) is warm

    return test


_MAKERS: Mapping[str, Callable[[Args], Test]] = {
    "tokens": _tokens,
    "match": _match,
    "client": _named(lambda call: call.client.name),
    "model": _named(lambda call: call.outline.model),
    "department": _named(lambda call: call.client.department),
    "developer": _named(lambda call: call.developer),
    "project": _named(lambda call: call.project),
    "tools": _tools,
    "images": _images,
    "grade": _grade,
    "confidence": _confidence,
    "budget": _budget,
    "time": _time,
    "secret": _secret,
    "housekeeping": _housekeeping,
    "tool-loop": _tool_loop,
    "context-fit": _context_fit,
    "engine": _engine,
    "thinking": _thinking,
}


def raw_facts(call: Call) -> dict[str, Value]:
    """What a replay needs of a call beyond its row's own columns; never a word of text."""
    outline = call.outline
    found: dict[str, Value] = {
        "call.tools": outline.tools,
        "call.images": outline.images,
        "call.tool_loop": not outline.ask_is_last,
        "call.turns": outline.turns,
        "call.ask_chars": len(outline.ask),
    }
    if outline.max_output is not None:
        found["call.max_output"] = int(outline.max_output)
    if outline.housekeeping is not None:
        found["call.housekeeping"] = outline.housekeeping.value
    if outline.thinking:
        found["call.thinking"] = True
    if outline.sealed_by is not None:
        found["call.sealed_by"] = outline.sealed_by.value
    if outline.tool_errors:
        found["call.tool_errors"] = outline.tool_errors
    return found
