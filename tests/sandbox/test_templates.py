"""Result table templates: what they consist of, and their links to definitions."""

from __future__ import annotations

import pytest

from tests.sandbox.wire import Api, Json


def _slice(api: Api, name: str = "Compound") -> str:
    return next(str(s["id"]) for s in api.read("/entity_slices") if s["slice_name"] == name)


def _template(api: Api, name: str = "Results", **more: Json) -> Json:
    body = {"view_name": name, "entity_slice_id": _slice(api), "data_field_ids": [api.field("Comment")], **more}
    return api.post("/record_view_templates", body)


def _read(api: Api, template: Json) -> Json:
    return api.read(f"/record_view_templates/{template['id']}")


def _link(api: Api, template: Json, definition: str, position: int | None = None) -> Json:
    body = {"template_view_id": template["id"], "operation_definition_id": api.definition(definition)["id"]}
    return api.post("/record_view_templates/link", body | ({} if position is None else {"position_index": position}))


def _tables(api: Api, activity: Json) -> list[Json]:
    return [view for view in api.read("/record_views") if activity["id"] in view["operation_ids"]]


def _fields(view: Json) -> list[str]:
    return [column["data_field_id"] for column in view["view_fields"]]


# made from scratch, from a view, from a template


def test_a_template_from_scratch(api: Api) -> None:
    """Columns, rules and settings as asked; keys that rules leave out are there as null."""
    comment, potency, key = api.field("Comment"), api.field("Potency (nM)", "number"), api.key("Compound")
    main = next(v for v in api.read("/record_views") if v["view_name"] == "Main" and not v["is_template"])
    copied = next(column for column in main["view_fields"] if column["data_field_id"] == potency)

    template = _template(
        api,
        template_name="For screens",
        data_field_ids=[comment],
        view_field_ids=[copied["id"]],
        program_ids=[api.read("/programs")[0]["id"]],
        filters=[{"view_field_id": copied["id"], "filter_type": "is_set"}],
        sorts=[{"key_field_id": key, "descending": True}],
        color_filters=[{"key_field_id": key, "filter_type": "starts_with", "filter_prop": "S", "color": "#FF0000"}],
        sort_order="manual",
        group_by_field_id=copied["id"],
    )

    own = template["view_fields"][0]
    assert (template["view_name"], template["template_name"], template["is_template"]) == (
        "Results",
        "For screens",
        True,
    )
    assert _fields(template) == [potency, comment]
    assert own["id"] != copied["id"]
    assert template["group_by_field_id"] == own["id"]
    empty = {"key_field_id": None, "view_field_id": None, "plot_field_config": None}
    assert template["filters"] == [empty | {"view_field_id": own["id"], "filter_type": "is_set", "filter_prop": None}]
    assert template["sorts"] == [empty | {"key_field_id": key, "descending": True}]
    assert template["color_filters"][0]["color"] == "#FF0000"
    assert template in api.read("/record_view_templates")
    assert _read(api, template) == template


@pytest.mark.parametrize(
    "wrong",
    [
        {"entity_slice_id": "nope"},
        {"data_field_ids": ["nope"]},
        {"view_field_ids": ["nope"]},
        {"lookup_field_ids": ["nope"]},
        {"plot_field_ids": ["nope"]},
        {"program_ids": ["nope"]},
        {"record_set_ids_filter": ["nope"]},
        {"group_by_field_id": "nope"},
        {"sort_order": "nope"},
        {"filters": [{"view_field_id": "nope", "filter_type": "is_set"}]},
        {"filters": [{"key_field_id": "nope", "filter_type": "is_set"}]},
        {"filters": [{"filter_type": "is_set"}]},
        {"filters": [{"key_field_id": "KEY", "filter_type": "is_funny"}]},
        {"filters": [{"key_field_id": "KEY", "filter_type": "is_set", "mood": "good"}]},
        {"color_filters": [{"key_field_id": "KEY", "filter_type": "is_set"}]},
    ],
    ids=str,
)
def test_a_wrong_template_is_refused(api: Api, wrong: Json) -> None:
    """What does not exist and what the sandbox does not do is a 400, and nothing is kept."""
    key, before = api.key("Compound"), api.read("/record_view_templates")
    for rule in [*wrong.get("filters", ()), *wrong.get("color_filters", ())]:
        if rule.get("key_field_id") == "KEY":
            rule["key_field_id"] = key

    api.post("/record_view_templates", {"view_name": "x", "entity_slice_id": _slice(api), **wrong}, 400)

    assert api.read("/record_view_templates") == before


