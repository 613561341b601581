"""Every kind of notification as the desktop's own daemon gets it over D-Bus: its words, its buttons, its icon, where a click leads."""

from tests.desk.conftest import Start
from tests.support.desk import App, Desk
from tests.support.engine import Engine
from tests.support.proxy import two_tiers
from tests.support.script import Script, Tokens

ASKED = '\n[[rule]]\nname = "as asked"\nwhen = "true"\nroute = "asked"\non_failure = ["next"]\n'
BUDGET = '\n[[budget]]\nname = "a day"\nscope = { client = "each" }\nusd = 0.01\nper = "day"\n'
LOOP = '\n[[loop]]\nscope = { session = "each" }\nsame_request = 2\non_exceed = "refuse"\n'
DOWNWARDS = '\n[[rule]]\nname = "all"\nwhen = "true"\nroute = "high"\non_failure = ["next", "down"]\n'

Note = dict[str, object]


class Heard:
    """What came since this was made."""

    def __init__(self, app: App) -> None:
        self.app, self.desk = app, app.desk
        self._before = len(self.desk.notes())

    def notes(self, part: str = "") -> list[Note]:
        return [one for one in self.desk.notes()[self._before :] if part in str(one["summary"])]

    def wait(self, part: str) -> Note:
        """Longer than a kind's quiet time."""
        self.app.until(lambda: self.notes(part), f"a notification about {part!r}", timeout_s=90)
        return self.notes(part)[0]

    def press(self, note: Note, button: str) -> None:
        self.desk.run(
            *("dbus-send", "--session", "--print-reply", "--dest=org.freedesktop.Notifications"),
            *("/org/freedesktop/Notifications", "desk.Notifications.Press", f"uint32:{note['id']}", f"string:{button}"),
        )


def test_a_budgets_thresholds_are_told_once_each_and_what_comes_together_is_one(desk: Desk, start: Start) -> None:
    with Engine() as engine:
        app = start(two_tiers(engine.url, engine.url), ASKED + BUDGET)
        app.attended()
        heard = Heard(app)
        token = app.client("spender")
        for output, room in ((550, 600), (300, 330), (110, 120)):
            engine.default = Script(tokens=Tokens(prompt=20, output=output))
            assert app.chat(token, f"write {output}", model="cloud/scripted", max_tokens=room)[0] == 200
            if output == 550:
                note = heard.wait("50 % of a day used")
        assert "spender" in str(note["body"])
        assert "image-data" in note["hints"]  # type: ignore[operator]
        both = heard.wait("2 messages about budgets")
        assert str(both["body"]).splitlines() == ["95 % of a day used", "80 % of a day used"]
        assert len(heard.notes("used")) + len(heard.notes("budgets")) == 2
        heard.press(both, "default")
        app.until(app.window, "a window")
        app.see("Loop guard")


def test_a_loop_that_was_stopped_is_let_go_on_or_stopped_from_its_notification(desk: Desk, start: Start) -> None:
    with Engine() as engine:
        app = start(two_tiers(engine.url, engine.url), ASKED + LOOP)
        app.attended()
        heard = Heard(app)
        for client, button in (("first-looper", "allow"), ("second-looper", "stop")):
            token = app.client(client)
            while app.chat(token, "again")[0] == 200:
                pass
            note = heard.wait(f"{client} was stopped")
            actions = note["actions"]
            assert isinstance(actions, list)
            assert dict(zip(actions[::2], actions[1::2], strict=True)) == {
                "default": "Open",
                "allow": "Let it go on",
                "stop": "Stop it",
            }
            assert note["urgency"] == 2
            heard.press(note, button)
            if button == "allow":
                app.until(lambda: not app.control.status().stopped, "a session that goes on")
                assert app.chat(token, "again")[0] == 200
        app.until(lambda: [one.client for one in app.control.status().stopped] == ["second-looper"], "one that stays")
        assert app.chat(token, "again")[0] != 200


def test_a_refused_key_and_an_engine_that_went_down_are_told_and_open_their_places(desk: Desk, start: Start) -> None:
    with Engine() as cloud, Engine() as own:
        app = start(two_tiers(cloud.url, own.url), ASKED)
        app.attended()
        app.go("settings")
        app.see("Start at login")
        heard = Heard(app)
        token = app.client("told-client")
        cloud.say(Script(status=401, error="invalid x-api-key"))
        assert app.chat(token, "one", model="cloud/scripted")[0] == 401
        note = heard.wait("cloud does not accept its key")
        assert note["urgency"] == 1
        heard.press(note, "default")
        app.see("Candidates of tier High")
        app.go("settings")
        app.see("Start at login")
        app.until(
            lambda: any(one.provider == "local" and one.state == "up" for one in app.control.status().engines), "up"
        )
        own.stop()
        app.control.reload()
        heard.press(heard.wait("local is down"), "default")
        app.see("Candidates of tier High")


def test_a_shower_of_fallbacks_is_two_notifications_and_a_click_opens_the_calls(desk: Desk, start: Start) -> None:
    with Engine() as cloud:
        app = start(two_tiers(cloud.url, cloud.url), DOWNWARDS)
        app.attended()
        heard = Heard(app)
        token = app.client("shower-client")
        cloud.choose = lambda heard: (
            Script(status=529, error="overloaded") if heard.doc["model"] == "scripted" else Script()
        )
        assert app.chat(token, "ask")[0] == 200
        first = heard.wait("cloud failed, trying the next")
        for number in range(8):
            assert app.chat(token, f"ask {number}")[0] == 200
        told = sum(one.kind == "fallback" for one in app.control.status().notices)
        app.until(lambda: told < 2 or len(heard.notes()) == 2, "the rest in one", timeout_s=60)
        assert len(heard.notes()) <= 2
        heard.press(first, "default")
        app.until(app.window, "a window")
        app.see("Search calls")
