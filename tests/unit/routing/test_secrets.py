import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.bench.secrets_bench import rows

from turnout.proxy.door.tokens import made
from turnout.routing.facts import SecretVerdict
from turnout.routing.secret_rules import ASSIGNMENT, RULES
from turnout.routing.secrets import NewTextMemo, SecretScanner, scan_new

SCANNER = SecretScanner()
ROWS = rows(seed=3, each=6)


@pytest.mark.parametrize("kind", sorted({kind for secret, kind, _ in ROWS if secret}))
def test_a_key_of_every_published_format_is_found_in_a_sentence_and_in_json(kind: str) -> None:
    texts = [text for secret, of, text in ROWS if secret and of == kind]
    assert all(SCANNER.scan([f"please look at this:\n{text}\nand fix it"]).found for text in texts)


@pytest.mark.parametrize("kind", sorted({kind for secret, kind, _ in ROWS if not secret}))
def test_what_only_looks_like_a_secret_is_let_through(kind: str) -> None:
    texts = [text for secret, of, text in ROWS if not secret and of == kind]
    assert SCANNER.scan(texts) == SecretVerdict(False)


def test_the_table_knows_more_than_forty_kinds_each_with_its_source() -> None:
    assert len(SCANNER.kinds) >= 40
    assert all(rule.source for rule in (*RULES, ASSIGNMENT))


def test_a_verdict_names_the_kind_and_nothing_of_the_key() -> None:
    verdict = SCANNER.scan(["x " + "ghp_" + "a1B2" * 9])
    assert verdict == SecretVerdict(True, ("github token",))


def test_the_published_documentation_example_counts_as_a_secret() -> None:
    assert SCANNER.scan(["key is AKIAIOSFODNN7EXAMPLE"]).kinds == ("aws access key",)


def test_a_key_whose_body_is_struck_out_is_no_secret() -> None:
    assert not SCANNER.scan(["ghp_" + "x" * 36, "sk-ant-api03-" + "*" * 40]).found


def test_a_token_of_our_own_is_a_secret() -> None:
    assert SCANNER.scan([f"base_url is ok, key {made()}"]).kinds == ("turnout token",)
    assert not SCANNER.scan(["class=btn-Primary-large-and-rounded-corners tn-a-name-in-small-letters-that-is-long"]).found


def test_a_key_cut_over_two_texts_is_not_put_together() -> None:
    assert not SCANNER.scan(["password =", "Zk3x9Qw2Lm8v"]).found


def test_text_that_is_not_unicode_text_is_scanned_all_the_same() -> None:
    assert SCANNER.scan(["\ud800 ghp_" + "a1B2" * 9 + " 漢字 🙂"]).found


def test_nothing_to_scan_holds_no_secret() -> None:
    assert SCANNER.scan([]) == SecretVerdict(False)


@pytest.mark.parametrize(
    "text",
    [
        "def load(path):\n    return json.loads(path.read_text())  # the token is not here\n" * 3_000,
        "The quick brown fox jumps over the lazy dog and a secret token. " * 4_000,
        "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo" * 7_000,
    ],
    ids=["code", "prose", "base64"],
)
def test_t23_200_kb_are_scanned_at_once(text: str) -> None:
    """Under 20 ms (tests/bench/secrets_bench.py); a pattern that goes back over what it read takes seconds."""
    def once() -> float:
        start = time.process_time()
        SCANNER.scan([text[:200_000]])
        return time.process_time() - start

    assert min(once() for _ in range(5)) < 0.2


def test_t23_text_strewn_with_every_mark_stays_linear() -> None:
    marks = " ".join(mark for rule in RULES for mark in rule.marks)

    def once(size: int) -> float:
        text = (marks * 400)[:size]
        start = time.process_time()
        SCANNER.scan([text])
        return time.process_time() - start

    assert min(once(200_000) for _ in range(3)) < 8 * max(min(once(50_000) for _ in range(3)), 0.004)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=200), st.text(max_size=200))
def test_a_key_is_found_whatever_stands_around_it(before: str, after: str) -> None:
    assert SCANNER.scan([f"{before}\n ghp_{'aB3' * 12} \n{after}"]).found


def test_only_new_text_of_a_conversation_is_scanned_again() -> None:
    memo = NewTextMemo()
    first = ["system", "hello"]
    assert memo.new(first) == first
    assert not scan_new(SCANNER, memo, first).found
    assert memo.new([*first, "more"]) == ["more"]


def test_a_text_with_a_secret_is_never_remembered_as_clean() -> None:
    memo = NewTextMemo()
    texts = ["hello", "token ghp_" + "a1B2" * 9]
    assert scan_new(SCANNER, memo, texts).found
    assert scan_new(SCANNER, memo, texts).found


def test_the_memo_is_bounded_and_forgets_the_oldest() -> None:
    memo = NewTextMemo(most=2)
    memo.clean(["a", "b", "c"])
    assert memo.new(["a", "b", "c"]) == ["a"]


@pytest.mark.parametrize("kind", sorted({kind for secret, kind, _ in ROWS if secret}))
def test_a_masked_secret_is_struck_out_to_its_end(kind: str) -> None:
    """A pattern tells a key by its first characters; what is written down may not hold the others."""
    for text in (text for secret, of, text in ROWS if secret and of == kind):
        masked = SCANNER.masked(f"before\n{text}\nafter")
        assert not re.search(r"[A-Za-z0-9+/]{16}", masked), masked


def test_a_masked_private_key_ends_where_it_ends_or_takes_all_that_follows() -> None:
    lines = "\n".join("MIIEowIBAAKCAQEA" + "x1Y2" * 12 for _ in range(9))
    whole = f"-----BEGIN RSA PRIVATE KEY-----\n{lines}\n-----END RSA PRIVATE KEY-----"
    assert SCANNER.masked(f"before {whole} after") == "before [private key] after"
    assert SCANNER.masked(f"before {whole[:400]}") == "before [private key]"


def test_what_stands_right_behind_a_secret_neither_saves_it_nor_goes_with_it() -> None:
    assert SCANNER.masked("(" + "ghp_" + "a1B2" * 9 + "). Next.") == "([github token]). Next."
    assert SCANNER.masked("ghp_" + "a1B2" * 9 + "-" * 20) == "[github token]"
    assert SCANNER.masked("ghp_" + "x" * 36 + " is none") == "ghp_" + "x" * 36 + " is none"


TOKEN = "ghp_" + "a1B2" * 9


@pytest.mark.parametrize(
    "text",
    [
        f'{{"path": ".env", "text": "first\\n{TOKEN}"}}',
        f'{{"arguments": "{{\\"text\\": \\"first\\\\n{TOKEN}"}}',
        f"first\\t{TOKEN}",
        f"\\u0067hp_{TOKEN[4:]}",
        f"https://example.com/cb?state=token%3D{TOKEN}",
        *(f"ghp_{TOKEN[4:9]}{unseen}{TOKEN[9:]}" for unseen in "\u00ad\u200b\u200c\u200d\u2060\ufeff"),
    ],
)  # fmt: skip
def test_a_key_behind_an_escape_or_cut_by_signs_that_nobody_sees_is_found(text: str) -> None:
    assert SCANNER.scan([text]).kinds == ("github token",)
    assert "a1B2a1B2" not in SCANNER.masked(text)
