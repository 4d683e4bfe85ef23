"""The objects and the exceptions of the older client."""

from __future__ import annotations

import copy
import pickle
from datetime import date
from typing import Any

import pytest
from provena_api import models as api_models

from kalbio._core.errors import (
    APIError,
    AuthenticationError,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    RequestTimeoutError,
    ResponseError,
    SDKError,
    ServerError,
    ValidationError,
)
from kalbio.provena import exceptions, models
from kalbio.provena.sandbox.contract import load_contract

PERSON: dict[str, Any] = {"display_name": "Ada", "email": "a@x.invalid", "first_name": "Ada", "last_name": "L"}


def test_every_schema_can_be_imported_by_its_names() -> None:
    """Those of the description, and those that it has besides."""
    schemas = load_contract().spec["components"]["schemas"]
    names = {*schemas, *(other for one in schemas.values() for other in one.get("x-also-named", ()))}
    assert len(names) > 250
    assert set(models.__all__) == names
    assert all(hasattr(models, name) for name in names)
    assert models.RevertMetadata is models.ItemRevertRequest


@pytest.mark.parametrize(
    ("make", "kind", "reason"),
    [
        (lambda: models.LockChangeRequest(id="1"), TypeError, "a LockChangeRequest needs reason"),  # type: ignore[call-arg]
        (
            lambda: models.LockChangeRequest(id="1", reson="x"),  # type: ignore[call-arg]
            TypeError,
            "has no member 'reson'. Did you mean 'reason'",
        ),
        (lambda: models.LockChangeRequest(id=1, reason="x"), TypeError, "id of a .* must be text; got 1"),  # type: ignore[arg-type]
        (lambda: models.LockChangeRequest(id=None, reason="x"), TypeError, "must not be None"),  # type: ignore[arg-type]
        (
            lambda: models.GeneralListRequest.model_validate([]),
            ValueError,
            "made from a dict of its members",
        ),
        (
            lambda: models.PresignedURLRequest(dataset_id="1/2", file_path="a", expires_in=True),
            TypeError,
            "expires_in of a PresignedURLRequest must be a whole number; got True",
        ),
        (
            lambda: models.FilterOptions(item_subtype="REEF"),  # type: ignore[arg-type]
            ValueError,
            "item_subtype of a FilterOptions must be one of CREATE, .*got 'REEF'",
        ),
        (
            lambda: models.GeneralListRequest(filter_by={"item_subtyp": "MODEL"}),  # type: ignore[arg-type]
            TypeError,
            "a FilterOptions has no member 'item_subtyp'",
        ),
        (
            lambda: models.AccessSettings(owner="a", general="metadata-read", groups={}),  # type: ignore[arg-type]
            TypeError,
            "general of a AccessSettings must be a list",
        ),
    ],
)
def test_what_does_not_fit_is_refused_when_an_object_is_made(make: Any, kind: type[Exception], reason: str) -> None:
    """The text names the member, what was given and what it should be."""
    with pytest.raises(kind, match=reason):
        make()


def test_members_that_are_none_are_not_sent() -> None:
    """Those of schemas, at any depth; what stands under names of the caller's own is sent as it is."""
    person = models.PersonDomainInfo(**PERSON, orcid=None, user_metadata={"note": None, "team": "a"})  # type: ignore[dict-item]
    assert person.to_body() == {**PERSON, "user_metadata": {"note": None, "team": "a"}}
    assert person.to_dict() == {**PERSON, "orcid": None, "user_metadata": {"note": None, "team": "a"}}
    assert person.model_dump(exclude_none=True) == person.to_body()
    key = {"id": "1/2", "updated_timestamp": None}
    asked = models.GeneralListRequest(filter_by=models.FilterOptions(item_subtype=None), pagination_key=key)
    assert asked.to_body() == {"filter_by": {}, "pagination_key": key}


def test_what_a_server_sent_is_given_back_as_it_came() -> None:
    """With members that are not described, texts that are no known member of an enumeration, and other forms."""
    raw = {
        "status": {"success": True, "details": "", "hint": 1},
        "item": {**PERSON, "id": "1/2", "item_subtype": "ROBOT", "record_type": "COMPLETE_ITEM", "history": "none"},
        "roles": None,
        "news": [{"a": None}],
    }
    answer = models.PersonFetchResponse.model_validate(raw)
    assert answer.item is not None
    assert (answer.item.id, answer.item.item_subtype.value, answer.roles) == ("1/2", "ROBOT", None)
    assert answer.status.hint == 1  # type: ignore[attr-defined]
    assert answer.news == [{"a": None}]  # type: ignore[attr-defined]
    assert answer.to_dict() == answer.model_dump() == answer.dict() == raw
    for copied in (
        copy.deepcopy(answer),
        answer.model_copy(),
        answer.copy(deep=True),
        pickle.loads(pickle.dumps(answer)),
    ):
        assert copied == answer
        assert copied is not answer
    assert models.PersonFetchResponse.parse_raw(answer.json()) == answer
    with pytest.raises(AttributeError, match=r"has no member 'rols'. Did you mean 'roles'"):
        _ = answer.rols  # type: ignore[attr-defined]


