"""Lineage: what is asked, how far it goes, and the graph that comes of it."""

from __future__ import annotations

import sys
import types
import xml.etree.ElementTree as ET
from typing import Any

import pytest

from kalbio._core.errors import IdentifierError, NotFoundError, ValidationError
from kalbio.provena import LineageGraph
from kalbio.provena._model.lineage import LineageEdge, LineageNode
from kalbio.provena.sandbox import graph
from tests.provena.conftest import Lab
from tests.provena.scene import Scene

CATEGORIES = {"DATASET": "ENTITY", "MODEL_RUN": "ACTIVITY", "PERSON": "AGENT", "STUDY": "ACTIVITY"}


def put(lab: Lab, id: str, subtype: str, **members: Any) -> str:
    """An item of the registry, with no more than the graph needs."""
    lab.sandbox.put(
        {
            "id": id,
            "display_name": f"the {id}",
            "item_subtype": subtype,
            "item_category": CATEGORIES[subtype],
            "record_type": "COMPLETE_ITEM",
            "owner_username": "admin",
            **members,
        }
    )
    return id


def tie(lab: Lab, *links: tuple[str, str, str]) -> None:
    """Put links into the graph; subtypes are told by the end of the handles."""
    kinds = {"1": "DATASET", "2": "MODEL_RUN", "3": "PERSON"}
    made = graph.Graph()
    for source, type, target in links:
        ends = (
            graph.Node(id, CATEGORIES[kinds[id.split("/")[1][0]]], kinds[id.split("/")[1][0]])
            for id in (source, target)
        )
        made.add(type, *ends)
    with lab.sandbox.lock:
        graph.lodge(lab.sandbox.store, f"record {links[0]}", made)


def dataset(number: int) -> str:
    """The handle of a dataset in the chain."""
    return f"10378.1/1{number:03}"


def run(number: int) -> str:
    """The handle of the run that made this dataset."""
    return f"10378.1/2{number:03}"


PERSON = "10378.1/3000"


def chain(lab: Lab, length: int) -> None:
    """Datasets, each made from the one before by a run of one person."""
    for number in range(length):
        put(lab, dataset(number), "DATASET")
        if number:
            put(lab, run(number), "MODEL_RUN")
            tie(
                lab,
                (dataset(number), "wasGeneratedBy", run(number)),
                (run(number), "used", dataset(number - 1)),
                (run(number), "wasAssociatedWith", PERSON),
            )
    put(lab, PERSON, "PERSON")


def asked(lab: Lab) -> list[tuple[str, str | None]]:
    """Start and depth of each question."""
    found = []
    for one in lab.transport.exchanges:
        if str(one.operation).startswith("provExplore"):
            query = dict(part.split("=") for part in one.target.split("?")[1].split("&"))
            found.append((query["starting_id"].replace("%2F", "/"), query.get("depth")))
    return found


def test_the_server_decides_how_far_a_question_goes_unless_told(lab: Lab) -> None:
    """Without a depth none is sent, and the answer goes as far as the server's own default."""
    chain(lab, 4)
    found = lab(lab.api.lineage.upstream(dataset(3)))
    assert asked(lab) == [(dataset(3), None)]
    assert {node.id for node in found} == {dataset(3), run(3), dataset(2), PERSON}
    assert found.start == dataset(3)
    assert LineageEdge("used", run(3), dataset(2)) in found.edges


def test_up_to_ten_steps_are_one_request(lab: Lab) -> None:
    """Ten steps are one request with this depth."""
    chain(lab, 8)
    lab(lab.api.lineage.upstream(dataset(7), 10))
    assert asked(lab) == [(dataset(7), "10")]


@pytest.mark.parametrize("direction", ["upstream", "downstream"])
def test_what_is_further_than_the_server_goes_takes_several_requests(lab: Lab, direction: str) -> None:
    """From where one answer ends the next question begins, and together they are what one answer would be."""
    chain(lab, 18)
    start = dataset(17) if direction == "upstream" else dataset(0)
    found = lab(getattr(lab.api.lineage, direction)(start, depth=25))
    with lab.sandbox.lock:
        whole = getattr(graph, direction)(lab.sandbox.store, start, 25)
    assert found == LineageGraph.from_dict(whole.shown())
    assert [depth for _, depth in asked(lab)] == ["10", "10", "5"]


