"""Errors that a first script meets name what was written and the cure."""

from __future__ import annotations

import inspect
import json
import math
from pathlib import Path
from typing import Any

import pytest

from kalbio import (
    AsyncKaleidoscopeClient,
    AuthenticationError,
    IdentifierError,
    KalbioAPIError,
    KalbioResponseError,
    KaleidoscopeClient,
    OutcomeUnknownError,
    RetryPolicy,
    SettingError,
    ValidationError,
)
from kalbio._core.argument_errors import ArgumentTypeError
from kalbio.aio import helpers as async_helpers
from kalbio.sandbox import Fault, Sandbox
from kalbio.sandbox.server import serve
from tests.conftest import Lab, World
from tests.core.wire import Wire, answer


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("attempts", 0),
        ("attempts", 1.5),
        ("attempts", "3"),
        ("attempts", True),
        ("base", -1),
        ("base", "1"),
        ("base", math.nan),
        ("max_wait", None),
        ("max_wait", -0.1),
        ("deadline", 0),
        ("deadline", "3"),
        ("deadline", math.inf),
        ("deadline", True),
    ],
)
def test_a_retry_policy_that_makes_no_sense_is_refused_by_name(name: str, value: Any) -> None:
    """Each part of the policy is checked when it is made, and the error says what it may be."""
    with pytest.raises(SettingError, match=f"^{name} must be .*; got "):
        RetryPolicy(**{name: value})


def test_a_retry_policy_takes_what_is_documented() -> None:
    """Whole numbers and fractions, no wait at all, and no deadline."""
    RetryPolicy(attempts=1, base=0, max_wait=0, deadline=None)
    RetryPolicy(attempts=1000, base=0.5, max_wait=60, deadline=0.1)


def test_a_write_that_the_deadline_ends_says_so(world: World) -> None:
    """Its fate is unknown because of the deadline, which the reader has set and can change."""
    with Sandbox() as sandbox, serve(sandbox) as server:
        sandbox.faults.add(Fault("createProgram", slow=3))
        client = world.connect(url=server.url, retries=RetryPolicy(deadline=1))
        world(client.programs.get_programs())
        with pytest.raises(
            OutcomeUnknownError, match=r"the answer was lost \(it took longer than the deadline of 1 s\)"
        ):
            world(client.programs.create_program("Antivirals"))


def test_a_place_in_what_is_sent_is_named_as_it_was_written(lab: Lab) -> None:
    """By the argument, not by a body that the caller has never seen; and NaN, the usual case, names the empty cell."""
    with pytest.raises(ValueError, match=r"^data\[0\]\['logP'\] is nan, .* give None"):
        lab.world(lab.api.imports.push_data(["Compound"], [{"Compound": "CPD-1", "logP": math.nan}]))
    record = lab.world(lab.api.records.get_record_by_id({"Compound": "SBX-1"}))
    with pytest.raises(ValueError, match=r"^content is nan, .* give None"):
        lab.world(record.add_value("Potency (nM)", math.nan))


@pytest.mark.parametrize("url", ["api.example.org", "127.0.0.1:8321"])
def test_an_address_without_its_beginning_says_what_is_missing(world: World, url: str) -> None:
    """It is not shown, since it may be anything; so the error says how one begins."""
    with pytest.raises(SettingError, match="does not begin with http:// or https://; it is not shown, "):
        world.connect(url=url)


@pytest.mark.parametrize("status", [404, 405])
def test_a_login_that_is_not_there_asks_for_the_address(world: World, status: int) -> None:
    """The address is wrong then, rather than the credentials."""
    client = world.connect(transport=Wire(logins=[answer(status, b"<h1>Welcome</h1>")]))
    with pytest.raises(AuthenticationError) as raised:
        world(client.programs.get_programs())
    assert raised.value.__notes__ == ["There is no login at this address; check `url`."]


