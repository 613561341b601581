"""The outside, put together for the state: ledger, counter, grader, scanner, keys, catalogue, engines. Heavy parts come late."""

import asyncio
import hashlib
import logging
import os
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

from turnout.calls.client import Call
from turnout.calls.provider import Provider
from turnout.calls.units import Tokens
from turnout.counting.corrections import Corrections
from turnout.counting.counter import Counter, bytes_bound
from turnout.engines.embedded import Embedded
from turnout.engines.engine import Engine, Sends
from turnout.errors import KeysError
from turnout.keys.keyring import KeyRing
from turnout.keys.secret import Secret
from turnout.proxy.plus import Plus, installed, loaded
from turnout.resources import resource
from turnout.routing.calibration import Calibration
from turnout.routing.explain import failed, run_probes
from turnout.routing.facts import Grading, SecretVerdict
from turnout.routing.grade import Grader, load_grader
from turnout.routing.rules import Grades, RuleSet
from turnout.routing.secrets import NewTextMemo, SecretScanner, scan_new

log = logging.getLogger("turnout.edges")
KEY_AGAIN_S = 30.0
"""A key that was missing or locked is asked for again after this long."""
COUNTED_AFTER_S = 0.3
"""From the first call to the tokenizer's being loaded: half a second of work that would else be in that call's way."""


class Keys:
    """Keys fetched once, off the loop, and kept in memory, each for its provider at its origin alone."""

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring
        self._kept: dict[tuple[str, str], Secret] = {}
        self._failed: dict[tuple[str, str], tuple[float, KeysError]] = {}

    async def key(self, provider: Provider, origin: str) -> bytes:
        place = (provider.name, origin)
        kept = self._kept.get(place)
        if kept is not None:
            return kept.reveal().encode()
        failed = self._failed.get(place)
        if failed is not None and time.monotonic() - failed[0] < KEY_AGAIN_S:
            raise failed[1]
        try:
            found = await asyncio.to_thread(self._ring.get, provider.name, origin)
            if found is None:
                raise KeysError(
                    f"There is no key for {provider.name} at {origin}.", hint=f"Run `turnout key set {provider.name}`."
                )
        except KeysError as error:
            self._failed[place] = (time.monotonic(), error)
            raise
        self._failed.pop(place, None)
        self._kept[place] = found
        return found.reveal().encode()

    def state(self, provider: Provider, origin: str) -> str:
        """up | no key | locked | unknown, without asking the keyring."""
        if not provider.needs_key or (provider.name, origin) in self._kept:
            return "up"
        failed = self._failed.get((provider.name, origin))
        if failed is None:
            return "unknown"
        return "no key" if "no key" in failed[1].message else "locked"

    def forget(self) -> None:
        """After `key set` or `key remove`: ask the keyring anew."""
        self._kept.clear()
        self._failed.clear()


class Mind:
    """The grader and the secret scanner, loaded when they are first needed."""

    def __init__(self) -> None:
        self._grader: Grader | None = None
        self._scanner: SecretScanner | None = None
        self._memo = NewTextMemo()
        self.calibration: Calibration | None = None
        self._marked: tuple[Grades, Calibration | None, str] | None = None
        self._plus: Plus | None = None
        self._plus_lock = threading.Lock()
        self._plus_tried = False

    @property
    def grader(self) -> Grader:
        if self._grader is None:
            self._grader = load_grader(resource("grader", "weights.bin").read_bytes())
        return self._grader

    def version(self, rules: RuleSet) -> str:
        """Of all that an answer hangs on besides the ask; short, made anew only when one of it is another object."""
        grades, calibration = rules.grades, self.calibration
        if self._marked is None or self._marked[0] is not grades or self._marked[1] is not calibration:
            fitted = calibration.version if calibration is not None else ""
            second = grades.plus and installed()
            text = f"{grades.safety}|{grades.confidence}|{second}|{grades.llm}|{fitted}"
            mark = hashlib.blake2b(text.encode(), digest_size=4).hexdigest()
            self._marked = (grades, calibration, mark)
        return self._marked[2]

    def weights_version(self) -> str:
        """Of the shipped weights, without reading them in: what the intent cache is kept by."""
        parts = [resource("grader", name).read_bytes() for name in ("weights.bin", "plus.json")]
        return hashlib.blake2b(b"".join(parts), digest_size=6).hexdigest()

    def warm(self) -> None:
        """In a thread, after the start: the first call should not pay for it."""
        self.grader.grade("rename this variable")
        self.scanner.scan(["nothing"])

    @property
    def scanner(self) -> SecretScanner:
        if self._scanner is None:
            self._scanner = SecretScanner()
        return self._scanner

    def grade(self, call: Call, rules: RuleSet) -> Grading:
        return self.graded(call.outline.ask, rules)

    def graded(self, ask: str, rules: RuleSet) -> Grading:
        grader = self.grader
        if grader.calibration is not self.calibration:
            grader = self._grader = grader.calibrated(self.calibration)
        if rules.grades.plus:
            grader = grader.seconded(self._second())
        return grader.grade(ask, safety=rules.grades.safety, confidence=rules.grades.confidence)

    def failed_probes(self, rules: RuleSet, now: datetime) -> tuple[str, ...]:
        """A sentence for each of the rules' own tests that does not come out as expected."""
        results = run_probes(rules, now, lambda ask: self.graded(ask, rules), scan=lambda ask: self.scanner.scan([ask]))
        return failed(results)

    def _second(self) -> Plus | None:
        """Loaded once, by the first of the threads that grade at the same time."""
        with self._plus_lock:
            if not self._plus_tried:
                self._plus, self._plus_tried = loaded(), True
        return self._plus

    def scan(self, texts: tuple[str, ...]) -> SecretVerdict:
        return scan_new(self.scanner, self._memo, texts)


class Counting:
    """The tokenizer and what was learned of each model; until the ranks are loaded a byte bound holds."""

    def __init__(self) -> None:
        self.counter = Counter()
        self.corrections = Corrections()
        self._loading = False

    def now(self, texts: tuple[str, ...], model: str) -> Tokens | None:
        counted = self.counter.count_now(texts)
        if counted is None and not self.counter.ready:
            self._load()
            return bytes_bound(texts)
        return counted

    def slow(self, texts: tuple[str, ...], model: str) -> Tokens:
        return self.counter.count_slow(texts)

    def _load(self) -> None:
        if not self._loading:
            self._loading = True
            loop = asyncio.get_running_loop()
            loop.call_later(COUNTED_AFTER_S, loop.run_in_executor, None, self.counter.warm)


def engine_maker(sends: Sends, keys: Keys, embedded: Embedded) -> Callable[[Provider], Engine]:
    return lambda provider: Engine(provider, sends, keys.key, embedded.ready if provider.gguf else None)


class Zone:
    """The machine's zone by name, so that summer time is known; its present offset when it has no name. Looked up once a minute."""

    def __init__(self) -> None:
        self._zone: tzinfo = UTC
        self._until = 0.0

    def __call__(self) -> tzinfo:
        now = time.monotonic()
        if now >= self._until:
            self._until = now + 60.0
            self._zone = _named_zone() or datetime.now().astimezone().tzinfo or UTC
        return self._zone


def _named_zone() -> tzinfo | None:
    name = os.environ.get("TZ", "").removeprefix(":")
    try:
        name = name or Path("/etc/localtime").resolve().as_posix().partition("zoneinfo/")[2]
        return ZoneInfo(name) if name else None
    except (OSError, ValueError, KeyError):
        return None
