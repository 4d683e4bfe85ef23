"""The command line behind scripts/regenerate."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from . import derive, diff, spec
from .generate import PACKAGE, generate
from .output import is_intact

ROOT = Path(__file__).resolve().parents[2]


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """Runs one of the three modes and returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="scripts/regenerate",
        description="Rebuild generated/ from openapi.yaml and the sync modules from their async sources.",
    )
    modes = parser.add_mutually_exclusive_group()
    modes.add_argument("--check", action="store_true", help="change nothing; fail and name the files that drifted")
    modes.add_argument("--diff", metavar="REV", help="tell how the API differs from that git revision; 1 if it breaks")
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
    with tempfile.TemporaryDirectory() as directory:
        scratch = Path(directory)
        (scratch / "generated").mkdir()
        description = spec.load((root / "openapi.yaml").read_text(encoding="utf-8"))
        generate(description, scratch / "generated" / PACKAGE)
        derive.derive_all(root, scratch)
        return {name: (scratch / name).read_bytes() for name in _files(scratch)}


def drift(root: Path, expected: dict[str, bytes]) -> dict[str, str]:
    """What happened to each file that is not as expected, by its path."""
    found = {}
    for name in sorted({*expected, *_files(root)}):
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


def _files(root: Path) -> list[str]:
    """The files below root that are made by this script, or lie where only such files may lie."""
    generated = [path for path in (root / "generated").rglob("*") if path.is_file() and path.suffix != ".pyc"]
    return sorted(path.relative_to(root).as_posix() for path in [*generated, *derive.derived_files(root)])


def _check(root: Path, expected: dict[str, bytes]) -> int:
    drifted = drift(root, expected)
    for name, what in drifted.items():
        print(f"{name}: {what}")
    if drifted:
        print("Run scripts/regenerate; change openapi.yaml or the async source, not these files.", file=sys.stderr)
    return 1 if drifted else 0


def _write(root: Path, expected: dict[str, bytes]) -> int:
    changed = drift(root, expected)
    for name in changed:
        path = root / name
        if not name.startswith("generated/") and path.is_file() and not derive.is_derived(path):
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
    new = spec.load((root / "openapi.yaml").read_text(encoding="utf-8"))
    commit = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if commit is None:
        raise spec.SpecError(f"{revision!r} is not a git revision")
    text = _git(root, "show", f"{commit.strip()}:./openapi.yaml")
    if text is None:
        raise spec.SpecError(f"there is no openapi.yaml at {revision}")
    changes = diff.diff(spec.load(text), new)
    print(diff.report(changes))
    return 1 if any(change.breaking for change in changes) else 0


def _git(root: Path, *arguments: str) -> str | None:
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, check=False)
    return None if done.returncode else done.stdout.decode()


if __name__ == "__main__":
    sys.exit(main())
