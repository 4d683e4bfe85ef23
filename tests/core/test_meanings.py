"""A platform whose statuses mean something else than they say, and whose operations have places of their own."""

from __future__ import annotations

import json

import attrs
import pytest

from kalbio._core.errors import APIError, NotFoundError, PermissionDeniedError, ServerError, ValidationError
from kalbio._core.platform import Failure
from tests.core.wire import PLATFORM, Core, Operation, Wire, answer


def meaning(status: int, body: bytes) -> int:
    """The status that a body names, else the one that was sent."""
    return int(json.loads(body or b"{}").get("means", status))


CANDID = attrs.evolve(
    PLATFORM,
    meaning=meaning,
    find_failure=lambda found: Failure("no", is_refusal=True, meaning=found["means"]) if "means" in found else None,
    base_urls={"toys": "https://toys.invalid/shop"},
    path_prefixes={"toys": "/toy-api"},
    operations=lambda: {"read": Operation(True, answer="object", tag="toys"), "other": Operation(True, tag="other")},
)


@pytest.mark.parametrize(
    ("status", "means", "kind", "tries", "logins"),
    [
        (401, 403, PermissionDeniedError, 1, 1),
        (500, 400, ValidationError, 1, 1),
        (500, 404, NotFoundError, 1, 1),
        (400, 500, ServerError, 4, 1),
        (200, 404, NotFoundError, 1, 1),
        (200, 0, APIError, 1, 1),
    ],
)
def test_a_refusal_is_treated_as_what_it_means(
    core: Core, status: int, means: int, kind: type[APIError], tries: int, logins: int
) -> None:
    """Its class, another try and another login follow its meaning; the error keeps the status that was sent."""
    wire = Wire(*[answer(status, {"means": means})] * 8)
    pipe = core.open(wire, platform=CANDID)
    with pytest.raises(kind) as caught:
        core.call(pipe, extensions={"operation": "read"})
    assert type(caught.value) is kind
    assert caught.value.status_code == status
    assert (len(wire.requests), len(wire.logins)) == (tries, logins)


def test_a_refusal_that_means_what_it_says_stays_as_it_is(core: Core) -> None:
    """A 401 about the token still leads to one more login."""
    wire = Wire(answer(401, {}))
    core.call(core.open(wire, platform=CANDID), extensions={"operation": "read"})
    assert (len(wire.requests), len(wire.logins)) == (2, 2)


def test_a_place_of_its_own_has_no_prefix(core: Core) -> None:
    """The prefix that the description gives to the paths of a tag is left out there, and stays everywhere else."""
    wire = Wire()
    pipe = core.open(wire, platform=CANDID)
    for operation in ("read", "other"):
        core.call(pipe, path="/toy-api/things", extensions={"operation": operation})
    sent = [str(one.url) for one in wire.requests]
    assert sent == ["https://toys.invalid/shop/things", "https://api.invalid/toy-api/things"]
