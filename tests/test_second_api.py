"""A second API, with a client of its own on the same floor: an entry in the table, and `scripts/regenerate`."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from scripts.codegen.__main__ import build, drift, main
from scripts.codegen.apis import read_table
from scripts.codegen.spec import SpecError
from tests.generated_client import ROOT, run

PYPROJECT = """\
[tool.ruff]
line-length = 120
target-version = "py311"

[tool.kalbio.floor]
source = "kalbio/_core/aio"
twins = "kalbio/_core/sync"

[tool.kalbio.apis.toys]
description = "apis/toys.yaml"
package = "toy_api"
source = "toyshop/aio"
twins = "toyshop"
by_hand = ["__init__.py"]

[tool.kalbio.apis.boxes]
description = "apis/boxes.yaml"
package = "box_api"
"""

TOYS = """\
openapi: 3.1.0
info: {title: Toys, version: '1'}
paths:
  /login:
    post:
      operationId: logIn
      tags: [door]
      x-idempotent: true
      requestBody: {required: true, content: {application/json: {schema: {$ref: '#/components/schemas/LogInBody'}}}}
      responses:
        '200': {description: A pass., content: {application/json: {schema: {$ref: '#/components/schemas/Pass'}}}}
  /toys/{toy_id}:
    get:
      operationId: getToy
      tags: [toys]
      parameters: [{name: toy_id, in: path, required: true, schema: {type: string}}]
      responses:
        '200': {description: The toy., content: {application/json: {schema: {$ref: '#/components/schemas/Toy'}}}}
        '404': {description: No such toy., content: {application/json: {schema: {type: object}}}}
  /toys:
    post:
      operationId: makeToy
      tags: [toys]
      requestBody: {required: true, content: {application/json: {schema: {$ref: '#/components/schemas/Toy'}}}}
      responses:
        '201': {description: The toy., content: {application/json: {schema: {$ref: '#/components/schemas/Toy'}}}}
components:
  schemas:
    LogInBody: {type: object, properties: {who: {type: string}, word: {type: string}}}
    Pass: {type: object, properties: {access_token: {type: string}, expires_in: {type: integer}}}
    Toy: {type: object, required: [id], properties: {id: {type: string}, color: {type: string}}}
"""

BOXES = """\
openapi: 3.1.0
info: {title: Boxes, version: '1'}
paths:
  /boxes:
    get: {operationId: listBoxes, tags: [boxes], responses: {'204': {description: Nothing.}}}
"""

CLIENT = '''\
"""A client of a toy shop."""

from __future__ import annotations

import time
from typing import Any

from toy_api.api.door import log_in
from toy_api.api.toys import get_toy, make_toy
from toy_api.models import LogInBody, Toy
from toy_api.operations import OPERATIONS

from kalbio._core.aio.auth import AsyncTokenAuth
from kalbio._core.aio.retrying_client import AsyncRetryingClient
from kalbio._core.retry import RetryPolicy
from kalbio._core.http.settings import Settings, Timeouts
from kalbio._core.auth.tokens import Tokens


class AsyncToyClient:
    """`async with AsyncToyClient(transport) as shop: await shop.get_toy("1")`."""

    def __init__(self, transport: Any) -> None:
        settings = Settings(
            base_url="https://toys.invalid",
            timeouts=Timeouts(),
            retry=RetryPolicy(base=0),
            user_agent="toys/1",
            extra_headers={},
            transport=transport,
        )
        tokens = Tokens(client_id="bear", client_secret="honey", clock=time.monotonic)

        def make_auth(pipe: AsyncRetryingClient) -> AsyncTokenAuth:
            def build(grant: Any) -> Any:
                return pipe.build_request(**log_in.build_request(body=LogInBody(who="bear", word="please")))

            return AsyncTokenAuth(tokens, header="X-Toy-Pass", build=build, extra_headers={})

        self._pipe = AsyncRetryingClient(settings, OPERATIONS, make_auth)

    def get_async_httpx_client(self) -> AsyncRetryingClient:
        return self._pipe

    async def get_toy(self, toy_id: str) -> Toy:
        return await get_toy.asyncio(toy_id, client=self)

    async def make_toy(self, toy_id: str) -> Toy:
        return await make_toy.asyncio(client=self, body=Toy(id=toy_id))

    async def __aenter__(self) -> AsyncToyClient:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._pipe.aclose()
'''

STORY = """
import asyncio
import sys

