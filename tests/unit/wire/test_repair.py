"""Tool calls written as text become real ones, cut anywhere; prose about them stays prose."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from turnout.calls.reply import Ended, Event, StopReason, TextDelta, ToolArguments, ToolBegan
from turnout.calls.request import Tool
from turnout.wire.repair import HELD, ToolRepair

SCHEMA: Any = {
    "type": "object",
    "properties": {
        "path": {"type": "string"},
        "limit": {"type": "integer"},
        "deep": {"type": "boolean"},
        "lines": {"type": "array"},
    },
}
TOOLS = (Tool("read_file", schema=SCHEMA), Tool("ls", schema=SCHEMA), Tool("write", namespace="mcp.fs", schema=SCHEMA))
READ = ("read_file", {"path": "a.py", "limit": 3})
CALL = json.dumps({"name": "read_file", "arguments": {"path": "a.py", "limit": 3}})
TICKS = "```"


def run(text: str, size: int = 0) -> tuple[str, list[tuple[str, Any]], StopReason]:
    """Text, calls and the reason, with the text told in pieces of that size."""
    repair = ToolRepair(lambda: TOOLS)
    events: list[Event] = []
    for i in range(0, len(text), size or len(text) or 1):
        events += repair.feed([TextDelta(text[i : i + (size or len(text))])])
    events += repair.feed([Ended(StopReason.END)])
    words = "".join(event.text for event in events if isinstance(event, TextDelta))
    names = {event.index: event.name for event in events if isinstance(event, ToolBegan)}
    calls = [(names[e.index], json.loads(e.fragment)) for e in events if isinstance(e, ToolArguments)]
    last = events[-1]
    assert isinstance(last, Ended)
    return words, calls, last.reason


def cut_everywhere(text: str) -> list[tuple[str, list[tuple[str, Any]], StopReason]]:
    """The same text whole, in pieces of 1 to 7, and cut once at every place."""
    found = [run(text, size) for size in range(8)]
    for cut in range(1, len(text)):
        repair = ToolRepair(lambda: TOOLS)
        events = [
            *repair.feed([TextDelta(text[:cut])]),
            *repair.feed([TextDelta(text[cut:])]),
            *repair.feed([Ended(StopReason.END)]),
        ]
        words = "".join(event.text for event in events if isinstance(event, TextDelta))
        calls = [json.loads(event.fragment) for event in events if isinstance(event, ToolArguments)]
        assert (words, calls) == (found[0][0], [given for _, given in found[0][1]]), cut
    return found


CALLS = {
    "hermes": f"<tool_call>\n{CALL}\n</tool_call>",
    "hermes, unclosed": f"<tool_call>\n{CALL}",
    "qwen3-coder": "<tool_call>\n<function=read_file>\n<parameter=path>\na.py\n</parameter>\n<parameter=limit>\n3\n</parameter>\n</function>\n</tool_call>",
    "bare function": "<function=read_file><parameter=path>a.py</parameter><parameter=limit>3</parameter></function>",
    "function with JSON": '<function=read_file>{"path": "a.py", "limit": 3}</function>',
    "invoke": '<function_calls>\n<invoke name="read_file">\n<parameter name="path">a.py</parameter>\n<parameter name="limit">3</parameter>\n</invoke>\n</function_calls>',
    "glm": "<tool_call>read_file\n<arg_key>path</arg_key>\n<arg_value>a.py</arg_value>\n<arg_key>limit</arg_key>\n<arg_value>3</arg_value>\n</tool_call>",
    "fenced": f"{TICKS}json\n{CALL}\n{TICKS}",
    "fenced, unclosed": f"{TICKS}json\n{CALL}",
    "fenced without a language": f"{TICKS}\n{CALL}\n{TICKS}\n",
    "fenced on one line": f"{TICKS}json {CALL} {TICKS}",
    "fenced xml": f"{TICKS}xml\n<tool_call>{CALL}</tool_call>\n{TICKS}",
    "bare JSON": CALL,
    "bare JSON, indented": json.dumps({"name": "read_file", "parameters": {"path": "a.py", "limit": 3}}, indent=2),
    "OpenAI's own shape": json.dumps(
        {"type": "function", "function": {"name": "read_file", "arguments": json.dumps(READ[1])}}
    ),
    "mistral": f"[TOOL_CALLS][{CALL}]",
    "mistral, newer": '[TOOL_CALLS]read_file[ARGS]{"path": "a.py", "limit": 3}',
    "llama": '<|python_tag|>{"name": "read_file", "parameters": {"path": "a.py", "limit": 3}}<|eom_id|>',
    "granite": f"<|tool_call|>[{CALL}]",
}


@pytest.mark.parametrize("form", CALLS)
def test_a_written_call_becomes_a_real_one_wherever_the_stream_is_cut(form: str) -> None:
    for words, calls, reason in cut_everywhere(CALLS[form]):
        assert calls == [READ]
        assert words == ""
        assert reason is StopReason.TOOLS


@pytest.mark.parametrize("form", [name for name in CALLS if "bare" not in name and "OpenAI" not in name])
def test_what_was_said_before_the_call_is_kept(form: str) -> None:
    for words, calls, _ in cut_everywhere("I will `read` it: a < b.\n\n" + CALLS[form]):
        assert calls == [READ]
        assert words.strip() == "I will `read` it: a < b."


def test_several_calls_keep_their_order() -> None:
    ls = '{"name": "ls", "arguments": {"path": "."}}'
    for text in (
        f"<tool_call>{CALL}</tool_call>\n<tool_call>{ls}</tool_call>",
        f"<tool_call>\n{CALL}\n{ls}\n</tool_call>",
        f"[TOOL_CALLS][{CALL}, {ls}]",
        '[TOOL_CALLS]read_file[ARGS]{"path": "a.py", "limit": 3}[TOOL_CALLS]ls[ARGS]{"path": "."}',
        f"{TICKS}json\n{CALL}\n{TICKS}\n\n{TICKS}json\n{ls}\n{TICKS}",
        f"[{CALL}, {ls}]",
    ):
        for _, calls, _ in cut_everywhere(text):
            assert calls == [READ, ("ls", {"path": "."})], text


def test_a_parameter_gets_the_type_that_the_clients_schema_names() -> None:
    text = "<function=read_file><parameter=path>42</parameter><parameter=limit>7</parameter><parameter=deep>True</parameter><parameter=lines>[1, 2]</parameter><parameter=more>{}</parameter></function>"

    assert run(text)[1] == [("read_file", {"path": "42", "limit": 7, "deep": True, "lines": [1, 2], "more": {}})]


def test_text_with_markup_inside_an_argument_stays_one_call() -> None:
    content = f"# Doc\n{TICKS}py\nx\n{TICKS}\n<tool_call> and </tool_call> `x` <function=ls></function>"
    inner = json.dumps({"name": "write", "arguments": {"path": "a", "content": content}})
    for text in (f"<tool_call>\n{inner}\n</tool_call>", f"{TICKS}json\n{inner}\n{TICKS}", inner):
        for _, calls, _ in cut_everywhere(text):
            assert calls == [("write", {"path": "a", "content": content})]


PROSE = {
    "a tool that was not offered": '<tool_call>{"name": "rm", "arguments": {"path": "/"}}</tool_call>',
    "one of two that was not offered": f'<tool_call>{CALL}\n{{"name": "rm", "arguments": {{}}}}</tool_call>',
    "inline code": f"Models write `<tool_call>{CALL}</tool_call>` for that.",
    "inline code at the end": f"Models write `<tool_call>{CALL}</tool_call>`",
    "in the middle of a sentence": f"Write <tool_call>{CALL}</tool_call> and wait for the answer.",
    "an example in a fence": f"Like this:\n{TICKS}\n<tool_call>\n{CALL}\n</tool_call>\n{TICKS}\nThen it answers.",
    "an example in a python fence": f"{TICKS}python\nprompt = '''\n<tool_call>\n{CALL}\n</tool_call>\n'''\n{TICKS}",
    "a fenced JSON example that more follows": f"Here:\n{TICKS}json\n{CALL}\n{TICKS}\nThat is the format.",
    "a fenced example before code": f"{TICKS}json\n{CALL}\n{TICKS}\n{TICKS}python\nx = 1\n{TICKS}",
    "JSON data": f'{TICKS}json\n{{"port": 8080, "name": "read_file"}}\n{TICKS}',
    "bare JSON data": '{"name": "Ada", "age": 36}',
    "a list": "[1, 2, 3] is a list.",
    "a link": "[docs](https://example.com) say so.",
    "a name alone": '{"name": "read_file"}',
    "an opener alone": "The tag is <tool_call> and nothing else",
    "a closer alone": "</tool_call>",
    "a comparison": "if a <t and b < c: print('`')",
    "broken JSON": '<tool_call>{"name": "read_file", "arguments": {"path": }</tool_call>',
    "code": f"Do:\n{TICKS}python\nprint({{'a': 1}})\n{TICKS}\nand `x`.",
    "ticks": "`` ` `` and ```x``` and ``",
    "white space": " \n\n ",
    "html": "<function_callsx> <invoke> <html>",
}


@pytest.mark.parametrize("name", PROSE)
def test_prose_stays_as_it_is_wherever_the_stream_is_cut(name: str) -> None:
    for words, calls, reason in cut_everywhere(PROSE[name]):
        assert calls == []
        assert words == PROSE[name]
        assert reason is StopReason.END


def test_plain_text_is_told_at_once() -> None:
    repair = ToolRepair(lambda: TOOLS)

    for piece in ("Hello ", "world, ", "x = {", '"a": 1}', "\n", "and `code` and ", "<b>bold</b>"):
        assert repair.feed([TextDelta(piece)]) == [TextDelta(piece)]


def test_code_in_a_fence_is_told_at_once() -> None:
    repair = ToolRepair(lambda: TOOLS)
    repair.feed([TextDelta(f"See:\n{TICKS}python\n")])

    assert repair.feed([TextDelta('print({"name": 1})\n')]) == [TextDelta('print({"name": 1})\n')]


def test_what_never_ends_is_let_go() -> None:
    repair = ToolRepair(lambda: TOOLS)
    repair.feed([TextDelta("<tool_call>")])

    told = [event for _ in range(HELD // 1_000 + 2) for event in repair.feed([TextDelta("x" * 1_000)])]

    assert sum(len(event.text) for event in told if isinstance(event, TextDelta)) > HELD


@given(
    st.lists(
        st.sampled_from(
            ["<tool_call>", "</tool_call>", CALL, TICKS, "`", "\n", "json", " ", "{", "}", "a", "[", "<function=ls>"]
        ),
        max_size=14,
    ),
    st.integers(1, 9),
)
@settings(max_examples=400, deadline=None)
def test_no_letter_is_lost_or_made_up_when_nothing_is_called(pieces: list[str], size: int) -> None:
    text = "".join(pieces)

    words, calls, _ = run(text, size)

    assert (words, calls) == run(text)[:2]
    assert calls or words == text
