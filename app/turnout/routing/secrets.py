"""Does a text hold a secret? A rule table under RE2, so no input takes more than linear time; fail closed.

One pass over a set of literal marks says which formats can be there at all; only those patterns run. A sentinel goes
through with every text: should the set give up (its automaton has a memory bound and then reports nothing), the
sentinel is missing and every pattern runs instead. 200 KB of prose or code takes 1-4 ms; with every mark of every format strewn through it, 35 ms.

Whatever breaks in here, the caller must take for found (`SecretVerdict(found=True, failed=True)`).
"""

import math
import re
from collections import Counter, OrderedDict
from collections.abc import Iterable, Sequence
from functools import cached_property

import re2

from turnout.routing.facts import SecretVerdict
from turnout.routing.secret_rules import ASSIGNMENT, RULES, SecretRule

_SENTINEL = b"\n\x00turnout-sentinel\x00"
_APART = b"\n\x00\n"
"""Between two texts: no pattern matches across it, so a key is never made of two texts' ends."""

_ESCAPE = re.compile(rb"\\+(?:[nrtbf]|u[0-9a-fA-F]{4})")
"""What a JSON string within a text (a tool's arguments, a file that it wrote) has for a break or for any sign."""
_IN_URL = re.compile(rb"%[2-7][0-9a-fA-F]")
_UNSEEN = re.compile(rb"\xc2\xad|\xe2\x80[\x8b-\x8f]|\xe2\x81\xa0|\xef\xbb\xbf")
"""Signs of no width, which come along when something is copied from a page: soft hyphen, joiners, marks of order."""

_PLACEHOLDERS = (
    b"example", b"changeme", b"change_me", b"placeholder", b"redacted", b"****", b"<", b"${", b"{{", b"$(", b"...",
    b"undefined", b"process.env", b"os.environ", b"getenv", b"secrets.", b"vault:", b"foobar",
)  # fmt: skip
_SHORT_PLACEHOLDERS = (
    b"your", b"xxxx", b"dummy", b"sample", b"todo", b"insert", b"replace", b"env.", b"none", b"null", b"true",
    b"false", b"hunter2",
)  # fmt: skip
"""These turn up in long random values by chance; there they say nothing."""
_LONG = 24
_WEAK_WORDS = frozenset(
    (b"password", b"passwd", b"pass", b"secret", b"token", b"postgres", b"root", b"admin", b"user", b"pwd")
)
_NOT_VALUES = (
    b"url", b"uri", b"endpoint", b"type", b"name", b"path", b"field", b"header", b"prefix", b"pattern", b"regex", b"length",
    b"file", b"expiry", b"expires", b"expires_at", b"expires_in", b"count", b"limit", b"policy", b"provider", b"class",
)  # fmt: skip
"""A name that ends so speaks about the secret, not of it: `token_url`, `password_field`."""
_SIGNS = frozenset(b"!@#$%^&*+/=~")
_DIGITS = frozenset(b"0123456789")
_LETTERS = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")


