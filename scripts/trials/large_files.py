"""Uploads and downloads of large files: what arrives is what was sent, and memory stays where it was.

Each transfer runs in a process of its own, so that no earlier one has made room for it: it makes a client, transfers a
small file, and then the large one. What is counted is the peak of resident memory above its beginning, as the kernel
keeps it (`bench/memory.py`). Systems without /proc do not tell it: there only the bytes are compared.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from bench import file_server
from bench.memory import can_be_measured, peak_above_start
from kalbio import AsyncKaleidoscopeClient, KaleidoscopeClient

LIMIT = 4.0
SMALL = 1_000_000
SOME_ID = "6f1c0d5e-0000-4000-8000-000000000001"
TRANSFERS = ("upload from a path", "upload of an open file", "download to a path", "download in pieces")


def run(megabytes: int, transfers: Sequence[str] = TRANSFERS) -> dict[str, Any]:
    """Transfer files of this size; return the peaks, in MB above the start, and what arrived with other bytes."""
    size = megabytes * 1_000_000
    figures: dict[str, Any] = {}
    wrong = []
    with file_server.serving() as url, tempfile.TemporaryDirectory() as folder:
        for length in (SMALL, size):
            with (Path(folder) / f"{length}.bin").open("wb") as file:
                file.writelines(file_server.pieces(length))
        right = file_server.sha256(size)
        for world in ("sync", "async"):
            for transfer in transfers:
                command = [sys.executable, "-m", "scripts.trials.large_files", world, transfer, url, folder, str(size)]
                answered = subprocess.run(command, stdout=subprocess.PIPE, check=True)
                told = json.loads(answered.stdout)
                figures[f"{world} {transfer}"] = told["peak"]
                if told["sha256"] != right:
                    wrong.append(f"{world} {transfer}")
    if not can_be_measured():
        figures["memory"] = "not measured: this system has no /proc/self/clear_refs"
    return {**figures, "arrived with other bytes": wrong}


def held(figures: dict[str, Any]) -> bool:
    """Say whether all arrived as it was sent, and no transfer took more memory than it may."""
    return not figures["arrived with other bytes"] and all(
        peak <= LIMIT for peak in figures.values() if isinstance(peak, float)
    )


def _measured(client: Any, wait: Callable[[Any], Any], transfer: str, folder: Path, size: int) -> dict[str, Any]:
    """Transfer a small file, then the large one; `wait` gives the result of a call in either world."""
    found: dict[str, str] = {}

    def upload(length: int) -> None:
        path = folder / f"{length}.bin"
        if transfer == "upload from a path":
            value = wait(client.records.create_record_value_file(SOME_ID, SOME_ID, path))
        else:
            with path.open("rb") as file:
                value = wait(client.records.create_record_value_file(SOME_ID, SOME_ID, path.name, file))
        found["sha256"] = value.content["sha256"]

    def download(length: int) -> None:
        wanted = file_server.file_id(length)
        if transfer == "download to a path":
            found["path"] = wait(client.files.download_file(wanted, "data.bin", folder, overwrite=True))
        else:
            found["sha256"] = wait(_checksum(client.files.iter_file(wanted)))

    work = upload if transfer.startswith("upload") else download
    work(SMALL)
    peak = peak_above_start(lambda: work(size))
    if "path" in found:
        with Path(found["path"]).open("rb") as file:
            found["sha256"] = hashlib.file_digest(file, "sha256").hexdigest()
        Path(found["path"]).unlink()
    return {"peak": None if peak is None else round(peak, 2), "sha256": found["sha256"]}


def _checksum(pieces: Iterator[bytes] | AsyncIterator[bytes]) -> Any:
    digest = hashlib.sha256()
    if isinstance(pieces, Iterator):
        for piece in pieces:
            digest.update(piece)
        return digest.hexdigest()

    async def later() -> str:
        async for piece in pieces:
            digest.update(piece)
        return digest.hexdigest()

    return later()


def main() -> None:
    """Make one transfer and print what came of it: what a child of `run` does."""
    world, transfer, url, folder, size = sys.argv[1:]
    task = (transfer, Path(folder), int(size))
    if world == "sync":
        with KaleidoscopeClient("trial", "trial", url) as client:
            told = _measured(client, lambda value: value, *task)
    else:
        with asyncio.Runner() as runner:
            tasks = AsyncKaleidoscopeClient("trial", "trial", url)
            told = _measured(tasks, runner.run, *task)
            runner.run(tasks.aclose())
    print(json.dumps(told))


if __name__ == "__main__":
    main()
