from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from kalbio.sandbox import Sandbox
from tests.sandbox.wire import Api, Json


def test_creation_answers_a_list_of_one(bare: Api) -> None:
    """POST /activities gives an array; the newest activity comes first in the list."""
    first = bare.post("/activities", {"title": "A", "activity_type": "task", "start_date": "2026-01-02T03:04:05"})
    second = bare.post("/activities", {"title": "B", "activity_type": "project", "definition_id": None})

    assert [len(first), len(second)] == [1, 1]
    assert first[0]["start_date"] == "2026-01-02T00:00:00.000Z"
    assert [activity["title"] for activity in bare.read("/activities")] == ["B", "A"]
    assert first[0]["subscriber_ids"] == [first[0]["created_by"]]


def test_every_list_of_an_activity_is_a_list(api: Api) -> None:
    """Clients fail on null where a list or map belongs."""
    for activity in api.read("/activities"):
        nulls = {key for key, value in activity.items() if value is None}
        assert not {key for key in nulls if key.endswith("_ids") or key in ("properties", "data_table_record_mapping")}


def test_an_activity_gets_properties_and_tables_of_its_own(api: Api) -> None:
    """Properties are copied from the definition as new objects, and each result table is made from its template."""
    definition = api.definition("Assay results registration")
    activity = api.experiment("Run 7", "Assay results registration")

    views = [v for v in api.read("/record_views") if activity["id"] in v["operation_ids"]]

    assert [p["property_name"] for p in activity["properties"]] == [
        p["property_name"] for p in definition["properties"]
    ]
    assert not {p["id"] for p in activity["properties"]} & {p["id"] for p in definition["properties"]}
    assert {p["resource_type"] for p in activity["properties"]} == {"task"}
    assert [(v["view_name"], v["is_template"]) for v in views] == [("Run 7 Main", False)]
    template = next(v for v in api.read("/record_view_templates") if v["id"] == views[0]["parent_record_view_id"])
    assert [f["data_field_id"] for f in views[0]["view_fields"]] == [
        f["data_field_id"] for f in template["view_fields"]
    ]
    assert not {f["id"] for f in views[0]["view_fields"]} & {f["id"] for f in template["view_fields"]}


def test_property_times_depend_on_the_owner(api: Api) -> None:
    """Microseconds on activities, milliseconds on definitions."""
    activity = api.experiment("Run 7", "Screening experiment")
    definition = api.definition("Screening experiment")

    assert re.search(r"\.\d{1,6}\+00:00$", activity["properties"][0]["created_at"])
    assert re.search(r"\.\d{3}Z$", definition["properties"][0]["created_at"])


@pytest.mark.parametrize(
    "body",
    [
        {"title": "x", "activity_type": "party"},
        {"title": "x", "activity_type": "task", "definition_id": "nope"},
        {"title": "x", "activity_type": "task", "program_ids": ["nope"]},
        {"title": "x", "activity_type": "task", "start_date": "soon"},
        {"title": "x", "activity_type": "task", "record_ids": ["nope"]},
        {"title": "", "activity_type": "task"},
    ],
)
def test_a_wrong_activity_is_refused(api: Api, body: Json) -> None:
    """400 and nothing is created."""
    before = len(api.read("/activities"))

    api.post("/activities", body, 400)

    assert len(api.read("/activities")) == before


def test_update_changes_what_is_sent(api: Api) -> None:
    """Lists change by deltas, null clears, and the rest stays."""
    activity = api.experiment()
    labels = [label["id"] for label in api.read("/activity_labels")]
    path = f"/activities/{activity['id']}"
    api.put(path, {"add_label_ids": labels, "due_date": "2026-02-03", "duration": 3})

    changed = api.put(path, {"status": "in progress", "remove_label_ids": [labels[0]], "due_date": None})

    assert (changed["status"], changed["duration"], changed["due_date"]) == ("in progress", 3, None)
    assert changed["label_ids"] == labels[1:]
    assert changed["title"] == activity["title"]
    for wrong in ({"status": "asleep"}, {"add_label_ids": ["nope"]}, {"parent_id": activity["id"]}):
        api.put(path, wrong, 400)
    api.put("/activities/nope", {"title": "x"}, 404)


