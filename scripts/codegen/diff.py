"""Tells what changed between two API descriptions, in words, and which changes break callers.

The direction decides: a caller is broken when a request that was good is refused, or when an answer no longer holds
what it held. An enum value more in an answer breaks nobody, because clients keep values that they do not know.
"""

from __future__ import annotations

import json
from typing import Any, Literal, NamedTuple

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
UPPER_LIMITS = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
LOWER_LIMITS = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
ANY_TYPE = frozenset({"array", "boolean", "integer", "null", "number", "object", "string"})

Json = dict[str, Any]
Direction = Literal["request", "response"]


class Change(NamedTuple):
    """One difference, in words."""

    breaking: bool
    text: str


def diff(old: Json, new: Json) -> list[Change]:
    """Every difference that a user of the API can notice, breaking ones first."""
    return _Comparison(old, new).changes()


def report(changes: list[Change]) -> str:
    """The changes as text."""
    lines = []
    for breaking, heading in ((True, "Breaking"), (False, "Not breaking")):
        texts = [change.text for change in changes if change.breaking is breaking]
        if texts:
            lines += [heading, *(f"  {text}" for text in texts)]
    return "\n".join(lines) or "No change in the API."


class _Comparison:
    def __init__(self, old: Json, new: Json) -> None:
        self._old = old
        self._new = new
        self._found: dict[str, bool] = {}
        self._seen: set[tuple[str, str, Direction]] = set()

    def changes(self) -> list[Change]:
        old, new = _operations(self._old), _operations(self._new)
        place = {(op["method"], op["path"]): name for name, op in new.items()}
        for name, op in old.items():
            where = f"({op['method']} {op['path']})"
            renamed = place.get((op["method"], op["path"]))
            if name in new:
                self._operation(name, op, new[name])
            elif renamed is not None and renamed not in old:
                self._note(True, f"operation renamed: {name} is now {renamed} {where}")
                self._operation(renamed, op, new[renamed])
            else:
                self._note(True, f"operation removed: {name} {where}")
        came_by_rename = {place.get((op["method"], op["path"])) for name, op in old.items() if name not in new}
        for name, op in new.items():
            if name not in old and name not in came_by_rename:
                self._note(False, f"operation added: {name} ({op['method']} {op['path']})")
        if self._old.get("servers") != self._new.get("servers"):
            self._note(False, "the list of servers changed")
        return sorted((Change(breaking, text) for text, breaking in self._found.items()), key=lambda c: not c.breaking)

    def _note(self, breaking: bool, text: str) -> None:
        # One schema can serve requests and answers: what breaks one of them breaks.
        self._found[text] = self._found.get(text, False) or breaking

    def _operation(self, name: str, old: Json, new: Json) -> None:
        if (old["method"], old["path"]) != (new["method"], new["path"]):
            places = f"{old['method']} {old['path']} is now {new['method']} {new['path']}"
            self._note(True, f"operation moved: {name} ({places})")
        if old.get("tags") != new.get("tags"):
            self._note(True, f"tag of {name} changed, and with it the module: {old.get('tags')} -> {new.get('tags')}")
        if old["security"] != new["security"]:
            self._note(True, f"authentication of {name} changed")
        if new.get("deprecated") and not old.get("deprecated"):
            self._note(False, f"operation deprecated: {name}")
        for key, meaning in (("x-idempotent", "whether it may be repeated"), ("x-unconfirmed", "whether confirmed")):
            if old.get(key) != new.get(key):
                self._note(False, f"{name}: {meaning} changed ({key}: {old.get(key)} -> {new.get(key)})")
        self._parameters(name, old, new)
        # What a webhook brings is to its receiver what an answer is to a caller.
        direction: Direction = "response" if new["path"].startswith("webhook ") else "request"
        bodies = _resolve(self._old, old.get("requestBody")), _resolve(self._new, new.get("requestBody"))
        self._body(name, *bodies, direction)
        self._responses(name, old.get("responses", {}), new.get("responses", {}))

    def _parameters(self, name: str, old_op: Json, new_op: Json) -> None:
        old = {(p["in"], p["name"]): p for p in (_resolve(self._old, p) for p in old_op["parameters"])}
        new = {(p["in"], p["name"]): p for p in (_resolve(self._new, p) for p in new_op["parameters"])}
        for key, parameter in old.items():
            label = f"{name} parameter {key[1]} (in {key[0]})"
            if key not in new:
                self._note(True, f"parameter removed from {name}: {key[1]} (in {key[0]})")
                continue
            self._required(label, bool(parameter.get("required")), bool(new[key].get("required")), "request")
            self._schema(label, parameter.get("schema", {}), new[key].get("schema", {}), "request")
        for key, parameter in new.items():
            if key not in old:
                required = bool(parameter.get("required"))
                kind = "required parameter" if required else "parameter"
                self._note(required, f"{kind} added to {name}: {key[1]} (in {key[0]})")

    def _body(self, name: str, old: Json, new: Json, direction: Direction) -> None:
        if not old and not new:
            return
        if not new:
            self._note(True, f"request body removed from {name}")
        elif not old:
            required = bool(new.get("required"))
            self._note(required, f"{'required ' if required else ''}request body added to {name}")
        else:
            label = f"request body of {name}"
            self._required(label, bool(old.get("required")), bool(new.get("required")), direction)
            self._content(label, old, new, direction)

    def _responses(self, name: str, old: Json, new: Json) -> None:
        for status in [*old, *(status for status in new if status not in old)]:
            if status not in new:
                self._note(True, f"answer {status} removed from {name}")
            elif status not in old:
                self._note(False, f"answer {status} added to {name}")
            else:
                before, after = _resolve(self._old, old[status]), _resolve(self._new, new[status])
                self._content(f"answer {status} of {name}", before, after, "response")

    def _content(self, label: str, old_holder: Json, new_holder: Json, direction: Direction) -> None:
        old, new = old_holder.get("content", {}), new_holder.get("content", {})
        for media in [*old, *(media for media in new if media not in old)]:
            if media not in new:
                self._note(True, f"{label} is no longer {media}")
            elif media not in old:
                # An answer in a form that was not there before surprises, a further form to send does not.
                self._note(direction == "response", f"{label} may now be {media}")
            else:
                self._schema(label, old[media].get("schema", {}), new[media].get("schema", {}), direction)

    def _required(self, label: str, old: bool, new: bool, direction: Direction) -> None:
        if new and not old:
            self._note(direction == "request", f"{label} became required")
        elif old and not new:
            self._note(direction == "response", f"{label} became optional")

    def _schema(self, label: str, old: Any, new: Any, direction: Direction) -> None:
        old, new = _as_object(old), _as_object(new)
        old_name, new_name = _name(old), _name(new)
        if old_name and new_name:
            if old_name != new_name:
                self._note(True, f"{label} is now a {new_name}, was a {old_name}")
            if (old_name, new_name, direction) in self._seen:
                return
            self._seen.add((old_name, new_name, direction))
            label = new_name
        old, new = _flat(self._old, old), _flat(self._new, new)
        self._types(label, old, new, direction)
        self._enum(label, old.get("enum"), new.get("enum"), direction)
        self._limits(label, old, new, direction)
        self._properties(label, old, new, direction)
        self._variants(label, old["variants"], new["variants"], direction)
        for key, suffix in (("items", "[]"), ("additionalProperties", "{}"), ("contentSchema", " (JSON text)")):
            before, after = old.get(key, True), new.get(key, True)
            if key == "additionalProperties" and (before is False) != (after is False):
                if direction == "request":
                    verb = "no longer takes" if after is False else "now takes"
                    self._note(after is False, f"{label} {verb} fields that are not described")
            elif key in old.keys() | new.keys() and before is not False and after is not False:
                self._schema(label + suffix, before, after, direction)

    def _types(self, label: str, old: Json, new: Json, direction: Direction) -> None:
        gone, come = _wide(old["types"]) - _wide(new["types"]), _wide(new["types"]) - _wide(old["types"])
        if gone or come:
            words = f"{_words(old['types'])} -> {_words(new['types'])}"
            self._note(bool(gone if direction == "request" else come), f"type of {label} changed: {words}")
        for key in ("format", "contentMediaType"):
            if old.get(key) != new.get(key):
                words = f"{old.get(key, 'none')} -> {new.get(key, 'none')}"
                self._note(True, f"{key} of {label} changed: {words}")

    def _enum(self, label: str, old: list[Any] | None, new: list[Any] | None, direction: Direction) -> None:
        if old is None or new is None:
            if new is not None:
                self._note(direction == "request", f"{label} is now limited to {json.dumps(new)}")
            elif old is not None:
                self._note(False, f"{label} is no longer limited to {json.dumps(old)}")
            return
        for value in old:
            if value not in new:
                self._note(direction == "request", f"enum value removed from {label}: {json.dumps(value)}")
        for value in new:
            if value not in old:
                self._note(False, f"enum value added to {label}: {json.dumps(value)}")

    def _limits(self, label: str, old: Json, new: Json, direction: Direction) -> None:
        if direction == "response":
            return
        for key in (*UPPER_LIMITS, *LOWER_LIMITS, "pattern", "uniqueItems", "default"):
            before, after = old.get(key), new.get(key)
            if before == after:
                continue
            tighter = after is not None and key != "default"
            if tighter and before is not None and key in UPPER_LIMITS:
                tighter = after < before
            elif tighter and before is not None and key in LOWER_LIMITS:
                tighter = after > before
            self._note(tighter, f"{key} of {label} changed: {json.dumps(before)} -> {json.dumps(after)}")

    def _properties(self, label: str, old: Json, new: Json, direction: Direction) -> None:
        before, after = old["properties"], new["properties"]
        for name in before:
            if name not in after:
                self._note(True, f"field removed from {label}: {name}")
                continue
            self._required(f"{label}.{name}", name in old["required"], name in new["required"], direction)
            self._schema(f"{label}.{name}", before[name], after[name], direction)
        for name in after:
            if name not in before:
                breaking = direction == "request" and name in new["required"]
                self._note(breaking, f"{'required ' if breaking else ''}field added to {label}: {name}")

    def _variants(self, label: str, old: dict[str, Any], new: dict[str, Any], direction: Direction) -> None:
        for key in [*old, *(key for key in new if key not in old)]:
            if key not in new:
                self._note(direction == "request", f"{label} can no longer be {key}")
            elif key not in old:
                self._note(direction == "response", f"{label} can now be {key}")
            else:
                self._schema(label, old[key], new[key], direction)


