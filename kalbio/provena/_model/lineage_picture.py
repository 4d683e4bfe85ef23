"""A picture of lineage as SVG: causes on the left, what came of them to the right. It follows the theme of the page."""

from __future__ import annotations

import html
from collections.abc import Collection
from typing import NamedTuple

from kalbio._core.text.display import one_line

_WIDTH, _HEIGHT = 200, 44
_GAP_X, _GAP_Y = 90, 16
_LETTERS = 26
_SWEEPS = 4
_COLOURS = {"AGENT": "#d98a00", "ACTIVITY": "#3273c4", "ENTITY": "#2e9e5b"}


class Box(NamedTuple):
    """An item in a picture: two lines of text, and its category, which has a colour."""

    id: str
    first: str
    second: str
    category: str


class Arrow(NamedTuple):
    """A line from an effect to its cause, by their ids."""

    type: str
    source: str
    target: str


def draw(boxes: Collection[Box], arrows: Collection[Arrow], *, start: str) -> str:
    """Draw boxes and arrows; that of the start has a thicker edge."""
    columns = _columns([box.id for box in boxes], arrows)
    points = {
        id: (x * (_WIDTH + _GAP_X), y * (_HEIGHT + _GAP_Y))
        for x, column in enumerate(columns)
        for y, id in enumerate(column)
    }
    width = max(len(columns), 1) * (_WIDTH + _GAP_X) - _GAP_X + 2
    height = max(map(len, columns), default=1) * (_HEIGHT + _GAP_Y) - _GAP_Y + 2
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-1 -1 {width} {height}" width="{width}" height="{height}" '
        'font-family="sans-serif" font-size="12" fill="currentColor" role="img">',
        "<title>lineage</title>",
    ]
    for type, source, target in arrows:
        if source in points and target in points:
            parts.append(_line(type, points[source], points[target]))
    for id, first, second, category in boxes:
        x, y = points[id]
        colour = _COLOURS.get(category, "#888888")
        stroke = 2.5 if id == start else 1
        radius = _HEIGHT // 2 if category == "AGENT" else 5
        parts.append(
            f"<g><title>{_text(f'{first} {second}')}</title>"
            f'<rect x="{x}" y="{y}" width="{_WIDTH}" height="{_HEIGHT}" rx="{radius}" '
            f'fill="{colour}" fill-opacity="0.18" stroke="{colour}" stroke-width="{stroke}"/>'
            f'<text x="{x + _WIDTH // 2}" y="{y + 18}" text-anchor="middle">{_cut(first, _LETTERS)}</text>'
            f'<text x="{x + _WIDTH // 2}" y="{y + 34}" text-anchor="middle" font-size="9" fill-opacity="0.7">'
            f"{_cut(second, 2 * _LETTERS)}</text></g>"
        )
    parts.append("</svg>")
    return "".join(parts)


def _line(type: str, source: tuple[int, int], target: tuple[int, int]) -> str:
    """A curve from an effect to its cause, with an arrow there."""
    x1, y1 = source[0], source[1] + _HEIGHT // 2
    x2, y2 = target[0] + _WIDTH, target[1] + _HEIGHT // 2
    bend = max(abs(x1 - x2) // 2, _GAP_X // 2)
    line = f"M{x1} {y1}C{x1 - bend} {y1} {x2 + bend} {y2} {x2 + 6} {y2}"
    return (
        f'<g><title>{_text(type)}</title><path d="{line}" fill="none" stroke="currentColor" stroke-opacity="0.45"/>'
        f'<path d="M{x2} {y2}l8 -4v8z" fill-opacity="0.6"/><text x="{(x1 + x2) // 2}" y="{(y1 + y2) // 2 - 3}" '
        f'text-anchor="middle" font-size="8" fill-opacity="0.6">{_text(type)}</text></g>'
    )


def _columns(ids: Collection[str], arrows: Collection[Arrow]) -> list[list[str]]:
    """The ids, column by column: each item is to the right of all its causes, where there is no circle."""
    causes: dict[str, list[str]] = {id: [] for id in ids}
    effects: dict[str, list[str]] = {id: [] for id in ids}
    for _, source, target in arrows:
        if source in causes and target in causes:
            causes[source].append(target)
            effects[target].append(source)
    column_of: dict[str, int] = {}
    begun: set[str] = set()
    for first in causes:
        stack = [first]
        while stack:
            id = stack[-1]
            left = (
                [] if id in begun else [cause for cause in causes[id] if cause not in column_of and cause not in begun]
            )
            begun.add(id)
            if left:
                stack += left
                continue
            stack.pop()
            column_of[id] = 1 + max((column_of[cause] for cause in causes[id] if cause in column_of), default=-1)
    columns: list[list[str]] = [[] for _ in range(1 + max(column_of.values(), default=-1))]
    for id, number in column_of.items():
        columns[number].append(id)
    # Beside what they have to do with: the mean place of their neighbours, a few times there and back.
    for sweep in range(_SWEEPS):
        rows = {id: row for column in columns for row, id in enumerate(column)}
        near = causes if sweep % 2 == 0 else effects
        for members in columns:
            members.sort(key=lambda id: sum(rows[one] for one in near[id]) / len(near[id]) if near[id] else rows[id])
    return columns


def _cut(text: str, letters: int) -> str:
    return _text(text if len(text) <= letters else f"{text[: letters - 1]}…")


def _text(text: str) -> str:
    return html.escape(one_line(text))
