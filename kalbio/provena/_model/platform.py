"""Provena, as the floor needs to know it: how its servers tell what went wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from kalbio._core.auth.tokens import Grant
from kalbio._core.errors import ErrorBody
from kalbio._core.http.operation import OperationInfo
from kalbio._core.platform import Failure, Platform
from kalbio._version import __version__
from kalbio.provena._model.services import SERVICES

# What a 401 says about the token; anything else is about a role, an item or a lock, which no other token changes.
_ABOUT_TOKENS = ("Not authenticated", "Could not validate credentials", "Token had incorrect structure")

# How a service wraps the refusal of another one behind it.
_WRAPPED = re.compile(
    r"(?:Unexpected non|Non) 200 status code in .*?\. Status code: (?P<status>\d{3})\. Details: (?P<inner>.*)",
    re.DOTALL,
)

# How texts begin that say that what was asked for is not there. What is missing further inside, such as the template
# of a new workflow, makes the request a wrong one instead.
_NOT_THERE = re.compile(
    r"Could not find the given key"
    r"|Could not find item in table"
    r"|The id you specified was not available in the registry"
    r"|The registry API responded with status success False during dataset fetching\. "
    r"Details: Could not find the given key"
    r"|No group with id .* was found"
    r"|Tried to (?:delete|update) group with ID: .* but it does not exist"
    r"|Tried to (?:add|remove) .* but (?:no such group|the user) was (?:not )?found"
    r"|Failed to (?:check if locked\. No access provided\. Error: Failed to )?retrieve ID .* from the lock table"
    r"|Item \(id='.*'\) was not present in the registry"
    r"|Item was not found"
    r"|Registry fetch response id='.*' indicated status failure - details: Could not find the given key"
    r"|The provided id .* was not a valid registry\s+item"
    r"|Error was reported by ARDC handle service, contents: (?:Handle|Index) .*does not exist"
    r"|File path '.*' does not exist in dataset",
    re.DOTALL,
)

# How texts begin that say that something is in the way.
_IN_THE_WAY = re.compile(
    r"Error was reported by ARDC handle service, contents: Index already in use"
    r"|Tried to write a new group .* but there is an existing group"
    r"|Tried to add a user to group .* but the user was already a member"
    r"|The username .* already has a person ID assigned",
    re.DOTALL,
)

# How texts begin that say that somebody may not, beside those of a 401.
_NOT_ALLOWED = re.compile(r"You are not a member of group")

_MEANT = ((_NOT_THERE, 404), (_IN_THE_WAY, 409), (_NOT_ALLOWED, 403))

_NOT_LINKED = "you must link your User account to a Person in the registry"
_LACKS_A_ROLE = "you don't have the correct role"
_ASK = "client.access.report() tells which roles you have, and client.access.request(...) asks for others."
_LINK = "Link it once: client.access.link_person(...) takes your person, whom client.persons.create(...) makes."


def _operations() -> Mapping[str, OperationInfo]:
    from provena_api.operations import OPERATIONS

    return OPERATIONS


def _token_request(grant: Grant) -> Mapping[str, Any]:
    if "grant_type" in grant:
        from provena_api.api.identity import create_token
        from provena_api.models import TokenRequest

        return create_token.build_request(body=TokenRequest.from_dict(dict(grant)))
    from provena_api.api.identity import start_device_login
    from provena_api.models import DeviceRequest

    return start_device_login.build_request(body=DeviceRequest.from_dict(dict(grant)))


def means(status: int, text: str) -> int:
    """Return the status that says what a refusal means, given the one that was sent and its text."""
    if (wrapped := _WRAPPED.match(text)) is not None:
        status, text = int(wrapped["status"]), wrapped["inner"]
    if status == 401 and not text.startswith(_ABOUT_TOKENS):
        return 403
    if status not in (200, 400, 500):
        return status
    return next((meant for told, meant in _MEANT if told.match(text)), status)


def _meaning(status: int, body: bytes) -> int:
    try:
        detail = json.loads(body).get("detail")
    except (ValueError, AttributeError, RecursionError):
        return status
    return means(status, detail) if isinstance(detail, str) else status


def _read_error(body: Any) -> ErrorBody:
    if not isinstance(body, dict):
        return ErrorBody(details=body)
    if isinstance(body.get("error"), str):  # of the identity provider
        return ErrorBody(body["error"], body.get("error_description"))
    detail = body.get("detail")
    if isinstance(detail, str):
        return ErrorBody(message=detail, cure=_cure(detail), says_all=body.keys() == {"detail"})
    if isinstance(detail, list):
        return ErrorBody(message="; ".join(map(_problem, detail)), details=detail, says_all=bool(detail))
    failed = _failed_status(body)
    if failed is None:
        return ErrorBody(details=body.get("failure_list"))
    told, failures = str(failed["details"]), body.get("failure_list")
    return ErrorBody(message=told, details=failures, cure=_cure(told), says_all=bool(told) and not failures)


def _cure(told: str) -> str:
    if _NOT_LINKED in told:
        return _LINK
    return _ASK if _LACKS_A_ROLE in told else ""


def _problem(problem: Any) -> str:
    """Return what is wrong with one member, under the name that the caller knows: that in the body."""
    if not isinstance(problem, dict) or not isinstance(problem.get("loc"), list) or "msg" not in problem:
        return str(problem)
    where = [str(one) for one in problem["loc"]]
    if where[:1] == ["body"] and len(where) > 1:
        where = where[1:]
    return f"{'.'.join(where)}: {problem['msg']}"


def _failed_status(answer: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the status in an answer, or the status that it is, when it says that the call failed."""
    for one in (answer.get("status"), answer.get("state_change"), answer):
        if isinstance(one, Mapping) and one.get("success") is False and "details" in one:
            return one
    return None


def _find_failure(answer: Mapping[str, Any]) -> Failure | None:
    # A page with an item that cannot be read says that it failed, and has all others.
    failed = None if answer.get("unparsable_items") else _failed_status(answer)
    if failed is None:
        return None
    reason = str(failed["details"])
    told = means(200, reason)
    return Failure(reason, is_refusal=True, meaning=400 if told == 200 else told)


PROVENA = Platform(
    name="kalbio.provena",
    version=__version__,
    base_url="https://provena.invalid",  # every service has an address of its own
    path_prefixes={one.tag: f"/{one.prefix}" for one in SERVICES},
    operations=_operations,
    token_request=_token_request,
    token_variable="PROVENA_TOKEN",  # noqa: S106
    debug_variable="KALBIO_DEBUG",
    read_error=_read_error,
    find_failure=_find_failure,
    meaning=_meaning,
)
