"""Whether an answer is the one to its request: it holds what the API description promises, and repeats what was asked.

Marks of the description say what an answer repeats, and travel with the operation (`Repeats`). Paths are members
joined by dots. A leading `*` of `answer` means each item of a list, which is judged on its own; any other `*` means
the items of a list, or the parts of text between commas, one of which has to fit. `{key}` stands for every member of
the object that was asked for. What the answer lacks is no contradiction; what differs is one.
"""

from __future__ import annotations

import json
import math
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeAlias
from urllib.parse import unquote, unquote_plus

import attrs
import msgspec

from kalbio._core.errors import ResponseError
from kalbio._core.http.httpx_names import ByteStream, Request, Response
from kalbio._core.http.operation import OperationInfo, path_pattern
from kalbio._core.http.plain_answers import SMALL
from kalbio._core.http.responses import as_json, as_texts, may_be_wrapped, platform_of
from kalbio._core.json import lazy_json
from kalbio._core.platform import Failure
from kalbio._core.text.display import safe_repr

_ITEMS = msgspec.json.Decoder(list[msgspec.Raw])
_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_KEY = "{key}"

_TEXT = (bytes, msgspec.Raw)
Text: TypeAlias = Any
"""Some JSON: text that is not decoded yet (`bytes`, `Raw`), or what it says."""


LACKS = "the answer has no"
"""How a reason begins that fits the answer to another request, of another kind, as well."""


def broken_promise(operation: OperationInfo, request: Request, response: Response) -> str | Failure | None:
    """Say what an answer lacks of what its operation promises, or which failure it tells; None when it is good."""
    body = response.content.strip()
    if not operation.answer:  # nothing is to be read, but what says that nothing was done counts
        if body.startswith(b"<"):
            return "a page came instead of the answer"
        return _failure(body, response)
    if body in (b"", b"null"):
        return None if operation.may_be_empty else "the answer is empty"
    is_listing = operation.answer == "list" and request.method == "GET"
    # An item without an id costs the item, not the list. Cutting the list is left to those who read it so.
    known = response.extensions
    if is_listing and (known.get("is_list") or known.get("texts") is not None or _is_list(response)):
        return None
    answer = _parsed(response)
    if answer is None:
        return "the answer is not JSON"
    wrong = _failure(answer, response)
    if wrong is not None:
        return wrong
    items = _items(answer)
    if items is None:
        if _members(answer) is None:
            return f"the answer should be {_A[operation.answer]}"
        if is_listing:
            return "the answer should be a list"
        items = [answer]
    elif operation.answer == "object" and (len(items) != 1 or not may_be_wrapped(response)):
        return "the answer should be an object"
    elif is_listing:
        return None
    if not items:
        return "the answer is an empty list"
    for path in operation.required:
        found = [_decoded(text) for text in _at(items[0], path.split("."))]
        if not found or found[0] is None:
            return f"{LACKS} {path}"
        if not lazy_json.is_id(found[0]):
            return f"the {path} of the answer is {safe_repr(found[0])}, which is not an id"
    return None


_A = {"list": "a list", "object": "an object"}


def contradiction(operation: OperationInfo, request: Request, response: Response) -> str | None:
    """Say how an answer contradicts its request, so that it must be the answer to another; None when it does not."""
    if not operation.repeats or not response.content.strip():
        return None
    for mark in operation.repeats:
        asked = [mark.value] if mark.value else _asked(mark.request, operation, request)
        if not asked or (len(response.content) <= SMALL and _plainly_there(response, mark.answer, asked[0])):
            continue
        if not mark.only and (keys := _key_decoders(mark.answer)) and _keys_plainly_there(response, keys, asked):
            continue
        if mark.answer == "*.id" and (texts := as_texts(response)) is not None:
            # The usual case, and the one that has to be cheap: the ids are at hand.
            wanted = set(map(str, asked))
            others = [text.id for text in texts if text.id not in wanted]
            if not any(all(not _same(other, one) for one in asked) for other in others):
                continue
        found: list[Any] = [
            _other(_comparison(item, path), asked, index)
            for index, (item, path) in enumerate(_subjects(response, mark.answer))
            if all(_has(item, member, values) for member, values in mark.only)
        ]
        if mark.answer.startswith("?") and None in found:
            continue
        other = next((other for other in found if other is not None), None)
        if other is not None:
            several = " or another one asked for" if len(asked) > 1 else ""
            return f"{mark.answer} is {safe_repr(other)}, not {safe_repr(asked[0])}{several}"
    return None


def _plainly_there(response: Response, path: str, wanted: Any) -> bool:
    """Whether just what was asked for stands at a path through members: the usual case of small answers, made cheap."""
    found = _parsed(response)
    for step in path.split("."):
        if not isinstance(found, dict):
            return False
        found = found.get(step)
    return found is not None and bool(found == wanted)


@attrs.frozen
class _KeyDecoders:
    """What reads, of an answer, no more than the values by key that a mark is about."""

    items: Callable[[bytes], Any]
    is_list: bool
    steps: tuple[str, ...]
    values: Callable[[msgspec.Raw], list[Any]]


