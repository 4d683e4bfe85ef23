"""The table of the commands, and what runs one of them."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NamedTuple, TextIO

import click

from kalbio._version import __version__
from kalbio.cli.errors import DONE, EXIT_CODES, FAILED, STOPPED, WRONG_USE, told
from kalbio.cli.options import Run

_COMPLETE = "_KALBIO_COMPLETE"


class _Place(NamedTuple):
    """Where a command is defined, and the line of `kalbio --help`, which loads no command."""

    module: str
    name: str
    help: str


COMMANDS = {
    "login": _Place("login", "login", "keep url and credentials in a profile"),
    "logout": _Place("login", "logout", "remove a profile"),
    "whoami": _Place("login", "whoami", "say which workspace and which credentials are in use"),
    "fields": _Place("listings", "fields", "list the fields"),
    "types": _Place("listings", "types", "list the entity types"),
    "programs": _Place("listings", "programs", "list the programs"),
    "views": _Place("listings", "views", "list the record views"),
    "activities": _Place("activities", "activities", "list activities, show one and its records"),
    "records": _Place("records", "records", "read, search, load and export records"),
    "files": _Place("files", "files", "download and upload files"),
    "imports": _Place("imports", "imports", "list, show and wait for imports"),
    "registration": _Place("registration", "registration", "list and watch the registrations of an activity"),
    "events": _Place("events", "events", "list what happened in the workspace"),
    "raw": _Place("raw", "raw", "call any operation of the API by its id"),
    "doctor": _Place("doctor", "doctor", "find where the platform and its description differ"),
    "sandbox": _Place("sandbox", "sandbox", "run a local emulator of the API"),
    "inbox": _Place("inbox", "inbox", "see and decide about the events that a registrar has received"),
    "provena": _Place("provena", "provena", "what there is for Provena"),
    "completion": _Place("completion", "completion", "print the script that completes commands in a shell"),
}


class _Commands(click.Group):
    """The group of all commands: each is loaded when it runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        place = COMMANDS.get(cmd_name)
        if place is None:
            return None
        command: click.Command = getattr(import_module(f"kalbio.cli.{place.module}"), place.name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, place.help) for name, place in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from kalbio._core.objects.identifiers import did_you_mean

            ctx.fail(f"There is no command {args[0]!r}.{did_you_mean(args[0], COMMANDS)}")
        return super().resolve_command(ctx, args)


@click.group(cls=_Commands, epilog=EXIT_CODES)
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
