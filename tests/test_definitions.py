"""Activity definitions: their settings, as they are sent and as they are stored."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from kaleidoscope_api.models import UpdateActivityDefinitionBody

from kalbio import UNSET, AmbiguousIdentifierError, IdentifierNotFoundError
from kalbio._core.objects.updates import collect_updates
from tests.altered import alter, body_of, replace
from tests.conftest import Lab, World
from tests.demo import NOWHERE
from tests.rows import row


@pytest.fixture
def definition(lab: Lab, world: World) -> Any:
    """A definition with a table, a file property and registration settings."""
    return world(lab.api.activities.get_definition_by_id("Assay results registration"))


def stored(lab: Lab, definition: Any) -> Any:
    """The definition as the server has it, seen through another client."""
    return next(item for item in lab.client.activities.get_definitions(use_cache=False) if item.id == definition.id)


def test_definitions_are_found_by_id_title_and_object(lab: Lab, world: World, definition: Any) -> None:
    """Each kind of identifier finds the definition; unknown ones give None, or are left out of a list."""
    api = lab.api.activities
    for identifier in (definition, definition.id, "Assay results registration"):
        assert world(api.get_definition_by_id(identifier)) == definition
    assert world(api.get_definition_by_id(NOWHERE)) is None
    before = len(lab.operations())
    found = world(api.get_definitions_by_ids(["Milestone", NOWHERE, "Nothing", definition]))
    assert [item.title for item in found] == ["Milestone", "Assay results registration"]
    assert lab.operations()[before:] == ["listActivityDefinitions"]
    world(definition.update(external_id="LIMS-1"))
    assert world(api.get_activity_definition_by_external_id("LIMS-1")) == definition
    assert world(api.get_activity_definition_by_external_id("LIMS-2")) is None


def test_a_title_of_several_definitions_is_ambiguous(lab: Lab, world: World) -> None:
    """A title that two definitions have raises and lists them; nothing is created with either."""
    alter(lab, "listActivityDefinitions", lambda items: [*items, {**items[0], "id": NOWHERE}])
    title = world(lab.api.activities.get_definitions())[0].title
    with pytest.raises(AmbiguousIdentifierError) as caught:
        world(lab.api.activities.create_activity("x", "experiment", activity_definition_id=title))
    assert NOWHERE in caught.value.candidates
    assert "createActivity" not in lab.operations()


def test_update_sends_what_is_given(lab: Lab, world: World, definition: Any) -> None:
    """Only what is given is sent, names as ids, None clears; the object and the listing show the new state."""
    label = world(lab.api.labels.get_labels())[0]
    world(definition.update(title="Renamed", duration=None, add_label_ids=[label.label_name], is_archived=True))
    assert body_of(lab, "updateActivityDefinition") == {
        "title": "Renamed", "duration": None, "add_label_ids": [label.id], "is_archived": True,
    }  # fmt: skip
    assert (definition.title, definition.label_ids) == ("Renamed", [label.id])
    assert stored(lab, definition).label_ids == [label.id]
    assert world(lab.api.activities.get_definition_by_id("Renamed")) == definition
    before = len(lab.operations())
    world(definition.update())
    world(definition.set_registration_settings())
    world(definition.set_queuing_behavior())
    assert lab.operations()[before:] == []


def test_a_misspelt_member_of_an_update_is_suggested(lab: Lab, world: World, definition: Any) -> None:
    """A further member that looks like a named one is taken for a slip; every member of the description passes."""
    with pytest.raises(TypeError, match="Did you mean 'title'"):
        world(definition.update(titel="x"))
    assert "updateActivityDefinition" not in lab.operations()
    parameters = dict.fromkeys(inspect.signature(type(definition).update).parameters, UNSET)
    for name in UpdateActivityDefinitionBody.__annotations__:
        if name not in parameters:
            assert collect_updates({**parameters, "more": {name: 1}}) == {name: 1}


def test_propagation_refreshes_the_activities(lab: Lab, world: World, definition: Any) -> None:
    """With propagate_to_instances the cached activities are asked for again, without it they are not."""
    world(lab.api.activities.get_activities())
    for propagate, asked in ((False, []), (True, ["listActivities"])):
        world(definition.update(priority="high", propagate_to_instances=propagate))
        before = len(lab.operations())
        world(lab.api.activities.get_activities())
        assert lab.operations()[before:] == asked


def test_an_empty_answer_is_read_from_the_listing(lab: Lab, world: World, definition: Any) -> None:
    """Without an answer the object takes its state from a fresh listing; when that fails, it is stale and no error."""
    alter(lab, "updateActivityDefinition", lambda _: b"")
    world(definition.update(title="Renamed"))
    assert (definition.title, definition.is_stale) == ("Renamed", False)
    replace(lab, "listActivityDefinitions", {"message": "down"}, status=500)
    world(definition.update(title="Again"))
    assert definition.is_stale


def test_registration_settings_are_set_and_cleared(lab: Lab, world: World, definition: Any) -> None:
    """Settings are sent under their wire names; a status field may be named; None clears."""
    field = world(lab.api.entity_fields.get_data_field_by_id("Registration status"))
    world(definition.set_registration_settings(status_field_id=None, result_record_view_id=None))
    assert body_of(lab, "updateActivityDefinition") == {
        "registration_status_field_id": None, "registration_result_record_view_id": None,
    }  # fmt: skip
    assert stored(lab, definition).registration_status_field_id is None
    world(definition.set_registration_settings(status_field_id="Registration status"))
    assert definition.registration_status_field_id == stored(lab, definition).registration_status_field_id == field.id


def test_registration_is_configured_in_one_request(lab: Lab, world: World, definition: Any) -> None:
    """The view, its place, the file property, the status field and the results table go out together."""
    (place,) = (item for item in definition.content_layout if item.record_view_id)
    (upload,) = (item for item in definition.properties if item.field_type == "file")
    before = len(lab.operations())
    world(
        definition.configure_registration(view=place, file_property_field=upload, status_field=None, result_view=place)
    )
    assert lab.operations()[before:] == ["updateActivityDefinition"]
    assert body_of(lab, "updateActivityDefinition") == {
        "registration_property_field_id": upload.property_field_id,
        "registration_record_view_id": place.record_view_id, "registration_content_layout_id": place.id,
        "registration_status_field_id": None,
        "registration_result_record_view_id": place.record_view_id, "registration_result_content_layout_id": place.id,
    }  # fmt: skip
    world(definition.configure_registration(view=place, file_property_field=upload.property_field_id, result_view=None))
    body = body_of(lab, "updateActivityDefinition")
    assert "registration_status_field_id" not in body
    assert (body["registration_result_record_view_id"], body["registration_result_content_layout_id"]) == (None, None)


def test_queueing_derives_the_places_of_the_views(lab: Lab, world: World, definition: Any) -> None:
    """Views and places are mapped to the layout; a view without a place, or with two, is refused."""
    (place,) = (item for item in definition.content_layout if item.record_view_id)
    view_id = place.record_view_id
    assert definition.content_layout_ids_for_view(view_id) == [place.id]
    world(definition.queue_to_views([place]))
    assert body_of(lab, "updateActivityDefinition") == {
        "add_view_ids_to_add_to_when_record_attached": [view_id],
        "set_queue_content_layout_ids": [{"view_id": view_id, "content_layout_ids": [place.id]}],
    }  # fmt: skip
    assert definition.queue_content_layout_ids == [place.id]
    assert stored(lab, definition).queue_content_layout_ids == [place.id]
    world(definition.set_queuing_behavior(remove_view_ids=[view_id], queue_content_layout_ids=[]))
    assert definition.view_ids_to_add_to_when_record_attached == []

    before = len(lab.operations())
    kind = type(definition)
    twice = kind(
        {**definition.to_dict(), "content_layout": [place.to_dict(), {**place.to_dict(), "id": "p2"}]}, lab.api
    )
    view = type(world(lab.api.record_views.get_record_views())[0])({"id": view_id})
    before = len(lab.operations())
    for owner, item in (
        (twice, view),
        (definition, type(view)({"id": NOWHERE})),
        (definition, type(place)({"id": "n"})),
    ):
        with pytest.raises(ValueError, match="content layout"):
            world(owner.queue_to_views([item]))
    assert lab.operations()[before:] == []


BAD_CALLS: list[Any] = [
    lambda it: it.update(title=""),
    lambda it: it.update(add_label_ids=["not a label"]),
    lambda it: it.update(assigned_user_ids="someone"),
    lambda it: it.set_registration_settings(record_view_id="my table"),
    lambda it: it.set_registration_settings(status_field_id="Registration state"),
    lambda it: it.set_queuing_behavior(add_view_ids="view"),
    lambda it: it.set_queuing_behavior(queue_content_layout_ids=[{"view_id": "x", "content_layout_ids": []}]),
    lambda it: it.set_queuing_behavior(queue_content_layout_ids=["x"]),
    lambda it: it.configure_registration(view=it, file_property_field="Results file"),
]


def test_bad_input_is_refused_before_anything_is_sent(lab: Lab, world: World, definition: Any) -> None:
    """Names that name nothing and things that are no ids raise; only look-ups may have been made."""
    for call in BAD_CALLS:
        with row(call):
            with pytest.raises((ValueError, TypeError)):
                world(call(definition))
            assert "updateActivityDefinition" not in lab.operations()


def test_what_belongs_to_a_definition(lab: Lab, world: World, definition: Any) -> None:
    """Its activities, views and templates come from the listings, which tolerate null lists."""
    assert [item.title for item in world(definition.activities)] == ["First registration"]
    alter(lab, "listRecordViews", lambda items: [*items, {"id": NOWHERE, "operation_definition_ids": None}])
    lab.api.clear_caches()
    assert all(definition.id in view.operation_definition_ids for view in world(definition.record_views))
    templates = world(definition.templates)
    assert [item.id for item in templates] == [definition.registration_record_view_id]
    with pytest.raises(IdentifierNotFoundError):
        world(lab.api.activities.search_activities(definition_ids=["Nothing"]))
