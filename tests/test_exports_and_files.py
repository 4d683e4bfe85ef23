"""Exports and downloads: what is asked for, where it is saved, and what stays as it was."""

from __future__ import annotations

import csv
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest

from kalbio import KalbioAPIError
from tests.altered import query_of, replace
from tests.conftest import Lab, World
from tests.demo import NOWHERE


@pytest.fixture
def uploaded(lab: Lab) -> tuple[str, str]:
    """A file in a property of an activity: (activity id, file id)."""
    activity = lab.client.activities.get_activity_by_id("First registration")
    assert activity is not None
    upload = next(item for item in activity.properties if item.field_type == "file")
    answer = upload.update_property_file("results.csv", b"Compound\nSBX-1\n", "text/csv")
    assert answer is not None
    return activity.id, answer["file_id"]


def test_an_export_is_saved_where_it_is_told(lab: Lab, world: World, tmp_path: Path) -> None:
    """The directory is made, only the last component of the name counts, and the rows are the server's."""
    path = world(lab.api.exports.pull_data("../up/compounds.csv", "Compound", tmp_path / "new" / "place"))
    assert Path(path) == tmp_path / "new" / "place" / "compounds.csv"
    kind = world(lab.api.entity_types.get_type_exact_keys(["Compound"]))
    assert query_of(lab, "exportRecordsCsv") == {"filename": "compounds.csv", "entity_slice_id": kind.id}
    rows = list(csv.reader(Path(path).read_text().splitlines()))
    assert len(rows) == 6
    assert [item.name for item in Path(path).parent.iterdir()] == ["compounds.csv"]


