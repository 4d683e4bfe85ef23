"""What importing kalbio and making a client load; `scripts/bench` measures how long that takes."""

from __future__ import annotations

import json
import subprocess
import sys


def run(code: str) -> str:
    """Run code in a fresh interpreter and return what it printed."""
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


def modules_after(code: str) -> set[str]:
    """Return the modules that are loaded after some code."""
    return set(json.loads(run(f"{code}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))")))


def test_importing_kalbio_loads_nothing_heavy() -> None:
    """`import kalbio` loads neither the HTTP library nor attrs, nor any service or generated module."""
    loaded = modules_after("import kalbio")

    assert {
        name for name in loaded if name.split(".")[0] in ("httpx", "attr", "attrs", "anyio", "ssl", "asyncio")
    } == set()
    assert {name for name in loaded if name.startswith(("kalbio", "kaleidoscope_api"))} == {"kalbio", "kalbio._version"}


def test_making_a_client_does_not_load_the_http_library() -> None:
    """A client that has sent nothing has not paid for the connection."""
    loaded = modules_after("from kalbio import KaleidoscopeClient; KaleidoscopeClient('id', 'secret')")

    assert {name for name in loaded if name.split(".")[0] in ("httpx", "anyio")} == set()
    assert "kalbio.records" not in loaded


def test_the_sync_client_needs_no_event_loop() -> None:
    """Using the sync client loads nothing of the async one."""
    loaded = modules_after("from kalbio import KaleidoscopeClient; KaleidoscopeClient('id', 'secret').records")

    assert {name for name in loaded if name.startswith(("kalbio.aio", "kalbio._core.aio"))} == set()


def test_the_second_platform_costs_the_first_one_nothing() -> None:
    """A Kaleidoscope client loads nothing of Provena, and the other way round."""
    loaded = modules_after(
        "import kalbio.aio.client, kalbio.records; kalbio.KaleidoscopeClient('id', 'secret').records"
    )
    assert {name for name in loaded if name.startswith(("kalbio.provena", "provena_api"))} == set()

    making = "ProvenaClient(ClientCredentialsFlow(Config('a.invalid', 'b'), 'id', 'secret'))"
    loaded = modules_after(f"from kalbio.provena import ClientCredentialsFlow, Config, ProvenaClient; {making}")
    assert {name for name in loaded if name.split(".")[0] in ("httpx", "anyio", "kaleidoscope_api")} == set()
    strangers = ("kalbio.aio", "kalbio._model", "kalbio.client", "kalbio.sandbox", "kalbio.provena.aio")
    assert {name for name in loaded if name.startswith(strangers)} == set()


def test_a_client_does_not_load_the_emulator_kit() -> None:
    """Whoever only uses a client pays nothing for the sandbox, whose extra may not be installed."""
    loaded = modules_after("import kalbio.aio.client, kalbio.records; kalbio.KaleidoscopeClient('id', 'secret').raw")

    assert {name for name in loaded if name.startswith(("kalbio._core.emulator", "kalbio.sandbox"))} == set()


def test_a_sandbox_does_not_load_its_pages() -> None:
    """Jinja2 is loaded by whoever looks at the first page, and not with a sandbox."""
    loaded = modules_after("from kalbio.sandbox import Sandbox; Sandbox(seed='empty').close()")

    assert {name for name in loaded if name.startswith(("jinja2", "kalbio.sandbox.pages"))} == set()
