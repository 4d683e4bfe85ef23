"""The asynchronous client: the surface of `kalbio`, to be awaited. The sync modules are derived from this package."""

from __future__ import annotations

from kalbio.aio.client import AsyncKaleidoscopeClient

__all__ = ["AsyncKaleidoscopeClient"]