class SecretScanner:
    """Compiles the table once; `scan` may then be called from any thread."""

    def __init__(self, rules: Sequence[SecretRule] = RULES, assignment: SecretRule = ASSIGNMENT) -> None:
        self._options = options = re2.Options()
        options.max_mem = 64 << 20
        options.log_errors = False
        self._rules = tuple((rule, re2.compile(rule.pattern.encode(), options)) for rule in rules)
        self._assignment = (assignment, re2.compile(assignment.pattern.encode(), options))
        self._marks = re2.Set.SearchSet(options)
        self._owners: list[int] = []
        for at, rule in enumerate((*rules, assignment)):
            for mark in rule.marks:
                self._add(f"(?i){re2.escape(mark)}", at)
            if not rule.marks:
                self._add(rule.pattern, at)
        self._add(re2.escape(_SENTINEL.decode()), -1)
        self._marks.Compile()

    @property
    def kinds(self) -> tuple[str, ...]:
        """Every kind the table can name."""
        return tuple(dict.fromkeys((*(rule.kind for rule, _ in self._rules), self._assignment[0].kind)))

    def scan(self, texts: Iterable[str]) -> SecretVerdict:
        """Kinds in the order of the table. May raise anything: see the module's last line."""
        body = _APART.join(text.encode("utf-8", "surrogatepass") for text in texts)
        if not body:
            return SecretVerdict(False)
        read = _read_out(body)
        if read != body:
            body = _APART.join((body, read))
        hit = {self._owners[at] for at in self._marks.Match(body + _SENTINEL) or ()}
        every = -1 not in hit
        kinds: dict[str, None] = {}
        for at, (rule, pattern) in enumerate(self._rules):
            if (every or at in hit) and rule.kind not in kinds and _holds(rule, pattern, body):
                kinds[rule.kind] = None
        if not kinds and (every or len(self._rules) in hit):
            rule, pattern = self._assignment
            if _assigns(pattern, body):
                kinds[rule.kind] = None
        return SecretVerdict(bool(kinds), tuple(kinds))

    def masked(self, text: str) -> str:
        """The text with every secret in it replaced by its kind in brackets; all of it where some cannot be told apart."""
        body = text.encode("utf-8", "surrogatepass")
        for rule, pattern in self._whole:
            body = pattern.sub(_Mask(rule), body)
        rule, pattern = self._assignment
        body = pattern.sub(_Mask(rule, assigned=True), body)
        clean = body.decode("utf-8", "replace")
        verdict = self.scan((clean,))
        return f"[{', '.join(verdict.kinds)}]" if verdict.found else clean

    @cached_property
    def _whole(self) -> "tuple[tuple[SecretRule, re2._Regexp], ...]":
        """Patterns that match a secret to its end: only texts that are kept need them."""
        return tuple(
            (rule, found)
            if rule.weighed
            else (rule, re2.compile(f"({rule.pattern}){rule.tail}".encode(), self._options))
            for rule, found in self._rules
        )

    def _add(self, pattern: str, owner: int) -> None:
        self._marks.Add(pattern.encode())
        self._owners.append(owner)


class _Mask:
    """A match of one rule with its secret struck out; matches that are none stay as they are."""

    def __init__(self, rule: SecretRule, *, assigned: bool = False) -> None:
        self._rule, self._assigned = rule, assigned

    def __call__(self, found: "re2._Match") -> bytes:
        whole: bytes = found.group(0)
        mark = f"[{self._rule.kind}]".encode()
        if self._assigned:
            value: bytes = found.groups()[-1] or b""
            return whole.replace(value, mark) if _looks_assigned(*found.groups()) and value else whole
        if not self._rule.weighed:
            return whole if _is_blank(found.group(1)) else mark
        value = next(filter(None, found.groups()), b"")
        return whole.replace(value, mark) if value and _looks_secret(value) else whole


class NewTextMemo:
    """Remembers which texts were scanned clean, so that only what is new in a conversation is scanned.

    Bounded: the oldest are forgotten and scanned again. It holds hashes, no text; Python keys them per process.
    """

    def __init__(self, most: int = 50_000) -> None:
        self._most = most
        self._clean: OrderedDict[tuple[int, int], None] = OrderedDict()

    def new(self, texts: Iterable[str]) -> list[str]:
        """Those not known to be clean, in order."""
        return [text for text in texts if text and (len(text), hash(text)) not in self._clean]

    def clean(self, texts: Iterable[str]) -> None:
        """Told after a scan that found nothing and did not fail."""
        for text in texts:
            self._clean[len(text), hash(text)] = None
        while len(self._clean) > self._most:
            self._clean.popitem(last=False)


def scan_new(scanner: SecretScanner, memo: NewTextMemo, texts: Iterable[str]) -> SecretVerdict:
    """Scans what the memo has not seen clean, and tells it."""
    new = memo.new(texts)
    verdict = scanner.scan(new)
    if not verdict.found:
        memo.clean(new)
    return verdict


