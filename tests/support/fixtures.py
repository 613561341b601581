"""Fixtures of the flow tests; `tests/conftest.py` imports them."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.engine import Engine
from tests.support.llama import LlamaServer
from tests.support.proxy import Turnout

Serve = Callable[..., Turnout]


@pytest.fixture
def engine() -> Iterator[Engine]:
    """A scripted engine."""
    with Engine() as running:
        yield running


@pytest.fixture(scope="module")
def scripted() -> Iterator[Engine]:
    """One engine for a file of tests behind one proxy; the file's own `engine` makes it forget between two of them."""
    with Engine() as running:
        yield running


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """`serve(settings=..., rules=...)` starts a proxy of the test's own; all are stopped at its end."""
    with ExitStack() as stack:

        def start(**given: object) -> Turnout:
            home = given.pop("home", tmp_path / "home")
            assert isinstance(home, Path)
            return stack.enter_context(Turnout(home, **given))  # type: ignore[arg-type]  # handed on as they came

        yield start


@pytest.fixture(scope="session")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LlamaServer]:
    """A real llama-server with the scripted model; mark the test `engine`."""
    with LlamaServer(tmp_path_factory.mktemp("llama")) as running:
        yield running
