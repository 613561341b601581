"""The model behind the scripted engines: it reads a request in its vendor's dialect and plays one turn of a case.

A case writes its mark into the prompt (`case-ID`, for a tool turn `case-ID-tool`). A text turn is answered with the case's
sentence. A tool turn is first answered with a call of the shell (or read) tool that this very request offers, and, once a
result is there, with a sentence that quotes the secret out of it: so the sentence proves the whole way there and back. An
agent turn (`case-ID-agent`) calls the client's subagent tool instead; the subagent is known by `case-ID-sub` in its prompt.
"""

import json
import re
from dataclasses import dataclass, replace

from tests.support.engine import Heard
from tests.support.script import Doc, Script, Tokens, ToolCall

NOTE, RAN = "note.txt", "ran.txt"
COMMAND = f"cat {NOTE} | tee {RAN}"

OUTPUT = 40
"""Tokens every answer reports; none is longer."""


def tokens(heard: Heard) -> Tokens:
    """What is reported for a request: about what a vendor would count, for a count out of all proportion is disputed."""
    return Tokens(prompt=max(1, len(heard.body) // 4), output=OUTPUT)


_MARK = re.compile(r"case-([0-9a-f]{8})(-tool|-agent|-sub)?")
_SECRET = re.compile(r"secret-([0-9a-f]{12})")
_SHELL = re.compile(r"(?i)^(bash|shell|exec_command|run_shell_command|run_commands?|run_terminal_cmd|execute_command)$")
_READ = re.compile(r"(?i)^(read|read_file|read_files|read_note|view)$")
_AGENT = re.compile(r"^(Task|Agent|task|agent|invoke_agent|(.*__)?spawn_agent)$")
_FINISH = re.compile(r"^(submit_and_exit|attempt_completion)$")


@dataclass(frozen=True, slots=True)
class Offered:
    name: str
    schema: Doc
    namespace: str = ""


def sentence(case: str) -> str:
    return f"The points are set for {case}."


def proof(case: str, secret: str) -> str:
    return f"The points are set for {case}: the note says secret-{secret}."


def choose(heard: Heard) -> Script:
    doc = heard.doc if heard.body[:1] == b"{" else {}
    script = Script(text="Fine.", tokens=tokens(heard))
    text = heard.body.decode("utf-8", "replace")
    marks = _MARK.findall(text)
    if not marks:
        return script
    case, turns = marks[0][0], {turn for _, turn in marks}
    if _schema(doc):
        said = {"title": sentence(case), "complexity_reasoning": "short", "complexity_score": 5}
        return replace(script, text=json.dumps(said))
    tools, given = offered(doc), results(doc)
    call = None
    if "-agent" in turns and not given:
        call = _hand_over(tools, case, text)
    elif "-agent" in turns and len(given) == 1:
        call = _wait(tools, given[0])
    elif "-tool" in turns:
        secrets = _SECRET.findall(" ".join(given))
        if secrets:
            return _finished(script, proof(case, secrets[-1]), tools)
        call = _call(tools, case)
    return replace(script, text="", tools=(call,)) if call is not None else _finished(script, sentence(case), tools)


def _finished(script: Script, text: str, tools: list[Offered]) -> Script:
    """Cline asks again for ever unless its own closing tool is called."""
    for tool in tools:
        if _FINISH.match(tool.name):
            call = ToolCall(
                tool.name, _filled(tool.schema, {"summary": text, "result": text, "verified": True}), "call_9"
            )
            return replace(script, text=text, tools=(call,))
    return replace(script, text=text)


def _call(tools: list[Offered], case: str) -> ToolCall | None:
    for pattern in (_SHELL, _READ):
        for tool in tools:
            if pattern.match(tool.name):
                known: dict[str, object] = {"command": COMMAND, "cmd": COMMAND, "commands": [COMMAND]}
                known |= {name: NOTE for name in ("path", "file_path", "filepath", "filePath")}
                known |= {"description": "Reads the note", "files": [{"path": NOTE}]}
                return ToolCall(tool.name, _filled(tool.schema, known), f"call_{case}")
    return None


def _hand_over(tools: list[Offered], case: str, text: str) -> ToolCall | None:
    """The subagent's task names the track too, so that its calls can be routed by what they ask."""
    track = re.search(r"track-[a-z]+", text)
    task = f"This is {track[0] if track else 'track-'} case-{case}-sub. Say in one sentence where the points lie."
    for tool in tools:
        if _AGENT.match(tool.name):
            kind = "general" if tool.name == "task" else "general-purpose"
            known: dict[str, object] = {"prompt": task, "message": task, "description": "Looks", "subagent_type": kind}
            known |= {"agent_type": "general-purpose", "agent_name": "generalist", "name": "looker"}
            return ToolCall(tool.name, _filled(tool.schema, known), f"call_{case}", tool.namespace)
    return None


def _wait(tools: list[Offered], given: str) -> ToolCall | None:
    """Codex's subagent runs beside it: one that is not waited for may be cut off before it has asked anything."""
    made = re.search(r"agent_id[^0-9a-f]+([0-9a-f-]{36})", given)
    waits = next((tool for tool in tools if re.fullmatch(r"(.*__)?wait_agent", tool.name)), None)
    if made is None or waits is None:
        return None
    return ToolCall(waits.name, _filled(waits.schema, {"targets": [made[1]]}), "call_wait", waits.namespace)


def _filled(schema: Doc, known: dict[str, object]) -> Doc:
    """Every required property, and no other that we do not know."""
    properties = schema.get("properties") or {}
    required = schema.get("required") or [name for name in properties if name in known]
    filled: Doc = {}
    for name in required:
        kinds = properties.get(name, {}).get("type", "string")
        kind = kinds[0] if isinstance(kinds, list) else kinds
        if name in known:
            value = known[name]
            # Codex's older shell tool takes a list of words.
            filled[name] = ["bash", "-lc", value] if str(kind).lower() == "array" and isinstance(value, str) else value
        else:
            blank: dict[str, object] = {"boolean": False, "integer": 1, "number": 1, "array": [], "object": {}}
            filled[name] = blank.get(str(kind).lower(), "x")
    return filled


def _schema(doc: Doc) -> bool:
    """Structured output is asked for."""
    config = doc.get("generationConfig") or {}
    form = (doc.get("response_format") or {}).get("type")
    text = ((doc.get("text") or {}).get("format") or {}).get("type")
    output = ((doc.get("output_config") or {}).get("format") or {}).get("type")
    return bool(
        form in ("json_schema", "json_object")
        or text in ("json_schema", "json_object")
        or output == "json_schema"
        or doc.get("format")
        or config.get("responseSchema")
        or config.get("responseJsonSchema")
    )


def offered(doc: Doc) -> list[Offered]:
    found = []
    for tool in doc.get("tools") or []:
        if "functionDeclarations" in tool:
            for one in tool["functionDeclarations"]:
                schema = one.get("parametersJsonSchema") or one.get("parameters_json_schema") or one.get("parameters")
                found.append(Offered(one["name"], schema or {}))
        elif "function" in tool:
            found.append(Offered(tool["function"]["name"], tool["function"].get("parameters") or {}))
        elif tool.get("type") == "namespace":
            space = str(tool["name"])
            found += [Offered(str(one["name"]), one.get("parameters") or {}, space) for one in tool["tools"]]
        elif tool.get("type", "function") in ("function", "custom") or "input_schema" in tool:
            found.append(Offered(str(tool.get("name", "")), tool.get("input_schema") or tool.get("parameters") or {}))
    return found


def results(doc: Doc) -> list[str]:
    """What tools gave back, of whatever dialect, as text."""
    found = [json.dumps(item.get("output")) for item in _items(doc.get("input")) if _is_output(item)]
    for message in _items(doc.get("messages")):
        if message.get("role") == "tool":
            found.append(json.dumps(message.get("content")))
        for block in _items(message.get("content")):
            if block.get("type") == "tool_result":
                found.append(json.dumps(block.get("content")))
    for content in _items(doc.get("contents")):
        found += [json.dumps(part) for part in _items(content.get("parts")) if "functionResponse" in part]
    return found


def _is_output(item: Doc) -> bool:
    return str(item.get("type", "")).endswith("_call_output")


def _items(value: object) -> list[Doc]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
