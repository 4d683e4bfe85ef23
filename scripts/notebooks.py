"""Runs the notebooks in examples/ as Jupyter does, cell by cell.

A notebook fails at the first cell that raises. Each starts with a namespace and a directory of its own.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs

EXAMPLES = Path(__file__).parent.parent / "examples"


@attrs.frozen
class Output:
    """What a cell shows.

    Attributes:
        cell: the number of the cell, from 1 on.
        forms: content type to what is shown.
    """

    cell: int
    forms: Mapping[str, Any]


def cells(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the code cells of a notebook with their numbers."""
    for number, cell in enumerate(json.loads(path.read_text("utf-8"))["cells"], 1):
        if cell["cell_type"] == "code":
            source = cell["source"]
            yield number, source if isinstance(source, str) else "".join(source)


@contextlib.contextmanager
def _own_directory() -> Iterator[None]:
    """Work on a copy of examples/, so that nothing a notebook writes stays."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as directory:
        shutil.copytree(EXAMPLES, directory, dirs_exist_ok=True)
        os.chdir(directory)
        try:
            yield
        finally:
            os.chdir(before)


def run(path: Path, check: str = "") -> tuple[list[Output], list[Any]]:
    """Run a notebook, and then `check` in its namespace; return what it showed, and its figures.

    Raises:
        RuntimeError: a cell raised; the text names the notebook, the cell and the error.
    """
    # They take a second to load, and only this needs them.
    import matplotlib

    matplotlib.use("Agg")
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.utils.capture import capture_output
    from matplotlib import pyplot

    pyplot.close("all")
    InteractiveShell.clear_instance()
    # Parts of it are untyped. What runs here is no history of the user's.
    shell: Any = InteractiveShell.instance(user_ns={})
    shell.history_manager.enabled = False
    shown: list[Output] = []
    figures: list[Any] = []
    with _own_directory():
        for number, code in [*cells(path), (0, check)]:
            with capture_output(display=False):
                result = shell.run_cell(code, store_history=False)
            error = result.error_before_exec or result.error_in_exec
            if error is not None:
                where = f"cell {number}" if number else "the check at its end"
                raise RuntimeError(f"{path.name}, {where}: {type(error).__name__}: {error}") from error
            if result.result is not None:
                shown.append(Output(number, shell.display_formatter.format(result.result)[0]))
            figures += map(pyplot.figure, pyplot.get_fignums()[len(figures) :])
    return shown, figures


def main() -> None:
    """Run the notebooks that are named, or all."""
    parser = argparse.ArgumentParser(prog="scripts/examples", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="notebooks, e.g. first_steps; all by default")
    parser.add_argument("--checks", type=Path, metavar="FILE", help="JSON: name to code that runs after the last cell")
    options = parser.parse_args()
    warnings.simplefilter("error")
    checks = json.loads(options.checks.read_text("utf-8")) if options.checks else {}
    paths = [EXAMPLES / f"{name}.ipynb" for name in options.names] or sorted(EXAMPLES.glob("*.ipynb"))
    for path in paths:
        shown, figures = run(path, checks.get(path.stem, ""))
        print(f"{path.name}: {len(shown)} outputs, {len(figures)} figures")


if __name__ == "__main__":
    main()