@lru_cache(maxsize=256)
def _key_decoders(path: str) -> _KeyDecoders | None:
    """Return them for a path such as `*.toy.parts.{key}.*.content`; None for a path of any other form."""
    steps = path.split(".")
    is_list = steps[0] == "*"
    steps = steps[1:] if is_list else steps
    if steps[-3:-1] != [_KEY, "*"] or not all(step.isidentifier() for step in [*steps[:-3], steps[-1]]):
        return None
    value = msgspec.defstruct("Value", [(steps[-1], Any, None)], gc=False)
    item: Any = dict[str, msgspec.Raw]
    for step in reversed(steps[:-3]):
        item = msgspec.defstruct("Item", [(step, item | None, None)], gc=False)
    items = msgspec.json.Decoder(list[item] if is_list else item)
    values = msgspec.json.Decoder(list[value])  # type: ignore[valid-type]
    name = steps[-1]
    return _KeyDecoders(
        items.decode, is_list, tuple(steps[:-3]), lambda text: [getattr(entry, name) for entry in values.decode(text)]
    )


def _keys_plainly_there(response: Response, keys: _KeyDecoders, asked: Sequence[Any]) -> bool:
    """Whether just the key values that were asked for came, in their order or as nothing: as a rule they did."""
    try:
        answer = keys.items(response.content)
        items = answer if keys.is_list else [answer]
        if len(items) != len(asked):
            return False
        for item, wanted in zip(items, asked, strict=True):
            found = item
            for step in keys.steps:
                found = None if found is None else getattr(found, step)
            if found is None:
                continue
            if any(value not in keys.values(found[key]) for key, value in wanted.items()):
                return False
    except (AttributeError, LookupError, ValueError, RecursionError):
        return False
    if keys.is_list:
        response.extensions["is_list"] = True
    return True


def _subjects(response: Response, path: str) -> Iterator[tuple[Text, list[str]]]:
    """Yield what a mark is about: each item of a list, or the answer as a whole; and the path inside of it."""
    answer = _parsed(response)
    steps = path.split(".")
    items = _items(answer)
    if steps[0] in ("*", "?"):
        steps = steps[1:]
    elif items is not None and (len(items) != 1 or not may_be_wrapped(response)):
        return
    for item in [answer] if items is None else items:
        yield item, steps


def _has(item: Text, path: str, values: Sequence[str]) -> bool:
    return any(_decoded(text) in values for text in _at(item, path.split(".")))


def _other(differs: Callable[[Any], Any], asked: Sequence[Any], index: int) -> Any:
    """Return what an item has instead of everything that was asked for; None when something of it fits."""
    # Answers come in the order of the questions as a rule.
    for wanted in (asked[index % len(asked)], *asked):
        other = differs(wanted)
        if other is None:
            return None
    return other


def _comparison(item: Text, path: list[str]) -> Callable[[Any], Any]:
    """Return what gives that which stands at a path instead of a value, None when it fits or nothing is there."""
    if _KEY not in path:
        found = [value for text in _at(item, path) if (value := _decoded(text)) is not None]
        return lambda wanted: None if not found or any(_same(value, wanted) for value in found) else found[0]
    index = path.index(_KEY)
    members = next((known for text in _at(item, path[:index]) if (known := _members(text))), {})
    by_key: dict[str, Callable[[Any], Any]] = {}

    def differs(wanted: Any) -> Any:
        for key, value in wanted.items() if members and isinstance(wanted, Mapping) else ():
            if key not in members:
                return f"without {key}"
            if key not in by_key:
                by_key[key] = _comparison(members[key], path[index + 1 :])
            if (other := by_key[key](value)) is not None:
                return other
        return None

    return differs


def _same(found: Any, asked: Any) -> bool:
    """Whether two values are the same, however the server writes numbers, letters and spaces."""
    if found == asked or isinstance(found, dict | list) or isinstance(asked, dict | list):
        return True  # lists and objects are not compared: nothing says how the server writes them
    one, other = _plain(found), _plain(asked)
    if one == other:
        return True
    number, another = _as_number(one), _as_number(other)
    # Databases keep 15 digits of 17.
    return number is not None and another is not None and math.isclose(number, another, rel_tol=1e-14)


def _plain(value: Any) -> str:
    # Servers trim names of more than blanks: a table written for Excel begins with a mark that nobody sees.
    seen = (sign for sign in unicodedata.normalize("NFKC", str(value)) if unicodedata.category(sign)[0] not in "CZ")
    return "".join(seen).casefold()


def _as_number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


# -- what was asked --------------------------------------------------------------------------------------------------


def _asked(source: str, operation: OperationInfo, request: Request) -> list[Any]:
    """Return what stands in a request at a path such as `path.id`, `query.ids.*` or `body.name`."""
    part, *steps = source.split(".")
    known = request.extensions
    if part == "path":
        if "in_path" not in known:  # the same for each mark
            known["in_path"] = _in_path(operation, request)
        return list(_inside(known["in_path"], steps))
    if part == "query":
        return list(_inside(_query(request, steps[0]), steps))
    if "form" in known:
        return list(_inside(known["form"], steps))
    if not isinstance(request.stream, ByteStream):
        return []
    # No further than need be: a body may be long.
    if "opened" not in known:
        known["opened"] = _decoded_if_small(request.content)
    return [value for text in _at(known["opened"], steps) if (value := _decoded(text)) is not None]


