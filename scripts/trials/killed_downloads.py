"""Downloads that are killed at any moment: never a partial file under the final name."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

from kalbio import KaleidoscopeClient
from kalbio.sandbox import Sandbox
from kalbio.sandbox.server import serve

SIZE = 24_000_000
OLD = b"the earlier file"
CHILD = """
import sys
from kalbio import KaleidoscopeClient
url, client_id, secret, file_id, folder = sys.argv[1:]
with KaleidoscopeClient(client_id, secret, url) as client:
    print("begun", flush=True)
    client.files.download_file(file_id, "data.bin", folder, overwrite=True)
"""


def run(kills: int, seed: int) -> dict[str, Any]:
    """Kill so many downloads, and count what stood under the final name afterwards."""
    draw = Random(seed)  # noqa: S311  # a trial that can be repeated
    new = draw.randbytes(SIZE)
    found: Counter[str] = Counter()
    with Sandbox() as sandbox, serve(sandbox) as server, tempfile.TemporaryDirectory() as folder:
        credentials = (sandbox.settings.client_id, sandbox.settings.client_secret)
        with KaleidoscopeClient(*credentials, server.url) as client:
            client.entity_fields.get_or_create_data_field("Raw data", "file")
            record = client.records.get_or_create_record({"Compound": "CPD-1"})
            value = record.update_field_file("Raw data", "data.bin", new)
            assert value is not None
            file_id = value.content["file_id"]
        target = Path(folder) / "data.bin"
        command = [sys.executable, "-c", CHILD, server.url, *credentials, file_id, folder]
        with _begun(command) as child:
            started = time.monotonic()
            child.wait()
        takes = time.monotonic() - started
        begun = 0
        for _ in range(kills):
            target.write_bytes(OLD)
            with _begun(command) as child:
                if draw.random() < 0.5:  # at any moment
                    time.sleep(draw.uniform(0, takes))
                else:  # as soon as bytes are on their way to the disk
                    while child.poll() is None and _being_written(folder) == begun:
                        time.sleep(0.0005)
                child.kill()
            begun = _being_written(folder)
            kept = target.read_bytes()
            found["earlier file" if kept == OLD else "complete file" if kept == new else "PARTIAL FILE"] += 1
        # The next download of the file, a day later, removes what the killed ones left.
        for part in Path(folder).glob(".*.part"):
            os.utime(part, times=(0, 0))
        with KaleidoscopeClient(*credentials, server.url) as client:
            client.files.download_file(file_id, "data.bin", folder, overwrite=True)
        left = _being_written(folder)
        return {"kills": kills, **found, "killed while writing": begun, "parts left a day later": left}


def _begun(command: list[str]) -> subprocess.Popen[bytes]:
    child = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    return child


def _being_written(folder: str) -> int:
    return len(list(Path(folder).glob(".*.part")))
