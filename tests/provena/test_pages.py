"""The pages of the stand-in, without a browser: what its services hold is there, as text."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kalbio._core.emulator.messages import Request, Response
from kalbio.provena.sandbox import Sandbox, graph, objects
from kalbio.provena.sandbox.graph import Graph, Node
from tests.rows import row

HOSTILE = '<img src=x onerror="alert(1)">{{ 777 * 3 }}'


class Pages:
    """The pages of a stand-in, and its services, for its administrator."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox

    def ask(self, target: str, body: Any, method: str = "POST", username: str = "admin") -> Any:
        """Call a service."""
        token = self.sandbox.store.issue(username, "access", 3600)
        headers = [("authorization", f"Bearer {token}"), ("content-type", "application/json")]
        answer = self.sandbox.handle(Request(method, target, headers, json.dumps(body).encode()))
        assert answer.status == 200, answer.body
        return answer.json()

    def create(self, place: str, **data: Any) -> str:
        """Register an item."""
        id: str = self.ask(f"/registry-api/registry/{place}/create", data)["created_item"]["id"]
        return id

    def organisation(self, name: str) -> str:
        """Register an organisation."""
        return self.create("agent/organisation", display_name=name, name=name)

    def look(self, target: str) -> Response:
        """Ask for a page, as a server does."""
        assert self.sandbox.pages is not None
        return self.sandbox.pages().answer(self.sandbox, Request("GET", target))

    def read(self, target: str) -> str:
        """The text of a page that is there."""
        answer = self.look(target)
        assert answer.status == 200, answer.body
        return answer.body.decode()

    def id_of(self, name: str) -> str:
        """The id of an item of the demo."""
        sql = "select id from document where kind = 'item' and json_extract(body, '$.display_name') = ?"
        id: str = self.sandbox.store.rows(sql, name)[0][0]
        return id

    def item(self, id: str, query: str = "") -> str:
        """The page of an item."""
        return self.read(f"/browse/items/{id.replace('/', '%2F')}{query}")


@pytest.fixture
def pages() -> Iterator[Pages]:
    """The demo study."""
    with Sandbox(seed="demo") as sandbox:
        yield Pages(sandbox)


def rows_of(page: str) -> list[str]:
    """The names in the first column of the tables of a page."""
    return [html.unescape(name) for name in re.findall(r'<th scope="row"[^>]*><a href="[^"]*">([^<]*)</a>', page)]


def test_every_link_leads_to_a_page_and_names_are_text(pages: Pages) -> None:
    """Whatever the names are, and whatever an item that should not be there holds."""
    pages.organisation(HOSTILE)
    odd = {"id": HOSTILE, "item_subtype": "PERSON", "record_type": "COMPLETE_ITEM", "owner_username": HOSTILE,
           "item_category": "AGENT", "updated_timestamp": "late", HOSTILE: [{HOSTILE: 1e300, "a": f"{HOSTILE}!"}],
           "display_name": 7}  # fmt: skip
    pages.sandbox.put(odd)
    store, cover = pages.sandbox.store, pages.id_of("Coral cover")
    objects.put_text(store, f"{store.need('item', cover)['s3']['path']}{HOSTILE}/a.html", "<script>alert(1)</script>")
    pages.ask("/auth-api/groups/admin/add_group", {"id": "g", "display_name": HOSTILE, "description": HOSTILE})
    waiting, seen = ["/"], {"/"}
    while waiting:
        answer = pages.look(waiting.pop())
        with row(answer.body[:200]):
            assert answer.status == 200
            if answer.header("content-type") != "text/html; charset=utf-8":
                assert (answer.header("content-disposition") or "").startswith("attachment; ")
                continue
            page = answer.body.decode()
            assert "<img" not in page
            assert "2331" not in re.sub(r"[0-9a-f-]{36}", "", page)
        # sorted and paged in every way, a list would have too many
        links = {html.unescape(link).partition("#")[0] for link in re.findall(r'href="(/[^"]*)"', page)}
        new = {link for link in links - seen if not link.startswith("/browse/static/")}
        seen |= new
        waiting += new
    assert {"/browse/items", "/browse/datasets", "/browse/jobs", "/browse/mail", "/browse/users"} <= seen
    assert sum("/browse/items/" in link for link in seen) >= store.rows("select count(*) from lineage_node")[0][0]
    assert sum("/browse/files/" in link for link in seen) == 5
    assert len([link for link in seen if "/browse/jobs/" in link]) == 15
    assert pages.look("/browse/items/nothing").status == pages.look("/browse/files/x/y").status == 404


def test_items_are_searched_sorted_and_paged_in_the_address(pages: Pages) -> None:
    """By subtype and name, in the order of the heading; an order that there is not is refused."""
    names = [f"Group {number:03}" for number in range(60)]
    for name in names:
        pages.organisation(name)
    address = "/browse/items?subtype=ORGANISATION&name=gROUP+0&sort=-name"
    found = names[::-1]
    assert rows_of(pages.read(address)) == found[:50]
    assert rows_of(pages.read(f"{address}&page=2")) == found[50:]
    assert rows_of(pages.read("/browse/items?sort=name&name=sea")) == ["Sea temperature", "Sea temperature template"]
    assert "Coral model" in rows_of(pages.read(f"/browse/items?name={pages.id_of('Coral model')}"))
    assert pages.look("/browse/items?sort=id").status == 400


