"""Activities: what is sent, what is stored, what comes back."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from kalbio import UNSET, AmbiguousIdentifierError, IdentifierNotFoundError, KalbioAPIError, KalbioResponseError
from kalbio.activities import ActivityStatusEnum, Comment, CompletedBehaviorEnum
from tests.altered import alter, body_of, query_of, replace
from tests.conftest import Lab, World
from tests.demo import NOWHERE
from tests.rows import row


@pytest.fixture
def activity(lab: Lab, world: World) -> Any:
    """The experiment of the demo seed."""
    return world(lab.api.activities.get_activity_by_id("Kinase screen"))


def stored(lab: Lab, activity: Any) -> Any:
    """The activity as the server has it, seen through another client."""
    return lab.client.activities.get_activity_by_id(activity.id)


def test_create_sends_ids_for_names_and_gives_the_activity(lab: Lab, world: World) -> None:
    """Titles, addresses and objects become ids, all members are sent, and the one-element answer is the activity."""
    definition = world(lab.api.activities.get_definition_by_id("Screening experiment"))
    program = world(lab.api.programs.get_programs())[0]
    user = world(lab.api.workspace.get_members())[1]
    made = world(
        lab.api.activities.create_activity(
            "New screen", "experiment", [program.title], "Screening experiment", [user], [user.email],
            datetime(2026, 2, 3, tzinfo=UTC), 5,
        )
    )  # fmt: skip
    assert body_of(lab, "createActivity") == {
        "title": "New screen", "activity_type": "experiment", "program_ids": [program.id],
        "definition_id": definition.id, "assigned_user_ids": [user.id], "subscriber_ids": [user.id],
        "start_date": "2026-02-03T00:00:00+00:00", "duration": 5,
    }  # fmt: skip
    assert made.definition_id == definition.id
    assert made.start_date == datetime(2026, 2, 3, tzinfo=UTC)
    assert stored(lab, made).to_dict() == made.to_dict()
    assert made.id in [item.id for item in world(lab.api.activities.get_activities())]


def test_the_older_order_of_create_is_understood(lab: Lab, world: World) -> None:
    """A date in the sixth place is the older start date, and the seventh the duration; a warning says so."""
    start = datetime(2026, 2, 3, tzinfo=UTC)
    with pytest.warns(DeprecationWarning, match="by name"):
        world(lab.api.activities.create_activity("Old order", "task", None, None, None, start, 4))
    body = body_of(lab, "createActivity")
    assert (body["start_date"], body["duration"], body["subscriber_ids"]) == ("2026-02-03T00:00:00+00:00", 4, [])


BAD_CALLS: list[Any] = [
    lambda api, it: api.create_activity("", "task"),
    lambda api, it: api.create_activity(None, "task"),
    lambda api, it: api.create_activity("x", "experment"),
    lambda api, it: api.create_activity("x", ["task"]),
    lambda api, it: api.create_activity("x", "experiment", activity_definition_id="Screening exp"),
    lambda api, it: api.create_activity("x", "task", program_ids=["Kinase"]),
    lambda api, it: api.create_activity("x", "task", program_ids="Kinase inhibitors"),
    lambda api, it: api.create_activity("x", "task", assigned_user_ids=["nobody@example.org"]),
    lambda api, it: api.create_activity("x", "task", duration="5"),
    lambda api, it: api.get_activity_by_id(""),
    lambda api, it: api.get_activity_by_id(3),
    lambda api, it: api.get_activities_by_ids("Kinase screen"),
    lambda api, it: api.get_activities_by_ids([None]),
    lambda api, it: api.get_activity_by_type("experment"),
    lambda api, it: api.get_activities_with_record("SBX-1"),
    lambda api, it: api.search_activities(activity_types="task"),
    lambda api, it: api.search_activities(activity_types=["quest"]),
    lambda api, it: api.search_activities(definition_ids=["Screening exp"]),
    lambda api, it: api.search_activities(record_ids=[{"Compound": "nobody"}]),
    lambda api, it: api.search_activities(statuses="in progress"),
    lambda api, it: api.search_activities(label_ids=["not a label"]),
    lambda api, it: api.search_activities(parent_id="no such project"),
    lambda api, it: api.search_activities(limit=0),
    lambda api, it: api.search_activities(completed_behavior="hide"),
    lambda api, it: it.update(title=" "),
    lambda api, it: it.update(definition_id="Screening exp"),
    lambda api, it: it.update(parent_id="no such project"),
    lambda api, it: it.update(add_label_ids=["not a label"]),
    lambda api, it: it.update(add_label_ids="urgent"),
    lambda api, it: it.update(add_program_ids=["Kinase"]),
    lambda api, it: it.update(add_assigned_user_ids=["nobody@example.org"]),
    lambda api, it: it.update(duration=float("nan")),
    lambda api, it: it.add_records("SBX-1"),
    lambda api, it: it.add_records([{"Compound": "nobody"}]),
    lambda api, it: it.remove_records([{"Compound": "SBX-1"}], "my table"),
    lambda api, it: it.records_on_view("my table"),
    lambda api, it: it.get_record("SBX-1"),
    lambda api, it: it.has_record({}),
]


def test_bad_input_is_refused_before_anything_is_sent(lab: Lab, world: World, activity: Any) -> None:
    """What cannot be meant, and names that name nothing, raise; only look-ups may have been made."""
    for call in BAD_CALLS:
        with row(call):
            before = len(lab.operations())
            with pytest.raises((ValueError, TypeError)):
                world(call(lab.api.activities, activity))
            assert all(name.startswith(("list", "identify")) for name in lab.operations()[before:])


def test_activities_are_found_by_id_title_and_object(lab: Lab, world: World, activity: Any) -> None:
    """Each kind of identifier finds the activity; what is unknown gives None, or is left out of a list."""
    find = lab.api.activities.get_activity_by_id
    assert world(find(activity)) is activity
    assert world(find("Kinase screen")) == world(find(activity.id)) == world(find(activity.id.upper())) == activity
    assert world(find("Kinase")) is None
    assert world(find(NOWHERE)) is None
    many = world(lab.api.activities.get_activities_by_ids([NOWHERE, "Lead optimisation", "Nothing", activity]))
    assert [item.title for item in many] == ["Lead optimisation", "Kinase screen"]
    assert world(lab.api.activities.get_activities_by_ids([])) == []


def test_a_title_of_several_activities_is_ambiguous(lab: Lab, world: World) -> None:
    """A title that several activities have raises, and the error lists their ids."""
    twins = [lab.client.activities.create_activity("Twin", "task").id for _ in range(2)]
    with pytest.raises(AmbiguousIdentifierError) as caught:
        world(lab.api.activities.get_activity_by_id("Twin"))
    assert sorted(caught.value.candidates) == sorted(twins)


def test_an_activity_made_elsewhere_is_found_after_one_fresh_listing(lab: Lab, world: World) -> None:
    """A title that the cached listing does not know is looked for once more."""
    world(lab.api.activities.get_activities())
    made = lab.client.activities.create_activity("Made elsewhere", "task")
    before = len(lab.operations())
    assert world(lab.api.activities.get_activity_by_id("Made elsewhere")).id == made.id
    assert lab.operations()[before:] == ["listActivities"]


def test_single_reads_fall_back_to_the_listing(lab: Lab, world: World, activity: Any) -> None:
    """Where the server has no call for one activity, the listing is asked, and the call is not tried again."""
    replace(lab, "getActivity", {"code": "FST_ERR_NOT_FOUND"}, status=404)
    lab.api.clear_caches()
    before = len(lab.operations())
    assert world(lab.api.activities.get_activity_by_id(activity.id)) == activity
    world(activity.refetch())
    assert lab.operations()[before:] == ["getActivity", "listActivities", "listActivities"]


def test_update_sends_what_is_given_and_takes_over_the_answer(lab: Lab, world: World, activity: Any) -> None:
    """Only what is given is sent; names become ids, None clears, and the object shows the server's new state."""
    project = world(lab.api.activities.get_activity_by_id("Lead optimisation"))
    label = world(lab.api.labels.get_labels())[0]
    world(
        activity.update(
            status=ActivityStatusEnum.IN_PROGRESS, due_date=datetime(2026, 3, 1, tzinfo=UTC), parent_id=None,
            add_label_ids=[label.label_name], add_dependencies=["Order building blocks"],
        )
    )  # fmt: skip
    task = world(lab.api.activities.get_activity_by_id("Order building blocks"))
    assert body_of(lab, "updateActivity") == {
        "status": "in progress", "due_date": "2026-03-01T00:00:00+00:00", "parent_id": None,
        "add_label_ids": [label.id], "add_dependencies": [task.id],
    }  # fmt: skip
    assert (activity.status, activity.parent_id, activity.label_ids) == ("in progress", None, [label.id])
    assert stored(lab, activity).to_dict() == activity.to_dict()
    world(activity.update(parent_id=project, due_date=None, title=UNSET))
    assert body_of(lab, "updateActivity") == {"parent_id": project.id, "due_date": None}
    assert (activity.due_date, activity.title) == (None, "Kinase screen")
    before = len(lab.operations())
    world(activity.update())
    assert lab.operations()[before:] == []


