"""Fixtures for pytest; they are there as soon as kalbio is installed.

`provena_sandbox` is a fresh stand-in for Provena in this process with clients (`InProcess`), `provena_client` its sync
client and `provena_async_client` its async one, both of its administrator. Each test has a state of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from kalbio._extras import SANDBOX

if TYPE_CHECKING:
    from kalbio.provena.aio.client import AsyncProvenaClient
    from kalbio.provena.client import ProvenaClient
    from kalbio.provena.testing import InProcess


@pytest.fixture
def provena_sandbox() -> Iterator[InProcess]:
    """A fresh stand-in for Provena in this process, with the `demo` seed."""
    # Imported here: the plugin is loaded in every run of pytest, also where nobody uses it.
    try:
        from kalbio.provena.testing import InProcess  # isort: skip  first: it says what is missing
        from kalbio.provena.sandbox import Sandbox
    except ModuleNotFoundError as error:
        if error.name not in SANDBOX:
            raise
        pytest.fail(str(error), pytrace=False)

    with InProcess(Sandbox(seed="demo")) as lab:
        yield lab


@pytest.fixture
def provena_client(provena_sandbox: InProcess) -> ProvenaClient:
    """A sync client of a fresh stand-in for Provena, which may do everything."""
    return provena_sandbox.client


@pytest.fixture
def provena_async_client(provena_sandbox: InProcess) -> AsyncProvenaClient:
    """An async client of a fresh stand-in for Provena, which may do everything."""
    return provena_sandbox.async_client
