"""Changes of the key fields of record views."""

from __future__ import annotations

import pytest

from tests.sandbox.wire import Api, Json


class Lab:
    """A slice with two records, seen by the Main table of one operation."""

    def __init__(self, api: Api) -> None:
        """Load two records into the table."""
        self.api = api
        self.key, self.note = api.key("Drug"), api.field("Note")
        api.record(Drug="seed")
        self.operation = api.experiment()["id"]
        (self.view,) = [v for v in api.read("/record_views") if self.operation in v["operation_ids"]]
        body = {
            "key_field_ids": [self.key],
            "data": [{self.key: name, self.note: f"about {name}"} for name in ("A", "B")],
            "record_view_ids": [self.view["id"]],
            "operation_id": self.operation,
            "set_name": "Both",
        }
        import_id = api.post("/push/imports/by-field-id", body)["import_id"]
        self.set_id = api.read(f"/imports/{import_id}")["record_set_id"]
        self.a, self.b = (api.record(Drug=name)["id"] for name in ("A", "B"))
        self.path = f"/record_views/{self.view['id']}"

    def moved(self, **keys: dict[str, str]) -> list[Json]:
        """Entries of `records_to_transfer`."""
        ids = {"a": self.a, "b": self.b}
        return [{"record_id": ids[name], "key_field_name_to_value": values} for name, values in keys.items()]

    def state(self) -> Json:
        """All that a refused change must leave alone."""
        paths = ("/record_views", "/entity_slices", "/key_fields", f"/activities/{self.operation}")
        return [self.api.read(path) for path in paths] + [self.api.read("/records", record_ids=f"{self.a},{self.b}")]


@pytest.fixture
def lab(bare: Api) -> Lab:
    """A slice with two records, seen by the Main table of one operation."""
    return Lab(bare)


def test_adding_a_key_moves_the_view_and_the_listed_records(lab: Lab) -> None:
    """The view keeps its id and changes slice; the record keeps id and values and has a new identity."""
    transfers = lab.moved(a={"Lot": "1"})

    view = lab.api.put(f"{lab.path}/add_key_field", {"new_key_field_name": "Lot", "records_to_transfer": transfers})

    piece = next(s for s in lab.api.read("/entity_slices") if s["id"] == view["entity_slice_id"])
    record, left = lab.api.read(f"/records/{lab.a}"), lab.api.read(f"/records/{lab.b}")
    assert (view["id"], piece["key_field_ids"]) == (lab.view["id"], sorted([lab.key, lab.api.key("Lot")]))
    assert record["entity_slice_id"] == piece["id"]
    assert sorted(record["record_identifier"].split(" | ")) == ["1", "A"]
    assert record["record_values"][lab.api.key("Lot")][0]["content"] == "1"
    assert record["record_values"][lab.note][0]["content"] == "about A"
    assert lab.api.record(Drug="A", Lot="1")["id"] == lab.a
    assert lab.api.record(Drug="A")["id"] != lab.a
    assert (left["id"], left["entity_slice_id"]) == (lab.b, lab.view["entity_slice_id"])


def test_records_need_not_be_listed_when_a_key_is_added(lab: Lab) -> None:
    """Without transfers only the view moves."""
    before = lab.api.read(f"/records/{lab.a}")

    view = lab.api.put(f"{lab.path}/add_key_field", {"new_key_field_name": "Lot", "records_to_transfer": None})

    assert view["entity_slice_id"] != lab.view["entity_slice_id"]
    assert lab.api.read(f"/records/{lab.a}") == before


def test_a_slice_of_the_keys_is_used_again(lab: Lab) -> None:
    """A second view that gets the same keys lies on the same slice."""
    first = lab.api.record(Drug="X", Lot="9")["entity_slice_id"]

    assert lab.api.put(f"{lab.path}/add_key_field", {"new_key_field_name": "Lot"})["entity_slice_id"] == first


def test_relatives_follow_the_new_keys(lab: Lab) -> None:
    """A record with one key more becomes the sub-record of the one that has the old keys."""
    lab.api.put(
        f"{lab.path}/add_key_field", {"new_key_field_name": "Lot", "records_to_transfer": lab.moved(a={"Lot": "1"})}
    )

    assert lab.api.record(Drug="A")["sub_record_ids"] == [lab.a]


def test_replacing_keys_answers_another_view(lab: Lab) -> None:
    """A copy on the new slice holds the records, their values and their place in sets; the old view is empty."""
    body = {
        "add_key_field_names": ["Code"],
        "remove_key_field_ids": [lab.key],
        "records_to_transfer": lab.moved(a={"Code": "C1"}, b={"Code": "C2"}),
    }

    view = lab.api.put(f"{lab.path}/replace_key_fields", body)

    listed = {v["id"]: v for v in lab.api.read("/record_views")}
    activity = lab.api.read(f"/activities/{lab.operation}")
    record = lab.api.read(f"/records/{lab.a}")
    assert view["id"] != lab.view["id"]
    assert listed[view["id"]] == view
    assert listed[lab.view["id"]]["entity_slice_id"] == lab.view["entity_slice_id"]
    assert activity["data_table_record_mapping"] == {view["id"]: [lab.a, lab.b]}
    assert (record["record_identifier"], record["entity_slice_id"]) == ("C1", view["entity_slice_id"])
    assert lab.key not in record["record_values"]
    (value,) = record["record_values"][lab.note]
    assert (value["content"], value["record_view_id"]) == ("about A", view["id"])
    assert lab.api.read("/records/search", record_set_ids=lab.set_id) == sorted([lab.a, lab.b])
    assert lab.api.record(Code="C2")["id"] == lab.b
    assert lab.api.record(Drug="A")["id"] != lab.a


