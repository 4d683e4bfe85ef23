"""The contents of files in a mirror, which are downloaded on request."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import kalbio.mirror
from kalbio import MirrorError, PermissionDeniedError, TransportError
from kalbio._core.files.filenames import safe_name
from kalbio.mirror._contents import FilesFolder
from tests.conftest import Lab, World
from tests.rows import row


def upload(lab: Lab, *names: str) -> None:
    """Upload a file to a record of the demo seed for each name; its content is its name."""
    for number, name in enumerate(names, start=1):
        record = lab.world(lab.api.records.get_record_by_id({"Compound": f"SBX-{number}"}))
        lab.world(record.update_field_file("Spectrum", name, name.encode(), "text/plain"))


def refresh(lab: Lab, target: Path, **settings: Any) -> Any:
    """Refresh a mirror with the contents of files."""
    return lab.world(lab.api.mirror(target, **{"files": True, "overlap": timedelta(0), **settings}).refresh())


def paths(target: Path) -> dict[str, str | None]:
    """Where the mirror says that the contents of files are, by their names."""
    with kalbio.mirror.connect(target) as db:
        return dict(db.sql("select file_name, path from files").fetchall())


@pytest.mark.parametrize("name", ["lab.duckdb", "lab"])
def test_each_file_is_downloaded_once(lab: Lab, tmp_path: Path, name: str) -> None:
    """With `files=True` the contents are beside the mirror, SQL says where, and the next refresh gets the new ones."""
    target = tmp_path / name
    root = tmp_path / name if name == "lab" else tmp_path
    upload(lab, "nmr.txt", "ms.txt")
    for _ in range(2):  # after the second one, nothing but the contents is new
        refresh(lab, target, files=False)
    assert paths(target) == {"nmr.txt": None, "ms.txt": None}
    assert lab.operations().count("downloadFile") == 0
    done = refresh(lab, target)
    assert str(done).endswith("; 2 files downloaded")
    if name == "lab":
        table = pd.read_parquet(target / "latest" / "files.parquet")
        assert dict(zip(table["file_name"], table["path"], strict=True)) == paths(target)
    upload(lab, "ir.txt")
    again = refresh(lab, target)
    assert [one.name for one in again.files] == ["ir.txt"]
    assert lab.operations().count("downloadFile") == 3
    for file_name, path in paths(target).items():
        with row(file_name):
            assert path is not None
            assert (root / path).read_bytes() == file_name.encode()
    # A full copy is made of another file, and a refresh without downloads shows what is there.
    assert lab.world(lab.api.mirror(target).refresh(full=True)).files == ()
    assert lab.operations().count("downloadFile") == 3
    assert None not in paths(target).values()


def test_a_file_that_cannot_be_had_is_told(lab: Lab, tmp_path: Path) -> None:
    """A refused download is in the report with its reason, everything else is in the mirror, and it is tried again."""
    target = tmp_path / "lab"
    upload(lab, "nmr.txt", "ms.txt")
    lab.fail("downloadFile", status=403)
    lab.fail("downloadFile", status=404)
    done = refresh(lab, target)
    assert {type(one.error) for one in done.files} == {PermissionDeniedError, MirrorError}
    assert str(done).endswith("; 0 files downloaded, 2 not")
    assert paths(target) == {"nmr.txt": None, "ms.txt": None}
    assert kalbio.mirror.status(target).rows["Compound"] == 5
    assert {one.error for one in refresh(lab, target).files} == {None}
    assert None not in paths(target).values()


def test_a_server_that_is_gone_is_not_asked_for_each_file(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once no answer has come to so many downloads, the others are reported as not tried."""
    for module in ("kalbio._mirror", "kalbio.aio._mirror"):
        monkeypatch.setattr(f"{module}._UNANSWERED", 1)
    lab = Lab(world, retries=0, max_in_flight=1)
    upload(lab, "nmr.txt", "ms.txt", "ir.txt")
    lab.fail("downloadFile", refuse=True, times=3)
    errors = [one.error for one in refresh(lab, tmp_path / "lab").files]
    assert isinstance(errors[0], TransportError)
    assert ["not tried" in str(error) for error in errors] == [False, True, True]


def test_no_name_of_a_file_leaves_its_folder(tmp_path: Path) -> None:
    """Ids and names of any form give a place in the folder of that file, and no two files have the same folder."""
    files = FilesFolder(tmp_path / "files")
    ids = ["../x", "a/b", "..", "", "CON", "A" * 40, "a" * 40, "a" * 300, "a\0b", "\ud800", "6f1c0d5e-0000-4000-8000-0"]
    assert len({str(files.path_of(one, "x").parent).casefold() for one in ids}) == len(ids)
    for one in ids:
        for name in ("../../x", "a/b", "CON", "", None, "x" * 300, "a\0b"):
            with row(repr((one, name))):
                path = files.path_of(one, name)
                assert path.parent.parent == tmp_path / "files"
                assert path.name == safe_name(name, one)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch()
                assert path.resolve().is_relative_to((tmp_path / "files").resolve())
