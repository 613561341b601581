"""Our own requests by grade: what the fast grader learns the product's rubric from, beside public rows.

LOW: lookups, extraction, classification, short conversions, settings, errands, small talk. MEDIUM: summaries, writing,
explaining, rewording, comparing, answering from context. HIGH: writing, changing and debugging code, mathematics,
logic, design. One family is one kind of request in many wordings; the same payload meets instructions of every grade,
so that only the instruction can tell them apart.
"""

from collections.abc import Callable, Sequence

import longer
import wording
from payloads import Maker

SEED = 20_261_124
ROWS_PER_FAMILY = 450

_SLOTS = wording.slots()
Request = tuple[str, str, str]
"""Prompt, grade, family."""

_PLEASE = (
    "please ",
    "can you ",
    "could you ",
    "could you please ",
    "i need you to ",
    "hey, ",
    "pls ",
    "now ",
    "help me ",
)
_THANKS = (" please", " thanks", " thank you", " asap", " pls", "!", " for me")


def requests(
    prose: Sequence[str] = (), programs: Sequence[str] = (), seed: int = SEED, per_family: int = ROWS_PER_FAMILY
) -> list[Request]:
    """`prose` and `programs`: real texts to lay beside instructions; see `Maker`."""
    make = Maker(seed, prose, programs)
    rows: list[Request] = []
    for family in wording.families():
        seen: set[str] = set()
        wanted = round(per_family * family.share)
        for _ in range(wanted * 3):
            prompt = _one(make, family)
            if prompt not in seen:
                seen.add(prompt)
                rows.append((prompt, family.grade, f"own/{family.name}"))
            if len(seen) >= wanted:
                break
    return rows


def _one(make: Maker, family: wording.Family) -> str:
    instruction = _said(make, _slots(make, make.pick(family.wordings)), family.casual)
    if not family.payloads or (family.bare and make.chance(family.bare)):
        return instruction
    return _around(make, instruction, _payload(make, make.pick(family.payloads)))


def _slots(make: Maker, text: str) -> str:
    for _ in range(2):  # what fills a slot may hold slots itself
        for slot, many in _SLOTS.items():
            while slot in text:
                text = text.replace(slot, make.pick(many), 1)
    if "<" in text:
        for kind in _PAYLOADS:
            while f"<{kind}>" in text:
                text = text.replace(f"<{kind}>", _payload(make, kind), 1)
    return make.fill(text)


def _said(make: Maker, text: str, casual: bool) -> str:
    """As people type: lower case, without a full stop, politely or with a slip."""
    one_line = "\n" not in text and len(text) < 200
    if casual and one_line:
        draw = make.number(0, 9)
        if draw < 2 and not text.endswith("?"):
            text = make.pick(_PLEASE) + text[0].lower() + text[1:]
        if draw in (2, 3):
            text = text.rstrip(".") + make.pick(_THANKS)
        if draw in (3, 4, 5):
            text = text.lower()
        if draw in (5, 6):
            text = text.rstrip(".?")
        if draw == 7 and len(text) > 30:
            at = make.number(5, len(text) - 5)
            text = text[:at] + text[at + 1 :]
    elif one_line and make.chance(0.15):
        text = text.lower()
    return text


def _around(make: Maker, instruction: str, payload: str) -> str:
    layout = make.number(0, 12)
    if layout <= 3:
        return f"{instruction}\n\n{payload}"
    if layout == 4:
        return f"{instruction} {payload}"
    if layout <= 6:
        return f"{payload}\n\n{instruction}"
    if layout == 7:
        return f"{instruction}\n```\n{payload}\n```"
    if layout == 8:
        return f'{instruction}\n"""\n{payload}\n"""'
    if layout == 12:
        return f"{instruction.rstrip('.')}: {payload}"
    if layout == 9:
        return f"{instruction.rstrip('.')}:\n{payload}"
    if layout == 10:
        return f"{make.pick(('Text', 'Input', 'Context', 'Document', 'Content'))}: {payload}\n\n{make.pick(('Task', 'Question', 'Instruction', 'Request'))}: {instruction}"
    return f"{payload}\n{instruction}"


def _payload(make: Maker, kind: str) -> str:
    return _PAYLOADS[kind](make)


def _few(one: Callable[[Maker], str], most: int) -> Callable[[Maker], str]:
    return lambda make: "\n".join(one(make) for _ in range(make.number(2, most)))


_LENGTHS: Sequence[int] = (3, 5, 8, 8, 14, 25, 60)
_PAYLOADS: dict[str, Callable[[Maker], str]] = {
    "article": lambda make: make.article(make.pick(_LENGTHS)),  # type: ignore[arg-type]
    "long": lambda make: make.article(make.number(40, 160)),
    "short": lambda make: make.article(make.number(1, 3)),
    "sent": Maker.sentence,
    "review": Maker.review,
    "reviews": _few(Maker.review, 6),
    "dialogue": lambda make: make.dialogue(make.number(4, 22)),
    "log": lambda make: make.log(1),
    "logs": lambda make: make.log(make.number(4, 50)),
    "record": Maker.record,
    "records": _few(Maker.record, 12),
    "table": lambda make: make.table(make.number(3, 30)),
    "email": Maker.email,
    "emails": _few(Maker.email, 5),
    "code": Maker.code,
    "codes": lambda make: make.code(make.number(2, 12)),
    "diff": Maker.diff,
    "trace": Maker.trace,
    "document": lambda make: make.document(make.number(2, 9)),
    "issue": Maker.issue,
    "statement": Maker.statement,
    "tables": Maker.tables,
    "html": Maker.html,
    "codefile": longer.code_file,
    "manual": longer.manual,
    "syslog": longer.system_log,
    "longtrace": longer.long_trace,
    "meeting": longer.meeting,
    "signature": Maker.signature,
    "labelset": Maker.labels,
    "title": lambda make: make.fill(make.pick(_SLOTS["<title>"])),
}