def test_an_item_shows_its_data_and_what_became_of_it(pages: Pages) -> None:
    """Ids lead to items, the history says what changed, and its lock, its users and who may read it are there."""
    model = pages.id_of("Coral model")
    old = pages.sandbox.store.need("item", model)
    data = {name: old[name] for name in ("name", "description", "documentation_url", "source_url", "display_name")}
    target = f"/registry-api/registry/entity/model/update?id={model}&reason=Clearer"
    pages.ask(target, {**data, "description": "Clearer words"}, "PUT", "alice")
    lock = {"id": model, "reason": "No more changes"}
    pages.ask("/registry-api/registry/entity/model/locks/lock", lock, "PUT")
    page = pages.item(model)
    assert re.search(r"<td[^>]*>Clearer</td><td>description</td><td>alice</td>", page)
    for text in ("Clearer words", ">locked</span>", "No more changes", "version 1", "alice (owner)"):
        assert text in page

    person = pages.id_of("Alice Archer")
    run = pages.item(pages.id_of("Bleaching, today"))
    assert f'<a href="/browse/items/{person.replace("/", "%2F")}">Alice Archer</a>' in run
    assert "Log in as this person: alice." in pages.item(person)


def test_the_lineage_has_causes_on_the_left_and_ends_somewhere(pages: Pages) -> None:
    """A link that closes a circle does no harm, and of many items the nearest are drawn."""
    run, cover = pages.id_of("Bleaching, today"), pages.id_of("Coral cover")

    def places(page: str) -> dict[str, float]:
        found = re.findall(r'<text class="name" x="([\d.]+)"[^>]*>([^<]*)</text>', page)
        return {name: float(x) for x, name in found}

    drawn = places(pages.item(run))
    assert drawn["Sea temperature"] < drawn["Bleaching, today"] < drawn["Coral cover"]
    assert "Bleaching, today</a> used <a" in pages.item(run).replace("\n", "")
    deeper = places(pages.item(cover, "?depth=2"))
    assert len(deeper) > len(places(pages.item(cover)))

    store, circle = pages.sandbox.store, Graph()
    circle.add("used", Node(run, "ACTIVITY", "MODEL_RUN"), Node(cover, "ENTITY", "DATASET"))
    graph.lodge(store, "circle", circle)
    assert places(pages.item(cover, "?depth=5")).keys() >= {"Coral cover", "Bleaching, today"}
    many = Graph()
    for number in range(100):
        many.add("used", Node(f"x/{number:03}", "ACTIVITY", "MODEL_RUN"), Node(cover, "ENTITY", "DATASET"))
    graph.lodge(store, "many", many)
    page = pages.item(cover, "?depth=5")
    assert len(re.findall('<text class="name"', page)) == 40
    assert "There is more than fits" in page


def test_jobs_go_on_while_somebody_looks() -> None:
    """A stage that its time is over for has ended on the page too, without a request of a client."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    with Sandbox(clock=lambda: now) as sandbox:
        sandbox.release_jobs(10)
        pages = Pages(sandbox)
        payload = {"email_to": "a@example.org", "subject": "Hello", "body": "token=sandbox-token-x", "reason": "r"}
        job = {"username": "alice", "job_type": "EMAIL", "job_sub_type": "SEND_EMAIL", "job_payload": payload}
        session = pages.ask("/job-api/jobs/admin/launch", job)["session_id"]
        for state in ("pending", "dequeued", "in progress", "succeeded"):
            now += timedelta(seconds=10)
            page = pages.read("/browse/jobs")
            with row(state):
                assert re.findall(r'<span class="chip \w+">([^<]*)</span>', page) == [state]
        batch = pages.ask("/job-api/jobs/admin/launch", {**job, "request_batch_id": True})["batch_id"]
        now += timedelta(seconds=10)
        for query, number in (
            ("status=FAILED", 0), ("status=SUCCEEDED", 1), ("username=alice", 2), ("username=bob", 0),
            ("job_sub_type=SEND_EMAIL&status=PENDING", 1), (f"batch_id={batch}", 1),
            (f"batch_id={batch}&status=SUCCEEDED", 0),
        ):  # fmt: skip
            with row(query):
                page = pages.read(f"/browse/jobs?{query}")
                assert len(rows_of(page)) == number
                assert not number or f"of {number} job" in page
        page = pages.read(f"/browse/jobs/{session}")
        assert "a@example.org" in page
        assert "sandbox-token" not in page
        page = pages.read("/browse/mail")
        assert "Hello" in page
        assert "sandbox-token" not in page


def test_a_file_of_a_dataset_is_kept_and_never_shown(pages: Pages) -> None:
    """A browser gets it as bytes of no type, with its name."""
    page = pages.item(pages.id_of("Coral cover"))
    (target,) = re.findall(r'href="(/browse/files/[^"]*data.csv)"', page)
    answer = pages.look(target)
    assert answer.body == b"day,cover\n1,60.0\n2,59.2\n"
    assert answer.header("content-type") == "application/octet-stream"
    assert answer.header("x-content-type-options") == "nosniff"
    assert (answer.header("content-disposition") or "").startswith('attachment; filename="data.csv"')
