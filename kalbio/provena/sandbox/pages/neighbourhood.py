"""What lies around an item in the lineage, as a picture: causes on the left, effects on the right."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import pairwise

from kalbio._core.emulator.store import id_list
from kalbio.provena.sandbox.graph import Link
from kalbio.provena.sandbox.pages.visits import item_path, names_of, subtype_words
from kalbio.provena.sandbox.store import Store

DEEPEST = 5
_MOST = 40  # nodes, beyond which nobody would see anything
_MOST_LINKS = 400
_WIDTH, _HEIGHT, _ACROSS, _DOWN, _THIN, _MARGIN = 176, 46, 60, 14, 8, 12
_LONGEST = 19
_SWEEPS = 6


@dataclass
class Box:
    """A node of the picture; one without an id only leads a link past a column."""

    id: str
    name: str = ""
    short: str = ""
    words: str = ""
    category: str = ""
    path: str = ""
    is_start: bool = False
    x: float = 0
    y: float = 0
    width: float = _WIDTH
    height: float = _HEIGHT


@dataclass(frozen=True)
class Line:
    """A link of the picture."""

    curve: str
    words: str
    source: Box
    target: Box


@dataclass
class Neighbourhood:
    """The picture.

    Attributes:
        boxes: the items.
        lines: the links between them, from an effect to its cause.
        depth: in so many steps from the middle.
        is_cut: whether there is more in these steps.
    """

    depth: int
    boxes: list[Box] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    width: float = 0
    height: float = 0
    is_cut: bool = False


def around(store: Store, start: str, depth: int) -> Neighbourhood:
    """Draw what an item goes back to and what goes back to it, in so many steps, and 40 items at most."""
    ids, links, is_cut = _reach(store, start, depth)
    told = Neighbourhood(depth, is_cut=is_cut)
    boxes = _boxes(store, ids, start)
    links = [link for link in links if link.source in boxes and link.target in boxes]
    if links:
        _draw(told, boxes, links)
    return told


def _reach(store: Store, start: str, depth: int) -> tuple[list[str], list[Link], bool]:
    """The items around one, the nearest first, the links on the way to them, and whether there are more."""
    found, links, is_cut = dict.fromkeys([start]), dict[Link, None](), False
    for here, there in (("source", "target"), ("target", "source")):
        edge = [start]
        for _ in range(depth):
            rows = store.rows(
                "select type, source, target from lineage_link "  # noqa: S608  names of ours
                f"where {here} in (select value from json_each(?)) order by {there}, {here} limit ?",
                id_list(edge), _MOST_LINKS,
            )  # fmt: skip
            steps = [Link(*row) for row in rows]
            ends = dict.fromkeys(link.target if here == "source" else link.source for link in steps)
            edge = [id for id in ends if id not in found]
            room = _MOST - len(found)
            is_cut = is_cut or len(edge) > room or len(steps) == _MOST_LINKS
            edge = edge[:room]
            found.update(dict.fromkeys(edge))
            links.update(dict.fromkeys(steps))
    return list(found), list(links), is_cut


def _boxes(store: Store, ids: list[str], start: str) -> dict[str, Box]:
    names = names_of(store, ids)
    rows = store.rows(
        "select id, category, subtype from lineage_node where id in (select value from json_each(?))", id_list(ids)
    )
    return {
        id: Box(
            id, names.get(id, id), _short(names.get(id, id)), subtype_words(subtype), category.lower(),
            item_path(id) if id in names else "", id == start,
        )
        for id, category, subtype in rows
    }  # fmt: skip


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"


def _draw(told: Neighbourhood, boxes: dict[str, Box], links: list[Link]) -> None:
    """Lay the items out: each in a column to the right of all its causes, and in a row near what it is linked to."""
    column = _columns(boxes, links)
    rows: list[list[Box]] = [[] for _ in range(max(column.values()) + 1)]
    for box in boxes.values():
        rows[column[box.id]].append(box)
    chains: list[tuple[Link, list[Box]]] = []
    pairs: list[tuple[Box, Box]] = []
    for link in links:
        left, right = sorted((link.target, link.source), key=column.__getitem__)
        chain = [boxes[left]]
        for number in range(column[left] + 1, column[right]):
            chain.append(Box("", height=_THIN))
            rows[number].append(chain[-1])
        chain.append(boxes[right])
        pairs += pairwise(chain)
        chains.append((link, chain if left == link.target else chain[::-1]))
    _untangle(rows, pairs)
    heights = [sum(box.height + _DOWN for box in one) - _DOWN for one in rows]
    told.height = max(heights) + 2 * _MARGIN
    told.width = len(rows) * (_WIDTH + _ACROSS) - _ACROSS + 2 * _MARGIN
    for number, (one, height) in enumerate(zip(rows, heights, strict=True)):
        y = (told.height - height) / 2
        for box in one:
            box.x, box.y = _MARGIN + number * (_WIDTH + _ACROSS), y
            y += box.height + _DOWN
    told.boxes = [box for one in rows for box in one if box.id]
    told.lines = [
        Line(_curve(chain[::-1]), _words(link.type), boxes[link.source], boxes[link.target]) for link, chain in chains
    ]


def _columns(boxes: dict[str, Box], links: list[Link]) -> dict[str, int]:
    """The longest way that each item is from the first causes. Links that close a circle count for nothing."""
    causes: dict[str, list[str]] = {id: [] for id in boxes}
    for link in links:
        causes[link.source].append(link.target)
    column: dict[str, int] = {}
    for first in boxes:
        way: list[tuple[str, int]] = [(first, 0)]
        on_way = {first}
        while way:
            id, number = way[-1]
            if id in column or number == len(causes[id]):
                known = [column[cause] for cause in causes[id] if cause in column]
                column.setdefault(id, max(known, default=-1) + 1)
                way.pop()
                on_way.discard(id)
                continue
            way[-1] = (id, number + 1)
            cause = causes[id][number]
            if cause not in column and cause not in on_way:
                way.append((cause, 0))
                on_way.add(cause)
    # An item without causes stands beside its first effect, and not at the far left.
    for id in boxes:
        effects = [column[link.source] for link in links if link.target == id and column[link.source] > column[id]]
        if not causes[id] and effects:
            column[id] = min(effects) - 1
    return column


def _untangle(rows: list[list[Box]], pairs: list[tuple[Box, Box]]) -> None:
    """Sort each column by the middle of what its boxes are linked to in the next one, there and back."""
    beside: dict[int, list[Box]] = {}
    for left, right in pairs:
        beside.setdefault(id(left), []).append(right)
        beside.setdefault(id(right), []).append(left)
    column = {id(box): number for number, one in enumerate(rows) for box in one}
    for sweep in range(_SWEEPS):
        step = 1 if sweep % 2 == 0 else -1
        positions = {id(box): position / max(1, len(one)) for one in rows for position, box in enumerate(one)}
        for number in range(len(rows))[::step]:
            middles = {}
            for box in rows[number]:
                near = [positions[id(other)] for other in beside.get(id(box), []) if column[id(other)] == number - step]
                middles[id(box)] = sum(near) / len(near) if near else positions[id(box)]
            rows[number].sort(key=lambda box: middles[id(box)])
            positions.update(
                {id(box): position / max(1, len(rows[number])) for position, box in enumerate(rows[number])}
            )


def _curve(chain: list[Box]) -> str:
    """A line through boxes, from the first to the last, as an SVG path."""
    told = ""
    for here, there in pairwise(chain):
        leftwards = there.x < here.x
        x1, x2 = (here.x, there.x + there.width) if leftwards else (here.x + here.width, there.x)
        y1, y2 = here.y + here.height / 2, there.y + there.height / 2
        bend = (x1 + x2) / 2
        told += f"{'L' if told else 'M'}{x1:g} {y1:g}C{bend:g} {y1:g} {bend:g} {y2:g} {x2:g} {y2:g}"
    return told


def _words(type: str) -> str:
    """A relation as words: `wasGeneratedBy` reads `was generated by`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type).lower()
