"""Keys that a person would take for the same: in all but case, blanks, hyphens, Unicode form, leading zeros."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import chain, islice, zip_longest
from typing import TypeAlias

Key: TypeAlias = tuple[str, ...]
"""The values of the key fields, in their order."""

_HYPHENS = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"), "-")
_WORDS = re.compile(r"\S+")
_ZEROS = re.compile(r"(?<![0-9.,])0+(?=[0-9])")
"""Zeros in front of a number, not those behind a point."""
_LAST_NUMBER = re.compile(r"(?<![0-9.,])[0-9]+(?=[^0-9]*\Z)")
_WIDTHS = range(2, 7)
"""So many digits people write, with zeros in front."""
_MOST_ASKED = 2_000


def folded(key: Sequence[str]) -> tuple[str, ...]:
    """Return what near-twins have in common."""
    return tuple(map(_fold, key))


def _fold(text: str) -> str:
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).translate(_HYPHENS)
        # Marks that nobody sees: zero-width blanks, soft hyphens, directions.
        text = "".join(char for char in text if unicodedata.category(char) != "Cf")
        text = unicodedata.normalize("NFKC", text.casefold())
    text = "".join(text.casefold().split())
    # A library that reads 0042 as a number leaves 42. Behind letters, CPD-1 and CPD-001 may be two.
    return _ZEROS.sub("", text) if text[:1] == "0" and text.isdecimal() else text


def near_twins(keys: Iterable[Key], known: Iterable[Key]) -> dict[Key, list[Key]]:
    """Return each of the keys that has near-twins, among the known ones or among themselves, with these."""
    asked = dict.fromkeys(keys)  # a table of results names a compound in many rows
    if not asked:
        return {}
    groups: dict[Key, dict[Key, None]] = {}
    for key in chain(known, asked):
        groups.setdefault(folded(key), {})[key] = None
    found = {key: [other for other in groups[folded(key)] if other != key] for key in asked}
    return {key: others for key, others in found.items() if others}


def zero_twins(keys: Iterable[Key], known: Iterable[Key]) -> dict[Key, list[Key]]:
    """Return each of the keys with those that differ in zeros in front of numbers, and are no near-twins: CPD-001.

    They may be two things, or one; only a person knows.
    """
    asked = list(keys)
    every = dict.fromkeys(chain(known, asked) if asked else ())
    if not any(_ZEROS.search(text) for key in every for text in key):  # most keys have none, and there are many
        return {}
    numbered = {key: _without_zeros(key) for key in asked}
    wanted = set(numbered.values())
    groups: dict[Key, list[Key]] = {}
    for key in every:
        plain = numbered.get(key) or _without_zeros(key)
        if plain in wanted:
            groups.setdefault(plain, []).append(key)
    found = {key: [other for other in groups[numbered[key]] if folded(other) != folded(key)] for key in asked}
    return {key: others for key, others in found.items() if others}


def _without_zeros(key: Key) -> Key:
    return tuple(_ZEROS.sub("", text) for text in folded(key))


def other_spellings(keys: Sequence[Key]) -> list[Key]:
    """Return how others may have written keys, the usual ways of all keys first; of many keys not all ways."""
    rounds = zip_longest(*map(spellings, keys[:_MOST_ASKED]))
    return list(islice((key for some in rounds for key in some if key is not None), _MOST_ASKED))


def spellings(key: Key) -> list[Key]:
    """Return how others may have written a key: in other case, with other blanks, zeros or form of Unicode."""
    found: dict[Key, None] = {}
    for respell in _RESPELLED:
        respelled = tuple(map(respell, key))
        # Of a batch, mostly the compound or the number is written otherwise, not both.
        alone = [(*key[:place], text, *key[place + 1 :]) for place, text in enumerate(respelled)]
        found.update({other: None for other in (respelled, *alone) if other != key and all(other)})
    return list(found)


def _padded(text: str, width: int) -> str:
    return _LAST_NUMBER.sub(lambda number: number[0].zfill(width), text)


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
    lambda text: _ZEROS.sub("", text),
    *(partial(_padded, width=width) for width in _WIDTHS),
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
    "leading zeros": lambda text: _ZEROS.sub("", text),
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
