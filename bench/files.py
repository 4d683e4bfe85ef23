"""Uploads and downloads of large files by our sync client, against the HTTP library doing the same.

`run()` measures both; `python -m bench.files` prints what it found.
"""

from __future__ import annotations

import gc
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from bench import file_server
from bench.memory import peak_above_start
from kalbio import KaleidoscopeClient

SMALL = 1_000_000
MEMORY = Path("/dev/shm")  # noqa: S108 - where it is there, files are kept in memory: a disk has moods of its own
SOME_ID = "6f1c0d5e-0000-4000-8000-000000000001"
Figures = dict[str, Any]


def upload(megabytes: int = 200, rounds: int = 5) -> Figures:
    """Measure an upload of a file on disk, with our client and with a streamed multipart body of the HTTP library."""
    with _clients() as (client, http, folder):

        def written(size: int) -> Path:
            path = folder / f"{size}.bin"
            with path.open("wb") as file:
                file.writelines(file_server.pieces(size))
            return path

        def ours(path: Path) -> None:
            client.records.create_record_value_file(SOME_ID, SOME_ID, path)

        def raw(path: Path) -> None:
            with path.open("rb") as file:
                http.post("/upload", files={"file": (path.name, file)}).raise_for_status()

        large = written(megabytes * 1_000_000)
        return _compare(f"upload of {megabytes} MB", ours, raw, written(SMALL), large, rounds)


def download(megabytes: int = 200, rounds: int = 5) -> Figures:
    """Measure a download to a file, with our client and with a streamed answer of the HTTP library."""
    with _clients() as (client, http, folder):

        def ours(wanted: str) -> None:
            client.files.download_file(wanted, "ours.bin", folder, overwrite=True)

        def raw(wanted: str) -> None:
            with http.stream("GET", f"/files/{wanted}") as response, (folder / "raw.bin").open("wb") as file:
                for piece in response.iter_bytes():
                    file.write(piece)

        large = file_server.file_id(megabytes * 1_000_000)
        return _compare(f"download of {megabytes} MB", ours, raw, file_server.file_id(SMALL), large, rounds)


def run(megabytes: int = 200, rounds: int = 5) -> list[Figures]:
    """Measure both."""
    return [upload(megabytes, rounds), download(megabytes, rounds)]


@contextmanager
def _clients() -> Iterator[tuple[KaleidoscopeClient, httpx.Client, Path]]:
    with (
        tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder,
        file_server.serving(checksums=False) as url,
        KaleidoscopeClient("bench", "bench", url) as client,
        httpx.Client(base_url=url) as http,
    ):
        yield client, http, Path(folder)


def _compare(
    work: str, ours: Callable[[Any], None], raw: Callable[[Any], None], small: Any, large: Any, rounds: int
) -> Figures:
    ours(small)  # modules and connections
    raw(small)
    memory = peak_above_start(partial(ours, large))
    raw(large)
    taken: dict[str, list[float]] = {"ours": [], "raw": []}
    for _ in range(rounds):
        for name, way in (("ours", ours), ("raw", raw)):
            gc.collect()
            started = time.perf_counter()
            way(large)
            taken[name].append(time.perf_counter() - started)
    return {
        "work": work,
        "limit": 1.2,
        **{name: statistics.median(times) for name, times in taken.items()},
        "ratio": statistics.median(mine / other for mine, other in zip(taken["ours"], taken["raw"], strict=True)),
        "memory above start": memory,
    }


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
