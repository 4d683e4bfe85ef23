"""Programs: listed, created, renamed."""

from __future__ import annotations

from typing import Any

import pytest

from kalbio import KalbioAPIError, KalbioResponseError
from kalbio.entity_fields import KeyField
from tests.altered import body_of, replace
from tests.conftest import Lab, World
from tests.demo import NOWHERE


def test_programs_are_created_and_renamed(lab: Lab, world: World) -> None:
    """What is written is stored, and the next listing shows it; a program can be named by its title."""
    world(lab.api.programs.get_programs())
    made = world(lab.api.programs.create_program("New"))
    assert body_of(lab, "createProgram") == {"title": "New"}
    assert made in world(lab.api.programs.get_programs())
    renamed = world(lab.api.programs.update_program("New", "Newer"))
    assert (renamed, renamed.title, body_of(lab, "updateProgram")) == (made, "Newer", {"title": "Newer"})
    assert str(renamed) == "Newer"
    assert "Newer" in [program.title for program in lab.client.programs.get_programs()]
    world(lab.api.programs.update_program(made, "Newest"))
    assert [program.title for program in world(lab.api.programs.get_programs_by_ids([made.id]))] == ["Newest"]


def test_programs_by_ids_keep_the_order_of_the_listing(lab: Lab, world: World) -> None:
    """Ids in any order give the listing's order; unknown ones are left out."""
    listed = world(lab.api.programs.get_programs())
    wanted = [NOWHERE, *[program.id for program in reversed(listed)]]
    assert world(lab.api.programs.get_programs_by_ids(wanted)) == listed
    assert world(lab.api.programs.get_programs_by_ids([])) == []


@pytest.mark.parametrize(
    "call",
    [
        lambda api: api.create_program(""),
        lambda api: api.create_program(None),
        lambda api: api.update_program(NOWHERE, " "),
        lambda api: api.update_program("no such program", "x"),
        lambda api: api.get_programs_by_ids("Kinase inhibitors"),
        lambda api: api.get_programs_by_ids([None]),
    ],
)
def test_bad_input_is_refused_before_anything_is_sent(lab: Lab, world: World, call: Any) -> None:
    """Empty titles and names in place of ids raise; at most the listing was read."""
    with pytest.raises(ValueError, match=r".+"):
        world(call(lab.api.programs))
    assert set(lab.operations()) <= {"listPrograms"}


def test_failures_of_the_server_raise(lab: Lab, world: World) -> None:
    """An unknown id and a listing that is not there raise API errors; an answer without a program a response error."""
    with pytest.raises(KalbioAPIError) as caught:
        world(lab.api.programs.update_program(NOWHERE, "x"))
    assert caught.value.status_code == 404
    answers: list[Any] = [[], {"title": "x"}, b""]
    for answer in answers:
        lab.transport.__dict__.pop("_answer", None)
        replace(lab, "createProgram", answer)
        with pytest.raises(KalbioResponseError, match="POST /programs"):
            world(lab.api.programs.create_program("x"))
    replace(lab, "listPrograms", {"message": "gone"}, status=404)
    with pytest.raises(KalbioAPIError) as caught:
        world(lab.api.programs.get_programs(use_cache=False))
    assert caught.value.status_code == 404


@pytest.mark.parametrize(
    ("service", "everything", "chosen", "name"),
    [
        ("programs", "get_programs", "get_programs_by_ids", "title"),
        ("labels", "get_labels", "get_labels_by_ids", "label_name"),
        ("workspace", "get_members", "get_members_by_ids", "email"),
        ("workspace", "get_groups", "get_groups_by_ids", "group_name"),
    ],
)
def test_things_are_chosen_by_id_name_or_object(
    lab: Lab, world: World, service: str, everything: str, chosen: str, name: str
) -> None:
    """Ids, names and objects in any mixture give the order of the listing; unknown ones are left out."""
    api = getattr(lab.api, service)
    listed = world(getattr(api, everything)())
    choose = getattr(api, chosen)
    given = [listed[-1], getattr(listed[0], name), listed[0].id, "no such thing", NOWHERE]
    assert world(choose(given)) == list(dict.fromkeys([listed[0], listed[-1]]))
    with pytest.raises(ValueError, match="not KeyField"):
        world(choose([KeyField({"id": NOWHERE})]))
