# Derived from kalbio/provena/aio/older/_registries.py by scripts/regenerate; edit that file. (digest 5f44222eb6c3)
"""What `client.registry` is: a service for each subtype, and the methods of the older client."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kalbio.provena._model.subtypes import Subtype
from kalbio.provena.registry import RegistryService


class Registries:
    """The services for the items of each subtype: `client.registry("CREATE")`.

    The methods of the older client's registry are here as well: `client.registry.fetch_item(...)`.
    """

    def __init__(self, service_of: Callable[[Subtype | str], RegistryService], older: Callable[[], Any]) -> None:
        self._service_of = service_of
        self._older = older

    def __call__(self, subtype: Subtype | str) -> RegistryService:
        """Return the service for the items of a subtype; the nouns of the client are the same."""
        return self._service_of(subtype)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # tools ask for such names
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        return getattr(self._older(), name)

    def __repr__(self) -> str:
        return '<registry: call it with a subtype, such as client.registry("MODEL")>'
