import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from turnout.routing.expression import DEEPEST, ExpressionError, always, covered, holds, names, never, parse, written
from turnout.routing.rules import And, Expression, Name, Not, Or

SIGNALS = ("a", "b", "c", "tool-loop", "x_1")


def trees() -> st.SearchStrategy[Expression]:
    leaves: st.SearchStrategy[Expression] = st.sampled_from([*SIGNALS, "true", "false"]).map(Name)
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            inner.map(Not),
            st.lists(inner, min_size=2, max_size=3).map(lambda parts: And(tuple(parts))),
            st.lists(inner, min_size=2, max_size=3).map(lambda parts: Or(tuple(parts))),
        ),
        max_leaves=8,
    )


@given(trees())
def test_what_is_written_is_read_back_equal(tree: Expression) -> None:
    assert parse(written(tree)).of == tree


@settings(max_examples=200)
@given(st.text(alphabet="ab()notrd -&\n", max_size=40))
def test_any_text_is_an_expression_or_a_told_error(text: str) -> None:
    column = 1
    try:
        parse(text)
    except ExpressionError as error:
        column = error.column
    assert 1 <= column <= len(text) + 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", Name("a")),
        ("not a and b", And((Not(Name("a")), Name("b")))),
        ("a or b and c", Or((Name("a"), And((Name("b"), Name("c")))))),
        ("(a or b) and c", And((Or((Name("a"), Name("b"))), Name("c")))),
        ("not not a", Not(Not(Name("a")))),
        ("  tool-loop\n or true ", Or((Name("tool-loop"), Name("true")))),
    ],
)
def test_and_binds_tighter_than_or_and_not_tightest(text: str, expected: Expression) -> None:
    assert parse(text).of == expected


@pytest.mark.parametrize(
    ("text", "column", "says"),
    [
        ("", 1, "empty"),
        ("   ", 1, "empty"),
        ("a and", 6, "ends"),
        ("a b", 3, "'b' follows"),
        ("(a or b", 1, "never closed"),
        ("a )", 3, "without its ("),
        ("a && b", 3, "'&'"),
        ("a = b", 3, "'='"),
        ("and a", 1, "'and' stands"),
        ("not", 4, "ends"),
        ("()", 2, "')' stands"),
        ("a AND b", 3, "'AND' follows"),
    ],
)
def test_errors_have_their_column(text: str, column: int, says: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse(text)
    assert caught.value.column == column
    assert says in caught.value.message


def test_t26_absurd_depth_and_length_are_errors_and_no_crash() -> None:
    for text in (
        "(" * 100_000,
        "not " * 900 + "a",
        "a or " * 100_000 + "a",
        "(" * (DEEPEST + 1) + "a" + ")" * (DEEPEST + 1),
    ):
        with pytest.raises(ExpressionError):
            parse(text)


@given(trees(), trees())
def test_covered_is_implication(later: Expression, earlier: Expression) -> None:
    if covered(later, [earlier]):
        rows = [frozenset(n for at, n in enumerate(SIGNALS) if bits >> at & 1) for bits in range(32)]
        assert all(holds(earlier, row) for row in rows if holds(later, row))


def test_two_rules_together_can_hide_a_third() -> None:
    both = [parse("a").of, parse("not a").of]
    assert covered(parse("b").of, both)
    assert not covered(parse("b").of, both[:1])


def test_constants_in_disguise_are_seen() -> None:
    assert always(parse("a or not a").of)
    assert never(parse("a and not a").of)
    assert names(parse("a or not (b and true)").of) == {"a", "b"}
