"""Names, objects and handles: each is taken where a handle belongs, and means one item before anything is sent."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from typing import Any

import attrs
import provena_api.models
import pytest

from kalbio._core.errors import AmbiguousIdentifierError, IdentifierError, IdentifierNotFoundError
from kalbio.provena import Subtype
from kalbio.provena._model.references import OF_MEMBERS
from tests.provena.conftest import Lab
from tests.provena.datasets import metadata
from tests.provena.scene import Scene
from tests.rows import row

NAMES = {
    Subtype.MODEL: "Coral model",
    Subtype.DATASET_TEMPLATE: "Input template",
    Subtype.ORGANISATION: "Reef group",
    Subtype.PERSON: "Ada Lovelace",
    Subtype.STUDY: "Reef study",
    Subtype.DATASET: "Forcing",
    Subtype.MODEL_RUN_WORKFLOW_TEMPLATE: "Coral workflow",
}
PLACES = [(subtype, path, kind) for subtype, paths in OF_MEMBERS.items() for path, kind in paths.items()]


@pytest.fixture
def scene(lab: Lab) -> Scene:
    """What a model run needs."""
    made = Scene(lab.sandbox)
    lab.sandbox.link("admin", made.person)
    return made


def replaced(data: Any, path: str, value: Any) -> Any:
    """Data with another value at a path; in lists, in the first item."""
    made = copy.deepcopy(data)
    *way, last = re.findall(r"\w+|\[\]", path)
    here = made
    for step in way:
        here = here[0] if step == "[]" else here[step]
    here[last] = value
    return made


def write(lab: Lab, scene: Scene, subtype: Subtype, path: str, value: Any) -> tuple[str, Any]:
    """Write data of a subtype with this value at a path; give the operation that writes it, and the data."""
    if subtype is Subtype.DATASET:
        data = metadata(lab)
        data["associations"]["data_custodian_id"] = scene.person
        data = replaced({"collection_format": data}, path, value)["collection_format"]
        lab(lab.api.datasets.mint(data))
        return "datastoreRegisterMintDataset", data
    if subtype is Subtype.MODEL_RUN:
        data = replaced({"record": scene.record()}, path, value)["record"]
        lab(lab.api.model_runs.register(data))
        return "provModelRunRegister", data
    template = {"template_id": scene.input_template, "optional": False}
    data = {
        "display_name": "W",
        "software_id": scene.model,
        "input_templates": [template],
        "output_templates": [dict(template)],
    }
    data = replaced(data, path, value)
    lab(lab.api.registry(subtype).create(**data))
    return "registryItemCreate", data


WRITES = ("datastoreRegisterMintDataset", "provModelRunRegister", "registryItemCreate")


@pytest.mark.parametrize(("subtype", "path", "kind"), PLACES, ids=lambda one: str(one))
def test_what_names_an_item_may_stand_for_its_handle(
    lab: Lab, scene: Scene, subtype: Subtype, path: str, kind: Subtype
) -> None:
    """Its name and the object are sent as the handle; an item of another subtype, and a name of none, are refused."""
    output = path.startswith("record.outputs[]")
    name = {Subtype.DATASET_TEMPLATE: "Output template", Subtype.DATASET: "Results"}.get(kind) if output else None
    item = lab(lab.api.registry(kind).get(name or NAMES[kind]))
    shown = path.partition(".")[2] if subtype in (Subtype.DATASET, Subtype.MODEL_RUN) else path
    for given in (item.display_name, item):
        operation, data = write(lab, scene, subtype, path, given)
        assert lab.sent(operation)[-1] == replaced(data, shown, item.id)
    other = scene.person if kind is not Subtype.PERSON else scene.model
    place = re.escape(shown.replace("[]", "[0]"))
    before = [one for one in lab.asked if one in WRITES]
    for wrong, text in (
        (other, "it is an? (PERSON|MODEL) item"),
        (f"{item.display_name}s", f"Did you mean '{item.display_name}'"),
        ("10378.1/0", "There is no"),
        (5, "5 names no"),
    ):
        with pytest.raises(IdentifierError, match=f"^{place}: .*{text}"):
            write(lab, scene, subtype, path, wrong)
    assert [one for one in lab.asked if one in WRITES] == before


def test_every_member_that_has_a_handle_is_known() -> None:
    """Every member of data that ends with `_id` names an item that is looked up."""
    known = {path.rpartition(".")[2] for paths in OF_MEMBERS.values() for path in paths}
    pattern = "CollectionFormat|Templat|ModelRunRecord|AssociationInfo"
    named = (getattr(provena_api.models, name) for name in dir(provena_api.models) if re.match(pattern, name))
    schemas = [kind for kind in named if attrs.has(kind)]
    schemas += [getattr(provena_api.models, f"{subtype.stem}DomainInfo") for subtype in Subtype]
    found = {one.name for kind in schemas for one in attrs.fields(kind) if one.name.endswith("_id") and one.init}
    written_by_the_server = {"created_item_id", "from_item_id", "to_item_id", "study_alternative_id"}
    assert found - written_by_the_server - {"id"} == known


def test_names_are_those_of_now(lab: Lab, scene: Scene) -> None:
    """A name that was remembered and means another item by now is looked up again before it is written anywhere."""
    assert lab(lab.api.models.resolve("Coral model")) == scene.model
    other = lab.login("admin")
    lab(other.models.update(scene.model, reason="x", display_name="Old coral model"))
    data = {"name": "x", "description": "x", "documentation_url": "https://e.org", "source_url": "https://e.org"}
    new = lab(other.models.create(display_name="Coral model", **data))
    lab(lab.api.workflow_templates.create(display_name="W", software_id="Coral model"))
    assert lab.sent("registryItemCreate")[-1]["software_id"] == new.id


def test_a_name_that_several_have_by_now_is_not_written(lab: Lab, scene: Scene) -> None:
    """Where another program has made a second item of a name that was remembered: nothing is sent for either."""
    models = lab.api.models
    other = lab.login("admin")
    data = {"name": "x", "description": "x", "documentation_url": "https://e.org", "source_url": "https://e.org"}
    lab(models.resolve("Coral model"))
    second = lab(other.models.create(display_name="Coral model", **data))
    writes: dict[str, Callable[[], Any]] = {
        "delete": lambda: models.delete("Coral model"),
        "update": lambda: models.update("Coral model", reason="x", name="y"),
        "lock": lambda: models.lock("Coral model", "x"),
        "of data": lambda: lab.api.workflow_templates.create(display_name="W", software_id="Coral model"),
    }
    for name, write in writes.items():
        # What is remembered is what was before, each time.
        lab(other.models.update(second.id, reason="x", display_name="Other"))
        models._forget(None)
        lab(models.resolve("Coral model"))
        lab(other.models.update(second.id, reason="x", display_name="Coral model"))
        asked = len(lab.asked)
        with row(name), pytest.raises(AmbiguousIdentifierError):
            lab(write())
        assert set(lab.asked[asked:]) <= {"registryItemList"}
    assert lab(other.models.get(scene.model)) is not None


def test_a_write_lists_each_subtype_once(lab: Lab, scene: Scene) -> None:
    """However many items its data name."""
    lab.organisation("Shore group")
    data = metadata(lab)
    before = lab.asked.count("registryItemList")
    data["associations"] |= {"organisation_id": "Reef group", "data_custodian_id": "Ada Lovelace"}
    data["dataset_info"]["publisher_id"] = "Shore group"
    lab(lab.api.datasets.mint(data))
    assert lab.asked.count("registryItemList") == before + 2


def test_an_update_takes_names_too(lab: Lab, scene: Scene) -> None:
    """Of workflow templates and of the records of model runs; what does not change is not looked at."""
    changed = lab(lab.api.workflow_templates.update("Coral workflow", reason="x", software_id="Coral model"))
    assert changed.software_id == scene.model
    run = lab(lab.api.model_runs.run_of(lab(lab.api.model_runs.register(scene.record(study_id=None)))))
    lab(lab.api.model_runs.update("Run one", reason="x", study_id="Reef study"))
    assert lab.sent("provModelRunUpdate")[-1]["record"] == scene.record()
    assert lab.sent("provModelRunUpdate")[-1]["model_run_id"] == run.id
    with pytest.raises(IdentifierError, match=r"^study_id: .*'Reef study'"):
        lab(lab.api.model_runs.update("Run one", reason="x", study_id="Reef studi"))


def test_lineage_and_reports_take_names(lab: Lab, scene: Scene) -> None:
    """A name is looked for among all subtypes, for reports among studies and runs; several are told with subtypes."""
    lab(lab.api.model_runs.run_of(lab(lab.api.model_runs.register(scene.record()))))
    assert lab(lab.api.lineage.upstream("Run one")).start == lab(lab.api.model_runs.resolve("Run one"))
    assert lab(lab.api.lineage.report("Reef study"))[:2] == b"PK"
    assert lab(lab.api.lineage.admin.remove("Run one", trial_mode=True))
    lab(lab.api.lineage.admin.store(["Run one"]))
    with pytest.raises(IdentifierNotFoundError, match="Did you mean 'Run one'"):
        lab(lab.api.lineage.downstream("Run won"))
    made = lab.organisation("Reef study")
    with pytest.raises(AmbiguousIdentifierError) as caught:
        lab(lab.api.lineage.upstream("Reef study"))
    for told in (f"{scene.study} is a STUDY", f"{made.id} is an ORGANISATION"):
        assert told in str(caught.value)
    assert set(caught.value.candidates) == {scene.study, made.id}
    assert lab(lab.api.lineage.report("Reef study"))[:2] == b"PK"


def test_groups_that_there_are_not_get_no_roles(lab: Lab) -> None:
    """An unknown group is refused with what comes close; a name stands for the id; one that has roles may be gone."""
    made = lab.organisation("Reef")
    lab(lab.api.groups.admin.add("modellers", display_name="The modellers", description="They model"))
    for wrong, close in (("modelers", "modellers"), ("The modeller", "The modellers")):
        with pytest.raises(IdentifierNotFoundError, match=f"There is no group {wrong!r}. Did you mean .*{close}"):
            lab(made.set_access(groups={wrong: ["metadata-read"]}))
    with pytest.raises(ValueError, match="groups has 'modellers' twice"):
        lab(made.set_access(groups={"modellers": ["metadata-read"], "The modellers": ["admin"]}))
    assert "registryItemAuthConfigurationPut" not in lab.asked
    access = lab(lab.login("admin").organisations.set_access(made.id, groups={"The modellers": ["metadata-read"]}))
    assert access.groups == {"modellers": {"metadata-read"}}
    lab(lab.api.groups.admin.remove("modellers"))
    assert lab(made.set_access(groups=access.groups)).groups == access.groups