import httpx
import toyshop.aio.client
import toyshop.client

asked = []


def answer(request):
    asked.append(f"{request.method} {request.url.path} {request.headers.get('x-toy-pass', '-')}")
    if request.url.path == "/login":
        assert request.read() == b'{"who":"bear","word":"please"}', request.content
        body = {"access_token": "toy-token-toy", "expires_in": 3600, "refresh_token": "toy-token-again"}
        return httpx.Response(200, json=body)
    if len(asked) == 2:
        return httpx.Response(503)
    if request.url.path == "/toys/none":
        return httpx.Response(404, json={"message": "no such toy"})
    return httpx.Response(201 if request.method == "POST" else 200, json={"id": "1", "color": "red"})


def told(error):
    return f"{type(error).__name__} {error.status_code}"


def in_threads():
    with toyshop.client.ToyClient(httpx.MockTransport(answer)) as shop:
        print(shop.get_toy("1").color, shop.make_toy("1").id)
        try:
            shop.get_toy("none")
        except Exception as error:
            print(told(error))


async def in_tasks():
    async with toyshop.aio.client.AsyncToyClient(httpx.MockTransport(answer)) as shop:
        print((await shop.get_toy("1")).color, (await shop.make_toy("1")).id)
        try:
            await shop.get_toy("none")
        except Exception as error:
            print(told(error))


in_threads()
print(*asked, sep=", ")
asked.clear()
asyncio.run(in_tasks())
print(*asked, sep=", ")
strangers = ("kaleidoscope_api", "kalbio.aio", "kalbio._model", "kalbio.client", "kalbio.sandbox", "kalbio.testing")
print([name for name in sys.modules if name.startswith(strangers)])
import box_api.types, kaleidoscope_api.types, toy_api.types, kalbio
packages = (box_api, kaleidoscope_api, toy_api)
print({package.types.UNSET is kalbio.UNSET for package in packages}, len({package.types.File for package in packages}))
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two descriptions and one client, after `scripts/regenerate`."""
    root = tmp_path_factory.mktemp("second")
    for name, text in {
        "pyproject.toml": PYPROJECT,
        "apis/toys.yaml": TOYS,
        "apis/boxes.yaml": BOXES,
        "toyshop/__init__.py": "",
        "toyshop/aio/__init__.py": "",
        "toyshop/aio/client.py": CLIENT,
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    assert main([], root) == 0
    return root


def test_a_second_client_stands_on_the_floor_alone(made: Path) -> None:
    """Both worlds log in, try again and raise typed errors without a module of the first platform; UNSET is one."""
    package, shop = made / "generated", made
    for name in ("toy_api", "box_api"):  # beside the client, where `run` finds them
        if not (shop / name).exists():
            (shop / name).symlink_to(package / name)
    grant = "Bearer toy-token-toy"
    world = f"GET /toys/1 {grant}, GET /toys/1 {grant}, POST /toys {grant}"
    asked = f"POST /login -, {world}, GET /toys/none {grant}"
    one = ["red 1", "NotFoundError 404", asked]
    assert run(shop, STORY).splitlines() == [*one, *one, "[]", "{True} 1"]


def test_each_api_is_made_from_its_own_description(made: Path) -> None:
    """Headers name the description, modules the package, and twins their source."""
    head = (made / "generated/toy_api/operations.py").read_text(encoding="utf-8")
    assert head.startswith("# Generated by scripts/regenerate from apis/toys.yaml; do not edit.")
    assert "`toy_api.api.<tag>" in head
    assert "kaleidoscope" not in head
    assert (made / "generated/box_api/api/boxes/list_boxes.py").is_file()
    twin = (made / "toyshop/client.py").read_text(encoding="utf-8")
    assert twin.startswith("# Derived from toyshop/aio/client.py by scripts/regenerate")
    assert "from kalbio._core.sync.retrying_client import RetryingClient\n" in twin


def test_check_and_diff_look_at_every_api(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--check` names what drifted of any API; `--diff` tells the changes of each, and which are new."""
    root = shutil.copytree(made, tmp_path / "copy", symlinks=True)
    assert main(["--check"], root) == 0

    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=x", "-c", "user.email=x@example.com", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *identity, *arguments], cwd=root, check=True, capture_output=True)

    git("init")
    git("add", "apis/toys.yaml")
    git("commit", "-m", "toys")
    for name, old, new in (
        ("toys", "color: {type: string}", "shade: {type: string}"),
        ("boxes", "/boxes:", "/crates:"),
    ):
        path = root / f"apis/{name}.yaml"
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))
    capsys.readouterr()
    assert main(["--check"], root) == 1
    out = capsys.readouterr().out
    assert "generated/toy_api/models/toy.py: stale" in out
    assert "generated/box_api/api/boxes/list_boxes.py: stale" in out
    assert main(["--diff", "HEAD"], root) == 1
    out = capsys.readouterr().out
    assert out.startswith("toys (apis/toys.yaml)\nBreaking\n")
    assert "Toy: color" in out
    assert out.endswith("boxes (apis/boxes.yaml)\nA new API.\n")