def test_a_server_without_tls_is_named(world: World) -> None:
    """The address of a sandbox with https:// in front."""
    with Sandbox() as sandbox, serve(sandbox) as server:
        client = world.connect(url=server.url.replace("http://", "https://"), retries=0)
        with pytest.raises(
            ConnectionError, match="What answers there speaks no TLS; does the address begin with http://"
        ):
            world(client.programs.get_programs())


def test_an_answer_without_a_text_leaves_no_loose_end() -> None:
    """The text of the error ends where there is nothing more to say."""
    assert str(KalbioResponseError("GET", "/x", b"", "it is too long")) == "GET /x: it is too long"
    assert str(KalbioAPIError("GET", "/x", 502, b"")) == "GET /x failed with status 502"


def test_a_refusal_is_told_in_the_sentence_of_the_server(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """The JSON around it is left out of errors and of the log, unless it has more to say."""
    around = {"statusCode": 400, "code": "invalid_data", "error": "Bad Request"}
    said = {**around, "message": "logP: a number, not 'abc'"}
    known = [{"path": "/body/logP", "message": "a number, not 'abc'"}]
    for body, is_whole in (
        (said, False),
        ({**said, "details": []}, False),
        ({**said, "details": known}, False),
        ({**said, "details": [*known, {"path": "/body/MW", "message": "a number, not 'abc'"}]}, True),
        ({**said, "details": [{"path": "/body/logP", "message": "a number, not 'abc'", "limit": 5}]}, True),
        ({**said, "hint": "see the manual"}, True),
        ({**around, "message": "Bad Request"}, True),
        ({**around, "message": ["logP"]}, True),
        ({"code": "BAD"}, True),
    ):
        text = json.dumps(body)
        with pytest.raises(ValidationError) as caught:
            world(world.connect(transport=Wire(answer(400, body))).programs.get_programs())
        told = str(caught.value).removeprefix("GET /programs failed with status 400: ")
        assert (json.loads(told) if is_whole else told) == (body if is_whole else said["message"]), text
        assert json.loads(caught.value.response_body) == body
    world(world.connect(transport=Wire(answer(400, said)), on_error="log").programs.get_programs())
    assert caplog.messages[-1].endswith("get_programs: GET /programs failed with status 400: logP: a number, not 'abc'")


def test_one_in_the_place_of_a_list_is_told_the_list(lab: Lab) -> None:
    """The error shows what to write for a single one."""
    records = lab.api.records
    key = {"Compound": "SBX-1"}
    with pytest.raises(IdentifierError, match=r"for a single record give \[\{'Compound': 'SBX-1'\}\]"):
        lab.world(records.get_records_by_ids(key))
    with pytest.raises(IdentifierError, match="Give a list, not 7"):
        lab.world(records.get_records_by_ids(7))


def test_a_condition_that_is_misspelt_gets_the_close_one(lab: Lab) -> None:
    """Otherwise all of them are listed. Nothing is sent."""
    for value in ("Compound", None):  # None too: what is not known cannot mean "not given"
        with pytest.raises(TypeError, match=r"no condition entity_slice\. Did you mean entity_slice_id="):
            lab.world(lab.api.records.search_records(entity_slice=value))
    with pytest.raises(TypeError, match=r"no condition person; it takes page, page_size"):
        lab.world(lab.api.workspace.get_events(person=None))
    assert lab.operations() == []


def test_the_value_of_a_file_field_names_its_file(lab: Lab) -> None:
    """The value, its content, and what the record gives for it are taken where the id of a file is."""
    record = lab.world(lab.api.records.get_record_by_id({"Compound": "SBX-1"}))
    value = lab.world(record.update_field_file("Spectrum", "nmr.txt", b"7.26\n"))
    for given in (value, value.content, record["Spectrum"], value.content["file_id"]):
        assert lab.world(lab.api.files.read_file(given)) == b"7.26\n"


@pytest.mark.parametrize("given", [None, b"abc", ["nmr.txt"]])
def test_what_is_no_file_to_upload_is_told_with_its_field(lab: Lab, given: Any) -> None:
    """What stands where a path should names the field and what is wanted, and nothing is sent."""
    record = lab.world(lab.api.records.get_record_by_id({"Compound": "SBX-1"}))
    before = len(lab.exchanges)
    with pytest.raises(ArgumentTypeError, match="file_name for 'Spectrum' must be the path of a file, or a name with"):
        lab.world(record.update_field_file("Spectrum", given))
    assert len(lab.exchanges) == before


@pytest.mark.parametrize("given", [["SBX-1"], 5, None])
def test_what_names_no_record_is_told_what_does(lab: Lab, given: Any) -> None:
    """A record has no name: its id, its key values and the object name it."""
    experiment = lab.world(lab.api.activities.get_activities())[0]
    wanted = r'its id, key values such as \{"Compound": "SBX-1"\} or a Record object'
    with pytest.raises(IdentifierError, match=wanted):
        lab.world(experiment.add_records([given]))


def test_a_value_in_an_activity_without_the_record_says_to_add_it(lab: Lab) -> None:
    """The server names two ids; the cure says what to call."""
    record = lab.world(lab.api.records.get_or_create_record({"Compound": "NEW-1"}))
    with pytest.raises(
        ValidationError, match=r"Add the record to the activity first: experiment\.add_records"
    ) as raised:
        lab.world(record.add_value("Soluble", True, activity_id="Kinase screen"))
    assert "add_records([record])" in raised.value.cure


def test_a_file_open_for_reading_takes_no_download(lab: Lab, tmp_path: Path) -> None:
    """It is refused before anything is asked, like any other thing that takes no bytes."""
    (tmp_path / "old").write_bytes(b"old")
    with (tmp_path / "old").open("rb") as file, pytest.raises(TypeError, match="open for writing bytes"):
        lab.world(lab.api.files.write_file("00000000-0000-4000-8000-000000000000", file))
    assert lab.operations() == []


def test_a_single_row_is_no_list_of_rows(lab: Lab) -> None:
    """What `get_activity_data` gives is one row, and wants a list around it."""
    from kalbio import helpers

    module: Any = helpers if lab.world.kind == "sync" else async_helpers
    with pytest.raises(ValueError, match=r"data must be a list of dicts, one for each row; for a single one, \[row\]"):
        lab.world(module.export_data(lab.api, {"a": 1}))
    with pytest.raises(ValueError, match=r"data\[0\] must be a dict"):
        lab.world(module.export_data(lab.api, ["a"]))


@pytest.mark.parametrize("name", ["timeout", "retries", "url", "verify_ssl", "proxy", "max_in_flight", "use_cache"])
def test_a_setting_that_is_changed_later_is_refused(world: World, name: str) -> None:
    """It would be ignored without a word; the error says where it belongs."""
    client = world.connect()
    with pytest.raises(AttributeError, match=rf"{name} is set when a client is made: \w+Client\({name}=\.\.\.\)"):
        setattr(client, name, 600)
    with client.timeout(600):
        pass


def test_every_setting_is_either_refused_or_checked_later() -> None:
    """The list of those that are refused is that of the constructor, but for the two that may change."""
    for kind in (KaleidoscopeClient, AsyncKaleidoscopeClient):
        names = set(inspect.signature(kind).parameters) - {"additional_headers", "on_error"}
        client = kind("sandbox-id", "sandbox-secret", transport=Wire())
        for name in names:
            with pytest.raises(AttributeError, match="is set when a client is made"):
                setattr(client, name, None)


def test_what_may_change_later_is_checked(world: World) -> None:
    """The error policy and the additional headers; an error policy that there is not would act as another one."""
    client = world.connect()
    client.on_error = "log"
    client.additional_headers = {"X-Lab": "B12"}
    with pytest.raises(SettingError, match=r"on_error .* must be"):
        client.on_error = "ignore"
    assert client.on_error == "log"


def test_a_path_is_no_request(world: World) -> None:
    """`call` takes what an operation builds; anything else is told so."""
    with pytest.raises(TypeError, match="build_request"):
        world(world.connect(transport=Wire()).call("/programs"))


def test_a_field_type_that_is_not_there_names_the_usual_ones(lab: Lab) -> None:
    """What sounds alike may be far from what was meant."""
    with pytest.raises(
        ValueError, match=r"There is no field type 'string'.*usual ones are text, number, boolean, date"
    ):
        lab.world(lab.api.entity_fields.get_or_create_data_field("Batch", "string"))


def test_an_update_that_cannot_clear_says_how_to_leave(lab: Lab) -> None:
    """None clears where there may be nothing; elsewhere the error names the other two ways."""
    field = lab.world(lab.api.entity_fields.get_data_field_by_id("Comment"))
    lab.world(field.update(field_description="free text"))
    sent = len(lab.operations())
    with pytest.raises(ValueError, match="field_description cannot be None; to leave it as it is, do not give it"):
        lab.world(field.update(field_description=None))
    assert len(lab.operations()) == sent
    lab.world(field.update(field_description=""))
    assert not field.field_description


def test_a_filter_rule_that_sounds_like_none_names_the_list(lab: Lab) -> None:
    """An operator, say."""
    condition = {"field_id": "Potency (nM)", "filter_type": "<", "filter_prop": 1}
    with pytest.raises(ValueError, match=r"no filter rule '<'\. FilterRuleTypeEnum has them all"):
        lab.world(lab.api.records.search_records(entity_field_filters=[condition]))


@pytest.mark.parametrize(("call", "told"), [
    (lambda api, it: it.add_value("Soluble", True, activity="Kinase screen"),
     r"^add_value\(\) has no argument activity\. Did you mean activity_id=\.\.\.\?$"),
    (lambda api, it: it.update_field_file("Spectrum", "a.txt", b"1", activity="Kinase screen"),
     r"Did you mean activity_id=\.\.\.\?"),
    (lambda api, it: api.records.search_records(activity="Kinase screen"), r"Did you mean operation_id=\.\.\.\?"),
    (lambda api, it: api.records.search_records(entity_type="Compound"), r"Did you mean entity_slice_id=\.\.\.\?"),
    (lambda api, it: api.records.table("Compound", filters=[]), r"Did you mean where=\.\.\.\?"),
    (lambda api, it: api.activities.search_activities(program_ids=["x"]),
     r"no argument program_ids: the API does not search by program; write .* if program\.id in one\.program_ids"),
    (lambda api, it: api.activities.search_activities(created_after="x"), r"not search by date; write .*created_at"),
    (lambda api, it: api.activities.search_activities(due_date="x"), r"not search by date; write .*due_date$"),
    (lambda api, it: api.programs.get_programs(colour="red"), r"has no argument colour; it takes use_cache"),
])  # fmt: skip
def test_an_argument_of_another_method_is_told_by_its_name_here(lab: Lab, call: Any, told: str) -> None:
    """An argument that is called otherwise in this method is told with its name, and nothing is sent."""
    record = lab.world(lab.api.records.get_record_by_id({"Compound": "SBX-1"}))
    before = len(lab.exchanges)
    with pytest.raises(ArgumentTypeError, match=told):
        lab.world(call(lab.api, record))
    assert len(lab.exchanges) == before


def test_an_activity_has_the_arguments_that_its_table_takes(lab: Lab) -> None:
    """The table of an activity takes no type: the error lists what it takes."""
    experiment = lab.world(lab.api.activities.get_activities())[0]
    with pytest.raises(ArgumentTypeError, match=r"table\(\) has no argument entity_type; it takes fields, where"):
        lab.world(experiment.table(entity_type="Compound"))