def test_dates_of_all_years_are_kept(api: Api) -> None:
    """The first and the last year are dates; what lies outside of all years in UTC is refused, and changes nothing."""
    path = f"/activities/{api.experiment()['id']}"

    for year in ("0001", "0999", "9999"):
        assert api.put(path, {"due_date": f"{year}-12-31"})["due_date"] == f"{year}-12-31T00:00:00.000Z"
    for wrong in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"):
        api.put(path, {"due_date": wrong}, 400)
    assert api.read(path)["due_date"] == "9999-12-31T00:00:00.000Z"


def test_completion_is_dated_and_priority_kept(api: Api) -> None:
    """completed_at_date comes and goes with a complete status."""
    path = f"/activities/{api.experiment()['id']}"

    done = api.put(path, {"status": "complete", "priority": "high"})
    again = api.put(path, {"status": "to do"})

    assert (done["completed_at_date"] is not None, done["priority"]) == (True, "high")
    assert again["completed_at_date"] is None


def test_the_tree_can_be_walked(bare: Api) -> None:
    """parent_id moves an activity; children are listed newest first; a circle is refused."""
    root, left, right = (bare.post("/activities", {"title": t, "activity_type": "task"})[0] for t in ("Root", "L", "R"))
    for child in (left, right):
        bare.put(f"/activities/{child['id']}", {"parent_id": root["id"]})

    assert [a["title"] for a in bare.read(f"/activities/{root['id']}/activities")] == ["R", "L"]
    assert bare.read(f"/activities/{root['id']}")["child_ids"] == [left["id"], right["id"]]
    bare.put(f"/activities/{root['id']}", {"parent_id": left["id"]}, 400)
    bare.put(f"/activities/{left['id']}", {"parent_id": None})
    assert [a["title"] for a in bare.read(f"/activities/{root['id']}/activities")] == ["R"]


def test_comments_and_events_tell_the_story(bare: Api) -> None:
    """A comment comes with an update; events are newest first and name what changed."""
    activity = bare.experiment()
    document = {"type": "doc", "content": [{"type": "paragraph"}]}
    bare.put(f"/activities/{activity['id']}", {"title": "New", "comment": document})

    comments = bare.read(f"/activities/{activity['id']}/comments")
    events = bare.read(f"/activities/{activity['id']}/events")

    assert [comment["content"] for comment in comments] == [document]
    assert [event["event_type"] for event in events] == ["task.updated", "task.created"]
    assert events[0]["event_attrs"]["changes"] == [{"field": "title", "old": "Run 1", "new": "New"}]
    assert events[0]["event_attrs"]["comment_id"] == comments[0]["id"]


def test_search_combines_its_conditions(api: Api) -> None:
    """Text, types, nested alternatives, roots, records and the limit."""
    label = api.read("/activity_labels")[0]["id"]
    one, two = api.experiment("Alpha run"), api.experiment("Beta run")
    api.put(f"/activities/{two['id']}", {"add_label_ids": [label], "status": "in progress"})
    record = api.record(Compound="A")["id"]
    api.attach(one["id"], record)

    def titles(**query: Json) -> list[str]:
        return [a["title"] for a in api.read("/activities/search", **query)]

    assert titles(search_text="RUN") == ["Beta run", "Alpha run"]
    assert titles(search_text="run", limit=1) == ["Beta run"]
    assert titles(statuses=[["in progress", "blocked"]]) == ["Beta run"]
    assert titles(statuses=[["in progress"], ["to do"]]) == []
    assert titles(label_ids=[[label]], activity_types=["experiment"]) == ["Beta run"]
    assert titles(record_ids=[record]) == ["Alpha run"]
    assert titles(parent_id="null", activity_types=["task"]) == []
    assert titles(created_by="nope") == []
    project = next(a["id"] for a in api.read("/activities") if a["activity_type"] == "project")
    assert titles(parent_id=project) == ["Kinase screen", "Order building blocks"]