def test_further_members_of_an_update_pass_through(lab: Lab, world: World, activity: Any) -> None:
    """A keyword that this version does not know is sent as it is, beside the named ones."""
    replace(lab, "updateActivity", {"id": activity.id})
    world(activity.update(title="x", custom_key=[1]))
    assert body_of(lab, "updateActivity") == {"title": "x", "custom_key": [1]}


def test_a_type_that_is_misspelt_is_suggested(lab: Lab, world: World) -> None:
    """The error suggests what comes close, else it lists the types."""
    with pytest.raises(ValueError, match=r"no activity type 'experimnt'. Did you mean 'experiment'\?"):
        world(lab.api.activities.create_activity("x", "experimnt"))
    with pytest.raises(ValueError, match=r"There are task, experiment, project, stage, milestone, cycle\."):
        world(lab.api.activities.create_activity("x", "zzz"))


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("titel", "title"),
        ("dueDate", "due_date"),
        ("add_lable_ids", "add_label_ids"),
        ("add_label_id", "add_label_ids"),
        ("Status", "status"),
    ],
)
def test_a_misspelt_member_of_an_update_is_suggested(
    lab: Lab, world: World, activity: Any, given: str, meant: str
) -> None:
    """A further member that looks like a named one is taken for a slip, and nothing is sent."""
    with pytest.raises(TypeError, match=f"{given!r}. Did you mean {meant!r}"):
        world(activity.update(**{given: "x"}))
    assert "updateActivity" not in lab.operations()


