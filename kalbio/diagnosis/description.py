"""The installed description of the API."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files

from kalbio._core.description.document import Description


@cache
def load_description() -> Description:
    """The installed description of the API."""
    return Description(json.loads((files("kaleidoscope_api") / "openapi.json").read_text(encoding="utf-8")))
