"""What a slip of the keyboard leads to: a text that says what to write instead."""

from __future__ import annotations

import copy
import pickle
import warnings
from typing import Any

import httpx
import pytest

from kalbio._core.errors import ClientClosedError, SDKError, SettingError
from kalbio._core.objects.identifiers import close_matches
from kalbio._core.objects.notebook import html_of_list
from kalbio.provena import (
    AsyncProvenaClient,
    Handle,
    Hit,
    Item,
    NoFilesWarning,
    ProvenaClient,
    Subtype,
)
from kalbio.provena import clients as of_async
from kalbio.provena import sync as of_sync
from kalbio.provena._model.subtypes import UnsupportedActionError, as_subtype
from tests.provena.conftest import Lab
from tests.provena.datasets import dataset, metadata
from tests.provena.scene import Scene

ID = "10378.1/1451860"


class Down(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Fails at everything but the login, and counts that."""

    def __init__(self) -> None:
        self.tries = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer."""
        if request.url.path.endswith("/token"):
            return httpx.Response(200, json={"access_token": "sandbox-token-x", "expires_in": 300})
        self.tries += 1
        return httpx.Response(503, headers={"Retry-After": "0"}, json={"detail": "down"})

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer."""
        return self.handle_request(request)


def kinds(lab: Lab) -> tuple[Any, ...]:
    """The client of a world, and one of the older ones."""
    sync = lab.world.kind == "sync"
    return (ProvenaClient, of_sync.SearchClient) if sync else (AsyncProvenaClient, of_async.SearchClient)


@pytest.mark.parametrize(("retries", "tries"), [(0, 1), (1, 2)])
def test_a_number_of_retries_is_that_of_the_tries_after_the_first(lab: Lab, retries: int, tries: int) -> None:
    """As with the client of Kaleidoscope, for the client and for those of the older one."""
    new, older = kinds(lab)
    for kind in (new, older):
        down = Down()
        client = kind(lab.api._auth, lab.config, retries=retries, transport=down)
        lab.add(client)
        with pytest.raises(SDKError):
            lab(client.search.find("coral") if kind is new else client.search_registry("coral", 5, None))
        assert down.tries == tries


@pytest.mark.parametrize("retries", [-1, True, 1.5, "2", "three"])
def test_retries_that_make_no_sense_are_refused_when_the_client_is_made(lab: Lab, retries: Any) -> None:
    """Not with the first call."""
    for kind in kinds(lab):
        with pytest.raises(SettingError, match="retries must be a RetryPolicy or a whole number, at least 0; got"):
            kind(lab.api._auth, retries=retries, transport=lab.transport)


def test_an_argument_that_there_is_not_is_answered_with_those_that_there_are(lab: Lab) -> None:
    """In the words of the client that was called; those of a login lead to it."""
    for kind in kinds(lab):
        name = kind.__name__
        for word in ("client_id", "client_secret"):
            with pytest.raises(TypeError, match="belongs to the login") as caught:
                kind(**{word: "sandbox-secret-x"})
            assert str(caught.value) == (
                f"{name} has no argument {word!r}: it belongs to the login; write "
                f"{name}(ClientCredentialsFlow(config, client_id, client_secret))"
            )
        with pytest.raises(TypeError) as caught:
            kind(lab.api._auth, timeoutt=3)
        assert str(caught.value) == f"{name} has no argument 'timeoutt'. Did you mean 'timeout'?"
        with pytest.raises(TypeError, match=f"{name} has no argument 'xyzzy'. It has auth, config, domain, realm, "):
            kind(lab.api._auth, xyzzy=3)
        with pytest.raises(TypeError, match=f"{name} takes auth and config without their names, and nothing else"):
            kind(lab.api._auth, lab.config, "reef")


def test_a_handle_is_never_cut() -> None:
    """Its end is what tells it from others; a uuid is shown by its begin as before."""
    for kind in (Handle, Hit):
        assert str(kind(id=ID)) == f"{kind.__name__} {ID}"
        assert f"{kind.__name__} {ID}" in kind(id=ID)._repr_html_()
    with pytest.raises(AttributeError, match=f"Item {ID} has no attribute 'nme'"):
        getattr(Item(id=ID), "nme")  # noqa: B009
    shown = html_of_list("Item", [("Coral", {"id": ID})], 1, (), lambda member, identifier: None)
    assert ID in shown
    assert str(Hit(id="0a1b2c3d-0000-4000-8000-000000000001")) == "Hit 0a1b2c3d"


def test_errors_of_the_older_clients_have_code_and_payload_whatever_happened(lab: Lab) -> None:
    """A refusal in a 200, no connection, a closed client: all of them, also after a journey."""

    class Refusing(Down):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            if request.url.path.endswith("/token"):
                return super().handle_request(request)
            if self.tries:
                raise httpx.ConnectError("no way", request=request)
            self.tries += 1
            return httpx.Response(200, json={"status": {"success": False, "details": "no"}})

    client = kinds(lab)[1](lab.api._auth, lab.config, retries=0, transport=Refusing())
    caught: Any
    with pytest.raises(SDKError) as caught:
        lab(client.search_registry("coral", 5, None))
    for one in (caught.value, pickle.loads(pickle.dumps(caught.value)), copy.copy(caught.value)):
        assert type(one).__name__ == "ValidationError"
        assert (one.error_code, one.payload.split()[0]) == (200, "GET")
    with pytest.raises(SDKError) as caught:
        lab(client.search_registry("coral", 5, None))
    assert (caught.value.error_code, bool(caught.value.payload)) == (None, True)
    lab(client.close() if lab.world.kind == "sync" else client.aclose())
    with pytest.raises(ClientClosedError) as caught:
        lab(client.search_registry("coral", 5, None))
    assert (caught.value.error_code, caught.value.payload) == (None, "")


def test_items_do_what_the_service_of_their_subtype_does(lab: Lab) -> None:
    """A model run is changed through its job, a dataset by its metadata; the others say what they take."""
    scene = Scene(lab.sandbox)
    run = lab(lab.api.model_runs.run_of(lab(lab.api.model_runs.register(scene.record("Run one")))))
    changed = lab(run.update(reason="a better name", display_name="Run 1"))
    assert (changed.id, changed.display_name) == (run.id, "Run 1")
    with pytest.raises(UnsupportedActionError, match=r"client\.model_runs\.update\(run, reason=\.\.\., \.\.\.\)"):
        lab(run.version("next"))
    with pytest.raises(UnsupportedActionError, match=r"client\.model_runs\.update\(run, record, reason"):
        lab(run.revert(0, "back"))
    template = lab(lab.api.workflow_templates.get("Coral workflow"))
    with pytest.raises(TypeError, match=r"is changed by its members: update\(reason"):
        lab(template.update({"name": "x"}, reason="x"))
    with pytest.raises(TypeError, match="copy_files is for datasets; this is a MODEL_RUN_WORKFLOW_TEMPLATE item"):
        lab(template.version("x", copy_files=True))
    with pytest.raises(UnsupportedActionError, match=r"only MODEL, .*DATASET have it"):
        lab(lab.api.organisations.version("x", "y"))


def test_datasets_do_what_their_service_does(lab: Lab) -> None:
    """With `copy_files`, and a warning that points at the line that was written."""
    made = lab(dataset(lab).refetch())
    renamed = lab(made.update(metadata(lab, "Renamed"), reason="rename"))
    assert renamed.display_name == "Renamed"
    with pytest.raises(UnsupportedActionError, match=r"client\.datasets\.update\(dataset, metadata, reason="):
        lab(renamed.update(reason="x", display_name="y"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        second = lab(renamed.version("longer", copy_files=False))

    async def work() -> None:
        third = await second.version("longer still")
        await lab.api.datasets.version(third, "longest")

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if lab.world.kind == "sync":
            lab.api.datasets.version(second.version("longer still"), "longest")
        else:
            lab(work())
    caught = [one for one in caught if one.category is NoFilesWarning]
    assert [one.filename for one in caught] == [__file__] * 2


def test_a_misspelt_attribute_is_answered_with_what_comes_close(lab: Lab) -> None:
    """On clients, on services of every kind, and on items."""
    lab.linked()
    model = lab.model()
    for owner, name, close in (
        (lab.api, "organizations", "organisations"),
        (lab.api.models, "creat", "create"),
        (lab.api.datasets, "mintt", "mint"),
        (lab.api.groups, "lst", "list"),
        (model, "nme", "name"),
        (model, "source_ur", "source_url"),
    ):
        with pytest.raises(AttributeError, match=f"has no attribute {name!r}.* Did you mean .*{close!r}"):
            getattr(owner, name)
        assert not hasattr(owner, "xyzzy_plugh")
        assert not hasattr(owner, "_private")


def test_suggestions_are_plain_and_given_once(lab: Lab) -> None:
    """No member of an enumeration, and nothing twice; an article fits its word."""
    with pytest.raises(
        ValueError, match=r"'MODLE' is no subtype of registry items\. Did you mean 'MODEL'[ ?]"
    ) as caught:
        as_subtype("MODLE")
    assert "<" not in str(caught.value)
    assert close_matches("MODLE", ["MODEL", Subtype.MODEL, "MODEL"]) == ["MODEL"]
    group = lab.organisation("Reef")
    with pytest.raises(ValueError, match="it is an ORGANISATION item"):
        lab(lab.api.models.get(group))


def test_a_property_that_fails_tells_its_own_error(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """An AttributeError inside a property of a client or a service is not taken for a missing attribute."""
    for owner in (lab.api, lab.api.models):
        broken = property(lambda self: object().inner)  # type: ignore[attr-defined]
        monkeypatch.setattr(type(owner), "broken", broken, raising=False)
        with pytest.raises(AttributeError, match="'object' object has no attribute 'inner'"):
            _ = owner.broken
