"""JSON that comes in: decoded whole, or cut into the texts of its objects, which are decoded when they are read."""

from __future__ import annotations

import json
import re
from functools import cache
from itertools import repeat
from typing import Annotated, Any

import msgspec

from kalbio._core.errors import ResponseError


class Answer(msgspec.Struct, eq=False, gc=False):
    """What the objects of one answer share.

    Attributes:
        ahead: how many of the objects that are read next are to be read as those before them were: in many parts.
    """

    ahead: int = 0


class LazyObject(msgspec.Struct, eq=False, gc=False):
    """The JSON text of one object, and its id. The garbage collector need not look at it: there are many of them.

    Attributes:
        id: the id, as text.
        text: the JSON.
        answer: what it shares with those that came with it.
        parts: room for those who cut the text further.
        read: whether that has been done once.
    """

    id: str
    text: bytes
    answer: Answer | None = None
    parts: Any = None
    read: bool = False


class _Head(msgspec.Struct):
    id: str | int


_HEADS = msgspec.json.Decoder(list[_Head])
_TEXTS = msgspec.json.Decoder(list[msgspec.Raw])
_HEAD = msgspec.json.Decoder(_Head)
_ID_FIRST = re.compile(rb'\{\s*"id"\s*:\s*"([\w-]+)"', re.ASCII)
"""The id where it stands first, as it does as a rule: it need not be looked for in the whole text."""
_MEMBERS = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])


def decode(data: bytes) -> Any:
    """Return JSON as plain dictionaries and lists. Raises ValueError when it is none."""
    try:
        return msgspec.json.decode(data)
    except ValueError:
        # Half of a pair of surrogates, numbers without bounds, UTF-16: the standard library takes what others refuse.
        return json.loads(data)


def decode_object(part: LazyObject) -> dict[str, Any]:
    """Return the object. Raises ResponseError when its text, whose syntax is right, still cannot be decoded."""
    try:
        found: dict[str, Any] = decode(part.text)
    except (ValueError, RecursionError) as error:
        raise ResponseError("reading", part.id, b"", f"the object cannot be decoded ({error})") from None
    return found


def is_id(value: Any) -> bool:
    """Whether a value can be an id: something, and no text with half a character, which could not be sent back."""
    if type(value) is str and value.isascii():  # as a rule
        return value != ""
    try:
        return value is not None and bool(str(value).encode())
    except ValueError:
        return False


def cut_list(data: bytes) -> list[Any] | None:
    """Return the texts of the items of a list, which are parts of its text; None when it is anything else."""
    try:
        return _TEXTS.decode(data)
    except (ValueError, RecursionError):
        return None


def split_list(data: bytes, parts: list[Any] | None = None) -> list[LazyObject] | None:
    """Return the objects of a list, each with an id; None when it is anything else, which has to be decoded then.

    The syntax is checked, so that decoding an object later on finds nothing wrong with it. `parts` are its items, where
    it was cut already.
    """
    parts = cut_list(data) if parts is None else parts
    if parts is None:
        return None
    try:
        # Copies: an object that is kept must not keep the whole answer alive.
        texts = list(map(bytes, parts))
        _check_unicode(data)
        return list(map(LazyObject, _ids(data, texts), texts, repeat(Answer())))
    except (ValueError, RecursionError):
        return None


def _ids(data: bytes, texts: list[bytes]) -> list[str]:
    firsts = [first[1].decode() for first in map(_ID_FIRST.match, texts) if first is not None]
    return firsts if len(firsts) == len(texts) else [str(head.id) for head in _HEADS.decode(data)]


def split_members(data: bytes, name: str) -> list[LazyObject | None] | None:
    """Return the member `name` of each object of a list, None where it is null; None when it is anything else."""
    try:
        _check_unicode(data)
        texts = [bytes(item.get(name, b"null")) for item in _MEMBERS.decode(data)]
        return [None if text == b"null" else LazyObject(str(_HEAD.decode(text).id), text) for text in texts]
    except (ValueError, RecursionError):
        return None


def split_object(data: bytes) -> LazyObject | None:
    """Return the one object, which has an id; None when it is anything else."""
    try:
        _check_unicode(data)
        return LazyObject(str(_HEAD.decode(data).id), data)
    except (ValueError, RecursionError):
        return None


def named_ids(data: bytes, member: str) -> list[tuple[str, str]] | None:
    """Return what the objects of a list have in a member, with their ids, and nothing else decoded.

    None when it is anything else than a list of objects whose ids, and names as far as they have some, are texts.
    """
    try:
        _check_unicode(data)
        return [(item.name, item.id) for item in _named(member).decode(data) if item.name]
    except (ValueError, RecursionError):
        return None


@cache
def _named(member: str) -> msgspec.json.Decoder[Any]:
    identifier = Annotated[str, msgspec.Meta(min_length=1)]
    members: list[tuple[str, Any, Any]] = [("id", identifier, msgspec.NODEFAULT), ("name", str | None, None)]
    named: Any = msgspec.defstruct("Named", members, rename={"name": member}, gc=False)
    return msgspec.json.Decoder(list[named])


def _check_unicode(data: bytes) -> None:
    # Texts that are cut only are not looked into.
    if not data.isascii():
        data.decode()
