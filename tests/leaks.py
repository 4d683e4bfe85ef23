"""Watches everything that the tests write, and looks for secrets in it.

No list of secrets is kept: each one that the tests use carries a mark. The sandbox marks its tokens itself.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import logging
import os
import pickle
import subprocess
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kalbio import KalbioError
from tests.recording import CASSETTES

SAMPLES = CASSETTES.parent / "samples"
MARKS = ("sandbox-token-", "sandbox-secret")


def _forms(mark: str) -> set[bytes]:
    """A mark as it is, in hexadecimal, and in base64, where it looks different at each of three places."""
    plain = mark.encode()
    forms = {plain, plain.hex().encode(), plain.hex().upper().encode()}
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for before in range(3):
            text = encode(b"\0" * before + plain)
            # The characters at the ends also hold bits of the neighbours.
            forms.add(text[-(-before * 4 // 3) : len(plain) * 8 // 6])
    return forms


# The commands print the made-up secret of their sandbox, for clients to be pointed at it.
ANNOUNCED = [
    line.format(f"{name}_CLIENT_SECRET").encode()
    for name in ("KALEIDOSCOPE_API", "PROVENA")
    for line in ("export {}=sandbox-secret\n", '$env:{} = "sandbox-secret"\n', "%env {}=sandbox-secret\n")
]


class Watch:
    """What was looked through, and where a secret was found."""

    def __init__(self, *marks: str) -> None:
        self._forms = sorted(form for mark in marks or MARKS for form in _forms(mark))
        self.pieces: Counter[str] = Counter()
        self.bytes = 0
        self.found: list[str] = []

    def look(self, kind: str, text: object, where: str = "") -> None:
        """Look through one piece of text or bytes; anything else is looked at as str() shows it."""
        data = bytes(text) if isinstance(text, bytes | bytearray) else str(text).encode("utf-8", "backslashreplace")
        self.pieces[kind] += 1
        self.bytes += len(data)
        for line in ANNOUNCED:
            data = data.replace(line, b"")
        for form in self._forms:
            if form in data:
                at = data.index(form)
                place = where or os.environ.get("PYTEST_CURRENT_TEST", "")
                self.found.append(f"{kind}: {place}: {data[max(at - 60, 0) : at + 40]!r}")
                return

    def look_at_files(self, kind: str, folder: Path) -> None:
        """Look through every file of a folder, whatever it is, but compiled code, which says what its source says."""
        for path in folder.rglob("*"):
            if path.is_file() and not path.is_symlink() and path.suffix != ".pyc":
                self.look(kind, path.read_bytes(), str(path))

    def look_at_error(self, error: BaseException) -> None:
        """Look at what a traceback would print of an error and its causes, and at its attributes and pickle."""
        # Without source lines: those of a test may name the secret that it plants.
        lines = traceback.TracebackException.from_exception(error, lookup_lines=False).format_exception_only()
        self.look("errors", "".join(lines) + repr(error))
        if isinstance(error, KalbioError):
            self.look("errors", vars(error))
            with contextlib.suppress(TypeError, AttributeError, pickle.PicklingError):  # it carries what the test gave
                pickle.dumps(error)
        cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        if cause is not None:
            self.look_at_error(cause)

    def look_at_record(self, record: logging.LogRecord) -> None:
        """Look at a log record as a handler prints it, and at its parts, which others send elsewhere."""
        self.look(f"logs of {record.name.partition('.')[0]}", f"{record.getMessage()} {record.msg!r} {record.args!r}")
        if record.exc_info and record.exc_info[1]:
            self.look_at_error(record.exc_info[1])


def overhear(watch: Watch, patch: pytest.MonkeyPatch) -> None:
    """Pass on to the watch what tests read away, raise and log, at all levels of all loggers."""

    def after(owner: Any, name: str, look: Callable[..., None]) -> None:
        original = getattr(owner, name)

        @functools.wraps(original)
        def call(*arguments: Any, **named: Any) -> Any:
            result = original(*arguments, **named)
            look(result, *arguments)
            return result

        call.__annotations__ = getattr(original, "__annotations__", {})  # for tests of hints
        patch.setattr(owner, name, call)

    def outputs(result: Iterable[Any], *_: Any) -> None:
        for text in result:
            watch.look("output", text or "")

    def raised(_: Any, context: Any, kind: Any, error: BaseException | None, *__: Any) -> None:
        if error is not None:
            watch.look_at_error(error)

    after(pytest.CaptureFixture, "readouterr", outputs)
    after(subprocess.Popen, "communicate", outputs)
    after(pytest.RaisesExc, "__exit__", raised)
    after(KalbioError, "__init__", lambda _, error, *__: watch.look("errors", f"{error} {error!r} {vars(error)}"))
    after(pickle, "dumps", lambda result, *_: watch.look("pickles", result))

    enabled, pass_on = logging.Logger.isEnabledFor, logging.Logger.callHandlers

    def enabled_at_debug(logger: logging.Logger, level: int) -> bool:
        """Whether the record would be made if the root logger stood at its lowest level."""
        while logger.parent is not None:
            if logger.level:
                return level >= logger.level
            logger = logger.parent
        return True

    def call_handlers(logger: logging.Logger, record: logging.LogRecord) -> None:
        watch.look_at_record(record)
        # The handlers see what they always see.
        if enabled(logger, record.levelno):
            pass_on(logger, record)

    patch.setattr(logging.Logger, "isEnabledFor", enabled_at_debug)
    patch.setattr(logging.Logger, "callHandlers", call_handlers)


# -- the plugin -------------------------------------------------------------------------------------------------------

_WATCH = pytest.StashKey[Watch]()
_PATCH = pytest.StashKey[pytest.MonkeyPatch]()


def pytest_configure(config: pytest.Config) -> None:
    """Begin to watch."""
    watch, patch = Watch(), pytest.MonkeyPatch()
    config.stash[_WATCH], config.stash[_PATCH] = watch, patch
    overhear(watch, patch)
    if not config.getoption("numprocesses", None):  # else the processes that run the tests listen
        config.pluginmanager.register(_Reports(watch))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave everything as it was."""
    config.stash[_PATCH].undo()


