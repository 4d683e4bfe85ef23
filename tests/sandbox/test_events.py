"""The event log of the workspace and of its activities, and callbacks that show in it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from kalbio.sandbox import Sandbox
from tests.sandbox.wire import Api, Json


def test_an_event_bears_its_author(api: Api) -> None:
    """The newest event comes first, joined with the names of who did it."""
    program = api.post("/programs", {"title": "New"})

    event = api.read("/workspaces/events")[0]

    assert (event["event_type"], event["resource_type"]) == ("program.created", "program")
    assert (event["resource_id"], event["full_name"], event["is_bot"]) == (program["id"], "Sandbox Admin", False)
    assert "workspace_id" not in event


def test_an_update_tells_what_changed(api: Api) -> None:
    """Old and new content of each field, and nothing that did not change."""
    program = api.post("/programs", {"title": "Old"})
    api.put(f"/programs/{program['id']}", {"title": "New"})

    event = api.read("/workspaces/events")[0]

    assert event["event_type"] == "program.updated"
    assert event["event_attrs"]["changes"] == [{"field": "title", "old": "Old", "new": "New"}]


def test_an_activity_shows_its_part_of_the_log(api: Api) -> None:
    """Same events, same ids, also for properties and members of an operation."""
    activity = api.experiment("Run", "Screening experiment")
    api.put(f"/properties/{activity['properties'][0]['id']}", {"content": "stir"})
    api.attach(activity["id"], api.record(Compound="A")["id"])

    own = api.read(f"/activities/{activity['id']}/events")
    shared = [e for e in api.read("/workspaces/events") if e["resource_id"] == activity["id"]]

    assert [event["event_type"] for event in own] == ["task.updated", "task.updated", "task.created"]
    assert [event["id"] for event in own] == [event["id"] for event in shared]
    assert {event["resource_type"] for event in own} == {"task"}


def test_filters_combine(api: Api) -> None:
    """By type, kind of thing and user; what matches nothing gives an empty list."""
    api.post("/programs", {"title": "A"})
    record = api.record(Compound="A")["id"]
    api.value(record, api.field("Comment"), "x")
    user = api.read("/workspaces/events")[0]["event_user_id"]

    def types(**query: Json) -> list[str]:
        return [event["event_type"] for event in api.read("/workspaces/events", **query)]

    assert types(resource_type="record") == ["record.updated", "record.created"]
    assert types(event_types=["program.created", "record.created"]) == ["record.created", "program.created"]
    assert types(event_types=["program.created"], resource_type="record") == []
    assert types(event_user_ids=[user], resource_type="program") == ["program.created"]
    assert types(event_user_ids=["nope"]) == []
    assert types(resource_type="null")[:1] == ["record.updated"]


def test_dates_bound_the_log() -> None:
    """Strictly after and before an instant in any zone; what is no date is refused."""
    now = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
    with Sandbox(seed="empty", clock=lambda: now, token_lifetime=86_400) as sandbox:
        api = Api(sandbox)
        for title in ("A", "B", "C"):
            api.post("/programs", {"title": title})
            now += timedelta(hours=1)

        def titles(**query: str) -> list[str]:
            return [event["event_attrs"]["title"] for event in api.read("/workspaces/events", **query)]

        assert titles(after_date="2026-06-01T12:30:00+00:00") == ["C", "B"]
        assert titles(before_date="2026-06-01T15:30:00+02:00") == ["B", "A"]
        assert titles(after_date="2026-06-01T12:30:00Z", before_date="2026-06-01T13:30:00Z") == ["B"]
        assert api.get("/workspaces/events", after_date="soon").status == 400


def test_pages_count_from_one(bare: Api) -> None:
    """Pages are cut from the newest on; page 0 is refused."""
    for number in range(5):
        bare.post("/programs", {"title": str(number)})

    pages = [bare.read("/workspaces/events", page=page, page_size=2) for page in (1, 2, 3, 4)]

    assert [[event["event_attrs"]["title"] for event in page] for page in pages] == [["4", "3"], ["2", "1"], ["0"], []]
    assert bare.get("/workspaces/events", page=0).status == 400


def test_an_import_is_one_bulk_event(bare: Api) -> None:
    """However many rows it has; a refused request leaves none."""
    bare.post("/push/imports", {"key_field_names": ["Drug"], "data": [{"Drug": str(n)} for n in range(9)]})
    bare.post("/push/imports", {"key_field_names": [], "data": []}, 400)

    (event,) = bare.read("/workspaces/events")

    assert (event["event_type"], event["is_bulk"]) == ("import.completed", True)
    assert event["event_attrs"]["records_created"] == 9


def test_finding_again_is_no_event(bare: Api) -> None:
    """Get-or-create leaves an event only when it creates."""
    for _ in range(2):
        bare.record(Drug="A")
        bare.field("Note")

    types = [event["event_type"] for event in bare.read("/workspaces/events")]

    assert sorted(types) == ["data_field.created", "key_field.created", "record.created"]


def test_a_callback_is_kept_with_its_payload(api: Api) -> None:
    """It shows as an event of the operation; other activities take none."""
    operation = api.experiment()["id"]
    task = api.post("/activities", {"title": "T", "activity_type": "task"})[0]["id"]

    api.post(f"/operations/{operation}/callback", {"state": "done", "rows": [1, 2]}, 204)

    event = api.read(f"/activities/{operation}/events")[0]
    assert event["event_type"] == "task.callback_received"
    assert event["event_attrs"]["payload"] == {"state": "done", "rows": [1, 2]}
    api.post(f"/operations/{task}/callback", {}, 404)
    api.post("/operations/nope/callback", {}, 404)
