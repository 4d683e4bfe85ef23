"""Mirrors, read. No network."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import Any

from kalbio._core.argument_errors import ArgumentError
from kalbio._model.errors import MirrorError
from kalbio.mirror._reports import MirrorStatus
from kalbio.mirror._store import literal, quoted
from kalbio.mirror._targets import Target


def connect(target: str | os.PathLike[str]) -> Any:
    """Open a mirror to read it."""
    import duckdb

    mirror = Target(target)
    _known(mirror)
    # Attached, not opened: a file that is open already would be shared, and show the state it had then.
    db = duckdb.connect()
    db.execute(f"attach {literal(str(mirror.store_path))} as mirror (read_only); use mirror; set TimeZone = 'UTC'")
    return db


def status(target: str | os.PathLike[str]) -> MirrorStatus:
    """Return what is known of a mirror."""
    mirror = Target(target)
    state = _known(mirror)
    with connect(target) as db:
        names = [name for (name,) in db.execute(
            "select view_name from duckdb_views() where schema_name = 'main' and database_name = 'mirror' order by 1"
        ).fetchall()]  # fmt: skip
        rows = {name: db.execute(f"select count(*) from main.{quoted(name)}").fetchall()[0][0] for name in names}
    return MirrorStatus(
        target=mirror.given,
        workspace=state["workspace_name"] or state["workspace"] or "",
        refreshed_at=datetime.fromisoformat(state["since"]),
        full_at=datetime.fromisoformat(state["full_at"]),
        history=state["history"],
        rows=rows,
        not_permitted=tuple(state["not_permitted"]),
        unfinished=mirror.is_unfinished or (mirror.parquet is not None and not mirror.parquet.shows(state["versions"])),
    )


def folder(target: str | os.PathLike[str]) -> Path:
    """Return the folder of the newest state."""
    mirror = Target(target)
    if mirror.parquet is None:
        raise ArgumentError(f"{mirror.path} is a mirror in one file; give the folder of one of Parquet, such as 'lab/'")
    _known(mirror)
    newest = mirror.parquet.newest()
    if newest is None:
        raise _no_mirror(mirror)
    return newest


def _known(mirror: Target) -> dict[str, Any]:
    state = mirror.state()
    if state is None:
        raise _no_mirror(mirror)
    return state


def _no_mirror(mirror: Target) -> MirrorError:
    return MirrorError(f"There is no mirror {mirror.given}; kalbio mirror sync {mirror.given} makes it")
