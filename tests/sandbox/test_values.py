from __future__ import annotations

import pytest

from tests.sandbox.wire import Api, Json, multipart


@pytest.mark.parametrize(
    ("kind", "content", "stored"),
    [
        ("number", 4.1, "4.1"),
        ("number", 4.0, "4"),
        ("number", -35, "-35"),
        ("number", "1e3", "1e3"),
        ("text", "x", "x"),
        ("text", 5, "5"),
        ("boolean", True, True),
        ("date", "2026-01-02", "2026-01-02"),
        ("multiselect", ["a", "b"], ["a", "b"]),
        ("URL", "https://example.org", ["https://example.org"]),
        ("qualified-number", {"qualifier": "<", "value": 5}, {"qualifier": "<", "value": 5}),
        ("number", None, None),
    ],
)
def test_content_is_kept_by_type(bare: Api, kind: str, content: Json, stored: Json) -> None:
    """Numbers become text, booleans stay, null empties a cell."""
    record, field = bare.record(Drug="A"), bare.field("F", kind)

    written = bare.value(record["id"], field, content)

    assert written["content"] == stored
    assert written["content"].__class__ is stored.__class__
    shown = bare.read(f"/records/{record['id']}")["record_values"][field][0]
    assert (shown["id"], shown["content"]) == (written["id"], stored)


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("number", "many"),
        ("number", True),
        ("number", "nan"),
        ("boolean", "true"),
        ("boolean", 1),
        ("date", "soon"),
        ("text", {"a": 1}),
        ("multiselect", [1]),
        ("record-reference", "nope"),
        ("file", {"file_id": "nope"}),
    ],
)
def test_content_of_another_type_is_refused(bare: Api, kind: str, content: Json) -> None:
    """400, and the message names the field."""
    record, field = bare.record(Drug="A"), bare.field("Fancy", kind)
    body = {"field_id": field, "content": content, "operation_id": None, "record_view_id": None}

    answer = bare.call("POST", f"/records/{record['id']}/values", body)

    assert answer.status == 400
    assert bare.read(f"/records/{record['id']}/values") == []


def test_history_grows_and_the_newest_is_current(bare: Api) -> None:
    """Writing the same again adds a value; the record shows the newest per operation, newest first."""
    record, field, other = bare.record(Drug="A"), bare.field("F"), bare.field("G")
    experiment = bare.experiment()["id"]
    bare.attach(experiment, record["id"])
    bare.value(record["id"], field, "a")
    bare.value(record["id"], other, "x")
    outside = bare.value(record["id"], field, "a")
    bare.value(record["id"], field, "b", operation_id=experiment)
    inside = bare.value(record["id"], field, "c", operation_id=experiment)

    history = bare.read(f"/records/{record['id']}/values")
    current = bare.read(f"/records/{record['id']}")["record_values"][field]

    assert [value["content"] for value in history] == ["c", "b", "a", "x", "a"]
    assert [value["id"] for value in current] == [inside["id"], outside["id"]]
    assert history[0] == inside


def test_a_table_of_an_operation_is_a_scope_of_its_own(api: Api) -> None:
    """record_view_id separates values, and is refused without its operation."""
    experiment = api.experiment(definition="Assay results registration")["id"]
    view = next(v["id"] for v in api.read("/record_views") if v["operation_ids"] == [experiment])
    record, field = api.record(Compound="A")["id"], api.field("Comment")
    api.attach(experiment, record)
    api.value(record, field, "in the operation", operation_id=experiment)
    api.value(record, field, "in the table", operation_id=experiment, record_view_id=view)

    current = api.read(f"/records/{record}")["record_values"][field]

    assert [(v["content"], v["record_view_id"]) for v in current] == [
        ("in the table", view),
        ("in the operation", None),
    ]
    api.post(f"/records/{record}/values", {"field_id": field, "content": "x", "record_view_id": view}, 400)


def test_a_write_needs_its_field_and_place(api: Api) -> None:
    """Null and unknown fields, key fields, and operations that do not hold the record are 400."""
    record, field = api.record(Compound="A")["id"], api.field("Comment")
    task = next(a["id"] for a in api.read("/activities") if a["activity_type"] == "task")
    for body in (
        {"field_id": None, "content": "x", "operation_id": None},
        {"field_id": "nope", "content": "x"},
        {"field_id": api.key("Compound"), "content": "x"},
        {"field_id": field, "content": "x", "operation_id": "nope"},
        {"field_id": field, "content": "x", "operation_id": task},
        {"field_id": field, "content": "x", "operation_id": api.experiment()["id"]},
    ):
        api.post(f"/records/{record}/values", body, 400)


def test_a_file_is_a_value_and_can_be_downloaded(api: Api) -> None:
    """The content refers to the file; its bytes and type come back unchanged."""
    record, field, data = api.record(Compound="A")["id"], api.field("Spectrum", "file"), bytes(range(256)) + b"\r\n--X"

    answer = api.upload(f"/records/{record}/values/file", "s p.csv", data, {"field_id": field})

    content = answer.json()["resource"]["content"]
    assert content == content | {"file_name": "s p.csv", "file_type": "text/csv", "file_size": len(data)}
    file = api.get(f"/files/{content['file_id']}")
    assert file.body == data
    assert dict(file.headers)["content-type"] == "text/csv"
    assert api.get("/files/nope").status == 404


def test_uploads_are_strict_unless_told_otherwise(api: Api) -> None:
    """A multipart body under application/json is refused; a text field takes no file; a part too many is named."""
    record, field = api.record(Compound="A")["id"], api.field("Spectrum", "file")
    path = f"/records/{record}/values/file"

    assert api.upload(path, "a.csv", b"x", {"field_id": field}, "application/json").status == 400
    assert api.upload(path, "a.csv", b"x", {"field_id": field}, "multipart/form-data").status == 415
    assert api.upload(path, "a.csv", b"x", {"field_id": api.field("Comment")}).status == 400
    assert api.upload(path, "a.csv", b"x", {"field_id": field, "more": 1}).status == 400
    assert api.upload(path, "a.csv", b"x").status == 400
    cut = multipart("a.csv", b"x", {"field_id": field})[:-8]
    assert api.send("POST", path, cut, "multipart/form-data; boundary=XX").status == 400
