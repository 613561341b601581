"""Side requests a client makes for itself, told by their shape: titles, compaction, routing, memory, fill-in-the-middle.

They never need the dear model. Recognition reads the outline only and looks at the first characters of each text, once for
all kinds and remembered for the newest of them, so it costs microseconds whatever the request's size. A request that offers
tools is work, except where a compaction prompt is the newest thing said. Token counting has a path of its own and is marked
there (`Housekeeping.COUNT`).
"""

from functools import cache, lru_cache

import re2

from turnout.calls.outline import Outline
from turnout.calls.units import PROMPT_LIKE, Dialect, Housekeeping

_HEAD = 1_500
"""Instructions stand at the beginning; text further down is the conversation they are about."""
_GIANT = 65_536
"""Characters. Cline's summarise call was one text of 117,957 under a system line of 96."""
_ONE_LINE = 400

_FIM_MARKS = (
    "<|fim_prefix|>",
    "<|fim_begin|>",
    "<｜fim▁begin｜>",
    "<fim_prefix>",
    "<|fim_suffix|>",
    "<fim_suffix>",
    "[SUFFIX]",
    "<PRE>",
    "<|editable_region_start|>",
)
_SUMMARY_ASKS = (
    "your task is to create a detailed summary of",
    "your task is to create a comprehensive, detailed summary of",
    '<explicit_instructions type="summarize_task">',
    "critical: respond with text only. do not call any tools",
    "provide a detailed prompt for continuing our conversation above",
    "provide a detailed but concise summary of our conversation above",
    "create a new anchored summary from the conversation",
    "update the anchored summary",
    "you are performing a context checkpoint compaction",
    "summarize our conversation so far",
    "summarize the conversation history so far",
    "summarize the conversation so far",
    "first, reason in your scratchpad. then, generate the <state_snapshot>",
    "the messages above are a conversation to summarize",
    "the conversation history before this point was compacted",
    "generate a detailed summary of this conversation",
)
"""How compaction prompts begin; they may come with the session's tools."""
_LONGEST_ASK = max(map(len, _SUMMARY_ASKS))

_SUMMARY_SYSTEMS = (
    "you are a helpful ai assistant tasked with summarizing conversations",
    "you are the component that summarizes internal chat history",
    "you are a specialized system component responsible for distilling chat history",
    "you are an anchored context summarization assistant",
    "you are a context summarization assistant",
    "you are a conversation summarizer",
    "summarize the provided coding session into a concise continuation note",
    "you are summarizing a conversation to preserve context",
)
_SUMMARY_TEXTS = (
    "summarize this conversation to maintain context",
    "*briefly* summarize this partial conversation",
    "summarize the following tool output",
)

_TITLE_TEXTS = (
    "title generator",
    "generate a title for this conversation",
    "generate a short title for",
    "generate a concise title for",
    "generate a concise, 3-5 word title",
    "generate a concise, sentence-case title",
    "generate a succinct title",
    "generate a brief title",
    "write a 5-10 word title",
    "title for this chat",
    "title for the chat",
    "title for the conversation",
    "title for this session",
    "title of the conversation",
    "title for the following conversation",
    "title for this conversation",
    "titles for chatbot conversations",
    "generate a short title based on",
    "provide a short title for a task",
    "primary intent or goal in this conversation in one sentence",
    "in four words or less",
    "title of the coding session",
    "title for a chatbot conversation",
    "if this message indicates a new conversation topic",
    "in under 50 characters",
    "git branch name",
)
_ROUTER_TEXTS = ("task routing ai", "complexity_score", "you are a routing agent", "which model should handle")
_MEMORY_TEXTS = (
    "memory extraction",
    "managed memory",
    "memory-extraction",
    "extract durable memories",
    "extract memories",
    "memory consolidation",
    "dream memory",
)
_OTHER_TEXTS = (
    "read heartbeat.md if it exists",
    "your task is to process bash commands that an ai coding agent wants to run",
    "[suggestion mode:",
    "extract any file paths that this command reads or modifies",
    "generate 1-3 broad tags",
    "follow-up questions or prompts that the user might naturally ask",
    "analyze *only* the content and structure of your immediately preceding response",
    "generate commit messages",
    "write a commit message for",
    "generate a commit message",
    "one-line git commit messages",
    "expert at writing git commits",
    "diagnostic agent specializing in identifying when a conversational ai is stuck",
    "correcting failed search-and-replace operations",
    "you are an autocompletion system",
    "to determine the necessity of generating search queries",
    "web page content:\n---",
)


