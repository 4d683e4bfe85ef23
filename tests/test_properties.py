"""What holds for any input: round trips through the sandbox, and the laws of the pure parts."""

from __future__ import annotations

import contextlib
import csv
import json
import math
import tempfile
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import attrs
import pytest
from hypothesis import configuration, given, settings
from hypothesis import strategies as st

from kalbio import ValidationError, webhooks
from kalbio._core.constants import MAX_FILE_NAME, MAX_TARGET
from kalbio._core.files.filenames import safe_name
from kalbio._core.http.url_chunks import chunk_for_url
from kalbio._core.json import strict_json
from kalbio._core.objects.times import parse_timestamp
from kalbio._core.retry import AttemptResult, RetryPolicy, decide
from kalbio._core.text.redaction import redact
from kalbio.testing import InProcess
from tests.altered import query_of

# The same examples in every run, and nothing written into the checkout.
configuration.set_hypothesis_home_dir(Path(tempfile.gettempdir()) / "kalbio-hypothesis")
settings.register_profile("kalbio", derandomize=True, database=None, deadline=None, max_examples=40)
settings.load_profile("kalbio")

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
NAMES = TEXT.filter(str.strip)
NUMBERS = st.integers(-(10**20), 10**20) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@pytest.fixture(scope="module")
def lab() -> Iterator[InProcess]:
    """One sandbox for all examples, with a field of each type that is written to."""
    with InProcess(retries=0) as made:
        fields = made.client.entity_fields
        for name in ("Sample", "Batch no."):
            fields.get_or_create_key_field(name)
        for name, kind in (("Words", "text"), ("Amount", "number"), ("Right", "boolean"), ("Several", "multiselect")):
            fields.get_or_create_data_field(name, kind)
        yield made


def read_back(lab: InProcess, field: str, content: Any) -> list[Any]:
    """Write a value, and read it in every way there is."""
    client = lab.client
    record = client.records.get_or_create_record({"Sample": "S-1"})
    written = record.add_value(field, content)
    assert written is not None
    fresh = client.records.get_record_by_id(record.id, use_cache=False)
    assert fresh is not None
    return [
        written.content,
        record.get_value_content(field),
        fresh.get_value_content(field),
        fresh.get_values()[0].content,
    ]


# -- round trips ------------------------------------------------------------------------------------------------------


@given(TEXT)
def test_text_comes_back_as_it_was(lab: InProcess, content: str) -> None:
    """Any text is the same in the answer, in the record, read anew, and in the history."""
    assert read_back(lab, "Words", content) == [content] * 4


@given(NUMBERS)
def test_numbers_come_back_as_text_of_the_same_number(lab: InProcess, content: float) -> None:
    """Numbers are kept as text; read as a number it is the one that was written."""
    for found in read_back(lab, "Amount", content):
        assert isinstance(found, str)
        assert (int(found) if isinstance(content, int) else float(found)) == content


@given(st.booleans())
def test_booleans_come_back_as_booleans(lab: InProcess, content: bool) -> None:
    """Yes and no stay what they are."""
    assert read_back(lab, "Right", content) == [content] * 4


@given(st.lists(TEXT, max_size=5))
def test_lists_of_text_come_back_whole(lab: InProcess, content: list[str]) -> None:
    """A field of several texts keeps them in order."""
    assert read_back(lab, "Several", content) == [content] * 4


@settings(max_examples=25)
@given(TEXT)
def test_an_export_shows_what_was_written(lab: InProcess, content: str) -> None:
    """Any text stands in the CSV file as it was written: commas, quotes and line ends included."""
    record = lab.client.records.get_or_create_record({"Sample": "S-1"})
    record.add_value("Words", content)
    with tempfile.TemporaryDirectory() as folder:
        path = lab.client.exports.pull_data("out.csv", "Sample", folder)
        assert path is not None
        with Path(path).open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    assert [row["Words"] for row in rows if row["Sample"] == "S-1"] == [content]


@given(NAMES, NAMES, st.booleans(), st.booleans())
def test_key_values_name_one_record_in_every_order_and_spelling(
    lab: InProcess, sample: str, batch: str, turned: bool, by_object: bool
) -> None:
    """Keys by name, id or object, in either order: the same record, when it is made and when it is looked for."""
    client = lab.client
    field = client.entity_fields.get_key_field_by_id("Batch no.")
    assert field is not None
    made = client.records.get_or_create_record({"Sample": sample, "Batch no.": batch})
    again: dict[Any, str] = {(field if by_object else field.id): batch, "Sample": sample}
    if turned:
        again = dict(reversed(again.items()))
    found = client.records.get_record_by_id(again, use_cache=False)
    assert found is not None
    assert found.id == made.id
    assert client.records.get_or_create_record(again).id == made.id
    assert (found.get_value_content("Sample"), found.get_value_content("Batch no.")) == (sample, batch)


