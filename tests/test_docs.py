"""The documentation: its Python blocks run, outputs are as shown, links lead somewhere, nothing public is missing.

The blocks of a page run in order in one namespace, in an empty directory, with a fresh sandbox of the seed `demo`
behind `KALEIDOSCOPE_API_URL`, so that `KaleidoscopeClient()` works as it stands in the text. In the blocks

* `# -> text` beside or below a statement is its output: what it prints, or the value when it is an expression;
* `# raises Error: text` is the error that the statement raises;

with `...` for anything in both. `await` may stand anywhere, and functions named `test_...` are called, each with
fixtures of its own.
A block that cannot run is fenced as `python no-run`, and begins with a comment that says why.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import doctest
import inspect
import io
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
import yaml
from kaleidoscope_api.models import SearchFilterRuleType

import kalbio
from kalbio import AsyncKaleidoscopeClient, KaleidoscopeClient
from kalbio._service import Service
from kalbio.provena.sandbox import Sandbox as ProvenaSandbox
from kalbio.provena.testing import InProcess as ProvenaInProcess
from kalbio.sandbox import Sandbox
from kalbio.sandbox.server import serve
from kalbio.testing import InProcess
from tests.rows import row

ROOT = Path(__file__).parent.parent
GUIDE = sorted((ROOT / "docs" / "guide").glob("*.md"))
PAGES = [ROOT / "README.md", ROOT / "docs" / "index.md", *GUIDE]
EVERY_PAGE = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
NOT_RUN: list[str] = []
"""Pages with a block that is not run, one entry for each."""


def names(pages: list[Path]) -> list[str]:
    """Return the paths of pages as a reader writes them."""
    return [page.relative_to(ROOT).as_posix() for page in pages]


@attrs.frozen
class Block:
    """A fenced block of Python."""

    page: Path
    line: int
    info: str
    code: str


def blocks(page: Path) -> list[Block]:
    """Return the Python blocks of a page."""
    text = page.read_text(encoding="utf-8")
    found = re.finditer(r"^```(python[^\n]*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [Block(page, text[: match.start(2)].count("\n"), match[1], match[2]) for match in found]


@attrs.frozen
class Expected:
    """What the text says of a statement."""

    output: list[str]
    error: str | None

    @classmethod
    def of(cls, comments: list[str]) -> Expected:
        """Read the comments of a statement."""
        return cls(
            [text.removeprefix("->").strip() for text in comments if text.startswith("->")],
            next((text.removeprefix("raises").strip() for text in comments if text.startswith("raises ")), None),
        )


def statements(block: Block) -> Iterator[tuple[ast.stmt, Expected]]:
    """Yield the statements of a block, each with what is said beside it and directly below it."""
    body = ast.parse(block.code, str(block.page)).body
    lines = block.code.splitlines()
    for statement in body:
        assert statement.end_lineno is not None
        last = statement.end_lineno
        while last < len(lines) and re.match(r"# (->|raises )", lines[last]):
            last += 1
        of_it = (re.search(r"# ((?:->|raises ).*)$", line) for line in lines[statement.lineno - 1 : last])
        yield statement, Expected.of([match[1] for match in of_it if match])


def agree(wanted: str, got: str) -> bool:
    """Whether an output is as shown."""
    return doctest.OutputChecker().check_output(
        wanted + "\n", got + "\n", doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    )


class Page:
    """Runs the blocks of one page."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self.namespace: dict[str, Any] = {"__name__": "page"}
        self._runner = runner

    def run(self, block: Block) -> None:
        for statement, expected in statements(block):
            ast.increment_lineno(statement, block.line)
            where = f"{block.page.name}:{statement.lineno}"
            output, error = self._execute(statement, str(block.page), raises=expected.error is not None)
            if expected.error is not None:
                assert agree(expected.error, error), f"{where} raised {error!r}"
            if expected.output:
                assert agree("\n".join(expected.output), output), f"{where} gave {output!r}"

    def _execute(self, statement: ast.stmt, filename: str, *, raises: bool) -> tuple[str, str]:
        node: Any = ast.Expression(statement.value) if isinstance(statement, ast.Expr) else ast.Module([statement], [])
        mode = "eval" if isinstance(statement, ast.Expr) else "exec"
        code = compile(node, filename, mode, flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            try:
                value = eval(code, self.namespace)
                if inspect.iscoroutine(value):
                    value = self._runner.run(value)
            except Exception as error:
                if not raises:
                    raise
                return printed.getvalue().rstrip(), f"{type(error).__name__}: {error}"
        shown = "" if value is None else repr(value)
        return (printed.getvalue() + shown).rstrip(), "nothing"

    def close(self) -> None:
        for value in self.namespace.values():
            if isinstance(value, KaleidoscopeClient):
                value.close()
            elif isinstance(value, AsyncKaleidoscopeClient):
                self._runner.run(value.aclose())


@pytest.mark.parametrize("path", PAGES, ids=names(PAGES))
def test_the_blocks_of_a_page_run(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The blocks of a page run one after the other against a fresh sandbox, and give what the text says."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KALBIO_DEBUG", raising=False)  # what a page sets up ends with it
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "dlt"))
    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
    logger = logging.getLogger("kalbio")
    monkeypatch.setattr(logger, "handlers", list(logger.handlers))
    level = logger.level
    with Sandbox() as sandbox, serve(sandbox) as server, asyncio.Runner() as runner:
        monkeypatch.setenv("KALEIDOSCOPE_API_URL", server.url)
        monkeypatch.setenv("KALEIDOSCOPE_API_CLIENT_ID", sandbox.settings.client_id)
        monkeypatch.setenv("KALEIDOSCOPE_API_CLIENT_SECRET", sandbox.settings.client_secret)
        page = Page(runner)
        try:
            for block in blocks(path):
                if block.info == "python":
                    page.run(block)
            for test in [value for name, value in page.namespace.items() if name.startswith("test_")]:
                with InProcess() as lab, ProvenaInProcess(ProvenaSandbox(seed="demo")) as reef:
                    fixtures = {"kalbio_sandbox": lab, "kalbio_client": lab.client}
                    fixtures |= {"provena_sandbox": reef, "provena_client": reef.client}
                    test(**{name: fixtures[name] for name in inspect.signature(test).parameters})
        finally:
            page.close()
            logger.setLevel(level)


