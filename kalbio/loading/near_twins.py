"""Keys that a person would take for the same: they differ in case, blanks, hyphens or Unicode form only."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

Key: TypeAlias = tuple[str, ...]
"""The values of the key fields, in their order."""

_HYPHENS = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"), "-")
_WORDS = re.compile(r"\S+")


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
    pairs = list(zip(key, other, strict=True))
    kinds = [name for name in _ALIKE if any(_alike(one, name) != _alike(two, name) for one, two in pairs)]
    return " and ".join(kinds) or "characters that look alike"


def _alike(text: str, but: str) -> str:
    """Return a text in which every difference is levelled but one."""
    for name, level in _ALIKE.items():
        if name != but:
            text = level(text)
    return text


_ALIKE: dict[str, Callable[[str], str]] = {
    "invisible characters": lambda text: "".join(char for char in text if unicodedata.category(char) != "Cf"),
    "the form of characters": lambda text: _WORDS.sub(lambda word: unicodedata.normalize("NFKC", word[0]), text),
    "hyphens": lambda text: text.translate(_HYPHENS),
    "blanks": lambda text: "".join(text.split()),
    "case": str.casefold,
}
"""Kinds of differences between near-twins, and what levels each."""


def oddities(key: Sequence[str]) -> list[str]:
    """Return what of a key nobody sees, or takes for something else."""
    found: dict[str, None] = {}
    for text in key:
        inner = text.strip()
        if inner != text:
            found["blanks at the ends"] = None
        if any(char.isspace() and char != " " for char in inner):
            found["blanks that are no usual ones"] = None
        if text.isascii():
            continue
        if any(ord(char) in _HYPHENS for char in text):
            found["hyphens that are no usual ones"] = None
        if any(unicodedata.category(char) == "Cf" for char in text):
            found["invisible characters"] = None
    return list(found)
