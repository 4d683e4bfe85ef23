"""The scripts that compare the clients with tables, and both sides with recorded answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scripts import provena_fuzz, provena_replay, provena_surface

TABLE = """\
**RegistryClient**

| method(args) | seed |
|---|---|
| `fetch_item(id: str, item_subtype: str, fetch_response_model: Type[T], seed_allowed: Optional[bool]=None)` | Y |
| `get_schema(item_subtype: ItemSubType)` | Y |
"""
PERSON: dict[str, Any] = {
    "display_name": "Ada",
    "email": "a@x.org",
    "first_name": "Ada",
    "last_name": "L",
    "ethics_approved": True,
}


def test_the_surface_is_compared_with_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is as documented is counted; a missing method, other parameters and those that must be given are named."""
    path = tmp_path / "table.md"
    path.write_text(TABLE, encoding="utf-8")
    assert provena_surface.main([str(path)]) == 0
    assert capsys.readouterr().out.count("2 of 2 methods of 1 classes as documented") == 2
    wrong = "| `get_schema(subtype: str)` |\n| `list_everything()` |\n| `fetch_item(id: str)` |\n"
    path.write_text(TABLE + wrong, encoding="utf-8")
    assert provena_surface.main([str(path)]) == 1
    told = capsys.readouterr().out
    assert "get_schema: its parameters are item_subtype, not subtype" in told
    assert "list_everything: there is no such method" in told
    assert "fetch_item: item_subtype, fetch_response_model must be given" in told
    path.write_text("nothing", encoding="utf-8")
    assert provena_surface.main([str(path)]) == 1
    assert provena_surface.main([]) == 2


def capture(seq: int, operation: str, request: dict[str, Any], status: int, body: Any) -> dict[str, Any]:
    """A recorded request of the registry and its answer."""
    asked = {"query": None, "headers": {"Authorization": "Bearer <token:alice>"}, "body": None, **request}
    answer = {"status": status, "headers": {"content-type": "application/json"}, "body": body}
    return {
        "seq": seq,
        "service": "registry-api",
        "operation": operation,
        "case": "x",
        "request": asked,
        "response": answer,
    }


def replayed(tmp_path: Path, captures: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """The exit code and the output of a replay."""
    lines = "".join(json.dumps(one) + "\n" for one in reversed(captures))
    (tmp_path / "registry-api.jsonl").write_text(lines, encoding="utf-8")
    code = provena_replay.main([str(tmp_path)])
    return code, capsys.readouterr().out


def recorded() -> list[dict[str, Any]]:
    """A person that was created, and read with another id than the stand-in gives."""
    from kalbio.provena.testing import InProcess

    with InProcess() as lab:
        person = lab.client.persons.create(**PERSON).to_dict()
    old = person["id"]
    person = json.loads(json.dumps({**person, "owner_username": "alice"}).replace(old, "10378.1/1700001"))
    for entry in person["history"]:
        entry["username"] = "alice"
    status = {"success": True, "details": "x"}
    fetched = {"status": status, "roles": ["admin"], "locked": False, "item_is_seed": False, "item": person}
    place = "/registry/agent/person"
    query = {"id": "10378.1/1700001"}
    return [
        capture(1, "registryItemCreate", {"method": "POST", "path": f"{place}/create", "body": PERSON}, 200,
                {"status": status, "created_item": person, "register_create_activity_session_id": None}),
        capture(2, "registryItemFetch", {"method": "GET", "path": f"{place}/fetch", "query": query}, 200, fetched),
        capture(3, "registryItemAuthEvaluate", {"method": "GET", "path": f"{place}/auth/evaluate"}, 422,
                {"detail": [{"loc": ["query", "id"], "msg": "field required", "type": "value_error.missing"}]}),
    ]  # fmt: skip


def test_recorded_requests_are_replayed_with_both_sides(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In the order of time, the ids of the stand-in in place of the recorded ones; what no method makes is counted."""
    code, told = replayed(tmp_path, recorded(), capsys)
    assert code == 0
    assert told.count("2 of 2 captures hold (100.0%), 1 of them with objects") == 2
    assert "1 captures that no method makes: 1 × id must be given" in told
    assert "stand-in: 2 of 2 captures that a method makes hold (100.0%), 3 of all 3" in told


def test_what_differs_in_a_replay_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Another status, another class, a member that is lost, a request that is another one."""
    create, fetch, _ = recorded()
    create["response"]["body"]["new"] = 1
    fetch["response"]["status"] = 500
    fetch["response"]["body"] = {"detail": "down"}
    code, told = replayed(tmp_path, [create, fetch], capsys)
    assert code == 1
    assert "1 registryItemCreate x: the answer lacks new" in told
    assert "2 registryItemFetch x: status 200, not 500" in told
    assert told.count("2 of 2 captures hold") == 2
    fetch["request"]["query"]["handle"] = "x"
    create["request"]["method"] = "PUT"
    code, told = replayed(tmp_path, [create, fetch], capsys)
    assert "1 × the query has handle, which the method does not send" in told
    assert told.count("1 registryItemCreate x: the request is POST") == 2


def test_made_up_requests_find_what_is_no_failure_of_the_services(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Failures that the services have are counted, and any other ends with exit code 1."""
    arguments = ["--examples", "2", "--only", "handleList"]
    assert provena_fuzz.main(arguments) == 0
    assert "1 x handleList: always (seen)" in capsys.readouterr().out
    monkeypatch.setattr(provena_fuzz, "FAILURES", ())
    assert provena_fuzz.main(arguments) == 1
    assert "handleList, positive: GET" in capsys.readouterr().out
