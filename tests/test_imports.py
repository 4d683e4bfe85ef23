"""Imports: rows by name and by field id, and what became of them."""

from __future__ import annotations

from typing import Any

import pytest

from kalbio import KalbioResponseError
from tests.altered import body_of, query_of, replace
from tests.conftest import Lab, World
from tests.demo import NOWHERE
from tests.rows import row


def test_rows_are_loaded_by_name(lab: Lab, world: World) -> None:
    """Only what is given is sent, names as ids; after the import is complete its records and fields are seen."""
    activity = world(lab.api.activities.get_activity_by_id("Kinase screen"))
    program = world(lab.api.programs.get_programs())[0]
    assert world(lab.api.entity_fields.get_data_field_by_id("Brand new")) is None
    rows = [{"Compound": "I-1", "Brand new": 5}, {"Compound": "SBX-1", "Brand new": None}]
    import_id = world(
        lab.api.imports.push_data(
            ["Compound"], rows, operation_id="Kinase screen", program_id=program.title, set_name="S"
        )
    )
    assert body_of(lab, "pushImport") == {
        "key_field_names": ["Compound"], "data": [rows[0], {"Compound": "SBX-1"}],
        "operation_id": activity.id, "program_id": program.id,
        "set_name": "S",
    }  # fmt: skip
    done = world(lab.api.imports.get_import(import_id))
    assert (done.id, done.is_complete, done.import_result.records_created) == (import_id, True, 1)
    assert world(lab.api.entity_fields.get_data_field_by_id("Brand new")) is not None
    record = world(lab.api.records.get_record_by_id({"Compound": "I-1"}))
    assert world(lab.api.activities.get_activity_by_id("Kinase screen")).all_record_ids.count(record.id) == 1
    assert done in world(lab.api.imports.get_imports())


def test_rows_are_loaded_by_field(lab: Lab, world: World) -> None:
    """Columns may be ids, names or objects and are sent as ids; the list of views is always sent."""
    key = world(lab.api.entity_fields.get_key_field_by_id("Compound"))
    data = world(lab.api.entity_fields.get_data_field_by_id("Comment"))
    rows = [{key.id: "I-1", data: "a"}, {"Compound": "I-2", "Comment": "b"}]
    import_id = world(lab.api.imports.push_data_by_field_id(["Compound"], rows))
    assert body_of(lab, "pushImportByFieldId") == {
        "key_field_ids": [key.id], "record_view_ids": [],
        "data": [{key.id: "I-1", data.id: "a"}, {key.id: "I-2", data.id: "b"}],
    }  # fmt: skip
    assert world(lab.api.imports.get_import(import_id)).import_status == "completed"
    stored = lab.client.records.get_record_by_id({"Compound": "I-2"})
    assert stored is not None
    assert stored.get_value_content("Comment") == "b"


def test_rows_from_a_source(lab: Lab, world: World) -> None:
    """With a source the rows go to the call of that source."""
    replace(lab, "pushImportFromSource", {"import_id": NOWHERE})
    assert world(lab.api.imports.push_data(["Compound"], [{"Compound": "I-1"}], source_id=NOWHERE)) == NOWHERE
    assert f"/push/imports/{NOWHERE}" in lab.exchanges[-1].target


def test_rows_that_do_not_fit_are_told(lab: Lab, world: World) -> None:
    """A row that is left out shows with its reason; unknown members of the reason are kept."""
    import_id = world(lab.api.imports.push_data(["Compound"], [{"Compound": "I-1", "Potency (nM)": "many"}]))
    result = world(lab.api.imports.get_import(import_id)).import_result.validation_result
    assert (result.failed, result.errors[0].field_name, result.errors[0].value) == (1, "Potency (nM)", "many")
    report = {
        "id": NOWHERE, "is_complete": True, "import_status": "failed", "error_message": "broken",
        "import_result": {"validation_result": {"errors": [{"error_details": {"row": 3}}]}},
    }  # fmt: skip
    replace(lab, "getImport", report)
    failed = world(lab.api.imports.get_import(NOWHERE))
    assert failed.error_message == "broken"
    assert failed.import_result.validation_result.errors[0].error_details == {"row": 3}


def test_an_import_that_runs_leaves_the_caches(lab: Lab, world: World) -> None:
    """Only a complete import makes the cached listings be read again."""
    world(lab.api.entity_fields.get_key_fields())
    for complete, asked in ((False, []), (True, ["listKeyFields"])):
        lab.transport.__dict__.pop("_answer", None)
        replace(lab, "getImport", {"id": NOWHERE, "import_status": "x", "is_complete": complete})
        world(lab.api.imports.get_import(NOWHERE))
        before = len(lab.operations())
        world(lab.api.entity_fields.get_key_fields())
        assert lab.operations()[before:] == asked


def test_pages_of_imports(lab: Lab, world: World) -> None:
    """The state is sent as 1 or 0, what is not given is left out; an unknown import gives None."""
    for number in range(3):
        lab.client.imports.push_data(["Compound"], [{"Compound": f"I-{number}"}])
    assert len(world(lab.api.imports.get_imports(is_complete=True, page=1, page_size=2))) <= 2
    assert query_of(lab, "listImports") == {"is_complete": "1", "page": "1", "page_size": "2"}
    assert world(lab.api.imports.get_imports(is_complete=False)) == []
    assert query_of(lab, "listImports") == {"is_complete": "0"}
    assert len(world(lab.api.imports.get_imports())) == 3
    assert query_of(lab, "listImports") == {}
    assert world(lab.api.imports.get_import(NOWHERE)) is None