def test_a_template_from_a_view(api: Api) -> None:
    """The whole view is copied, columns get ids of their own; other keys do not go with it."""
    main = next(v for v in api.read("/record_views") if v["view_name"] == "Main" and not v["is_template"])
    body = {"source_view_id": main["id"], "view_name": "Saved"}

    template = api.post("/record_view_templates", body)

    assert (template["view_name"], template["template_name"]) == ("Saved", "Saved")
    assert _fields(template) == _fields(main)
    assert not {c["id"] for c in template["view_fields"]} & {c["id"] for c in main["view_fields"]}
    assert (template["operation_ids"], template["entity_slice_id"]) == ([], main["entity_slice_id"])
    api.post("/record_view_templates", {**body, "program_ids": []}, 400)
    api.post("/record_view_templates", {**body, "source_view_id": template["id"]}, 400)


def test_a_duplicate_is_linked_to_nothing(api: Api) -> None:
    """Same columns and rules under new ids, no definitions."""
    key = api.key("Compound")
    template = _template(api, sorts=[{"key_field_id": key, "descending": False}])
    _link(api, template, "Screening experiment")

    copy = api.post(f"/record_view_templates/{template['id']}/duplicate", {})

    assert copy["id"] != template["id"]
    assert (_fields(copy), copy["sorts"]) == (_fields(template), template["sorts"])
    assert (copy["view_name"], copy["operation_definition_ids"]) == ("Results (copy)", [])
    assert _read(api, copy) == copy


# changed


def test_an_update_replaces_lists_as_a_whole(api: Api) -> None:
    """What is sent takes the place of what was there; what is not sent stays."""
    key, programs = api.key("Compound"), [program["id"] for program in api.read("/programs")]
    rule = {"key_field_id": key, "filter_type": "is_set"}
    template = _template(api, filters=[rule, rule], program_ids=programs[:1])
    path = f"/record_view_templates/{template['id']}"

    changed = api.put(path, {"view_name": "New", "filters": [rule], "program_ids": programs[1:], "is_archived": True})

    assert (changed["view_name"], len(changed["filters"]), changed["is_archived"]) == ("New", 1, True)
    assert changed["program_ids"] == programs[1:]
    assert changed["view_fields"] == template["view_fields"]
    assert api.put(path, {"filters": []})["filters"] == []
    assert _read(api, template)["view_name"] == "New"


def test_columns_are_saved_removed_and_ordered(api: Api) -> None:
    """Columns of other views are copied in; with a column go the rules on it; unnamed ones follow the named."""
    ids = [api.field(name, kind) for name, kind in (("Comment", "text"), ("SMILES", "smiles-string"))]
    template = _template(api, data_field_ids=ids)
    other = _template(api, "Other", data_field_ids=[api.field("Purity (%)", "number")])
    path = f"/record_view_templates/{template['id']}"
    comment, smiles = (column["id"] for column in template["view_fields"])
    api.put(path, {"sorts": [{"view_field_id": comment, "descending": True}], "group_by_field_id": comment})

    grown = api.put(path, {"save_view_field_ids": [smiles, other["view_fields"][0]["id"]]})
    ordered = api.put(path, {"reorder_view_field_ids": [smiles]})
    reduced = api.put(path, {"remove_view_field_ids": [comment]})

    assert _fields(grown) == [*ids, *_fields(other)]
    assert _fields(ordered) == [ids[1], ids[0], *_fields(other)]
    assert (len(ordered["sorts"]), ordered["group_by_field_id"]) == (1, comment)
    assert _fields(reduced) == [ids[1], *_fields(other)]
    assert (reduced["sorts"], reduced["group_by_field_id"]) == ([], None)
    for key in ("save_view_field_ids", "remove_view_field_ids", "reorder_view_field_ids"):
        api.put(path, {key: ["nope"]}, 400)
    api.put(path, {"filters": [{"view_field_id": comment, "filter_type": "is_set"}]}, 400)


