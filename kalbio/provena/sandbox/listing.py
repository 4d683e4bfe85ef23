"""Lists of items: a page is cut first, and what does not match is taken out of it then."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from kalbio._core.emulator.refusals import Code, Problem, Refusal
from kalbio._core.emulator.strict_json import Document
from kalbio.provena.sandbox import items
from kalbio.provena.sandbox.contract import find_violations
from kalbio.provena.sandbox.errors import failure, success
from kalbio.provena.sandbox.forms import shown
from kalbio.provena.sandbox.items import ITEM
from kalbio.provena.sandbox.links import person_of
from kalbio.provena.sandbox.registry import path_subtype
from kalbio.provena.sandbox.store import LISTED_BY, READ, Call, Routes, is_key, page_size

routes = Routes()

_BEGINS_WITH = "ACCESS_INFO_URI_BEGINS_WITH"
_SORTS = {
    "UPDATED_TIME": "updated_timestamp",
    "CREATED_TIME": "created_timestamp",
    "DISPLAY_NAME": "display_name",
    "RELEASE_TIMESTAMP": "release_timestamp",
    _BEGINS_WITH: "access_info_uri",
}
_FOR_ALL = frozenset({"UPDATED_TIME", "CREATED_TIME", "DISPLAY_NAME"})
_DEFAULT_SIZE = 20


@routes.operation("registryItemList", READ)
def list_items(call: Call) -> Document:
    """One page of a subtype, by what its items are."""
    return page_of(call, path_subtype(call))


def page_of(call: Call, subtype: str) -> Document:
    """The page of a subtype that the body asks for."""
    cut, key = _cut(call, "item_subtype", subtype)
    complete: list[Document] = []
    seeds: list[Document] = []
    broken: list[Document] = []
    hidden = 0
    for item in filter(_matching(call), cut):
        if not items.may_read(call.store, call.caller, item):
            hidden += 1
        elif item["record_type"] == "SEED_ITEM":
            seeds.append(shown(item))
        elif find_violations(subtype, item):
            broken.append(item)
        else:
            complete.append(shown(item))
    warning = failure(" WARNING at least one unparsable entity exists in the registry.")
    return {
        "status": warning if broken else success("The items were listed."),
        "items": complete,
        "seed_items": seeds,
        "unparsable_items": broken,
        "total_item_count": len(complete) + len(seeds) + len(broken),
        "complete_item_count": len(complete),
        "seed_item_count": len(seeds),
        "unparsable_item_count": len(broken),
        "not_authorised_count": hidden,
        "pagination_key": key,
    }


@routes.operation("registryGeneralList", READ)
def list_any(call: Call) -> Document:
    """One page of everything, or of one subtype, as it is stored."""
    wanted = call.body.get("filter_by") or {}
    if wanted.get("item_subtype") is not None:
        if wanted.get("release_status") is not None:
            raise _invalid("filter_by", "Cannot filter by both item_subtype and release_status")
        cut, key = _cut(call, "item_subtype", wanted["item_subtype"])
    elif wanted.get("release_reviewer") is not None:
        cut, key = _cut(call, "release_approver", wanted["release_reviewer"])
    else:
        cut, key = _cut(call, "universal_partition_key", "OK")
    found = _readable(call, cut)
    status = success("The items were listed.")
    return {"status": status, "items": found, "total_item_count": len(found), "pagination_key": key}


@routes.operation("registryEntityDatasetUserReleases", READ)
def list_releases(call: Call) -> Document:
    """One page of the datasets that the caller was asked to release."""
    reviewer = call.body["filter_by"].get("release_reviewer")
    if reviewer is None:
        raise Refusal(400, "release reviewer id must be specified inside of filter_by")
    own = person_of(call.store, call.caller.username)
    if own != reviewer:
        raise Refusal(
            403,
            "You can only search for your own dataset releases. User requesting is not the same as the release "
            f'reviewer id. requesting username and ID are "{call.caller.username}"" and "{own}". '
            f"Reviewer ID filter is {reviewer}.",
        )
    cut, key = _cut(call, "release_approver", reviewer)
    found = [shown(item) for item in _readable(call, cut)]
    status = success("The datasets were listed.")
    return {"status": status, "dataset_items": found, "total_dataset_count": len(found), "pagination_key": key}


def _readable(call: Call, cut: list[Document]) -> list[Document]:
    matches = _matching(call)
    return [item for item in cut if matches(item) and items.may_read(call.store, call.caller, item)]


def _matching(call: Call) -> Callable[[Document], bool]:
    wanted = call.body.get("filter_by") or {}
    if wanted.get("release_status") is not None:
        return lambda item: item.get("release_status") == wanted["release_status"]
    record_type = wanted.get("record_type", "COMPLETE_ONLY")
    unwanted = {"COMPLETE_ONLY": "SEED_ITEM", "SEED_ONLY": "COMPLETE_ITEM"}.get(record_type)
    return lambda item: item["record_type"] != unwanted


def _cut(call: Call, partition: str, value: str) -> tuple[list[Document], Document | None]:
    """The items of a page, those that will be taken out included, and where the next page begins."""
    body = call.body
    size, sorting = page_size(body.get("page_size", _DEFAULT_SIZE)), body.get("sort_by") or {}
    key = body.get("pagination_key")
    sort, begins_with = sorting.get("sort_type") or "UPDATED_TIME", sorting.get("begins_with")
    _check_sort(partition, sort, begins_with)
    if size < 1:
        message = f"Invalid value for parameter Limit, value: {size}, valid min value: 1"
        raise Refusal(500, f"Failed to query the database. Error: Parameter validation failed:\n{message}")
    member = _SORTS[sort]
    is_damaged = key is not None and (
        key.keys() != {"id", partition, member} or not all(is_key(value) for value in key.values())
    )
    if is_damaged:
        raise Refusal(500, "Failed to query the database. Error: An error occurred (500) when calling Query")
    ascending = bool(sorting.get("ascending", False))
    # Items without the member are not in its index.
    path, conditions = f"json_extract(body, '$.{member}')", ""
    values: list[Any] = []
    if partition == "item_subtype":
        conditions, values = " and parent = ?", [value]
    elif partition == "release_approver":
        conditions, values = " and json_extract(body, '$.release_approver') = ?", [value]
    if begins_with is not None:
        conditions, values = f"{conditions} and substr({path}, 1, ?) = ?", [*values, len(begins_with), begins_with]
    index = ""
    if member in LISTED_BY:  # left to itself, the database takes all items and sorts them
        index = f" indexed by item_{member}{'_of' if partition == 'item_subtype' else ''}"
    order, beyond = ("asc", ">") if ascending else ("desc", "<")

    def take(number: int, beyond_key: str = "", *where: Any) -> list[Document]:
        rows = call.store.rows(
            f"select body from document{index} "  # noqa: S608  names of ours
            f"where kind = '{ITEM}' and {path} is not null{conditions}{beyond_key} "
            f"order by {path} {order}, id {order} limit ?",
            *values, *where, number,
        )  # fmt: skip
        return [json.loads(row[0]) for row in rows]

    if key is None:
        found = take(size + 1)
    else:
        # Those of one value first, by their ids: the database has no use for an index where both are compared at once.
        found = take(size + 1, f" and {path} = ? and id {beyond} ?", key[member], key["id"])
        found += take(size + 1 - len(found), f" and {path} {beyond} ?", key[member])
    cut = found[:size]
    last = cut[-1] if len(found) > size else None
    return cut, None if last is None else {"id": last["id"], partition: value, member: last[member]}


def _check_sort(partition: str, sort: str, begins_with: str | None) -> None:
    if begins_with is not None and sort != _BEGINS_WITH:
        text = "Cannot filter by begins_with without specifying a valid sort_type."
        raise _invalid("sort_by", f"{text} Must be one of ['{_BEGINS_WITH}']")
    if begins_with is None and sort == _BEGINS_WITH:
        text = f"Cannot filter by begins-with sort_type SortType.{sort} without specifying a begins_with value"
        raise _invalid("sort_by", text)
    if partition == "release_approver" and sort == "UPDATED_TIME":
        # There is no such index in the tables of an installation either.
        text = "An error occurred (ResourceNotFoundException) when calling the Query operation: Invalid index"
        raise Refusal(500, f"Failed to query the database. Error: {text}")
    known = {"release_approver": {"RELEASE_TIMESTAMP"}, "item_subtype": {*_FOR_ALL, _BEGINS_WITH}}
    if sort not in known.get(partition, _FOR_ALL):
        filtered = "FilterType.ITEM_SUBTYPE" if partition == "item_subtype" else None
        raise Refusal(
            400,
            "Failed to generate query parameters. Error: Could not derive an index name for filter type "
            f"{filtered} and sort type SortType.{sort}. If attempting to sort items by some field belonging to only "
            "particular item subtypes, ensure to provide the item subtype filter to access its index, or utilise the "
            "specific list routes for the item subtype.",
        )


def _invalid(member: str, text: str) -> Refusal:
    problem = Problem(("body", member, "__root__"), text, "value_error")
    return Refusal(422, text, code=Code.INVALID_BODY, problems=(problem,))
