"""Shows cells of the example notebooks as a notebook shows them: the code, and what came of it."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Sequence
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

import attrs
import matplotlib as mpl
from matplotlib import style
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from scripts.gallery.chromium import shoot
from scripts.gallery.steady import steady
from scripts.notebooks import EXAMPLES, cells, run

_WIDTH = 860

# The colours of JupyterLab, and its rules for tables in outputs.
_STYLE = """
:root { --ground:#fff; --ink:#202020; --code:#f5f5f5; --line:#e0e0e0; --prompt:#307fc1; --odd:#f5f5f5;
  --jp-content-font-color1:#202020 }
@media (prefers-color-scheme: dark) { :root { --ground:#111; --ink:#e4e4e4; --code:#212121; --line:#424242;
  --prompt:#64b5f6; --odd:#1c1c1c; --jp-content-font-color1:#e4e4e4; color-scheme:dark } }
body { margin:0; padding:16px; background:var(--ground); color:var(--ink);
  font:14px/1.5 system-ui, "Liberation Sans", sans-serif }
.cell { display:grid; grid-template-columns:44px minmax(0, 1fr); margin-bottom:10px }
.prompt { color:var(--prompt); font:12px/1.6 "DejaVu Sans Mono", monospace; padding-top:7px }
pre { margin:0; padding:7px 10px; font:13px/1.45 "DejaVu Sans Mono", monospace; white-space:pre-wrap }
.in pre { background:var(--code); border:1px solid var(--line); border-radius:2px }
.out { grid-column:2; padding:6px 2px 0 }
.out pre { padding:0 }
.out svg { max-width:100%; height:auto; display:block }
.lab table { border-collapse:collapse; font-size:13px }
.lab .dataframe td, .lab .dataframe th { text-align:right; padding:.35em .7em; border:0 }
.lab .dataframe thead { border-bottom:1px solid var(--line) }
.lab .dataframe tbody tr:nth-child(odd) { background:var(--odd) }
"""


@attrs.frozen
class Shown:
    """A cell in a picture.

    Attributes:
        cell: its number in the notebook.
        figure: the number of the figure that it draws, if it does.
        folded: its code is folded, as JupyterLab does with View > Collapse Selected Code.
    """

    cell: int
    figure: int | None = None
    folded: bool = False


@cache
def _ran(name: str, dark: bool) -> tuple[dict[int, Any], list[Any]]:
    """What the cells of a notebook show, by number, and its figures; in the dark, with the dark style of plots."""
    with steady(), style.context(["dark_background"] if dark else []):
        shown, figures = run(EXAMPLES / f"{name}.ipynb")
    return {output.cell: output.forms for output in shown}, figures


def plot(name: str, figure: int, to: Path, *, dark: bool) -> None:
    """Save a figure of a notebook as SVG."""
    to.write_text(_svg(name, figure, dark=dark), "utf-8")


def notebook(name: str, chosen: Sequence[Shown], to: Path, *, dark: bool) -> None:
    """Save a picture of cells of a notebook."""
    sources = dict(cells(EXAMPLES / f"{name}.ipynb"))
    parts = [f"<style>{_STYLE}{_colours(dark)}</style>"]
    for place, item in enumerate(chosen, 1):
        code = highlight(sources[item.cell], PythonLexer(), HtmlFormatter(nowrap=True)).rstrip("\n")
        if item.folded:
            code = "•••"
        if item.figure is None:
            forms = _ran(name, dark)[0][item.cell]
            output = forms.get("text/html") or f"<pre>{escape(forms['text/plain'])}</pre>"
        else:
            output = "".join(_svg(name, item.figure, dark=dark).partition("<svg")[1:])
        parts.append(
            f'<div class="cell"><div class="prompt">[{place}]:</div>'
            f'<div class="in"><pre class="code">{code}</pre></div><div class="out lab">{output}</div></div>'
        )
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "cells.html"
        page.write_text(f'<!doctype html><meta charset="utf-8">{"".join(parts)}', "utf-8")
        shoot(page.as_uri(), to, dark=dark, width=_WIDTH)


def _colours(dark: bool) -> str:
    made: str = HtmlFormatter(style="github-dark" if dark else "xcode").get_style_defs(".code")
    return "\n".join(line for line in made.splitlines() if line.startswith(".code ."))


def _svg(name: str, figure: int, *, dark: bool) -> str:
    """A figure as SVG that does not change from run to run, and lets the page shine through."""
    made = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": name, "svg.fonttype": "none"}):
        drawn = _ran(name, dark)[1][figure - 1]
        drawn.savefig(made, format="svg", metadata={"Date": None}, transparent=True)
    return made.getvalue()
