"""What the older clients share: how a call is made, and how its answer is read."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from provena_api.models import ItemSubType, RegistryCategorySegment, RegistrySubtypeSegment
from provena_api.types import UNSET, Unset

from kalbio._core.argument_errors import ArgumentTypeError
from kalbio._core.errors import SDKError
from kalbio._core.http.responses import as_object
from kalbio._core.text.display import safe_repr
from kalbio.provena._model.items import UnparsableItemWarning
from kalbio.provena._model.schema import ProvenaObject
from kalbio.provena._model.subtypes import as_subtype, require_action
from kalbio.provena.aio._connection import AsyncConnection
from kalbio.provena.aio._service import not_there, outside
from kalbio.provena.exceptions import make_older

if TYPE_CHECKING:
    from kalbio._core.http.httpx_names import Response
else:
    Response = Any  # for those who resolve annotations: the HTTP library is loaded with the first request

T = TypeVar("T")


class OlderClient(AsyncConnection):
    """A client with the names of the older one: its arguments, its objects, its exceptions.

    Args:
        auth: the login.
        config: the installation.
        **options: those of `AsyncProvenaClient`: `timeout`, `retries`, `transport` and so on.
    """

    # Names of the older client's conveniences, with what to write instead.
    _elsewhere: ClassVar[Mapping[str, str]] = {}

    if not TYPE_CHECKING:
        # Hidden from type checkers, so that a slip is an error there.

        def __getattr__(self, name: str) -> Any:
            raise not_there(self, name, self._elsewhere)

    async def _ask(self, request: Mapping[str, Any], model: type[T]) -> T:
        read = reader_of("the class of the answer", model)
        return read(as_object(await self._send(request)))

    async def _ask_text(self, request: Mapping[str, Any]) -> str:
        return (await self._send(request)).text

    async def _send(self, request: Mapping[str, Any]) -> Response:
        with as_older_errors():
            return await self.session.call(request)

    async def _ask_page(self, request: Mapping[str, Any], model: type[T]) -> T:
        read = reader_of("the class of the answer", model)
        answer = as_object(await self._send(request))
        if broken := answer.get("unparsable_items"):
            warnings.warn(
                f"{len(broken)} items of this page do not have the form of their subtype; "
                "they are in its unparsable_items",
                UnparsableItemWarning,
                stacklevel=outside(),
            )
        return read(answer)


@contextmanager
def as_older_errors() -> Iterator[None]:
    """Make the errors that are raised in a block those of the older client as well."""
    try:
        yield
    except SDKError as error:
        make_older(error)
        raise


def reader_of(name: str, model: type[T]) -> Callable[[dict[str, Any]], T]:
    """Return what makes an object of a class from JSON. Raises TypeError when nothing does."""
    if isinstance(model, type):
        if issubclass(model, ProvenaObject):
            return model.over
        if issubclass(model, dict):
            return model
        for way in ("model_validate", "parse_obj", "from_dict"):
            if callable(make := getattr(model, way, None)):
                return make  # type: ignore[no-any-return]
    raise ArgumentTypeError(
        f"{name} must be one of kalbio.provena.models, such as PersonFetchResponse; got {safe_repr(model)}"
    )


def path_segments(subtype: Any, action: str) -> tuple[RegistryCategorySegment, RegistrySubtypeSegment]:
    """Return where the items of a subtype are. Raises ValueError when they do not have an action."""
    wanted = as_subtype(subtype)
    require_action(wanted, action)
    return RegistryCategorySegment(wanted.category), RegistrySubtypeSegment(wanted.segment)


def as_item_subtype(value: Any) -> ItemSubType:
    """Return the member of the enumeration for a subtype that has paths of its own, or one that others are of."""
    return value if isinstance(value, ItemSubType) else ItemSubType(as_subtype(value).value)


def text(name: str, value: Any) -> str:
    """Return an argument that must be text."""
    if not isinstance(value, str):
        raise ArgumentTypeError(f"{name} must be text; got {safe_repr(value)}")
    return value


def text_or_unset(name: str, value: Any) -> str | Unset:
    """Return an argument that may be text; None stands for nothing."""
    return UNSET if value is None else text(name, value)


def whole_or_unset(name: str, value: Any) -> int | Unset:
    """Return an argument that may be a whole number; None stands for nothing."""
    if value is None:
        return UNSET
    if isinstance(value, bool) or not isinstance(value, int):
        raise ArgumentTypeError(f"{name} must be a whole number; got {safe_repr(value)}")
    return value


def flag_or_unset(name: str, value: Any) -> bool | Unset:
    """Return an argument that may be true or false; None stands for nothing."""
    if value is None:
        return UNSET
    if not isinstance(value, bool):
        raise ArgumentTypeError(f"{name} must be True or False; got {safe_repr(value)}")
    return value
