"""What an update call was given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kaleidoscope_api.types import UNSET


def given(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a method that were given, from its `locals()`; free keywords in `more` count too.

    None is given: it clears. UNSET is not.
    """
    more = arguments.get("more", {})
    named = {name: value for name, value in arguments.items() if name not in ("self", "more") and value is not UNSET}
    return {**more, **named}
