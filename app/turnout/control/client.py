"""Talking to a running proxy."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlsplit

from turnout.control.codec import nodes_of, status_of
from turnout.control.loopback import Answer
from turnout.control.messages import Node, Status
from turnout.control.runtime import Runtime
from turnout.errors import ControlError

Doc = dict[str, Any]
"""A control answer as it came; only this package and its callers' JSON output see it."""


class ControlClient:
    """One request, one connection. Raises ControlError; blocks up to `timeout_s`."""

    def __init__(self, runtime: Runtime, timeout_s: float = 10.0) -> None:
        parts = urlsplit(runtime.url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 7717
        self._token = runtime.control_token
        self._timeout_s = timeout_s

    def ask(self, method: str, path: str, body: Doc | None = None, timeout_s: float | None = None) -> Doc:
        data = json.dumps(body).encode() if body is not None else (b"{}" if method == "POST" else b"")
        try:
            with Answer(self._host, self._port, timeout_s or self._timeout_s) as answer:
                answer.send(method, f"/_control/v1/{path}", self._headers(), data)
                doc = json.loads(answer.body() or b"{}")
        except (OSError, ValueError) as error:
            raise ControlError(
                f"The proxy does not answer ({type(error).__name__}).",
                hint="Start it: `turnout serve`, or `turnout` for the tray.",
            ) from error
        if answer.status >= 400 or not isinstance(doc, dict):
            raise _refused(doc, answer.status)
        return doc

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}

    def status(self) -> Status:
        return status_of(self.ask("GET", "status", timeout_s=3.0))

    def events(self) -> Iterator[Status]:
        """A Status on every change, and one every 15 s without; ends when the proxy does."""
        try:
            with Answer(self._host, self._port, 40.0) as answer:
                answer.send("GET", "/_control/v1/events", self._headers())
                if answer.status != 200:
                    raise ControlError(f"The proxy answered with status {answer.status}.")
                for line in answer.lines():
                    if line.startswith(b"data: "):
                        yield status_of(json.loads(line[6:]))
        except (OSError, ValueError) as error:
            raise ControlError(f"The proxy's events broke off ({type(error).__name__}).") from error

    def clients(self) -> list[Doc]:
        found: list[Doc] = self.ask("GET", "clients")["clients"]
        return found

    def client_add(self, name: str, department: str = "", project: str = "") -> Doc:
        return self.ask("POST", "clients", {"name": name, "department": department, "project": project})

    def client_rotate(self, name: str) -> Doc:
        return self.ask("POST", f"clients/{quote(name, safe='')}/rotate")

    def client_remove(self, name: str) -> Doc:
        return self.ask("DELETE", f"clients/{quote(name, safe='')}")

    def mode(self, mode: str) -> Doc:
        return self.ask("PUT", "mode", {"mode": mode})

    def pause(self, seconds: int | None) -> Doc:
        return self.ask("POST", "pause", {"seconds": seconds})

    def resume(self) -> Doc:
        return self.ask("POST", "resume")

    def reload(self) -> Doc:
        return self.ask("POST", "reload")

    def sessions(self) -> list[Doc]:
        found: list[Doc] = self.ask("GET", "sessions")["sessions"]
        return found

    def session_allow(self, session: str, *, usd: str = "", turns: int = 0) -> Doc:
        body: Doc = {"usd": usd} if usd else {"turns": turns} if turns else {}
        return self.ask("POST", f"sessions/{quote(session, safe='')}/allow", body)

    def session_stop(self, session: str) -> Doc:
        return self.ask("POST", f"sessions/{quote(session, safe='')}/stop")

    def budgets(self) -> list[Doc]:
        found: list[Doc] = self.ask("GET", "budgets")["budgets"]
        return found

    def credit(self, scope: str, usd: str) -> Doc:
        return self.ask("POST", "budgets/credit", {"scope": scope, "usd": usd})

    def hold_release(self, hold: str) -> Doc:
        return self.ask("POST", f"holds/{quote(hold, safe='')}/release")

    def models(self) -> list[Doc]:
        found: list[Doc] = self.ask("GET", "models")["models"]
        return found

    def key_test(self, provider: str) -> Doc:
        return self.ask("POST", "keys/test", {"provider": provider}, timeout_s=30)

    def thumbs(self, call: str, *, up: bool) -> Doc:
        return self.ask("POST", "thumbs", {"call": call, "up": up})

    def elsewhere(self, usage: Doc) -> list[Doc]:
        """What tokens by bucket cost at each tier's first model."""
        found: list[Doc] = self.ask("POST", "elsewhere", usage)["tiers"]
        return found

    def compare(self, prompt: str, tiers: list[str]) -> Doc:
        """Asks each tier's first model, at once; it takes as long as the slower one."""
        return self.ask("POST", "compare", {"prompt": prompt, "tiers": tiers}, timeout_s=330)

    def verdict(self, call: str, *, good: bool) -> Doc:
        """Whether a cheaper tier's answer to that call would have done, as the user judged it."""
        return self.ask("POST", "verdicts", {"call": call, "good": good})

    def shadow(self, *, last: int, sample: int, usd: str, on: str) -> Doc:
        """Asks some calls again of a cheaper model; takes as long as they do."""
        asked: Doc = {"last": last, "sample": sample, "usd": usd, "on": on}
        return self.ask("POST", "shadow", asked, timeout_s=200.0 * sample + 20)

    def shadow_plan(self, *, last: int, sample: int, on: str) -> Doc:
        """What a check would ask again and about what that costs; asks nothing."""
        return self.ask("POST", "shadow/plan", {"last": last, "sample": sample, "on": on})

    def shadow_steps(self, *, last: int, sample: int, usd: str, on: str) -> Iterator[Doc]:
        """The check call by call, with a line every second; leaving it unread ends it."""
        yield from self._lines("shadow/steps", {"last": last, "sample": sample, "usd": usd, "on": on}, "check", 30.0)

    def keep(self, kind: str, key: str, value: str | Doc | None) -> Doc:
        """A small thing beside the ledger (the calibration, a verdict); None drops it."""
        return self.ask("POST", "keep", {"kind": kind, "key": key, "value": value})

    def nodes(self) -> list[Node]:
        """Each Ollama with its models, as it says now."""
        return nodes_of(self.ask("GET", "nodes", timeout_s=30))

    def models_pull(self, name: str, provider: str = "") -> Iterator[Doc]:
        """Lines of progress {"status", "completed", "total"} as the local engine tells them, until it is done."""
        yield from self._lines("models/pull", {"name": name, "provider": provider}, "pull", 600.0)

    def _lines(self, path: str, asked: Doc, what: str, silent_s: float) -> Iterator[Doc]:
        """JSON lines as they come; an {"error"} line is raised."""
        try:
            with Answer(self._host, self._port, silent_s) as answer:
                answer.send("POST", f"/_control/v1/{path}", self._headers(), json.dumps(asked).encode())
                if answer.status >= 400:
                    raise _refused(json.loads(answer.body() or b"{}"), answer.status)
                for line in answer.lines():
                    if line.strip():
                        doc = json.loads(line)
                        if "error" in doc:
                            raise _refused(doc, 502)
                        yield doc
        except (OSError, ValueError) as error:
            raise ControlError(f"The {what} broke off ({type(error).__name__}).", hint="Run it again.") from error

    def models_remove(self, name: str, provider: str = "") -> Doc:
        return self.ask(
            "DELETE", f"models/{quote(name, safe='')}", {"provider": provider} if provider else None, timeout_s=70
        )

    def models_load(self, name: str, provider: str = "", *, on: bool = True) -> Doc:
        """Into the engine's memory, or out of it; a large model takes minutes."""
        verb = "load" if on else "unload"
        return self.ask("POST", f"models/{quote(name, safe='')}/{verb}", {"provider": provider}, timeout_s=620)

    def shutdown(self) -> Doc:
        return self.ask("POST", "shutdown")


def _refused(doc: object, status: int) -> ControlError:
    inner = doc.get("error", {}) if isinstance(doc, dict) else {}
    told = inner if isinstance(inner, dict) else {"message": str(inner)}
    message = str(told.get("message") or f"The proxy answered with status {status}.")
    failed = ControlError(message, hint=str(told.get("hint") or ""))
    failed.refused = True
    failed.answer_code = str(told.get("code") or "")
    return failed
