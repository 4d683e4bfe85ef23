"""An extension of the documentation build: shows the members of API objects and of enumerations, and examples as code.

The members of API objects are descriptors: `title = text("Its title.")` in a class becomes a documented
attribute of the type that `text` reads.
"""

from __future__ import annotations

import ast
import re
from typing import Any

import griffe  # type: ignore[import-not-found]  # part of the documentation's environment, not of the development's

_TYPES = {
    "anything": "Any",
    "flag": "bool | None",
    "flag_or_false": "bool",
    "list_of_anything": "list[Any]",
    "mapping": "dict[str, Any]",
    "number": "int | None",
    "text": "str | None",
    "text_or_empty": "str",
    "texts": "list[str]",
    "texts_or_none": "list[str] | None",
    "timestamp": "datetime | None",
}
_TYPES_OF_OBJECTS = {"objects": "list[{}]", "optional_object": "{} | None"}


_OF_EVERY_OBJECT = ("__init__", "clear_caches", "is_stale", "raw", "to_dict", "to_json")


class FieldDocs(griffe.Extension):  # type: ignore[misc]
    """Takes the documentation of such attributes from their values."""

    def on_instance(self, *, obj: Any, **_: Any) -> None:
        """Give examples the heading under which they are read as code, and not as quotations."""
        if obj.docstring is not None:
            obj.docstring.value = re.sub(r"^Example:$", "Examples:", obj.docstring.value, flags=re.MULTILINE)

    def on_class_members(self, *, cls: Any, **_: Any) -> None:
        """Leave out special methods, and what every object has: the guide says it once.

        What `__init__` sets stands in the text of the class already.
        """
        if any(str(base) == "StrEnum" for base in cls.bases):
            _list_members(cls)
        base = cls.path == "kalbio._core.objects.resource.Resource"
        for name in list(cls.members):
            special = name.startswith("_") and name != "__init__"
            if special or _set_in_init(cls.members[name]) or (base and name in _OF_EVERY_OBJECT):
                del cls.members[name]

    def on_attribute_instance(self, *, node: Any, attr: Any, **_: Any) -> None:
        """Look at one attribute of the source."""
        call = getattr(node, "value", None)
        if attr.parent is None or not attr.parent.is_class or not isinstance(call, ast.Call):
            return
        function = call.func.id if isinstance(call.func, ast.Name) else None
        arguments = [ast.unparse(item) for item in call.args]
        if function in _TYPES and arguments:
            attr.annotation = _TYPES[function]
        elif function in _TYPES_OF_OBJECTS and len(arguments) == 2:
            attr.annotation = _TYPES_OF_OBJECTS[function].format(arguments[0])
        else:
            return
        attr.docstring = griffe.Docstring(ast.literal_eval(arguments[-1]), parent=attr)
        attr.value = None


def _list_members(enumeration: Any) -> None:
    """Put the members into the text, since forty headings would say no more."""
    members = [item for item in enumeration.members.values() if item.is_attribute and item.value is not None]
    rows = [f"| `{item.name}` | `{ast.literal_eval(str(item.value))}` |" for item in members]
    enumeration.docstring.value += "\n\n" + "\n".join(["| member | text |", "|---|---|", *rows])
    for item in members:
        del enumeration.members[item.name]


def _set_in_init(member: Any) -> bool:
    return bool(member.is_attribute and member.value is not None and "class-attribute" not in member.labels)
