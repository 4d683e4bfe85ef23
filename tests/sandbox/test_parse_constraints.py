"""What clients demand of answers to be able to read them, held against a scenario that calls everything."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import pytest

from kalbio.sandbox.contract import load_contract
from tests.sandbox.scenario import Answers, listen, play
from tests.sandbox.wire import Json

_GET_OR_CREATE = {"getOrCreateKeyField", "getOrCreateDataField", "getOrCreateRecord"}
_FILTER = {"key_field_id", "view_field_id", "filter_type", "filter_prop", "plot_field_config"}
# may be null or absent
_NULLABLE_LISTS = {
    *("operation_ids", "operation_definition_ids", "readonly_operation_ids", "readonly_operation_definition_ids"),
    *("submitted_record_ids", "mentioned_user_ids"),
}


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Answers:
    """All answers of the scenario, and those to the operations that only the scenario of the client calls."""
    found = play()
    listen(found, tmp_path_factory.mktemp("downloads"))
    return found


def _inner(answers: Answers, key: str) -> list[Json]:
    """The items of a list of all views; there must be some, or a test of them would prove nothing."""
    found = [item for view in answers.objects["RecordView"] for item in view[key]]
    assert found
    return found


def test_every_operation_was_answered(answers: Answers) -> None:
    """The scenarios call all operations with success."""
    assert answers.called.keys() == {operation.id for operation in load_contract().operations}


def test_every_write_leaves_an_event(answers: Answers) -> None:
    """Only a get-or-create that finds something leaves none."""
    assert set(answers.silent_writes) <= _GET_OR_CREATE


@pytest.mark.parametrize("key", ["filters", "color_filters"])
def test_filters_of_views_are_complete(answers: Answers, key: str) -> None:
    """Every key is present, null where it is unset; colour filters have their colour."""
    wanted = _FILTER | ({"color"} if key == "color_filters" else set())

    assert all(wanted <= item.keys() for item in _inner(answers, key))


def test_sorts_of_views_are_complete(answers: Answers) -> None:
    """Every key is present, and the direction is true or false."""
    for item in _inner(answers, "sorts"):
        assert {"key_field_id", "view_field_id", "descending", "plot_field_config"} <= item.keys()
        assert isinstance(item["descending"], bool)


def test_columns_of_views_name_both_kinds_of_field(answers: Answers) -> None:
    """data_field_id and lookup_field_id are both present."""
    assert all({"data_field_id", "lookup_field_id"} <= column.keys() for column in _inner(answers, "view_fields"))


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        (
            "RecordView",
            "program_ids view_fields filters sorts color_filters record_set_ids_filter record_ids_filter"
            " incrementing_field_ids",
        ),
        ("ActivityDefinition", "content_layout queue_content_layout_ids view_ids_to_add_to_when_record_attached"),
    ],
)
def test_lists_with_defaults_are_not_null(answers: Answers, name: str, keys: str) -> None:
    """Absent would do, null would not."""
    assert answers.objects[name]
    for one in answers.objects[name]:
        assert all(isinstance(one.get(key, []), list) for key in keys.split())


def test_maps_with_defaults_are_not_null(answers: Answers) -> None:
    """data_table_record_mapping is an object of lists."""
    mappings = [activity["data_table_record_mapping"] for activity in answers.objects["Activity"]]

    assert any(mappings)
    assert all(isinstance(ids, list) for mapping in mappings for ids in mapping.values())


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        (
            "Activity",
            "child_ids program_ids assigned_user_ids assigned_group_ids dependencies label_ids reviewer_ids"
            " subscriber_ids properties all_record_ids attached_record_ids data_table_record_ids"
            " data_table_draft_record_ids",
        ),
        ("ActivityDefinition", "program_ids assigned_user_ids assigned_group_ids label_ids properties"),
        ("Record", "identifier_ids record_values sub_record_ids excluded_operation_ids operation_records_created_at"),
        ("EntitySlice", "key_field_ids"),
        ("WorkspaceGroup", "user_ids program_ids"),
        ("ActivityEvent", "event_attrs"),
        ("WorkspaceEvent", "event_attrs"),
        ("Dashboard", "record_ids record_set_ids"),
        ("DashboardCategory", "operation_definition_ids label_ids field_ids"),
        ("RegistrationSubmission", "file_ids"),
        ("Comment", "content"),
    ],
)
def test_every_other_list_and_map_is_there(answers: Answers, name: str, keys: str) -> None:
    """Old clients need them present, all clients need them not null."""
    assert answers.objects[name]
    for one in answers.objects[name]:
        assert all(isinstance(one[key], list | dict) for key in keys.split())


def test_nothing_that_is_described_as_a_list_is_null(answers: Answers) -> None:
    """Any null where the description has a list fails the whole answer in clients."""
    schemas, checked = load_contract().spec["components"]["schemas"], 0
    for name, found in answers.objects.items():
        lists = [
            key
            for key, schema in schemas[name].get("properties", {}).items()
            if schema.get("type") == "array" or schema.get("$ref", "").endswith(("/Ids", "/Texts", "/IdGroups"))
        ]
        for one in found:
            nulls = [key for key in lists if key in one and one[key] is None]
            assert not nulls, name
            checked += len(lists)
    assert checked


def test_record_errors_are_listed_where_a_listing_has_them(answers: Answers) -> None:
    """The lists of registrations and submissions have them, filled for what failed; single answers need not."""
    for operation_id in ("listRegistrationFiles", "listRegistrationSubmissions"):
        listed = [one for answer in answers.called[operation_id] for one in answer]
        assert all(isinstance(one["record_errors"], list) for one in listed)
        assert [one["status"] for one in listed if one["record_errors"]] == ["failed"]


def test_lists_that_may_be_null_are_lists_or_null(answers: Answers) -> None:
    """Scopes of views, drafts of submissions, and the mentioned of comments."""
    for name in ("RecordView", "RegistrationSubmission", "Comment"):
        for one in answers.objects[name]:
            assert all(isinstance(one[key], list | None) for key in _NULLABLE_LISTS & one.keys())


def test_flags_of_views_are_true_or_false(answers: Answers) -> None:
    """is_archived and is_template are never null."""
    for view in answers.objects["RecordView"]:
        assert (isinstance(view["is_archived"], bool), isinstance(view["is_template"], bool)) == (True, True)


@pytest.mark.parametrize("name", ["KeyField", "DataField"])
def test_descriptions_of_fields_are_text(answers: Answers, name: str) -> None:
    """field_description and field_examples are never null."""
    assert answers.objects[name]
    for one in answers.objects[name]:
        assert (isinstance(one["field_description"], str), isinstance(one["field_examples"], str)) == (True, True)


def test_fields_know_their_kind(answers: Answers) -> None:
    """is_key is true in every key field and false in every data field."""
    assert {one["is_key"] for one in answers.objects["KeyField"]} == {True}
    assert {one["is_key"] for one in answers.objects["DataField"]} == {False}


@pytest.mark.parametrize(
    ("name", "key", "enumeration"),
    [
        *((name, "field_type", "FieldType") for name in ("KeyField", "DataField", "PropertyField", "Property")),
        *((name, "activity_type", "ActivityType") for name in ("Activity", "ActivityDefinition")),
        ("WorkspaceUser", "access_level", "WorkspaceAccessLevel"),
        ("Dashboard", "dashboard_type", "DashboardType"),
        *((f"Registration{what}", "status", "RegistrationStatus") for what in ("File", "Submission", "DraftStatus")),
        ("ContentLayoutItem", "component_type", "ContentLayoutComponentType"),
    ],
)
def test_closed_values_are_known(answers: Answers, name: str, key: str, enumeration: str) -> None:
    """Clients refuse a value that they do not know."""
    assert {one[key] for one in answers.objects[name]} <= load_contract().known_values(enumeration)
    assert answers.objects[name]


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("Activity", "id title status"),
        ("ActivityDefinition", "id title status"),
        ("Record", "id record_identifier entity_slice_id"),
        ("Program", "id title"),
        ("Label", "id label_name"),
        ("EntitySlice", "id slice_name"),
        ("KeyField", "id field_name"),
        ("DataField", "id field_name"),
        ("RecordView", "id view_name entity_slice_id"),
        ("Dashboard", "id dashboard_name"),
        ("DashboardCategory", "id category_name dashboard_id"),
        ("Import", "id import_status"),
        ("Workspace", "id workspace_name"),
        ("WorkspaceGroup", "id group_name"),
        ("WorkspaceUser", "id email"),
        ("WorkspaceEvent", "id event_type event_user_id"),
        ("ActivityEvent", "id event_type event_user_id"),
        ("Comment", "id created_by resource_id"),
        ("RegistrationFile", "id status file_id"),
        ("RegistrationSubmission", "id status submission_type"),
        ("RegistrationDraftStatus", "record_id status"),
    ],
)
def test_ids_and_texts_are_texts(answers: Answers, name: str, keys: str) -> None:
    """A number or null in their place is refused."""
    assert answers.objects[name]
    for one in answers.objects[name]:
        assert all(isinstance(one[key], str) for key in keys.split())


def test_an_activity_says_what_its_description_is(answers: Answers) -> None:
    """The key is present, also when it is null."""
    descriptions = [activity["description"] for activity in answers.objects["Activity"]]

    assert {type(description) for description in descriptions} == {dict, type(None)}


def test_durations_are_whole(answers: Answers) -> None:
    """A whole number of days or null."""
    durations = {one["duration"] for name in ("Activity", "ActivityDefinition") for one in answers.objects[name]}

    assert {2, 3, None} <= durations
    assert all(duration is None or type(duration) is int for duration in durations)


def test_dates_can_be_read(answers: Answers) -> None:
    """Everything that is named like an instant is ISO 8601 or null."""
    dates = list(_dates(list(answers.objects.values())))

    assert len(dates) > 100
    assert all(datetime.fromisoformat(text).tzinfo for text in dates)


def test_record_errors_have_no_id(answers: Answers) -> None:
    """The server sends none, so the sandbox does not either."""
    assert answers.objects["RegistrationRecordError"]
    for one in answers.objects["RegistrationRecordError"]:
        assert one.keys() == {"source_record_id", "status", "error_message"}


def test_draft_statuses_have_no_id(answers: Answers) -> None:
    """They are known by their record."""
    assert answers.objects["RegistrationDraftStatus"]
    for one in answers.objects["RegistrationDraftStatus"]:
        assert one.keys() == {"record_id", "status", "message"}


def test_lists_of_records_hold_no_item_that_does_not_parse(answers: Answers) -> None:
    """Such an item would be dropped without a word: every value of every record is complete, keys and data alike."""
    entries = [e for record in answers.objects["Record"] for found in record["record_values"].values() for e in found]
    data = {"id", "content", "created_at", "operation_id", "record_id", "record_view_id"}

    assert {frozenset(entry) for entry in entries} == {frozenset(("id", "content")), frozenset(data)}


def test_lists_hold_objects_with_an_id(answers: Answers) -> None:
    """One bad item fails the whole call; only draft statuses and the matches of a look-up have no id."""
    without = {"listDraftStatuses", "identifyRecords", "searchRecords"}
    lists = {name: found for name, found in answers.called.items() if any(isinstance(one, list) for one in found)}

    assert lists.keys() > without
    for name in lists.keys() - without:
        assert all(isinstance(item["id"], str) for one in lists[name] for item in one)


def _dates(node: Json) -> Iterator[str]:
    if isinstance(node, list):
        for item in node:
            yield from _dates(item)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key.endswith(("_at", "_date")) and isinstance(value, str):
                yield value
            else:
                yield from _dates(value)
