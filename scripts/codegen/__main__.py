"""The command line behind scripts/regenerate. It works for every API in the table of pyproject.toml."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from . import derive, diff, spec
from .apis import GENERATED, Table, read_table
from .generate import generate
from .output import is_intact, is_made
from .schemas import write_schemas

ROOT = Path(__file__).resolve().parents[2]


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """Runs one of the three modes and returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="scripts/regenerate",
        description="Rebuild generated/ from the API descriptions and the sync modules from their async sources.",
    )
    modes = parser.add_mutually_exclusive_group()
    modes.add_argument(
        "--check", action="store_true", help="change nothing; fail and name the files that are not up to date"
    )
    modes.add_argument(
        "--diff",
        metavar="REV",
        help="show how the API differs from that git revision; exit with 1 if the change breaks users",
    )
    options = parser.parse_args(arguments)
    try:
        if options.diff is not None:
            return _diff(root, options.diff)
        expected = build(root)
        return _check(root, expected) if options.check else _write(root, expected)
    except (spec.SpecError, derive.SourceError) as error:
        print(f"scripts/regenerate: {error}", file=sys.stderr)
        return 2


def build(root: Path) -> dict[str, bytes]:
    """Every generated and derived file as it should be, by its path below root."""
    table = read_table(root)
    with tempfile.TemporaryDirectory() as directory:
        scratch = Path(directory)
        (scratch / GENERATED).mkdir()
        for api in table.apis:
            description = spec.load((root / api.description).read_text(encoding="utf-8"), api.description)
            generate(description, scratch / GENERATED / api.package, api.description)
            if api.schemas is not None:
                write_schemas(description, api.schemas, api.package, api.description, root, scratch)
        derive.derive_all(root, scratch, table.twins)
        return {name: (scratch / name).read_bytes() for name in _files(scratch, table)}


def drift(root: Path, expected: dict[str, bytes]) -> dict[str, str]:
    """What happened to each file that is not as expected, by its path."""
    found = {}
    for name in sorted({*expected, *_files(root, read_table(root))}):
        path = root / name
        if name not in expected:
            found[name] = "extra: nothing makes this file"
        elif not path.is_file():
            found[name] = "missing"
        elif (actual := path.read_bytes()) != expected[name]:
            if path.suffix != ".py":
                found[name] = "edited or stale"
            elif is_intact(actual.decode(errors="replace")):
                found[name] = "stale: made from an older state of its source"
            else:
                found[name] = "edited by hand"
    return found


def _files(root: Path, table: Table) -> list[str]:
    """The files below root that are made by this script, or lie where only such files may lie."""
    generated = [path for path in (root / GENERATED).rglob("*") if path.is_file() and path.suffix != ".pyc"]
    derived = derive.derived_files(root, table.twins)
    modules = [root / api.schemas.module for api in table.apis if api.schemas is not None]
    made = [*generated, *derived, *(path for path in modules if path.is_file())]
    return sorted(path.relative_to(root).as_posix() for path in made)


def _check(root: Path, expected: dict[str, bytes]) -> int:
    drifted = drift(root, expected)
    for name, what in drifted.items():
        print(f"{name}: {what}")
    if drifted:
        print("Run scripts/regenerate; change the description or the async source, not these files.", file=sys.stderr)
    return 1 if drifted else 0


def _write(root: Path, expected: dict[str, bytes]) -> int:
    changed = drift(root, expected)
    for name in changed:
        path = root / name
        if not name.startswith(f"{GENERATED}/") and path.is_file() and not is_made(path):
            raise spec.SpecError(f"{name} is written by hand (it has no header); its async source cannot replace it")
    for name in changed:
        path = root / name
        if name in expected:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(expected[name])
        else:
            path.unlink()
    print(f"{len(expected)} files, {len(changed)} changed")
    return 0


def _diff(root: Path, revision: str) -> int:
    apis = read_table(root).apis
    commit = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if commit is None:
        raise spec.SpecError(f"{revision!r} is not a git revision")
    before = {api.name: _git(root, "show", f"{commit.strip()}:./{api.description}") for api in apis}
    if not any(before.values()):
        raise spec.SpecError(f"there is no {' and no '.join(api.description for api in apis)} at {revision}")
    breaks = False
    for api in apis:
        if len(apis) > 1:
            print(f"{api.name} ({api.description})")
        text = before[api.name]
        if text is None:
            print("A new API.")
            continue
        new = spec.load((root / api.description).read_text(encoding="utf-8"), api.description)
        changes = diff.diff(spec.load(text, f"{api.description} at {revision}"), new)
        print(diff.report(changes))
        breaks = breaks or any(change.breaking for change in changes)
    return 1 if breaks else 0


def _git(root: Path, *arguments: str) -> str | None:
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, check=False)
    return None if done.returncode else done.stdout.decode()


if __name__ == "__main__":
    sys.exit(main())
