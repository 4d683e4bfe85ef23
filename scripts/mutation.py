"""Breaks the hand-written code in many small ways, one at a time, and counts how many of these mutants are noticed.

    python -m scripts.mutation --count 200 --seed 1

first runs all tests under coverage, to learn which test runs which line, and prints the coverage. Then each mutant gets
the tests that run its line, those that run the fewest lines first. It works on a copy of the tree, and derives the sync
twin of a changed async source. A seed always chooses the same mutants of the same code, whatever the tests are.

It is also the plugin of pytest that names the running test to coverage.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import difflib
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from .codegen.apis import read_table
from .codegen.derive import SourceError, derive_all, is_derived

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "kalbio"
FIRST = 30
"""Functions whose cases run first; nearly all mutants that die, die there."""

# -- what to change ----------------------------------------------------------------------------------------------------

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
}  # fmt: skip


@attrs.frozen
class Mutant:
    """One change of one file.

    Attributes:
        path: of the file, below the root.
        line: where the change begins.
        end: line where it ends.
        start: place of its first character in the text of the file.
        stop: place behind its last one.
        new: what stands there instead.
        kind: of the change.
        in_function: whether the line runs when something is called, not when the module is imported.
    """

    path: str
    line: int
    end: int
    start: int
    stop: int
    new: str
    kind: str
    in_function: bool

    def __str__(self) -> str:
        return f"{self.path}:{self.line} {self.kind} -> {' '.join(self.new.split()):.80}"

    def apply(self, text: str) -> str:
        """Return the text of the file with the change."""
        return text[: self.start] + self.new + text[self.stop :]


def mutants_of(path: str, text: str) -> Iterator[Mutant]:
    """Give every change of a file, in the order of the file."""
    starts = [0]
    for row in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(row))
    rows = text.splitlines()

    def place(line: int, column: int) -> int:
        return starts[line - 1] + len(rows[line - 1].encode()[:column].decode())

    def walk(node: ast.AST, in_function: bool) -> Iterator[Mutant]:
        if isinstance(node, ast.AnnAssign | ast.arg):
            parts: list[ast.AST | None] = [node.value] if isinstance(node, ast.AnnAssign) else []
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            parts = [node.args, *node.body]
        elif isinstance(node, ast.ClassDef):
            parts = [*node.body]
        elif isinstance(node, ast.Raise | ast.JoinedStr | ast.Import | ast.ImportFrom) or _is_for_checkers(node):
            parts = [*node.orelse] if isinstance(node, ast.If) else []
        else:
            parts = [*ast.iter_child_nodes(node)]
        for kind, at, new in _changes(node, in_function):
            start, stop = place(at.lineno, at.col_offset), place(at.end_lineno, at.end_col_offset)
            if "#" not in text[start:stop] and new != text[start:stop]:
                yield Mutant(path, at.lineno, at.end_lineno, start, stop, new, kind, in_function)
        inside = in_function or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for part in parts:
            if part is not None:
                yield from walk(part, inside)

    yield from walk(ast.parse(text), False)


def _is_for_checkers(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


def _changes(node: ast.AST, in_function: bool) -> Iterator[tuple[str, Any, str]]:
    """Give the kind of each change of one node, the node that is replaced, and what replaces it."""
    if isinstance(node, ast.Compare) and type(node.ops[0]) in COMPARISONS:
        ops = [COMPARISONS[type(node.ops[0])](), *node.ops[1:]]
        yield "comparison", node, f"({ast.unparse(ast.Compare(node.left, ops, node.comparators))})"
    elif isinstance(node, ast.BoolOp):
        other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield "boolean", node, f"({ast.unparse(ast.BoolOp(other, node.values))})"
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield "no negation", node, f"({ast.unparse(node.operand)})"
    elif isinstance(node, ast.BinOp) and type(node.op) in ARITHMETIC and not _is_text(node):
        yield "arithmetic", node, f"({ast.unparse(ast.BinOp(node.left, ARITHMETIC[type(node.op)](), node.right))})"
    elif isinstance(node, ast.Constant):
        if isinstance(node.value, bool):
            yield "constant", node, str(not node.value)
        elif isinstance(node.value, int):
            yield "constant", node, str(node.value + 1)
        elif isinstance(node.value, str) and node.value and in_function:
            yield "constant", node, repr(f"{node.value}~")
    if isinstance(node, ast.If | ast.While | ast.IfExp) and not _is_for_checkers(node):
        yield "condition", node.test, f"(not ({ast.unparse(node.test)}))"
    if in_function and isinstance(node, ast.Assign | ast.AugAssign) and not isinstance(node.value, ast.Yield):
        yield "no statement", node, "pass"
    if in_function and isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant | ast.Yield):
        yield "no statement", node, "pass"
    if in_function and isinstance(node, ast.Return) and node.value and ast.unparse(node.value) != "None":
        yield "no result", node, "return None"


def _is_text(node: ast.BinOp) -> bool:
    return any(isinstance(side, ast.JoinedStr) or isinstance(getattr(side, "value", None), str)
               for side in (node.left, node.right))  # fmt: skip


def choose(count: int, seed: int) -> list[Mutant]:
    """Choose mutants of the hand-written code: more of long files than of short ones."""
    every: list[Mutant] = []
    for path in sorted((ROOT / PACKAGE).rglob("*.py")):
        if not is_derived(path):
            text = path.read_text(encoding="utf-8")
            found = {(item.start, item.stop, item.new): item for item in mutants_of(str(path.relative_to(ROOT)), text)}
            docs = {line for node in ast.walk(ast.parse(text)) for line in _lines_of_docstring(node)}
            every += [item for item in found.values() if item.line not in docs]
    random.Random(seed).shuffle(every)  # noqa: S311
    return every[:count]


def _lines_of_docstring(node: ast.AST) -> list[int]:
    if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return []
    return [node.body[0].lineno] if ast.get_docstring(node) is not None else []


# -- which test runs which line ----------------------------------------------------------------------------------------

COVERAGE = """
[run]
source = {package}
data_file = {data}
context = ${{PYTEST_CURRENT_TEST-}}
parallel = true
patch = subprocess
"""


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[Any]:
    """Tell coverage which test runs."""
    from coverage import Coverage

    measured = Coverage.current()
    if measured is not None:
        measured.switch_context(item.nodeid)
    try:
        return (yield)
    finally:
        if measured is not None:
            measured.switch_context("")


_outcomes: dict[str, list[Any]] = defaultdict(lambda: [0.0, True])


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Remember how long a test took, and whether it passed."""
    found = _outcomes[report.nodeid]
    found[0] += report.duration
    found[1] = found[1] and not report.failed


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write that down."""
    target = os.environ.get("KALBIO_TEST_OUTCOMES")
    if target and not hasattr(session.config, "workerinput"):
        Path(target).write_text(json.dumps(_outcomes), encoding="utf-8")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the tests that a mutant is given, in their order."""
    chosen = os.environ.get("KALBIO_TESTS")
    if chosen:
        order = {name: place for place, name in enumerate(json.loads(Path(chosen).read_text(encoding="utf-8")))}
        config.hook.pytest_deselected(items=[item for item in items if item.nodeid not in order])
        items[:] = sorted((item for item in items if item.nodeid in order), key=lambda item: order[item.nodeid])