_PHRASES = {
    "summary system": _SUMMARY_SYSTEMS,
    "summary text": _SUMMARY_TEXTS,
    "router": _ROUTER_TEXTS,
    "memory": _MEMORY_TEXTS,
    "title": _TITLE_TEXTS,
    "other": _OTHER_TEXTS,
}


@cache
def _told_by() -> tuple[re2.Set, tuple[str, ...]]:
    """All phrases to be looked for at once, and what kind each of them tells of. Made when it is first needed."""
    options = re2.Options()
    options.literal, options.case_sensitive, options.log_errors = True, False, False
    phrases = re2.Set.SearchSet(options)
    for each in _PHRASES.values():
        for phrase in each:
            phrases.Add(phrase)
    phrases.Compile()
    return phrases, tuple(kind for kind, each in _PHRASES.items() for _ in each)


@lru_cache(maxsize=128)
def _said(head: str) -> frozenset[str]:
    """The kinds of `_PHRASES` that are told by the head of a text; "summary": it begins as one; "warmup": it is nothing else.

    Remembered, for system texts are always the same and an agent's ask stays for many calls.
    """
    phrases, kinds = _told_by()
    # One after the other they took 7 us for 820 characters of prose and 17 for 1,500 of code; at once 3 and 3.5.
    found = {kinds[number] for number in phrases.Match(head.encode("utf-8", "replace")) or ()}
    if head[:_LONGEST_ASK].lower().startswith(_SUMMARY_ASKS):
        found.add("summary")
    if head.strip().lower() == "warmup":
        found.add("warmup")
    return frozenset(found)


def recognise(outline: Outline) -> Housekeeping | None:
    """What kind of side request this is; None: a person's or an agent's own work."""
    if outline.dialect in PROMPT_LIKE and _completes_code(outline):
        return Housekeeping.FIM
    ask = _said(outline.ask[:_HEAD])
    if "summary" in ask:
        return Housekeeping.SUMMARY
    if "warmup" in ask and outline.turns == 1:
        # Claude Code fills a subagent's prompt cache before anybody asked it anything.
        return Housekeeping.OTHER
    system = _said(outline.system[:_HEAD])
    if outline.tools:
        return Housekeeping.MEMORY if "memory" in system else None
    return _toolless(outline, ask, system)


def _toolless(outline: Outline, ask: frozenset[str], system: frozenset[str]) -> Housekeeping | None:
    said = ask | system
    if said and ("summary" in system or "summary system" in system or "summary text" in ask):
        return Housekeeping.SUMMARY
    if "router" in system or (outline.dialect is Dialect.GEMINI and _is_gemini_router(outline)):
        return Housekeeping.ROUTER
    if "memory" in said:
        return Housekeeping.MEMORY
    if outline.turns <= 4 and ("title" in said or _is_title(outline)):
        return Housekeeping.TITLE
    if "other" in said or (outline.max_output == 1 and not outline.images):
        return Housekeeping.OTHER
    if _is_giant(outline):
        return Housekeeping.SUMMARY
    return None


def _completes_code(outline: Outline) -> bool:
    """A prompt with a suffix, or fill-in-the-middle marks: an editor completing at the cursor."""
    if outline.extras.get("suffix"):
        return True
    prompt = outline.ask or (outline.texts[0] if outline.texts else "")
    return any(mark in prompt for mark in _FIM_MARKS)


def _is_title(outline: Outline) -> bool:
    # Claude Code: a schema, no tools, and the session in a tag; thinking is switched off.
    if outline.schema and outline.ask[:_HEAD].lower().startswith("<session>"):
        return True
    # opencode puts the instruction in a user part before the ask, where `peel` has taken it away.
    ask, system = outline.ask, outline.system
    for text in outline.texts[:6]:
        if text is ask or text is system:
            continue
        head = text[:200]
        if head not in ask[:_HEAD] and head not in system[:_HEAD] and "title" in _said(head):
            return True
    return False


def _is_gemini_router(outline: Outline) -> bool:
    """Gemini CLI rates the ask by a schema before it answers; the session's context comes along."""
    return (
        outline.schema
        and not outline.stream
        and any(text.startswith("<session_context>") for text in outline.texts[:8])
    )


def _is_giant(outline: Outline) -> bool:
    """A whole conversation pasted as one text under a one-line system prompt and an output cap: compaction."""
    return (
        len(outline.ask) >= _GIANT
        and outline.asks == 1
        and outline.turns <= 2
        and 0 < len(outline.system) <= _ONE_LINE
        and outline.max_output is not None
        and outline.stream
        and not outline.schema
    )
