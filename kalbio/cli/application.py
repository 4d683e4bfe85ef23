"""The table of the commands, and what runs one of them."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence
from typing import Any, TextIO

import click

from kalbio._version import __version__
from kalbio.cli.errors import DONE, EXIT_CODES, FAILED, STOPPED, WRONG_USE, told
from kalbio.cli.lazy import LazyCommand, LazyGroup
from kalbio.cli.options import Run

_COMPLETE = "_KALBIO_COMPLETE"


COMMANDS = {
    "login": LazyCommand("kalbio.cli.login", "login", "keep url and credentials in a profile"),
    "logout": LazyCommand("kalbio.cli.login", "logout", "remove a profile"),
    "whoami": LazyCommand("kalbio.cli.login", "whoami", "say which workspace and which credentials are in use"),
    "fields": LazyCommand("kalbio.cli.listings", "fields", "list the fields"),
    "types": LazyCommand("kalbio.cli.listings", "types", "list the entity types"),
    "programs": LazyCommand("kalbio.cli.listings", "programs", "list the programs"),
    "views": LazyCommand("kalbio.cli.listings", "views", "list the record views"),
    "activities": LazyCommand("kalbio.cli.activities", "activities", "list activities, show one and its records"),
    "records": LazyCommand("kalbio.cli.records", "records", "read, search, load and export records"),
    "files": LazyCommand("kalbio.cli.files", "files", "download and upload files"),
    "imports": LazyCommand("kalbio.cli.imports", "imports", "list, show and wait for imports"),
    "registration": LazyCommand(
        "kalbio.cli.registration", "registration", "list and watch the registrations of an activity"
    ),
    "mirror": LazyCommand("kalbio.cli.mirror", "mirror", "keep a local copy of the workspace, for SQL"),
    "events": LazyCommand("kalbio.cli.events", "events", "list what happened in the workspace"),
    "raw": LazyCommand("kalbio.cli.raw", "raw", "call any operation of the API by its id"),
    "doctor": LazyCommand("kalbio.cli.doctor", "doctor", "find where the platform and its description differ"),
    "sandbox": LazyCommand("kalbio.cli.sandbox", "sandbox", "run a local emulator of the API"),
    "inbox": LazyCommand("kalbio.cli.inbox", "inbox", "see and decide about the events that a registrar has received"),
    "provena": LazyCommand("kalbio.cli.provena", "provena", "work with Provena, the provenance system"),
    "completion": LazyCommand(
        "kalbio.cli.completion", "completion", "print the script that completes commands in a shell"
    ),
}


@click.group(cls=LazyGroup, lazy_commands=COMMANDS, epilog=EXIT_CODES)
@click.version_option(__version__, message="%(version)s")
def kalbio() -> None:
    """Work with the Kaleidoscope R&D platform from the shell."""


def run(arguments: Sequence[str]) -> int:
    """Run the command line; gives the exit code."""
    state = Run()
    _as_text(sys.stdout)
    _as_text(sys.stderr)
    if _COMPLETE in os.environ:
        from click.shell_completion import shell_complete

        return shell_complete(kalbio, {}, "kalbio", _COMPLETE, os.environ[_COMPLETE])
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            code = _invoke(arguments, state)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader has had enough: `| head`. What is still in the buffer must not fail when Python ends.
        _close_for_good(sys.stdout)
        return DONE
    return code


def _invoke(arguments: Sequence[str], state: Run) -> int:
    try:
        with kalbio.make_context("kalbio", list(arguments), obj=state) as context:
            result: Any = kalbio.invoke(context)
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        sys.stderr.write(f"{error.format_message()}\n")
        return WRONG_USE
    except click.UsageError as error:
        hint = f"See: {error.ctx.command_path} --help\n" if error.ctx is not None else ""
        sys.stderr.write(f"kalbio: {error.format_message()}\n{hint}")
        return WRONG_USE
    except click.ClickException as error:
        sys.stderr.write(f"kalbio: {error.format_message()}\n")
        return FAILED
    except (KeyboardInterrupt, click.Abort):
        sys.stderr.write(f"\nStopped.{state.when_stopped}\n")
        return STOPPED
    except BrokenPipeError:
        raise
    except Exception as error:
        if state.debug:
            import traceback

            traceback.print_exception(error)
        text, code = told(error)
        sys.stderr.write(text)
        return state.code_of_errors or code
    return result if isinstance(result, int) else DONE


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    sys.stderr.write(f"kalbio: warning: {message}\n")


def _as_text(stream: TextIO) -> None:
    """Let every text be written: a pipe or a file gets UTF-8, a terminal escapes of what it cannot show."""
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace", **({} if stream.isatty() else {"encoding": "utf-8"}))


def _close_for_good(stream: TextIO) -> None:
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
    except (OSError, ValueError):  # a stream without a file
        pass
