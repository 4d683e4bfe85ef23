from __future__ import annotations

from kalbio.sandbox import Sandbox
from tests.sandbox.wire import Api, Json


def _push(api: Api, keys: list[str], data: list[Json], **more: Json) -> Json:
    import_id = api.post("/push/imports", {"key_field_names": keys, "data": data, **more})["import_id"]
    return api.read(f"/imports/{import_id}")


def test_a_push_creates_fields_and_records(bare: Api) -> None:
    """Types are inferred, missing cells stay empty, and the counters tell."""
    rows = [{"Drug": "A", "Mass": 4.5, "Safe": True, "Note": "x"}, {"Drug": "B", "Mass": None, "Note": 5}]

    done = _push(bare, ["Drug"], rows)

    result = done["import_result"]
    assert (done["import_status"], done["is_complete"]) == ("completed", True)
    assert (result["records_created"], result["records_updated"], result["fields_added"]) == (2, 0, 4)
    fields = {f["field_name"]: (f["id"], f["field_type"]) for f in bare.read("/data_fields")}
    assert {name: kind for name, (_, kind) in fields.items()} == {"Mass": "number", "Safe": "boolean", "Note": "text"}
    second = bare.record(Drug="B")["record_values"]
    assert second[fields["Note"][0]][0]["content"] == "5"
    assert fields["Mass"][0] not in second


def test_a_second_push_updates(bare: Api) -> None:
    """Known keys are found again, and their values grow by one."""
    _push(bare, ["Drug"], [{"Drug": "A", "Mass": 1}])
    done = _push(bare, ["Drug"], [{"Drug": "A", "Mass": 2}, {"Drug": "B", "Mass": 3}])

    assert (done["import_result"]["records_created"], done["import_result"]["records_updated"]) == (1, 1)
    history = bare.read(f"/records/{bare.record(Drug='A')['id']}/values")
    assert [value["content"] for value in history] == ["2", "1"]
    assert history[0]["import_id"] == done["id"]


def test_a_bad_row_is_left_out_and_explained(bare: Api) -> None:
    """A cell of the wrong type or a missing key costs the row, not the import."""
    bare.field("Mass", "number")

    done = _push(bare, ["Drug"], [{"Drug": "A", "Mass": "heavy"}, {"Mass": 1}, {"Drug": "C", "Mass": 3}])

    result = done["import_result"]
    assert (result["records_created"], result["records_skipped"]) == (1, 2)
    errors = result["validation_result"]["errors"]
    assert [(e["field_name"], e["value"], e["conflict_type"]) for e in errors] == [
        ("Mass", "heavy", "invalid_format"),
        ("Drug", None, "invalid_format"),
    ]
    assert len(bare.read("/records/search")) == 1


def test_a_push_can_fill_an_operation_and_its_table(api: Api) -> None:
    """Records become members, values lie in the table, and new columns can be added to views."""
    experiment = api.experiment(definition="Assay results registration")["id"]
    view = next(v["id"] for v in api.read("/record_views") if v["operation_ids"] == [experiment])
    rows = [{"Compound": "SBX-1", "Novel": 1}]

    _push(api, ["Compound"], rows, operation_id=experiment, record_view_id=view, add_fields_to_record_view_ids=[view])

    record = api.record(Compound="SBX-1")
    novel = api.field("Novel", "number")
    assert api.read(f"/activities/{experiment}")["data_table_record_mapping"] == {view: [record["id"]]}
    value = record["record_values"][novel][0]
    assert (value["operation_id"], value["record_view_id"]) == (experiment, view)
    columns = next(v for v in api.read("/record_views") if v["id"] == view)["view_fields"]
    assert novel in [column["data_field_id"] for column in columns]


def test_places_of_a_push_must_exist(api: Api) -> None:
    """Unknown operations, programs and tables are refused, and so is a table without its operation."""
    view = next(v["id"] for v in api.read("/record_views") if not v["operation_ids"])
    body = {"key_field_names": ["Compound"], "data": []}
    wrong: list[Json] = [
        {"operation_id": "nope"},
        {"program_id": "nope"},
        {"record_view_id": view},
        {"record_view_id": view, "operation_id": api.experiment()["id"]},
        {"add_fields_to_record_view_ids": ["nope"]},
        {"key_field_names": []},
    ]
    for more in wrong:
        api.post("/push/imports", body | more, 400)
    api.post("/push/imports", body | {"record_view_ids": ["ignored"]})


