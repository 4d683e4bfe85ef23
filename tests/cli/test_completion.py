"""What a shell completes, and Ctrl-C in one."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.conftest import Shell

COMMAND = Path(sys.executable).with_name("kalbio")


def completed(script: Path, *words: str) -> list[str]:
    """What bash offers for the last of these words, with the script loaded as a user would."""
    line = " ".join(f"'{word}'" for word in words)
    program = f"""
set -e
source '{script}'
complete -p kalbio > /dev/null
COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}
_kalbio_completion kalbio
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    environ = {**os.environ, "PATH": f"{COMMAND.parent}{os.pathsep}{os.environ['PATH']}"}
    run = subprocess.run(["bash", "-c", program], capture_output=True, text=True, check=True, env=environ)
    assert run.stderr == ""
    return run.stdout.split()


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash on this machine")
def test_bash_completes_with_the_script(shell: Shell, tmp_path: Path) -> None:
    """Bash loads the script, and completes commands, commands of commands and options."""
    script = tmp_path / "kalbio.bash"
    script.write_text(shell("completion", "bash").out, encoding="utf-8")
    assert completed(script, "kalbio", "rec") == ["records"]
    assert completed(script, "kalbio", "records", "") == ["export", "get", "history", "load", "search", "table"]
    assert completed(script, "kalbio", "records", "table", "--wh") == ["--where"]
    assert completed(script, "kalbio", "activities", "s") == ["show"]


ZSH = """
autoload -Uz compinit; compinit -D -u
source '{script}'
print -r -- "$_comps[kalbio]"
_describe() {{ local -a them; them=("${{(@P)3}}"); print -rl -- "${{(@)them%%:*}}" }}
compadd() {{ local -a them; them=("${{(@P)@[-1]}}"); print -rl -- "${{them[@]}}" }}
words=(kalbio provena dat); CURRENT=3; _kalbio_completion
words=(kalbio provena items list mod); CURRENT=5; _kalbio_completion
"""
"""Loads the script as `.zshrc` does; two functions of its completion system print what they are given."""

FISH = """
source '{script}'
complete -C 'kalbio provena dat'
complete -C 'kalbio provena items list mod'
"""


@pytest.mark.parametrize(
    ("name", "options", "program", "offered"),
    [
        ("zsh", ["-f", "-c"], ZSH, ["_kalbio_completion", "datasets", "models", "model-runs"]),
        ("fish", ["--no-config", "-c"], FISH, ["datasets", "models", "model-runs"]),
    ],
    ids=["zsh", "fish"],
)
def test_other_shells_complete_with_their_scripts(
    shell: Shell, tmp_path: Path, name: str, options: list[str], program: str, offered: list[str]
) -> None:
    """Zsh and fish load their scripts, and complete commands and the words that an argument may be."""
    script = tmp_path / f"kalbio.{name}"
    script.write_text(shell("completion", name).out, encoding="utf-8")
    if shutil.which(name) is None:
        pytest.skip(f"there is no {name} on this machine to load the script")
    environ = {**os.environ, "PATH": f"{COMMAND.parent}{os.pathsep}{os.environ['PATH']}"}
    command = [name, *options, program.format(script=script)]
    run = subprocess.run(command, capture_output=True, text=True, check=True, env=environ)
    assert ([line.partition("\t")[0] for line in run.stdout.splitlines()], run.stderr) == (offered, "")


def test_a_shell_without_a_script_is_said(shell: Shell) -> None:
    """The shells that there are scripts for are named."""
    assert "'bash', 'zsh', 'fish'" in shell("completion", "powershell", code=2).err


def test_ctrl_c_stops_a_command(shell: Shell) -> None:
    """Ctrl-C while a command waits ends it with a word and the exit code 3, and no traceback."""
    from kalbio import KaleidoscopeClient

    with KaleidoscopeClient() as client:
        definition = "Assay results registration"
        run = client.activities.create_activity("A", "experiment", activity_definition_id=definition)
        upload = next(item for item in run.properties if item.field_type == "file")
        content = upload.update_property_file("a.csv", b"a", "text/csv")
        assert content is not None
        client.registration.register_file(run, content["file_id"])
    command = [sys.executable, "-m", "kalbio", "registration", "watch", "A", "--interval", "60"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert "pending" in process.stdout.readline()
        time.sleep(0.1)
        os.kill(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors.strip()) == (3, "Stopped.")
