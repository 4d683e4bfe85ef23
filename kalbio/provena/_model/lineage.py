"""Lineage as a graph: what came from what, without a network."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import attrs

from kalbio._core.argument_errors import ArgumentError
from kalbio._core.objects.identifiers import did_you_mean
from kalbio._core.text.display import one_line, printable, safe_repr
from kalbio._core.text.html_tables import framed, html_table
from kalbio.provena._model.lineage_picture import Arrow, Box, draw

if TYPE_CHECKING:
    import pandas
else:
    from types import SimpleNamespace

    # A name in annotations, for tools that read these where the library is not there.
    pandas = SimpleNamespace(DataFrame=Any)

Direction: TypeAlias = Literal["upstream", "downstream"]

LARGEST_PICTURE = 150
"""Nodes: a notebook shows a graph with more of them as a table of what is in it."""

# How the graph calls workflow templates once a run of theirs is in it.
_SUBTYPES = {"WORKFLOW_TEMPLATE": "MODEL_RUN_WORKFLOW_TEMPLATE"}


@attrs.frozen
class LineageNode:
    """An item in a graph. It may be given wherever an item is meant.

    Attributes:
        id: its handle.
        subtype: its subtype.
        category: AGENT, ENTITY or ACTIVITY.
        name: its display name, where it was asked for and you may read it.
    """

    id: str
    subtype: str
    category: str
    name: str | None = None

    def __str__(self) -> str:
        return self.name or f"{self.subtype} {self.id}"


@attrs.frozen
class LineageEdge:
    """What one item has to do with another. It leads from an effect to its cause.

    Attributes:
        type: what it has to do with it: `used`, `wasGeneratedBy`, `wasAttributedTo`…
        source: handle of the effect.
        target: handle of the cause.
    """

    type: str
    source: str
    target: str


def text_or_none(value: Any) -> str | None:
    """Return what is text, and None for anything else."""
    return value if isinstance(value, str) else None


def _objects_with(graph: Mapping[str, Any], member: str, *needed: str) -> list[Mapping[str, Any]]:
    found = graph.get(member) or []
    if not isinstance(found, list) or not all(isinstance(one, Mapping) for one in found):
        raise ArgumentError(f"{member} of a graph should be a list of objects")
    if any(one.get(name) is None for one in found for name in needed):
        raise ArgumentError(f"each of the {member} of a graph needs {' and '.join(needed)}")
    return found


class LineageGraph:
    """Items, and what they have to do with each other. Edges lead from an effect to its cause.

    `len(graph)` counts the items, `graph[handle]` is one of them, and going through the graph gives all. Two graphs are
    put together with `|`. An item that no record names has an empty graph, without itself. Notebooks show a picture.

    Attributes:
        start: handle of the item that was asked about.
    """

    __slots__ = ("_edges", "_nodes", "start")

    def __init__(
        self, nodes: Iterable[LineageNode] = (), edges: Iterable[LineageEdge] = (), *, start: str = ""
    ) -> None:
        self.start = start
        self._nodes = {node.id: node for node in nodes}
        self._edges = {(edge.source, edge.target, edge.type): edge for edge in edges}

    @classmethod
    def from_dict(cls, graph: Mapping[str, Any], *, start: str = "") -> LineageGraph:
        """Read a graph as the server writes it, with `nodes` and `links` (`edges` in some versions).

        Raises ValueError when it is none, or an edge leads to an item that it does not have.
        """
        nodes = _objects_with(graph, "nodes", "id")
        links = _objects_with(graph, "links" if "links" in graph else "edges", "source", "target")
        known = {str(one["id"]) for one in nodes}
        if lost := [end for one in links for end in (str(one["source"]), str(one["target"])) if end not in known]:
            raise ArgumentError(f"an edge of the graph leads to {safe_repr(lost[0])}, which is not among its nodes")
        return cls(
            (
                LineageNode(
                    str(one["id"]),
                    str(one.get("item_subtype") or ""),
                    str(one.get("item_category") or ""),
                    text_or_none(one.get("display_name")),
                )
                for one in nodes
            ),
            (LineageEdge(str(one.get("type") or ""), str(one["source"]), str(one["target"])) for one in links),
            start=start,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the graph as the server writes it, which `networkx.node_link_graph(..., edges="links")` reads."""
        nodes = []
        for node in self:
            shown = {"item_category": node.category, "item_subtype": node.subtype, "id": node.id}
            nodes.append(shown if node.name is None else {**shown, "display_name": node.name})
        links = [{"type": edge.type, "source": edge.source, "target": edge.target} for edge in self.edges]
        return {"directed": True, "multigraph": False, "graph": {}, "nodes": nodes, "links": links}

    @property
    def nodes(self) -> list[LineageNode]:
        """The items."""
        return list(self._nodes.values())

    @property
    def edges(self) -> list[LineageEdge]:
        """What they have to do with each other."""
        return list(self._edges.values())

    def __len__(self) -> int:
        return len(self._nodes)

    def __iter__(self) -> Iterator[LineageNode]:
        return iter(self._nodes.values())

    def __contains__(self, item: object) -> bool:
        return getattr(item, "id", item) in self._nodes

    def __getitem__(self, item: Any) -> LineageNode:
        id = getattr(item, "id", item)
        if id not in self._nodes:
            raise KeyError(f"{safe_repr(id)} is not in this graph")
        return self._nodes[id]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, LineageGraph):
            return NotImplemented
        return self._nodes == other._nodes and self._edges.keys() == other._edges.keys()

    __hash__ = None  # type: ignore[assignment]

    def __or__(self, other: LineageGraph) -> LineageGraph:
        if not isinstance(other, LineageGraph):
            return NotImplemented
        known = dict(self._nodes)
        for node in other:
            if node.id not in known or known[node.id].name is None:
                known[node.id] = node
        return LineageGraph(known.values(), [*self.edges, *other.edges], start=self.start or other.start)

    def find(self, subtype: str | None = None, *, category: str | None = None) -> list[LineageNode]:
        """Return the items of a subtype or a category: `graph.find("DATASET")`.

        Raises:
            ValueError: there is no such subtype or category.
        """
        wanted = None if subtype is None else _SUBTYPES.get(str(subtype), str(subtype))
        if wanted is not None:
            _require_known("subtype", wanted, [*_KNOWN_SUBTYPES, *(node_subtype(node) for node in self)])
        if category is not None:
            _require_known("category", category, ["AGENT", "ENTITY", "ACTIVITY"])
        return [
            node
            for node in self
            if (wanted is None or node_subtype(node) == wanted) and (category is None or node.category == category)
        ]

    # -- walks --------------------------------------------------------------------------------------------------------

    def upstream(self, item: Any, depth: int | None = None) -> LineageGraph:
        """Return the part of the graph that an item in it goes back to, in so many steps or any number of them."""
        return self._reached(item, depth, "upstream")

    def downstream(self, item: Any, depth: int | None = None) -> LineageGraph:
        """Return the part of the graph that goes back to an item in it, in so many steps or any number of them."""
        return self._reached(item, depth, "downstream")

    def _reached(self, item: Any, depth: int | None, direction: Direction) -> LineageGraph:
        start = self[item].id
        distances = self.distances(start, direction)
        kept = []
        for edge in self.edges:
            here, _ = _ends(edge, direction)
            if here in distances and (depth is None or distances[here] < depth):
                kept.append(edge)
        return self._part(kept, start)

    def distances(self, start: str, direction: Direction) -> dict[str, int]:
        """Return how many steps each item is away that can be reached from one of them, which itself is 0 away."""
        follow: dict[str, list[str]] = {}
        for edge in self._edges.values():
            here, there = _ends(edge, direction)
            follow.setdefault(here, []).append(there)
        found, edge_of_known, steps = {start: 0}, [start], 0
        while edge_of_known:
            steps += 1
            reached = dict.fromkeys(there for here in edge_of_known for there in follow.get(here, ()))
            edge_of_known = [there for there in reached if there not in found]
            found.update(dict.fromkeys(edge_of_known, steps))
        return found

    def paths_to(
        self, is_end: Callable[[LineageNode], bool], start: str, direction: Direction, depth: int | None = None
    ) -> LineageGraph:
        """Return the part with all paths from a start to items of a kind, none of them longer than `depth`."""
        distances = self.distances(start, direction)
        back: dict[str, list[str]] = {}
        for edge in self.edges:
            here, there = _ends(edge, direction)
            back.setdefault(there, []).append(here)
        ends = [node.id for node in self if is_end(node)]
        left, latest, steps = dict.fromkeys(ends, 0), ends, 0
        while latest:
            steps += 1
            reached = dict.fromkeys(here for there in latest for here in back.get(there, ()))
            latest = [here for here in reached if here not in left]
            left.update(dict.fromkeys(latest, steps))
        kept = []
        for edge in self.edges:
            here, there = _ends(edge, direction)
            if here in distances and there in left and (depth is None or distances[here] + 1 + left[there] <= depth):
                kept.append(edge)
        return self._part(kept, start)

    def _part(self, edges: Iterable[LineageEdge], start: str) -> LineageGraph:
        kept = list(edges)
        ids = dict.fromkeys(id for edge in kept for id in (edge.source, edge.target))
        return LineageGraph((self._nodes[id] for id in ids if id in self._nodes), kept, start=start)

    def named(self, names: Mapping[str, str | None]) -> LineageGraph:
        """Return the graph with names for its items, by their handles."""
        nodes = (attrs.evolve(node, name=names.get(node.id) or node.name) for node in self)
        return LineageGraph(nodes, self.edges, start=self.start)

    # -- other forms --------------------------------------------------------------------------------------------------

    def to_networkx(self) -> Any:
        """Return the graph as a `networkx.DiGraph`. Needs networkx.

        Its nodes have `item_subtype`, `item_category` and `name`, its edges a `type`.
        """
        try:
            networkx: Any = import_module("networkx")
        except ModuleNotFoundError:
            raise ModuleNotFoundError("to_networkx() needs networkx: pip install networkx", name="networkx") from None
        graph = networkx.DiGraph()
        for node in self:
            graph.add_node(node.id, item_subtype=node.subtype, item_category=node.category, name=node.name)
        for edge in self.edges:
            graph.add_edge(edge.source, edge.target, type=edge.type)
        return graph

    def to_dataframe(self) -> pandas.DataFrame:
        """Return the edges as a frame: `source`, `target`, `type`, and subtype and name of both ends. Needs pandas."""
        try:
            import pandas
        except ModuleNotFoundError:
            raise ModuleNotFoundError("to_dataframe() needs pandas: pip install pandas", name="pandas") from None
        columns: dict[str, list[Any]] = {name: [] for name in _COLUMNS}
        for edge in self.edges:
            source, target = self._nodes[edge.source], self._nodes[edge.target]
            row = (source.id, source.subtype, source.name, edge.type, target.id, target.subtype, target.name)
            for column, value in zip(columns.values(), row, strict=True):
                column.append(value)
        return pandas.DataFrame({name: pandas.array(values, dtype="string") for name, values in columns.items()})

    def to_mermaid(self) -> str:
        """Return the graph as a Mermaid flowchart: causes on the left, arrows from an effect to its cause."""
        numbers = {id: f"n{number}" for number, id in enumerate(self._nodes)}
        lines = ["flowchart RL"]
        for node in self:
            before, after = _SHAPES.get(node.category, ("[", "]"))
            told = "<br>".join(_mermaid(line) for line in lines_of(node))
            lines.append(f'    {numbers[node.id]}{before}"{told}"{after}')
        for edge in self.edges:
            lines.append(f'    {numbers[edge.source]} -->|"{_mermaid(edge.type)}"| {numbers[edge.target]}')
        return "\n".join(lines) + "\n"

    def to_svg(self) -> str:
        """Return a picture of the graph as SVG: causes on the left, what came of them to the right."""
        boxes = [Box(node.id, *lines_of(node), node.category) for node in self]
        return draw(boxes, [Arrow(edge.type, edge.source, edge.target) for edge in self.edges], start=self.start)

    def _repr_html_(self) -> str:
        if not self or len(self) > LARGEST_PICTURE:
            counts = Counter(node.subtype for node in self).most_common()
            hint = "" if not self else "too many for a picture: graph.to_svg() draws it all the same"
            return html_table(repr(self)[1:-1], counts, len(counts), heads=("subtype", "items"), hint=hint)
        return framed(f'<div class="box">{self.to_svg()}</div>')

    def __repr__(self) -> str:
        of = f" of {printable(self.start)}" if self.start else ""
        return f"<LineageGraph{of}: {len(self._nodes)} nodes, {len(self._edges)} edges>"


