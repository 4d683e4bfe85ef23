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

import json
from typing import Any

from toy_api.api.door import log_in
from toy_api.api.toys import get_toy, make_toy
from toy_api.models import LogInBody, Toy
from toy_api.operations import OPERATIONS

from kalbio._core.aio.auth import AsyncTokenAuth
from kalbio._core.aio.retrying_client import AsyncRetryingClient
from kalbio._core.errors import ErrorBody
from kalbio._core.http.settings import Settings, Timeouts
from kalbio._core.platform import Failure, Platform
from kalbio._core.retry import RetryPolicy


def read_error(body: Any) -> ErrorBody:
    found = body.get("detail")
    return ErrorBody(message=found) if isinstance(found, str) else ErrorBody(details=found)


def find_failure(answer: Any) -> Failure | None:
    status = answer.get("status")
    if isinstance(status, dict) and status.get("success") is False:
        return Failure(str(status.get("details")), is_refusal=True)
    return None


SHOP = Platform(
    name="toyshop",
    version="7",
    base_url="https://toys.invalid",
    base_urls={"door": "https://door.invalid/house"},
    operations=lambda: OPERATIONS,
    token_request=lambda grant: log_in.build_request(body=LogInBody.from_dict(dict(grant))),
    token_header="X-Toy-Pass",
    read_error=read_error,
    find_failure=find_failure,
)


class DeviceTokens:
    """A device flow: asks for a code, shows it, and asks until somebody has let it in."""

    def __init__(self) -> None:
        self.shown: list[str] = []
        self._code = ""
        self._token: str | None = None

    def usable(self) -> str | None:
        return self._token

    def secrets(self) -> tuple[str, ...]:
        return ("toy-token-toy",)

    def next_grant(self) -> dict[str, str]:
        return {"who": "device", "word": self._code} if self._code else {"who": "bear"}

    def accept(self, body: bytes) -> str | None:
        answer = json.loads(body)
        if "device_code" in answer:
            self._code = answer["device_code"]
            self.shown.append(self._code)
        self._token = answer.get("access_token")
        return self._token

    def wait_after_refusal(self, grant: Any, status: int, body: bytes) -> float | None:
        return 0.01 if json.loads(body).get("detail") == "authorization_pending" else None

    def restore(self, grant: Any) -> None:
        pass

    def reject(self, access: str) -> None:
        self._token = None


class AsyncToyClient:
    """`async with AsyncToyClient(transport) as shop: await shop.get_toy("1")`."""

    def __init__(self, transport: Any) -> None:
        settings = Settings(
            platform=SHOP, timeouts=Timeouts(), retry=RetryPolicy(base=0), extra_headers={}, transport=transport
        )
        self.tokens = DeviceTokens()

        def make_auth(pipe: AsyncRetryingClient) -> AsyncTokenAuth:
            def build(grant: Any) -> Any:
                return pipe.build_request(**SHOP.token_request(grant))

            return AsyncTokenAuth(self.tokens, platform=SHOP, build=build, extra_headers={})

        self._pipe = AsyncRetryingClient(settings, make_auth)

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
import logging
import sys

import httpx
import toyshop.aio.client
import toyshop.client

asked = []
logged = []


class Keep(logging.Handler):
    def emit(self, record):
        logged.append(f"{record.name} {record.levelname}")


logging.getLogger().addHandler(Keep(logging.INFO))
logging.getLogger("toyshop").setLevel(logging.INFO)
logging.getLogger("kalbio").setLevel(logging.DEBUG)


def answer(request):
    asked.append(f"{request.method} {request.url} {request.headers.get('x-toy-pass', '-')}")
    assert request.headers["user-agent"] == "toyshop/7", request.headers
    if request.url.host == "door.invalid":
        said = request.read()
        if said == b'{"who":"bear"}':
            return httpx.Response(200, json={"device_code": "toy-code"})
        assert said == b'{"who":"device","word":"toy-code"}', said
        if len(asked) == 2:
            return httpx.Response(400, json={"detail": "authorization_pending"})
        return httpx.Response(200, json={"access_token": "toy-token-toy"})
    if len(asked) == 4:
        return httpx.Response(503)
    if request.url.path == "/toys/none":
        return httpx.Response(404, json={"detail": "no such toy: toy-token-toy", "message": "another"})
    if request.url.path == "/toys/bad":
        return httpx.Response(422, json={"detail": [{"loc": ["path"], "msg": "bad"}]})
    if request.url.path == "/toys/refused":
        return httpx.Response(200, json={"status": {"success": False, "details": "not for you"}, "id": "refused"})
    if request.url.path == "/toys/listed":
        return httpx.Response(200, json=[{"id": "listed"}])
    return httpx.Response(201 if request.method == "POST" else 200, json={"id": "1", "color": "red"})


def told(error):
    return [type(error).__name__, getattr(error, "status_code", 0), error.message if hasattr(error, "message") else ""]


WRONG = ("none", "bad", "refused", "listed")


def in_threads():
    with toyshop.client.ToyClient(httpx.MockTransport(answer)) as shop:
        print(shop.get_toy("1").color, shop.make_toy("1").id, shop.tokens.shown)
        for toy in WRONG:
            try:
                shop.get_toy(toy)
            except Exception as error:
                print(*told(error), getattr(error, "details", None))
                assert "toy-token" not in str(error)


async def in_tasks():
    async with toyshop.aio.client.AsyncToyClient(httpx.MockTransport(answer)) as shop:
        print((await shop.get_toy("1")).color, (await shop.make_toy("1")).id, shop.tokens.shown)
        for toy in WRONG:
            try:
                await shop.get_toy(toy)
            except Exception as error:
                print(*told(error), getattr(error, "details", None))
                assert "toy-token" not in str(error)


def report():
    print(*asked, sep=", ")
    print(sorted(set(logged)))
    asked.clear()
    logged.clear()


in_threads()
report()
asyncio.run(in_tasks())
report()
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
    """Its own login, addresses, error bodies, failures in a 200, logger and user agent; no module of the first one."""
    package, shop = made / "generated", made
    for name in ("toy_api", "box_api"):  # beside the client, where `run` finds them
        if not (shop / name).exists():
            (shop / name).symlink_to(package / name)
    grant = "Bearer toy-token-toy"
    door, toys = "POST https://door.invalid/house/login -", "https://toys.invalid/toys"
    reads = [f"GET {toys}/{toy} {grant}" for toy in ("1", "1", "none", "bad", "refused", "listed")]
    asked = [door, door, door, *reads[:2], f"POST {toys} {grant}", *reads[2:]]
    one = [
        "red 1 ['toy-code']",
        "NotFoundError 404 no such toy: [hidden] None",
        "ValidationError 422 None [{'loc': ['path'], 'msg': 'bad'}]",
        "APIError 200 not for you None",
        "ResponseError 0  None",
        ", ".join(asked),
        "['toyshop INFO']",
    ]
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
