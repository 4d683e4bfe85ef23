"""Fixtures for pytest; they are there as soon as kalbio is installed.

`kalbio_sandbox` is a fresh in-process sandbox with clients (`InProcess`), `kalbio_client` its sync client and
`kalbio_async_client` its async one. Each test has a state of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from kalbio._extras import SANDBOX

if TYPE_CHECKING:
    from kalbio.aio.client import AsyncKaleidoscopeClient
    from kalbio.client import KaleidoscopeClient
    from kalbio.testing import InProcess


@pytest.fixture
def kalbio_sandbox() -> Iterator[InProcess]:
    """A fresh sandbox in this process, with the `demo` seed."""
    # Imported here: the plugin is loaded in every run of pytest, also where nobody uses it.
    try:
        from kalbio.testing import InProcess
    except ModuleNotFoundError as error:
        if error.name not in SANDBOX:
            raise
        pytest.fail(str(error), pytrace=False)

    with InProcess() as lab:
        yield lab


@pytest.fixture
def kalbio_client(kalbio_sandbox: InProcess) -> KaleidoscopeClient:
    """A sync client of a fresh sandbox."""
    return kalbio_sandbox.client


@pytest.fixture
def kalbio_async_client(kalbio_sandbox: InProcess) -> AsyncKaleidoscopeClient:
    """An async client of a fresh sandbox."""
    return kalbio_sandbox.async_client
