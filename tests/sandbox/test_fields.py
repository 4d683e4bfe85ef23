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
