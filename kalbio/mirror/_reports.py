"""What is told of a mirror."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import attrs


@attrs.frozen
class FileOutcome:
    """What became of the download of one file.

    Attributes:
        file_id: its id.
        name: its name, where it has one.
        path: where its content is now; None when it could not be downloaded.
        error: why not. The next refresh tries again.
    """

    file_id: str
    name: str | None
    path: str | None = None
    error: Exception | None = None


@attrs.frozen
class Refreshed:
    """What a refresh has done.

    Attributes:
        records: how many records the mirror has.
        read: how many of them were read, because they are new or may have changed.
        removed: how many were taken out.
        full: whether everything was read anew.
        not_permitted: lists that the credentials may not read: their tables are empty; without `events`, what only
            these tell is found by the next full copy.
        files: the files that were downloaded, and those that could not be, with `files=True`; not those that were
            there already.
    """

    records: int
    read: int
    removed: int
    full: bool
    not_permitted: Sequence[str] = ()
    files: Sequence[FileOutcome] = ()

    def __str__(self) -> str:
        kind = "a full copy" if self.full else "those that may have changed"
        text = f"{self.records:,} records: {self.read:,} read ({kind}), {self.removed:,} taken out"
        text += f"; may not read {', '.join(self.not_permitted)}" if self.not_permitted else ""
        failed = sum(one.error is not None for one in self.files)
        came = len(self.files) - failed
        text += f"; {came:,} file{'' if came == 1 else 's'} downloaded" if self.files else ""
        return text + (f", {failed:,} not" if failed else "")


@attrs.frozen
class MirrorStatus:
    """What a mirror holds.

    Attributes:
        target: where it is.
        workspace: the name of the workspace, or its id.
        refreshed_at: when the last refresh began: what was written later is not in it.
        full_at: when the last full copy began: what events and searches do not tell is as old as that.
        history: whether `values` has all values that were ever written, with their authors.
        rows: the tables, and the number of their rows.
        not_permitted: lists that the credentials may not read: their tables are empty; without `events`, what only
            these tell is found by the next full copy.
        unfinished: whether a refresh has broken off; the next one goes on where it can.
    """

    target: str
    workspace: str
    refreshed_at: datetime
    full_at: datetime
    history: bool
    rows: Mapping[str, int]
    not_permitted: Sequence[str]
    unfinished: bool
