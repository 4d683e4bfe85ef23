"""The command on a terminal, and what holds for every command."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from kalbio.cli.application import COMMANDS, kalbio
from tests.cli.conftest import Shell
from tests.rows import row

PRINT_NOTHING = {
    "doctor",
    "sandbox",
    "provena sandbox",
    "logout",
    "provena logout",
    "provena doctor",
    "completion",
    "inbox retry",
    "inbox drop",
}
"""Commands whose output is a sentence or a report of its own."""


def commands(group: click.Group, name: str = "") -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, by its words."""
    context = click.Context(group)
    for word in group.list_commands(context):
        command = group.get_command(context, word)
        assert command is not None
        words = f"{name} {word}".strip()
        if isinstance(command, click.Group):
            yield from commands(command, words)
        else:
            yield words, command


def test_every_command_prints_json_and_csv_and_can_be_debugged() -> None:
    """Commands that print what they found have --json and --csv, all have --debug, and each has a help."""
    found = dict(commands(kalbio))
    assert len(found) > 25
    for name, command in found.items():
        with row(name):
            options = {option for parameter in command.params for option in parameter.opts}
            assert name in PRINT_NOTHING or {"--json", "--csv"} <= options
            assert name == "completion" or "--debug" in options
            assert command.help
    assert {name.split()[0] for name in found} == set(COMMANDS)


def on_a_terminal(*arguments: str) -> str:
    """What a command shows on a terminal of its own, which has both of its outputs."""
    import pty

    child, terminal = pty.fork()
    if child == 0:
        os.environ |= {"TERM": "xterm", "COLUMNS": "120", "NO_COLOR": "1"}
        os.execv(sys.executable, [sys.executable, "-m", "kalbio", *arguments])
    told = b""
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        told += piece
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    return told.decode()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such terminals")
def test_bars_and_tables_are_for_terminals(shell: Shell) -> None:
    """On a terminal there is a bar and a table of rich; in a pipe there is neither a bar nor an escape."""
    shown = on_a_terminal("records", "table", "Compound")
    assert "records  [####" in shown
    assert "SBX-1" in shown
    piped = shell("records", "table", "Compound")
    assert (piped.err, "\x1b" in piped.out) == ("", False)


def test_what_moves_a_cursor_is_shown_as_an_escape(shell: Shell) -> None:
    """No text of the platform reaches a terminal as a command to it."""
    from kalbio import KaleidoscopeClient

    with KaleidoscopeClient() as client:
        client.programs.create_program("\x1b]0;title\x07[red]x[/red]")
    assert "\\x1b]0;title\\x07[red]x[/red]" in shell("programs").out
    if sys.platform != "win32":
        assert "\\x1b]0;title\\x07[red]x[/red]" in on_a_terminal("programs")


def test_an_inbox_is_listed_in_each_form(shell: Shell, tmp_path: Path) -> None:
    """`kalbio inbox` prints text, JSON and CSV."""
    from kalbio.webhooks.inbox import Inbox

    path = tmp_path / "inbox.db"
    inbox = Inbox(path)
    inbox.put("x:a", "x", b'{"event": "x"}')
    inbox.close()
    listed = shell("inbox", "list", "--inbox", path).out
    assert "x:a" in listed
    assert "--state" not in listed
    assert [event["key"] for event in shell("inbox", "list", "--inbox", path, "--json").json["events"]] == ["x:a"]
    head, line = shell("inbox", "list", "--inbox", path, "--csv").out.splitlines()
    assert dict(zip(head.split(","), line.split(","), strict=True))["key"] == "x:a"
    assert shell("inbox", "show", "x:a", "--inbox", path, "--json").json["payload"] == {"event": "x"}
    shell("inbox", "drop", "x:a", "--inbox", path)
    assert "--state done and --state dropped list the rest" in shell("inbox", "list", "--inbox", path).out
    assert "x:a" in shell("inbox", "list", "--state", "dropped", "--inbox", path).out
    assert "no inbox" in shell("inbox", "list", "--inbox", tmp_path / "none.db", code=1).err