@given(JSON, st.sampled_from(["is_equal", "is_not_equal", "includes"]), st.booleans(), TEXT)
def test_conditions_arrive_as_they_were_given(
    lab: InProcess, operand: Any, rule: str, descending: bool, text: str
) -> None:
    """Filters, sorts and free text of a search are the same JSON at the server, whatever is in them."""
    client = lab.client
    field = client.entity_fields.get_data_field_by_id("Words")
    assert field is not None
    filters: list[Any] = [{"field_id": "Words", "filter_type": rule, "filter_prop": operand}]
    sorts: list[Any] = [{"field_id": field, "descending": descending}]
    lab.exchanges.clear()
    with contextlib.suppress(ValidationError):  # the server may not like an operand; it must have been sent as it is
        client.records.search_records(entity_field_filters=filters, entity_field_sorts=sorts, search_text=text)
    query = query_of(lab, "searchRecords")  # type: ignore[arg-type]
    assert json.loads(query["entity_field_filters"]) == [{**filters[0], "field_id": field.id}]
    assert json.loads(query["entity_field_sorts"]) == [{"field_id": field.id, "descending": descending}]
    assert query["search_text"] == text


# -- laws of the pure parts -------------------------------------------------------------------------------------------


@given(JSON)
def test_json_survives_its_journey(value: Any) -> None:
    """What is encoded decodes to the same."""
    assert strict_json.decode(strict_json.encode(value)) == value
    assert strict_json.plain(value) == value


@given(st.recursive(st.just(math.nan) | st.just("\ud800") | st.just(b"x"), lambda inner: st.lists(inner, min_size=1)))
def test_what_is_no_json_names_its_place(value: Any) -> None:
    """However deep it stands, the error begins with the way to it."""
    with pytest.raises((ValueError, TypeError), match=r"^place(\[0\])* (is|has)"):
        strict_json.encode(value, "place")


@given(
    st.lists(st.builds(lambda text, times: text * times, st.text(max_size=6), st.integers(1, 900)), max_size=40),
    st.integers(0, MAX_TARGET),
    st.sampled_from([",", "", "&", "\r\n", "é"]),
    st.integers(1, 50),
)
def test_batches_hold_everything_in_order_within_the_limit(
    texts: list[str], overhead: int, separator: str, most: int
) -> None:
    """Nothing is left out, doubled or moved; only a text that is too long by itself goes over the limit, alone."""
    texts = [text.encode("utf-8", "replace").decode() for text in texts]
    slices = list(chunk_for_url(texts, overhead=overhead, separator=separator, max_count=most))
    assert [text for part in slices for text in texts[part]] == texts
    for part in slices:
        batch = texts[part]
        assert 1 <= len(batch) <= most
        assert len(batch) == 1 or overhead + len(quote_plus(separator.join(batch))) <= MAX_TARGET


@given(st.text(max_size=300), st.text(max_size=20))
def test_a_file_name_is_one_safe_component(wanted: str, fallback: str) -> None:
    """Of any text one name is left that every platform takes, and that stays what it is when it is made safe again."""
    name = safe_name(wanted, fallback)
    assert name
    assert name not in (".", "..")
    assert len(name.encode("utf-8")) <= MAX_FILE_NAME
    assert not set(name) & set('/\\<>:"|?*')
    assert not any(unicodedata.category(letter) in ("Cc", "Cs") for letter in name)
    assert name == name.strip().rstrip(".")
    assert Path(name).name == name
    assert name.partition(".")[0].strip().lower() not in ("con", "prn", "aux", "nul", "com1", "lpt9")


ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29), timezones=ZONES), st.integers(1, 6), st.booleans())
def test_timestamps_of_the_wire_are_read(moment: datetime, digits: int, zulu: bool) -> None:
    """With one to six fractional digits, with Z or an offset: the instant, exactly as far as the digits go."""
    moment = moment.replace(microsecond=moment.microsecond // 10 ** (6 - digits) * 10 ** (6 - digits))
    if zulu:
        moment = moment.astimezone(UTC)
    text = f"{moment:%Y-%m-%dT%H:%M:%S}".rjust(19, "0") + f".{moment.microsecond:06d}"[: digits + 1]
    offset = "Z" if zulu else moment.strftime("%z")[:3] + ":" + moment.strftime("%z")[3:5]
    assert parse_timestamp(text + offset) == moment


@given(JSON)
def test_what_is_no_timestamp_is_none(value: Any) -> None:
    """Nothing but an instant or None comes out, whatever goes in."""
    found = parse_timestamp(value)
    assert found is None or (isinstance(value, str) and found.tzinfo is not None)


SECRETS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=8, max_size=40).filter(
    lambda text: text.strip() == text and len(set(text)) > 4
)