@pytest.mark.parametrize("name", ["label_ids", "set_label_ids", "is_draft", "naming_convention"])
def test_other_members_of_an_update_are_no_slips(lab: Lab, world: World, activity: Any, name: str) -> None:
    """A further member of another meaning is sent as it is."""
    replace(lab, "updateActivity", activity.to_dict())
    world(activity.update(**{name: []}))
    assert body_of(lab, "updateActivity") == {name: []}


def test_an_update_copies_only_what_the_answer_holds(lab: Lab, world: World, activity: Any) -> None:
    """A partial answer changes the members that it has, and no others."""
    members = activity.all_record_ids
    alter(lab, "updateActivity", lambda item: {"id": item["id"], "title": item["title"]})
    world(activity.update(title="Renamed"))
    assert (activity.title, activity.all_record_ids) == ("Renamed", members)


@pytest.mark.parametrize("answer", [{}, {"ok": True}, [], {"error": "expired", "statusCode": 401}])
def test_an_update_whose_answer_is_no_activity_may_be_in(lab: Lab, world: World, activity: Any, answer: Any) -> None:
    """An answer that is none leaves open whether the change was made: the error says so, nothing cached hides it."""
    world(lab.api.activities.get_activities())
    replace(lab, "updateActivity", answer)
    with pytest.raises(KalbioResponseError, match="may have been carried out"):
        world(activity.update(title="Renamed"))
    assert "Renamed" in [item.title for item in world(lab.api.activities.get_activities())]