def _in_path(operation: OperationInfo, request: Request) -> dict[str, str]:
    match = path_pattern(operation.path).search(request.url.raw_path.split(b"?")[0].decode("ascii"))
    return {name: unquote(text) for name, text in match.groupdict().items()} if match else {}


def _inside(value: Any, steps: list[str]) -> Iterator[Any]:
    if isinstance(value, str | bytes) and steps and value[:1] in ("[", "{", b"[", b"{"):
        try:
            value = json.loads(value)  # JSON text in a query or a form
        except (ValueError, RecursionError):
            return
    if not steps:
        if value is not None:
            yield value
    elif steps == ["*"] and isinstance(value, str):
        yield from value.split(",")
    elif steps[0] == "*":
        for item in value.split(",") if isinstance(value, str) else value if isinstance(value, list) else ():
            yield from _inside(item, steps[1:])
    elif isinstance(value, Mapping):
        yield from _inside(value.get(steps[0]), steps[1:])


def _query(request: Request, name: str) -> dict[str, str]:
    # The library would decode all of it, which takes as long as everything else here.
    for pair in request.url.query.decode("ascii").split("&"):
        key, _, value = pair.partition("=")
        if key == name:
            return {name: unquote_plus(value.replace("%2C", ","))}
    return {}


# -- what came, decoded no further than need be -----------------------------------------------------------------------


def _parsed(response: Response) -> Text:
    """Return the JSON of an answer, None when it is none. Looked at once, however many marks there are."""
    known = response.extensions
    if "opened" not in known:
        body = response.content.strip()
        known["opened"] = _cut(body) or _read(body, response)
    return known["opened"]


def _cut(body: bytes) -> _Members | None:
    """Return a large object cut into its members, once for all who look into it; None for anything else."""
    if len(body) <= SMALL or not body.startswith(b"{"):
        return None
    try:
        return _Members(body, _MEMBERS.decode(body))
    except (ValueError, RecursionError):
        return None


def _read(body: bytes, response: Response) -> Text:
    text = _readable(body, response)
    return None if text is None else _decoded_if_small(text)


def _decoded_if_small(text: bytes) -> Text:
    if len(text) > SMALL:
        return text
    try:
        return lazy_json.decode(text)
    except (ValueError, RecursionError):
        return text


def _readable(body: bytes, response: Response) -> bytes | None:
    """Return JSON as text that the quick decoder takes, None when it is no JSON."""
    read: Callable[[bytes], Any] = _ITEMS.decode if body.startswith(b"[") else _MEMBERS.decode
    try:
        read(body)
    except (ValueError, RecursionError):
        try:
            # Half characters, which the quick decoder refuses, become question marks.
            return json.dumps(as_json(response), ensure_ascii=False).encode("utf-8", "replace")
        except (ResponseError, RecursionError):
            return None
    return body


class _Members(Mapping[str, Any]):
    """The members of an object that is text still, decoded when they are read.

    Attributes:
        whole: the object as text.
        texts: its members as text.
    """

    __slots__ = ("texts", "whole")

    def __init__(self, whole: Text, texts: dict[str, Any]) -> None:
        self.whole = whole
        self.texts = texts

    def __getitem__(self, name: str) -> Any:
        return _decoded(self.texts[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self.texts)

    def __len__(self) -> int:
        return len(self.texts)


def _failure(answer: Text, response: Response) -> Failure | None:
    platform, members = platform_of(response), _members(answer)
    if platform is None or not members:
        return None
    return platform.find_failure(members if isinstance(answer, dict) else _Members(answer, members))


def _items(text: Text) -> list[Any] | None:
    if not isinstance(text, _TEXT):
        return text if isinstance(text, list) else None
    try:
        return _ITEMS.decode(text)
    except (ValueError, RecursionError):
        return None


def _is_list(response: Response) -> bool:
    parts = lazy_json.cut_list(response.content)
    response.extensions["parts"] = parts  # for who reads the items as they are
    return parts is not None


def _members(text: Text) -> dict[str, Any] | None:
    if isinstance(text, _Members):
        return text.texts
    if not isinstance(text, _TEXT):
        return text if isinstance(text, dict) else None
    try:
        return _MEMBERS.decode(text)
    except (ValueError, RecursionError):
        return None


def _at(text: Text, steps: Sequence[str]) -> Iterator[Text]:
    """Yield what stands at a path; nothing where it does not lead anywhere."""
    for index, step in enumerate(steps):
        if step == "*":
            for item in _items(text) or ():
                yield from _at(item, steps[index + 1 :])
            return
        members = _members(text)
        if not members or step not in members:
            return
        text = members[step]
    yield text


def _decoded(text: Text) -> Any:
    if isinstance(text, _Members):
        text = text.whole
    if not isinstance(text, _TEXT):
        return text
    try:
        return lazy_json.decode(bytes(text))
    except (ValueError, RecursionError):
        return None