@given(SECRETS, TEXT, TEXT, st.integers(0, 5))
def test_a_secret_never_stays(secret: str, before: str, after: str, form: int) -> None:
    """As it is, in JSON, in JSON within JSON, in a URL or a form: the secret is not in what is left."""
    spelled = [
        secret,
        json.dumps({"detail": secret}),
        json.dumps({"detail": json.dumps({"inner": secret})}),
        json.dumps({"detail": secret}, ensure_ascii=False),
        quote_plus(secret),
        f"access_token={quote_plus(secret)}&x=1",
    ][form]
    left = redact(before + spelled + after, [secret])
    assert secret not in left
    assert spelled not in left
    assert json.dumps(secret)[1:-1] not in left
    assert quote_plus(secret) not in left


POLICIES = st.builds(
    RetryPolicy,
    attempts=st.integers(1, 5),
    base=st.floats(0, 20),
    max_wait=st.floats(0, 10),
)


@settings(max_examples=250)
@given(
    POLICIES,
    st.sampled_from(AttemptResult),
    st.booleans(),
    st.booleans(),
    st.integers(1, 5),
    st.floats(0, 100),
    st.floats(-5, 60),
    st.none() | st.floats(0, 20),
    st.floats(0, 1),
)
def test_a_decision_keeps_its_promises(
    policy: RetryPolicy,
    happened: AttemptResult,
    idempotent: bool,
    replayable: bool,
    attempt: int,
    elapsed: float,
    left: float,
    retry_after: float | None,
    drawn: float,
) -> None:
    """Never a lost write again, never a refused call, never beyond the tries, the longest wait or the deadline."""
    deadline = max(0.001, elapsed + left)
    policy = attrs.evolve(policy, deadline=deadline)
    decision = decide(
        policy,
        happened,
        idempotent=idempotent,
        replayable=replayable,
        attempt=attempt,
        elapsed=elapsed,
        retry_after=retry_after,
        random=lambda: drawn,
    )
    maybe_done = happened in (AttemptResult.LOST, AttemptResult.SERVER_FAILED)
    assert decision.outcome_unknown == (maybe_done and not idempotent)
    if decision.wait is None:
        return
    assert not decision.outcome_unknown
    assert happened is not AttemptResult.REFUSED
    assert replayable
    assert attempt < policy.attempts
    assert 0 <= decision.wait <= policy.max_wait + (policy.base if retry_after is not None else 0)
    assert elapsed + decision.wait <= deadline
    assert retry_after is None or retry_after <= decision.wait


EVENTS = st.sampled_from(["registration_submitted", "registration_drafts_submitted", "something_new"])
PAYLOADS = JSON | st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(("event", "event_type", "type"), JSON | EVENTS),
        **dict.fromkeys(("operation_id", "file_id", "submission_id", "record_ids", "file_url", "file_name"), JSON),
        "data": JSON,
        "payload": st.dictionaries(TEXT, JSON, max_size=3),
    },
)


@settings(max_examples=100)
@given(PAYLOADS)
def test_any_webhook_is_read_or_refused(payload: Any) -> None:
    """Any JSON, parsed or as text or bytes, is an event or a WebhookError."""
    for form in (payload, json.dumps(payload), json.dumps(payload).encode()):
        try:
            event = webhooks.parse_webhook(form)
        except webhooks.WebhookError:
            continue
        assert event.raw == payload


@given(st.binary(max_size=50) | st.text(max_size=50))
def test_any_bytes_are_read_as_a_webhook_or_refused(payload: bytes | str) -> None:
    """What is no JSON at all is refused in the same way."""
    try:
        event = webhooks.parse_webhook(payload)
    except webhooks.WebhookError:
        return
    assert isinstance(event, webhooks.WebhookEvent)
