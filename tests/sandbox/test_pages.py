"""The pages of the sandbox, without a browser: what is stored is there, as text."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from typing import Any
from urllib.parse import urldefrag, urljoin

import httpx
import pytest

from kalbio._core.emulator.pages import is_page
from kalbio.sandbox import Request, Response, Sandbox
from kalbio.sandbox.server import serve
from tests.rows import row
from tests.sandbox.wire import Api

HOSTILE = '<img src=x onerror="alert(1)">&\'{{ 7 * 7 }}'


@pytest.fixture
def api() -> Iterator[Api]:
    """The demo, reached by its API."""
    with Sandbox() as sandbox:
        yield Api(sandbox)


def look(sandbox: Sandbox, target: str, method: str = "GET", **headers: str) -> Response:
    """Ask for a page, as a server does."""
    assert sandbox.pages is not None
    return sandbox.pages().answer(sandbox, Request(method, target, list(headers.items())))


def text_of(answer: Response) -> str:
    """The text of a page that is there."""
    assert answer.status == 200, answer.body
    return answer.body.decode()


def test_names_are_text(api: Api) -> None:
    """What a name holds is shown as it is, and no page lets anything run that stands in it."""
    api.post("/programs", {"title": HOSTILE})

    answer = look(api.sandbox, "/browse/programs")

    page = text_of(answer)
    assert "&lt;img src=x onerror=&#34;alert(1)&#34;&gt;&amp;&#39;{{ 7 * 7 }}" in page
    assert "<img" not in page
    policy = answer.header("content-security-policy") or ""
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy


def test_what_is_not_there_is_a_page_that_says_so(api: Api) -> None:
    """An unknown address is a 404 with a way back."""
    answer = look(api.sandbox, "/browse/nothing")

    assert (answer.status, answer.header("content-type")) == (404, "text/html; charset=utf-8")
    assert b'href="/"' in answer.body


def hostile_workspace(api: Api) -> None:
    """Fill a workspace with something of every kind, all of it under hostile names."""
    field, file_field = api.field(HOSTILE), api.field("Spectrum", "file")
    record = api.record(**{HOSTILE: HOSTILE})
    api.value(record["id"], field, HOSTILE)
    api.value(record["id"], api.field("Link", "URL"), ["https://example.org/a", 'javascript:alert("1")'])
    api.value(record["id"], api.field("SMILES", "smiles-string"), "CCO")
    api.value(record["id"], api.field("Other", "record-reference"), record["id"])
    api.upload(f"/records/{record['id']}/values/file", "page.html", HOSTILE.encode(), {"field_id": file_field})
    activity = api.experiment(HOSTILE, "Assay results registration")
    api.attach(activity["id"], record["id"])
    api.value(record["id"], field, HOSTILE + "2", operation_id=activity["id"])
    prop = next(one for one in activity["properties"] if one["field_type"] == "file")
    file_id = api.upload(f"/properties/{prop['id']}/file", HOSTILE.replace('"', "'"), b"x").json()["file_id"]
    api.post(f"/operations/{activity['id']}/register/{file_id}", {})
    rows = [{HOSTILE: "A", "Potency (nM)": HOSTILE}, {HOSTILE: "B", "Potency (nM)": 1}]
    api.post("/push/imports", {"key_field_names": [HOSTILE], "data": rows, "operation_id": activity["id"]})
    api.post("/programs", {"title": HOSTILE})


def links_on(page: str, base: str) -> set[str]:
    """Where a page leads to, on this server."""
    found = {urljoin(base, unescape(link)) for link in re.findall(r'(?:href|src|action)="([^"]*)"', page)}
    return {urldefrag(link)[0] for link in found if link.startswith("/")}


def test_every_link_leads_to_a_page_and_names_stay_text_on_all_of_them(api: Api) -> None:
    """All links of a workspace of hostile names are followed from the first page on: none is broken, none is markup."""
    hostile_workspace(api)
    waiting, seen = ["/"], {"/", "/reference"}
    kinds = set()
    while waiting:
        path = waiting.pop()
        answer = look(api.sandbox, path)
        assert answer.status == 200, (path, answer.body)
        kinds.add(re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "*", path.partition("?")[0]))
        if (answer.header("content-type") or "").startswith("text/html"):
            page = answer.body.decode()
            assert "<img src=x" not in page, path
            assert 'href="javascript:' not in page, path
            # a form is not sent by looking around
            new = {link for link in links_on(page, path) if not link.endswith(("/send", "/submit", "/validate"))} - seen
            seen |= new
            waiting += new
    assert kinds >= {f"/browse/{kind}/*" for kind in ("activities", "entities", "records", "imports", "registrations")}
    assert "/browse/files/*" in kinds


def compounds(api: Api) -> tuple[str, dict[str, str]]:
    """A hundred records of one type with a number and a text; the id of the type, and of the fields by name."""
    ids = {"Name": api.key("Name"), "Weight": api.field("Weight", "number"), "Note": api.field("Note")}
    rows = [
        {"Name": f"N{n:03}", "Weight": n * 37 % 101 if n % 9 else None, "Note": f"note {n % 7}"} for n in range(1, 101)
    ]
    api.post("/push/imports", {"key_field_names": ["Name"], "data": rows})
    kind = next(one for one in api.read("/entity_slices") if one["slice_name"] == "Name")
    return kind["id"], ids


def rows_on(api: Api, path: str) -> list[str]:
    """The records on a page of a type, in its order."""
    page = text_of(look(api.sandbox, path))
    return re.findall(r'<th scope="row"><a href="/browse/records/([^"]+)"', page)


def test_a_table_shows_what_the_search_finds(api: Api) -> None:
    """Conditions, text and sort of the URL give the rows of the API's search, page by page; without a sort, by key."""
    kind, ids = compounds(api)
    number, text = ids["Weight"], ids["Note"]
    condition = {"field_id": number, "filter_type": "is_less_than", "filter_prop": "60"}
    both = [condition, {"field_id": text, "filter_type": "is_in", "filter_prop": ["note 1", "note 2", "note 3"]}]
    down = [{"field_id": number, "descending": True}]
    for query, asked in (
        (f"sort={number}", {"entity_field_sorts": [{"field_id": number, "descending": False}]}),
        (
            f"field={number}&rule=is_less_than&value=60&field={text}&rule=is_in&value=note+1,note+2,note+3&sort=-{number}",
            {"entity_field_filters": both, "entity_field_sorts": down},
        ),
        (f"search=NOTE+3&sort=-{number}", {"search_text": "NOTE 3", "entity_field_sorts": down}),
    ):
        with row(query):
            found = api.read("/records/search", entity_slice_id=kind, **asked)
            count = -(-len(found) // 50)
            pages = [rows_on(api, f"/browse/entities/{kind}?{query}&page={n + 1}") for n in range(count)]
            assert len(found) > 10
            assert [one for page in pages for one in page] == found

    by_key = [one for n in (1, 2) for one in rows_on(api, f"/browse/entities/{kind}?page={n}")]
    assert by_key == api.read("/records/search", entity_slice_id=kind, entity_field_sorts=[
        {"field_id": ids["Name"], "descending": False}])  # fmt: skip
    narrowed = set(api.read("/records/search", entity_slice_id=kind, entity_field_filters=[condition]))
    page = rows_on(api, f"/browse/entities/{kind}?field={number}&rule=is_less_than&value=60")
    assert page == [one for one in by_key if one in narrowed][:50]


def test_a_table_tells_what_is_wrong_with_a_condition(api: Api) -> None:
    """What the search refuses is said on the page, and so is a value without a field; no rows are shown."""
    kind, ids = compounds(api)
    for query, told in (
        (f"field={ids['Weight']}&rule=is_less_than&value=many", "takes a number"),
        (f"field={ids['Weight']}&rule=is_nice&value=1", "no rule"),
        ("field=&rule=is_equal&value=1", "A value needs a field"),
        ("sort=nothing", "does not exist"),
        ("page=0", "whole number"),
    ):
        with row(query):
            answer = look(api.sandbox, f"/browse/entities/{kind}?{query}")
            assert (answer.status, told in answer.body.decode()) == (400, True)
            assert b'scope="row"' not in answer.body


def test_a_page_beyond_the_end_is_the_last_one(api: Api) -> None:
    """Who asks for more pages than a list has sees the last one of it, and not that there is nothing."""
    kind, _ = compounds(api)
    for path in ("/browse/events", f"/browse/entities/{kind}"):
        with row(path):
            last = look(api.sandbox, f"{path}?page=99")
            assert last.status == 200
            rows = text_of(last).partition("<main")[2] or text_of(last)
            assert "Page 99" not in rows
            assert "Nothing has happened yet" not in rows
            assert "No records" not in rows


def test_an_event_names_the_field_of_a_value(api: Api) -> None:
    """With its content, or that it was emptied; another event of the same record has none."""
    record, field = api.record(Name="N1")["id"], api.field(HOSTILE)
    for content in ("by hand", None):
        api.value(record, field, content)

    page = text_of(look(api.sandbox, "/browse/events?type=record"))

    details = [unescape(re.sub(r"<[^>]*>", "", found)) for found in re.findall(r"<div>(.*?)</div>", page)]
    assert details[:2] == [f"{HOSTILE}: emptied", f"{HOSTILE}: by hand"]


def test_a_type_without_events_is_told_from_a_workspace_without_any(bare: Api) -> None:
    """The page says that there are none of this type, which types there are, and how to see them all."""
    assert "Nothing has happened yet" in text_of(look(bare.sandbox, "/browse/events"))
    assert "There are no events of the type “zz”." in text_of(look(bare.sandbox, "/browse/events?type=zz"))

    bare.record(Name="N1")
    page = text_of(look(bare.sandbox, "/browse/events?type=zz"))
    assert "There are no events of the type “zz”, but of key field, record." in page
    assert '<a href="/browse/events">Show all events</a>' in page


def test_a_record_shows_its_history(api: Api) -> None:
    """Each value is there with its field, its activity and its author; a field has a list of its own."""
    record, field = api.record(Name="N1")["id"], api.field("Weight", "number")
    other = api.field("Note")
    activity = api.experiment("Weighing")
    api.attach(activity["id"], record)
    for content in ("1.5", "2.5"):
        api.value(record, field, content, operation_id=activity["id"])
    api.value(record, other, "by hand")

    page = text_of(look(api.sandbox, f"/browse/records/{record}"))
    own = text_of(look(api.sandbox, f"/browse/records/{record}?field={field}"))

    history = page.partition('id="history"')[2]
    assert re.findall(r"<td>(1\.5|2\.5|by hand)</td>", history) == ["by hand", "2.5", "1.5"]
    assert history.count(f'<a href="/browse/activities/{activity["id"]}">Weighing</a>') == 3  # and the list below
    assert history.count("Sandbox Admin") == 3
    assert re.findall(r"<td>(1\.5|2\.5|by hand)</td>", own.partition('id="history"')[2]) == ["2.5", "1.5"]


def test_an_import_shows_the_rows_that_it_left_out(api: Api) -> None:
    """Row, field, value and reason of each error are on the page of the import."""
    api.field("Weight", "number")
    rows = [{"Name": "A", "Weight": "heavy"}, {"Name": "B", "Weight": 1}]
    id_ = api.post("/push/imports", {"key_field_names": ["Name"], "data": rows})["import_id"]

    page = text_of(look(api.sandbox, f"/browse/imports/{id_}"))

    (error,) = re.findall(r'<tr><th scope="row">A</th>.*</tr>', page)
    assert all(part in error for part in ("Weight", "heavy", "takes a number"))


def test_what_does_not_exist_is_not_found(api: Api) -> None:
    """An id that nothing has is a 404, whatever the page is of, and so is an archived draft."""
    for kind in ("activities", "entities", "records", "imports", "registrations", "files"):
        with row(kind):
            assert look(api.sandbox, f"/browse/{kind}/00000000-0000-4000-8000-000000000000").status == 404
    assert look(api.sandbox, "/browse/programs", method="DELETE").status == 405


def test_a_file_is_kept_and_never_shown(api: Api) -> None:
    """A page that was uploaded comes as an attachment without its type, so that no browser runs it."""
    record, field = api.record(Name="N1")["id"], api.field("Spectrum", "file")
    name = 'evil"\r\nx: y.html'
    content = api.upload(f"/records/{record}/values/file", "a.html", b"<script>1</script>", {"field_id": field}).json()
    file_id = content["resource"]["content"]["file_id"]
    api.sandbox.store.run("update file set name = ?, type = 'text/html' where id = ?", name, file_id)

    answer = look(api.sandbox, f"/browse/files/{file_id}")

    assert answer.body == b"<script>1</script>"
    assert answer.header("content-type") == "application/octet-stream"
    assert answer.header("x-content-type-options") == "nosniff"
    disposition = answer.header("content-disposition") or ""
    assert disposition.startswith("attachment; ")
    assert "\r" not in disposition


def to_register(api: Api) -> tuple[str, str]:
    """An activity with a file that can be registered; both ids."""
    activity = api.experiment("Assay", "Assay results registration")
    prop = next(one["id"] for one in activity["properties"] if one["field_type"] == "file")
    return activity["id"], api.upload(f"/properties/{prop}/file", "r.csv", b"1,2").json()["file_id"]


def send(sandbox: Sandbox, path: str, form: str, **headers: str) -> Response:
    """Send a form, as a browser does from a page of this server."""
    assert sandbox.pages is not None
    given = {"host": "127.0.0.1:1", "origin": "http://127.0.0.1:1", "sec-fetch-site": "same-origin"}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    fields = [(name, value) for name, value in given.items() if value]
    return sandbox.pages().answer(sandbox, Request("POST", path, fields, form.encode()))


def test_a_file_is_registered_and_its_webhook_sent_again_from_the_pages() -> None:
    """The button of the activity begins a registration by the API; that of the webhook sends the same event again."""
    heard: list[Any] = []
    with Sandbox(webhook=heard.append) as sandbox:
        api = Api(sandbox)
        activity_id, file_id = to_register(api)
        page = text_of(look(sandbox, f"/browse/activities/{activity_id}"))
        assert f'action="/browse/activities/{activity_id}/register"' in page

        answer = send(sandbox, f"/browse/activities/{activity_id}/register", f"file={file_id}")

        (registration,) = api.read(f"/operations/{activity_id}/registrations")
        path = f"/browse/registrations/{registration['id']}"
        assert (answer.status, answer.header("location")) == (303, path)
        assert [entry.operation for entry in sandbox.ledger][-1] == "registerFile"
        page = text_of(look(sandbox, path))
        assert "delivered" in page
        assert "/register" not in text_of(look(sandbox, f"/browse/activities/{activity_id}"))

        again = send(sandbox, "/browse/webhooks/0/send", f"back={path}")

        assert (again.status, again.header("location")) == (303, path)
        assert len(heard) == 2
        assert heard[0] == heard[1]
        for elsewhere in ("https://example.org/", f"{path}%0d%0aX-Odd:%20y", f"{path}%C4%80", f"{path}/../../x"):
            away = send(sandbox, "/browse/webhooks/0/send", f"back={elsewhere}")
            assert away.header("location") == "/browse/registrations"
        assert send(sandbox, "/browse/webhooks/9/send", "").status == 404


def test_drafts_are_submitted_from_the_page(api: Api) -> None:
    """The staging table shows where drafts stand; the buttons submit them, and what the API refuses is told."""
    activity = api.experiment("Batches", "Batch registration")
    path = f"/browse/activities/{activity['id']}"
    assert send(api.sandbox, f"{path}/drafts/submit", "").status == 400
    staging_id = activity["registration_staging_record_view_id"]
    body = {"data_json": [{"Compound": "N1"}], "attrs": {}, "is_draft": True, "source_type": "http-post"}
    import_ = api.post("/imports", body | {"operation_id": activity["id"]})
    columns = {"key_field_configurations": [{"name": "Compound"}], "data_field_configurations": []}
    api.post(f"/imports/{import_['id']}/run", columns | {"record_view_id": staging_id}, 204)
    assert f'action="{path}/drafts/submit"' in text_of(look(api.sandbox, path))

    answer = send(api.sandbox, f"{path}/drafts/submit", "")

    (submission,) = api.read(f"/operations/{activity['id']}/registration_submissions")
    assert (answer.status, answer.header("location")) == (303, f"/browse/registrations/{submission['id']}")
    assert "N1" in text_of(look(api.sandbox, f"/browse/registrations/{submission['id']}"))
    (row_of_draft,) = re.findall(
        r'<a href="/browse/records/.*', text_of(look(api.sandbox, f"{path}?table={staging_id}"))
    )
    assert "N1" in row_of_draft
    assert "submitted" in text_of(look(api.sandbox, f"{path}?table={staging_id}")).partition(row_of_draft)[2][:200]
    again = send(api.sandbox, f"{path}/drafts/submit", "")
    assert (again.status, b"pending or submitted" in again.body) == (409, True)
    assert send(api.sandbox, f"{path}/drafts/burn", "").status == 404


def test_a_form_of_another_page_is_refused(api: Api) -> None:
    """Nothing is done for a form that comes from elsewhere, or that does not say where it comes from."""
    activity_id, file_id = to_register(api)
    for headers in (
        {"origin": "https://evil.example"},
        {"origin": "http://127.0.0.1:2"},
        {"origin": "null"},
        {"origin": ""},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
    ):
        with row(headers):
            answer = send(api.sandbox, f"/browse/activities/{activity_id}/register", f"file={file_id}", **headers)
            assert answer.status == 403
    assert api.read(f"/operations/{activity_id}/registrations") == []


def test_pages_are_in_nobodys_way(api: Api) -> None:
    """No path of the API is that of a page."""
    paths = [operation.path for operation in api.sandbox.contract.operations]
    assert [path for path in paths if is_page(path)] == []


class Held:
    """Pages that take as long as they are told."""

    def __init__(self) -> None:
        self.go_on = threading.Event()

    def answer(self, emulator: Any, request: Request) -> Response:
        assert self.go_on.wait(20)
        return Response(200, (), b"")


def test_pages_on_a_port_leave_the_api_alone() -> None:
    """While more pages are asked for than are made at once, and none gets ready, the API answers."""
    held = Held()
    with Sandbox() as sandbox, serve(sandbox) as server, ThreadPoolExecutor(12) as threads:
        sandbox.pages = lambda: held
        waiting = [threads.submit(httpx.get, server.pages_url, timeout=30) for _ in range(12)]
        try:
            assert httpx.get(server.url + "/programs", timeout=10).status_code == 401
            assert not any(one.done() for one in waiting)
        finally:
            held.go_on.set()
        assert [one.result().status_code for one in waiting] == [200] * 12


def test_an_open_port_shows_no_pages() -> None:
    """They need no login, so that they are for this machine alone; the text says so."""
    with Sandbox() as sandbox, serve(sandbox, allow_remote=True, host="0.0.0.0") as server:
        answer = httpx.get(f"http://127.0.0.1:{server.url.rpartition(':')[2]}/")
    assert (answer.status_code, "for this machine" in answer.text) == (403, True)
