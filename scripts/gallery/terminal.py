"""Records commands as SVG: they run in a terminal, against a sandbox, and what they print is what is drawn."""

from __future__ import annotations

import io
import os
import pty
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

_LIGHT = TerminalTheme(
    (255, 255, 255),
    (36, 41, 47),
    [
        (36, 41, 47),
        (207, 34, 46),
        (17, 99, 41),
        (122, 82, 6),
        (9, 105, 218),
        (130, 80, 223),
        (27, 124, 131),
        (87, 96, 106),
    ],
)
_DARK = TerminalTheme(
    (22, 27, 34),
    (201, 209, 217),
    [
        (72, 79, 88),
        (255, 123, 114),
        (63, 185, 80),
        (210, 153, 34),
        (88, 166, 255),
        (188, 140, 255),
        (57, 197, 207),
        (177, 186, 196),
    ],
)
# As that of rich, without its fonts, which would come from another host.
_FORMAT = """<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace;
  font-size: {char_height}px; line-height: {line_height}px; font-variant-east-asian: full-width }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">{matrix}</g>
</g>
</svg>
"""


def record(
    commands: Sequence[str], to: Path, *, dark: bool, columns: int, environment: Mapping[str, str], folder: Path
) -> None:
    """Save what commands print, one after the other, each behind a prompt."""
    console = Console(record=True, width=columns, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    for number, command in enumerate(commands):
        if number:
            console.print()
        console.print(Text.assemble(("$ ", "bold green"), (command, "bold")), soft_wrap=False)
        console.print(Text.from_ansi(_run(command, columns, environment, folder)), end="")
    drawn = console.export_svg(
        title="", theme=_DARK if dark else _LIGHT, code_format=_FORMAT, unique_id="t", font_aspect_ratio=0.61
    )
    drawn = drawn.replace(
        'stroke="rgba(255,255,255,0.35)"', 'stroke="#8b949e" stroke-opacity="0.5"'
    )  # seen on white, too
    to.write_text(re.sub(r"[ \t]+$", "", drawn, flags=re.MULTILINE), "utf-8")


def _run(command: str, columns: int, environment: Mapping[str, str], folder: Path) -> str:
    """What a command of this project prints on a terminal."""
    words = shlex.split(command)
    if words[0] == "kalbio":
        words[0] = str(Path(sys.executable).with_name("kalbio"))
    ours, theirs = pty.openpty()
    own = {**os.environ, **environment, "COLUMNS": str(columns), "TERM": "xterm-256color"}
    ran = subprocess.Popen(words, stdin=theirs, stdout=theirs, stderr=theirs, env=own, cwd=folder)
    os.close(theirs)
    read = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        read += piece
    os.close(ours)
    if ran.wait(60) > 1:  # 1 says that a part of it was refused, which a picture may show
        raise RuntimeError(f"{command} ended with {ran.returncode}: {read.decode()}")
    return read.decode("utf-8").replace("\r\n", "\n")