def test_all_goes_to_the_end(lab: Lab) -> None:
    """With "all" the questions go on until there is nothing further."""
    chain(lab, 18)
    found = lab(lab.api.lineage.upstream(dataset(17), "all"))
    assert dataset(0) in found
    assert len(found.find("DATASET")) == 18
    assert len(asked(lab)) == 4


@pytest.mark.parametrize(
    "question", ["contributing_datasets", "effected_datasets", "contributing_agents", "effected_agents"]
)
@pytest.mark.parametrize("depth", [3, 14, 27])
def test_the_special_questions_give_the_same_at_any_depth(lab: Lab, question: str, depth: int) -> None:
    """Beyond ten steps, the answer put together here is the one that a server without a limit would give."""
    chain(lab, 18)
    start = dataset(17) if question.startswith("contributing") else dataset(0)
    found = lab(getattr(lab.api.lineage, question)(start, depth))
    with lab.sandbox.lock:
        whole = getattr(graph, question)(lab.sandbox.store, start, depth)
    assert whole.links
    assert found == LineageGraph.from_dict(whole.shown())


def test_names_are_read_when_asked_for(lab: Lab) -> None:
    """With names each node has its display name; what is not in the registry any more has none."""
    chain(lab, 2)
    tie(lab, (dataset(1), "wasGeneratedBy", "10378.1/2999"))
    found = lab(lab.api.lineage.upstream(dataset(1), 1, names=True))
    assert str(found[dataset(1)]) == f"the {dataset(1)}"
    assert str(found["10378.1/2999"]) == "MODEL_RUN 10378.1/2999"


def test_a_node_is_good_for_a_look_up(lab: Lab) -> None:
    """A node of a graph is given where an item is meant, and one of another subtype is refused before the request."""
    person = lab(
        lab.api.persons.create(
            display_name="Ada", first_name="Ada", last_name="L", email="ada@example.org", ethics_approved=True
        )
    )
    node = LineageNode(person.id, "PERSON", "AGENT")
    assert lab(lab.api.persons.get(node)) == person
    before = len(lab.asked)
    with pytest.raises(IdentifierError, match="PERSON"):
        lab(lab.api.datasets.get(node))
    assert len(lab.asked) == before


def test_what_is_no_item_is_refused(lab: Lab) -> None:
    """What names nothing, and depths that make no sense, are refused before anything is sent; unknown handles too."""
    for wrong in ("", None, 5, object()):
        with pytest.raises(IdentifierError, match="handle"):
            lab(lab.api.lineage.upstream(wrong))
    for depth in (0, -1, True, 1.5, "many"):
        with pytest.raises(ValueError, match="depth"):
            lab(lab.api.lineage.downstream("10378.1/1", depth))
    assert lab.asked == []
    with pytest.raises(NotFoundError):
        lab(lab.api.lineage.upstream("10378.1/0"))
    with pytest.raises(IdentifierError, match="There is no item 'Reef'"):
        lab(lab.api.lineage.upstream("Reef"))


def test_the_stand_in_limits_the_depth(lab: Lab) -> None:
    """More than ten steps are refused by the server; no steps mean its default."""
    from provena_api.api.prov import prov_explore_upstream

    chain(lab, 4)
    with pytest.raises(ValidationError, match="in excess of depth maximum: 10"):
        lab(lab.api.call(prov_explore_upstream.build_request(starting_id=dataset(3), depth=11)))
    answer = lab(lab.api.call(prov_explore_upstream.build_request(starting_id=dataset(3), depth=0)))
    assert "(with depth 2)" in answer.json()["status"]["details"]


def test_administrators_take_runs_out_and_put_them_in_again(lab: Lab) -> None:
    """A trial tells what would change; what was removed or cleared comes back from the items of the runs."""
    scene = Scene(lab.sandbox)
    run = lab(lab.api.model_runs.run_of(lab(lab.api.model_runs.register(scene.record()))))
    whole = lab(lab.api.lineage.upstream(run))
    admin = lab.api.lineage.admin
    trial = lab(admin.remove(run, trial_mode=True))
    assert {"action_type": "REMOVE_NODE", "node_id": run.id} in trial
    assert lab(lab.api.lineage.upstream(run)) == whole
    assert lab(admin.remove(run.id)) == trial
    assert len(lab(lab.api.lineage.upstream(run))) == 0
    lab(admin.store(run))
    assert lab(lab.api.lineage.upstream(run)) == whole
    lab(admin.clear())
    assert len(lab(lab.api.lineage.upstream(run))) == 0
    assert "1 provenance records" in lab(admin.store_all(validate_record=False))
    assert lab(lab.api.lineage.upstream(run)) == whole


