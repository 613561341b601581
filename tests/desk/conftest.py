"""One desk for the folder, one app a test; skipped, with the reason, where a desk cannot be."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.support.desk import App, Desk, free_port, lacking

Start = Callable[..., App]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.desk)


@pytest.fixture(scope="session")
def desk() -> Iterator[Desk]:
    why = lacking()
    if why:
        pytest.skip(why)
    with Desk() as made:
        yield made


@pytest.fixture
def start(desk: Desk, tmp_path: Path) -> Iterator[Start]:
    """`start(settings=..., rules=...)` is an app that knows its user already; `fresh=True`: it does not."""
    with ExitStack() as stack:

        def make(
            settings: str = "",
            rules: str = "",
            *,
            fresh: bool = False,
            home: Path | None = None,
            on: Desk | None = None,
        ) -> App:
            where = home or tmp_path / "home"
            where.mkdir(exist_ok=True)
            (where / "state").mkdir(exist_ok=True, mode=0o700)
            toml = where / "turnout.toml"
            if not toml.exists():
                toml.write_text(f"[server]\nport = {free_port()}\n\n{settings}")
            if rules:
                (where / "rules.toml").write_text(rules)
            if not fresh:
                (where / "state" / "welcomed").touch()
            return stack.enter_context(App(on or desk, where))

        yield make