def test_of_several_kinds_an_object_is_the_one_whose_members_are_there() -> None:
    """A seed, or an item with its data."""
    seed = {
        "id": "1/2", "owner_username": "a", "created_timestamp": 1, "updated_timestamp": 1, "item_category": "AGENT",
        "item_subtype": "PERSON", "record_type": "SEED_ITEM",
    }  # fmt: skip
    status = {"success": True, "details": ""}
    of_seed = models.PersonFetchResponse.model_validate({"status": status, "item": seed}).item
    assert type(of_seed) is models.SeededItem
    whole = models.PersonFetchResponse.model_validate(
        {"status": status, "item": {**seed, **PERSON, "history": []}}
    ).item
    assert type(whole) is models.ItemPerson
    assert isinstance(whole, models.PersonDomainInfo)


def test_an_object_can_be_changed_before_it_is_sent() -> None:
    """By attribute, inside of others and in lists, and only to what fits."""
    asked = models.GeneralListRequest(page_size=5, filter_by={"record_type": "ALL"})  # type: ignore[arg-type]
    asked.pagination_key = {"id": "1/2"}
    assert asked.filter_by is not None
    asked.filter_by.item_subtype = models.ItemSubType.MODEL
    assert asked.to_body() == {
        "page_size": 5,
        "filter_by": {"record_type": "ALL", "item_subtype": "MODEL"},
        "pagination_key": {"id": "1/2"},
    }
    with pytest.raises(TypeError, match="page_size of a GeneralListRequest must be a whole number"):
        asked.page_size = "5"  # type: ignore[assignment]
    settings = models.AccessSettings.model_validate({"owner": "a", "general": ["metadata-read"], "groups": {}})
    settings.general.append("metadata-write")
    assert settings.to_dict()["general"] == ["metadata-read", "metadata-write"]
    assert models.CreatedDate(relevant=True, value=date(2023, 1, 2)).to_body() == {  # type: ignore[arg-type]
        "relevant": True,
        "value": "2023-01-02",
    }


def test_what_opens_something_is_not_shown() -> None:
    """Credentials and links, in the repr of what holds them and of what holds that."""
    secret = "sandbox-secret-of-s3"
    answer = models.CredentialResponse.model_validate(
        {
            "status": {"success": True, "details": ""},
            "credentials": {
                "aws_access_key_id": secret, "aws_secret_access_key": secret, "aws_session_token": secret,
                "expiry": "2023-01-02T00:00:00+00:00",
            },
            "console_session_url": f"https://x.invalid/?t={secret}",
        }
    )  # fmt: skip
    assert secret not in repr(answer)
    assert "[hidden]" in repr(answer.credentials)
    job = models.GetJobResponse.model_validate({"job": {"result": {"report_url": f"https://x.invalid/?t={secret}"}}})
    assert secret not in repr(job)
    generated = api_models.CredentialResponse.from_dict(answer.to_dict())
    user = api_models.User(username="a", roles=[], access_token=secret)
    assert secret not in repr(generated) + repr(user)
    assert generated.to_dict() == answer.to_dict()
    assert answer.credentials.aws_session_token == secret


def error_of(status: int, meaning: int | None = None) -> APIError:
    """A refusal."""
    return APIError.for_status("POST", "/x", status, b'{"detail": "no"}', meaning=meaning)


@pytest.mark.parametrize(
    ("error", "older", "kind"),
    [
        (error_of(400), exceptions.BadRequestException, ValidationError),
        (error_of(400, 404), exceptions.BadRequestException, NotFoundError),
        (error_of(401), exceptions.AuthException, AuthenticationError),
        (error_of(401, 403), exceptions.AuthException, PermissionDeniedError),
        (AuthenticationError("POST", "/token", 400, b""), exceptions.AuthException, AuthenticationError),
        (error_of(403), exceptions.ServerException, PermissionDeniedError),
        (error_of(404), exceptions.NotFoundException, NotFoundError),
        (error_of(422), exceptions.HTTPValidationException, ValidationError),
        (error_of(500), exceptions.ServerException, ServerError),
        (error_of(500, 400), exceptions.ServerException, ValidationError),
        (
            OutcomeUnknownError("POST", "/x", "lost", b"", answer=error_of(500)),
            exceptions.ServerException,
            OutcomeUnknownError,
        ),
        (ResponseError("GET", "/x", b"<html>"), exceptions.ValidationException, ResponseError),
        (RequestTimeoutError("GET", "/x", "slow"), exceptions.CustomTimeoutException, RequestTimeoutError),
    ],
)
def test_an_error_is_that_of_the_status_and_that_of_the_meaning(
    error: SDKError, older: type[SDKError], kind: type[SDKError]
) -> None:
    """Both at once, with what the older one had, and also after a journey."""
    exceptions.make_older(error)
    for one in (error, pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert isinstance(one, older)
        assert isinstance(one, kind)
        assert isinstance(one, exceptions.BaseException)
        assert (type(one).__name__, str(one)) == (older.__name__, str(error))
        assert one.error_code == getattr(error, "status_code", None)  # type: ignore[attr-defined]
        assert one.payload.endswith((" /x", " /token"))  # type: ignore[attr-defined]
        assert hasattr(one, "message")
    assert "BaseException" not in exceptions.__all__


def test_what_the_older_client_had_no_class_for_is_what_it_was_with_the_older_members() -> None:
    """A refusal in a 200, and a write of unknown fate without an answer."""
    errors: tuple[Any, ...] = (error_of(200, 400), OutcomeUnknownError("POST", "/x", "lost", b""))
    for error in errors:
        kind = type(error)
        exceptions.make_older(error)
        assert isinstance(error, kind)
        assert type(error).__name__ == kind.__name__
        assert not isinstance(error, exceptions.ServerException | exceptions.BadRequestException)
        assert (error.error_code, error.payload) == (getattr(error, "status_code", None), "POST /x")
        assert hasattr(error, "message")