def test_the_older_list_of_views_is_not_sent(lab: Lab, world: World) -> None:
    """record_view_ids, by name or in its old sixth place, warns and is left out."""
    rows = [{"Compound": "I-1"}]
    with pytest.warns(DeprecationWarning, match="no effect"):
        world(lab.api.imports.push_data(["Compound"], rows, None, None, None, []))
    with pytest.warns(DeprecationWarning, match="no effect"):
        world(lab.api.imports.push_data(["Compound"], rows, record_view_ids=[NOWHERE]))
    assert body_of(lab, "pushImport") == {"key_field_names": ["Compound"], "data": rows}


BAD_CALLS: list[Any] = [
    lambda api: api.push_data([], [{"Compound": "x"}]),
    lambda api: api.push_data("Compound", [{"Compound": "x"}]),
    lambda api: api.push_data(["Compound"], {"Compound": "x"}),
    lambda api: api.push_data(["Compound"], ["x"]),
    lambda api: api.push_data(["Compound"], [{"Compound": float("nan")}]),
    lambda api: api.push_data(["Compound"], [{5: "x"}]),
    lambda api: api.push_data(["Compound"], [], operation_id="no such activity"),
    lambda api: api.push_data(["Compound"], [], program_id="no such program"),
    lambda api: api.push_data(["Compound"], [], record_view_id=NOWHERE),
    lambda api: api.push_data(["Compound"], [], " "),
    lambda api: api.push_data(["Compound"], [], add_fields_to_record_view_ids=["my table"]),
    lambda api: api.push_data_by_field_id([], [{"Compound": "x"}]),
    lambda api: api.push_data_by_field_id(["Compond"], [{"Compound": "x"}]),
    lambda api: api.push_data_by_field_id(["Compound"], [{"Compound": "x", "Coment": "y"}]),
    lambda api: api.push_data_by_field_id(["Compound"], [], record_view_ids=["my table"]),
    lambda api: api.get_import("latest"),
    lambda api: api.get_imports(page=-1),
    lambda api: api.get_imports(page_size=0),
]


def test_bad_input_is_refused_before_anything_is_sent(lab: Lab, world: World) -> None:
    """Missing key fields, rows that are none, names that name nothing: all raise, and at most listings were read."""
    for call in BAD_CALLS:
        with row(call):
            with pytest.raises((ValueError, TypeError)):
                world(call(lab.api.imports))
            assert all(name.startswith("list") and name != "listImports" for name in lab.operations())


@pytest.mark.parametrize("answer", [{}, [], {"import_id": None}, b""])
def test_an_answer_without_an_import_is_a_response_error(lab: Lab, world: World, answer: Any) -> None:
    """A push whose answer names no import raises, naming method and path."""
    replace(lab, "pushImport", answer)
    with pytest.raises(KalbioResponseError, match="POST /push/imports"):
        world(lab.api.imports.push_data(["Compound"], [{"Compound": "I-1"}]))


@pytest.mark.parametrize("row", [{}, {"Comment": "x"}, {"Compound": None}, {"Compound": ""}, {"Compound": " "}])
def test_a_row_without_a_key_is_refused_before_anything_is_sent(lab: Lab, world: World, row: dict[str, Any]) -> None:
    """A row that has no value for a key column raises, naming the row and the column as they were given."""
    rows = [{"Compound": "I-1"}, row]
    for push in (lab.api.imports.push_data, lab.api.imports.push_data_by_field_id):
        with pytest.raises(ValueError, match=r"data\[1\] has no value for the key field 'Compound'"):
            world(push(["Compound"], rows))
    assert not [name for name in lab.operations() if name.startswith("push")]


def test_an_import_without_rows_changes_nothing(lab: Lab, world: World) -> None:
    """No rows are sent as no rows, and the import ends at once, empty."""
    for push, operation in (
        (lab.api.imports.push_data, "pushImport"),
        (lab.api.imports.push_data_by_field_id, "pushImportByFieldId"),
    ):
        done = world(lab.api.imports.wait(world(push(["Compound"], []))))
        assert body_of(lab, operation)["data"] == []
        assert (done.import_result.records_created, done.import_result.records_updated) == (0, 0)


def test_keys_by_field_win_over_data_fields_of_the_same_name(lab: Lab, world: World) -> None:
    """A column that is named as a key is the key field; a field that is named twice in a row raises."""
    key = world(lab.api.entity_fields.get_or_create_key_field("Comment"))
    world(lab.api.imports.push_data_by_field_id(["Comment"], [{"Comment": "I-1"}]))
    assert body_of(lab, "pushImportByFieldId")["data"] == [{key.id: "I-1"}]
    with pytest.raises(ValueError, match=r"data\[0\] names a field twice"):
        world(lab.api.imports.push_data_by_field_id(["Comment"], [{"Comment": "I-1", key.id: "I-2"}]))


def test_the_name_of_a_set_in_its_older_place_is_one(lab: Lab, world: World) -> None:
    """Behind the older list of tables the name of the set is the seventh argument; elsewhere text there is refused."""
    rows = [{"Compound": "C"}]
    with pytest.warns(DeprecationWarning, match="record_view_ids has no effect"):
        world(lab.api.imports.push_data(["Compound"], rows, None, None, None, [], "Old set"))
    sent = body_of(lab, "pushImport")
    assert sent == {"key_field_names": ["Compound"], "data": rows, "set_name": "Old set"}
    with pytest.raises(ValueError, match="Give a list"):
        world(lab.api.imports.push_data(["Compound"], rows, None, None, None, None, "Old set"))
