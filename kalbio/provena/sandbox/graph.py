"""The lineage graph: what each lodged record says, and the questions asked of it.

A record is a model run, a creation or a version, named by the id of its activity. Links lead from an effect to its
cause. A node or link stays for as long as one record says it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from kalbio._core.emulator.store import id_list
from kalbio._core.emulator.strict_json import Document
from kalbio.provena.sandbox.store import Store


@dataclass(frozen=True)
class Node:
    """An item, as the graph knows it."""

    id: str
    category: str
    subtype: str

    @classmethod
    def of(cls, item: Document) -> Node:
        """The node of an item of the registry."""
        return cls(item["id"], item["item_category"], item["item_subtype"])

    def shown(self) -> Document:
        """The node, as the questions answer it."""
        return {"item_category": self.category, "item_subtype": self.subtype, "id": self.id}


@dataclass(frozen=True)
class Link:
    """What one item has to do with another."""

    type: str
    source: str
    target: str

    def shown(self) -> Document:
        """The link, as the questions answer it."""
        return {"type": self.type, "source": self.source, "target": self.target}


@dataclass
class Graph:
    """Some nodes, and links between them, of which each pair has one at most."""

    nodes: dict[str, Node] = field(default_factory=dict)
    links: dict[tuple[str, str], Link] = field(default_factory=dict)

    def add(self, type: str, source: Node, target: Node) -> None:
        """Add a link with its ends."""
        self.nodes[source.id], self.nodes[target.id] = source, target
        self.links[source.id, target.id] = Link(type, source.id, target.id)

    def shown(self) -> Document:
        """The graph, as the questions answer it."""
        return {
            "directed": True,
            "multigraph": False,
            "graph": {},
            "nodes": [node.shown() for node in self.nodes.values()],
            "links": [link.shown() for link in self.links.values()],
        }


# What the records say.


def record_creation(store: Store, activity_id: str, item: Document, person_id: str) -> None:
    """Record that a person created an item, with an activity of the subtype CREATE."""
    graph = Graph()
    _add_making(graph, Node(activity_id, "ACTIVITY", "CREATE"), Node.of(item), person_id)
    lodge(store, activity_id, graph)


def record_version(store: Store, activity_id: str, new: Document, old: Document, person_id: str) -> None:
    """Record that a person made an item from another one, with an activity of the subtype VERSION."""
    graph, activity = Graph(), Node(activity_id, "ACTIVITY", "VERSION")
    _add_making(graph, activity, Node.of(new), person_id)
    graph.add("used", activity, Node.of(old))
    lodge(store, activity_id, graph)


def _add_making(graph: Graph, activity: Node, item: Node, person_id: str) -> None:
    person = Node(person_id, "AGENT", "PERSON")
    graph.add("wasGeneratedBy", item, activity)
    graph.add("wasAssociatedWith", activity, person)
    graph.add("wasAttributedTo", item, person)


def record_model_run(store: Store, run_id: str, record: Document, template: Document) -> Document:
    """Record a model run, given its record and the item of its workflow template; gives it in PROV-JSON."""
    graph = graph_of_run(run_id, record, template)
    lodge(store, run_id, graph)
    return prov_json(graph)


def graph_of_run(run_id: str, record: Document, template: Document) -> Graph:
    """What the record of a model run says."""
    graph, run = Graph(), Node(run_id, "ACTIVITY", "MODEL_RUN")
    people = record["associations"]
    modeller = Node(people["modeller_id"], "AGENT", "PERSON")
    workflow = Node(template["id"], "ENTITY", "WORKFLOW_TEMPLATE")
    model = Node(template["software_id"], "ENTITY", "MODEL")
    if record.get("study_id"):
        graph.add("wasInformedBy", run, Node(record["study_id"], "ACTIVITY", "STUDY"))
    for part in record["inputs"]:
        graph.add("used", run, _dataset(part))
    for part in record["outputs"]:
        graph.add("wasGeneratedBy", _dataset(part), run)
    graph.add("used", run, model)
    graph.add("used", run, workflow)
    graph.add("wasAssociatedWith", run, modeller)
    if people.get("requesting_organisation_id"):
        graph.add("wasAssociatedWith", run, Node(people["requesting_organisation_id"], "AGENT", "ORGANISATION"))
    for part in record["outputs"]:
        graph.add("wasAttributedTo", _dataset(part), modeller)
    for part in (*record["inputs"], *record["outputs"]):
        graph.add("hadMember", workflow, _dataset_template(part))
        graph.add("wasInfluencedBy", _dataset(part), _dataset_template(part))
    graph.add("hadMember", workflow, model)
    return graph


def _dataset(part: Document) -> Node:
    return Node(part["dataset_id"], "ENTITY", "DATASET")


def _dataset_template(part: Document) -> Node:
    return Node(part["dataset_template_id"], "ENTITY", "DATASET_TEMPLATE")


_ENDS = {
    "wasInformedBy": ("informed", "informant"),
    "used": ("activity", "entity"),
    "wasGeneratedBy": ("entity", "activity"),
    "wasAssociatedWith": ("activity", "agent"),
    "wasAttributedTo": ("entity", "agent"),
    "wasInfluencedBy": ("influencee", "influencer"),
    "hadMember": ("collection", "entity"),
}


def prov_json(graph: Graph) -> Document:
    """The graph in PROV-JSON."""
    written: Document = {"prefix": {"default": "http://hdl.handle.net/"}}
    for node in graph.nodes.values():
        written.setdefault(node.category.lower(), {})[node.id] = {"id": node.id, **node.shown()}
    for number, link in enumerate(graph.links.values(), start=1):
        source, target = _ENDS[link.type]
        ends = {f"prov:{source}": link.source, f"prov:{target}": link.target}
        written.setdefault(link.type, {})[f"_:id{number}"] = ends
    return written


# Keeping them.


def lodge(store: Store, record_id: str, graph: Graph) -> list[Document]:
    """Keep what a record says now, in place of what it said before; gives what changes."""
    changes = diff(store, record_id, graph)
    said = {(id, "") for id in graph.nodes} | set(graph.links)
    store.run("delete from lineage_record where record = ?", record_id)
    store.run_many("insert into lineage_record values (?, ?, ?)", [(record_id, *one) for one in sorted(said)])
    # The subtype that model runs give a workflow template is the one that stays.
    store.run_many(
        "insert into lineage_node values (?, ?, ?) on conflict (id) do update set subtype = excluded.subtype "
        "where lineage_node.subtype <> 'WORKFLOW_TEMPLATE'",
        [(node.id, node.category, node.subtype) for node in graph.nodes.values()],
    )
    store.run_many(
        "insert into lineage_link values (?, ?, ?) on conflict (source, target) do update set type = excluded.type",
        [(link.source, link.target, link.type) for link in graph.links.values()],
    )
    for change in changes:
        if change["action_type"] == "REMOVE_NODE":
            store.run("delete from lineage_node where id = ?", change["node_id"])
        elif change["action_type"] == "REMOVE_LINK":
            ends = change["link"]
            store.run(
                "delete from lineage_link where source = ? and target = ?", ends["source"]["id"], ends["target"]["id"]
            )
    return changes


def clear(store: Store) -> None:
    """Forget everything."""
    for table in ("lineage_record", "lineage_node", "lineage_link"):
        store.run(f"delete from {table}")  # noqa: S608  names of our own


def diff(store: Store, record_id: str, graph: Graph) -> list[Document]:
    """What would change if a record said this, and nothing else."""
    before = set(store.rows("select source, target from lineage_record where record = ?", record_id))
    gone = sorted(before - {(id, "") for id in graph.nodes} - set(graph.links))
    changes: list[Document] = []
    for id, _ in (one for one in gone if not one[1]):
        if _record_ids(store, id) == [record_id]:
            changes.append({"action_type": "REMOVE_NODE", "node_id": id})
        else:
            changes.append({"action_type": "REMOVE_RECORD_ID_FROM_NODE", "node_id": id, "record_id": record_id})
    for source, target in (one for one in gone if one[1]):
        link = _full_link(store, source, target)
        if _record_ids(store, source, target) == [record_id]:
            changes.append({"action_type": "REMOVE_LINK", "link": link})
        else:
            changes.append({"action_type": "REMOVE_RECORD_ID_FROM_LINK", "link": link, "record_id": record_id})
    return changes


def _record_ids(store: Store, source: str, target: str = "") -> list[str]:
    sql = "select record from lineage_record where source = ? and target = ? order by record"
    return [row[0] for row in store.rows(sql, source, target)]


def _full_link(store: Store, source: str, target: str) -> Document:
    (type,) = store.rows("select type from lineage_link where source = ? and target = ?", source, target)[0]
    return {
        "source": _full_node(store, source),
        "target": _full_node(store, target),
        "relation": type,
        "props": {"record_ids": ",".join(_record_ids(store, source, target))},
    }


def _full_node(store: Store, id: str) -> Document:
    category, subtype = store.rows("select category, subtype from lineage_node where id = ?", id)[0]
    records = ",".join(_record_ids(store, id))
    return {"id": id, "props": {"record_ids": records}, "subtype": subtype, "category": category}


# The questions. Each answers all paths of a kind, put together.


def upstream(store: Store, start: str, depth: int) -> Graph:
    """Everything that the start goes back to, in so many steps."""
    return _put_together(store, _reach(store, start, depth, up=True)[1])


def downstream(store: Store, start: str, depth: int) -> Graph:
    """Everything that goes back to the start, in so many steps."""
    return _put_together(store, _reach(store, start, depth, up=False)[1])


def contributing_datasets(store: Store, start: str, depth: int) -> Graph:
    """The paths up to datasets."""
    return _ending_at(store, start, depth, up=True, is_end=lambda node: node.subtype == "DATASET")


def effected_datasets(store: Store, start: str, depth: int) -> Graph:
    """The paths down to datasets."""
    return _ending_at(store, start, depth, up=False, is_end=lambda node: node.subtype == "DATASET")


def contributing_agents(store: Store, start: str, depth: int) -> Graph:
    """The paths up to agents."""
    return _ending_at(store, start, depth, up=True, is_end=lambda node: node.category == "AGENT")


def effected_agents(store: Store, start: str, depth: int) -> Graph:
    """The paths down to anything, or nowhere, and then one step to an agent."""
    distances, links = _reach(store, start, depth, up=False)
    steps = _links_of(store, distances, up=True)
    agents = {id for id, node in _nodes(store, (step.target for step in steps)).items() if node.category == "AGENT"}
    away = [step for step in steps if step.target in agents - {start}]
    kept = [*away, *_on_paths(distances, links, {step.source for step in away}, depth, up=False)]
    # No path goes through a link twice: what an agent did leads back to the agent only by another way.
    back = [step for step in steps if step.target == start and start in agents]
    ways = _on_paths(distances, links, {step.source for step in back}, depth, up=False)
    onward = {link.target for link in ways}
    kept += [link for link in ways if link.target != start or link.source in onward]
    around = {link.source for link in links if link.target != start and distances[link.target] < depth}
    kept += [step for step in back if step.source in around]
    return _put_together(store, kept)


def _ending_at(store: Store, start: str, depth: int, *, up: bool, is_end: Callable[[Node], bool]) -> Graph:
    distances, links = _reach(store, start, depth, up=up)
    ends = {id for id, node in _nodes(store, distances).items() if is_end(node)}
    return _put_together(store, _on_paths(distances, links, ends, depth, up=up))


def _reach(store: Store, start: str, depth: int, *, up: bool) -> tuple[dict[str, int], list[Link]]:
    """How far everything is, up to a depth, and the links on the way."""
    distances, edge, found = {start: 0}, [start], []
    for distance in range(1, depth + 1):
        links = _links_of(store, edge, up=up)
        found += links
        edge = []
        for link in links:
            end = link.target if up else link.source
            if end not in distances:
                distances[end] = distance
                edge.append(end)
    return distances, found


def _on_paths(distances: dict[str, int], links: list[Link], ends: set[str], depth: int, *, up: bool) -> list[Link]:
    """The links on paths from the start to one of the ends, none longer than the depth."""
    left: dict[str, int] = dict.fromkeys(ends, 0)
    back: dict[str, list[str]] = {}
    for link in links:
        here, there = (link.source, link.target) if up else (link.target, link.source)
        back.setdefault(there, []).append(here)
    edge, step = list(ends), 0
    while edge:
        step += 1
        edge = [id for id in dict.fromkeys(one for end in edge for one in back.get(end, ())) if id not in left]
        left.update(dict.fromkeys(edge, step))
    kept = []
    for link in links:
        here, there = (link.source, link.target) if up else (link.target, link.source)
        if here in distances and there in left and distances[here] + 1 + left[there] <= depth:
            kept.append(link)
    return kept


def _links_of(store: Store, ids: Iterable[str], *, up: bool) -> list[Link]:
    end = "source" if up else "target"
    sql = f"select type, source, target from lineage_link where {end} in (select value from json_each(?))"  # noqa: S608
    return [Link(*row) for row in store.rows(sql, id_list(ids))]


def _nodes(store: Store, ids: Iterable[str]) -> dict[str, Node]:
    sql = "select id, category, subtype from lineage_node where id in (select value from json_each(?))"
    return {row[0]: Node(*row) for row in store.rows(sql, id_list(ids))}


def _put_together(store: Store, links: Iterable[Link]) -> Graph:
    kept = {(link.source, link.target): link for link in links}
    ids = dict.fromkeys(id for ends in kept for id in ends)
    known = _nodes(store, ids)
    return Graph({id: known[id] for id in ids}, kept)
