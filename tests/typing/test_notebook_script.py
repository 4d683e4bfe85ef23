"""A script of a notebook has no Any in it that comes from the package, and does what it says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Lab
from tests.typing.checkers import COMMANDS, NO_ANY, Findings, files


@pytest.mark.parametrize("checker", COMMANDS)
def test_every_expression_of_a_notebook_has_a_type(checker: str, checked: Callable[[str], Findings]) -> None:
    """Both checkers know the type of every expression in both worlds; only what pandas gives has none for mypy."""
    for name in ("async_notebook.py", "sync_notebook.py"):
        lines = files()[name].splitlines()
        found = checked(checker)[name]
        of_pandas = {line for line in found if lines[line - 1].endswith("# pandas")}
        assert {line: texts for line, texts in found.items() if line not in of_pandas} == {}
        assert bool(of_pandas) == (checker == "mypy")
        assert 60 < len(lines) - NO_ANY.count("\n") < 120


def test_the_notebook_runs(lab: Lab, tmp_path: Path) -> None:
    """The script that is checked runs in both worlds, and finds, loads and writes what it says."""
    name = f"{lab.world.kind}_notebook.py"
    names: dict[str, object] = {"__name__": "notebook"}
    exec(compile(files()[name], name, "exec"), names)  # derived from a file of this folder
    notebook = names["notebook"]
    assert callable(notebook)
    notes = lab.world(notebook(lab.api, tmp_path))
    assert notes[0] == "in sandbox"
    assert "meant Potency (nM)" in notes
    assert "1 new, 1 changed, 0 refused" in notes
    assert "1 made, ok True, again 0" in notes
    assert (tmp_path / "potent.csv").read_text(encoding="utf-8").startswith("record_id,Compound,")
