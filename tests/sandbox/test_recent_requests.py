"""The last requests that an emulator keeps for its pages."""

from __future__ import annotations

import gc
import json
import weakref

import pytest

from kalbio.sandbox import Fault, Request, Sandbox
from tests.sandbox.test_access_log import registration
from tests.sandbox.wire import Api


def test_requests_are_kept_within_bounds_and_by_a_server_alone(api: Api) -> None:
    """200 of them and 64 KB of each body; nothing before a server asks, and nothing else that a refusal refers to."""
    api.get("/programs")
    assert api.sandbox.access_log.entries() == []

    api.sandbox.access_log.keep()
    large = json.dumps({"title": ["x" * 100_000] * 3}).encode()
    request = Request("POST", "/programs", [("content-type", "application/json")], large)
    passed = weakref.ref(request)
    api.sandbox.handle(request)
    authorized = Request("POST", "/programs", [*request.headers, ("x-kal-authorization", f"Bearer {api.token}")], large)
    assert api.sandbox.handle(authorized).status == 400
    del request, authorized
    gc.collect()
    assert passed() is None
    refused = api.sandbox.access_log.entries()[0]
    assert (refused.code, refused.problems[0].location, refused.problems[0].rule) == (
        "invalid_body", ("body", "title"), "type",
    )  # fmt: skip
    assert (len(refused.sent.body), refused.sent.size, refused.sent.is_cut) == (64 * 1024, len(large), True)
    assert len(refused.problems[0].message) < 3000

    for number in range(250):
        api.get(f"/nowhere/{number}")
    kept = api.sandbox.access_log.entries()
    assert (len(kept), kept[0].target, kept[0].number) == (200, "/nowhere/249", 252)


def test_an_entry_knows_its_fault_and_the_webhooks_that_it_caused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the answer was lost on purpose, with each attempt at them."""
    monkeypatch.setattr("kalbio._core.emulator.webhooks._PAUSE", 0.001)
    with Sandbox(webhook="http://127.0.0.1:9/") as sandbox:
        monkeypatch.setattr(sandbox, "handle", lambda request: sandbox.handle_with_faults(request).response)
        sandbox.access_log.keep()
        sandbox.faults.add(Fault("registerFile", status=503, after=True))
        with pytest.raises(AssertionError, match="injected"):
            registration(Api(sandbox))
        assert sandbox.wait_for_webhooks(20)
        last, *others = sandbox.access_log.entries()
        assert (last.status, last.fault and last.fault.label, last.carried_out) == (503, "status=503", True)
        (delivery,) = last.deliveries
        assert delivery.event == "registration_submitted"
        assert [one.error for one in delivery.history] == ["Connection refused"] * 3
        assert all(not one.deliveries for one in others)
