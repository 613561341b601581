"""Settings, rules, roster, grader and prices as the proxy would see them, for commands that judge without one."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from turnout.calls.units import Json, Tier
from turnout.cli.output import complain
from turnout.errors import LedgerError
from turnout.settings.files import own_text, read_settings
from turnout.settings.paths import Paths

if TYPE_CHECKING:
    from turnout.proxy.money.pricing import Prices
    from turnout.routing.facts import Roster
    from turnout.routing.grade import Grader
    from turnout.routing.rules import Grades, RuleSet
    from turnout.settings.model import Settings


@dataclass
class World:
    """Each part is loaded when it is first asked for; SettingsError says what is wrong with a file."""

    paths: Paths

    @cached_property
    def settings(self) -> "Settings":
        return read_settings(self.paths.settings)

    @cached_property
    def rules_text(self) -> str:
        """The file's, or what the first start would write."""
        from turnout.routing.firstrules import default_rules_text

        text = own_text(self.paths.rules)
        if text is not None:
            return text
        tiers = self.settings.tiers
        return default_rules_text(*(bool(tiers.get(tier)) for tier in (Tier.LOCAL, Tier.HIGH, Tier.FAST)))

    @cached_property
    def rules(self) -> "RuleSet":
        from turnout.routing.rulefile import read_rules

        return read_rules(self.rules_text, (), self.paths.rules.name)

    @cached_property
    def prices(self) -> "Prices":
        from turnout.proxy.money.pricing import Prices

        return Prices(lambda: self.settings, self.paths.prices)

    @cached_property
    def roster(self) -> "Roster":
        from turnout.proxy.roster import build

        return build(self.settings, {}, self.prices.catalogue())

    @cached_property
    def grader(self) -> "Grader":
        from turnout.resources import resource
        from turnout.routing.grade import load_grader

        grader = load_grader(resource("grader", "weights.bin").read_bytes())
        try:
            kept = self.kept("calibration").get("now")
        except LedgerError as error:
            complain(f"{error.message} Graded as shipped, without your calibration.", error.hint)
            kept = None
        if not isinstance(kept, str):
            return grader
        from turnout.routing.calibration import Calibration

        return grader.calibrated(Calibration.from_json(kept))

    def grader_by(self, grades: "Grades") -> "Grader":
        """With the second opinion where [grade] asks for one and it is installed."""
        if not grades.plus:
            return self.grader
        from turnout.proxy.plus import loaded

        return self.grader.seconded(loaded())

    def kept(self, kind: str) -> dict[str, Json]:
        from turnout.ledger.reader import Reader

        reader = Reader(self.paths.ledger)
        try:
            return reader.kept(kind)
        finally:
            reader.close()


def world() -> World:
    from turnout.cli.reach import own_paths

    return World(own_paths())