@pytest.fixture(scope="session", autouse=True)
def _look_at_files(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """When all tests have run, look at what they left in files."""
    yield
    watch = request.config.stash[_WATCH]
    watch.look_at_files("files", tmp_path_factory.getbasetemp())
    watch.look_at_files("cassettes", CASSETTES)
    watch.look_at_files("samples", SAMPLES)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run when anything holds a secret; where several processes run the tests, the first one gathers."""
    watch = session.config.stash[_WATCH]
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["watch"] = {"pieces": dict(watch.pieces), "bytes": watch.bytes, "found": watch.found}
    elif watch.found:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over what one of the processes has seen."""
    watch, seen = node.config.stash[_WATCH], getattr(node, "workeroutput", {}).get("watch")
    if seen is not None:  # the process has not died
        watch.pieces.update(seen["pieces"])
        watch.bytes += seen["bytes"]
        watch.found += seen["found"]


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say where secrets were found, and how much was looked through."""
    watch = config.stash[_WATCH]
    for found in watch.found:
        terminalreporter.write_line(f"SECRET in {found}", red=True)
    pieces = ", ".join(f"{count} {kind}" for kind, count in sorted(watch.pieces.items()))
    terminalreporter.write_line(f"{len(watch.found)} secrets in {watch.bytes} bytes: {pieces}")


class _Reports:
    """Listens to what pytest itself captures."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for name, text in report.sections if report.when == "teardown" else ():  # the last one has all of them
            self.watch.look("output", text, f"{report.nodeid} {name}")

    def pytest_warning_recorded(self, warning_message: Any) -> None:
        self.watch.look("warnings", warning_message.message)