def test_the_whole_graph_comes_back_from_the_registry(lab: Lab) -> None:
    """What was exported is lodged again: runs, creations and versions; a trial changes nothing."""
    scene = Scene(lab.sandbox)
    lab.sandbox.link("admin", scene.person)
    model = lab(lab.api.models.get(scene.model))
    newer = lab(lab.api.models.version(model, "faster"))
    run = lab(lab.api.model_runs.run_of(lab(lab.api.model_runs.register(scene.record()))))
    above = [lab(lab.api.lineage.upstream(one, "all")) for one in (run, newer)]
    assert all(above)
    exported = lab(lab.api.registry.export_items())
    lab(lab.api.lineage.admin.clear())
    assert lab(lab.api.registry.restore_lineage(exported)) == []
    assert len(lab(lab.api.lineage.upstream(run))) == 0
    jobs = lab(lab.api.registry.restore_lineage(exported, trial_mode=False))
    lab(lab.api.jobs.wait_all(jobs))
    assert [lab(lab.api.lineage.upstream(one, "all")) for one in (run, newer)] == above


def test_administration_takes_model_runs_only(lab: Lab) -> None:
    """What is no model run, and a trial that is neither yes nor no, are refused before anything is sent."""
    for wrong in ("", None, LineageNode("10378.1/1", "DATASET", "ENTITY")):
        with pytest.raises(IdentifierError):
            lab(lab.api.lineage.admin.remove(wrong))
    with pytest.raises(ValueError, match="trial_mode"):
        lab(lab.api.lineage.admin.remove("10378.1/1", trial_mode="no"))
    with pytest.raises(ValueError, match="runs"):
        lab(lab.api.lineage.admin.store(5))
    assert lab.asked == []
    with pytest.raises(IdentifierError, match="Run one"):
        lab(lab.api.lineage.admin.remove("Run one"))
    assert "provModelRunDelete" not in lab.asked


# -- the graph itself -----------------------------------------------------------------------------------------------


def small() -> LineageGraph:
    """A dataset that somebody made from another one."""
    return LineageGraph(
        [
            LineageNode("10378.1/1", "DATASET", "ENTITY", 'Reef "A" <b>'),
            LineageNode("10378.1/2", "MODEL_RUN", "ACTIVITY"),
            LineageNode("10378.1/3", "DATASET", "ENTITY"),
            LineageNode("10378.1/4", "WORKFLOW_TEMPLATE", "ENTITY"),
        ],
        [
            LineageEdge("wasGeneratedBy", "10378.1/1", "10378.1/2"),
            LineageEdge("used", "10378.1/2", "10378.1/3"),
            LineageEdge("used", "10378.1/2", "10378.1/4"),
        ],
        start="10378.1/1",
    )


def test_a_graph_is_read_and_written_without_loss() -> None:
    """What the server sent is what `to_dict` gives, and `edges` is read as `links` is."""
    sent = small().to_dict()
    assert LineageGraph.from_dict(sent) == small()
    assert LineageGraph.from_dict({"nodes": sent["nodes"], "edges": sent["links"]}) == small()
    assert sent["multigraph"] is False


def test_items_of_a_graph_are_found_by_subtype() -> None:
    """Both names of workflow templates find them, and one that does not exist is refused with what comes close."""
    found = small()
    assert [node.id for node in found.find("DATASET")] == ["10378.1/1", "10378.1/3"]
    assert [node.id for node in found.find("MODEL_RUN_WORKFLOW_TEMPLATE")] == ["10378.1/4"]
    assert [node.id for node in found.find("WORKFLOW_TEMPLATE")] == ["10378.1/4"]
    assert [node.id for node in found.find(category="ACTIVITY")] == ["10378.1/2"]
    with pytest.raises(ValueError, match="DATASET"):
        found.find("DATASETS")
    with pytest.raises(KeyError, match="not in this graph"):
        found["10378.1/9"]