def test_only_templates_are_templates(api: Api) -> None:
    """An ordinary view is not found under the paths of templates."""
    main = next(v for v in api.read("/record_views") if not v["is_template"])["id"]

    assert api.get(f"/record_view_templates/{main}").status == 404
    api.put(f"/record_view_templates/{main}", {"view_name": "x"}, 404)
    api.post(f"/record_view_templates/{main}/duplicate", {}, 404)
    assert api.call("DELETE", f"/record_view_templates/{main}", {}).status == 404
    body = {"template_view_id": main, "operation_definition_id": api.definition("Screening experiment")["id"]}
    api.post("/record_view_templates/link", body, 400)


# linked


def test_a_link_gives_tables_to_operations_old_and_new(api: Api) -> None:
    """The answer is the state before; then the definition is listed, placed, and every operation has a table."""
    before = api.experiment("Before", "Screening experiment")
    template = _template(api)

    answer = _link(api, template, "Screening experiment")

    definition = api.definition("Screening experiment")
    assert answer["operation_definition_ids"] == []
    assert _read(api, template)["operation_definition_ids"] == [definition["id"]]
    assert [(i["record_view_id"], i["component_type"], i["position_index"]) for i in definition["content_layout"]] == [
        (template["id"], "result_table", 0)
    ]
    after = api.experiment("After", "Screening experiment")
    for activity in (before, after):
        made = [v for v in _tables(api, activity) if v["parent_record_view_id"] == template["id"]]
        assert [(v["view_name"], v["is_template"]) for v in made] == [(f"{activity['title']} Results", False)]
        assert _fields(made[0]) == _fields(template)


def test_a_place_is_taken_at_a_position(api: Api) -> None:
    """Those from there on move down; without a position it is the end; beyond it is refused."""
    one, two, three = (_template(api, name) for name in ("One", "Two", "Three"))
    for template, position in ((one, None), (two, 0), (three, 1)):
        _link(api, template, "Screening experiment", position)

    layout = api.definition("Screening experiment")["content_layout"]

    assert [item["record_view_id"] for item in layout] == [two["id"], three["id"], one["id"]]
    assert [item["position_index"] for item in layout] == [0, 1, 2]
    for wrong in ({"position_index": 4}, {"position_index": -1}, {"operation_definition_id": "nope"}):
        body = {"template_view_id": one["id"], "operation_definition_id": api.definition("Screening experiment")["id"]}
        api.post("/record_view_templates/link", body | wrong, 400)


def test_a_milestone_takes_no_table(api: Api) -> None:
    """Only definitions of operations can be linked."""
    body = {"template_view_id": _template(api)["id"], "operation_definition_id": api.definition("Milestone")["id"]}

    api.post("/record_view_templates/link", body, 400)


def test_unlinking_takes_one_place_at_a_time(api: Api) -> None:
    """Tables go with the last place; their records and values stay in the operation."""
    activity, template = api.experiment("Run", "Screening experiment"), _template(api)
    for _ in range(2):
        _link(api, template, "Screening experiment")
    definition = api.definition("Screening experiment")
    places = [item["id"] for item in definition["content_layout"]]
    (table,) = [v["id"] for v in _tables(api, activity) if v["parent_record_view_id"]]
    rows = {"key_field_ids": [api.key("Compound")], "record_view_ids": [table], "operation_id": activity["id"]}
    api.post("/push/imports/by-field-id", rows | {"data": [{api.key("Compound"): "A", api.field("Comment"): "x"}]})
    record = api.record(Compound="A")["id"]
    path, body = f"/record_view_templates/{template['id']}/unlink", {"operation_definition_id": definition["id"]}

    api.post(path, body | {"content_layout_id": places[0]}, 204)
    halfway = [v["id"] for v in _tables(api, activity)]
    api.post(path, body | {"content_layout_id": places[0]}, 400)
    api.post(path, body | {"content_layout_id": places[1]}, 204)

    assert table in halfway
    assert table not in [v["id"] for v in _tables(api, activity)]
    assert api.definition("Screening experiment")["content_layout"] == []
    assert _read(api, template)["operation_definition_ids"] == []
    seen = api.read(f"/activities/{activity['id']}")
    assert (seen["attached_record_ids"], seen["data_table_record_mapping"]) == ([record], {})
    (value,) = api.read(f"/records/{record}/values")
    assert (value["content"], value["operation_id"], value["record_view_id"]) == ("x", activity["id"], None)


