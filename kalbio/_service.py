# Derived from kalbio/aio/_service.py by scripts/regenerate; edit that file. (digest 450417790264)
"""What the services share."""

from __future__ import annotations

from typing import ClassVar

from kalbio._directory import Client


class Service:
    """A group of calls about one noun."""

    _remembers: ClassVar[tuple[str, ...]] = ()
    """The kinds of reads that it remembers, see `kalbio._model.staleness`."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._session = client.session
        self._directory = client.directory

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._client!r}>"

    def clear_caches(self) -> None:
        """Forget what this service has cached."""
        self._session.forget(*self._remembers)
