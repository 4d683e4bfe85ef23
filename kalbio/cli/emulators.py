"""What the commands that run a local emulator have in common: what they say at the start, and of each request."""

from __future__ import annotations

import json
import logging
import os
import signal
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import wraps
from typing import Any, NamedTuple, TypeVar

import click

from kalbio.cli.errors import Stop

Function = TypeVar("Function", bound=Callable[..., Any])
Variables = Mapping[str, str]

EXIT_CODES = """\
Exit codes: 0 stopped with Ctrl-C or SIGTERM; 1 it could not start, and said why; 2 an option is wrong."""

_NARROW = 17


def fault_help(operation: str) -> str:
    """Say what a fault is, with an operation of the service as the example."""
    return (
        f"A fault to inject, such as {operation}:lose_answer:rate=0.1 or *:status=503,retry_after=1:times=5; "
        "may be given several times."
    )


def data_line(db: str | None, state: str) -> str:
    """Say where the data is."""
    return "in memory, lost at the end" if db is None else f"{db} ({state})"


class Announcement(NamedTuple):
    """What is said at the start.

    Attributes:
        title: what runs.
        url: where it runs.
        facts: what else is worth a line.
        logins: what to say before the lines to paste, and the environment variables of these; an empty one is removed.
        commands: what to say before a command to type, and the command.
    """

    title: str
    url: str
    facts: Mapping[str, str]
    logins: Sequence[tuple[str, Variables]]
    commands: Sequence[tuple[str, str]] = ()


class Console:
    """Where a running emulator says what happens: as lines for people, or as one JSON object a line."""

    def __init__(self, *, verbose: bool, quiet: bool, as_json: bool) -> None:
        self._level = logging.CRITICAL + 1 if quiet else logging.DEBUG if verbose else logging.INFO
        self.is_json = as_json

    def serve_until_stopped(self, announcement: Announcement, logger: logging.Logger) -> None:
        """Say where the emulator is, and wait for Ctrl-C; meanwhile, show what it logs."""
        with _shown(logger, self._level, _as_json if self.is_json else _as_line):
            _write(_start_object(announcement) if self.is_json else _start_text(announcement))
            wait_for_ctrl_c()

    def say_stopped(self) -> None:
        """Say that it was stopped, which is how one ends."""
        _write(_dump("stop", {}) if self.is_json else "\nSandbox stopped.")


def wait_for_ctrl_c() -> None:
    """Wait until somebody presses it, or ends the process in an orderly way."""
    threading.Event().wait()


@contextmanager
def _sigterm_like_ctrl_c() -> Iterator[None]:
    """Take SIGTERM, which is how others stop a service, for Ctrl-C while the block runs."""
    if threading.current_thread() is not threading.main_thread():  # no other one hears of signals
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        # One that Python did not install is None, and cannot be put back.
        signal.signal(signal.SIGTERM, signal.SIG_DFL if before is None else before)


def talking(function: Function) -> Function:
    """Give a command the options that say how much it says, as a `Console` named `console`, and its exit codes."""

    @wraps(function)
    def called(*args: Any, verbose: bool, quiet: bool, log_json: bool, **kwargs: Any) -> int:
        if verbose and quiet:
            raise click.UsageError("--verbose and --quiet cannot both be given.", click.get_current_context())
        console = Console(verbose=verbose, quiet=quiet, as_json=log_json)
        try:
            with _sigterm_like_ctrl_c():
                function(*args, console=console, **kwargs)
        except KeyboardInterrupt:
            console.say_stopped()
        except ValueError as error:
            from kalbio._core.emulator.store import UnusableFileError

            if isinstance(error, UnusableFileError):
                raise Stop(str(error)) from error
            raise  # what is said of a wrong option
        except sqlite3.DatabaseError as error:  # of a file that is damaged, locked by another program, or cannot grow
            raise Stop(f"the database cannot be used: {error}") from error
        return 0

    for option in (
        click.option("--log-json", is_flag=True, help="Print one JSON object a line, for programs that read logs."),
        click.option("--quiet", is_flag=True, help="Print the lines of the start, and nothing after them."),
        click.option("--verbose", is_flag=True, help="Print the bodies of requests and answers too."),
    ):
        called = option(called)
    return called  # type: ignore[return-value]  # without the options


# how it looks


def _start_text(announcement: Announcement) -> str:
    facts = "".join(f"{f'{name}:':{_NARROW}}{text}\n" for name, text in announcement.facts.items())
    pasted = ""
    for intro, variables in announcement.logins:
        pasted += f"\n{intro}\n"
        for shell, spelled in _SHELLS:
            # A heading that each of them takes for a comment: whoever copies it too does no harm.
            pasted += f"\n# in {shell}\n" + "".join(f"{spelled(*variable)}\n" for variable in variables.items())
    pasted += "".join(f"\n{intro}\n\n{command}\n" for intro, command in announcement.commands)
    return f"{announcement.title} at {announcement.url}\n{facts}{pasted}\nCtrl-C stops it."


def _start_object(announcement: Announcement) -> str:
    facts = {name.lower().replace(" ", "_"): text for name, text in announcement.facts.items()}
    return _dump("start", {"title": announcement.title, "url": announcement.url, **facts})


def _bash(name: str, text: str) -> str:
    return f"export {name}={text}" if text else f"unset {name}"


def _powershell(name: str, text: str) -> str:
    return f'$env:{name} = "{text}"'  # an empty text removes it


def _notebook(name: str, text: str) -> str:
    return f"%env {name}={text}"


# The values are addresses and names of the emulator's own making: no shell reads anything into them.
_SHELLS = (("bash or zsh", _bash), ("PowerShell", _powershell), ("a notebook", _notebook))


def _as_line(record: logging.LogRecord) -> str:
    time = f"{datetime.fromtimestamp(record.created):%H:%M:%S}"
    text = record.getMessage()
    if not _in_colour():
        return f"{time} {text}"
    return f"{click.style(time, dim=True)} {click.style(text, fg=_colour(record))}"


def _colour(record: logging.LogRecord) -> str | None:
    status = getattr(record, "status", None) or 0
    if hasattr(record, "fault"):
        return "magenta"
    if record.levelno >= logging.WARNING or status >= 500:
        return "red"
    return "yellow" if status >= 400 else None


def _in_colour() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _as_json(record: logging.LogRecord) -> str:
    from kalbio._core.emulator.access_log import PARTS

    fields = {name: value for name in PARTS if (value := getattr(record, name, None)) is not None}
    return _dump(fields.pop("kind", "log"), {"level": record.levelname, **(fields or {"message": record.getMessage()})})


def _dump(kind: str, fields: Mapping[str, Any]) -> str:
    time = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return json.dumps({"time": time, "kind": kind, **fields}, ensure_ascii=False)


def _write(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


class _Handler(logging.Handler):
    """Prints records, as long as somebody reads them."""

    def __init__(self, shown: Callable[[logging.LogRecord], str]) -> None:
        super().__init__()
        self._shown = shown

    def emit(self, record: logging.LogRecord) -> None:
        try:
            _write(self._shown(record))
        except BrokenPipeError:  # the reader has had enough; the emulator goes on
            self.setLevel(logging.CRITICAL + 1)
        except Exception:
            self.handleError(record)


@contextmanager
def _shown(logger: logging.Logger, level: int, shown: Callable[[logging.LogRecord], str]) -> Iterator[None]:
    """Print what a logger says while the block runs, and nowhere else."""
    handler = _Handler(shown)
    before = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(level)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before[0])  # the attribute alone would leave what loggers have worked out from it
        logger.propagate = before[1]
