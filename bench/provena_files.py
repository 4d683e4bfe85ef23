"""A large file of a Provena dataset, up and down: how much memory the client takes above its start.

`python -m bench.provena_files FOLDER` is the stand-in with its object store, in a process of its own, which prints its
port; `python -m bench.provena_files URL MEGABYTES` is the client, which prints its figures.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench import file_server
from bench.child import served
from bench.memory import peak_above_start
from kalbio._core.emulator.server import serve
from kalbio.provena import APIOverrides, ClientCredentialsFlow, Config, ProvenaClient
from kalbio.provena.sandbox import Sandbox

_MEGABYTE = 1_000_000
_SECRET = "sandbox-secret"  # noqa: S105  invented


def run(megabytes: int) -> Iterator[dict[str, Any]]:
    """Measure an upload and a download."""
    # The process is killed at the end, and removes nothing itself.
    with tempfile.TemporaryDirectory() as folder, served("bench.provena_files", folder) as url:
        command = [sys.executable, "-m", "bench.provena_files", url, str(megabytes)]
        told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    for name, figures in json.loads(told).items():
        if figures["peak"] is not None:
            title = f"Provena: {name} of {megabytes} MB: memory above start"
            yield {"work": title, "ratio": figures["peak"], "limit": 4, "unit": " MB", "seconds": figures["seconds"]}


def _measure(url: str, megabytes: int) -> dict[str, Any]:
    auth = ClientCredentialsFlow(Config("sandbox.invalid", "sandbox", APIOverrides.at(url)), "admin", _SECRET)
    with ProvenaClient(auth) as client, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        small, large = folder / "small.bin", folder / "large.bin"
        for path, size in ((small, 20 * _MEGABYTE), (large, megabytes * _MEGABYTE)):
            with path.open("wb") as file:
                file.writelines(file_server.pieces(size))
        dataset = client.datasets.need("Sea temperature")
        client.datasets.upload(dataset, small)  # modules, connections and credentials
        client.datasets.download(dataset, folder / "first", paths=["small.bin"])
        figures = {"upload": _cost(lambda: client.datasets.upload(dataset, large))}
        figures["download"] = _cost(lambda: client.datasets.download(dataset, folder / "second", paths=["large.bin"]))
        assert (folder / "second" / "large.bin").stat().st_size == megabytes * _MEGABYTE
    return figures


def _cost(work: Callable[[], object]) -> dict[str, float | None]:
    started = time.perf_counter()
    peak = peak_above_start(work)
    return {"peak": peak, "seconds": time.perf_counter() - started}


def _serve(folder: str) -> None:
    with Sandbox(Path(folder, "provena.db"), seed="demo", client_secret=_SECRET) as sandbox, serve(sandbox) as server:
        print(server.url.rpartition(":")[2], flush=True)
        while True:
            time.sleep(3600)


if __name__ == "__main__":
    if len(sys.argv) == 2:
        _serve(sys.argv[1])
    else:
        print(json.dumps(_measure(sys.argv[1], int(sys.argv[2]))))
