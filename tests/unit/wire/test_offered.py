"""A translated reply is told in the client's own tools, one call after the other."""

from hypothesis import given
from hypothesis import strategies as st

from turnout.calls.reply import Ended, Event, StopReason, TextDelta, ToolArguments, ToolBegan, ToolEnded, UsageSeen
from turnout.calls.request import Tool
from turnout.calls.usage import Usage
from turnout.wire.offered import Offered
from turnout.wire.parts import flat_name, wire_name

END = Ended(StopReason.TOOLS)


def told(offered: Offered, events: list[Event]) -> list[Event]:
    return offered.feed(events)


def call(index: int, *fragments: str, name: str = "f") -> list[Event]:
    return [ToolBegan(index, f"call_{index}", name), *(ToolArguments(index, one) for one in fragments)]


def test_calls_that_come_one_after_the_other_pass_at_once_and_are_closed() -> None:
    offered = Offered(())

    assert told(offered, call(0, '{"a"', ":1}")) == call(0, '{"a"', ":1}")
    assert told(offered, call(1, "{}")) == [ToolEnded(0), *call(1, "{}")]
    assert told(offered, [END]) == [ToolEnded(1), END]


def test_interleaved_calls_are_told_one_after_the_other() -> None:
    """Two parallel calls of one chat stream; written as they came, both blocks of a Claude Code held broken JSON."""
    a, b = call(0, '{"a":', "1}"), call(1, '{"b":', "2}")
    usage = UsageSeen(Usage())

    events = told(Offered(()), [a[0], b[0], a[1], b[1], usage, TextDelta("!"), a[2], b[2], END])

    assert [one for one in events if one is not usage] == [*a, ToolEnded(0), *b, ToolEnded(1), TextDelta("!"), END]


def test_text_after_a_whole_call_closes_it() -> None:
    assert told(Offered(()), [*call(0, "{}"), TextDelta("x"), END]) == [
        *call(0, "{}"),
        ToolEnded(0),
        TextDelta("x"),
        END,
    ]


def test_a_call_that_never_gets_whole_is_told_as_far_as_it_came() -> None:
    assert told(Offered(()), [*call(0, '{"a'), *call(1, "{}"), END]) == [
        *call(0, '{"a'),
        ToolEnded(0),
        *call(1, "{}"),
        ToolEnded(1),
        END,
    ]


def test_a_free_text_tool_gets_its_text_back() -> None:
    """Codex's apply_patch goes out as a function with one `input`; as a function call Codex refuses it."""
    offered = Offered((Tool("apply_patch", custom=True),))

    events = told(offered, [*call(0, '{"inp', 'ut":"*** Begin\\n"}', name="apply_patch"), END])

    assert events == [
        ToolBegan(0, "call_0", "apply_patch", custom=True),
        ToolArguments(0, "*** Begin\n"),
        ToolEnded(0),
        END,
    ]


def test_a_namespaced_tool_is_found_by_its_short_and_its_flat_name() -> None:
    tool = Tool("read", namespace="mcp.files")
    wanted = ToolBegan(0, "call_0", "read", "mcp.files")

    for name in ("read", flat_name("mcp.files", "read"), wire_name("mcp.files", "read")):
        assert told(Offered((tool,)), call(0, "{}", name=name))[0] == wanted


@given(st.text(min_size=1, max_size=120), st.text(max_size=40))
def test_a_wire_name_is_one_that_every_vendor_takes_and_leads_back(name: str, namespace: str) -> None:
    written = wire_name(namespace, name)

    assert written.isascii()
    assert 1 <= len(written) <= 64
    assert all(letter.isalnum() or letter in "_-" for letter in written)
    began = told(Offered((Tool(name, namespace=namespace),)), call(0, "{}", name=written))[0]
    assert isinstance(began, ToolBegan)
    assert (began.name, began.namespace) == (name, namespace)
