"""What every dialect's `outline` gathers, in one place: texts to count, the asks, tool calls, images. Pure."""

from dataclasses import replace

from turnout.calls.ask import Asks, gather
from turnout.calls.housekeeping import recognise
from turnout.calls.outline import Outline
from turnout.calls.units import Dialect, Family, Json, Tokens
from turnout.wire.fields import dump_text


class Gatherer:
    """Fed message by message in order; `outline` closes it. Human text is peeled only where it is asked for."""

    __slots__ = (
        "_calls",
        "_errors",
        "_humans",
        "cache_marks",
        "images",
        "sealed_by",
        "system",
        "texts",
        "turns",
    )

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.system: list[str] = []
        self.turns = 0
        self.images = 0
        self.cache_marks = 0
        self.sealed_by: Family | None = None
        self._humans: list[tuple[int, str]] = []
        self._calls: list[str] = []
        self._errors: list[bool] = []

    def add_system(self, text: str) -> None:
        self.system.append(text)
        self.texts.append(text)

    def begin(self) -> None:
        """The next message that is neither system nor developer text."""
        self.turns += 1

    def add_human(self, text: str) -> None:
        """Text of a user message; what is left of it after peeling is an ask."""
        self.texts.append(text)
        self._humans.append((self.turns, text))

    def add_text(self, text: str) -> None:
        self.texts.append(text)

    def add_call(self, name: str, arguments: Json) -> None:
        text = arguments if isinstance(arguments, str) else dump_text(arguments)
        self.texts.append(text)
        self._calls.append(f"{name} {text}")

    def add_result(self, text: str, *, error: bool = False) -> None:
        if text:
            self.texts.append(text)
        self._errors.append(error)

    def outline(
        self,
        dialect: Dialect,
        model: str,
        *,
        stream: bool,
        include_usage: bool = False,
        max_output: int | None = None,
        choices: int | None = None,
        tools: tuple[str, ...] = (),
        tool_texts: tuple[str, ...] = (),
        thinking: bool = False,
        effort: str = "",
        service: str = "",
        schema: bool = False,
        session: str = "",
        parent_session: str = "",
        server_tools: tuple[str, ...] = (),
        extras: dict[str, str] | None = None,
    ) -> Outline:
        asks, is_last = self._asked(tools)
        made = Outline(
            dialect=dialect,
            model=model,
            stream=stream,
            include_usage=include_usage,
            max_output=Tokens(max_output) if max_output is not None else None,
            choices=choices or 1,
            ask=asks.newest,
            asks=asks.count,
            ask_is_last=is_last or self.turns == 0,
            first_ask=asks.first,
            system="\n".join(self.system),
            turns=self.turns,
            texts=(*self.texts, *tool_texts),
            tools=len(tools) + len(server_tools),
            tool_names=tools,
            last_tool_calls=tuple(self._calls[-12:]),
            tool_errors=sum(self._errors[-6:]),
            images=self.images,
            thinking=thinking,
            effort=effort,
            service=service,
            sealed_by=self.sealed_by,
            cache_marks=self.cache_marks,
            schema=schema,
            session=session,
            parent_session=parent_session,
            server_tools=server_tools,
            extras=extras or {},
        )
        kind = recognise(made)
        if kind is None:
            return made
        return replace(made, housekeeping=kind)

    def _asked(self, tools: tuple[str, ...]) -> tuple[Asks, bool]:
        """The asks, and whether the newest one is what came last."""
        by_turn: dict[int, str] = {}
        for turn, text in self._humans:
            before = by_turn.get(turn)
            by_turn[turn] = text if before is None else f"{before}\n{text}"
        asks = gather(by_turn, tools)
        # A reminder that a harness sets right behind the ask is a user turn too.
        is_last = asks.count > 0 and all(turn in by_turn for turn in range(asks.turn + 1, self.turns + 1))
        return asks, is_last