def measure(folder: Path, jobs: int) -> None:
    """Run all tests once, and keep in a folder which lines each has run, and how long it took."""
    settings = folder / "coveragerc"
    settings.write_text(COVERAGE.format(package=ROOT / PACKAGE, data=folder / "coverage"), encoding="utf-8")
    environment = {**os.environ, "KALBIO_TEST_OUTCOMES": str(folder / "outcomes.json"), "PYTHONHASHSEED": "0"}
    pytest_run = ["-m", "pytest", "-p", "scripts.mutation", "-p", "no:cacheprovider", "-n", str(jobs)]
    command = [sys.executable, "-m", "coverage", "run", f"--rcfile={settings}", *pytest_run, "--dist", "loadfile"]
    subprocess.run(command, cwd=ROOT, env=environment, check=False)


class Lines:
    """Which tests run which line."""

    def __init__(self, folder: Path) -> None:
        from coverage import Coverage, CoverageData
        from coverage.exceptions import DataError

        data = CoverageData(str(folder / "all"))
        if not (folder / "all").exists():
            for path in folder.glob("coverage.*"):
                part = CoverageData(str(path))
                with contextlib.suppress(DataError):  # a process that was killed
                    part.read()
                    data.update(part)
            data.write()
        data.read()
        self._tests: dict[str, dict[int, set[str]]] = {}
        self.size: Counter[str] = Counter()
        """How many lines a test runs."""
        for file in data.measured_files():
            lines = {
                line: {name.rpartition(" (")[0] if name.endswith((" (call)", " (setup)", " (teardown)")) else name
                       for name in names} - {""}
                for line, names in data.contexts_by_lineno(file).items()
            }  # fmt: skip
            self._tests[str(Path(file).relative_to(ROOT))] = lines
            for names in lines.values():
                self.size.update(names)
        loaded = json.loads((folder / "outcomes.json").read_text(encoding="utf-8"))
        self.seconds: dict[str, float] = {name: took for name, (took, passed) in loaded.items() if passed}
        shown = Coverage(data_file=str(folder / "all"), config_file=False)
        shown.load()
        self.statements, self.missed = 0, 0
        for path in (ROOT / PACKAGE).rglob("*.py"):
            if not is_derived(path):
                _, statements, _, missing, _ = shown.analysis2(str(path))
                self.statements += len(statements)
                self.missed += len(missing)

    def of(self, path: str, lines: set[int]) -> set[str]:
        """Return the tests that run any of these lines."""
        found = self._tests.get(path, {})
        return {name for line in lines for name in found.get(line, ()) if name in self.seconds}

    def of_file(self, path: str) -> set[str]:
        """Return the tests that run anything of a file."""
        return self.of(path, set(self._tests.get(path, {})))


