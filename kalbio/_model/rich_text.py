"""Rich-text documents: the form in which the platform keeps descriptions and comments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from kalbio._core.argument_errors import ArgumentError
from kalbio._core.objects.checks import require_text
from kalbio._core.text.display import safe_repr

RichText: TypeAlias = dict[str, Any] | str
"""A rich-text document; plain text stands for one of a paragraph for each line."""

_OF_ONE_LINE = frozenset({"paragraph", "heading", "codeBlock"})


def check_rich_text(name: str, value: Any) -> None:
    """Raise ValueError naming the argument when a value is neither a document nor text that says something."""
    if isinstance(value, str):
        require_text(name, value)
    elif not isinstance(value, Mapping):
        raise ArgumentError(f"{name} must be text, or a dict with a rich-text document; got {safe_repr(value)}")


def document_of(value: Any) -> Any:
    """Return the document for plain text: a paragraph for each line. Anything else is returned as it is."""
    if not isinstance(value, str):
        return value
    return {"type": "doc", "content": [_paragraph(line) for line in value.splitlines()]}


def _paragraph(line: str) -> dict[str, Any]:
    # An empty one has no content, and texts in it are never empty.
    return {"type": "paragraph", **({"content": [{"type": "text", "text": line}]} if line else {})}


def plain_text(document: Any) -> str:
    """Return what a document says, a line for each paragraph; formatting, images and the like are left out."""
    parts: list[str] = []
    # What is still to be read, the next at the end: a document from elsewhere may be nested deeper than calls can be.
    left: list[Any] = [document]
    while left:
        node = left.pop()
        if node == "\n":
            parts.append(node)
        if not isinstance(node, Mapping):
            continue
        kind, attributes, inner = node.get("type"), node.get("attrs"), node.get("content")
        if kind == "text":
            parts.append(str(node.get("text", "")))
        elif kind == "hardBreak":
            parts.append("\n")
        elif kind == "mention" and isinstance(attributes, Mapping):
            parts.append(f"@{attributes.get('label') or attributes.get('id')}")
        elif kind in _OF_ONE_LINE:
            left.append("\n")
        if isinstance(inner, list):
            left += [item for item in reversed(inner) if isinstance(item, Mapping)]
    return "".join(parts).removesuffix("\n")
