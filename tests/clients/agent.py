"""The model behind the scripted engines: it reads a request in its vendor's dialect and plays one turn of a case.

A case writes its mark into the prompt (`case-ID`, for a tool turn `case-ID-tool`). A text turn is answered with the case's
sentence. A tool turn is first answered with a call of the shell (or read) tool that this very request offers, and, once a
result is there, with a sentence that quotes the secret out of it: so the sentence proves the whole way there and back.
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


_MARK = re.compile(r"case-([0-9a-f]{8})(-tool)?")
_SECRET = re.compile(r"secret-([0-9a-f]{12})")
_SHELL = re.compile(r"(?i)^(bash|shell|exec_command|run_shell_command|run_commands?|run_terminal_cmd|execute_command)$")
_READ = re.compile(r"(?i)^(read|read_file|read_files|read_note|view)$")
_FINISH = re.compile(r"^(submit_and_exit|attempt_completion)$")


@dataclass(frozen=True, slots=True)
class Offered:
    name: str
    schema: Doc


def sentence(case: str) -> str:
    return f"The points are set for {case}."


def proof(case: str, secret: str) -> str:
    return f"The points are set for {case}: the note says secret-{secret}."


def choose(heard: Heard) -> Script:
    doc = heard.doc if heard.body[:1] == b"{" else {}
    script = Script(text="Fine.", tokens=tokens(heard))
    text = heard.body.decode("utf-8", "replace")
    mark = _MARK.search(text)
    if mark is None:
        return script
    case, wants_tool = mark[1], mark[2] is not None
    if _schema(doc):
        said = {"title": sentence(case), "complexity_reasoning": "short", "complexity_score": 5}
        return replace(script, text=json.dumps(said))
    tools = offered(doc)
    if not wants_tool:
        return _finished(script, sentence(case), tools)
    secrets = _SECRET.findall(" ".join(results(doc)))
    if secrets:
        return _finished(script, proof(case, secrets[-1]), tools)
    call = _call(tools, case)
    return replace(script, text="", tools=(call,)) if call is not None else replace(script, text=sentence(case))


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


def _filled(schema: Doc, known: dict[str, object]) -> Doc:
    """Every required property, and no other that we do not know."""
    properties = schema.get("properties") or {}
    required = schema.get("required") or list(properties)
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