def test_an_update_without_an_answer_is_read_again(lab: Lab, world: World, activity: Any) -> None:
    """When the answer is empty, the activity is read again; when that fails too, the object is stale."""
    replace(lab, "updateActivity", b"")
    world(activity.update(title="Renamed"))
    assert (activity.title, activity.is_stale) == ("Renamed", False)
    replace(lab, "getActivity", {"message": "down"}, status=500)
    world(activity.update(title="Again"))
    assert activity.is_stale
    assert "Again" in [item.title for item in lab.client.activities.get_activities()]


def test_records_are_attached_and_detached(lab: Lab, world: World, activity: Any) -> None:
    """Records can be given in every form; detaching deletes what they hold there, and the caches see it."""
    record = world(lab.api.records.get_record_by_id({"Compound": "SBX-5"}))
    one = world(lab.api.records.get_record_by_id({"Compound": "SBX-1"}))
    assert world(activity.has_record(record)) is False
    assert world(activity.get_record(record)) is None
    world(activity.add_records([record, one.id]))
    assert body_of(lab, "addOperationRecords") == {"record_ids": [record.id, one.id]}
    for identifier in (record, record.id, {"Compound": "SBX-5"}):
        assert world(activity.has_record(identifier)) is True
        assert world(activity.get_record(identifier)) == record
    world(record.add_value("Potency (nM)", 9, activity))
    assert [a.title for a in world(lab.api.activities.get_activities_with_record({"Compound": "SBX-5"}))] == [
        "Kinase screen"
    ]

    world(activity.remove_records([{"Compound": "SBX-5"}]))
    assert body_of(lab, "removeOperationRecords") == {"record_ids": [record.id]}
    assert record.id not in activity.all_record_ids
    assert record.id not in stored(lab, activity).all_record_ids
    assert world(lab.api.activities.get_activities_with_record(record)) == []
    fresh = world(lab.api.records.get_record_by_id(record.id))
    assert world(fresh.get_value_content("Potency (nM)", activity)) is None

    before = len(lab.operations())
    world(activity.add_records([]))
    world(activity.remove_records([]))
    assert lab.operations()[before:] == []


@pytest.mark.parametrize("answer", [b"", {"done": 1}, [], 3])
def test_a_removal_counts_whatever_the_answer(lab: Lab, world: World, activity: Any, answer: Any) -> None:
    """The removal was made: the caches are dropped and the activity is read again, whatever JSON came back."""
    replace(lab, "removeOperationRecords", answer)
    world(activity.remove_records([{"Compound": "SBX-1"}]))
    assert world(activity.has_record({"Compound": "SBX-1"})) is False
    assert len(activity.all_record_ids) == 3


def test_an_attachment_is_not_reported_as_failed(lab: Lab, world: World, activity: Any) -> None:
    """When reading the activity after attaching fails, the attachment counts and the object is stale."""
    replace(lab, "getActivity", {"message": "down"}, status=500)
    world(activity.add_records([{"Compound": "SBX-5"}]))
    assert activity.is_stale
    assert len(world(activity.records)) == 5


def test_a_removal_that_is_refused_changes_nothing(lab: Lab, world: World, activity: Any) -> None:
    """Records that are not attached cannot be removed: the server's refusal raises."""
    before = activity.to_dict()
    with pytest.raises(KalbioAPIError):
        world(activity.remove_records([{"Compound": "SBX-5"}]))
    assert activity.to_dict() == before


