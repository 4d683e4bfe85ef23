"""The pictures there are. Each is named in docs/pictures: NAME.png or NAME.svg, and NAME-dark for a dark page."""

from __future__ import annotations

import argparse
import tempfile
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Protocol

from kalbio.sandbox import Sandbox
from kalbio.sandbox.server import serve
from scripts.gallery import cells, pages, terminal
from scripts.gallery.steady import steady
from scripts.notebooks import EXAMPLES

PICTURES = Path(__file__).parent.parent.parent / "docs" / "pictures"


class Make(Protocol):
    """Makes one picture, in one of its two variants."""

    def __call__(self, to: Path, *, dark: bool) -> None:
        """Save the picture."""


def commands(*lines: str, columns: int = 96) -> Callable[..., None]:
    """A picture of commands, in a folder with the data of the examples and a sandbox of its own."""

    def make(to: Path, *, dark: bool) -> None:
        with (
            tempfile.TemporaryDirectory() as folder,
            steady(),
            Sandbox(seed="demo") as sandbox,
            serve(sandbox) as server,
        ):
            for file in (EXAMPLES / "data").iterdir():
                (Path(folder) / file.name).write_bytes(file.read_bytes())
            environment = {
                "KALEIDOSCOPE_API_URL": server.url,
                "KALEIDOSCOPE_API_CLIENT_ID": sandbox.settings.client_id,
                "KALEIDOSCOPE_API_CLIENT_SECRET": sandbox.settings.client_secret,
            }
            terminal.record(lines, to, dark=dark, columns=columns, environment=environment, folder=Path(folder))

    return make


MAKERS: dict[str, Make] = {
    "notebook.png": partial(
        cells.notebook, "screening_campaign", [cells.Shown(12), cells.Shown(7, figure=1, folded=True)]
    ),
    "first-steps.png": partial(cells.notebook, "first_steps", [cells.Shown(13), cells.Shown(16, figure=1)]),
    "plan.png": partial(cells.notebook, "nightly_load", [cells.Shown(4)]),
    "potencies.svg": partial(cells.plot, "first_steps", 1),
    "curves.svg": partial(cells.plot, "screening_campaign", 1),
    "solubility.svg": partial(cells.plot, "structures", 1),
    "overview.png": partial(pages.sandbox_page, pages.Workspace.overview, height=760),
    "entity-type.png": partial(pages.sandbox_page, pages.Workspace.entity_type, height=760),
    "record.png": partial(pages.sandbox_page, pages.Workspace.record, height=900),
    "registration.png": partial(pages.sandbox_page, pages.Workspace.registration, height=820),
    "request.png": partial(pages.sandbox_page, pages.Workspace.refused_request, height=900),
    "lineage.png": partial(pages.provena_page, pages.Study.run, height=860),
    "command-line.svg": commands(
        "kalbio records table Compound --where '\"Potency (nM)\" < 1000'",
        "cat registry-export.csv",
        "kalbio records load registry-export.csv --key Compound --plan",
    ),
}


def main() -> None:
    """Make the pictures that are named, or all."""
    parser = argparse.ArgumentParser(prog="scripts/pictures", description="Makes the pictures of README and docs/.")
    parser.add_argument("names", nargs="*", help=f"{', '.join(Path(name).stem for name in MAKERS)}; all by default")
    parser.add_argument(
        "--to", type=Path, default=PICTURES, metavar="DIRECTORY", help="where to save them (docs/pictures)"
    )
    options = parser.parse_args()
    wanted = [name for name in MAKERS if not options.names or Path(name).stem in options.names]
    if unknown := set(options.names) - {Path(name).stem for name in MAKERS}:
        parser.error(f"there is no picture {', '.join(sorted(unknown))}")
    warnings.simplefilter("error")
    options.to.mkdir(parents=True, exist_ok=True)
    with pages.kept:
        for name in wanted:
            for dark in (False, True):
                path = options.to / (Path(name).stem + ("-dark" if dark else "") + Path(name).suffix)
                MAKERS[name](path, dark=dark)
                print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
