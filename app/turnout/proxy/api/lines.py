"""An answer of JSON lines about work that goes on while it is told, and ends when its client hangs up."""

import asyncio
from collections.abc import Awaitable, Callable

from turnout.calls.units import Json
from turnout.errors import TurnoutError
from turnout.proxy.door.answer import LINES, Answer


async def told_in_lines(answer: Answer, work: Callable[[], Awaitable[Json]]) -> Json | None:
    """The last line: what `work`, which writes the others, returns, or {"error": {...}}; None: the client hung up, and with that
    the work was given up. From the start on failures are lines, as Ollama's own are."""
    await answer.start(200, LINES)
    answer.watch()
    telling = asyncio.current_task()
    assert telling is not None

    def left() -> None:
        telling.cancel()

    answer.on_gone(left)
    try:
        return await work()
    except asyncio.CancelledError:
        if not answer.gone:
            raise
        telling.uncancel()
        return None
    except TurnoutError as error:
        return {"error": {"message": error.message, "hint": error.hint, "code": error.code}}
    finally:
        answer.on_gone(None)
        answer.close()
