"""Every error Turnout raises on purpose, one tree.

    TurnoutError                      500  turnout_error
      BadRequestError                 400  turnout_bad_request     `path` names the JSON field
        TooLargeError                 413  turnout_too_large
        UnsupportedMediaError         415  turnout_unsupported_media
      ForbiddenError                  403  turnout_forbidden       wrong Host, foreign Origin
      UnauthorizedError               401  turnout_unauthorized    no client token, or a wrong one
      NotFoundError                   404  turnout_not_found       no such path, model or call
      MethodError                     405  turnout_method
      BusyError                       429  turnout_busy            more calls at once than are served; told to wait a second
      CircleError                     508  turnout_circle          the call came through a Turnout before
      Refusal                         400                          told to the client as a refusal
        BudgetRefusal                      turnout_budget
        LoopRefusal                        turnout_loop
        PolicyRefusal                      turnout_policy
        LedgerRefusal                      turnout_ledger
      UpstreamError                   502  turnout_upstream        an engine failed us
        EngineUnreachableError        502  turnout_engine_unreachable   no byte was accepted: safe to retry
        EngineTimeoutError            504  turnout_engine_timeout
        EngineStatusError             (its own status)  turnout_engine_status
        NoEngineError                 400  turnout_no_engine       nothing configured can serve this call; agents show a 400
                                                                 and do not send it again, where they would retry a 503
      SettingsError                   500  turnout_settings        `file`, `line`, `column` (1-based, 0: unknown)
      KeysError                       400  turnout_keys            no key, or a keyring locked, missing or lying (400 as above)
      LedgerError                     500  turnout_ledger
      ControlError                    502  turnout_control         the proxy does not answer

Each class fixes `status` (HTTP) and `code`; each instance has a message and a one-sentence `hint` that tells the
developer what to do. Never a key or a prompt in either.
"""

from typing import ClassVar


class TurnoutError(Exception):
    """The root; `str(error)` is the message alone."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "turnout_error"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    @property
    def said(self) -> str:
        """Message and hint as one text, for people."""
        end = "." if self.hint and self.message and self.message[-1] not in ".!?:" else ""
        return f"{self.message}{end} {self.hint}".strip()


class BadRequestError(TurnoutError):
    status = 400
    code = "turnout_bad_request"

    def __init__(self, message: str, *, path: str = "", hint: str = "") -> None:
        super().__init__(f"{path}: {message}" if path else message, hint=hint)
        self.path = path
        """Where in the body: `messages[3].content[0].text`; empty when it is the body itself."""


class TooLargeError(BadRequestError):
    status = 413
    code = "turnout_too_large"


class UnsupportedMediaError(BadRequestError):
    status = 415
    code = "turnout_unsupported_media"


class ForbiddenError(TurnoutError):
    status = 403
    code = "turnout_forbidden"


class UnauthorizedError(TurnoutError):
    status = 401
    code = "turnout_unauthorized"


class NotFoundError(TurnoutError):
    status = 404
    code = "turnout_not_found"


class MethodError(TurnoutError):
    status = 405
    code = "turnout_method"


class BusyError(TurnoutError):
    status = 429
    code = "turnout_busy"


class CircleError(TurnoutError):
    status = 508
    code = "turnout_circle"


class Refusal(TurnoutError):  # noqa: N818  the product's own noun: a refusal is an answer, not an accident
    status = 400
    code = "turnout_policy"
    rule = ""
    """The rule under which it was refused, where one had matched."""


class BudgetRefusal(Refusal):
    code = "turnout_budget"


class LoopRefusal(Refusal):
    code = "turnout_loop"


class PolicyRefusal(Refusal):
    code = "turnout_policy"

    def __init__(self, message: str, *, hint: str = "", private: bool = False) -> None:
        super().__init__(message, hint=hint)
        self.private = private
        """The conversation is private and found no engine inside the walls: it stays private, though nothing was sent."""


class LedgerRefusal(Refusal):
    code = "turnout_ledger"


class UpstreamError(TurnoutError):
    status = 502
    code = "turnout_upstream"


class EngineUnreachableError(UpstreamError):
    code = "turnout_engine_unreachable"


class EngineTimeoutError(UpstreamError):
    status = 504
    code = "turnout_engine_timeout"


class EngineStatusError(UpstreamError):
    """The engine answered with an error of its own; `answer_status` is relayed to the client."""

    code = "turnout_engine_status"

    def __init__(self, message: str, *, answer_status: int, retry_after_s: float | None = None, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.answer_status = answer_status
        self.retry_after_s = retry_after_s
        self.kind = ""
        """The vendor's own error type, where it told one."""
        self.headers: list[tuple[bytes, bytes]] = []
        """Rate limits and ids to relay with it."""
        self.raw: bytes | None = None
        """The engine's body, when the client speaks its dialect."""


class NoEngineError(UpstreamError):
    status = 400
    code = "turnout_no_engine"


class SettingsError(TurnoutError):
    code = "turnout_settings"

    def __init__(self, message: str, *, file: str = "", line: int = 0, column: int = 0, hint: str = "") -> None:
        place = f"{file}:{line}:{column}: " if line else (f"{file}: " if file else "")
        super().__init__(place + message, hint=hint)
        self.file, self.line, self.column = file, line, column
        self.bare = message
        """The message without the place, for an editor that marks the place itself."""


class KeysError(TurnoutError):
    status = 400
    code = "turnout_keys"


class LedgerError(TurnoutError):
    code = "turnout_ledger"


class ControlError(TurnoutError):
    status = 502
    code = "turnout_control"

    refused = False
    """The proxy answered, and said no; False: it does not answer at all."""
    answer_code = ""
    """The code of the error that it answered with."""
