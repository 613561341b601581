"""What a call is within its conversation: a new ask, a follow-up, a step of a tool loop; and which grade that gives it.

A decision is made per ask, not per request: in the one real agent session at hand 3 asks made 15 requests. The grader is
asked only at a boundary (a new ask, a cache that has lapsed, a new session); everything in between inherits.
"""

import hashlib
from dataclasses import replace

from turnout.calls.client import Call
from turnout.calls.outline import Outline
from turnout.calls.units import Grade, Housekeeping, Tier
from turnout.calls.values import frozen
from turnout.routing.facts import Facts, Grading, Memory
from turnout.routing.plan import Need

SHORT = 30
"""Characters. "continue", "yes", "fix it": such an ask says nothing of its own and inherits."""
STALL_REPEATS = 3
STALL_WINDOW = 6
STALL_ERRORS = 3
HARD, EASY = 0.7, 0.25
"""Calibrated difficulty (how much the strong model was needed, learned from the user's own labels) that moves a grade by one."""
GRADES = (Grade.LOW, Grade.MEDIUM, Grade.HIGH)
TIER_OF = {Grade.LOW: Tier.LOCAL, Grade.MEDIUM: Tier.FAST, Grade.HIGH: Tier.HIGH}
RANK = {Tier.LOCAL: 0, Tier.FAST: 1, Tier.HIGH: 2}

_KEYWORDS = (
    "ultrathink",
    "megathink",
    "think harder",
    "think very hard",
    "think really hard",
    "think super hard",
    "think intensely",
)
"""What people write to ask for the most thinking there is (Claude Code's own words among them); all say "think"."""
_PLAN_MARKS = (
    "Plan mode is active",
    "Plan Mode - System Reminder",
    "plan mode is still active",
    "Plan mode still active",
)
"""How Claude Code and opencode tell the model that only a plan is wanted; all say "lan mode" or "lan Mode"."""


def ask_hash(ask: str) -> str:
    """Of the ask with its white space normalised."""
    return hashlib.blake2b(" ".join(ask.split()).encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def in_tool_loop(outline: Outline) -> bool:
    """What came last is a tool's output or the assistant, not a person: the answer goes back to the model that asked."""
    return not outline.ask_is_last


def locked(call: Call, memory: Memory) -> bool:
    """Whether this call continues a tool loop that a model of ours is in."""
    return in_tool_loop(call.outline) and bool(memory.model) and call.outline.housekeeping is None


def cache_lapsed(memory: Memory, now_ms: int) -> bool:
    return now_ms - memory.last_at_ms > memory.cache_ttl_s * 1000


def stalled(outline: Outline) -> bool:
    """The same tool call again and again, or error upon error: the model at work is not getting on."""
    recent = outline.last_tool_calls[-STALL_WINDOW:]
    if outline.tool_errors >= STALL_ERRORS:
        return True
    return len(recent) >= STALL_REPEATS and any(recent.count(one) >= STALL_REPEATS for one in set(recent))


def wants_most(outline: Outline) -> str:
    """Why the grade may not be under HIGH: plan mode, or a keyword in the ask; empty: it may."""
    if outline.extras.get("plan_mode"):
        return "plan mode"
    head = outline.ask[:4_000].lower()
    if "think" in head and any(word in head for word in _KEYWORDS):
        return "asks for the most thinking"
    return "plan mode" if _plan_mode(outline) else ""


def _plan_mode(outline: Outline) -> bool:
    """A plan-mode reminder stands near the newest ask; older ones, of an ask long done, do not count."""
    ask = outline.ask[:200]
    beyond = -1
    for seen, text in enumerate(reversed(outline.texts)):
        if ("lan mode" in text or "lan Mode" in text) and any(mark in text for mark in _PLAN_MARKS):
            return True
        if beyond < 0 and ask and ask in text:
            beyond = seen
        if 0 <= beyond <= seen - 2 or seen > 40:
            return False
    return False


@frozen
class Graded:
    """The grade that routes this call; None: the grader abstained."""

    grade: Grade | None
    why: str
    score: float | None = None
    confidence: float | None = None
    inherited: bool = False


def graded(call: Call, facts: Facts) -> Graded | Need:
    outline, memory = call.outline, facts.memory
    if outline.housekeeping is not None:
        return Graded(Grade.LOW, f"housekeeping: {_called(outline.housekeeping)}")
    if memory.model and (kept := _kept(call, facts)):
        return Graded(memory.grade, kept, inherited=True)
    if not outline.ask:
        return Graded(None, "no ask to grade")
    if facts.grading is None:
        return Need.GRADE
    return _with_floor(outline, _fresh(facts.grading, facts))


def _kept(call: Call, facts: Facts) -> str:
    """Why the grade of before still stands; empty: it does not."""
    outline, memory = call.outline, facts.memory
    if in_tool_loop(outline):
        return "same ask, tool loop"
    if memory.grade is None:
        return ""
    if outline.ask and len(outline.ask) < SHORT and not wants_most(outline):
        return "short follow-up" if not stalled(outline) else ""
    if memory.ask_hash and not cache_lapsed(memory, facts.now_ms):
        known = facts.ask_hash or ask_hash(outline.ask)
        if known == memory.ask_hash and not stalled(outline):
            return "same ask"
    return ""


def _fresh(grading: Grading, facts: Facts) -> Graded:
    sure = grading.by == "llm" or grading.confidence >= facts.rules.grades.confidence
    grade = grading.grade if sure and grading.by != "none" else None
    why = grading.reason if grade is not None or grading.by == "none" else f"not sure: {grading.reason}"
    return by_difficulty(grading, Graded(grade, why, grading.score, grading.confidence))


def by_difficulty(grading: Grading, of: Graded) -> Graded:
    """What the user's own calls say within a kind of work. Labels compare the dear tier with the next one, so an easy HIGH may
    go to MEDIUM, but nothing goes to LOW by them; a hard one goes up, and an abstention that is hard is no longer one.
    """
    if grading.difficulty is None or grading.by == "none":
        return of
    if grading.difficulty >= HARD and of.grade is not Grade.HIGH:
        up = Grade.HIGH if of.grade is None else GRADES[GRADES.index(of.grade) + 1]
        return replace(of, grade=up, why=f"{of.why}; hard among your own calls")
    if grading.difficulty <= EASY and of.grade is Grade.HIGH:
        return replace(of, grade=Grade.MEDIUM, why=f"{of.why}; easy among your own calls")
    return of


def _with_floor(outline: Outline, of: Graded) -> Graded:
    if of.grade is not Grade.HIGH and (why := wants_most(outline)):
        return replace(of, grade=Grade.HIGH, why=why)
    if stalled(outline) and of.grade is not None and of.grade is not Grade.HIGH:
        up = GRADES[GRADES.index(of.grade) + 1]
        return replace(of, grade=up, why=f"{of.why}; stalled, one tier up")
    return of


def _called(housekeeping: Housekeeping) -> str:
    return housekeeping.value
