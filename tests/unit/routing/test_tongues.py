"""Requests in other tongues are read by the English words they stand for."""

import pytest

from turnout.calls.units import Grade
from turnout.resources import resource
from turnout.routing.features import features
from turnout.routing.grade import load_grader
from turnout.routing.lexicon import CLASSES, LEADS
from turnout.routing.tongues import GLOSS, english, english_signs

GRADER = load_grader(resource("grader", "weights.bin").read_bytes())


@pytest.mark.parametrize(
    ("ask", "grade"),
    [
        ("Welcher Port ist der Standard für MySQL?", Grade.LOW),
        ("Redis 默认端口是多少？", Grade.LOW),
        ("Quel est le code HTTP pour « introuvable » ?", Grade.LOW),
        ("Fasse die Besprechung in zwei Sätzen zusammen: Wir ziehen im Mai um, das Budget steht.", Grade.MEDIUM),
        ("Напиши короткое письмо клиенту о переносе встречи", Grade.MEDIUM),
        ("Explícame la diferencia entre TCP y UDP", Grade.MEDIUM),
        ("这段代码是做什么的？\ndef f(x):\n    return x + 1", Grade.MEDIUM),
        ("Schreib eine Funktion, die zwei sortierte Listen zusammenführt, mit Tests", Grade.HIGH),
        ("このテストが時々失敗します。原因を調べて直してください", Grade.HIGH),
        ("程序运行几个小时后内存不断增长，最后崩溃，怎么排查？", Grade.HIGH),
        ("Corrige el error: la consulta tarda 40 segundos", Grade.HIGH),
    ],
)
def test_a_request_in_another_tongue_gets_the_grade_it_would_get_in_english(ask: str, grade: Grade) -> None:
    assert GRADER.grade(ask).grade is grade


def test_no_word_that_asks_for_something_in_english_is_read_as_a_foreign_one() -> None:
    assert GLOSS.keys().isdisjoint(CLASSES)
    assert GLOSS.keys().isdisjoint(LEADS)


@pytest.mark.parametrize("text", ["fix the parser, it dies on an empty list", "naïve café über-test", "一二三", ""])
def test_what_is_not_known_stays_as_it_is(text: str) -> None:
    assert english_signs(text) == text
    assert english(text.split()) == text.split()


def test_the_longest_chinese_word_wins() -> None:
    assert english_signs("变量名").split() == ["rename"]
    assert english_signs("变量").split() == ["variable"]
    assert english_signs("请总结").split() == ["please", "summarize"]


def test_a_foreign_word_may_stand_for_two() -> None:
    assert english(["combien", "wieviele", "x"]) == ["how", "many", "how", "many", "x"]


def test_the_end_of_a_long_chinese_text_is_read() -> None:
    article = "今年的天气比去年好得多，河边的树都开花了。" * 200
    assert GRADER.grade(f"{article}\n用 Python 写一个程序，修复上面的错误").grade is Grade.HIGH
    assert features(f"{article}翻译").keys != features(f"{article}证明").keys