def test_blocks_that_do_not_run_say_why() -> None:
    """Only the blocks listed here are not run, and each begins with its reason."""
    others = [block for page in PAGES for block in blocks(page) if block.info != "python"]

    assert names([block.page for block in others]) == NOT_RUN
    assert all(block.info == "python no-run" and block.code.startswith("# ") for block in others)


def test_a_wrong_output_is_noticed(tmp_path: Path) -> None:
    """A page whose text and code differ, in an output or in an error, fails."""
    page = tmp_path / "page.md"
    with asyncio.Runner() as runner:
        for code in ("1 + 1  # -> 3", "print(2)\n# -> 3", "int('x')  # raises TypeError: ...", "2  # raises E: ..."):
            page.write_text(f"```python\n{code}\n```\n", encoding="utf-8")
            with pytest.raises(AssertionError, match=r"page.md:2 (gave|raised)"):
                Page(runner).run(blocks(page)[0])


def anchors(page: Path) -> set[str]:
    """Return the anchors of the headings of a page."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def test_links_lead_somewhere() -> None:
    """Each relative link leads to a file of the repository, and to a heading where it names one; others have a host."""
    for path in EVERY_PAGE:
        with row(path):
            text = path.read_text(encoding="utf-8")
            for target in [
                *re.findall(r"\]\(([^)\s]+)\)", text),
                *re.findall(r"<\w+ [^>]*src(?:set)?=\"([^\"]+)", text),
            ]:
                if re.match(r"[a-z]+:", target):
                    assert re.match(r"(https://[\w-]+(\.[\w-]+)+(/|$)|mailto:\S+@)", target), (
                        f"{path.name} links to {target}"
                    )
                    continue
                file, _, anchor = target.partition("#")
                linked = (path.parent / file).resolve() if file else path
                assert linked.exists(), f"{path.name} links to {target}"
                assert not anchor or anchor in anchors(linked), f"{path.name} links to {target}"


def test_every_picture_is_made_and_shown() -> None:
    """The pictures on the pages are those that scripts/pictures makes, each with a variant for dark pages."""
    from scripts.gallery.__main__ import MAKERS, PICTURES  # it loads what draws them, which no other test needs

    text = "".join(page.read_text(encoding="utf-8") for page in EVERY_PAGE)
    named = {Path(name) for name in re.findall(r"[(\"][^(\"]*\bpictures/([\w.-]+)", text)}
    made = {Path(name) for name in MAKERS}

    assert {name for name in named if not name.stem.endswith("-dark")} == made
    both = {name.with_stem(name.stem + end) for name in made for end in ("", "-dark")}
    assert {Path(path.name) for path in PICTURES.iterdir()} == both
    assert [path.name for path in PICTURES.iterdir() if path.stat().st_size > 150_000] == []


def test_the_readme_compares_with_the_versions_that_are_here() -> None:
    """The versions of other packages that the README names are those of the development environment."""
    text = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Compared with")[2].partition("\n## ")[0]
    pins = (ROOT / "scripts" / "constraints.txt").read_text(encoding="utf-8")
    named = re.findall(r"(httpx|requests|openapi-python-client) (\d+\.\d+)", text)

    assert len(named) >= 3
    assert [
        name for name, version in named if not re.search(rf"^{name}=={re.escape(version)}\b", pins, re.MULTILINE)
    ] == []


def test_modules_that_pages_name_are_there() -> None:
    """A path of a module, from the root, the package or the core, leads to a file."""
    root = Path(kalbio.__file__).parent.parent
    gone = [
        f"{page.relative_to(root)}: {found}"
        for page in [*(root / "docs").rglob("*.md"), root / "CONTRIBUTING.md", root / "README.md"]
        for found in re.findall(
            r"(?<![\w./])(?:kalbio|_core|_model|aio|scripts|bench|tests)/[\w/]+\.py\b", page.read_text("utf-8")
        )
        if not any((base / found).is_file() for base in (root, root / "kalbio"))
    ]
    assert gone == []


def test_the_guide_mentions_every_error_and_every_service() -> None:
    """Each public error class, and each service of the client, stands somewhere in the guide."""
    text = "\n".join(page.read_text(encoding="utf-8") for page in GUIDE)
    errors = [name for name in kalbio.__all__ if name.endswith("Error")]
    client = KaleidoscopeClient("id", "secret", "http://sandbox.invalid")
    services = [name for name in dir(type(client)) if isinstance(getattr(client, name), Service)]

    assert len(services) > 10
    assert [name for name in errors if not re.search(rf"\b{name}\b", text)] == []
    assert [name for name in services if f"client.{name}" not in text] == []


def test_the_guide_lists_every_rule_of_a_search() -> None:
    """Each filter rule that a record search takes stands in the table of rules, and no other."""
    text = (ROOT / "docs" / "guide" / "searching.md").read_text(encoding="utf-8").partition("## Rules")[2]
    rows = [row.split("|")[2:4] for row in re.findall(r"^\| .*", text.partition("\n### ")[0], re.MULTILINE)]
    listed = {
        name
        for methods, rules in rows
        for name in (
            re.findall(r"`\.([a-z_]+)\(", methods) if "the same" in rules else re.findall(r"`([a-z_]+)`", rules)
        )
    }
    spelled = {name for methods, _ in rows for name in re.findall(r"`\.([a-z_]+)\(", methods)}

    assert [name for name in spelled if not hasattr(kalbio.F, name)] == []
    assert listed == {rule.value for rule in SearchFilterRuleType}


def test_the_navigation_holds_every_page() -> None:
    """The navigation has each page but the decisions, once, and nothing else; each public module has a page."""
    settings = yaml.safe_load((ROOT / "scripts" / "mkdocs.yml").read_text(encoding="utf-8"))

    def below(part: Any) -> list[str]:
        parts = part.values() if isinstance(part, dict) else part
        return [part] if isinstance(part, str) else [page for item in parts for page in below(item)]

    navigation = below(settings["nav"])
    pages = [page.relative_to(ROOT / "docs").as_posix() for page in (ROOT / "docs").rglob("*.md")]
    modules = [path.stem for path in (ROOT / "kalbio" / "aio").glob("*.py") if not path.stem.startswith("_")]

    decisions = re.compile(r"decisions/(?!index).*")
    assert sorted(navigation) == sorted(page for page in pages if not decisions.fullmatch(page))
    assert [module for module in modules if f"reference/{module}.md" not in pages] == []
    shown = "".join(page.read_text(encoding="utf-8") for page in (ROOT / "docs" / "reference").glob("provena-*.md"))
    provena = [path.stem for path in (ROOT / "kalbio/provena/aio").glob("*.py") if not path.stem.startswith("_")]
    assert [module for module in provena if f"::: kalbio.provena.{module}\n" not in shown] == []


def test_each_decision_is_listed_and_says_why() -> None:
    """The list of decisions names each page once, by its title; each has a context, a decision and consequences."""
    folder = ROOT / "docs" / "decisions"
    listed = re.findall(r"^\* \[(.+)\]\((.+)\)$", (folder / "index.md").read_text(encoding="utf-8"), re.MULTILINE)
    texts = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.md") if path.name != "index.md"}

    assert sorted(listed) == sorted((text.partition("\n")[0].removeprefix("# "), name) for name, text in texts.items())
    for name, text in texts.items():
        headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
        assert [item for item in headings if item != "Figures"] == ["Context", "Decision", "Consequences"], name


def test_the_changelog_begins_with_this_version() -> None:
    """The changelog tells of the version of this tree, above older ones."""
    versions = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)

    assert versions[:2] == ["Unreleased", kalbio.__version__]


def test_the_hooks_of_pre_commit_use_the_tools_of_this_tree() -> None:
    """The hooks run what is installed or lies here, so a commit fetches nothing and checks as scripts/test does."""
    settings = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    hooks = [hook for repository in settings["repos"] for hook in repository["hooks"]]
    checks = (ROOT / "scripts" / "test").read_text(encoding="utf-8").replace("$bin/", ".venv/bin/")

    assert [repository["repo"] for repository in settings["repos"]] == ["local"]
    assert {hook["language"] for hook in hooks} == {"system"}
    assert [hook["entry"] for hook in hooks if hook["entry"].removesuffix(" --force-exclude") not in checks] == []
