"""Reads the description of an API."""

from __future__ import annotations

import io
import json
import re
from typing import Any

import yaml

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
"""What can be the name of a file, a module and a package."""


class SpecError(Exception):
    """The description of an API cannot be used; the text says why."""


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # in C where there is one
    """YAML as JSON: `no`, `on` and dates are text, as in YAML 1.2, and a key given twice is an error."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - declared so upstream

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Builds the mapping, after a look for repeated keys."""
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                line = key_node.start_mark.line + 1
                raise SpecError(f"{key_node.start_mark.name}, line {line}: the key {key!r} is given twice")
            seen.add(key)
        made: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        return made


for _tag, _pattern, _first in (
    ("bool", r"true|false", "tf"),
    ("null", r"null|~|", ["n", "~", ""]),
    ("int", r"-?(0|[1-9][0-9]*)", "-0123456789"),
    ("float", r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?", "-0123456789"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), list(_first))


def load(text: str, name: str = "openapi.yaml") -> dict[str, Any]:
    """The API description as it would be in JSON. `name` is that of its file, for the texts of errors."""
    stream = io.StringIO(text)
    stream.name = name
    try:
        spec = json.loads(json.dumps(yaml.load(stream, Loader=_Loader)))  # noqa: S506 - a subclass of SafeLoader
    except (yaml.YAMLError, TypeError, ValueError) as error:
        raise SpecError(f"{name} cannot be read: {error}") from error
    if not isinstance(spec, dict):
        raise SpecError(f"{name} does not hold an object")
    return spec
