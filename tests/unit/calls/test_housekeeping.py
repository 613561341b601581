import pytest

from turnout.calls.housekeeping import recognise
from turnout.calls.outline import Outline
from turnout.calls.units import Dialect, Housekeeping, Tokens

CHAT = Dialect.OPENAI_CHAT


@pytest.mark.parametrize(
    ("outline", "kind"),
    [
        (
            Outline(Dialect.ANTHROPIC, "m", ask="<session>\nhi\n</session>", asks=1, turns=1, schema=True),
            Housekeeping.TITLE,
        ),
        (Outline(CHAT, "m", system="You are a title generator. You output only a title.", turns=2), Housekeeping.TITLE),
        (
            Outline(CHAT, "m", texts=("Generate a title for this conversation:\n", "fix it"), turns=2),
            Housekeeping.TITLE,
        ),
        (
            Outline(CHAT, "m", system="You are a helpful AI assistant tasked with summarizing conversations."),
            Housekeeping.SUMMARY,
        ),
        (
            Outline(
                Dialect.ANTHROPIC,
                "m",
                tools=25,
                ask="Your task is to create a detailed summary of the conversation so far",
            ),
            Housekeeping.SUMMARY,
        ),
        (
            Outline(CHAT, "m", system="Summarize the provided coding session into a concise continuation note with x."),
            Housekeeping.SUMMARY,
        ),
        (
            Outline(
                CHAT, "m", system="Sum it up.", ask="x" * 70_000, asks=1, turns=1, stream=True, max_output=Tokens(4_096)
            ),
            Housekeeping.SUMMARY,
        ),
        (
            Outline(Dialect.GEMINI, "m", schema=True, texts=("s", "<session_context>x</session_context>"), ask="hi"),
            Housekeeping.ROUTER,
        ),
        (Outline(Dialect.GEMINI, "m", system="You are a specialized Task Routing AI."), Housekeeping.ROUTER),
        (
            Outline(CHAT, "m", system="You are now acting as the managed memory extraction agent", tools=4),
            Housekeeping.MEMORY,
        ),
        (Outline(Dialect.OPENAI_COMPLETIONS, "m", ask="def f(", extras={"suffix": "1"}), Housekeeping.FIM),
        (Outline(Dialect.OLLAMA_GENERATE, "m", ask="<|fim_prefix|>def f(<|fim_suffix|>"), Housekeeping.FIM),
        (Outline(CHAT, "m", ask="quota", max_output=Tokens(1)), Housekeeping.OTHER),
        # As other clients word it: Copilot in VS Code, Zed, crush, goose, Codex, aider, Gemini CLI, Roo, Cline, Open WebUI.
        *(
            (Outline(CHAT, "m", system=text, ask="fix the parser", asks=1, turns=1), Housekeeping.TITLE)
            for text in (
                "You are an expert in crafting pithy titles for chatbot conversations.",
                "you will generate a short title based on the first message a user begins a conversation with",
                "Reply with only a description in four words or less.",
                "You will be presented with a user prompt; provide a short title for a task that will be created.",
            )
        ),
        (
            Outline(CHAT, "m", ask="Generate a concise 3-7 word title for this conversation, no punctuation", turns=3),
            Housekeeping.TITLE,
        ),
        *(
            (Outline(CHAT, "m", system=text, ask="the diff", asks=1, turns=1), Housekeeping.OTHER)
            for text in (
                "You are an expert software engineer that generates concise, one-line Git commit messages.",
                "You are an expert at writing Git commits.",
                "You are a sophisticated AI diagnostic agent specializing in identifying when a conversational AI is stuck",
            )
        ),
        (
            Outline(CHAT, "m", ask="### Task:\nYou are an autocompletion system. Continue the text", turns=1),
            Housekeeping.OTHER,
        ),
        (Outline(Dialect.ANTHROPIC, "m", ask="Web page content:\n---\nhello\n---", turns=1), Housekeeping.OTHER),
        (Outline(Dialect.ANTHROPIC, "m", ask="Warmup", asks=1, turns=1, tools=12), Housekeeping.OTHER),
        (
            Outline(CHAT, "m", system="Your task is to create a detailed summary of the conversation so far", turns=40),
            Housekeeping.SUMMARY,
        ),
        (
            Outline(
                CHAT, "m", system="Your task is to create a comprehensive, detailed summary of the entire conversation"
            ),
            Housekeeping.SUMMARY,
        ),
        (
            Outline(CHAT, "m", ask='<explicit_instructions type="summarize_task">\nThe', tools=9, turns=30),
            Housekeeping.SUMMARY,
        ),
        (Outline(CHAT, "m", ask="Read HEARTBEAT.md if it exists (workspace context)."), Housekeeping.OTHER),
    ],
)
def test_a_side_request_is_told_by_its_shape(outline: Outline, kind: Housekeeping) -> None:
    assert recognise(outline) is kind


@pytest.mark.parametrize(
    "outline",
    [
        Outline(CHAT, "m", ask="Summarize this article for me: ...", asks=1, turns=1),
        Outline(CHAT, "m", ask="write a title component in React", asks=1, turns=1, tools=9),
        Outline(CHAT, "m", ask="Extract the city", schema=True, asks=1, turns=1),
        Outline(Dialect.GEMINI, "m", ask="Give a city", schema=True, asks=1, turns=1),
        Outline(CHAT, "m", ask="x" * 70_000, asks=1, turns=1, stream=True),
        Outline(
            CHAT, "m", system="You are a coding agent. " * 400, ask="x" * 70_000, asks=1, turns=2, tools=12, stream=True
        ),
        Outline(Dialect.OPENAI_COMPLETIONS, "m", ask="Once upon a time", asks=1),
        Outline(Dialect.OLLAMA_GENERATE, "m", ask="why is the sky blue?", asks=1),
        Outline(CHAT, "m", ask="warmup exercises for a squash player", asks=1, turns=1),
        Outline(CHAT, "m", ask="Warmup", asks=2, turns=9, tools=5),
        Outline(CHAT, "m", ask="describe the web page content: what is it about?", asks=1, turns=1),
        Outline(CHAT, "m"),
    ],
)
def test_work_is_never_taken_for_housekeeping(outline: Outline) -> None:
    assert recognise(outline) is None