def test_bulk_linking_is_all_or_nothing(api: Api) -> None:
    """Each definition gets a place at the bottom; one that cannot be linked stops all."""
    template = _template(api)
    definitions = [api.definition(title)["id"] for title in ("Screening experiment", "Assay results registration")]
    body = {"template_view_id": template["id"], "operation_definition_ids": definitions}

    api.post("/record_view_templates/bulk/link", body | {"operation_definition_ids": [definitions[0], "nope"]}, 400)
    assert _read(api, template)["operation_definition_ids"] == []
    api.post("/record_view_templates/bulk/link", body, 204)

    assert _read(api, template)["operation_definition_ids"] == definitions
    layout = api.definition("Assay results registration")["content_layout"]
    assert [item["position_index"] for item in layout] == [0, 1]
    assert layout[-1]["record_view_id"] == template["id"]
    api.post("/record_view_templates/bulk/unlink", body, 204)
    assert _read(api, template)["operation_definition_ids"] == []
    api.post("/record_view_templates/bulk/unlink", body, 400)


def test_bulk_unlinking_clears_registration_settings(api: Api) -> None:
    """Nothing of the definition points at the template or its places any more; staging tables go too."""
    results = api.definition("Assay results registration")
    batches = api.definition("Batch registration")
    activity = api.experiment("Batches", "Batch registration")
    layout = [item["id"] for item in results["content_layout"]]
    queue = [{"view_id": results["registration_record_view_id"], "content_layout_ids": layout}]
    api.put(f"/activity_definitions/{results['id']}", {"set_queue_content_layout_ids": queue})
    assert activity["registration_staging_record_view_id"]

    for definition, template_id in (
        (results, results["registration_record_view_id"]),
        (batches, batches["registration_staging_template_view_id"]),
    ):
        body = {"template_view_id": template_id, "operation_definition_ids": [definition["id"]]}
        api.post("/record_view_templates/bulk/unlink", body, 204)

    cleared = api.definition("Assay results registration")
    for key in ("registration_record_view_id", "registration_content_layout_id", "registration_result_record_view_id"):
        assert cleared[key] is None
    assert cleared["registration_result_content_layout_id"] is None
    assert (cleared["content_layout"], cleared["queue_content_layout_ids"]) == ([], [])
    assert cleared["view_ids_to_add_to_when_record_attached"] == []
    assert cleared["registration_property_field_id"] == results["registration_property_field_id"]
    assert api.definition("Batch registration")["registration_staging_template_view_id"] is None
    assert api.read(f"/activities/{activity['id']}")["registration_staging_record_view_id"] is None
    assert activity["registration_staging_record_view_id"] not in [v["id"] for v in api.read("/record_views")]


def test_deleting_takes_links_and_tables_along(api: Api) -> None:
    """The template, its places, what points at it and the tables made from it are gone."""
    definition = api.definition("Assay results registration")
    template_id = definition["registration_record_view_id"]
    activity = api.experiment("Run", "Assay results registration")
    assert [v["parent_record_view_id"] for v in _tables(api, activity)] == [template_id]

    assert api.call("DELETE", f"/record_view_templates/{template_id}", {}).status == 204

    assert api.get(f"/record_view_templates/{template_id}").status == 404
    assert template_id not in [v["id"] for v in api.read("/record_views")]
    assert _tables(api, activity) == []
    after = api.definition("Assay results registration")
    assert (after["registration_record_view_id"], after["content_layout"]) == (None, [])
    assert api.call("DELETE", f"/record_view_templates/{template_id}", {}).status == 404


def test_promotion_replaces_a_table_by_a_template(api: Api) -> None:
    """The operation keeps its records and values in a table made from the new template; the old table is gone."""
    activity = api.experiment("Run", "Screening experiment")
    (old,) = _tables(api, activity)
    key, comment = api.key("Compound"), api.field("Comment")
    rows = {"key_field_ids": [key], "record_view_ids": [old["id"]], "operation_id": activity["id"]}
    api.post("/push/imports/by-field-id", rows | {"data": [{key: "A", comment: "x"}]})
    record = api.record(Compound="A")["id"]
    other = api.experiment("Other", "Screening experiment")
    body = {
        "source_view_id": old["id"],
        "operation_definition_id": api.definition("Screening experiment")["id"],
        "view_name": "Promoted",
    }

    template = api.post("/record_view_templates/promote", body)

    definition = api.definition("Screening experiment")
    assert (template["is_template"], template["view_name"]) == (True, "Promoted")
    assert template["operation_definition_ids"] == [definition["id"]]
    assert [item["record_view_id"] for item in definition["content_layout"]] == [template["id"]]
    assert _fields(template) == [comment]
    (new,) = _tables(api, activity)
    assert new["parent_record_view_id"] == template["id"]
    assert api.read(f"/activities/{activity['id']}")["data_table_record_mapping"] == {new["id"]: [record]}
    assert [v["record_view_id"] for v in api.read(f"/records/{record}/values")] == [new["id"]]
    assert template["id"] in [v["parent_record_view_id"] for v in _tables(api, other)]
    api.post("/record_view_templates/promote", body, 400)


