"""The registry service: one class for all subtypes, exact lists, names in place of ids."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from kalbio._core.errors import AmbiguousIdentifierError, IdentifierError, IdentifierNotFoundError, ValidationError
from kalbio.provena import ClientCredentialsFlow, Subtype, UnsupportedActionError
from kalbio.provena._model.items import Item
from kalbio.provena._model.subtypes import ACTIONS
from kalbio.provena.sandbox.contract import load_contract
from tests.provena.conftest import Lab


def stored(id: str, **members: Any) -> dict[str, Any]:
    """An organisation as the registry may have it."""
    data = {"display_name": f"Organisation {id}", "name": "x", "ror": None, "user_metadata": None}
    entry = {"id": 0, "timestamp": 1, "reason": "Initial record creation", "username": "alice", "item": data}
    record = {"owner_username": "alice", "created_timestamp": 1, "updated_timestamp": 1, "item_category": "AGENT"}
    kind = {"item_subtype": "ORGANISATION", "record_type": "COMPLETE_ITEM"}
    return {**data, "history": [entry], "id": id, **record, **kind, **members}


def test_the_tables_of_the_code_are_those_of_the_description() -> None:
    """Subtypes, their spelling, and which of them has which action."""
    spec = load_contract().spec
    told = {one.value: {"category": one.category, "segment": one.segment, "stem": one.stem} for one in Subtype}
    assert told == spec["x-registry-subtypes"]
    described = {
        name: frozenset(Subtype) if action["subtypes"] == "all" else frozenset(map(Subtype, action["subtypes"]))
        for name, action in spec["x-registry-actions"].items()
        if not name.startswith("proxy")
    }
    assert described == ACTIONS


def test_an_item_is_got_by_handle_object_and_name(lab: Lab) -> None:
    """All three give the same; what the caller may do with it, and whether it is locked, comes along."""
    made = lab.organisation("Reef group")
    hit = lab(lab.api.search.find("reef", subtype="ORGANISATION"))[0]
    for identifier in (made.id, made, hit, "Reef group"):
        found = lab(lab.api.organisations.get(identifier))
        assert (found.id, found.name, found.item_subtype) == (made.id, "Reef group", "ORGANISATION")
        assert found.to_dict() == made.to_dict()
        assert "admin" in found.roles
        assert found.locked is False
    assert repr(found) == f"<ORGANISATION 'Reef group' {made.id}>"
    assert found.created_at.year > 2000


def test_what_is_not_there_is_none(lab: Lab) -> None:
    """An unknown handle, which the server tells in a 200, and an unknown name."""
    lab.organisation("Reef group")
    assert lab(lab.api.organisations.get("10378.1/0")) is None
    assert lab(lab.api.organisations.get("Coral group")) is None
    with pytest.raises(IdentifierNotFoundError, match="Did you mean 'Reef group'"):
        lab(lab.api.organisations.resolve("Reef grup"))


def test_a_name_that_several_have_is_refused(lab: Lab) -> None:
    """The error has their ids."""
    ids = {lab.organisation("Twin").id for _ in range(2)}
    with pytest.raises(AmbiguousIdentifierError) as caught:
        lab(lab.api.organisations.get("Twin"))
    assert set(caught.value.candidates) == ids


def test_names_are_listed_once_and_again_after_a_write(lab: Lab) -> None:
    """The second name costs no list; one that was made meanwhile is found."""
    lab.organisation("One")
    for _ in range(2):
        assert lab(lab.api.organisations.resolve("One"))
    assert lab.asked.count("registryItemList") == 1
    lab.organisation("Two")
    assert lab(lab.api.organisations.resolve("Two"))
    assert lab.asked.count("registryItemList") == 2


def test_an_item_of_another_subtype_is_refused_by_name(lab: Lab) -> None:
    """By its handle, as the server does not do it in so many words, and as an object, before anything is sent."""
    made = lab.organisation("Reef group")
    with pytest.raises(IdentifierError, match="names no person: it is an ORGANISATION item"):
        lab(lab.api.persons.get(made.id))
    before = len(lab.asked)
    with pytest.raises(IdentifierError, match="names no model"):
        lab(lab.api.models.get(made))
    assert len(lab.asked) == before


@pytest.mark.parametrize("identifier", ["", "  ", None, 7, []])
def test_what_can_be_no_identifier_is_not_sent(lab: Lab, identifier: Any) -> None:
    """Nothing is asked for it."""
    with pytest.raises(IdentifierError, match="give its handle, its name or an object"):
        lab(lab.api.persons.get(identifier))
    assert lab.asked == []


@pytest.mark.parametrize(
    ("subtype", "why"), [("DATASET", "data store"), ("CREATE", "server writes"), ("MODEL_RUN", "provenance")]
)
def test_an_action_that_a_subtype_lacks_is_refused_before_anything_is_sent(lab: Lab, subtype: str, why: str) -> None:
    """The error says where such items come from."""
    with pytest.raises(UnsupportedActionError, match=why):
        lab(lab.api.registry(subtype).create(display_name="x"))
    assert lab.transport.exchanges == []


def test_members_that_the_server_would_ignore_are_refused(lab: Lab) -> None:
    """An unknown member and a missing one are errors, with the name that comes close."""
    with pytest.raises(TypeError, match=r"no member 'nam'\. Did you mean 'name'"):
        lab(lab.api.organisations.create(display_name="x", nam="x"))
    with pytest.raises(TypeError, match="a person needs email, first_name, last_name"):
        lab(lab.api.persons.create(display_name="x"))
    assert lab.transport.exchanges == []


def test_a_failure_in_a_200_is_an_error_with_its_text(lab: Lab) -> None:
    """The status of the answer decides, not that of HTTP."""
    person = {"display_name": "A", "first_name": "A", "last_name": "A", "email": "a@example.org"}
    with pytest.raises(ValidationError, match="ethics") as caught:
        lab(lab.api.persons.create(**person, ethics_approved=False))
    assert "Validation Error" in str(caught.value.message)
    assert lab(lab.api.persons.create(**person, ethics_approved=True)).ethics_approved is True


@pytest.mark.parametrize("limit", [0, 1, 2, 3, 5, 7, None])
@pytest.mark.parametrize("page_size", [1, 2, 3, 100])
def test_a_list_has_exactly_what_was_asked_for(lab: Lab, limit: int | None, page_size: int) -> None:
    """Any limit with any size of pages, also where seeds are taken out of them and leave them short or empty."""
    for number in range(10):
        kind = "SEED_ITEM" if number in (1, 2, 3, 8) else "COMPLETE_ITEM"
        lab.sandbox.put(stored(f"10378.1/{number}", updated_timestamp=number, record_type=kind))
    found = lab.items(lab.api.organisations.list(limit=limit, page_size=page_size))
    complete = [f"10378.1/{number}" for number in (9, 7, 6, 5, 4, 0)]
    assert [item.id for item in found] == complete[:limit]


def test_seeds_are_listed_and_got(lab: Lab) -> None:
    """Among the others or alone, and by their handle."""
    lab.sandbox.put(stored("10378.1/1"))
    seed = {name: value for name, value in stored("10378.1/2", record_type="SEED_ITEM").items() if name != "name"}
    lab.sandbox.put(seed)
    assert [one.id for one in lab.items(lab.api.organisations.list(record_type="SEED_ONLY"))] == ["10378.1/2"]
    assert len(lab.items(lab.api.organisations.list(record_type="ALL"))) == 2
    assert lab(lab.api.organisations.get("10378.1/2")).is_seed


def test_the_requests_of_a_list_differ_in_their_place_alone(lab: Lab) -> None:
    """The key of the server is sent back as it came, and going through a list again begins anew."""
    for number in range(3):
        lab.sandbox.put(stored(f"10378.1/{number}", updated_timestamp=number))
    pages = lab.api.organisations.list(page_size=2)
    for _ in range(2):
        assert len(lab.items(pages)) == 3
    bodies = [json.loads(one.body) for one in lab.transport.exchanges if one.operation == "registryItemList"]
    first = {"page_size": 2, "filter_by": {"record_type": "COMPLETE_ONLY"}}
    key = {"id": "10378.1/1", "item_subtype": "ORGANISATION", "updated_timestamp": 1}
    assert bodies == [first, {**first, "pagination_key": key}] * 2


def test_a_damaged_item_costs_neither_the_list_nor_itself(lab: Lab) -> None:
    """It is given as it is stored, with a warning; what the caller may not see is counted."""
    lab.sandbox.put(stored("10378.1/1"))
    lab.sandbox.put({**stored("10378.1/2"), "name": None, "strange": [1]})
    lab.sandbox.put(stored("10378.1/3"), private=True)
    pages = lab.login("carol").organisations.list()
    with pytest.warns(UserWarning, match=r"do not have the form of their subtype: 10378\.1/2"):
        found = {item.id: item for item in lab.items(pages)}
    assert found.keys() == {"10378.1/1", "10378.1/2"}
    assert found["10378.1/2"].to_dict()["strange"] == [1]
    assert (pages.not_authorised_count, pages.unparsable) == (1, ["10378.1/2"])


@pytest.mark.parametrize(
    "wrong",
    [{"limit": -1}, {"limit": True}, {"page_size": 0}, {"page_size": 1001}, {"record_type": "SEEDS"}, {"sort": "NAME"}],
)
def test_a_list_that_cannot_be_is_not_asked_for(lab: Lab, wrong: dict[str, Any]) -> None:
    """The error names the argument."""
    with pytest.raises(ValueError, match=next(iter(wrong))):
        lab.api.organisations.list(**copy.deepcopy(wrong))
    assert lab.transport.exchanges == []


def test_lists_are_sorted_as_asked(lab: Lab) -> None:
    """By name, ascending."""
    for name in ("b", "c", "a"):
        lab.organisation(name)
    found = lab(lab.api.organisations.list(sort="DISPLAY_NAME", ascending=True).all())
    assert [item.display_name for item in found] == ["a", "b", "c"]


def test_a_name_that_another_program_has_made_is_found(lab: Lab) -> None:
    """A name that is not known is looked for in a fresh list, by `get` and in writes; once each, and not when known."""
    lab.organisation("Reef")
    assert lab(lab.api.organisations.get("Reef"))
    other = lab.connect(ClientCredentialsFlow(lab.config, "admin", lab.sandbox.client_secret))
    lab(other.organisations.create(display_name="Shore", name="Shore"))
    assert lab(lab.api.organisations.get("Shore")).name == "Shore"
    lab(other.organisations.create(display_name="Delta", name="Delta"))
    assert lab(lab.api.organisations.resolve("Delta"))
    listed = lab.asked.count("registryItemList")
    assert lab(lab.api.organisations.get("Delta")).name == "Delta"
    assert lab.asked.count("registryItemList") == listed
    assert lab(lab.api.organisations.get("Nowhere")) is None
    assert lab.asked.count("registryItemList") == listed + 1


def test_a_name_that_means_another_item_now_is_noticed(lab: Lab) -> None:
    """Where another program has renamed an item, its old name finds what has it now, and is not changed or deleted."""
    old = lab.organisation("Reef")
    assert lab(lab.api.organisations.get("Reef")).id == old.id
    other = lab.connect(ClientCredentialsFlow(lab.config, "admin", lab.sandbox.client_secret))
    lab(other.organisations.update(old.id, reason="renamed", display_name="Shore"))
    with pytest.raises(IdentifierNotFoundError):
        lab(lab.api.organisations.delete("Reef"))
    lab(lab.api.organisations.get("Shore"))
    lab(other.organisations.update(old.id, reason="renamed", display_name="Coast"))
    assert lab(lab.api.organisations.get("Shore")) is None
    lab(lab.api.organisations.get("Coast"))
    lab(other.organisations.delete(old.id))
    new = lab(other.organisations.create(display_name="Coast", name="Coast"))
    assert lab(lab.api.organisations.get("Coast")).id == new.id


def test_notebooks_show_what_items_are_about(lab: Lab) -> None:
    """The title is subtype and name, times are times, datasets and runs tell what they are about, lists are tables."""
    made = lab.organisation("Reef <b>")
    page = made._repr_html_()
    assert "ORGANISATION Reef &lt;b&gt;" in page
    assert "RegistryItem" not in page
    assert f"{made.created_at:%Y-%m-%d %H:%M} UTC" in page
    assert str(made.created_timestamp) not in page
    lab.organisation("Other")
    table = lab(lab.api.organisations.list().all())._repr_html_()
    assert "2 items" in table
    assert made.id in table
    info = {"name": "Temperatures", "description": "Of the reef", "license": "https://a.example.org"}
    dataset = Item({"id": "1/2", "item_subtype": "DATASET", "collection_format": {"dataset_info": info}})._repr_html_()
    assert all(f"<td>{text}</td>" in dataset for text in info.values())
    assert "collection_format" not in dataset
    record = {
        "description": "day",
        "inputs": [{"dataset_id": "1/2"}],
        "outputs": [{"dataset_id": "1/3"}],
        "start_time": 0,
    }
    run = Item({"id": "1/4", "item_subtype": "MODEL_RUN", "record": record})._repr_html_()
    assert all(f"<td>{text}</td>" in run for text in ("day", "1/2", "1/3", "1970-01-01 00:00 UTC"))
    for odd in ({"record": {"inputs": 1, "start_time": 10**30}}, {"collection_format": 1, "created_timestamp": "x"}):
        assert "<table>" in Item({"id": "1/5", **odd})._repr_html_()


def test_a_subtype_that_there_is_not_is_said_in_plain_words(lab: Lab) -> None:
    """The subtypes that come close stand there as they are written."""
    with pytest.raises(
        ValueError, match=r"'MODELS' is no subtype of registry items\. Did you mean 'MODEL' or 'MODEL_RUN'\?"
    ):
        lab(lab.api.search.find("reef", subtype="MODELS"))
