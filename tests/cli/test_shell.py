"""The command as a process: what it loads, pipes, Ctrl-C, errors."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kalbio.sandbox import Fault
from kalbio.testing import InProcess
from tests.cli.conftest import Shell

KALBIO = [sys.executable, "-m", "kalbio"]


def modules_of(*arguments: str) -> set[str]:
    """The modules that a command has loaded when it ends."""
    code = (
        "import sys\nfrom kalbio.cli import main\n"
        f"main({list(arguments)!r})\nsys.stderr.write(repr(sorted(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(ast.literal_eval(run.stderr.splitlines()[-1]))


def test_help_loads_no_command() -> None:
    """The help of all loads click and a few small modules: no command, no client, neither JSON nor rich."""
    loaded = modules_of("--help")
    ours = {name for name in loaded if name.startswith(("kalbio", "kaleidoscope_api"))}
    assert ours == {
        "kalbio", "kalbio._core", "kalbio._core.text", "kalbio._core.text.display", "kalbio._extras", "kalbio._version",
        "kalbio.cli", "kalbio.cli.application", "kalbio.cli.errors", "kalbio.cli.lazy", "kalbio.cli.options",
    }  # fmt: skip
    assert loaded & {"httpx", "attrs", "attr", "rich", "json.encoder", "kalbio.client", "ssl", "asyncio"} == set()


def test_a_command_loads_what_it_needs() -> None:
    """The help of one command loads no client, and no other command."""
    loaded = modules_of("records", "table", "--help")
    assert "kalbio.cli.records" in loaded
    assert loaded & {"kalbio.client", "kalbio.cli.listings", "httpx", "rich"} == set()
    loaded = modules_of("provena", "datasets", "--help")
    assert "kalbio.cli.provena.datasets" in loaded
    assert loaded & {"kalbio.client", "kalbio.provena", "kalbio.cli.provena.sandbox", "httpx"} == set()


def test_without_its_library_the_command_names_the_cure() -> None:
    """Where click is not installed, the command ends with what to install."""
    code = "import sys\nsys.modules['click'] = None\nfrom kalbio.cli import main\nsys.exit(main(['whoami']))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (run.returncode, run.stdout) == (1, "")
    assert "the command needs the extra 'cli'" in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.usefixtures("shell")
def test_a_pipe_that_closes_ends_it_quietly() -> None:
    """`| head` ends a command without an error, whatever it would have printed."""
    process = subprocess.Popen([*KALBIO, "fields", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    errors = process.stderr.read()
    process.stderr.close()
    assert (process.wait(30), errors) == (0, b"")


def test_what_leaves_is_utf_8(shell: Shell) -> None:
    """In a pipe names leave as UTF-8, whatever the locale says; control characters are shown as escapes."""
    from kalbio import KaleidoscopeClient

    with KaleidoscopeClient() as client:
        client.programs.create_program("Zürich ☃ \x1b[31m")
    environ = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    run = subprocess.run([*KALBIO, "programs"], capture_output=True, env=environ, check=True)
    assert "Zürich ☃ \\x1b[31m" in run.stdout.decode()


def test_a_refusal_is_two_lines_and_debug_shows_the_rest(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of the platform is said with its cure; --debug adds the log and the place, and no secret."""
    monkeypatch.setenv("KALEIDOSCOPE_API_CLIENT_SECRET", "sandbox-secret-of-nobody")
    told = shell("whoami", code=1).err.splitlines()
    assert len(told) == 2
    assert told[0].startswith("kalbio: POST /auth/oauth/token failed with status 401")
    assert "client secret" in told[1]
    run = subprocess.run([*KALBIO, "whoami", "--debug"], capture_output=True, text=True)
    assert run.returncode == 1
    assert "Traceback" in run.stderr
    assert "AuthenticationError" in run.stderr
    assert run.stderr.endswith("\n".join([*told, ""]))
    assert "sandbox-secret" not in run.stderr


def test_nobody_there_is_said(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """An address where nothing listens is named, with what to check."""
    monkeypatch.setenv("KALEIDOSCOPE_API_URL", "http://127.0.0.1:9")
    assert "127.0.0.1:9" in shell("whoami", code=1).err
    monkeypatch.delenv("KALEIDOSCOPE_API_CLIENT_ID")
    assert "KALEIDOSCOPE_API_CLIENT_ID" in shell("whoami", code=2).err


def test_a_write_of_unknown_fate_has_a_code_of_its_own(shell: Shell) -> None:
    """Where the answer to a write is lost, the exit code is 4, and nothing is sent again."""
    shell.sandbox.faults.add(Fault("createProgram", lose_answer=True))
    assert "may have been carried out" in shell("raw", "createProgram", "--body", '{"title": "Once"}', code=4).err
    assert [item["title"] for item in shell("programs", "--json").json].count("Once") == 1


def test_the_older_policy_of_scripts_does_not_hold_here(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command fails where the platform refuses, also where the environment wants errors logged."""
    monkeypatch.setenv("KALEIDOSCOPE_ON_ERROR", "log")
    shell("records", "table", "no such type", code=2)


def test_listings_are_printed_in_each_form(shell: Shell, tmp_path: Path) -> None:
    """Fields, types, programs and views have a row for each in text and CSV, and JSON has them whole."""
    for command, name, known in (
        ("fields", "field_name", "Potency (nM)"),
        ("types", "slice_name", "Compound"),
        ("programs", "title", "Formulation"),
        ("views", "view_name", "Main"),
    ):
        whole = shell(command, "--json").json
        assert known in [item[name] for item in whole]
        text = shell(command).out.splitlines()
        assert len(text) == 1 + len(whole), command
        assert text[0].startswith(name)
        assert shell(command, "--csv").out.count("\n") == 1 + len(whole)
    assert shell("whoami", "--json").json["workspace"] == "Sandbox"
    assert "Sandbox" in shell("whoami").out


def test_types_of_several_keys_are_shown_and_taken_by_these(shell: Shell) -> None:
    """Types and views show a type without a name by its key fields, and a command takes it by that."""
    shown = "Compound + Batch"
    with InProcess(shell.sandbox).client as client:
        client.records.get_or_create_record({"Compound": "SBX-1", "Batch": "B-9"})
        kind = client.entity_types.get_type_by_name(shown)
        assert kind is not None
        view = client.record_views.get_record_views()[0]
    shell.sandbox.store.put("view", {**view.to_dict(), "entity_slice_id": kind.id})
    for command in ("types", "views"):
        assert shown in shell(command).out
    assert "B-9" in shell("records", "table", shown, "--csv").out


def test_nothing_is_an_empty_list(shell: Shell) -> None:
    """Where nothing is found, JSON is an empty list, and text and CSV have the heads of columns alone."""
    arguments = ("records", "search", "--where", "Compound == 'none'")
    assert shell(*arguments, "--json").json == []
    assert shell(*arguments, "--csv").out == "id,name\n"
    assert shell(*arguments).out == "id  name\n"
