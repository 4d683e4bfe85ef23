"""Read-only lists and dicts for the JSON of objects, and text with the `value` of an enumeration member.

Objects return copies, so a change of one would silently be lost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from kalbio._core.argument_errors import ArgumentTypeError

T = TypeVar("T")
K = TypeVar("K")


def _refuse(self: Any, *_: Any, **__: Any) -> NoReturn:
    kind = "dict" if isinstance(self, dict) else "list"
    raise ArgumentTypeError(
        f"this {kind} belongs to an object of the server; changing it would change nothing there. "
        f"Copy it with {kind}(...), and send the copy with an update."
    )


class FixedList(list[T]):
    """A list that refuses to be changed. Copies of it are plain lists."""

    __slots__ = ()

    if not TYPE_CHECKING:
        append = extend = insert = remove = pop = clear = sort = reverse = _refuse
        __setitem__ = __delitem__ = __iadd__ = __imul__ = _refuse

    def __reduce__(self) -> tuple[Any, ...]:
        return list, (list(self),)


class FixedDict(dict[K, T]):
    """A dict that refuses to be changed. Copies of it are plain dicts."""

    __slots__ = ()

    if not TYPE_CHECKING:
        update = setdefault = pop = popitem = clear = _refuse
        __setitem__ = __delitem__ = __ior__ = _refuse

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (dict(self),)


def copied(value: Any) -> Any:
    """Return a copy of JSON; much quicker than `copy.deepcopy`, because JSON holds no cycles and shares nothing."""
    try:
        if isinstance(value, dict):
            return {name: copied(item) for name, item in value.items()}
        if isinstance(value, list):
            return [copied(item) for item in value]
    except RecursionError:
        return _copied_flat(value)
    return value


def _copied_flat(value: Any) -> Any:
    """Return a copy of JSON that is nested deeper than calls can be."""
    top: list[Any] = [value]
    left = [top]
    while left:
        holder: Any = left.pop()
        for key in list(holder) if isinstance(holder, dict) else range(len(holder)):
            if isinstance(holder[key], dict | list):
                holder[key] = holder[key].copy()
                left.append(holder[key])
    return top[0]


def fixed(value: Any) -> Any:
    """Return a copy of JSON that cannot be changed, at any depth that calls can reach."""
    if value is None or isinstance(value, str):  # most values, and asked for by the million
        return value
    try:
        if isinstance(value, dict):
            return FixedDict({name: fixed(item) for name, item in value.items()})
        if isinstance(value, list):
            return FixedList([fixed(item) for item in value])
    except RecursionError:
        return _copied_flat(value)
    return value


class OpenText(str):
    """Text of an enumeration that the server may extend: it is plain text, and has the `value` of a member too."""

    __slots__ = ()

    @property
    def value(self) -> str:
        """The text."""
        return str(self)
