"""The lineage graph of the stand-in: what records say, and the questions asked of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from kalbio.provena.sandbox import Sandbox, graph
from kalbio.provena.sandbox.store import Store

TEMPLATE: Any = {"id": "workflow", "software_id": "model"}
RUN: Any = {
    "study_id": "study",
    "inputs": [{"dataset_template_id": "kind-in", "dataset_id": "in"}],
    "outputs": [{"dataset_template_id": "kind-out", "dataset_id": "out"}],
    "associations": {"modeller_id": "alice", "requesting_organisation_id": None},
}


@pytest.fixture
def store() -> Iterator[Store]:
    """What a stand-in keeps."""
    sandbox = Sandbox()
    yield sandbox.store
    sandbox.close()


def item(id: str, subtype: str = "MODEL", category: str = "ENTITY") -> Any:
    """As much of an item as the graph knows."""
    return {"id": id, "item_subtype": subtype, "item_category": category}


def said(found: graph.Graph) -> set[tuple[str, str, str]]:
    """The links of a graph."""
    return {(link.source, link.type, link.target) for link in found.links.values()}


def test_a_creation_ties_the_item_the_activity_and_the_person(store: Store) -> None:
    """A creation leads from the item to its activity and its person, and from the activity to the person."""
    graph.record_creation(store, "made", item("model"), "alice")
    assert said(graph.upstream(store, "model", 1)) == {
        ("model", "wasGeneratedBy", "made"),
        ("model", "wasAttributedTo", "alice"),
    }
    assert ("made", "wasAssociatedWith", "alice") in said(graph.upstream(store, "model", 2))


def test_a_version_leads_back_to_the_item_before(store: Store) -> None:
    """From a new version the way upstream goes through the activity to the old one."""
    graph.record_creation(store, "made", item("old"), "alice")
    graph.record_version(store, "again", item("new"), item("old"), "alice")
    assert "old" in graph.upstream(store, "new", 2).nodes
    assert "new" in graph.downstream(store, "old", 2).nodes


def test_a_model_run_has_all_its_links(store: Store) -> None:
    """A model run is tied to all that its record and its workflow template name."""
    graph.record_model_run(store, "run", RUN, TEMPLATE)
    assert said(graph.upstream(store, "out", 3)) == {
        ("out", "wasGeneratedBy", "run"),
        ("out", "wasAttributedTo", "alice"),
        ("out", "wasInfluencedBy", "kind-out"),
        ("run", "wasInformedBy", "study"),
        ("run", "used", "in"),
        ("run", "used", "model"),
        ("run", "used", "workflow"),
        ("run", "wasAssociatedWith", "alice"),
        ("in", "wasInfluencedBy", "kind-in"),
        ("workflow", "hadMember", "kind-in"),
        ("workflow", "hadMember", "kind-out"),
        ("workflow", "hadMember", "model"),
    }


def test_what_two_records_say_stays_when_one_goes(store: Store) -> None:
    """A node or link goes when the last record that says it goes, and the changes are told."""
    graph.record_model_run(store, "run", RUN, TEMPLATE)
    graph.record_model_run(store, "other", RUN, TEMPLATE)
    changes = graph.lodge(store, "run", graph.Graph())
    removed = [one["node_id"] for one in changes if one["action_type"] == "REMOVE_NODE"]
    assert removed == ["run"]
    assert "out" in graph.downstream(store, "other", 1).nodes
    assert not graph.upstream(store, "run", 3).nodes
    graph.lodge(store, "other", graph.Graph())
    assert store.rows("select count(*) from lineage_node") == [(0,)]
    assert store.rows("select count(*) from lineage_link") == [(0,)]


def test_a_workflow_template_keeps_the_subtype_that_runs_give_it(store: Store) -> None:
    """Once a run is recorded, its workflow template has the subtype WORKFLOW_TEMPLATE, also after a new version."""
    graph.record_creation(store, "made", item("workflow", "MODEL_RUN_WORKFLOW_TEMPLATE"), "alice")
    assert graph.upstream(store, "workflow", 1).nodes["workflow"].subtype == "MODEL_RUN_WORKFLOW_TEMPLATE"
    graph.record_model_run(store, "run", RUN, TEMPLATE)
    graph.record_version(
        store,
        "again",
        item("workflow-2", "MODEL_RUN_WORKFLOW_TEMPLATE"),
        item("workflow", "MODEL_RUN_WORKFLOW_TEMPLATE"),
        "alice",
    )
    assert graph.upstream(store, "workflow", 1).nodes["workflow"].subtype == "WORKFLOW_TEMPLATE"


def test_questions_about_datasets_keep_only_the_ways_to_them(store: Store) -> None:
    """The datasets behind a dataset are found with the ways to them, and nothing beside."""
    graph.record_model_run(store, "run", RUN, TEMPLATE)
    assert said(graph.contributing_datasets(store, "out", 4)) == {
        ("out", "wasGeneratedBy", "run"),
        ("run", "used", "in"),
    }
    assert said(graph.contributing_datasets(store, "out", 1)) == set()
    assert said(graph.effected_datasets(store, "in", 4)) == {("out", "wasGeneratedBy", "run"), ("run", "used", "in")}


def test_questions_about_agents_go_down_and_one_step_up(store: Store) -> None:
    """Agents that something had an effect on are those of everything below it; nobody is reached by one link twice."""
    graph.record_model_run(store, "run", RUN, TEMPLATE)
    assert said(graph.effected_agents(store, "in", 4)) == {
        ("run", "used", "in"),
        ("run", "wasAssociatedWith", "alice"),
        ("out", "wasGeneratedBy", "run"),
        ("out", "wasAttributedTo", "alice"),
    }
    assert said(graph.contributing_agents(store, "run", 4)) == {("run", "wasAssociatedWith", "alice")}
    one = graph.Graph()
    one.add("wasAttributedTo", graph.Node("alone", "ENTITY", "MODEL"), graph.Node("bob", "AGENT", "PERSON"))
    graph.lodge(store, "made", one)
    assert said(graph.effected_agents(store, "bob", 4)) == set()


def test_nothing_is_beside_a_start_without_links(store: Store) -> None:
    """Something that no record names has an empty graph, without itself."""
    assert graph.upstream(store, "lonely", 2).shown()["nodes"] == []