def test_what_an_activity_holds(lab: Lab, world: World, activity: Any) -> None:
    """Records, their data, tables, and records on a table come as the server has them."""
    records = world(activity.records)
    assert sorted(item.id for item in records) == sorted(activity.all_record_ids)
    field = world(lab.api.entity_fields.get_data_field_by_id("Potency (nM)"))
    rows = world(activity.get_record_data())
    assert [row[field.id] for row in rows] == [world(item.get_value_content(field, activity)) for item in records]
    registration = world(lab.api.activities.get_activity_by_id("First registration"))
    world(registration.add_records([{"Compound": "SBX-2"}, {"Compound": "SBX-1"}]))
    (view,) = world(registration.record_views)
    shown = world(registration.records_on_view(view))
    assert [item.id for item in shown] == registration.data_table_record_mapping[view.id]
    assert len(shown) == 2
    before = len(lab.operations())
    assert world(registration.records_on_view(NOWHERE)) == []
    assert lab.operations()[before:] == []


def test_relations_of_an_activity(lab: Lab, world: World, activity: Any) -> None:
    """Definition, people, labels, programs and children come as objects with the client; unknown ids are left out."""
    labels = world(lab.api.labels.get_labels())
    members = world(lab.api.workspace.get_members())
    groups = world(lab.api.workspace.get_groups())
    world(activity.update(add_label_ids=labels[:1], add_assigned_user_ids=members[:1], add_assigned_group_ids=groups))
    assert world(activity.activity_definition).title == "Screening experiment"
    assert world(activity.labels) == labels[:1]
    assert world(activity.assigned_users) == members[:1]
    assert world(activity.assigned_groups) == groups
    assert [item.title for item in world(activity.programs)] == ["Kinase inhibitors"]
    project = world(lab.api.activities.get_activity_by_id("Lead optimisation"))
    children = world(project.child_activities)
    assert {item.title for item in children} == {"Kinase screen", "Order building blocks"}
    assert all(item._client is lab.api for item in [*children, *world(activity.labels)])
    children.clear()
    assert len(world(project.child_activities)) == 2
    assert world(type(activity)({"id": NOWHERE, "label_ids": [NOWHERE]}, lab.api).labels) == []
    lab.client.activities.create_activity("Third child", "task").update(parent_id=project.id)
    assert len(world(project.child_activities)) == 2
    project.clear_caches()
    assert len(world(project.child_activities)) == 3


def test_events_and_comments(lab: Lab, world: World, activity: Any) -> None:
    """A comment posted with a change can be read, and events come newest first, both with the client."""
    words = {"type": "doc", "content": [{"type": "paragraph", "content": [{"type": "text", "text": "well done"}]}]}
    world(activity.update(comment=words))
    comments = world(activity.get_comments())
    events = world(activity.get_events())
    assert comments[-1].content == words
    assert events[0].event_type
    assert events[0].created_at >= events[-1].created_at
    assert events[0]._client is lab.api


def test_comments_and_descriptions_are_plain_text_too(lab: Lab, world: World, activity: Any) -> None:
    """Plain text is sent as a document of paragraphs, and comments and events show who wrote what, and when."""
    world(activity.update(comment="rerun\n\nplate 7", description="of plates"))
    text = [{"type": "text", "text": "rerun"}]
    body = body_of(lab, "updateActivity")
    assert body["comment"] == {
        "type": "doc",
        "content": [
            {"type": "paragraph", "content": text},
            {"type": "paragraph"},
            {"type": "paragraph", "content": [{"type": "text", "text": "plate 7"}]},
        ],
    }
    assert body["description"]["content"] == [{"type": "paragraph", "content": [{"type": "text", "text": "of plates"}]}]
    comment = world(activity.get_comments())[-1]
    assert comment.text == "rerun\n\nplate 7"
    world(lab.api.workspace.get_members())
    assert re.search(r"^<Comment 'rerun\\n\\nplate 7' \w+ by 'admin@example.org', at '20.*'>$", repr(comment))
    event = world(activity.get_events())[0]
    assert re.search(r"^<ActivityEvent 'task.updated' \w+ by 'admin@example.org', at '20.*'>$", repr(event))


