from __future__ import annotations

from tests.sandbox.wire import Api


def test_names_are_unique_per_kind(bare: Api) -> None:
    """Creating a field that exists gives it back; a key and a data field may share a name; case matters."""
    assert bare.field("Mass", "number") == bare.field("Mass", "number")
    assert bare.key("Mass") != bare.field("Mass", "number")
    assert bare.field("mass", "number") != bare.field("Mass", "number")


def test_a_name_with_another_type_is_refused(bare: Api) -> None:
    """The type of a field never changes silently, and types are those of the platform."""
    bare.field("Mass", "number")

    bare.post("/data_fields/", {"field_name": "Mass", "field_type": "text"}, 400)
    bare.post("/data_fields/", {"field_name": "New", "field_type": "colour"}, 400)


def test_fields_look_as_on_the_wire(bare: Api) -> None:
    """attrs of a key field is null, serial keys are growing digits, numeric keys are noticed."""
    bare.record(Lot="12")
    bare.field("Mass", "number")

    key, data = bare.read("/key_fields")[0], bare.read("/data_fields")[0]

    assert (key["attrs"], key["identifier_type"], key["is_key"], key["predicted_to_be_numeric"]) == (
        None,
        "custom",
        True,
        True,
    )
    assert (data["attrs"], data["identifier_type"], data["is_key"]) == ({}, None, False)
    assert int(key["serial_key"]) < int(data["serial_key"])


def test_updates_are_wrapped(bare: Api) -> None:
    """A key field comes in `resource`, a data field in `resource.field`; a taken name is refused."""
    key, data = bare.key("Lot"), bare.field("Mass", "number")
    bare.field("Height", "number")

    assert bare.put(f"/key_fields/{key}", {"field_description": "batch"})["resource"]["field_description"] == "batch"
    changed = bare.put(f"/data_fields/{data}", {"field_name": "Weight"})["resource"]["field"]

    assert (changed["id"], changed["field_name"]) == (data, "Weight")
    bare.put(f"/data_fields/{data}", {"field_name": "Height"}, 400)
    bare.put(f"/data_fields/{data}", {"field_description": "x" * 501}, 400)
    bare.put(f"/key_fields/{key}", {"regex_format": "("}, 400)
    bare.put("/key_fields/nope", {"field_name": "x"}, 404)


def test_programs_can_be_made_and_renamed(bare: Api) -> None:
    """Programs are listed in order of creation and have no updated_at."""
    first, second = (bare.post("/programs", {"title": title}) for title in ("B", "A"))
    bare.put(f"/programs/{first['id']}", {"title": "C"})

    assert [program["title"] for program in bare.read("/programs")] == ["C", "A"]
    assert set(second) == {"id", "title", "created_at", "created_by", "workspace_id"}
    bare.put("/programs/nope", {"title": "C"}, 404)


def _enforced(api: Api, name: str, pattern: str) -> str:
    key = api.key(name)
    api.put(f"/key_fields/{key}", {"regex_format": pattern, "format_enforcement": "enforce_only"})
    return key


def test_an_enforced_format_holds_for_new_records(bare: Api) -> None:
    """The format covers the whole value; records that were there before are still found."""
    old = bare.record(Drug="old")["id"]
    key = _enforced(bare, "Drug", r"CPD-\d+")

    for wrong in ("cpd-1", "CPD-1x", "xCPD-1"):
        answer = bare.call("POST", "/records", {"key_field_to_value": {key: wrong}})
        assert (answer.status, "'Drug'" in answer.json()["message"]) == (400, True)
    assert bare.record(Drug="CPD-12")["record_identifier"] == "CPD-12"
    assert bare.record(Drug="old")["id"] == old
    assert len(bare.read("/records/search")) == 2


def test_an_import_leaves_out_what_breaks_a_format(bare: Api) -> None:
    """The row is explained with its field and value; known records may be updated whatever they are called."""
    bare.record(Drug="old")
    key = _enforced(bare, "Drug", r"CPD-\d+")
    rows = [{"Drug": name, "Mass": 1} for name in ("CPD-1", "wrong", "old")]

    import_id = bare.post("/push/imports", {"key_field_names": ["Drug"], "data": rows})["import_id"]

    result = bare.read(f"/imports/{import_id}")["import_result"]
    counts = [result[f"records_{what}"] for what in ("created", "updated", "skipped")]
    (error,) = result["validation_result"]["errors"]
    assert counts == [1, 1, 1]
    assert (error["field_id"], error["value"], error["conflict_type"]) == (key, "wrong", "invalid_format")


def test_a_format_that_is_not_enforced_is_a_hint(bare: Api) -> None:
    """`suggest`, and a format without enforcement, refuse nothing."""
    key = bare.key("Drug")
    bare.put(f"/key_fields/{key}", {"regex_format": r"\d+"})
    assert bare.record(Drug="x")["record_identifier"] == "x"
    bare.put(f"/key_fields/{key}", {"format_enforcement": "suggest"})
    assert bare.record(Drug="y")["record_identifier"] == "y"


def test_what_key_fields_cannot_do_here_is_refused(bare: Api) -> None:
    """The serial generator by name, and unknown rules and roles; null clears."""
    path = f"/key_fields/{bare.key('Drug')}"

    for body, word in (
        ({"format_enforcement": "generate"}, "generator"),
        ({"format_enforcement": "pray"}, "pray"),
        ({"role": "king"}, "king"),
    ):
        answer = bare.call("PUT", path, body)
        assert (answer.status, word in answer.json()["message"]) == (400, True)
    cleared = bare.put(path, {"format_enforcement": None, "role": None, "regex_format": None})["resource"]
    assert (cleared["format_enforcement"], cleared["role"]) == (None, None)


def test_settings_of_data_fields_take_known_values(bare: Api) -> None:
    """What the description does not list is refused; null clears."""
    path = f"/data_fields/{bare.field('Mass', 'number')}"

    changed = bare.put(path, {"display_aggregation_type": "mean", "lookup_display_operation_scope": "child"})

    assert changed["resource"]["field"]["display_aggregation_type"] == "mean"
    bare.put(path, {"display_aggregation_type": None})
    bare.put(path, {"display_aggregation_type": "guess"}, 400)
    bare.put(path, {"lookup_display_operation_scope": "guess"}, 400)