# -- one mutant --------------------------------------------------------------------------------------------------------


def copy_tree(target: Path) -> None:
    """Copy the project, without its history and environments."""
    skipped = shutil.ignore_patterns(".git", ".venv*", "__pycache__", ".*_cache", "site", ".hypothesis")
    shutil.copytree(ROOT, target, ignore=skipped, symlinks=True)


def twin_of(path: str) -> str | None:
    """The sync twin of an async source."""
    for twins in read_table(ROOT).twins:
        within = Path(path).relative_to(twins.source).as_posix() if path.startswith(f"{twins.source}/") else None
        if within is not None and within not in twins.by_hand:
            return f"{twins.target}/{within}"
    return None


def changed_lines(before: str, after: str) -> set[int]:
    """Lines of a text that another one has not as they are."""
    found: set[int] = set()
    for kind, start, stop, *_ in difflib.SequenceMatcher(None, before.splitlines(), after.splitlines()).get_opcodes():
        if kind != "equal":
            found.update(range(start + 1, max(stop, start + 1) + 1))
    return found


class Bench:
    """A copy of the tree to try mutants in, and an untouched one beside it."""

    def __init__(self, folder: Path, lines: Lines, budget: float, limit: float) -> None:
        self._copy, self._clean, self._folder = folder / "mutated" / "tree", folder / "clean" / "tree", folder
        copy_tree(self._copy)
        copy_tree(self._clean)
        self._lines, self._budget, self._limit = lines, budget, limit

    def try_out(self, mutant: Mutant) -> tuple[str, str]:
        """Return what became of a mutant, and which test has noticed it."""
        path = self._copy / mutant.path
        text = path.read_text(encoding="utf-8")
        twin = twin_of(mutant.path)
        try:
            path.write_text(mutant.apply(text), encoding="utf-8")
            try:
                compile(mutant.apply(text), mutant.path, "exec")
                names = self._lines.of(mutant.path, set(range(mutant.line, mutant.end + 1)))
                if twin is not None:
                    names |= self._derive(twin)
            except (SyntaxError, SourceError) as error:
                return "invalid", str(error)
            if not mutant.in_function:
                names |= self._lines.of_file(mutant.path) | (self._lines.of_file(twin) if twin else set())
            return self._run(names)
        finally:
            for name in filter(None, (mutant.path, twin)):
                shutil.copyfile(self._clean / name, self._copy / name)

    def _derive(self, twin: str) -> set[str]:
        with tempfile.TemporaryDirectory() as scratch:
            derive_all(self._copy, Path(scratch), read_table(self._copy).twins)
            text = (Path(scratch) / twin).read_text(encoding="utf-8")
        before = (self._clean / twin).read_text(encoding="utf-8")
        (self._copy / twin).write_text(text, encoding="utf-8")
        body = before.partition("\n")[2], text.partition("\n")[2]  # the first line holds a digest
        return self._lines.of(twin, {line + 1 for line in changed_lines(*body)})

    def _run(self, names: set[str]) -> tuple[str, str]:
        if not names:
            return "uncovered", ""
        first, rest = self._order(names)
        for part in (first, rest):
            while part:
                status, failed = self._pytest(self._copy, part)
                if status == "passed":
                    break
                if status == "late" or failed is None:
                    return "killed", status
                again, _ = self._pytest(self._clean, [failed])
                if again == "passed":
                    return "killed", failed
                part.remove(failed)  # it fails without the mutant, too
        return "survived", f"{len(first) + len(rest)} of {len(names)} tests"

    def _order(self, names: set[str]) -> tuple[list[str], list[str]]:
        """Those that run the fewest lines first, a case of each function before others, as long as the time allows."""
        turn: Counter[str] = Counter()
        ranked: list[tuple[int, int, str]] = []
        for name in sorted(names, key=lambda name: (self._lines.size[name], name)):
            function = name.partition("[")[0]
            ranked.append((turn[function], len(ranked), name))
            turn[function] += 1
        left = self._budget
        chosen: list[str] = []
        for _, _, name in sorted(ranked):
            if self._lines.seconds[name] <= left:
                left -= self._lines.seconds[name]
                chosen.append(name)
        return chosen[:FIRST], chosen[FIRST:]

    def _pytest(self, tree: Path, names: list[str]) -> tuple[str, str | None]:
        asked = self._folder / "asked.json"
        asked.write_text(json.dumps(names), encoding="utf-8")
        files = sorted({name.partition("::")[0] for name in names})
        paths = os.pathsep.join(str(path) for path in (tree, tree / "generated"))
        environment = {**os.environ, "PYTHONPATH": paths, "KALBIO_TESTS": str(asked), "PYTHONHASHSEED": "0"}
        options = ["-x", "-p", "scripts.mutation", "-p", "no:cacheprovider", "--tb=no", "-rfE", "-n0"]
        folders = ["--basetemp", str(self._folder / "base")]
        command = [sys.executable, "-m", "pytest", *options, *folders, *files]
        with subprocess.Popen(
            command, cwd=tree, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            start_new_session=True,
        ) as running:  # fmt: skip
            try:
                output, _ = running.communicate(timeout=self._limit)
            except subprocess.TimeoutExpired:
                os.killpg(running.pid, 9)
                return "late", None
        if running.returncode in (0, 5):
            return "passed", None
        found = [name for name in names if re.search(rf"^(?:FAILED|ERROR) {re.escape(name)}(?: - |$)", output, re.M)]
        return "failed", found[0] if found else None