def node_subtype(node: LineageNode) -> str:
    """Return the subtype of an item as the registry calls it."""
    return _SUBTYPES.get(node.subtype, node.subtype)


def _ends(edge: LineageEdge, direction: Direction) -> tuple[str, str]:
    return (edge.source, edge.target) if direction == "upstream" else (edge.target, edge.source)


def _require_known(what: str, value: str, known: Collection[str]) -> None:
    if value not in known:
        raise ArgumentError(f"there is no {what} {safe_repr(value)}.{did_you_mean(value, known)}")


def lines_of(node: LineageNode) -> tuple[str, str]:
    """Return the two lines that a picture has for an item."""
    if node.name is None:
        return node.subtype, node.id
    return node.name, f"{node.subtype} {node.id}"


def _mermaid(text: str) -> str:
    # Entities are the only way to have these characters in a label.
    return re.sub(r"[^\w ./:,()-]", lambda found: f"#{ord(found[0])};", one_line(text))


_KNOWN_SUBTYPES = (
    "ORGANISATION", "PERSON", "MODEL", "MODEL_RUN_WORKFLOW_TEMPLATE", "DATASET_TEMPLATE", "DATASET", "STUDY",
    "MODEL_RUN", "CREATE", "VERSION",
)  # fmt: skip
_COLUMNS = ("source", "source_subtype", "source_name", "type", "target", "target_subtype", "target_name")
_SHAPES = {"AGENT": ("([", "])"), "ACTIVITY": ("{{", "}}"), "ENTITY": ("[", "]")}