def test_a_push_makes_a_record_set(api: Api) -> None:
    """The set can be searched by; a source id is kept on the import; the same name means the same set."""
    body = {"key_field_names": ["Compound"], "data": [{"Compound": "N1"}], "set_name": "New ones"}
    import_id = api.post("/push/imports/source-7", body)["import_id"]
    first = api.read(f"/imports/{import_id}")
    second = _push(api, ["Compound"], [{"Compound": "N2"}], set_name="New ones")

    assert first["source_id"] == "source-7"
    assert first["record_set_id"] == second["record_set_id"]
    found = api.read("/records/search", record_set_ids=f"nope,{first['record_set_id']}")
    assert found == sorted(api.record(Compound=name)["id"] for name in ("N1", "N2"))
    assert api.read("/records/search", record_set_ids="nope") == []


def test_a_push_by_field_id_takes_known_fields_only(api: Api) -> None:
    """Columns are field ids; views named gain the columns."""
    key, field = api.key("Compound"), api.field("Comment")
    view = next(v["id"] for v in api.read("/record_views") if not v["operation_ids"] and not v["is_template"])
    body = {"key_field_ids": [key], "data": [{key: "N1", field: "x"}], "record_view_ids": [view]}

    api.post("/push/imports/by-field-id", body)

    assert api.record(Compound="N1")["record_values"][field][0]["content"] == "x"
    columns = next(v for v in api.read("/record_views") if v["id"] == view)["view_fields"]
    assert field in [column["data_field_id"] for column in columns]
    api.post("/push/imports/by-field-id", body | {"data": [{key: "N1", "nope": "x"}]}, 400)
    api.post("/push/imports/by-field-id", body | {"key_field_ids": ["nope"]}, 400)


def test_imports_are_listed_by_page(bare: Api) -> None:
    """Newest first, pages from 1, is_complete as 1 or 0."""
    ids = [_push(bare, ["Drug"], [])["id"] for _ in range(3)]

    def listed(**query: Json) -> list[str]:
        return [import_["id"] for import_ in bare.read("/imports", **query)]

    assert listed() == ids[::-1]
    assert listed(page=2, page_size=2) == [ids[0]]
    assert listed(is_complete=0) == []
    assert bare.get("/imports", page=0).status == 400
    assert bare.get("/imports", is_complete="true").status == 400
    assert bare.get("/imports/nope").status == 404


def test_completion_can_take_some_polls() -> None:
    """A client that polls too little sees the import running."""
    with Sandbox(seed="empty", import_polls=2) as sandbox:
        api = Api(sandbox)
        import_id = api.post("/push/imports", {"key_field_names": ["Drug"], "data": [{"Drug": "A"}]})["import_id"]

        seen = [api.read(f"/imports/{import_id}") for _ in range(3)]

    assert [(i["import_status"], i["is_complete"]) for i in seen] == [("created", False)] * 2 + [("completed", True)]
    assert seen[0]["import_result"] is None


def test_a_record_set_is_good_for_search_export_and_views(bare: Api) -> None:
    """The set of an import limits a search, an export, and the rows of a view that names it."""
    done = _push(bare, ["Drug"], [{"Drug": "A", "Mass": 1}, {"Drug": "B", "Mass": 2}], set_name="Both")
    _push(bare, ["Drug"], [{"Drug": "C", "Mass": 3}])
    again = _push(bare, ["Drug"], [{"Drug": "D", "Mass": 4}], set_name="Both")
    set_id, piece = done["record_set_id"], done["entity_slice_id"]
    body = {"view_name": "Mine", "entity_slice_id": piece, "data_field_ids": [bare.field("Mass", "number")]}
    view = bare.post("/record_view_templates", body | {"record_set_ids_filter": [set_id]})
    members = sorted(bare.record(Drug=name)["id"] for name in "ABD")

    def exported(**query: Json) -> set[str]:
        answer = bare.get("/records/export/csv", filename="x.csv", entity_slice_id=piece, **query)
        return {line.partition(",")[0] for line in answer.body.decode().split()[1:]}

    assert again["record_set_id"] == set_id
    assert bare.read("/records/search", record_set_ids=set_id) == members
    assert exported(record_set_ids=set_id) == {"A", "B", "D"}
    assert exported(record_view_id=view["id"]) == {"A", "B", "D"}
    assert exported() == {"A", "B", "C", "D"}
    assert (view["record_set_ids"], view["record_set_ids_filter"]) == ([set_id], [set_id])
