"""Sync modules are derived from their async sources."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.codegen import derive as codegen
from scripts.codegen.apis import read_table
from scripts.codegen.derive import SourceError
from tests.generated_client import ROOT

TWINS = read_table(ROOT).twins
PYPROJECT = "[tool.ruff]\nline-length = 120\ntarget-version = 'py311'\n"


def derive(source: str) -> str:
    """The twin, as this project has it."""
    return codegen.derive(source, TWINS)


def derive_all(root: Path, target: Path) -> None:
    """All twins, as this project has them."""
    codegen.derive_all(root, target, TWINS)


def derived_files(root: Path) -> list[str]:
    """The names of the derived files."""
    return [path.relative_to(root).as_posix() for path in codegen.derived_files(root, TWINS)]


@pytest.mark.parametrize(
    ("source", "twin"),
    [
        ("async def f(): ...\n", "def f(): ...\n"),
        ("async  def f():\n    return await   g()\n", "def f():\n    return g()\n"),
        ("async with a as b:\n    pass\n", "with a as b:\n    pass\n"),
        ("x = [await f(y) async for y in z]\n", "x = [f(y) for y in z]\n"),
        ("x = (await f()).y\n", "x = (f()).y\n"),
        ("class _AsyncThing(AsyncBase): ...\n", "class _Thing(Base): ...\n"),
        ("asynchronous = Asynchronous = is_async\n", "asynchronous = Asynchronous = is_async\n"),
        ("await client.aclose()\n", "client.close()\n"),
        ("async def __aenter__(self): ...\n", "def __enter__(self): ...\n"),
        ("raise StopAsyncIteration\n", "raise StopIteration\n"),
        ("async def async_auth_flow(self): ...\n", "def sync_auth_flow(self): ...\n"),
        ("await t.handle_async_request(r)\n", "t.handle_request(r)\n"),
        ("await get_record.asyncio_detailed(x)\n", "get_record.sync_detailed(x)\n"),
        ("await get_record.asyncio(x)\n", "get_record.sync(x)\n"),
        ("await asyncio.wait(x)\n", "asyncio.wait(x)\n"),
        ("class B(AsyncByteStream): ...\n", "class B(SyncByteStream): ...\n"),
        ("f: Callable[[int], Awaitable[dict[str, int]]]\n", "f: Callable[[int], dict[str, int]]\n"),
        ("f: Coroutine[Any, Any, Awaitable[tuple[A, B]],]\n", "f: tuple[A, B],\n"),
        ("from kalbio.aio.records import Record\n", "from kalbio.records import Record\n"),
        ("import kalbio.aio.records\n", "import kalbio.records\n"),
        (
            "from kalbio._core.aio.retrying_client import AsyncRetryingClient\n",
            "from kalbio._core.sync.retrying_client import RetryingClient\n",
        ),
        ("from other.aio import x\n", "from other.aio import x\n"),
        ("x = client.aio\n", "x = client.aio\n"),
    ],
)
def test_code_is_translated(source: str, twin: str) -> None:
    """Each async construct has the sync construct in its place, and what only looks like one stays."""
    assert derive(source) == twin


@pytest.mark.parametrize(
    ("source", "twin"),
    [
        ('"""Use `await client.records.get(id)`."""\n', '"""Use `client.records.get(id)`."""\n'),
        ('"""async with AsyncKaleidoscopeClient() as c:"""\n', '"""with KaleidoscopeClient() as c:"""\n'),
        ('"""async for r in c.records.iterate():"""\n', '"""for r in c.records.iterate():"""\n'),
        (
            '"""See `kalbio.aio.records` and kalbio/_core/aio."""\n',
            '"""See `kalbio.records` and kalbio/_core/sync."""\n',
        ),
        ("# an AsyncRetryingClient has an AsyncIterator\n", "# a RetryingClient has an Iterator\n"),
        ("# those who await the answer. They await it.\n", "# those who await the answer. They await it.\n"),
        ('x: "Awaitable[list[AsyncThing]]"\n', 'x: "list[Thing]"\n'),
        ("x = f'{await f(AsyncThing)} {{AsyncThing}}'\n", "x = f'{f(Thing)} {{Thing}}'\n"),
    ],
)
def test_quoted_code_is_translated(source: str, twin: str) -> None:
    """Docstrings, comments, text annotations and f-strings get the same replacements; English stays English."""
    assert derive(source) == twin


def test_layout_and_comments_stay() -> None:
    """Nothing but the replaced words changes: blank lines, comments and odd spacing are as they were."""
    source = "x  =  1   # why\n\n\n\ndef f( a,\n       b ): # two\n    return  {  }\n"
    assert derive(source) == source


def test_async_only_leaves_the_line_out() -> None:
    """A line marked `# async-only` has no twin, and a marked statement of several lines goes as a whole."""
    source = "import asyncio  # async-only\nfoo(\n    1,\n)  # async-only\ny = [\n    1,\n    2,  # async-only\n]\n"
    assert derive(source) == "y = [\n    1,\n]\n"


def test_sync_code_takes_the_place_of_the_line() -> None:
    """`# sync: code` puts that code, untranslated, in place of the line or of the statement that ends there."""
    source = (
        "def f():\n"
        "    await sleep(1)  # sync: time.sleep(1)\n"
        "    x = await gather(\n"
        "        1,\n"
        "    )  # sync: x = [AsyncRaw]\n"
        "    # sync: more()\n"
        "    call(\n"
        "        await one(),  # sync: two(),\n"
        "    )\n"
    )
    twin = "def f():\n    time.sleep(1)\n    x = [AsyncRaw]\n    more()\n    call(\n        two(),\n    )\n"
    assert derive(source) == twin


def test_a_marker_may_share_its_line_with_another_comment() -> None:
    """What tools are told at the end of a marked line does not get in the way of the marker."""
    assert derive("x = 1  # async-only  # fmt: skip\ny = 1\n") == "y = 1\n"
    assert derive("await x()  # sync: y()  # noqa: F821\n") == "y()\n"
    assert derive("x = 1  # async-only things are not marked\n") == "x = 1  # async-only things are not marked\n"


def test_a_marker_inside_a_text_is_text() -> None:
    """A marker that stands in a docstring marks nothing."""
    source = 'x = """\n# async-only\n# sync: y\n"""\n'
    assert derive(source) == source


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A checkout with two async sources, a hand-written pair and a hand-written module."""
    for name, text in {
        "pyproject.toml": PYPROJECT,
        "kalbio/__init__.py": "",
        "kalbio/cli.py": "x = 1\n",
        "kalbio/aio/__init__.py": "x = 1\n",
        "kalbio/aio/things.py": (
            "from collections.abc import Awaitable, AsyncIterator, Callable, Iterator\n"
            "from kalbio._core.aio.retrying_client import AsyncRetryingClient\n"
            "from zlib import crc32\n"
            "from attrs import define\n"
            "import kalbio._model.absent\n"
            "async def things(pipe: AsyncRetryingClient, f: Callable[[], Awaitable[int]]) -> AsyncIterator[int]:\n"
            "    yield crc32(b'') + await f()\n"
            "x: Iterator[int] = define(kalbio)\n"
        ),
        "kalbio/_core/aio/retrying_client.py": "class AsyncRetryingClient: ...\n",
        "kalbio/_core/aio/concurrency.py": "x = 1\n",
        "kalbio/_core/sync/concurrency.py": "x = 2\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_each_source_gets_one_twin(project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Twins are written for all sources but `kalbio/aio/__init__.py` and the hand-written pair."""
    target = tmp_path_factory.mktemp("target")
    derive_all(project, target)
    assert derived_files(target) == ["kalbio/_core/sync/retrying_client.py", "kalbio/things.py"]
    assert sorted(path.name for path in target.rglob("*.py")) == ["retrying_client.py", "things.py"]