def _read_out(body: bytes) -> bytes:
    """With escapes as what they stand for and without signs that nobody sees: `\\nghp_...` and a key cut by a soft hyphen are keys."""
    if b"\\" in body:
        body = _ESCAPE.sub(_sign, body)
    if b"%" in body:
        body = _IN_URL.sub(lambda found: bytes((int(found.group()[1:], 16),)), body)
    return body if body.isascii() else _UNSEEN.sub(b"", body)


def _sign(escape: "re.Match[bytes]") -> bytes:
    of = escape.group().lstrip(b"\\")
    return b"\n" if len(of) == 1 else chr(int(of[1:], 16)).encode("utf-8", "surrogatepass")


def _holds(rule: SecretRule, pattern: "re2._Regexp", body: bytes) -> bool:
    if not rule.weighed:
        return any(not _is_blank(found.group(0)) for found in pattern.finditer(body))
    return any(_looks_secret(next(filter(None, found.groups()), b"")) for found in pattern.finditer(body))


def _assigns(pattern: "re2._Regexp", body: bytes) -> bool:
    seen: set[tuple[bytes, ...]] = set()
    for found in pattern.finditer(body):
        parts = found.groups()
        if parts not in seen:
            seen.add(parts)
            if _looks_assigned(*parts):
                return True
    return False


def _is_blank(match: bytes) -> bool:
    """A format with its body struck out: `ghp_xxxxxxxx...`, `sk-ant-api03-********`."""
    return not set(match[-16:]) - set(b"xX*._-0")


def _looks_secret(value: bytes) -> bool:
    """For a value whose place says what it is (a connection string, a header): anything but a placeholder."""
    low = value.lower()
    if low in _WEAK_WORDS or any(sign in low for sign in _PLACEHOLDERS):
        return False
    if len(value) < _LONG and any(sign in low for sign in _SHORT_PLACEHOLDERS):
        return False
    return len(set(value)) > 2


def _looks_assigned(name: bytes, between: bytes, value: bytes) -> bool:
    """For a value that only stands beside a telling name: a password of some strength, or something random."""
    quoted = value[:1] in (b'"', b"'", b"`")
    value = value[1:] if quoted else value
    if len(value) < 6 or value[:1] in (b"$", b"%", b"@", b".", b"&", b"*") or not _looks_secret(value):
        return False
    if _is_name(value) or b"://" in value or name.lower().endswith(_NOT_VALUES):
        return False
    letters = any(sign in _LETTERS for sign in value)
    digits = any(sign in _DIGITS for sign in value)
    signs = not _SIGNS.isdisjoint(value)
    password = b"pass" in name.lower() or b"pwd" in name.lower()
    in_env_file = between == b"=" and name.isupper()
    if password and len(value) >= 8 and (in_env_file or (letters and digits and (quoted or not _is_path(value)))):
        return True
    if letters and not digits and len(value) >= 20 and value.isalpha() and _is_shuffled(value):
        return _is_random(value, 3.5)
    if not (letters and digits) and not (quoted and signs and (letters or digits)):
        return False
    if not quoted and _is_path(value) and (len(value) < _LONG or b"." in value):
        return False
    return _is_random(value, 2.5 if password and quoted else 2.9 if quoted else 3.2)


def _is_shuffled(value: bytes) -> bool:
    """Capitals and small letters mixed as chance mixes them; in camel case capitals are one in five."""
    return 0.3 <= sum(65 <= sign <= 90 for sign in value) / len(value) <= 0.7


def _is_name(value: bytes) -> bool:
    """What programs call things: `password_field_2`. Each part is all letters of one case, or all digits."""
    parts = value.split(b"_")
    return (
        len(parts) > 1
        and all(part.islower() or part.isupper() for part in parts if not part.isdigit())
        and all(part.isalpha() or part.isdigit() for part in parts)
    )


def _is_path(value: bytes) -> bool:
    """A name in code rather than a value: `config.token2`, `client_secret_v1`."""
    return any(sign in value for sign in b"._-/") and value.translate(None, b"._-/").isalnum()


def _is_random(value: bytes, bits: float) -> bool:
    """Shannon entropy of its bytes, in bits each."""
    size = len(value)
    return -sum(n / size * math.log2(n / size) for n in Counter(value).values()) >= bits
