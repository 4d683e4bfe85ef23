"""What scripts/docs adds to the pages: pictures for a dark page."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parent.parent / "docs"


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Let a picture that has a variant for dark pages be shown in the one that fits the page."""

    def both(found: re.Match[str]) -> str:
        text, target = found.groups()
        name, _, suffix = target.rpartition(".")
        dark = f"{name}-dark.{suffix}"
        if not (DOCS / page.file.src_uri).parent.joinpath(dark).is_file():
            return found[0]
        return f"![{text}]({target}#only-light)\n![{text}]({dark}#only-dark)"

    return re.sub(r"!\[([^\]]*)\]\(([^)#\s]+)\)", both, markdown)
