"""A script of a notebook has no Any in it that comes from the package, and does what it says."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.codegen.apis import read_table
from scripts.codegen.derive import derive
from tests.conftest import Lab

ROOT = Path(__file__).parent.parent.parent
SCRIPT = Path(__file__).parent / "right" / "notebook.py"
STRICT = dict.fromkeys(
    ["reportAny", "reportUnknownVariableType", "reportUnknownMemberType", "reportUnknownArgumentType",
     "reportUnknownParameterType", "reportUnknownLambdaType"],
    "error",
)  # fmt: skip
COMMANDS = {
    "mypy": [sys.executable, "-m", "mypy", "--strict", "--disallow-any-expr", "--no-error-summary", "--config-file=",
             f"--cache-dir={ROOT / '.mypy_cache'}", "async_notebook.py", "sync_notebook.py"],
    "pyright": [str(Path(sys.executable).with_name("basedpyright")), f"--pythonpath={sys.executable}", "--outputjson"],
}  # fmt: skip


def scripts() -> dict[str, str]:
    """The script in both worlds."""
    text = SCRIPT.read_text(encoding="utf-8")
    return {"async_notebook.py": text, "sync_notebook.py": derive(text, read_table(ROOT).twins)}


def errors(checker: str, output: str) -> list[tuple[str, int, str]]:
    """File, line and text of what a checker reports as an error."""
    if checker == "mypy":
        found = re.findall(r"^(\S+?):(\d+): error: (.*)$", output, re.MULTILINE)
        return [(file, int(line), text) for file, line, text in found]
    return [
        (Path(item["file"]).name, item["range"]["start"]["line"] + 1, item["message"])
        for item in json.loads(output)["generalDiagnostics"]
        if item["severity"] == "error"
    ]


@pytest.mark.parametrize("checker", COMMANDS)
def test_every_expression_of_a_notebook_has_a_type(checker: str, tmp_path: Path) -> None:
    """Both checkers know the type of every expression in both worlds; only what pandas gives has none for mypy."""
    for name, text in scripts().items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    settings = {"typeCheckingMode": "standard", **STRICT}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings), encoding="utf-8")
    done = subprocess.run(COMMANDS[checker], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    lines = {name: text.splitlines() for name, text in scripts().items()}
    found = errors(checker, done.stdout)
    of_pandas = [item for item in found if lines[item[0]][item[1] - 1].endswith("# pandas")]
    assert [item for item in found if item not in of_pandas] == []
    assert bool(of_pandas) == (checker == "mypy")
    assert 60 < len(lines["sync_notebook.py"]) < 120


def test_the_notebook_runs(lab: Lab, tmp_path: Path) -> None:
    """The script that is checked runs in both worlds, and finds, loads and writes what it says."""
    name = f"{lab.world.kind}_notebook.py"
    names: dict[str, object] = {"__name__": "notebook"}
    exec(compile(scripts()[name], name, "exec"), names)  # derived from a file of this folder
    notebook = names["notebook"]
    assert callable(notebook)
    notes = lab.world(notebook(lab.api, tmp_path))
    assert notes[0] == "in sandbox"
    assert "meant Potency (nM)" in notes
    assert "1 new, 1 changed, 0 refused" in notes
    assert "1 made, ok True, again 0" in notes
    assert (tmp_path / "potent.csv").read_text(encoding="utf-8").startswith("record_id,Compound,")
