"""Items have the members that the description has, at run time and for type checkers."""

from __future__ import annotations

import typing

import attrs
import provena_api.models
import pytest

from kalbio._core.objects.resource import Field
from kalbio.provena import Subtype
from kalbio.provena._model import item_parts
from kalbio.provena._model.items import Item
from kalbio.provena.aio.items import KINDS as ASYNC_KINDS
from kalbio.provena.items import KINDS
from tests.provena.conftest import Lab
from tests.provena.scene import Scene


@pytest.mark.parametrize("subtype", Subtype)
def test_items_have_the_members_of_their_schema(subtype: Subtype) -> None:
    """Those of the data, and those that all items have; no other, in both worlds."""
    schema = getattr(provena_api.models, f"Item{subtype.stem}")
    described = {one.name for one in attrs.fields(schema) if one.init} - {"id"}
    for kind in (KINDS[subtype], ASYNC_KINDS[subtype]):
        own = {name for part in kind.__mro__ for name, value in vars(part).items() if isinstance(value, Field)}
        assert own == described


def test_parts_have_the_members_of_their_schemas() -> None:
    """Each dict that type checkers know has the members of the schema of its name."""
    parts = {name: kind for name, kind in vars(item_parts).items() if typing.is_typeddict(kind)}
    assert len(parts) >= 20
    for name, kind in parts.items():
        described = {one.name.rstrip("_") for one in attrs.fields(getattr(provena_api.models, name)) if one.init}
        assert kind.__annotations__.keys() == described, name


def test_every_way_to_an_item_gives_it_in_its_class(lab: Lab) -> None:
    """Got, listed, created, in the list of everything; what a seed has not yet is None."""
    scene = Scene(lab.sandbox)
    lab.sandbox.link("admin", scene.person)
    kinds = KINDS if lab.world.kind == "sync" else ASYNC_KINDS
    seen = {type(one) for one in lab.items(lab.api.registry.list())}
    assert seen <= set(kinds.values())
    assert len(seen) >= 6
    model = kinds[Subtype.MODEL]
    got = lab(lab.api.models.get("Coral model"))
    for one in (got, lab(lab.api.registry.get(got.id)), lab.model("Other"), lab.items(lab.api.models.list())[0]):
        assert type(one) is model
    seed = lab(lab.api.models.seed())
    assert (type(seed), seed.source_url, seed.display_name) == (model, None, None)
    assert type(lab(got.version("next"))) is model
    with pytest.raises(AttributeError, match="Did you mean 'source_url'"):
        _ = got.source_ur
    assert type(Item(got.to_dict())) is Item