def test_search_can_hide_what_is_complete(bare: Api) -> None:
    """hide-all hides every completed one, hide-completed-trees only those below completed ancestors alone."""
    root, child = (bare.post("/activities", {"title": t, "activity_type": "task"})[0]["id"] for t in ("Root", "Child"))
    bare.put(f"/activities/{child}", {"parent_id": root, "status": "done"})

    def titles(behaviour: str) -> list[str]:
        return [a["title"] for a in bare.read("/activities/search", completed_behavior=behaviour)]

    assert titles("show-all") == ["Child", "Root"]
    assert titles("hide-completed-trees") == ["Child", "Root"]
    assert titles("hide-all") == ["Root"]
    bare.put(f"/activities/{root}", {"status": "complete"})
    assert titles("hide-completed-trees") == []


def test_records_join_and_leave_operations(api: Api) -> None:
    """Adding adds; removal takes the values along; a stranger spoils the whole removal."""
    experiment = api.experiment()["id"]
    a, b = (api.record(Compound=name)["id"] for name in "AB")
    field = api.field("Comment")
    api.attach(experiment, b)
    api.attach(experiment, a, b)
    api.value(a, field, "kept")
    api.value(a, field, "lost", operation_id=experiment)
    path = f"/operations/{experiment}/records"

    assert [r["id"] for r in api.read(path)] == sorted([a, b])
    assert api.read(f"/activities/{experiment}")["all_record_ids"] == sorted([a, b])
    assert [o["id"] for o in api.read(f"/records/{a}/operations")] == [experiment]
    api.post(f"{path}/remove", {"record_ids": [a, "nope"]}, 400)
    left = api.post(f"{path}/remove", {"record_ids": [a]})
    assert left["all_record_ids"] == [b]
    assert [v["content"] for v in api.read(f"/records/{a}/values")] == ["kept"]
    assert api.read(f"/records/{a}")["operation_records_created_at"] == {}


def test_a_record_can_leave_one_table_only(api: Api) -> None:
    """With record_view_id the record stays in the operation, and only the table's values go."""
    experiment = api.experiment(definition="Assay results registration")["id"]
    view = next(v["id"] for v in api.read("/record_views") if v["operation_ids"] == [experiment])
    record, field = api.record(Compound="A")["id"], api.field("Comment")
    api.attach(experiment, record)
    api.value(record, field, "operation", operation_id=experiment)
    api.value(record, field, "table", operation_id=experiment, record_view_id=view)
    assert api.read(f"/activities/{experiment}")["data_table_record_mapping"] == {view: [record]}

    left = api.post(f"/operations/{experiment}/records/remove", {"record_ids": [record], "record_view_id": view})

    assert (left["data_table_record_mapping"], left["attached_record_ids"]) == ({}, [record])
    assert [v["content"] for v in api.read(f"/records/{record}/values")] == ["operation"]


def test_a_locked_operation_keeps_its_records(api: Api) -> None:
    """Removal from a closed activity is a conflict."""
    experiment, record = api.experiment()["id"], api.record(Compound="A")["id"]
    api.attach(experiment, record)
    api.put(f"/activities/{experiment}", {"status": "locked"})

    api.post(f"/operations/{experiment}/records/remove", {"record_ids": [record]}, 409)