def _operations(spec: Json) -> dict[str, Json]:
    """The operations by their id, each with its method, its path, and what it inherits."""
    found = {}
    webhooks = {f"webhook {name}": item for name, item in spec.get("webhooks", {}).items()}
    for path, item in {**spec.get("paths", {}), **webhooks}.items():
        for method in METHODS:
            if method in item:
                operation = dict(item[method])
                own = operation.get("parameters", [])
                keys = {(p.get("in"), p.get("name")) for p in (_resolve(spec, p) for p in own)}
                shared = [
                    p
                    for p in item.get("parameters", [])
                    if (_resolve(spec, p).get("in"), _resolve(spec, p).get("name")) not in keys
                ]
                operation |= {"method": method.upper(), "path": path, "parameters": [*shared, *own]}
                operation["security"] = operation.get("security", spec.get("security"))
                found[operation.get("operationId", f"{method.upper()} {path}")] = operation
    return found


def _resolve(spec: Json, node: Any) -> Json:
    """What the node refers to, with what stands beside the reference."""
    seen = set()
    while isinstance(node, dict) and "$ref" in node and node["$ref"] not in seen:
        seen.add(node["$ref"])
        target: Any = spec
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target.get(part.replace("~1", "/").replace("~0", "~"), {})
        node = target if len(node) == 1 else {**target, **{key: value for key, value in node.items() if key != "$ref"}}
    return node if isinstance(node, dict) else {}


