"""Draws ratios and their limits as SVG, by hand: a drawing library for a few bars would weigh more than the rest."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any, NamedTuple

_LEFT, _SCALE, _LINE, _TOP = 490, 170, 22, 44


class _Colours(NamedTuple):
    ground: str
    text: str
    soft: str
    line: str
    mark: str
    within: str
    above: str


_LIGHT = _Colours("#ffffff", "#000000", "#555555", "#999999", "#222222", "#3b7d4f", "#b3402e")
_DARK = _Colours("#1b1e21", "#e6e8ea", "#a0a7ad", "#6b7278", "#f4f5f6", "#4f9a66", "#cf5a47")


def draw(figures: Sequence[dict[str, Any]], *, dark: bool = False) -> str:
    """Return a bar for each ratio, and a mark where its limit is, for a light page or a dark one."""
    of = _DARK if dark else _LIGHT
    width, height = _LEFT + int(2.6 * _SCALE) + 20, _TOP + _LINE * len(figures) + 16
    one = _LEFT + _SCALE
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'font-family="system-ui, sans-serif" font-size="12" fill="{of.text}">',
        f'<rect width="{width}" height="{height}" fill="{of.ground}"/>',
        '<text x="8" y="20" font-weight="bold">Time and memory, as a ratio to httpx and orjson alone</text>',
        f'<text x="{one}" y="36" text-anchor="middle" fill="{of.soft}">1.0</text>',
        f'<line x1="{one}" y1="40" x2="{one}" y2="{height - 12}" stroke="{of.line}" stroke-dasharray="3 3"/>',
    ]
    for place, figure in enumerate(figures):
        y = _TOP + _LINE * place
        ratio, limit = figure["ratio"], figure["limit"]
        bar, mark = min(ratio, 2.6) * _SCALE, _LEFT + min(limit, 2.6) * _SCALE
        colour = of.within if ratio <= limit else of.above
        parts += [
            f'<text x="{_LEFT - 8}" y="{y + 13}" text-anchor="end">{escape(figure["work"])}</text>',
            f'<rect x="{_LEFT}" y="{y + 2}" width="{bar:.1f}" height="14" fill="{colour}"/>',
            f'<line x1="{mark:.1f}" y1="{y}" x2="{mark:.1f}" y2="{y + 18}" stroke="{of.mark}" stroke-width="2"/>',
            f'<text x="{_LEFT + bar + 5:.1f}" y="{y + 13}">{ratio:.2f}</text>',
        ]
    return "\n".join([*parts, "</svg>", ""])
