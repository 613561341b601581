"""Which settings and rules are in force: the files', or of a file with a mistake the last good version.

The last good rules are kept beside the log, so that a mistake in the file does not keep the next start from serving: budgets and
`private` go on as they were, and `status`, `doctor` and the window say what is wrong.
"""

import logging

from turnout.errors import SettingsError
from turnout.proxy.firstrun import rules_text
from turnout.proxy.outside import Config
from turnout.routing.rulefile import read_rules
from turnout.routing.rules import RuleSet
from turnout.settings.atomic import read_own, replace_file
from turnout.settings.files import read_settings
from turnout.settings.model import Settings
from turnout.settings.paths import Paths

log = logging.getLogger("turnout.inforce")


def read_config(paths: Paths) -> Config:
    """For a start. Raises SettingsError with file, line and column for bad settings, and for bad rules where none were good before."""
    settings = read_settings(paths.settings)
    try:
        return Config(settings, _read_rules(paths, settings))
    except SettingsError as error:
        kept = _last_good(paths, settings)
        if kept is None:
            raise
        return Config(settings, kept, error.said)


def read_again(paths: Paths, old: Config) -> Config:
    """Each file by itself: of a bad one the last good version stays in force, and why is said."""
    settings, rules, settings_error, rules_error = old.settings, old.rules, "", ""
    try:
        settings = read_settings(paths.settings)
    except SettingsError as error:
        settings_error = error.said
    try:
        rules = _read_rules(paths, settings)
    except SettingsError as error:
        rules_error = error.said
    return Config(settings, rules, rules_error, settings_error)


def _read_rules(paths: Paths, settings: Settings) -> RuleSet:
    """Raises SettingsError also for a file that became empty: a save onto a full disk leaves that, and with it all budgets were gone."""
    text = rules_text(paths, settings)
    rules = _rules(text, settings, paths.rules.name)
    before = _kept(paths)
    if before is not None and before.strip() and not text.strip():
        raise SettingsError(
            "the file is empty; the rules and budgets before it stay in force",
            file=paths.rules.name,
            hint="Write them again, or a line with a comment where none are wanted.",
        )
    data = text.encode()
    if before != data:
        try:
            replace_file(paths.good_rules, data)
        except OSError as error:
            log.warning("the rules in force could not be kept for the next start: %s", error)
    return rules


def _kept(paths: Paths) -> bytes | None:
    """The last good rules as they stood in the file; None: there are none, or they cannot be read."""
    try:
        return read_own(paths.good_rules)
    except (OSError, SettingsError) as error:
        log.warning("the last good rules cannot be read: %s", error)
        return None


def _last_good(paths: Paths, settings: Settings) -> RuleSet | None:
    try:
        kept = _kept(paths)
        return _rules(kept.decode(), settings, paths.good_rules.name) if kept is not None else None
    except (SettingsError, UnicodeDecodeError):
        return None


def _rules(text: str, settings: Settings, file: str) -> RuleSet:
    names = [*settings.providers, *(name for line in settings.tiers.values() for name in line)]
    return read_rules(text, names, file)
