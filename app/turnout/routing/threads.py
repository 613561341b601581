"""The conversations within one session, told apart. Some clients send one session id for an agent and all its subagents.

Their requests interleave. With one memory for all, a subagent's model would become the session's, and the next tool result of
the main conversation would go to a model that never called the tool. So each conversation, named by how it begins, has its
own memory; privacy alone is the whole session's. A tool loop whose beginning is not known (a client that cuts its history, or
keeps it at the vendor) goes by the session's latest.
"""

from dataclasses import replace
from zlib import crc32

from turnout.calls.outline import Outline
from turnout.routing.conversation import in_tool_loop
from turnout.routing.facts import Memory

KEPT = 12


def key(outline: Outline) -> str:
    """Empty where the request does not show how its conversation began."""
    first = outline.first_ask
    if not first:
        return ""
    return f"{crc32(first[:4_000].encode('utf-8', 'surrogatepass')):08x}{len(first):x}"


def recall(memory: Memory, outline: Outline, thread: str | None = None) -> Memory:
    """What `Facts.memory` should be for this request, from all that is remembered of its session. `thread`: its `key`, where that
    is known already."""
    if not memory.thread:
        return memory
    if thread is None:
        thread = key(outline)
    if not thread or thread == memory.thread:
        return memory
    for other in memory.threads:
        if other.thread == thread:
            return replace(other, private=memory.private or other.private)
    return memory if in_tool_loop(outline) else Memory(private=memory.private, thread=thread)


def remember(memory: Memory, outline: Outline, now: Memory, thread: str | None = None) -> Memory:
    """The session's memory with `now` (made from `recall`'s) as what is known of this request's conversation."""
    thread = (key(outline) if thread is None else thread) or memory.thread
    everything = (
        (replace(memory, threads=()), *memory.threads) if memory.thread and memory.thread != thread else memory.threads
    )
    others = tuple(one for one in everything if one.thread != thread)[:KEPT] if everything else ()
    if now.thread == thread and now.threads == others and (now.private or not memory.private):
        return now
    return replace(now, thread=thread, threads=others, private=now.private or memory.private)