@pytest.mark.parametrize(("change", "kind"), [("add_key_field", "updated"), ("replace_key_fields", "created")])
def test_a_change_of_keys_is_an_event_of_the_view(lab: Lab, change: str, kind: str) -> None:
    """The event names the view that the records came from, the change of entity type, and the records that moved."""
    more = {"new_key_field_name": "Lot"} if change == "add_key_field" else {"add_key_field_names": ["Lot"]}
    keys = {} if change == "add_key_field" else {"Drug": "A"}
    transfers = lab.moved(a=keys | {"Lot": "1"}, b=keys | {"Lot": "2"})

    view = lab.api.put(f"{lab.path}/{change}", more | {"records_to_transfer": transfers})

    events = [event for event in lab.api.read("/workspaces/events") if event["resource_id"] == view["id"]]
    told = [event["event_attrs"] for event in events if event["event_type"] == f"record_view.{kind}"]
    slices = {"field": "entity_slice_id", "old": lab.view["entity_slice_id"], "new": view["entity_slice_id"]}
    seen = {"source_view_id": lab.view["id"], "changes": [slices], "record_ids": [lab.a, lab.b]}
    assert [one for one in told if "source_view_id" in one] == [seen]


def test_a_copy_has_columns_of_its_own(api: Api) -> None:
    """Columns get new ids, and rules on a removed key are dropped."""
    main = next(v for v in api.read("/record_views") if v["view_name"] == "Main" and not v["is_template"])
    ids = api.read("/records/search", entity_slice_id=main["entity_slice_id"])
    entries = [{"record_id": id_, "key_field_name_to_value": {"Code": str(n)}} for n, id_ in enumerate(ids)]
    body = {"add_key_field_names": ["Code"], "remove_key_field_ids": [api.key("Compound")]}

    view = api.put(f"/record_views/{main['id']}/replace_key_fields", body | {"records_to_transfer": entries})

    assert [c["data_field_id"] for c in view["view_fields"]] == [c["data_field_id"] for c in main["view_fields"]]
    assert not {c["id"] for c in view["view_fields"]} & {c["id"] for c in main["view_fields"]}


@pytest.mark.parametrize(
    ("more", "word"),
    [
        ({"records_to_transfer": None}, "not listed"),
        ({"a": {"Drug": "A", "Lot": "1"}}, "not listed"),
        ({"a": {"Drug": "A", "Lot": "1"}, "b": {"Lot": "2"}}, "no value for 'Drug'"),
        ({"a": {"Drug": "A", "Lot": "1"}, "b": {"Drug": "B", "Lot": ""}}, "no value for 'Lot'"),
        ({"a": {"Drug": "A", "Lot": "1"}, "b": {"Drug": "B", "Lot": "2", "Mood": "x"}}, "Mood"),
        ({"a": {"Drug": "A", "Lot": "1"}, "b": {"Drug": "A", "Lot": "1"}}, "exists already"),
        ({"add_key_field_names": ["Drug"]}, "already"),
        ({"add_key_field_names": [""]}, "no name"),
        ({"add_key_field_names": []}, "no key field is added or removed"),
        ({"remove_key_field_ids": ["nope"]}, "no key field nope"),
    ],
    ids=str,
)
def test_an_incomplete_replacement_changes_nothing(lab: Lab, more: Json, word: str) -> None:
    """Every record of the view needs values for all keys; what is wrong is named."""
    before = lab.state()
    entries = lab.moved(**{name: more[name] for name in ("a", "b") if name in more})
    body: Json = {"add_key_field_names": ["Lot"], "records_to_transfer": entries}
    body |= {key: value for key, value in more.items() if key not in ("a", "b")}

    answer = lab.api.call("PUT", f"{lab.path}/replace_key_fields", body)

    assert (answer.status, word in answer.json()["message"]) == (400, True)
    assert lab.state() == before


def test_a_view_keeps_at_least_one_key(lab: Lab) -> None:
    """Removing all is refused."""
    lab.api.put(f"{lab.path}/replace_key_fields", {"remove_key_field_ids": [lab.key]}, 400)


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"new_key_field_name": "Drug"}, "already"),
        ({"new_key_field_name": "Lot", "records_to_transfer": [{"record_id": "SELF"}]}, "Lot"),
        ({"new_key_field_name": "Lot", "records_to_transfer": [{"record_id": "nope"}]}, "nope"),
    ],
)
def test_a_wrong_addition_changes_nothing(lab: Lab, body: Json, word: str) -> None:
    """A key that is there, a record without the new value, and a stranger are refused."""
    before = lab.state()
    for entry in body.get("records_to_transfer", ()):
        entry["key_field_name_to_value"] = {"Lot": "1"} if entry["record_id"] == "nope" else {}
        if entry["record_id"] == "SELF":
            entry["record_id"] = lab.a

    answer = lab.api.call("PUT", f"{lab.path}/add_key_field", body)

    assert (answer.status, word in answer.json()["message"]) == (400, True)
    assert lab.state() == before


def test_templates_and_staging_tables_keep_their_keys(api: Api) -> None:
    """They are refused by name, and unknown views are not found."""
    staging = api.experiment("Run", "Batch registration")["registration_staging_record_view_id"]
    template = api.read("/record_view_templates")[0]["id"]

    for view_id in (staging, template):
        api.put(f"/record_views/{view_id}/add_key_field", {"new_key_field_name": "Lot"}, 400)
        api.put(f"/record_views/{view_id}/replace_key_fields", {"add_key_field_names": ["Lot"]}, 400)
    api.put("/record_views/nope/add_key_field", {"new_key_field_name": "Lot"}, 404)