def test_an_export_goes_to_the_temporary_directory_by_default(
    lab: Lab, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a directory the platform's own one for temporary files is used."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert world(lab.api.exports.pull_data("a.csv", "Compound")) == str(tmp_path / "a.csv")


def test_the_conditions_of_an_export(lab: Lab, world: World, tmp_path: Path) -> None:
    """Names become ids, lists are joined or sent as JSON, prepared texts go as they are, empty ones included."""
    field = world(lab.api.entity_fields.get_data_field_by_id("Potency (nM)"))
    activity = world(lab.api.activities.get_activity_by_id("Kinase screen"))
    filters = [{"field_id": "Potency (nM)", "filter_type": "is_less_than", "filter_prop": 100}]
    path = world(
        lab.api.exports.pull_data(
            "a.csv", "Compound", tmp_path, operation_id="Kinase screen", entity_field_filters=filters,
            entity_field_sorts=[{"field_id": field, "descending": True}], search_text="SBX",
        )
    )  # fmt: skip
    query = query_of(lab, "exportRecordsCsv")
    assert query["operation_id"] == activity.id
    assert json.loads(query["entity_field_filters"])[0]["field_id"] == field.id
    assert json.loads(query["entity_field_sorts"]) == [{"field_id": field.id, "descending": True}]
    assert len(Path(path).read_text().splitlines()) == 3
    replace(lab, "exportRecordsCsv", b"x")
    with pytest.warns(DeprecationWarning, match="record_set_ids"):
        world(
            lab.api.exports.pull_data(
                "b.csv", "Compound", tmp_path, view_field_ids=[NOWHERE, NOWHERE], identifier_ids="",
                record_set_id=NOWHERE, entity_field_filters="[]",
            )
        )  # fmt: skip
    query = query_of(lab, "exportRecordsCsv")
    assert query["view_field_ids"] == f"{NOWHERE},{NOWHERE}"
    assert (query["identifier_ids"], query["record_set_ids"], query["entity_field_filters"]) == ("", NOWHERE, "[]")


@pytest.mark.parametrize(
    "arguments",
    [
        {"entity_slice_id": "Compoud"},
        {"entity_slice_id": ""},
        {"record_view_id": "my table"},
        {"view_field_ids": ["x"]},
        {"program_id": "no such program"},
        {"operation_id": "no such activity"},
        {"entity_field_filters": [{"field_id": "Coment", "filter_type": "is_set", "filter_prop": None}]},
        {"entity_field_filters": [{"field_id": "Comment", "filter_type": "nope", "filter_prop": None}]},
        {"view_field_filters": [{"view_field_id": NOWHERE, "filter_type": "nope", "filter_prop": None}]},
    ],
)
def test_an_export_that_makes_no_sense_is_not_sent(lab: Lab, world: World, tmp_path: Path, arguments: Any) -> None:
    """Names that name nothing raise before the export is sent, and no file is made."""
    with pytest.raises(ValueError, match=r".+"):
        world(
            lab.api.exports.pull_data("a.csv", **{"entity_slice_id": "Compound", **arguments}, download_path=tmp_path)
        )
    assert "exportRecordsCsv" not in lab.operations()
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_downloaded_by_its_id(lab: Lab, world: World, uploaded: tuple[str, str], tmp_path: Path) -> None:
    """With an activity its own call is used, without one the plain call; the bytes are those uploaded."""
    activity_id, file_id = uploaded
    download = lab.api.files.download_file
    for arguments in ({}, {"activity_id": activity_id}, {"activity_id": "First registration"}):
        path = world(download(file_id, "r.csv", tmp_path / "sub", overwrite=True, **arguments))
        assert Path(path) == tmp_path / "sub" / "r.csv"
        assert Path(path).read_bytes() == b"Compound\nSBX-1\n"
    downloads = [name for name in lab.operations() if name.startswith("download")]
    assert downloads == ["downloadFile", "downloadActivityFile", "downloadActivityFile"]


def test_a_file_goes_to_the_current_directory_under_its_id(
    lab: Lab, world: World, uploaded: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a name and a directory, the id is the name and the current directory the place."""
    monkeypatch.chdir(tmp_path)
    path = world(lab.api.files.download_file(uploaded[1]))
    assert (tmp_path / path).read_bytes() == b"Compound\nSBX-1\n"
    assert [item.name for item in tmp_path.iterdir()] == [uploaded[1]]


def test_what_is_not_there_gives_none(lab: Lab, world: World, tmp_path: Path) -> None:
    """A file or an export that the server does not have gives None, and leaves nothing behind."""
    assert world(lab.api.files.download_file(NOWHERE, "a", tmp_path)) is None
    replace(lab, "exportRecordsCsv", {"message": "none"}, status=404)
    assert world(lab.api.exports.pull_data("a.csv", "Compound", tmp_path)) is None
    assert list(tmp_path.iterdir()) == []


def test_an_existing_file_is_kept_when_that_is_wanted(
    lab: Lab, world: World, uploaded: tuple[str, str], tmp_path: Path
) -> None:
    """With overwrite=False a file is refused before anything is sent; a failing download leaves it as it was."""
    (tmp_path / "a.csv").write_text("good")
    before = len(lab.exchanges)
    with pytest.raises(FileExistsError, match="overwrite=True"):
        world(lab.api.files.download_file(uploaded[1], "a.csv", tmp_path, overwrite=False))
    with pytest.raises(FileExistsError, match="overwrite=True"):
        world(lab.api.exports.pull_data("a.csv", "Compound", tmp_path, overwrite=False))
    assert len(lab.exchanges) == before
    replace(lab, "downloadFile", {"message": "no"}, status=403)
    with pytest.raises(KalbioAPIError):
        world(lab.api.files.download_file(uploaded[1], "a.csv", tmp_path))
    assert [(item.name, item.read_text()) for item in tmp_path.iterdir()] == [("a.csv", "good")]


@pytest.mark.parametrize("file_id", ["", "../../etc/passwd", "a/b", 5])
def test_what_is_no_file_id_is_refused(lab: Lab, world: World, tmp_path: Path, file_id: Any) -> None:
    """A file is named by its uuid; anything else raises before anything is sent."""
    with pytest.raises(ValueError, match="file"):
        world(lab.api.files.download_file(file_id, None, tmp_path))
    with pytest.raises(ValueError, match="no such activity"):
        world(lab.api.files.download_file(NOWHERE, None, tmp_path, "no such activity"))
    assert set(lab.operations()) <= {"listActivities"}


@pytest.mark.parametrize("name", ["..", "/", "", "   ", "con", "a\x00b", "..\\..\\x"])
def test_every_name_becomes_one_safe_component(
    lab: Lab, world: World, uploaded: tuple[str, str], tmp_path: Path, name: str
) -> None:
    """Whatever the name, the file stands in the directory that was asked for."""
    path = world(lab.api.files.download_file(uploaded[1], name, tmp_path))
    assert Path(path).parent == tmp_path
    assert Path(path).is_file()


def test_any_content_type_is_saved(lab: Lab, world: World, tmp_path: Path) -> None:
    """A content type with parameters, or an unknown one, does not block a download."""
    replace(lab, "exportRecordsCsv", b"a;b")
    path = world(lab.api.exports.pull_data("a.csv", "Compound", tmp_path))
    assert Path(path).read_bytes() == b"a;b"
