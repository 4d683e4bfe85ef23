"""Keys that a person would take for the same: they differ in case, blanks, hyphens or Unicode form only."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

Key: TypeAlias = tuple[str, ...]
"""The values of the key fields, in their order."""

_HYPHENS = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"), "-")


def folded(key: Sequence[str]) -> tuple[str, ...]:
    """Return what near-twins have in common."""
    return tuple(map(_fold, key))


def _fold(text: str) -> str:
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).translate(_HYPHENS)
        # Marks that nobody sees: zero-width blanks, soft hyphens, directions.
        text = "".join(char for char in text if unicodedata.category(char) != "Cf")
        text = unicodedata.normalize("NFKC", text.casefold())
    return "".join(text.casefold().split())


def near_twins(keys: Iterable[Key], known: Iterable[Key]) -> dict[Key, list[Key]]:
    """Return each of the keys that has near-twins, among the known ones or among themselves, with these."""
    asked = list(keys)
    if not asked:
        return {}
    groups: dict[Key, list[Key]] = {}
    for key in known:
        groups.setdefault(folded(key), []).append(key)
    for key in asked:
        groups.setdefault(folded(key), []).append(key)
    found = {key: [other for other in groups[folded(key)] if other != key] for key in asked}
    return {key: others for key, others in found.items() if others}


def spellings(key: Key) -> list[Key]:
    """Return how others may have written a key: in another case, with other blanks, in another form of Unicode."""
    found: dict[Key, None] = {}
    for respell in _RESPELLED:
        other = tuple(map(respell, key))
        if other != key and all(other):
            found[other] = None
    return list(found)


_RESPELLED: tuple[Callable[[str], str], ...] = (
    str.upper,
    str.lower,
    str.strip,
    lambda text: " ".join(text.split()),
    lambda text: "".join(text.split()),
    lambda text: unicodedata.normalize("NFC", text),
    lambda text: unicodedata.normalize("NFD", text),
    lambda text: unicodedata.normalize("NFKC", text).translate(_HYPHENS),
    lambda text: "".join(unicodedata.normalize("NFKC", text).translate(_HYPHENS).split()).upper(),
)


def difference(key: Key, other: Key) -> str:
    """Return in what two near-twins differ, for a person."""
    kinds: dict[str, None] = {}
    for one, two in zip(key, other, strict=True):
        closed, other_closed = "".join(one.split()), "".join(two.split())
        if closed.casefold() != other_closed.casefold():
            kinds["characters that look alike"] = None
            continue
        if one.casefold() != two.casefold():
            kinds["blanks"] = None
        if closed != other_closed:
            kinds["case"] = None
    return " and ".join(kinds)
