"""What a screen reader sees of one process, as a program: a JSON question a line on stdin, a JSON answer a line on stdout.

Run by the distribution's Python, which has pyatspi; it imports nothing of ours.
"""

import json
import sys
import time
from collections.abc import Iterator
from typing import Any

import pyatspi

Node = Any
"""An accessible of pyatspi, which has no types."""
Asked = dict[str, Any]
ACTED_ON = frozenset(
    (
        *("push button", "toggle button", "check box", "radio button", "combo box", "text", "entry", "password text"),
        *("spin button", "slider", "link", "list", "list item", "table", "tree", "menu item", "page tab"),
    )
)
WIDEST = 400
"""Children of one node we look at: a table of a million rows has nine million."""


def application(pid: int) -> Node | None:
    desktop = pyatspi.Registry.getDesktop(0)
    for number in range(desktop.childCount):
        try:
            found = desktop.getChildAtIndex(number)
            if found is not None and found.get_process_id() == pid and found.childCount:
                return found
        except Exception:
            continue
    return None


def showing(node: Node) -> bool:
    states = node.getState()
    seen: bool = states.contains(pyatspi.STATE_SHOWING) and states.contains(pyatspi.STATE_VISIBLE)
    return seen


def walk(node: Node) -> Iterator[Node]:
    """What shows, depth first. Cells of a table say they do not show, and are looked at all the same."""
    for number in range(min(node.childCount, WIDEST)):
        try:
            child = node.getChildAtIndex(number)
            if child is None:
                continue
            cell = child.getRoleName() in ("table cell", "list item", "table row")
            if cell or showing(child):
                yield child
                yield from walk(child)
        except Exception:
            continue


def text_of(node: Node) -> str:
    try:
        text: str = node.queryText().getText(0, -1)
        return text
    except Exception:
        return ""


def fits(node: Node, asked: Asked) -> bool:
    if asked["role"] and node.getRoleName() != asked["role"]:
        return False
    if asked["do"] == "write" and not node.getState().contains(pyatspi.STATE_EDITABLE):
        return False  # the caption beside it has its name
    name: str = node.name or ""
    wanted: str = asked["name"]
    return wanted in name if asked["part"] else name == wanted


def find(pid: int, asked: Asked) -> Node | None:
    top = application(pid)
    if top is None:
        return None
    return next((node for node in walk(top) if fits(node, asked)), None)


def press(node: Node) -> None:
    action = node.queryAction()
    names = [action.getName(number) for number in range(action.nActions)]
    wanted = next((n for n, name in enumerate(names) if name.lower() in ("press", "toggle", "check")), 0)
    action.doAction(wanted)


def middle(node: Node) -> str:
    try:
        box = node.queryComponent().getExtents(pyatspi.DESKTOP_COORDS)
        return f"{box.x + box.width // 2} {box.y + box.height // 2}"
    except Exception:
        return ""


def told(node: Node) -> dict[str, str]:
    states = node.getState()
    return {
        "middle": middle(node),
        "role": node.getRoleName(),
        "name": node.name or "",
        "description": node.description or "",
        "text": text_of(node),
        "checked": "yes" if states.contains(pyatspi.STATE_CHECKED) else "no",
        "enabled": "yes" if states.contains(pyatspi.STATE_ENABLED) else "no",
    }


def answer(pid: int, asked: Asked) -> dict[str, str]:
    until = time.monotonic() + asked["timeout_s"]
    last = ""
    while True:
        try:
            found = attempt(pid, asked)
            if found is not None:
                return found
        except Exception as error:  # it went between finding and doing: look again
            last = repr(error)
        if time.monotonic() > until:
            return {
                "error": f"{asked['do']} {asked['role']} {asked['name']!r}: no {last}",
                "shown": json.dumps(shown(pid)[:120]),
            }
        time.sleep(0.05)


def attempt(pid: int, asked: Asked) -> dict[str, str] | None:
    """The answer, or None while it is not so."""
    if asked["do"] == "names":
        return {"names": json.dumps(shown(pid))}
    if asked["do"] == "nameless":
        return {"names": json.dumps(nameless(pid))}
    node = find(pid, asked)
    if asked["do"] == "gone":
        return {} if node is None else None
    if node is None:
        return None
    if asked["do"] == "press":
        press(node)
    elif asked["do"] == "focus":
        node.queryComponent().grabFocus()
    elif asked["do"] == "write":
        node.queryEditableText().setTextContents(asked["text"])
    try:
        return told(node)
    except Exception:  # what was pressed may be gone by now
        return {}


def nameless(pid: int) -> list[str]:
    """What can be acted on and says nothing of itself, each with what holds it."""
    top = application(pid)
    found = []
    for node in walk(top) if top is not None else ():
        try:
            if (node.getRoleName() in ACTED_ON or node.getState().contains(pyatspi.STATE_FOCUSABLE)) and not node.name:
                above = node.parent
                found.append(f"{node.getRoleName()} in {above.getRoleName()} {above.name!r}")
        except Exception:
            continue
    return found


def shown(pid: int) -> list[str]:
    top = application(pid)
    names: list[str] = []
    for node in walk(top) if top is not None else ():
        try:
            names += [node.name] if node.name else []
        except Exception:
            continue
    return names


def main() -> None:
    pid = int(sys.argv[1])
    for line in sys.stdin:
        print(json.dumps(answer(pid, json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