def _as_object(schema: Any) -> Json:
    return schema if isinstance(schema, dict) else {}


def _name(schema: Json) -> str:
    """The name of the component that the schema is, apart from being null."""
    options = [option for option in (*schema.get("oneOf", []), *schema.get("anyOf", [])) if not _is_null(option)]
    if len(options) == 1 and isinstance(options[0], dict):
        return _name(options[0])
    reference = schema.get("$ref", "")
    return str(reference).rsplit("/", 1)[-1]


def _is_null(schema: Any) -> bool:
    return isinstance(schema, dict) and schema.get("type") == "null"


def _flat(spec: Json, schema: Json, depth: int = 0) -> Json:
    """The schema with references followed and `allOf` merged; its types, fields and variants under fixed names."""
    schema = dict(_resolve(spec, schema))
    flat: Json = {
        **schema,
        "properties": dict(schema.get("properties", {})),
        "required": set(schema.get("required", [])),
    }
    types = schema.get("type", [])
    types = frozenset(types if isinstance(types, list) else [types])
    variants: dict[str, Any] = {}
    options = [*schema.get("oneOf", []), *schema.get("anyOf", [])]
    solid = [option for option in options if not _is_null(option)]
    if options:
        parts = [_flat(spec, option, depth + 1) for option in options] if depth < 8 else []
        types = frozenset().union(*(part["types"] for part in parts)) if all(p["types"] for p in parts) else frozenset()
    if len(solid) == 1:
        flat = {**flat, **_flat(spec, solid[0], depth + 1)}
        variants = flat["variants"]
    else:
        for option in solid:
            variants[_name(option) or _words(_flat(spec, option, depth + 1)["types"])] = option
    for part in schema.get("allOf", []) if depth < 8 else []:
        merged = _flat(spec, part, depth + 1)
        flat = {**merged, **flat, "properties": {**merged["properties"], **flat["properties"]}}
        flat["required"] = flat["required"] | merged["required"]
        types = types or merged["types"]
        variants = {**merged["variants"], **variants}
    if "const" in schema:
        flat["enum"] = [schema["const"]]
    return {**flat, "types": types, "variants": variants}


def _wide(types: frozenset[str]) -> frozenset[str]:
    """The types with what they include: no type means any, and a number may be an integer."""
    return (types | ({"integer"} if "number" in types else set())) if types else ANY_TYPE


def _words(types: frozenset[str]) -> str:
    return " or ".join(sorted(types, key=lambda name: (name == "null", name))) or "anything"
