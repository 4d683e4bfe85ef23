"""Uploads from wherever the bytes are, downloads to wherever they should go."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import pytest

from kalbio import ConnectionFailedError, NotFoundError
from tests.conftest import Lab, World

DATA = bytes(range(256)) * 1000
MISSING = "00000000-0000-4000-8000-000000000000"


def file_property(lab: Lab, world: World) -> Any:
    """Return a property of type file."""
    run = world(
        lab.api.activities.create_activity("Run", "experiment", activity_definition_id="Assay results registration")
    )
    return next(item for item in run.properties if item.field_type == "file")


def test_an_upload_takes_a_path_and_derives_name_and_type(lab: Lab, world: World, tmp_path: Path) -> None:
    """A path alone is enough: the file is kept under its own name, with the type that goes with it."""
    path = tmp_path / "results.csv"
    path.write_bytes(b"a,b\n")
    upload = file_property(lab, world)

    for answer in (
        world(upload.update_property_file(path)),
        world(upload.update_property_file(str(path))),
        world(upload.update_property_file("results.csv", path)),
        world(upload.update_property_file("results.csv", b"a,b\n")),
    ):
        assert (answer["file_name"], answer["file_type"], answer["file_size"]) == ("results.csv", "text/csv", 4)


def test_a_name_without_a_known_type_is_sent_as_bytes(lab: Lab, world: World) -> None:
    """No type is made up for a name that tells none."""
    answer = world(file_property(lab, world).update_property_file("results.unheard-of", b"a"))

    assert answer["file_type"] == "application/octet-stream"


def test_a_path_that_is_not_there_is_refused_before_anything_is_sent(lab: Lab, world: World, tmp_path: Path) -> None:
    """The error is the usual one for files."""
    upload = file_property(lab, world)
    before = len(lab.exchanges)

    with pytest.raises(FileNotFoundError):
        world(upload.update_property_file(tmp_path / "none.csv"))
    assert len(lab.exchanges) == before


def test_an_upload_begins_where_the_file_stands(lab: Lab, world: World) -> None:
    """What was read before is not sent, and a retry begins at the same place."""
    upload = file_property(lab, world)
    file = io.BytesIO(b"header\nrows\n")
    file.readline()

    answer = world(upload.update_property_file("a.csv", file))

    assert world(lab.api.files.read_file(answer["file_id"])) == b"rows\n"


def stored(lab: Lab, world: World) -> str:
    """Return the id of an uploaded file."""
    return str(world(file_property(lab, world).update_property_file("data.bin", DATA))["file_id"])


def test_a_file_comes_as_bytes_and_in_pieces(lab: Lab, world: World) -> None:
    """Without a file on disk: whole, or piece by piece."""
    file_id = stored(lab, world)

    async def collect() -> list[bytes]:
        return [piece async for piece in lab.api.files.iter_file(file_id)]

    read = list(lab.api.files.iter_file(file_id)) if world.kind == "sync" else world(collect())

    assert world(lab.api.files.read_file(file_id)) == DATA
    assert b"".join(read) == DATA
    assert len(read) > 1


def test_a_file_that_is_not_there(lab: Lab, world: World) -> None:
    """Reading gives None, going through raises."""

    async def collect() -> list[bytes]:
        return [piece async for piece in lab.api.files.iter_file(MISSING)]

    assert world(lab.api.files.read_file(MISSING)) is None
    with pytest.raises(NotFoundError):
        list(lab.api.files.iter_file(MISSING)) if world.kind == "sync" else world(collect())


def test_progress_is_told(lab: Lab, world: World, tmp_path: Path) -> None:
    """The callback hears of every piece; the last one is all there is."""
    told: list[tuple[int, int | None]] = []
    path = world(
        lab.api.files.download_file(stored(lab, world), "d", tmp_path, progress=lambda *state: told.append(state))
    )

    assert Path(path).read_bytes() == DATA
    assert [done for done, _ in told] == sorted({done for done, _ in told})
    assert told[-1][0] == len(DATA)
    assert {total for _, total in told} <= {len(DATA), None}


def test_a_checksum_is_kept_or_the_file_is_not(lab: Lab, world: World, tmp_path: Path) -> None:
    """The right checksum saves; a wrong one leaves no file; what is no checksum is refused before anything is sent."""
    file_id = stored(lab, world)
    right = hashlib.sha256(DATA).hexdigest().upper()

    assert world(lab.api.files.download_file(file_id, "good", tmp_path, sha256=right))
    with pytest.raises(ConnectionFailedError, match="SHA-256"):
        world(lab.api.files.download_file(file_id, "bad", tmp_path, sha256="0" * 64))
    before = len(lab.exchanges)
    with pytest.raises(ValueError, match="64"):
        world(lab.api.files.download_file(file_id, "none", tmp_path, sha256="abc"))

    assert len(lab.exchanges) == before
    assert [path.name for path in tmp_path.iterdir()] == ["good"]
