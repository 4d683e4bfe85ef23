"""Sandboxes as a whole: seeds, files, and what clients can rely on."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kalbio.sandbox import Request, Sandbox, seed, seed_large
from tests.sandbox.wire import Api

_LISTS = (
    *("/activities", "/activity_definitions", "/activity_labels", "/property_fields", "/key_fields", "/data_fields"),
    *("/entity_slices", "/record_views", "/record_view_templates", "/programs", "/imports", "/records/search"),
    *("/workspaces/members", "/workspaces/groups", "/workspaces/events", "/dashboards"),
)


def test_the_empty_seed_holds_a_workspace_and_its_admin(bare: Api) -> None:
    """Nothing else is there."""
    filled = {path: bare.read(path) for path in _LISTS if bare.read(path)}

    assert list(filled) == ["/workspaces/members"]
    assert [user["access_level"] for user in filled["/workspaces/members"]] == ["admin"]
    assert bare.read("/workspaces/active")["workspace_name"]


def test_the_demo_seed_is_the_same_every_time(api: Api) -> None:
    """Ids, times and contents do not change from sandbox to sandbox."""
    with Sandbox() as other:
        assert {path: api.read(path) for path in _LISTS} == {path: Api(other).read(path) for path in _LISTS}


def test_what_old_clients_cannot_read_has_a_seed_of_its_own(api: Api) -> None:
    """A null e-mail of a group and later types of fields are in `recent`, and not in the demo."""
    later = {"mixture", "status", "rxn", "protein-structure"}

    def unreadable(api: Api) -> set[str]:
        fields = [field for kind in ("key", "data", "property") for field in api.read(f"/{kind}_fields")]
        found = {field["field_type"] for field in fields} & later
        return found | {"e-mail" for group in api.read("/workspaces/groups") if group["email"] is None}

    with Sandbox(seed="recent") as recent:
        assert unreadable(Api(recent)) == later | {"e-mail"}
        assert len(Api(recent).read("/records/search")) == len(api.read("/records/search"))
    assert unreadable(api) == set()


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How many there are in the large seed, of which a hundredth is planted."""
    names = ("PROJECTS", "EXPERIMENTS", "ACTIVITIES", "COMPOUNDS", "BATCHES")
    full = {name: getattr(seed_large, name) for name in names}
    for name, count in full.items():
        monkeypatch.setattr(seed_large, name, count // 100)
    monkeypatch.setattr(seed, "image", seed.image.__wrapped__)
    return full


def test_the_large_seed_is_large(full: dict[str, int]) -> None:
    """200 data fields, 5,000 activities and 20,000 records with values, related and in operations; all of it past."""
    assert (full["ACTIVITIES"], full["COMPOUNDS"] + full["BATCHES"]) == (5000, 20000)
    with Sandbox(seed="large") as sandbox:
        api = Api(sandbox)
        activities = api.read("/activities")
        found = api.read("/records/search")
        experiment = next(a for a in activities if a["activity_type"] == "experiment")

        assert (len(api.read("/data_fields")), len(activities), len(found)) == (200, 50, 200)
        assert len(api.read(f"/operations/{experiment['id']}/records")) == 8
        assert all(api.read(f"/records/{record_id}/values") for record_id in found[::20])
        made = sorted(datetime.fromisoformat(activity["created_at"]) for activity in activities)
        assert made[0] + 100 * (made[-1] - made[0]) < datetime(2026, 2, 1, tzinfo=UTC)


@pytest.mark.usefixtures("full")
def test_what_the_large_seed_writes_in_bulk_is_what_calls_write() -> None:
    """Records are found by their keys, know their relatives and share key values; what is attached is on the table; and
    the database has the indexes of any other.
    """

    def schema(sandbox: Sandbox) -> list[tuple[str, ...]]:
        return sorted(sandbox.store.rows("select type, name, coalesce(sql, '') from sqlite_master"))

    with Sandbox(seed="large") as sandbox, Sandbox(seed="empty") as empty:
        assert schema(sandbox) == schema(empty)
        api = Api(sandbox)
        before = api.read("/records/search")
        compound, batch = api.record(Compound="CPD-00001"), api.record(Compound="CPD-00001", Batch="1")
        other = api.record(Compound="CPD-00002", Batch="1")
        assert api.read("/records/search") == before
        assert compound["sub_record_ids"] == [batch["id"]]
        assert set(compound["identifier_ids"]) < set(batch["identifier_ids"])
        assert len(set(batch["identifier_ids"]) & set(other["identifier_ids"])) == 1
        experiments = [a for a in api.read("/activities") if a["activity_type"] == "experiment"]
        (experiment,) = (a for a in experiments if a["title"] == "Experiment 0001")
        assert experiment["data_table_record_ids"] == experiment["attached_record_ids"]
        api.attach(experiment["id"], *experiment["attached_record_ids"])
        (after,) = (a for a in api.read("/activities") if a["id"] == experiment["id"])
        assert after["data_table_record_mapping"] == experiment["data_table_record_mapping"]
        api.attach(experiment["id"], compound["id"])
        written = api.value(compound["id"], api.field("Property 001", "number"), 7, operation_id=experiment["id"])
        assert api.read(f"/records/{compound['id']}/values")[0]["id"] == written["id"]


@pytest.mark.usefixtures("full")
def test_the_large_seed_is_the_same_every_time() -> None:
    """A second build gives the same bytes; tried with a hundredth of it."""
    assert seed.image("large") == seed.image("large")


def test_an_unknown_seed_is_named() -> None:
    """And the known ones are told."""
    with pytest.raises(ValueError, match="'nope'; known: demo, empty, large"):
        Sandbox(seed="nope")


def test_a_file_keeps_everything(tmp_path: Path) -> None:
    """Data, files and tokens are there after a restart, times go on, and the seed is not planted twice."""
    path = tmp_path / "lab.db"
    with Sandbox(path) as sandbox:
        api = Api(sandbox)
        first = api.record(Compound="KEPT")
        field = api.field("Comment")
        api.value(first["id"], field, "old")
        activities = api.read("/activities")
    with Sandbox(path, seed="empty") as sandbox:
        again = Api(sandbox)
        again.token = api.token
        again.value(first["id"], field, "new")

        assert again.record(Compound="KEPT")["id"] == first["id"]
        assert again.read("/activities") == activities
        assert [v["content"] for v in again.read(f"/records/{first['id']}/values")] == ["new", "old"]


def test_a_file_of_something_else_is_left_alone(tmp_path: Path) -> None:
    """Neither a database of another program nor a text is touched."""
    database, text = tmp_path / "other.db", tmp_path / "notes.txt"
    connection = sqlite3.connect(database)
    connection.execute("create table notes (text)")
    connection.close()
    text.write_text("not a database, but long enough to be mistaken for one " * 40)
    before = text.read_bytes()

    for path in (database, text):
        with pytest.raises(ValueError, match=r"not made by this version|cannot be used"):
            Sandbox(path)

    assert text.read_bytes() == before
    with sqlite3.connect(database) as connection:
        assert connection.execute("select name from sqlite_master").fetchall() == [("notes",)]
    connection.close()


def test_views_can_be_read_by_every_client(api: Api) -> None:
    """Lists that must not be null are lists, and columns name both kinds of field."""
    for view in [*api.read("/record_views"), *api.read("/record_view_templates")]:
        for key in ("program_ids", "filters", "sorts", "color_filters", "record_ids_filter", "record_set_ids_filter"):
            assert view[key] == []
        assert view["is_template"] in (True, False)
        assert all({"data_field_id", "lookup_field_id"} <= column.keys() for column in view["view_fields"])
    for definition in api.read("/activity_definitions"):
        assert None not in (definition["content_layout"], definition["queue_content_layout_ids"])


def test_many_threads_write_without_losing_anything(bare: Api) -> None:
    """Requests are taken one at a time, whoever sends them."""
    record, field = bare.record(Drug="A")["id"], bare.field("Note")
    threads = [
        threading.Thread(target=lambda n=n: [bare.value(record, field, f"{n}.{i}") for i in range(20)])
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    history = bare.read(f"/records/{record}/values")
    assert len({value["content"] for value in history}) == 160


def test_header_names_are_read_in_any_case(bare: Api) -> None:
    """X-Kal-Authorization and x-kal-authorization are one."""
    request = Request("GET", "/programs", [("X-KAL-Authorization", f"bearer {bare.token}")])

    assert bare.sandbox.handle(request).status == 200


def test_the_sandbox_knows_nothing_of_the_client() -> None:
    """Importing it loads no module of the client."""
    code = (
        "import kalbio.sandbox, kalbio.sandbox.server, sys; print(*(m for m in sys.modules if m.startswith('kalbio')))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()

    ours = ("kalbio.sandbox", "kalbio._core.emulator", "kalbio._core.description", "kalbio._core.text")
    strangers = {name for name in loaded if not name.startswith(ours)}
    assert strangers == {"kalbio", "kalbio._version", "kalbio._extras", "kalbio._core"}