def test_only_operations_hold_records(api: Api) -> None:
    """A task takes none, unknown records are refused."""
    task = api.post("/activities", {"title": "T", "activity_type": "task"})[0]["id"]
    record = api.record(Compound="A")["id"]

    api.put(f"/operations/{task}/records", {"record_ids": [record]}, 404)
    api.put(f"/operations/{api.experiment()['id']}/records", {"record_ids": ["nope"]}, 400)
    assert api.get("/operations/nope/records").status == 404


def test_properties_hold_content_by_type(api: Api) -> None:
    """A URL is a list of texts, a file property takes files only, and uploads show on the activity."""
    activity = api.experiment("Run", "Assay results registration")
    by_name = {p["property_name"]: p for p in activity["properties"]}
    protocol, file = by_name["Protocol"]["id"], by_name["Results file"]["id"]

    assert api.put(f"/properties/{protocol}", {"content": "stir"})["content"] == "stir"
    api.put(f"/properties/{protocol}", {"content": {"a": 1}}, 400)
    answer = api.upload(f"/properties/{file}/file", "r.csv", b"a,b\r\n")
    content = next(p["content"] for p in api.read(f"/activities/{activity['id']}")["properties"] if p["id"] == file)
    assert answer.json() == content
    download = api.get(f"/activities/{activity['id']}/file/{content['file_id']}")
    assert (download.status, download.body) == (200, b"a,b\r\n")
    assert api.get(f"/activities/{api.experiment()['id']}/file/{content['file_id']}").status == 404
    assert api.upload(f"/properties/{protocol}/file", "r.csv", b"x").status == 400
    assert api.upload(f"/properties/{file}/file", "r.csv", b"x", {"a": 1}).status == 400


def test_definitions_change_by_key(api: Api) -> None:
    """Settings that point at something must point at the right kind of thing; unknown keys are refused."""
    definition = api.definition("Screening experiment")
    path = f"/activity_definitions/{definition['id']}"
    fields = {f["property_name"]: f["id"] for f in api.read("/property_fields")}

    changed = api.put(path, {"title": "Screen", "registration_property_field_id": fields["Results file"]})

    assert (changed["title"], changed["registration_property_field_id"]) == ("Screen", fields["Results file"])
    assert api.put(path, {"registration_property_field_id": None})["registration_property_field_id"] is None
    for wrong in (
        {"registration_property_field_id": fields["Protocol"]},
        {"registration_record_view_id": "nope"},
        {"mood": "good"},
    ):
        api.put(path, wrong, 400)


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"mood": "good"}, "mood"),
        ({"shift_dependency_mode": "all"}, "shift_dependency_mode"),
        ({"avoid_weekends": True}, "avoid_weekends"),
        ({"extend_in_progress_items": False}, "extend_in_progress_items"),
        ({"priority": "enormous"}, "enormous"),
        ({"status": "asleep"}, "asleep"),
        ({"add_dependencies": ["SELF"]}, "itself"),
        ({"label_ids": []}, "label_ids"),
        ({"definition_id": "MILESTONE"}, "milestone"),
    ],
    ids=str,
)
def test_an_update_without_effect_is_refused_by_name(api: Api, body: Json, word: str) -> None:
    """Nothing that is sent is left undone silently, and a refusal changes nothing."""
    activity = api.experiment()
    if "add_dependencies" in body:
        body = {"add_dependencies": [activity["id"]]}
    if "definition_id" in body:
        body = {"definition_id": api.definition("Milestone")["id"]}

    answer = api.call("PUT", f"/activities/{activity['id']}", {"title": "New", **body})

    assert (answer.status, word in answer.json()["message"]) == (400, True)
    assert api.read(f"/activities/{activity['id']}") == activity