# -- the command -------------------------------------------------------------------------------------------------------


def main(arguments: list[str] | None = None) -> int:
    """Choose mutants, try each, and print the account."""
    parser = argparse.ArgumentParser(prog="scripts/mutants", description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="of the run under coverage")
    parser.add_argument("--budget", type=float, default=60, help="seconds of tests that a mutant is given")
    parser.add_argument("--limit", type=float, default=300, help="seconds after which a run hangs: noticed")
    parser.add_argument("--lines", type=Path, help="folder that keeps what was measured, for another run")
    parser.add_argument("--list", action="store_true", help="print the mutants and do no more")
    options = parser.parse_args(arguments)
    chosen = choose(options.count, options.seed)
    if options.list:
        print(*chosen, sep="\n")
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.lines or Path(scratch) / "lines"
        if not (folder / "outcomes.json").exists():
            folder.mkdir(parents=True, exist_ok=True)
            measure(folder, options.jobs)
        lines = Lines(folder)
        share = 100 * (1 - lines.missed / lines.statements)
        print(f"{len(lines.seconds)} tests run {share:.2f} % of {lines.statements} hand-written statements")
        bench = Bench(Path(scratch), lines, options.budget, options.limit)
        account: Counter[str] = Counter()
        for mutant in chosen:
            began = time.monotonic()
            status, by = bench.try_out(mutant)
            account[status] += 1
            print(f"{status:9} {mutant}  [{by}] {time.monotonic() - began:.0f} s", flush=True)
    print(f"{account['killed']} of {len(chosen)} mutants noticed: {dict(account)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
