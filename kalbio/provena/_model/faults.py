"""What is wrong with data: all of it, part by part, instead of the first that is found."""

from __future__ import annotations

from types import TracebackType
from typing import Self


class Faults:
    """Collects the errors of parts of data.

    Use as `with faults.of("start_time"): ...`: a ValueError or a TypeError inside ends the block, and is kept.

    Attributes:
        found: pairs of a part and what is wrong with it.
    """

    def __init__(self) -> None:
        self.found: list[tuple[str, ValueError | TypeError]] = []

    def of(self, part: str) -> _Kept:
        """Keep the error of a block as that of this part."""
        return _Kept(self, part)

    def __contains__(self, part: object) -> bool:
        return any(part == one for one, _ in self.found)

    def __bool__(self) -> bool:
        return bool(self.found)

    def raise_first(self) -> None:
        """Raise the first error, with all others as notes; nothing when there is none."""
        if not self.found:
            return
        (_, first), *others = self.found
        for part, error in others:
            first.add_note(f"also {told(part, error)}")
        raise first


class _Kept:
    def __init__(self, faults: Faults, part: str) -> None:
        self._faults = faults
        self._part = part

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        if not isinstance(error, ValueError | TypeError):
            return False
        self._faults.found.append((self._part, error))
        return True


def told(part: str, error: Exception) -> str:
    """Return what is wrong with a part, which the text of most errors names."""
    text = str(error)
    return text if part in text else f"{part}: {text}"