def test_an_update_leaves_nothing_out(api: Api) -> None:
    """Every key of the description that the sandbox takes shows in the activity."""
    activity, blocker = api.experiment(), api.experiment("First")
    users = [user["id"] for user in api.read("/workspaces/members")]
    ids = {
        "label_ids": api.read("/activity_labels")[0]["id"],
        "program_ids": api.read("/programs")[0]["id"],
        "assigned_user_ids": users[1],
        "assigned_group_ids": api.read("/workspaces/groups")[0]["id"],
        "reviewer_ids": users[2],
        "subscriber_ids": users[2],
        "dependencies": blocker["id"],
    }
    plain = {"duration": 4, "external_id": "X-1", "aggregate_scheduling": True, "priority": "low", "status": "blocked"}
    path = f"/activities/{activity['id']}"

    changed = api.put(path, plain | {f"add_{key}": [id_] for key, id_ in ids.items()})
    reduced = api.put(path, {f"remove_{key}": [id_] for key, id_ in ids.items()})

    assert {key: changed[key] for key in plain} == plain
    assert all(id_ in changed[key] for key, id_ in ids.items())
    assert not any(id_ in reduced[key] for key, id_ in ids.items())
    assert users[1] in changed["subscriber_ids"]


def test_a_dependency_is_activity_at_both_ends() -> None:
    """last_activity_at moves to the same instant."""
    now = datetime(2026, 6, 1, tzinfo=UTC)
    with Sandbox(clock=lambda: now) as sandbox:
        api = Api(sandbox)
        activity, blocker = api.experiment(), api.experiment("First")
        now += timedelta(seconds=1)

        changed = api.put(f"/activities/{activity['id']}", {"add_dependencies": [blocker["id"]]})
        other = api.read(f"/activities/{blocker['id']}")

    assert other["last_activity_at"] == changed["last_activity_at"] > blocker["last_activity_at"]


def test_a_new_definition_gives_what_is_lacking(api: Api) -> None:
    """Properties and tables of the definition are added, what was there stays."""
    activity = api.experiment("Run", "Screening experiment")
    definition = api.definition("Batch registration")

    changed = api.put(f"/activities/{activity['id']}", {"definition_id": definition["id"]})

    tables = [view for view in api.read("/record_views") if activity["id"] in view["operation_ids"]]
    names = [property_["property_name"] for property_ in changed["properties"]]
    assert changed["definition_id"] == definition["id"]
    assert names == [property_["property_name"] for property_ in activity["properties"]]
    assert [view["view_name"] for view in tables] == ["Run Main", "Run Main", "Run Staging"]
    assert changed["registration_staging_record_view_id"] == tables[-1]["id"]


def test_switching_table_registration_off_takes_staging_tables_along(api: Api) -> None:
    """An activity has a staging table only while its definition has table-based registration."""
    definition = api.definition("Batch registration")
    activity = api.experiment("Run", "Batch registration")

    api.put(f"/activity_definitions/{definition['id']}", {"registration_staging_template_view_id": None})

    after = api.read(f"/activities/{activity['id']}")
    assert after["registration_staging_record_view_id"] is None
    assert activity["registration_staging_record_view_id"] not in [view["id"] for view in api.read("/record_views")]


def test_titles_are_used_as_given(api: Api) -> None:
    """A naming convention is kept and shown, and no number is added to a title."""
    definition = api.definition("Screening experiment")
    convention = {"separator": "-", "identifier": "incrementing_number", "propagate_to_children": False}
    changed = api.put(f"/activity_definitions/{definition['id']}", {"naming_convention": convention})

    titles = [api.experiment("Run", "Screening experiment")["title"] for _ in range(2)]

    assert (changed["naming_convention"], titles) == (convention, ["Run", "Run"])


def test_dependencies_make_no_circle(api: Api) -> None:
    """What waits for an activity cannot be waited for by it, at any distance."""
    first, second, third = (api.experiment(title)["id"] for title in ("A", "B", "C"))
    api.put(f"/activities/{first}", {"add_dependencies": [second]})
    api.put(f"/activities/{second}", {"add_dependencies": [third]})

    api.put(f"/activities/{third}", {"add_dependencies": [first]}, 400)

    assert api.read(f"/activities/{third}")["dependencies"] == []
