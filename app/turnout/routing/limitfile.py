"""[[budget]] and [[loop]] read and judged: scopes, limits in the unit they are written in, what happens when one is reached."""

from turnout.calls.units import CREDIT_NANOS, Tier
from turnout.routing.budget import PERIODS, SCOPES
from turnout.routing.checks import Table, Taking, nearest
from turnout.routing.places import Path
from turnout.routing.rules import Budget, Loop

TIERS = tuple(tier.value for tier in Tier)
ON_EXCEED = ("downgrade", "refuse", "ask")


class LimitTaking(Taking):
    def scope(self, table: Table, path: Path, default: str) -> tuple[str, str]:
        value = table.get("scope")
        where: Path = (*path, "scope")
        if value is None:
            return default, "each"
        if isinstance(value, str) and value in SCOPES:
            return value, "each"
        if not isinstance(value, dict) or len(value) != 1:
            self.error('scope must be like { client = "each" }', self.at.value(*where), nearest(value, SCOPES))
            return default, "each"
        scope, who = next(iter(value.items()))
        if scope not in SCOPES:
            self.error(f"unknown scope {scope!r}", self.at.key(*where, scope), nearest(scope, SCOPES))
            return default, "each"
        if not isinstance(who, str) or not who:
            self.error(f'{scope} must be "each" or one name', self.at.value(*where, scope))
            return scope, "each"
        if scope == "tier" and who not in ("each", *TIERS):
            self.error(f"there is no tier {who!r}", self.at.value(*where, scope), nearest(who, TIERS))
        return scope, who

    def timeout(self, table: Table, path: Path) -> float:
        return self.number(table, path, "ask_timeout_s", 45.0, most=3600)

    def budgets(self) -> tuple[Budget, ...]:
        found: list[Budget] = []
        named: dict[str, int] = {}
        keys = ("name", "scope", "usd", "credits", "calls", "tokens", "per", "on_exceed", "ask_timeout_s")
        for path, table in self.tables("budget"):
            self.known(table, path, keys)
            name = self.text(table, path, "name", f"budget {int(path[1]) + 1}").replace("\n", " ").replace("|", "/")
            place = self.at.key(*path, "name")
            if name in named:
                self.error(
                    f"there is a budget {name!r} already, in line {named[name]}",
                    place,
                    "Give each budget a name of its own.",
                )
            named.setdefault(name, place.line)
            scope, who = self.scope(table, path, "client")
            units = [unit for unit in ("usd", "credits", "calls", "tokens") if unit in table]
            if len(units) != 1:
                self.error("a budget needs exactly one of usd, credits, calls, tokens", self.at.key(*path, *units[1:2]))
                continue
            unit = units[0]
            limit = {
                "usd": lambda t, p: self.money(t, p, "usd"),
                "credits": lambda t, p: self.money(t, p, "credits", CREDIT_NANOS),
            }.get(unit, lambda t, p, unit=unit: self.count(t, p, unit, least=0))(table, path)
            found.append(
                Budget(
                    name=name,
                    scope=scope,
                    who=who,
                    unit="usd" if unit == "credits" else unit,
                    limit=limit or 0,
                    per=self.choice(table, path, "per", PERIODS, "day"),
                    on_exceed=self.choice(table, path, "on_exceed", ON_EXCEED, "refuse"),
                    ask_timeout_s=self.timeout(table, path),
                    line=self.at.key(*path).line,
                    in_credits=unit == "credits",
                )
            )
        return tuple(found)

    def loops(self) -> tuple[Loop, ...]:
        if "loop" not in self.raw:
            return (Loop(),)
        found: list[Loop] = []
        limits = ("turns", "same_request", "same_tool_call", "usd", "per_minute")
        for path, table in self.tables("loop"):
            self.known(table, path, ("name", "scope", *limits, "on_exceed", "ask_timeout_s"))
            if not any(key in table for key in limits):
                self.error(
                    "a loop needs a limit: " + ", ".join(limits),
                    self.at.key(*path),
                    "To switch the guard off write loop = [] at the top of the file.",
                )
            scope, who = self.scope(table, path, "session")
            if scope in ("tier", "model"):
                self.error(f"a loop cannot have the scope {scope}", self.at.value(*path, "scope"))
            found.append(
                Loop(
                    scope=scope,
                    who=who,
                    turns=self.count(table, path, "turns"),
                    same_request=self.count(table, path, "same_request"),
                    same_tool_call=self.count(table, path, "same_tool_call", least=2),
                    usd=self.money(table, path, "usd"),
                    per_minute=self.count(table, path, "per_minute"),
                    on_exceed=self.choice(table, path, "on_exceed", ("refuse", "ask"), "ask"),
                    ask_timeout_s=self.timeout(table, path),
                    name=self.text(table, path, "name", "loop guard"),
                )
            )
        return tuple(found)
