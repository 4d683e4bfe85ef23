"""Kaleidoscope, as the floor needs to know it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from kalbio._core.auth.tokens import Grant
from kalbio._core.errors import ErrorBody
from kalbio._core.http.operation import OperationInfo
from kalbio._core.platform import Failure, Platform
from kalbio._version import __version__


def _operations() -> Mapping[str, OperationInfo]:
    from kaleidoscope_api.operations import OPERATIONS

    return OPERATIONS


def _token_request(grant: Grant) -> Mapping[str, Any]:
    from kaleidoscope_api.api.auth import create_token
    from kaleidoscope_api.models import CreateTokenBody

    return create_token.build_request(body=CreateTokenBody.from_dict(dict(grant)))


def _read_error(body: Any) -> ErrorBody:
    if not isinstance(body, dict):
        return ErrorBody(details=body)
    code, message = body.get("code"), body.get("message")
    # Validation details come under different names, depending on which layer of the server refused.
    details = next((body[name] for name in ("details", "issues", "errors", "validation") if body.get(name)), None)
    return ErrorBody(
        None if code is None else str(code),
        None if message is None else str(message),
        details,
        _cure_of(message),
        says_all=_says_all(body),
    )


_NOT_IN_ACTIVITY = re.compile(r"record \S+ is not in operation \S+")


def _cure_of(message: Any) -> str:
    """Return what to do about a refusal where its class cannot say it as well; empty where it can."""
    if isinstance(message, str) and _NOT_IN_ACTIVITY.search(message):
        return "Add the record to the activity first: experiment.add_records([record])."
    return ""


_AROUND = {"statusCode", "code", "error", "message"}


def _says_all(body: Mapping[str, Any]) -> bool:
    """Whether the message alone is as good as the body: it is a sentence of its own, and nothing else has more to say.

    The number and the name of the status are told anyway, and the code is an attribute of the error.
    """
    message = body.get("message")
    if not isinstance(message, str) or message in ("", body.get("error"), body.get("code")):
        return False
    return all(name in _AROUND or not value or _repeats(message, value) for name, value in body.items())


def _repeats(message: str, details: Any) -> bool:
    """Whether a message has the text and the place of every single problem."""
    return isinstance(details, list) and all(
        isinstance(one, Mapping)
        and one.keys() == {"path", "message"}
        and str(one["message"]) in message
        and str(one["path"]).rpartition("/")[2] in message
        for one in details
    )


def _find_failure(answer: Mapping[str, Any]) -> Failure | None:
    # Some gateways answer 200 with the error of a server behind them: nobody knows what was done.
    status = answer.get("statusCode")
    if isinstance(status, int) and status >= 400:
        return Failure(f"the answer is an error with status {status}")
    if "id" not in answer and answer.get("error"):
        return Failure("the answer is an error")
    return None


def _no_server(port: int | None) -> str:
    return f"`kalbio sandbox{f' --port {port}' if port else ''}` starts a sandbox"


KALEIDOSCOPE = Platform(
    name="kalbio",
    version=__version__,
    base_url="https://api.kaleidoscope.bio",
    operations=_operations,
    token_request=_token_request,
    token_header="X-Kal-Authorization",  # noqa: S106
    token_variable="KALEIDOSCOPE_TOKEN",  # noqa: S106
    debug_variable="KALBIO_DEBUG",
    read_error=_read_error,
    find_failure=_find_failure,
    wraps_objects=True,
    no_server=_no_server,
)