def test_an_entry_that_is_gone_takes_its_package_along(made: Path, tmp_path: Path) -> None:
    """The package of an API that is no longer in the table is named as one that nothing makes."""
    root = shutil.copytree(made, tmp_path / "copy", symlinks=True)
    (root / "pyproject.toml").write_text(PYPROJECT.partition("[tool.kalbio.apis.boxes]")[0])
    found = drift(root, build(root))
    assert found["generated/box_api/operations.py"] == "extra: nothing makes this file"
    assert all(name.startswith("generated/box_api/") for name in found)


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("", "has no API"),
        ('[tool.kalbio.apis.a]\npackage = "a"', r"apis\.a: description is missing"),
        (
            '[tool.kalbio.apis.a]\ndescription = "a.yaml"\npackage = "../a"',
            r"'\.\./a', which is not a valid package name",
        ),
        (
            '[tool.kalbio.apis.a]\ndescription = "a.yaml"\npackage = "a"\n'
            '[tool.kalbio.apis.b]\ndescription = "b.yaml"\npackage = "a"',
            r"apis\.b: another API has the package a",
        ),
        ('[tool.kalbio.apis.a]\ndescription = "a.yaml"\npackage = "a"\nsource = "a/aio"', "twins is missing"),
        (
            '[tool.kalbio.apis.a]\ndescription = "a.yaml"\npackage = "a"\nsource = "a/aio"\ntwins = "b"',
            "the twins of a/aio lie in the directory above",
        ),
        (
            '[tool.kalbio.apis.a]\ndescription = "a.yaml"\npackage = "a"\nsource = "a/aio"\ntwins = "a"\ncolour = 1',
            "colour is not a known setting",
        ),
        ("[tool", "pyproject.toml cannot be read"),
    ],
)
def test_a_table_that_cannot_be_used_says_why(tmp_path: Path, entry: str, reason: str) -> None:
    """A missing, doubled, misspelt or impossible entry is named."""
    (tmp_path / "pyproject.toml").write_text(entry)
    with pytest.raises(SpecError, match=reason):
        read_table(tmp_path)


def test_the_table_names_what_is_there() -> None:
    """Every description, package and source of the project's own table exists."""
    table = read_table(ROOT)
    assert all((ROOT / api.description).is_file() for api in table.apis)
    assert all((ROOT / "generated" / api.package).is_dir() for api in table.apis)
    assert all((ROOT / one.source / name).is_file() for one in table.twins for name in one.by_hand)
