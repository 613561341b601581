"""Which notices become notifications, and how many."""

from turnout.control.messages import Notice, Status, Waiting
from turnout.desktop.models.news import QUIET_MS, URGENT_A_MINUTE, News

NOW = 1_800_000_000_000


def status(*notices: Notice, waiting: tuple[Waiting, ...] = (), started_ms: int = 1) -> Status:
    return Status("1", 1, "http://127.0.0.1:1", started_ms, "auto", notices=notices, waiting=waiting)


def notice(number: int, kind: str = "budget", at_ms: int = NOW, target: str = "budgets") -> Notice:
    return Notice(number, at_ms, kind, f"title {number}", f"text {number}", target)


def wait(session: str) -> Waiting:
    return Waiting("c", "claude-code", session, "a day's work", "key", NOW + 45_000)


def test_a_new_notice_is_told_once() -> None:
    news = News()
    assert [one.title for one in news.take(status(notice(1)), NOW)] == ["title 1"]
    assert news.take(status(notice(1)), NOW + 1) == []


def test_what_happened_long_before_we_listened_is_no_news() -> None:
    assert News().take(status(notice(1, at_ms=NOW - 120_000)), NOW) == []


def test_a_proxy_that_started_anew_counts_from_one_again() -> None:
    news = News()
    news.take(status(notice(7)), NOW)
    told = news.take(status(notice(1, at_ms=NOW + QUIET_MS), started_ms=2), NOW + QUIET_MS)
    assert [one.title for one in told] == ["title 1"]


def test_a_shower_of_one_kind_is_one_notification_after_its_quiet_time() -> None:
    news = News()
    news.take(status(notice(1)), NOW)
    assert news.take(status(*(notice(n) for n in range(1, 21))), NOW + 1_000) == []
    assert news.due
    told = news.take(status(*(notice(n) for n in range(1, 21))), NOW + QUIET_MS)
    assert [one.title for one in told] == ["19 messages about budgets"]
    assert told[0].text.splitlines() == ["title 20", "title 19", "title 18", "and 16 more"]
    assert not news.due


def test_kinds_do_not_wait_for_each_other() -> None:
    news = News()
    news.take(status(notice(1)), NOW)
    told = news.take(status(notice(1), notice(2, "engine", target="models")), NOW + 1_000)
    assert [(one.kind, one.place, one.urgent) for one in told] == [("engine", "models", True)]


def test_a_waiting_call_is_told_at_once_with_its_three_answers() -> None:
    news = News()
    news.take(status(notice(1)), NOW)
    asked = notice(2, target="sessions/s-1")
    told = news.take(status(notice(1), asked, waiting=(wait("s-1"),)), NOW + 10)
    assert [(one.title, one.place, one.urgent) for one in told] == [("claude-code waits for you", "budgets", True)]
    assert told[0].text == "title 2 text 2"
    assert [(one.intent, one.argument) for one in told[0].actions] == [
        ("allow", "s-1"),
        ("allow-usd", "s-1"),
        ("stop", "s-1"),
    ]


def test_a_stopped_loop_can_be_let_go_on_or_ended_from_its_notification() -> None:
    told = News().take(status(notice(1, "loop", target="sessions/s-2")), NOW)
    assert [(one.intent, one.argument) for one in told[0].actions] == [("allow", "s-2"), ("stop", "s-2")]


def test_even_waiting_calls_do_not_shower() -> None:
    asked = tuple(notice(n, target=f"sessions/s-{n}") for n in range(1, 31))
    waiting = tuple(wait(f"s-{n}") for n in range(1, 31))
    told = News().take(status(*asked, waiting=waiting), NOW)
    assert len(told) == URGENT_A_MINUTE + 1


def test_t22_text_from_outside_stays_one_plain_line() -> None:
    sly = Notice(1, NOW, "fallback", "<img src=x>\n" + "n" * 5_000, "a\x1b[31mb", "calls")
    told = News().take(status(sly), NOW)[0]
    assert len(told.title) <= 120
    assert "\n" not in told.title
    assert "\x1b" not in told.text
