"""What every service has besides its work: health, who the caller is, how it is configured."""

from __future__ import annotations

from kalbio._core.emulator.calls import Answer
from kalbio._core.emulator.strict_json import Document
from kalbio.provena.sandbox.errors import success
from kalbio.provena.sandbox.store import (
    ADMIN,
    HANDLES_READ,
    HANDLES_WRITE,
    JOBS_READ,
    JOBS_WRITE,
    READ,
    SYSTEM_ADMIN,
    SYSTEM_READ,
    SYSTEM_WRITE,
    WRITE,
    Call,
    Routes,
)

routes = Routes()

_SERVICES = ("auth", "datastore", "handle", "job", "prov", "registry", "search")
_REGISTRY = (READ, WRITE, ADMIN)
_LEVELS = {
    "auth": (SYSTEM_READ, SYSTEM_WRITE, SYSTEM_ADMIN),
    "handle": (HANDLES_READ, HANDLES_WRITE, "handle-admin"),
    "job": (JOBS_READ, JOBS_WRITE, "job-service-admin"),
}


def _is_well(call: Call) -> Document:
    return {"message": "Health check successful."}


def _who(call: Call) -> Document:
    token = (call.request.header("authorization") or "").partition(" ")[2]
    user = call.caller
    return {"username": user.username, "email": user.email, "roles": sorted(user.roles), "access_token": token}


def _configuration(call: Call) -> Answer:
    lines = b"stage=SANDBOX\ndomain_base=sandbox.invalid"
    return Answer(lines, headers=(("content-type", "text/plain; charset=utf-8"),))


def _monitoring(call: Call) -> Document:
    return {"message": "Monitoring is disabled by configuration. Not going to trigger fake error."}


@routes.operation("authCheckAccessPublic")
def is_public(call: Call) -> Document:
    """Open to everybody."""
    return success("Public access successful.")


routes.operation("authCheckAccessGeneral")(_who)
for _service in _SERVICES:
    _roles = _LEVELS.get(_service, _REGISTRY)
    routes.operation(f"{_service}HealthCheck")(_is_well)
    routes.operation(f"{_service}AdminConfig", *_roles)(_configuration)
    routes.operation(f"{_service}AdminSentryDebug", *_roles)(_monitoring)
    if _service != "auth":
        for _number, _level in enumerate(("General", "Read", "Write", "Admin")):
            routes.operation(f"{_service}CheckAccessCheck{_level}Access", *_roles[:_number])(_who)
