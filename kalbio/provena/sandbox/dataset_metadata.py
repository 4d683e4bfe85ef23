"""The metadata of datasets: what is wrong with them against their form, and what the data store objects to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import Any

from kalbio._core.emulator.refusals import Code, Problem, Refusal
from kalbio._core.emulator.strict_json import Document, Json
from kalbio.provena.sandbox.contract import load_contract
from kalbio.provena.sandbox.items import ITEM
from kalbio.provena.sandbox.store import Store

_Found = Iterator[tuple[tuple[str | int, ...], str, str]]

_FORM = "CollectionFormat"
_URL = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://.")
_DURATION = re.compile(
    r"P(?!$)(\d+(\.\d+)?Y)?(\d+(\.\d+)?M)?(\d+(\.\d+)?W)?(\d+(\.\d+)?D)?"
    r"(T(?=\d)(\d+(\.\d+)?H)?(\d+(\.\d+)?M)?(\d+(\.\d+)?S)?)?"
)
_EWKT = re.compile(
    r"SRID=(\d+);\s*(POINT|LINESTRING|POLYGON|MULTIPOINT|MULTILINESTRING|MULTIPOLYGON|GEOMETRYCOLLECTION)\s*Z?\s*\(.+\)",
    re.DOTALL | re.IGNORECASE,
)
_SPATIAL_SYSTEMS = frozenset({2193, 3031, 3112, 3577, 3857, 4283, 4326, 7843, 7844, *range(28348, 28359),
                              *range(32601, 32661), *range(32701, 32761)})  # fmt: skip
"""The reference systems that the stand-in knows: the usual ones of the world, Australia and New Zealand."""

_WITHOUT_CONSENT = {
    "ethics_registration": "You cannot register a dataset which contains data subject to ethics and privacy concerns "
    "without appropriate permissions and consent for it's registration.",
    "ethics_access": "You cannot register a dataset which contains data subject to ethics and privacy concerns without "
    "appropriate permissions and consent for access to it.",
    "indigenous_knowledge": "You cannot register a dataset which contains Indigenous Knowledge without consent and "
    "permissions.",
    "export_controls": "You have marked this dataset as being subject to export controls but have not performed the "
    "necessary due diligence checks and acquired approvals. The dataset cannot be registered.",
}
_NEEDLESS_CONSENT = (
    "The dataset was marked as not containing sensitive data but has obtained consents. Please update the dataset to "
    "indicate whether it is subject to {}."
)
_REFERENCES = (
    ("associations", "organisation_id", "ORGANISATION", "Author Organisation ID"),
    ("dataset_info", "publisher_id", "ORGANISATION", "Publisher ID"),
    ("associations", "data_custodian_id", "PERSON", "Data Custodian ID"),
)


def require_form(metadata: Document) -> None:
    """Refuse metadata that do not have the form of those of a dataset."""
    problems = tuple(Problem(("body", *location), text, rule) for location, text, rule in _find_wrong(metadata))
    if problems:
        raise Refusal(422, "the metadata are wrong", code=Code.INVALID_BODY, problems=problems)


def complete(metadata: Document) -> Document:
    """Metadata with all of their members: those that were not given are null, or what they are by default."""
    done: Document = _completed(metadata, _schema(_FORM))
    return done


def find_objection(store: Store, metadata: Document) -> str | None:
    """What keeps metadata of the right form from being registered, None when nothing does."""
    text = next(_find_wrong_values(metadata), None)
    if text is not None:
        return f"Failed field value validation. Error: {text}"
    for part, member, subtype, noun in _REFERENCES:
        id = metadata[part].get(member)
        if id is not None and (text := _find_reference_objection(store, id, subtype, noun)) is not None:
            return f"Registry API responded with an error during validation, error: Validation Error: {text}."
    return None


def hidden_member(metadata: Document) -> str | None:
    """The member that the form has, and that nobody may give."""
    return "version" if metadata["dataset_info"].get("version") is not None else None


# the form


def _find_wrong(metadata: Document) -> _Found:
    yield from _find_strange(metadata, _schema(_FORM), ())
    info = metadata["dataset_info"]
    access = info["access_info"]
    location: tuple[str | int, ...] = ("dataset_info", "access_info", "__root__")
    for member, noun in (("uri", "a URI for external access"), ("description", "a description of external access")):
        given = access.get(member) is not None
        if access.get("reposited", True) and given:
            yield location, f"Cannot provide {noun} if data is reposited in the Data Store.", "value_error"
        elif not access.get("reposited", True) and not given:
            yield location, f"Must provide {noun} if data is not reposited in the Data Store.", "value_error"
    for member in ("created_date", "published_date"):
        yield from _find_wrong_date(info[member], ("dataset_info", member))
    if not _URL.match(info["license"]):
        yield ("dataset_info", "license"), "invalid or missing URL scheme", "value_error.url.scheme"
    spatial, temporal = info.get("spatial_info") or {}, info.get("temporal_info") or {}
    if (resolution := spatial.get("resolution")) is not None and not _is_positive(resolution):
        text = "Invalid spatial resolution. The value must conform to the Decimal Degrees format."
        yield ("dataset_info", "spatial_info", "resolution"), text, "value_error"
    if (period := temporal.get("resolution")) is not None and not _DURATION.fullmatch(period):
        text = "Invalid temporal resolution. The value must be an ISO 8601 duration."
        yield ("dataset_info", "temporal_info", "resolution"), text, "value_error"
    if (duration := temporal.get("duration")) is not None:
        yield from _find_wrong_duration(duration)


def _find_wrong_date(given: Document, location: tuple[str | int, ...]) -> _Found:
    relevant, value = given.get("relevant", False), given.get("value")
    if value is not None and _day(value) is None:
        yield (*location, "value"), "invalid date format", "value_error.date"
    elif relevant and value is None:
        yield (*location, "__root__"), "Must provide a date if the relevant field is set to True.", "value_error"
    elif not relevant and value is not None:
        yield (*location, "__root__"), "Cannot provide a date if the relevant field is set to False.", "value_error"


def _find_wrong_duration(duration: Document) -> _Found:
    location = ("dataset_info", "temporal_info", "duration")
    ends = [_day(duration[name]) for name in ("begin_date", "end_date")]
    for name, day in zip(("begin_date", "end_date"), ends, strict=True):
        if day is None:
            yield (*location, name), "invalid date format", "value_error.date"
    begin, end = ends
    if begin is not None and end is not None and begin > end:
        yield (*location, "__root__"), "The begin date must not be after the end date.", "value_error"


def _find_strange(value: Json, schema: Document, location: tuple[str | int, ...]) -> _Found:
    """Members that the form does not have, and texts that are empty."""
    if value == "":
        yield location, "ensure this value has at least 1 characters", "value_error.any_str.min_length"
    elif isinstance(value, list):
        for index, one in enumerate(value):
            yield from _find_strange(one, {}, (*location, index))
    elif isinstance(value, dict) and (known := schema.get("properties")):
        for name, one in value.items():
            if name not in known:
                yield (*location, name), "extra fields not permitted", "value_error.extra"
            else:
                yield from _find_strange(one, _resolved(known[name]), (*location, name))


def _completed(value: Json, schema: Document) -> Any:
    known = schema.get("properties")
    if not isinstance(value, dict) or not known:
        return value
    done = {}
    for name, member in known.items():
        if (given := value.get(name)) is not None:
            done[name] = _completed(given, _resolved(member))
        else:
            # Of the members that are no text, `reposited` alone is true by default.
            done[name] = name == "reposited" if member.get("type") == "boolean" else None
    return done


def _schema(name: str) -> Document:
    found: Document = load_contract().spec["components"]["schemas"][name]
    return found


def _resolved(schema: Document) -> Document:
    """A schema without its references, and without its being nullable."""
    for one in schema.get("anyOf", ()):
        if "$ref" in one:
            return _resolved(one)
    return _schema(schema["$ref"].rpartition("/")[2]) if "$ref" in schema else schema


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _is_positive(text: str) -> bool:
    try:
        return 0 < float(text) < float("inf")
    except ValueError:
        return False


# what stands in it


def _find_wrong_values(metadata: Document) -> Iterator[str]:
    for name, text in _WITHOUT_CONSENT.items():
        check = metadata["approvals"][name]
        relevant, obtained = check.get("relevant", False), check.get("obtained", False)
        if relevant and not obtained:
            yield text
        elif obtained and not relevant:
            yield _NEEDLESS_CONSENT.format(name.replace("_", " "))
    info = metadata["dataset_info"]
    created, published = info["created_date"].get("value"), info["published_date"].get("value")
    if created is not None and published is not None and published < created:
        yield "The published date cannot be before the creation date."
    for member in ("coverage", "extent"):
        geometry = (info.get("spatial_info") or {}).get(member)
        if geometry is not None and not _is_geometry(geometry):
            yield f"Invalid spatial {member}: it must be SRID=<number>;<WKT>, with a known reference system."


def _is_geometry(text: str) -> bool:
    found = _EWKT.fullmatch(text.strip())
    return found is not None and int(found[1]) in _SPATIAL_SYSTEMS


def _find_reference_objection(store: Store, id: str, subtype: str, noun: str) -> str | None:
    item = store.get(ITEM, id)
    if item is None:
        return f"Could not find {noun} with ID {id} in registry. Please ensure it exists."
    if item["item_subtype"] != subtype:
        return f"Existing item {id} could not be parsed as correct item type: it is no {subtype}."
    return None