def test_the_text_of_a_comment_leaves_formatting_out() -> None:
    """Marks, breaks, mentions and lists are read as text, and a document of another form or depth does no harm."""
    bold = {"type": "text", "text": "hit", "marks": [{"type": "bold"}]}
    who = {"type": "mention", "attrs": {"id": "7", "label": "Ann"}}
    item = {"type": "listItem", "content": [{"type": "paragraph", "content": [{"type": "text", "text": "one"}]}]}
    content = [
        {"type": "paragraph", "content": [bold, {"type": "hardBreak"}, who]},
        {"type": "bulletList", "content": [item, item]},
    ]
    assert Comment(content={"type": "doc", "content": content}).text == "hit\n@Ann\none\none"
    deep: dict[str, Any] = bold
    for _ in range(5000):
        deep = {"type": "blockquote", "content": [deep]}
    for document, said in ((deep, "hit"), (None, ""), ("x", ""), ({"content": ["x", 5, None]}, "")):
        assert Comment({"content": document}).text == said


def test_a_property_is_changed_through_the_activity(lab: Lab, world: World, activity: Any) -> None:
    """A property takes over the server's state with its types, and the activity shows the same property again."""
    (protocol,) = (item for item in activity.properties if item.field_type == "text")
    world(protocol.update_property("plate 7"))
    assert body_of(lab, "updateProperty") == {"content": "plate 7"}
    assert isinstance(protocol.created_at, datetime)
    assert [item.content for item in activity.properties if item.field_type == "text"] == ["plate 7"]
    assert "plate 7" in [item.content for item in stored(lab, activity).properties]
    replace(lab, "updateProperty", b"")
    world(protocol.update_property("plate 8"))
    assert protocol.content == "plate 8"
    with pytest.raises(ValueError, match="nan"):
        world(protocol.update_property(float("nan")))


def test_a_file_is_uploaded_into_a_property(lab: Lab, world: World) -> None:
    """The answer comes as it is; an empty one gives None; the listings are read again afterwards."""
    activity = world(lab.api.activities.get_activity_by_id("First registration"))
    (upload,) = (item for item in activity.properties if item.field_type == "file")
    answer = world(upload.update_property_file("results.csv", b"Compound", "text/csv"))
    assert isinstance(answer, dict)
    assert answer
    assert lab.exchanges[-1].headers["content-type"].startswith("multipart/form-data; boundary=")
    again = world(lab.api.activities.get_activity_by_id("First registration"))
    assert [item.content for item in again.properties if item.field_type == "file"] != [None]
    replace(lab, "uploadPropertyFile", {})
    assert world(upload.update_property_file("results.csv", b"Compound", "text/csv")) is None
    with pytest.raises(TypeError, match="bytes"):
        world(upload.update_property_file("results.csv", "text", "text/csv"))