def test_graphs_are_walked_and_put_together() -> None:
    """Parts of a graph are taken by direction and depth, and put together again with names kept."""
    found = small()
    assert {node.id for node in found.upstream("10378.1/1", 1)} == {"10378.1/1", "10378.1/2"}
    assert found.upstream("10378.1/1") == found
    assert {node.id for node in found.downstream("10378.1/3")} == {"10378.1/3", "10378.1/2", "10378.1/1"}
    put_together = found.downstream("10378.1/4") | found.upstream("10378.1/2") | found.named({})
    assert put_together == found
    assert put_together["10378.1/1"].name == 'Reef "A" <b>'


def test_a_graph_becomes_a_frame() -> None:
    """The frame has a row for each edge, with what is at both ends."""
    frame = small().to_dataframe()
    assert frame["type"].tolist() == ["wasGeneratedBy", "used", "used"]
    assert frame["source_name"].tolist()[0] == 'Reef "A" <b>'
    assert frame["target_subtype"].tolist() == ["MODEL_RUN", "DATASET", "WORKFLOW_TEMPLATE"]
    assert LineageGraph().to_dataframe().columns.tolist() == frame.columns.tolist()


def test_a_graph_becomes_one_of_networkx(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nodes and edges are handed over with what is known of them; without networkx the cure is named."""
    monkeypatch.setitem(sys.modules, "networkx", None)
    with pytest.raises(ModuleNotFoundError, match="pip install networkx"):
        small().to_networkx()

    class DiGraph:
        def __init__(self) -> None:
            self.nodes: dict[str, Any] = {}
            self.edges: dict[tuple[str, str], Any] = {}

        def add_node(self, id: str, **members: Any) -> None:
            self.nodes[id] = members

        def add_edge(self, source: str, target: str, **members: Any) -> None:
            self.edges[source, target] = members

    module: Any = types.ModuleType("networkx")
    module.DiGraph = DiGraph
    monkeypatch.setitem(sys.modules, "networkx", module)
    made = small().to_networkx()
    assert made.nodes["10378.1/2"] == {"item_subtype": "MODEL_RUN", "item_category": "ACTIVITY", "name": None}
    assert made.edges["10378.1/1", "10378.1/2"] == {"type": "wasGeneratedBy"}


def test_a_graph_becomes_a_flowchart() -> None:
    """Names are written so that nothing in them is taken for the language of the chart."""
    assert small().to_mermaid().splitlines() == [
        "flowchart RL",
        '    n0["Reef #34;A#34; #60;b#62;<br>DATASET 10378.1/1"]',
        '    n1{{"MODEL_RUN<br>10378.1/2"}}',
        '    n2["DATASET<br>10378.1/3"]',
        '    n3["WORKFLOW_TEMPLATE<br>10378.1/4"]',
        '    n0 -->|"wasGeneratedBy"| n1',
        '    n1 -->|"used"| n2',
        '    n1 -->|"used"| n3',
    ]


def test_a_graph_becomes_a_picture() -> None:
    """Causes are left of what came of them, names are text, and circles do no harm."""
    drawn = ET.fromstring(small().to_svg())
    places = {
        group[0].text: int(group[1].attrib["x"]) for group in drawn if len(group) > 1 and group[1].tag.endswith("rect")
    }
    assert places["DATASET 10378.1/3"] < places["MODEL_RUN 10378.1/2"] < places['Reef "A" <b> DATASET 10378.1/1']
    circle = LineageGraph(small(), [*small().edges, LineageEdge("used", "10378.1/3", "10378.1/1")])
    assert ET.fromstring(circle.to_svg()) is not None
    assert ET.fromstring(LineageGraph().to_svg()) is not None


def test_notebooks_show_a_picture_or_a_table() -> None:
    """A graph that is too large for a picture, or empty, is shown as a table of its subtypes."""
    assert "<svg" in small()._repr_html_()
    large = LineageGraph(LineageNode(f"10378.1/{n}", "DATASET", "ENTITY") for n in range(200))
    assert "<svg" not in large._repr_html_()
    assert "200" in large._repr_html_()
    assert "<svg" not in LineageGraph()._repr_html_()