def test_promotion_is_atomic(api: Api) -> None:
    """A view of another definition is refused, and so is a position that is not there; nothing changes."""
    (view,) = _tables(api, api.experiment("Run", "Screening experiment"))
    before = api.read("/record_views")
    body = {"source_view_id": view["id"], "view_name": "P"}
    for title, more in (("Assay results registration", {}), ("Screening experiment", {"position_index": 7})):
        api.post(
            "/record_view_templates/promote",
            body | {"operation_definition_id": api.definition(title)["id"]} | more,
            400,
        )

    assert api.read("/record_views") == before


def test_deleting_a_staging_template_leaves_the_drafts(api: Api) -> None:
    """Staging tables go; the drafts are listed until they are cleared."""
    definition = api.definition("Batch registration")
    activity = api.experiment("Run", "Batch registration")
    staged = {"attrs": {}, "operation_id": activity["id"], "is_draft": True, "source_type": "http-post"}
    import_id = api.post("/imports", staged | {"data_json": [{"Compound": "A"}]})["id"]
    config = {"key_field_configurations": [{"name": "Compound"}], "data_field_configurations": []}
    view = {"record_view_id": activity["registration_staging_record_view_id"]}
    api.post(f"/imports/{import_id}/run", config | view, 204)

    template = definition["registration_staging_template_view_id"]
    assert api.call("DELETE", f"/record_view_templates/{template}", {}).status == 204

    after = api.read(f"/activities/{activity['id']}")
    assert after["registration_staging_record_view_id"] is None
    assert len(after["data_table_draft_record_ids"]) == 1
    api.post(f"/operations/{activity['id']}/validate_drafts", {}, 400)
    cleared = {"record_ids": after["data_table_draft_record_ids"]}
    api.post(f"/operations/{activity['id']}/clear_draft_records", cleared, 204)
    assert api.read(f"/activities/{activity['id']}")["data_table_draft_record_ids"] == []


def test_promotion_takes_the_position_it_is_given(api: Api) -> None:
    """The new template is placed between those that are there."""
    one, two = _template(api, "One"), _template(api, "Two")
    activity = api.experiment("Run", "Screening experiment")
    (table,) = _tables(api, activity)
    for template in (one, two):
        _link(api, template, "Screening experiment")
    body = {"source_view_id": table["id"], "operation_definition_id": api.definition("Screening experiment")["id"]}

    promoted = api.post("/record_view_templates/promote", body | {"view_name": "Mid", "position_index": 1})

    layout = api.definition("Screening experiment")["content_layout"]
    assert [item["record_view_id"] for item in layout] == [one["id"], promoted["id"], two["id"]]
    assert [item["position_index"] for item in layout] == [0, 1, 2]


def test_promotion_stays_where_the_table_was(api: Api) -> None:
    """The place of the template that the table was made from; settings that named the table name the new template."""
    one, two = _template(api, "One"), _template(api, "Two")
    for template in (one, two):
        _link(api, template, "Screening experiment")
    activity = api.experiment("Run", "Screening experiment")
    table = next(v for v in _tables(api, activity) if v["parent_record_view_id"] == one["id"])
    definition = api.definition("Screening experiment")
    api.put(f"/activity_definitions/{definition['id']}", {"registration_record_view_id": table["id"]})
    body = {"source_view_id": table["id"], "operation_definition_id": definition["id"], "view_name": "Better"}

    promoted = api.post("/record_view_templates/promote", body)

    after = api.definition("Screening experiment")
    assert [i["record_view_id"] for i in after["content_layout"]] == [promoted["id"], one["id"], two["id"]]
    assert after["registration_record_view_id"] == promoted["id"]