def test_a_search_nests_its_lists_as_the_wire_wants(lab: Lab, world: World, activity: Any) -> None:
    """Names become ids, three lists are nested twice, None as parent means roots, and nothing given sends nothing."""
    label = world(lab.api.labels.get_labels())[0]
    user = world(lab.api.workspace.get_members())[0]
    record = world(lab.api.records.get_record_by_id({"Compound": "SBX-1"}))
    world(activity.update(add_label_ids=[label], add_assigned_user_ids=[user], status="in progress"))
    found = world(
        lab.api.activities.search_activities(
            search_text="Kinase", activity_types=["experiment"], definition_ids=["Screening experiment"],
            record_ids=[{"Compound": "SBX-1"}], statuses=[ActivityStatusEnum.IN_PROGRESS, "to do"],
            label_ids=[label.label_name], assigned_user_ids=[user.email], created_by=user,
            parent_id="Lead optimisation", limit=5, completed_behavior=CompletedBehaviorEnum.HIDE_ALL,
        )
    )  # fmt: skip
    assert found == [activity]
    assert query_of(lab, "searchActivities") == {
        "search_text": "Kinase", "activity_types": '["experiment"]', "definition_ids": f'["{activity.definition_id}"]',
        "record_ids": f'["{record.id}"]', "statuses": '[["in progress","to do"]]', "label_ids": f'[["{label.id}"]]',
        "assigned_user_ids": f'[["{user.id}"]]', "created_by": user.id, "parent_id": activity.parent_id, "limit": "5",
        "completed_behavior": "hide-all",
    }  # fmt: skip
    roots = world(lab.api.activities.search_activities(parent_id=None, completed_behavior="show-all"))
    assert query_of(lab, "searchActivities") == {"parent_id": "null", "completed_behavior": "show-all"}
    assert activity not in roots
    assert activity in world(lab.api.activities.search_activities(search_text=None))
    assert query_of(lab, "searchActivities") == {}


def test_filters_of_the_cached_listing(lab: Lab, world: World, activity: Any) -> None:
    """By type and by external id the cached listing answers; an unknown external id gives None."""
    assert {item.title for item in world(lab.api.activities.get_activity_by_type("experiment"))} == {
        "Kinase screen", "First registration",
    }  # fmt: skip
    assert world(lab.api.activities.get_activity_by_type("cycle")) == []
    world(activity.update(external_id="LIMS-7"))
    assert world(lab.api.activities.get_activity_by_external_id("LIMS-7")) == activity
    assert world(lab.api.activities.get_activity_by_external_id("LIMS-8")) is None


def test_a_returned_list_cannot_damage_the_cache(lab: Lab, world: World) -> None:
    """Emptying what a listing gave leaves the next answer whole, without a request."""
    first = world(lab.api.activities.get_activities())
    count = len(first)
    first.clear()
    before = len(lab.operations())
    assert len(world(lab.api.activities.get_activities())) == count
    assert lab.operations()[before:] == []
    assert len(world(lab.api.activities.get_activities(use_cache=False))) == count
    assert lab.operations()[before:] == ["listActivities"]


def test_a_new_server_value_does_not_break_the_listing(lab: Lab, world: World) -> None:
    """An unknown activity type is kept, can be filtered for, and leaves the other activities readable."""
    alter(lab, "listActivities", lambda items: [{**items[0], "activity_type": "quest"}, *items[1:]])
    listing = world(lab.api.activities.get_activities())
    assert listing[0].activity_type == "quest"
    assert world(lab.api.activities.get_activity_by_type("quest")) == listing[:1]


@pytest.mark.parametrize("answer", [{}, [], {"title": "x"}, [{"title": "x"}], b""])
def test_a_creation_without_an_activity_in_the_answer_is_a_response_error(lab: Lab, world: World, answer: Any) -> None:
    """An answer without an activity raises, naming method and path; the bare object instead of a list is fine."""
    replace(lab, "createActivity", answer)
    with pytest.raises(KalbioResponseError, match="POST /activities"):
        world(lab.api.activities.create_activity("x", "task"))
    replace(lab, "createActivity", {"id": NOWHERE})
    assert world(lab.api.activities.create_activity("x", "task")).id == NOWHERE


def test_a_missing_record_is_in_no_activity(lab: Lab, world: World) -> None:
    """Key values of no record, and ids the server does not know, give no activities; a wrong field name raises."""
    assert world(lab.api.activities.get_activities_with_record({"Compound": "nobody"})) == []
    assert world(lab.api.activities.get_activities_with_record(NOWHERE)) == []
    with pytest.raises(IdentifierNotFoundError, match="Compound"):
        world(lab.api.activities.get_activities_with_record({"Compond": "SBX-1"}))