def test_twins_are_formatted_and_say_where_they_come_from(
    project: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A twin names its source first, has its imports sorted and merged, and imports nothing it no longer uses."""
    target = tmp_path_factory.mktemp("target")
    derive_all(project, target)
    header, code = (target / "kalbio/things.py").read_text().split("\n", 1)
    assert header.startswith("# Derived from kalbio/aio/things.py by scripts/regenerate; edit that file.")
    assert code == (
        "from collections.abc import Callable, Iterator\n"
        "from zlib import crc32\n\n"
        "from attrs import define\n\n"
        "import kalbio._model.absent\n"
        "from kalbio._core.sync.retrying_client import RetryingClient\n\n\n"
        "def things(pipe: RetryingClient, f: Callable[[], int]) -> Iterator[int]:\n"
        '    yield crc32(b"") + f()\n\n\n'
        "x: Iterator[int] = define(kalbio)\n"
    )


def test_packages_have_packages_for_twins(project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A package below the async sources becomes a package beside the other twins, its `__init__` included."""
    package = project / "kalbio/aio/shelves"
    package.mkdir()
    (package / "__init__.py").write_text(
        'from kalbio.aio.shelves.shelf import AsyncShelf as AsyncShelf\n\n__all__ = ["AsyncShelf"]\n'
    )
    (package / "shelf.py").write_text("import kalbio.aio.shelves\n\n\nclass AsyncShelf: ...\n")
    target = tmp_path_factory.mktemp("target")
    derive_all(project, target)
    twins = [
        "kalbio/_core/sync/retrying_client.py",
        "kalbio/shelves/__init__.py",
        "kalbio/shelves/shelf.py",
        "kalbio/things.py",
    ]
    assert derived_files(target) == twins
    header, code = (target / twins[1]).read_text().split("\n", 1)
    assert header.startswith("# Derived from kalbio/aio/shelves/__init__.py by scripts/regenerate")
    assert code == 'from kalbio.shelves.shelf import Shelf as Shelf\n\n__all__ = ["Shelf"]\n'


def test_a_source_that_cannot_be_read_is_named(project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A source without a valid twin stops the derivation with its name."""
    (project / "kalbio/aio/things.py").write_text("async def f():\n    await g()  # async-only\n")
    with pytest.raises(SourceError, match=r"kalbio/aio/things\.py"):
        derive_all(project, tmp_path_factory.mktemp("target"))


def test_without_sources_nothing_is_derived(tmp_path: Path) -> None:
    """A checkout that has no async sources gives no twins and no error."""
    derive_all(tmp_path / "none", tmp_path)
    assert list(tmp_path.iterdir()) == []
