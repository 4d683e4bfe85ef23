"""The command `kalbio`. Its library, click, is loaded when the command runs; `import kalbio` loads nothing of this."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from kalbio._extras import require_command


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line, that of the process by default; gives the exit code."""
    try:
        require_command()
    except ModuleNotFoundError as error:
        sys.stderr.write(f"kalbio: {error}\n")
        return 1
    from kalbio.cli.application import run

    return run(sys.argv[1:] if arguments is None else list(arguments))
