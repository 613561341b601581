from dataclasses import replace

from tests.unit.routing.scene import HAIKU, OPUS, call, facts, grading, outline

from turnout.calls.outline import Outline
from turnout.calls.units import Grade
from turnout.routing.decide import decide
from turnout.routing.facts import Memory
from turnout.routing.plan import Plan
from turnout.routing.threads import KEPT, key, recall, remember

MAIN, SUB = outline("build the whole web shop for me please"), outline("explore the folder and list all the routes")


def answered(memory: Memory, of: Outline, model: str) -> Memory:
    return remember(memory, of, replace(recall(memory, of), model=model, grade=Grade.HIGH, calls=memory.calls + 1))


def test_a_subagent_in_the_same_session_does_not_move_the_main_tool_loop() -> None:
    memory = answered(Memory(), MAIN, OPUS.name)
    memory = answered(memory, SUB, HAIKU.name)
    step = replace(MAIN, ask_is_last=False)
    plan = decide(call(step), facts(memory=recall(memory, step), grading=grading(Grade.LOW)))
    assert isinstance(plan, Plan)
    assert plan.steps[0].candidate == OPUS


def test_a_new_conversation_in_a_session_begins_anew_but_stays_private() -> None:
    memory = replace(answered(Memory(), MAIN, OPUS.name), private=True)
    assert recall(memory, SUB) == Memory(private=True, thread=key(SUB))


def test_privacy_seen_in_a_subagent_is_the_whole_sessions() -> None:
    memory = answered(Memory(), MAIN, OPUS.name)
    memory = remember(memory, SUB, replace(recall(memory, SUB), model=HAIKU.name, private=True))
    assert recall(memory, MAIN).private


def test_a_tool_loop_whose_beginning_is_not_known_goes_by_the_latest() -> None:
    memory = answered(Memory(), MAIN, OPUS.name)
    assert recall(memory, outline("", first_ask="", ask_is_last=False)).model == OPUS.name
    assert recall(memory, outline("cut", first_ask="something in the middle", ask_is_last=False)).model == OPUS.name


def test_a_request_without_a_beginning_updates_the_latest_conversation() -> None:
    memory = answered(Memory(), MAIN, OPUS.name)
    memory = answered(memory, outline("", first_ask="", ask_is_last=False), HAIKU.name)
    assert recall(memory, MAIN).model == HAIKU.name
    assert memory.threads == ()


def test_few_conversations_are_kept_and_none_holds_others() -> None:
    memory = Memory()
    for n in range(50):
        memory = answered(memory, outline(f"conversation number {n} about something"), OPUS.name)
    assert len(memory.threads) == KEPT
    assert all(one.threads == () for one in memory.threads)


def test_memory_from_before_threads_were_told_apart_is_the_sessions() -> None:
    old = Memory(model=OPUS.name)
    assert recall(old, MAIN) == old
