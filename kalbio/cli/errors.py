"""How a command ends: its exit codes, and what it says of an error in a line or two."""

from __future__ import annotations

from kalbio._core.text.display import one_line

DONE = 0
FAILED = 1
WRONG_USE = 2
STOPPED = 3
UNKNOWN = 4
NOT_YET = 5

EXIT_CODES = """\
Exit codes: 0 done; 1 it failed, or a part of it did; 2 an argument, a name or a setting is wrong, and nothing was
written; 3 stopped with Ctrl-C, or not confirmed; 4 nobody knows whether a write was carried out; 5 what was waited for
has not ended."""

_LONGEST = 600


class Stop(Exception):
    """Ends a command with a text and an exit code."""

    def __init__(self, text: str, code: int = FAILED, cure: str = "") -> None:
        super().__init__(text)
        self.code = code
        self.cure = cure


def told(error: Exception) -> tuple[str, int]:
    """Return what is printed of an error, and the exit code."""
    from kalbio._core.errors import (
        APIError,
        IdentifierError,
        JournalError,
        OutcomeUnknownError,
        ResponseError,
        SDKError,
        SettingError,
        TransportError,
        WaitTimeoutError,
    )
    from kalbio._extras import OPTIONAL

    if isinstance(error, Stop):
        return _lines(str(error), error.cure), error.code
    if isinstance(error, APIError):
        said = error.message or error.response_body.decode("utf-8", "replace")
        text = f"{error.method} {error.path} failed with status {error.status_code}{f': {said}' if said else ''}"
        return _lines(text, error.cure, is_ours=False), FAILED
    if isinstance(error, OutcomeUnknownError):
        return _lines(str(error), error.cure, is_ours=False), UNKNOWN
    if isinstance(error, WaitTimeoutError):
        # The cure of the library names an argument.
        return _lines(str(error), "It goes on: wait for it again, with a larger --timeout."), NOT_YET
    if isinstance(error, SettingError | IdentifierError) or (
        isinstance(error, JournalError) and error.outcome is None  # so nothing was sent
    ):
        return _lines(str(error), error.cure), WRONG_USE
    if isinstance(error, SDKError):
        return _lines(str(error), error.cure, is_ours=not isinstance(error, ResponseError | TransportError)), FAILED
    if isinstance(error, ValueError):
        return _lines(str(error)), WRONG_USE
    if isinstance(error, ModuleNotFoundError) and error.name in OPTIONAL:
        return f"kalbio: {error}\n", FAILED
    if isinstance(error, OSError):
        # Its number says nothing to people, and without a file the text is all there is.
        about = f": {error.filename!r}" if error.filename is not None else ""
        return _lines(f"{error.strerror}{about}" if error.strerror else str(error)), FAILED
    text = f"unexpected {type(error).__name__}: {error}"
    return _lines(text, "This is a fault of kalbio; --debug shows where.", is_ours=False), FAILED


def _lines(text: str, cure: str = "", *, is_ours: bool = True) -> str:
    """Return what is printed. A text that has words of a server in it is not ours: they are shown as they came."""
    from kalbio.cli.spelling import as_typed

    # What the client says names arguments of Python, also where an error comes from deep below a command.
    shown = as_typed(one_line(text)) if is_ours else one_line(text)
    cure = as_typed(cure)
    shown = shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}... (--debug shows the rest)"
    return f"kalbio: {shown}\n{cure}\n" if cure else f"kalbio: {shown}\n"
