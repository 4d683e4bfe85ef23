"""Questions about lineage, answered from the graph. What an item shows there does not depend on who may read it."""

from __future__ import annotations

from collections.abc import Callable

from kalbio._core.emulator.refusals import Refusal
from kalbio._core.emulator.strict_json import Document
from kalbio.provena.sandbox import graph
from kalbio.provena.sandbox.errors import success
from kalbio.provena.sandbox.items import ITEM
from kalbio.provena.sandbox.store import ADMIN, READ, WRITE, Call, Routes, Store

routes = Routes()

_LARGEST_DEPTH = 10
_Question = Callable[[Store, str, int], graph.Graph]

_QUESTIONS: dict[str, tuple[_Question, str, int]] = {
    "provExploreUpstream": (graph.upstream, "lineage", 2),
    "provExploreDownstream": (graph.downstream, "downstream", 2),
    "provExploreSpecialContributingDatasets": (graph.contributing_datasets, "upstream contribution", 4),
    "provExploreSpecialEffectedDatasets": (graph.effected_datasets, "downstream effect", 4),
    "provExploreSpecialContributingAgents": (graph.contributing_agents, "upstream contribution", 4),
    "provExploreSpecialEffectedAgents": (graph.effected_agents, "downstream effect", 4),
}
"""The question of each operation, what the answer calls it, and how far it goes by default."""


def _explore(call: Call) -> Document:
    question, name, default = _QUESTIONS[call.operation.id]
    depth = call.query.get("depth") or default
    if depth > _LARGEST_DEPTH:
        raise Refusal(400, f"Depth provided is in excess of depth maximum: {_LARGEST_DEPTH}.")
    start = call.query["starting_id"]
    if call.store.get(ITEM, start) is None:
        lost = f"The provided id {start} was not a valid registry                item. Error from registry lookup: ."
        raise Refusal(500, lost)
    found = question(call.store, start, depth)
    return {
        "status": success(f"Made {name} query (with depth {depth}) to neo4j backend."),
        "record_count": len(found.nodes),
        "graph": found.shown(),
    }


for _operation in _QUESTIONS:
    routes.operation(_operation, READ)(_explore)


@routes.operation("provGraphAdminClear", READ, WRITE, ADMIN)
def clear(call: Call) -> Document:
    """Forget the whole graph; the registry stays as it is."""
    graph.clear(call.store)
    return {"status": success("Successfully ran a clear query on the graph DB!")}
