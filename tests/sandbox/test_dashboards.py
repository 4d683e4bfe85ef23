"""Dashboards: records, record sets and categories."""

from __future__ import annotations

import pytest

from tests.sandbox.wire import Api, Json


def _dashboard(api: Api, name: str = "Lead candidates") -> Json:
    return next(one for one in api.read("/dashboards") if one["dashboard_name"] == name)


def _remove(api: Api, path: str, status: int = 204) -> None:
    assert api.call("DELETE", path, {}).status == status


def test_the_demo_has_dashboards_of_known_types(api: Api) -> None:
    """One is filled with records, a set and a category, the other is bare."""
    filled, bare = _dashboard(api), _dashboard(api, "Screening overview")

    assert (filled["dashboard_type"], len(filled["record_ids"]), len(filled["record_set_ids"])) == ("decision", 2, 1)
    assert (bare["dashboard_type"], bare["record_ids"], bare["record_set_ids"]) == ("summary", [], [])
    assert [c["category_name"] for c in api.read(f"/dashboards/{filled['id']}/categories")] == ["Potency"]
    assert api.read(f"/dashboards/{bare['id']}/categories") == []


def test_records_come_and_go(api: Api) -> None:
    """Adding answers the dashboard and is harmless twice; removing what is not shown is a 404."""
    path = f"/dashboards/{_dashboard(api, 'Screening overview')['id']}/records"
    record = api.record(Compound="SBX-2")["id"]

    first = api.post(path, {"record_id": record})
    second = api.post(path, {"record_id": record})

    assert first["record_ids"] == second["record_ids"] == [record]
    assert _dashboard(api, "Screening overview")["record_ids"] == [record]
    _remove(api, f"{path}/{record}")
    _remove(api, f"{path}/{record}", 404)
    assert _dashboard(api, "Screening overview")["record_ids"] == []


def test_a_set_of_an_import_can_be_shown(api: Api) -> None:
    """The set that an import made is known to dashboards; sets come and go like records."""
    rows = {"key_field_names": ["Compound"], "data": [{"Compound": "S-1"}], "set_name": "Mine"}
    made = api.read(f"/imports/{api.post('/push/imports', rows)['import_id']}")["record_set_id"]
    path = f"/dashboards/{_dashboard(api, 'Screening overview')['id']}/sets"

    assert api.post(path, {"set_id": made})["record_set_ids"] == [made]
    _remove(api, f"{path}/{made}")
    assert _dashboard(api, "Screening overview")["record_set_ids"] == []
    _remove(api, f"{path}/{made}", 404)
    api.post(path, {"set_id": "nope"}, 400)


def test_categories_hold_nested_labels(api: Api) -> None:
    """A category is answered bare, listed, and gone when it is deleted."""
    path = f"/dashboards/{_dashboard(api)['id']}/categories"
    labels = [label["id"] for label in api.read("/activity_labels")]
    body = {
        "category_name": "Safety",
        "operation_definition_ids": [api.definition("Screening experiment")["id"]],
        "label_ids": [labels[:2], labels[2:]],
        "field_ids": [api.field("Comment"), api.key("Compound")],
    }

    made = api.post(path, body)

    assert {key: made[key] for key in body} == body
    assert api.read(path)[-1] == made
    _remove(api, f"{path}/{made['id']}")
    assert [category["category_name"] for category in api.read(path)] == ["Potency"]
    _remove(api, f"{path}/{made['id']}", 404)


def test_a_category_belongs_to_its_dashboard(api: Api) -> None:
    """It cannot be deleted through another one."""
    category = api.read(f"/dashboards/{_dashboard(api)['id']}/categories")[0]
    other = _dashboard(api, "Screening overview")

    _remove(api, f"/dashboards/{other['id']}/categories/{category['id']}", 404)


@pytest.mark.parametrize("wrong", [{"operation_definition_ids": ["x"]}, {"label_ids": [["x"]]}, {"field_ids": ["x"]}])
def test_what_a_category_names_must_exist(api: Api, wrong: Json) -> None:
    """Unknown definitions, labels and fields are a 400, and nothing is kept."""
    path = f"/dashboards/{_dashboard(api)['id']}/categories"
    before = api.read(path)

    api.post(path, {"category_name": "Wrong", **wrong}, 400)

    assert api.read(path) == before


def test_unknown_dashboards_are_not_found(api: Api) -> None:
    """Whatever is done to them."""
    record = api.record(Compound="SBX-1")["id"]

    assert api.get("/dashboards/nope/categories").status == 404
    api.post("/dashboards/nope/records", {"record_id": record}, 404)
    api.post("/dashboards/nope/sets", {"set_id": "x"}, 404)
    api.post(f"/dashboards/{_dashboard(api)['id']}/records", {"record_id": "nope"}, 400)
