"""What an update call was given."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import SequenceMatcher
from typing import Any, TypedDict

from kalbio._core.argument_errors import ArgumentTypeError
from kalbio._core.generated import UNSET


class NoMore(TypedDict):
    """What a type checker takes for the further members of an update: none, so that a slip is an error there.

    While the program runs they are taken, for what this version does not know yet: `update(**{"new_member": 1})`.
    """


def _looks_like(keyword: str, name: str) -> bool:
    """Whether all words look alike; `set_color_ids` is no slip for `add_color_ids`, `add_colour_ids` is."""
    if keyword.replace("_", "").casefold() == name.replace("_", "").casefold():
        return True
    words, others = keyword.casefold().split("_"), name.split("_")
    return len(words) == len(others) and all(
        word == other or SequenceMatcher(None, word, other).ratio() >= 0.75
        for word, other in zip(words, others, strict=True)
    )


def collect_updates(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a method that were given, from its `locals()`; free keywords in `more` count too.

    None is given: it clears. UNSET is not. A free keyword that looks like a named one is taken for a slip: TypeError.
    """
    more = arguments.get("more", {})
    known = [name for name in arguments if name not in ("self", "more")]
    for keyword in more:
        meant = next((name for name in known if _looks_like(keyword, name)), None)
        if meant is not None:
            raise ArgumentTypeError(f"update() has no argument {keyword!r}. Did you mean {meant!r}?")
    named = {name: value for name, value in arguments.items() if name not in ("self", "more") and value is not UNSET}
    return {**more, **named}
