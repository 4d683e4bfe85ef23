"""How a thing is named: ids, objects and names, decided without a network."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import httpx
import pytest

from kalbio import AmbiguousIdentifierError, IdentifierError, IdentifierNotFoundError
from kalbio._core.objects.identifiers import Catalog, as_id, close_matches, plain_id, plain_ids
from kalbio._core.objects.uuids import is_uuid
from kalbio._model.record_keys import match_identified, read_identified
from kalbio._model.records import RecordData
from kalbio._model.views import RecordViewData
from kalbio.entity_fields import DataField, KeyField
from kalbio.programs import PROGRAMS, Program
from kalbio.record_views import RecordView
from kalbio.result_table_templates import ResultTableTemplate
from tests.altered import replace
from tests.conftest import Lab, World
from tests.demo import NOWHERE

ID = "0a1b2c3d-0000-4000-8000-000000000001"
OTHER = "0a1b2c3d-0000-4000-8000-000000000002"


@pytest.mark.parametrize("given", [ID, ID.upper(), UUID(ID), KeyField({"id": ID})])
def test_ids_and_objects_give_the_id(given: Any) -> None:
    """Text of the shape of a uuid, a UUID and an object of the right type give the id in lower case."""
    assert as_id(given, "key field", KeyField) == ID


@pytest.mark.parametrize("given", ["Compound", ID[:-1], f"{{{ID}}}", f" {ID}"])
def test_other_text_is_a_name(given: str) -> None:
    """Text of any other shape is a name, to be looked up."""
    assert as_id(given, "key field", KeyField) is None
    assert not is_uuid(given)
    with pytest.raises(IdentifierNotFoundError, match="UUID"):
        plain_id(given, "file")


@pytest.mark.parametrize("given", ["", "  ", None, 5, True, [ID], DataField({"id": ID}), KeyField({})])
def test_anything_else_names_nothing(given: Any) -> None:
    """Empty text, other types, objects of another kind and objects without an id raise."""
    with pytest.raises(IdentifierError):
        as_id(given, "key field", KeyField)


@pytest.mark.parametrize("given", [ID, {ID: 1}.get(ID), None])
def test_a_list_of_ids_is_a_list(given: Any) -> None:
    """A single id in place of a list is refused: it would be taken letter by letter."""
    with pytest.raises(IdentifierError, match="list"):
        plain_ids(given, "label")


def test_a_catalog_finds_by_id_before_name() -> None:
    """An id wins over a name; names are exact; a name of several raises with the candidates."""
    one, two, three = (KeyField({"id": i, "field_name": n}) for i, n in ((ID, "a"), (OTHER, "A"), ("x", "A")))
    catalog = Catalog("key field", [one, two, three], lambda field: field.field_name)
    assert catalog.find(ID) is one
    assert catalog.find(ID.upper()) is one
    assert catalog.find("a") is one
    assert catalog.find("b") is None
    with pytest.raises(AmbiguousIdentifierError) as caught:
        catalog.find("A")
    assert caught.value.candidates == [OTHER, "x"]


def test_close_matches_ignore_case_and_come_nearest_first() -> None:
    """Up to three names that look alike are suggested, in their own spelling; far ones are not."""
    assert close_matches("potency", ["Potency (nM)", "POTENCY", "Purity"]) == ["POTENCY", "Potency (nM)"]
    assert close_matches("assay", ["Assay results registration", "Assays of proteins"]) == [
        "Assay results registration"
    ]
    assert close_matches("batch + compound", ["Compound", "Compound + Batch"]) == ["Compound + Batch", "Compound"]
    assert close_matches(" ", [" x", "Potency"]) == []
    assert close_matches("zzz", ["Potency"]) == []
    assert close_matches(5, ["Potency"]) == []


def found(name: str, content: str, field: str = "f") -> dict[str, Any]:
    """One element of the answer to a look-up."""
    return {"record": {"id": name, "record_values": {field: [{"id": "k", "content": content}]}}}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ([found("1", "a"), found("2", "b")], ["1", "2"]),
        ([found("2", "b"), found("1", "a")], ["1", "2"]),
        ([found("2", "b")], [None, "2"]),
        ([{"record": None}, found("2", "b")], [None, "2"]),
        ([found("1", "A "), found("2", "b")], ["1", "2"]),
        ([found("1", "x", "other"), found("2", "b")], [None, "2"]),
        ([{"record": {"id": "1"}}, found("2", "b")], ["1", "2"]),
        ([], [None, None]),
        ([None, 5], [None, None]),
    ],
)
def test_answers_are_matched_to_what_was_asked(answer: list[Any], expected: list[str | None]) -> None:
    """Records are told by their key values, by place where they show another spelling, never by a foreign key."""
    response = httpx.Response(200, json=answer)
    matched = match_identified([{"f": "a"}, {"f": "b"}], read_identified(response, RecordData))
    assert [None if record is None else record.id for record in matched] == expected


def test_an_object_of_another_kind_is_refused() -> None:
    """Where an id is wanted, an object of that kind stands for it; one of another kind is refused, naming both."""
    view = RecordView({"id": ID})
    assert plain_id(view, "record view", RecordViewData) == ID
    assert plain_ids([ResultTableTemplate({"id": ID}), OTHER], "record view", RecordViewData) == [ID, OTHER]
    with pytest.raises(IdentifierError, match=r"no record view: give its id or a RecordView object, not Program"):
        plain_id(Program({"id": ID}), "record view", RecordViewData)
    with pytest.raises(IdentifierError, match=r"no file: give its id, not RecordView"):
        plain_id(view, "file")


@pytest.mark.parametrize(
    "call",
    [
        lambda api, it: api.imports.push_data(["Compound"], [], operation_id=NOWHERE, record_view_id=it),
        lambda api, it: api.imports.get_import(it),
        lambda api, it: api.files.download_file(it),
        lambda api, it: api.registration.validate_drafts(NOWHERE, [it]),
        lambda api, it: api.registration.push_submission_status(NOWHERE, it, "validated"),
        lambda api, it: api.result_table_templates.get_template_by_id(it),
        lambda api, it: api.result_table_templates.save_view_as_template(source_view_id=it, view_name="x"),
        lambda api, it: api.record_views.get_data_fields_on_view(it),
        lambda api, it: api.records.search_records(identifier_ids=[it]),
        lambda api, it: api.records.search_records(record_set_ids=[it]),
        lambda api, it: api.exports.pull_data("never.csv", NOWHERE, record_view_id=it),
    ],
)
def test_an_object_of_another_kind_is_not_sent(lab: Lab, world: World, call: Any) -> None:
    """A program in the place of a view, a file, a draft … raises before anything is sent."""
    with pytest.raises(IdentifierError, match="not Program"):
        world(call(lab.api, Program({"id": NOWHERE})))
    assert lab.operations() == []


@pytest.mark.parametrize("first", ["names", "objects"])
def test_names_are_found_alike_before_and_after_objects_are_made(lab: Lab, world: World, first: str) -> None:
    """What a listing calls things is the same from its text and from its objects, whatever odd items stand in it."""
    ids = [str(UUID(int=place)) for place in range(1, 8)]
    usual = [{"id": ids[0], "title": "One"}, {"id": ids[1], "title": "Two"}, {"id": ids[2], "title": "Two"}]
    found: dict[str, Any] = {"One": ids[0], "Two": AmbiguousIdentifierError, "Three": IdentifierNotFoundError}
    for odd in ([], [{"id": ids[3], "title": None}], [{"id": ids[3]}], [{"id": ids[3], "title": ""}], [5],
                [{"id": ids[3], "title": 17}], [{"title": "Three"}], [{"id": "", "title": "Three"}],
                [{"id": 18, "title": "Four"}], [{"id": ids[3], "title": "\ud800"}]):  # fmt: skip
        replace(lab, "listPrograms", [*usual, *odd])
        lab.api.clear_caches()
        if first == "objects":
            world(lab.api.programs.get_programs())
        listing = lab.api.directory[PROGRAMS]
        for name, wanted in found.items():
            if isinstance(wanted, str):
                assert world(listing.require_id(name)) == wanted
                continue
            with pytest.raises(wanted) as caught:
                world(listing.require_id(name))
            if wanted is AmbiguousIdentifierError:
                assert caught.value.candidates == ids[1:3]
        assert world(lab.api.programs.get_programs())[0].title == "One"
